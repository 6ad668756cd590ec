"""Parse timestamps in common notations: the values decide on one order of day and month for the complete column."""

import datetime
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, cast

import numpy as np
import numpy.typing as npt

from rdrop_cli.errors import DataError, ValueRefusedError
from rdrop_cli.series.csv.time_formats import (
    DAY_FIRST,
    ISO,
    MONTH_FIRST,
    QUARTER,
    QUARTER_PATTERN,
    WEEK,
    WEEK_PATTERN,
    YEAR,
    YEAR_NAMES,
    find_format,
    is_ambiguous,
    list_beside,
)
from rdrop_cli.series.table import name_row

if TYPE_CHECKING:
    import pandas as pd

_MIDNIGHT_24 = re.compile(r"([T ])24((?:[:.]00){0,2}|00)$")
_ENDS_IN_HOUR = re.compile(rf"^{ISO}$|%H[%MS0:.]*$")  # formats of which a text may end in 24:00
FIRST, LAST = np.datetime64("0001-01-01T00:00:00", "us"), np.datetime64("9999-12-31T23:59:59", "us")


class TimestampColumn:
    """Reads a column in pieces, in each order of day and month that is still possible.

    Args:
        label: the name of the file in errors.
        name: the name of the column.
        date_format: the format that the user names; empty to determine it from the values.
        counted: what the numbers of `add` count, such as `line`.
    """

    def __init__(self, label: str, name: str, date_format: str = "", counted: str = "line") -> None:
        self._label, self._name, self._given, self._counted = label, name, date_format, counted
        self._formats: dict[str, list[str]] = {DAY_FIRST: [], MONTH_FIRST: []}
        self._pieces: dict[str, list[npt.NDArray[np.datetime64]]] = {DAY_FIRST: [], MONTH_FIRST: []}
        self._faults: dict[str, tuple[int, str]] = {}
        self._ambiguous: str | None = None
        # The first timestamp with an offset, and the first without.
        self._examples: dict[str, dict[bool, str]] = {DAY_FIRST: {}, MONTH_FIRST: {}}

    @property
    def zoned(self) -> bool:
        """Whether timestamps have an offset, or count from a time in UTC."""
        return True in self._examples[next(iter(self._pieces))]

    @property
    def formats(self) -> str:
        """The formats that were found, joined by commas."""
        return ", ".join(next(iter(self._formats.values()))) or self._given

    def add(self, texts: Sequence[str], lines: Sequence[int]) -> None:
        """Read timestamps.

        Raises:
            DataError: a text is not a timestamp; names its line.
        """
        if not self._formats[DAY_FIRST] and not self._given:
            self._ambiguous = next((text for text in texts if is_ambiguous(text)), None)
            if self._ambiguous is None:
                self._pieces.pop(MONTH_FIRST, None)
        for order in list(self._pieces):
            parsed, bad = self._parse(texts, order)
            if bad is None:
                self._pieces[order].append(parsed)
            else:
                self._faults[order] = (lines[bad], texts[bad])
                del self._pieces[order]
        if not self._pieces:
            self._refuse()

    def finish(self) -> npt.NDArray[np.datetime64]:
        """Return all timestamps (row,) in microseconds, in UTC if they have an offset.

        Raises:
            DataError: the order of day and month is ambiguous, or only some timestamps have an offset.
        """
        found = [np.concatenate(pieces) for pieces in self._pieces.values()]
        if len(found) == 2 and not np.array_equal(found[0], found[1]):
            formats = [self._formats[order][0] for order in self._pieces]
            raise DataError(
                f"{self._label}: column {self._name!r}: {str(self._ambiguous)[:40]!r} can be read in two ways, and "
                f"no value tells in which; say so with ‹date_format› '{formats[0]}' or '{formats[1]}'"
            )
        examples = self._examples[next(iter(self._pieces))]
        if len(examples) == 2:
            raise DataError(
                f"{self._label}: column {self._name!r}: {examples[True][:40]!r} tells its time in UTC, and "
                f"{examples[False][:40]!r} has no offset; write one to each timestamp, or to none"
            )
        self._formats = {order: self._formats[order] for order in self._pieces}
        if not self._given and "%y" in self.formats and len(found[0]):
            self._refuse_future(found[0].max())
        return found[0]

    def _refuse_future(self, last: np.datetime64) -> None:
        """Refuse years of two digits that are read as future ones, 2050 instead of 1950, unless the user says so."""
        if last > np.datetime64("now") + np.timedelta64(366, "D"):
            raise DataError(
                f"{self._label}: column {self._name!r}: years of two digits are read as 1969 to 2068, here up to "
                f"{str(last)[:4]}; write four digits, or say with ‹date_format› '{self.formats}' that these are meant"
            )

    def measure_share(self, texts: Sequence[str]) -> float:
        """Return the share of texts that are timestamps."""
        found, _ = self._parse(texts, DAY_FIRST)
        return float((~np.isnat(found)).mean())

    def _refuse(self) -> None:
        line, text = max(self._faults.values())
        expected = self._given or "a timestamp such as 2009-01-01 00:10 or 01.01.2009 00:10"
        advice = "correct it" if self._given else "name another form with ‹date_format›, or another column with ‹time›"
        raise DataError(
            f"{self._label}: {self._counted} {line}, column {self._name!r}: expected {expected}, "
            f"received {text[:40]!r}; {advice}"
        )

    def _parse(self, texts: Sequence[str], order: str) -> tuple[npt.NDArray[np.datetime64], int | None]:
        """Return the timestamps, and the index of the first text that is not a timestamp, or None."""
        import pandas as pd

        column = pd.Series(list(texts), dtype=object).str.strip()
        is_as_given = bool(self._given) and not np.isnat(_convert(column[:1], self._given)[0]).any()
        for pattern, replacement in () if is_as_given else list_beside("\n".join(texts)):
            column = column.str.replace(pattern, replacement, regex=True)
        days = np.zeros(len(column), "timedelta64[us]")
        if not self._given or _ENDS_IN_HOUR.search(self._given):
            column, days = _turn_midnight(column)
        found = np.full(len(column), np.datetime64("NaT", "us"))
        left, untried, tried = np.arange(len(column)), self._list_known(order), set[str]()
        while len(left):
            form = untried.pop(0) if untried else self._find_format(column.iloc[left[0]], order)
            if form is None or form in tried or (self._given and form != self._given):
                return found, int(left[0])
            tried.add(form)
            found[left], zoned = _convert(column.iloc[left], form)
            read = ~np.isnat(found[left])
            for kind in (True, False):
                if (of_kind := left[read & (zoned == kind)]).size:
                    self._examples[order].setdefault(kind, str(column.iloc[of_kind[0]]))
            if read.any() and form not in self._formats[order]:
                self._formats[order].append(form)
            left = left[~read]
        outside = (found < FIRST) | (found > LAST)
        return found + days, int(outside.argmax()) if outside.any() else None

    def _find_format(self, text: str, order: str) -> str | None:
        is_year = self._name.strip().lower() in YEAR_NAMES and re.fullmatch(r"[12]\d{3}", text)
        return YEAR if is_year else find_format(text, order)

    def _list_known(self, order: str) -> list[str]:
        return [self._given] if self._given else list(self._formats[order])


