"""Parse timestamps in common notations: the values decide on one order of day and month for the complete column."""

import datetime
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Literal, cast

import numpy as np
import numpy.typing as npt

from rdrop_cli.errors import DataError, ValueRefusedError
from rdrop_cli.series.table import name_row

if TYPE_CHECKING:
    import pandas as pd

ISO, QUARTER, WEEK = "ISO8601", "quarter", "week"
YEAR, YEAR_MONTH, SHORT_DATE = "%Y", "%Y%m", "%y%m%d"
YEAR_NAMES = frozenset(("year", "yr", "yy", "yyyy", "jahr", "année", "annee", "año", "ano", "anno", "jaar"))
DAY_FIRST, MONTH_FIRST = "day first", "month first"
_DATES = (  # a pattern, and its format: one, or one per order
    (r"\d{4}-\d{1,2}-\d{1,2}", "%Y-%m-%d"),
    (r"\d{4}/\d{1,2}/\d{1,2}", "%Y/%m/%d"),
    (r"\d{4}\.\d{1,2}\.\d{1,2}", "%Y.%m.%d"),
    (r"\d{1,2}\.\d{1,2}\.\d{4}", "%d.%m.%Y"),
    (r"\d{1,2}\.\d{1,2}\.\d{2}", "%d.%m.%y"),
    (r"\d{1,2}/\d{1,2}/\d{4}", ("%d/%m/%Y", "%m/%d/%Y")),
    (r"\d{1,2}-\d{1,2}-\d{4}", ("%d-%m-%Y", "%m-%d-%Y")),
    (r"\d{1,2}/\d{1,2}/\d{2}", ("%d/%m/%y", "%m/%d/%y")),
    (r"\d{1,2}-[A-Za-z]{3}-\d{4}", "%d-%b-%Y"),
    (r"\d{1,2} [A-Za-z]{3} \d{4}", "%d %b %Y"),
    (r"\d{1,2} [A-Za-z]{4,9} \d{4}", "%d %B %Y"),
    (r"[A-Za-z]{3} \d{1,2}, \d{4}", "%b %d, %Y"),
    (r"[A-Za-z]{4,9} \d{1,2}, \d{4}", "%B %d, %Y"),
    (r"\d{8}", "%Y%m%d"),
    (r"[A-Za-z]{3} \d{4}", "%b %Y"),
    (r"[A-Za-z]{4,9} \d{4}", "%B %Y"),
    (r"\d{4}-\d{3}", "%Y-%j"),
    (r"\d{4}-\d{2}", "%Y-%m"),
    (r"\d{4}/\d{2}", "%Y/%m"),
    (r"\d{4}M\d{2}", "%YM%m"),
)
_TIMES = (
    (r"", ""),
    (r"\d{1,2}:\d{2}", "%H:%M"),
    (r"\d{1,2}:\d{2}:\d{2}", "%H:%M:%S"),
    (r"\d{1,2}:\d{2}:\d{2}\.\d+", "%H:%M:%S.%f"),
    (r"\d{1,2}:\d{2} ?[AaPp][Mm]", "%I:%M %p"),
    (r"\d{1,2}:\d{2}:\d{2} ?[AaPp][Mm]", "%I:%M:%S %p"),
    (r"\d{1,2}\.\d{2}", "%H.%M"),
    (r"\d{1,2}\.\d{2}\.\d{2}", "%H.%M.%S"),
    (r"\d{6}", "%H%M%S"),
    (r"\d{4}", "%H%M"),
    (r"\d{1,2}", "%H"),
)
_CLOCK = "|".join(pattern for pattern, _ in _TIMES[1:-3])
# A time of day, or an interval between two.
TIME_OF_DAY = re.compile(rf"(?:{_CLOCK})(?:\s*[-–]\s*(?:{_CLOCK}))?|\d\d\s[-–]\s\d\d")
_ZONE = r"(?:Z|[+-]\d{2}:?\d{2})"
_ISO = re.compile(rf"\d{{4}}-\d{{2}}-\d{{2}}(?:[T ]\d{{2}}:\d{{2}}(?::\d{{2}}(?:\.\d+)?)?{_ZONE}?)?")
_COMPACT = {8: "%Y%m%d", 10: "%Y%m%d%H", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}
_EPOCH_UNITS = {9: "s", 10: "s", 12: "ms", 13: "ms", 15: "us", 16: "us", 18: "ns", 19: "ns"}  # by digits: since 1973
_QUARTER = re.compile(r"(\d{4})[- ]?Q([1-4])")
_WEEK = re.compile(r"(\d{4})-?W(\d{2})(?:-?([1-7]))?")
_MIDNIGHT_24 = re.compile(r"([T ])24((?:[:.]00){0,2}|00)$")
_ENDS_IN_HOUR = re.compile(rf"^{ISO}$|%H[%MS0:.]*$")  # formats of which a text may end in 24:00
# The end of an interval, which is identified by its beginning: ` - 01.01.2020 01:00` after a time of day.
_END = re.compile(r"(?<=:\d\d)\s+[-–]\s+\d[\d.:/ -]*$|(?<=\s\d\d)\s[-–]\s\d\d$|/\d{4}-\d{2}-[\dT:.Z+ -]*$")
_DAY_OF_WEEK = re.compile(r"^(?:Mon|Tue|Tues|Wed|Wednes|Thu|Thurs|Fri|Sat|Satur|Sun)(?:day)?,? (?=\d|[A-Z])")
_NAME_OF_UTC = re.compile(r"(?<=:\d\d) ?(?:UTC|GMT)$")
_NAME_OF_ZONE = re.compile(r"(?<=[\dZ])\[[A-Za-z_/+-]+\]$")  # after the offset, as Java writes it
_BESIDE = ((_END, ""), (_DAY_OF_WEEK, ""), (_NAME_OF_ZONE, ""), (_NAME_OF_UTC, "Z"))
# What they contain, and most files lack: a dash between blanks, a slash before a year, letters other than T and Z.
_SIGN_OF_BESIDE = re.compile(r"\s[-–]\s|/\d{4}-|[A-SU-Ya-z]")
FIRST, LAST = np.datetime64("0001-01-01T00:00:00", "us"), np.datetime64("9999-12-31T23:59:59", "us")


