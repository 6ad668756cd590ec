"""Lengths of time as users write them: `10d`, `24h`, `90min`, or a plain number of rows."""

import re

from rdrop_cli.errors import UsageError

# A month is a twelfth of the mean year: of monthly readings, and of none by days, a year is a whole number.
UNIT_SECONDS = {"y": 31_556_952, "mo": 2_629_746, "d": 86_400, "h": 3_600, "min": 60, "s": 1}


def parse_rows(option: str, text: str, sampling_seconds: float) -> int:
    """Return a length in rows of a series with one reading every `sampling_seconds`.

    Raises:
        UsageError: it is no length, or not a whole number of rows.
    """
    match = re.fullmatch(r"(\d{1,9})(y|mo|d|h|min|s|ms)?", text.strip())
    if not match:
        raise UsageError(f"{option}: expected a length such as 10d, 24h, 90min or a number of rows, received {text!r}")
    number, unit = int(match[1]), match[2]
    if unit is None:
        return number
    seconds = number / 1000 if unit == "ms" else number * UNIT_SECONDS[unit]
    return count_rows(option, text, seconds, sampling_seconds)


def count_rows(option: str, length: str, seconds: float, sampling_seconds: float) -> int:
    """Return the rows that `seconds`, which the user knows as `length`, take up.

    Raises:
        UsageError: they are not a whole number.
    """
    rows = round(seconds / sampling_seconds) if sampling_seconds > 0 else 0
    if abs(rows * sampling_seconds - seconds) > 1e-6 or sampling_seconds <= 0:
        apart = format_seconds(sampling_seconds)
        raise UsageError(f"{option}: {length} is no whole number of readings, which are {apart} apart")
    return rows


def format_seconds(seconds: float) -> str:
    """Render a length in the largest unit of which it is a whole number, one day as hours: `10 min`, `24 h`, `7 d`."""
    if seconds != round(seconds):
        return f"{seconds:g} s" if seconds >= 1 else f"{seconds * 1000:g} ms"
    whole = round(seconds)
    unit = next(unit for unit, length in UNIT_SECONDS.items() if (whole and not whole % length) or unit == "s")
    return "24 h" if whole == UNIT_SECONDS["d"] else f"{whole // UNIT_SECONDS[unit]} {unit}"