def _convert(texts: "pd.Series[str]", form: str) -> tuple[npt.NDArray[np.datetime64], npt.NDArray[np.bool_]]:
    """Return the timestamps of texts in one format, NaT for others, and which have an offset or count from UTC."""
    import pandas as pd

    if form.startswith("epoch"):
        numbers = pd.to_numeric(texts.where(texts.str.fullmatch(r"\d+(\.\d*)?")), errors="coerce")
        parsed = pd.to_datetime(numbers, unit=cast(Literal["s"], form[6:]), errors="coerce", utc=True)
        zoned = np.ones(len(texts), bool)
    elif form in (QUARTER, WEEK):
        first_days = texts.map(_find_first_day_of_quarter if form == QUARTER else _find_day_of_week)
        parsed = pd.to_datetime(first_days, format="%Y-%m-%d", errors="coerce", utc=True)
        zoned = np.zeros(len(texts), bool)
    else:
        try:
            parsed = pd.to_datetime(texts, format=form, errors="coerce", utc=True)
        except (ValueError, re.error) as error:  # only the user's format can be invalid
            raise ValueRefusedError("date_format", form, "a form such as %d.%m.%Y %H:%M", str(error)) from error
        zone = r"[T ]\d{2}:\d{2}.*(?:Z|[+-]\d{2}:?\d{2})$"
        zoned = texts.str.contains(zone).to_numpy(bool) if form == ISO else np.full(len(texts), "%z" in form.lower())
    return parsed.to_numpy("datetime64[us]"), zoned


def _find_day_of_week(text: str) -> str:
    """Return the Monday of an ISO week, `1990-01-29` for `1990-W05`, or the day named in it; empty for other texts."""
    week = WEEK_PATTERN.fullmatch(text)
    try:
        return datetime.date.fromisocalendar(int(week[1]), int(week[2]), int(week[3] or 1)).isoformat() if week else ""
    except ValueError:  # not every year has a week 53
        return ""


def _find_first_day_of_quarter(text: str) -> str:
    """Return the first day of a quarter, `1990-04-01` for `1990Q2`; empty for other texts."""
    quarter = QUARTER_PATTERN.fullmatch(text)
    return f"{quarter[1]}-{3 * int(quarter[2]) - 2:02}-01" if quarter else ""


def _turn_midnight(texts: "pd.Series[str]") -> tuple["pd.Series[str]", npt.NDArray[np.timedelta64]]:
    """Replace `24:00` by `00:00`; return the texts, and the days to add to each."""
    late = texts.str.contains(r"[T ]24(?:(?:[:.]00){0,2}|00)$", regex=True).to_numpy(bool)
    days = np.where(late, np.timedelta64(1, "D"), np.timedelta64(0, "D")).astype("timedelta64[us]")
    if late.any():
        texts = texts.where(~late, texts.str.replace(_MIDNIGHT_24, r"\g<1>00\g<2>", regex=True))
    return texts, days


def localise(
    label: str, naive: npt.NDArray[np.datetime64], timezone: str, lines: npt.NDArray[np.int64]
) -> npt.NDArray[np.datetime64]:
    """Convert local times to UTC; an hour that occurs twice is resolved by the order of its rows.

    Raises:
        DataError: a time does not exist in the zone, or an hour that occurred twice is in the file once.
    """
    import pandas as pd

    index = pd.DatetimeIndex(naive)
    gone = index.tz_localize(timezone, ambiguous=np.ones(len(index), bool), nonexistent="NaT").isna()
    if gone.any():
        row = int(gone.argmax())
        raise DataError(
            f"{label}: {name_row(lines, row)}: {naive[row].astype('datetime64[s]')} does not exist in {timezone}, "
            "where clocks were put forward; name the right ‹timezone›, or leave the option out"
        )
    try:
        local = index.tz_localize(timezone, ambiguous="infer")
    except ValueError as error:
        raise DataError(
            f"{label}: an hour that comes twice in {timezone}, where clocks are put back, cannot be told apart "
            f"({str(error)[:80]}); leave ‹timezone› out, or correct the file"
        ) from error
    return local.tz_convert("UTC").tz_localize(None).to_numpy().astype("datetime64[us]")
