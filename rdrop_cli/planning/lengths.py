"""Convert lengths and splits, which users write as times, rows, shares or dates, to rows of a series."""

import re
from collections.abc import Sequence
from datetime import datetime
from fractions import Fraction

import numpy as np

from rdrop_cli.errors import UsageError, ValueRefusedError
from rdrop_cli.series.table import Series
from rdrop_cli.study.units import STAMP, UNIT_SECONDS, format_seconds, format_stamp

MOST_HORIZONS = 1000  # of one network: more is probably a typing error


def parse_rows(field: str, text: str, sampling_seconds: float) -> int:
    """Return `10d`, `24h`, `90min` or a number of rows in rows of a series with a reading every `sampling_seconds`.

    Raises:
        UsageError: the text is not a length, or not a whole number of rows.
    """
    match = re.fullmatch(r"(\d{1,9})(y|mo|d|h|min|s|ms)?", text.strip())
    if not match:
        raise ValueRefusedError(field, text, "a length such as 10d, 24h, 90min or a number of rows")
    number, unit = int(match[1]), match[2]
    if unit is None:
        return number
    seconds = number / 1000 if unit == "ms" else number * UNIT_SECONDS[unit]
    return count_rows(field, text, seconds, sampling_seconds)


def parse_horizons(text: str, sampling_seconds: float) -> tuple[int, ...]:
    """Return `24h`, `6h,12h,24h`, `1h..24h` or `6h..24h/1h` in rows of a series, ascending, each once.

    `1h..24h` stands for the multiples of the first length up to the last; a length after `/` sets another step.

    Raises:
        UsageError: the text has another form or too many horizons, or a length is not a whole number of rows.
    """
    parts = [_expand_horizons(part, sampling_seconds) for part in text.split(",")]
    if sum(map(len, parts)) > MOST_HORIZONS:
        raise ValueRefusedError("horizon", text, f"at most {MOST_HORIZONS} horizons")
    return tuple(sorted(set().union(*parts)))


def _expand_horizons(text: str, sampling_seconds: float) -> Sequence[int]:
    """Return the rows of one horizon, or of a range of them."""
    lengths = re.fullmatch(r"(.*?)\.\.(.*?)(?:/(.*))?", text.strip())
    if not lengths:
        return (parse_rows("horizon", text, sampling_seconds),)
    first, last, step = (parse_rows("horizon", each or lengths[1], sampling_seconds) for each in lengths.groups())
    if not (1 <= first < last and step):
        raise ValueRefusedError("horizon", text, "a range such as 1h..24h or 6h..24h/1h, the nearest first")
    if (last - first) % step:
        raise ValueRefusedError("horizon", text, "a range that ends a whole number of its steps after its beginning")
    return range(first, last + 1, step)


def count_rows(field: str, length: str, seconds: float, sampling_seconds: float) -> int:
    """Return the number of rows in `seconds`, which errors call `length`.

    Raises:
        UsageError: it is not a whole number.
    """
    rows = round(seconds / sampling_seconds) if sampling_seconds > 0 else 0
    if sampling_seconds <= 0 or abs(rows * sampling_seconds - seconds) > 1e-6:
        apart = format_seconds(sampling_seconds)
        raise UsageError(f"{length} is not a whole number of readings, which are {apart} apart", field=field)
    return rows


def parse_split(field: str, text: str, series: Series) -> int:
    """Return the row of `200000`, `0.5`, `50%`, `2014-01-01` or `2014-01-01 12:00`, the first at or after a date.

    Raises:
        UsageError: the text has another form, or the row is outside the series.
    """
    row = _find_row(text.strip(), series)
    if row is None:
        expected = "a row, a fraction such as 0.5 or 50% of four digits at most, or a date such as 2014-01-01"
        raise ValueRefusedError(field, text, expected, f"{series.source.name} has {describe_extent(series)}")
    if not 0 < row < len(series.timestamps):
        raise UsageError(f"{text} is not within {series.source.name}, which has {describe_extent(series)}", field=field)
    return row


def parse_fraction(text: str) -> Fraction | None:
    """Return the exact fraction for `0.5` or `50%`, with at most four decimals of it; None for other texts."""
    if re.fullmatch(r"0?\.\d{1,4}", text):
        return Fraction(text)
    if re.fullmatch(r"(?:100|\d{1,2}(?:\.\d{1,2})?)\s?%", text):
        return Fraction(text.rstrip("% ")) / 100
    return None


def describe_extent(series: Series) -> str:
    """Return the extent of a series: `8760 rows from 2013-01-01 00:00 to 2013-12-31 23:00`."""
    first, last = format_stamp(series.timestamps[0]), format_stamp(series.timestamps[-1])
    return f"{len(series.timestamps)} rows from {first} to {last}"


def _find_row(text: str, series: Series) -> int | None:
    """Return the row that a text names, or None; for a date after the last row, return the length of the series."""
    fraction = parse_fraction(text)
    if fraction is not None:
        return int(len(series.timestamps) * fraction)
    if re.fullmatch(r"\d{1,9}", text):
        return int(text)
    return _find_date(text, series) if re.fullmatch(STAMP, text) else None


def _find_date(text: str, series: Series) -> int | None:
    try:
        date = datetime.fromisoformat(text)
    except ValueError:  # such as 30 February
        return None
    late_enough = series.timestamps >= np.datetime64(date, "us")
    return int(late_enough.argmax()) if late_enough.any() else len(series.timestamps)
