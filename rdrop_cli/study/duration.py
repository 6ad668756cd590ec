"""Lengths of time as users write them: `10d`, `24h`, `90min`, or a plain number of rows."""

import re

from rdrop_cli.errors import UsageError

UNIT_SECONDS = {"d": 86_400, "h": 3_600, "min": 60, "s": 1}


def parse_rows(option: str, text: str, sampling_seconds: int) -> int:
    """Return a length in rows of a series with one reading every `sampling_seconds`.

    Raises:
        UsageError: it is no length, or not a whole number of rows.
    """
    match = re.fullmatch(r"(\d{1,9})(d|h|min|s)?", text.strip())
    if not match:
        raise UsageError(f"{option}: expected a length such as 10d, 24h, 90min or a number of rows, received {text!r}")
    number, unit = int(match[1]), match[2]
    if unit is None:
        return number
    return count_rows(option, text, number * UNIT_SECONDS[unit], sampling_seconds)


def count_rows(option: str, length: str, seconds: int, sampling_seconds: int) -> int:
    """Return the rows that `seconds`, which the user knows as `length`, take up.

    Raises:
        UsageError: they are not a whole number.
    """
    if sampling_seconds <= 0 or seconds % sampling_seconds:
        apart = format_seconds(sampling_seconds)
        raise UsageError(f"{option}: {length} is no whole number of readings, which are {apart} apart")
    return seconds // sampling_seconds


def format_seconds(seconds: int) -> str:
    """Render a length in the largest unit of which it is a whole number, one day as hours: `10 min`, `24 h`, `7 d`."""
    unit = next(unit for unit, length in UNIT_SECONDS.items() if (seconds and not seconds % length) or unit == "s")
    return "24 h" if seconds == UNIT_SECONDS["d"] else f"{seconds // UNIT_SECONDS[unit]} {unit}"
