"""What tells wrong usage from a failure, and what is an option in a message."""

import re
from pathlib import Path

from rdrop_cli import errors
from rdrop_cli.cli.app import build_commands
from rdrop_cli.cli.defaults import name_flag
from rdrop_cli.errors import OPTIONS, DataError, RdropError, UsageError, name_options

TAGS = {"table", "td", "th", "tr"}


def test_wrong_usage_ends_with_two_and_every_other_failure_with_one() -> None:
    assert (RdropError.exit_code, DataError.exit_code, UsageError.exit_code) == (1, 1, 2)


def test_one_except_clause_catches_all_of_them() -> None:
    assert issubclass(DataError, RdropError)
    assert issubclass(UsageError, RdropError)
    assert not issubclass(DataError, UsageError)


def test_what_users_write_in_angle_brackets_is_no_option() -> None:
    told = DataError("prices.csv has no column '<opn>'; did you mean '<open>'? name it with <time>")
    assert told.describe(lambda name, _: f"--{name}").endswith("'<opn>'; did you mean '<open>'? name it with --time")


def test_every_option_that_messages_name_is_written_as_one() -> None:
    sources = Path(errors.__file__).parent.rglob("*.py")
    named = {name for path in sources for name in re.findall(r"<([a-z_]{2,})>", path.read_text(encoding="utf-8"))}
    for name in named - TAGS:
        assert name_options(f"<{name}>", lambda name, _: f"--{name}") == f"--{name}"


def test_every_option_that_messages_may_name_is_one_of_a_command() -> None:
    flags = {flag for command in build_commands().commands.values() for each in command.params for flag in each.opts}
    assert [name for name in OPTIONS if name_flag(name, "") not in flags] == []
