"""What tells wrong usage from a failure, and what is an option in a message."""

import re
from pathlib import Path

from rdrop_cli import errors
from rdrop_cli.errors import DataError, RdropError, UsageError

TAGS = {"table", "td", "th", "tr"}


def test_wrong_usage_ends_with_two_and_every_other_failure_with_one() -> None:
    assert (RdropError.exit_code, DataError.exit_code, UsageError.exit_code) == (1, 1, 2)


def test_one_except_clause_catches_all_of_them() -> None:
    assert issubclass(DataError, RdropError)
    assert issubclass(UsageError, RdropError)
    assert not issubclass(DataError, UsageError)


def test_what_users_write_in_angle_brackets_is_no_option() -> None:
    told = DataError("prices.csv has no column '<tim>'; it has <time>, <open>; name it with ‹time›")
    assert told.describe(lambda name, _: f"--{name}").endswith("'<tim>'; it has <time>, <open>; name it with --time")


def test_messages_name_options_in_one_way() -> None:
    sources = Path(errors.__file__).parent.rglob("*.py")
    tags = {name for path in sources for name in re.findall(r"(?<!`)<([a-z_]{2,})>", path.read_text(encoding="utf-8"))}
    assert tags <= TAGS, "an option is written as ‹name›"