@lru_cache(maxsize=10_000)
def find_format(text: str, order: str = DAY_FIRST) -> str | None:
    """Return the format of a timestamp: one for `strptime`, `ISO8601`, `quarter`, `week`, or `epoch` with its unit.

    For an interval, such as `01.01.2020 00:00 - 01.01.2020 01:00`, return the format of its beginning. Return None if
    the text is not a timestamp.
    """
    text = text.strip()
    for pattern, replacement in _list_beside(text):
        text = pattern.sub(replacement, text)
    if _ISO.fullmatch(text):
        return ISO
    if _QUARTER.fullmatch(text):
        return QUARTER
    if _WEEK.fullmatch(text):
        return WEEK
    if re.fullmatch(r"(1[89]|20)\d\d(0[1-9]|1[0-2])", text):
        return _find_short_format(text, order)
    if re.fullmatch(r"\d+(\.\d*)?", text):
        return _find_number_format(text)
    match = re.fullmatch(rf"(.*?)({_ZONE}?)", text)
    body, zone = (match[1].rstrip(), match[2]) if match and re.search(r":\d\d|\dT\d{4,6}$", match[1]) else (text, "")
    for date, date_format in _DATES:
        chosen = date_format if isinstance(date_format, str) else date_format[order == MONTH_FIRST]
        for time, time_format in _TIMES:
            found = re.fullmatch(rf"{date}({'[T ,:]+' if time else ''}){time}", body)
            if found:
                glue = found[1]
                return f"{chosen}{glue}{time_format}{'%z' if zone else ''}"
    return None


def _list_beside(text: str) -> tuple[tuple[re.Pattern[str], str], ...]:
    """Return the replacements that a text, or several joined ones, may need: nearly always none."""
    return _BESIDE if _SIGN_OF_BESIDE.search(text) else ()


def _find_short_format(text: str, order: str) -> str | None:
    """Return the format of six digits: `%Y%m` for `DAY_FIRST`, and `%y%m%d`, if it is a date, for `MONTH_FIRST`.

    Neither format depends on the order of day and month; the two orders keep both open until the values rule one out.
    """
    if order == DAY_FIRST:
        return YEAR_MONTH
    return SHORT_DATE if re.fullmatch(r"\d\d(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])", text) else None


def _find_number_format(text: str) -> str | None:
    whole = text.partition(".")[0]
    compact = _COMPACT.get(len(whole)) if whole == text else None
    if compact and re.match(r"(1[89]|20)\d\d(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])", whole):
        return compact
    unit = _EPOCH_UNITS.get(len(whole))
    return f"epoch {unit}" if unit and whole[0] != "0" else None


def is_ambiguous(text: str) -> bool:
    """Return whether the format of a timestamp depends on the order of day and month."""
    return find_format(text, DAY_FIRST) != find_format(text, MONTH_FIRST)


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
        self._examples: dict[bool, str] = {}  # the first timestamp with an offset, and the first without

    @property
    def zoned(self) -> bool:
        """Whether timestamps have an offset, or count from a time in UTC."""
        return True in self._examples

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
        if len(self._examples) == 2:
            raise DataError(
                f"{self._label}: column {self._name!r}: {self._examples[True][:40]!r} tells its time in UTC, and "
                f"{self._examples[False][:40]!r} has no offset; write one to each timestamp, or to none"
            )
        found = [np.concatenate(pieces) for pieces in self._pieces.values()]
        if len(found) == 2 and not np.array_equal(found[0], found[1]):
            formats = [self._formats[order][0] for order in self._pieces]
            raise DataError(
                f"{self._label}: column {self._name!r}: {str(self._ambiguous)[:40]!r} can be read in two ways, and "
                f"no value tells in which; say so with ‹date_format› '{formats[0]}' or '{formats[1]}'"
            )
        self._formats = {order: self._formats[order] for order in self._pieces}
        return found[0]

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
        for pattern, replacement in _list_beside("".join(texts)):
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
            found[left] = self._convert(column.iloc[left], form)
            read = ~np.isnat(found[left])
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

    def _convert(self, texts: "pd.Series[str]", form: str) -> npt.NDArray[np.datetime64]:
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
            zoned = texts.str.contains(zone).to_numpy(bool) if form == ISO else np.full(len(texts), "%z" in form)
        converted: npt.NDArray[np.datetime64] = parsed.to_numpy("datetime64[us]")
        for kind in (True, False):
            of_kind = np.flatnonzero(~np.isnat(converted) & (zoned == kind))
            if len(of_kind):
                self._examples.setdefault(kind, str(texts.iloc[of_kind[0]]))
        return converted


def _find_day_of_week(text: str) -> str:
    """Return the Monday of an ISO week, `1990-01-29` for `1990-W05`, or the day named in it; empty for other texts."""
    week = _WEEK.fullmatch(text)
    try:
        return datetime.date.fromisocalendar(int(week[1]), int(week[2]), int(week[3] or 1)).isoformat() if week else ""
    except ValueError:  # not every year has a week 53
        return ""


def _find_first_day_of_quarter(text: str) -> str:
    """Return the first day of a quarter, `1990-04-01` for `1990Q2`; empty for other texts."""
    quarter = _QUARTER.fullmatch(text)
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
