"""Where training and validation stop, as users write it: a row, a fraction of the series, or a date."""

import re
from datetime import datetime
from fractions import Fraction

from rdrop_cli.errors import UsageError
from rdrop_cli.study.extent import Extent

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}(?:[ T]\d{2}:\d{2}(?::\d{2})?)?")


def parse_split(option: str, text: str, extent: Extent) -> int:
    """Return the row of `200000`, `0.5`, `50%`, `2014-01-01` or `2014-01-01 12:00`; of a date the first not before it.

    Raises:
        UsageError: it is none of these, or lies outside the series.
    """
    row = _find_row(text.strip(), extent)
    if row is None:
        expected = "a row, a fraction such as 0.5 or 50%, or a date such as 2014-01-01"
        raise UsageError(f"{option}: expected {expected}, received {text!r}; {extent.name} has {extent}")
    if not 0 < row < extent.rows:
        raise UsageError(f"{option}: {text} is not within {extent.name}, which has {extent}")
    return row


def parse_fraction(text: str) -> Fraction | None:
    """Return the fraction that `0.5` or `50%` is, with at most four digits after its point; None for other texts."""
    if re.fullmatch(r"0?\.\d{1,4}", text):
        return Fraction(text)
    if re.fullmatch(r"\d{1,2}(?:\.\d{1,2})?\s?%", text):
        return Fraction(text.rstrip("% ")) / 100
    return None


def _find_row(text: str, extent: Extent) -> int | None:
    """Return the row that a text names, `extent.rows` for a date after the last; None where it names none."""
    fraction = parse_fraction(text)
    if fraction is not None:
        return int(extent.rows * fraction)
    if re.fullmatch(r"\d{1,9}", text):
        return int(text)
    return _find_date(text, extent) if _DATE.fullmatch(text) else None


def _find_date(text: str, extent: Extent) -> int | None:
    import numpy as np

    try:
        date = datetime.fromisoformat(text)
    except ValueError:  # the thirtieth of February
        return None
    late_enough = extent.stamps >= np.datetime64(date, "s")
    return int(late_enough.argmax()) if late_enough.any() else extent.rows
