"""Stamps in the forms that need no guessing; one form for the whole file."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import pandas as pd

PUBLISHED_FORMATS = ("%d.%m.%Y %H:%M:%S", "ISO8601")  # the station's, and that of a table written anew
OWN_FORMATS = (*PUBLISHED_FORMATS, "%d.%m.%Y %H:%M", "%d.%m.%Y")
FIRST_STAMP, LAST_STAMP = np.datetime64("0001-01-01T00:00:00", "s"), np.datetime64("9999-12-31T23:59:59", "s")
EPOCH = "seconds since 1970"  # only where the user says that a column of numbers holds stamps
# From 1973 to 2030: ten digits from 19 on are dates such as 2014010100, written without a separator.
_EPOCH_SECONDS = r"[1-9]\d{8}|1[0-8]\d{8}"


def find_format(text: str, formats: Sequence[str]) -> str | None:
    """Return the first of the formats that a text has."""
    return next((form for form in formats if not _parse([text], form).isna().any()), None)


def parse_stamps(
    texts: npt.NDArray[np.object_], formats: Sequence[str]
) -> tuple[npt.NDArray[np.datetime64], npt.NDArray[np.bool_]]:
    """Return stamps (row,) as datetime64[s], in UTC where a zone is named, and which rows have none.

    The first row chooses the format for all. Years have four digits, as everywhere in Python.
    """
    parsed = _parse(texts, find_format(texts[0], formats) or formats[-1])
    stamps = parsed.to_numpy("datetime64[s]")
    return stamps, parsed.isna().to_numpy() | (stamps < FIRST_STAMP) | (stamps > LAST_STAMP)


def _parse(texts: npt.NDArray[np.object_] | Sequence[str], form: str) -> "pd.Series[pd.Timestamp]":
    import pandas as pd

    series = pd.Series(texts, dtype=object)
    if form == EPOCH:
        seconds = series.where(series.str.fullmatch(_EPOCH_SECONDS))
        return pd.to_datetime(pd.to_numeric(seconds), unit="s", errors="coerce", utc=True)
    return pd.to_datetime(series, format=form, errors="coerce", utc=True)
