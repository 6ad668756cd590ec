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
    seconds = number * UNIT_SECONDS[unit]
    if sampling_seconds <= 0 or seconds % sampling_seconds:
        raise UsageError(f"{option}: {text} is no whole number of readings, which are {sampling_seconds} s apart")
    return seconds // sampling_seconds
