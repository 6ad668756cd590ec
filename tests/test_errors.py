"""What tells wrong usage from a failure."""

from rdrop_cli.errors import DataError, RdropError, UsageError


def test_wrong_usage_ends_with_two_and_every_other_failure_with_one() -> None:
    assert (RdropError.exit_code, DataError.exit_code, UsageError.exit_code) == (1, 1, 2)


def test_one_except_clause_catches_all_of_them() -> None:
    assert issubclass(DataError, RdropError)
    assert issubclass(UsageError, RdropError)
    assert not issubclass(DataError, UsageError)
