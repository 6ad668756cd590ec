"""Tell the format of a timestamp from its text: of a date, a time of day, an offset, or seconds since 1970."""

import re
from collections.abc import Callable
from functools import lru_cache

ISO, QUARTER, WEEK = "ISO8601", "quarter", "week"
YEAR, YEAR_MONTH = "%Y", "%Y%m"
YEAR_NAMES = frozenset(("year", "yr", "yy", "yyyy", "jahr", "année", "annee", "año", "ano", "anno", "jaar"))
DAY_FIRST, MONTH_FIRST = "day first", "month first"
_MON = r"(?i:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)"
_MONTH = r"(?i:january|february|march|april|june|july|august|september|october|november|december)"
_DATES = (  # a pattern, and its format: one, or one per order
    (r"\d{4}-\d{1,2}-\d{1,2}", "%Y-%m-%d"),
    (r"\d{4}/\d{1,2}/\d{1,2}", "%Y/%m/%d"),
    (r"\d{4}\.\d{1,2}\.\d{1,2}", "%Y.%m.%d"),
    (r"\d{1,2}\.\d{1,2}\.\d{4}", "%d.%m.%Y"),
    (r"\d{1,2}\.\d{1,2}\.\d{2}", "%d.%m.%y"),
    (r"\d{1,2}/\d{1,2}/\d{4}", ("%d/%m/%Y", "%m/%d/%Y")),
    (r"\d{1,2}-\d{1,2}-\d{4}", ("%d-%m-%Y", "%m-%d-%Y")),
    (r"\d{1,2}/\d{1,2}/\d{2}", ("%d/%m/%y", "%m/%d/%y")),
    (rf"\d{{1,2}}-{_MON}-\d{{4}}", "%d-%b-%Y"),
    (rf"\d{{1,2}}-{_MON}-\d{{2}}", "%d-%b-%y"),
    (rf"\d{{1,2}} {_MON} \d{{4}}", "%d %b %Y"),
    (rf"\d{{1,2}} {_MONTH} \d{{4}}", "%d %B %Y"),
    (rf"{_MON} \d{{1,2}}, \d{{4}}", "%b %d, %Y"),
    (rf"{_MONTH} \d{{1,2}}, \d{{4}}", "%B %d, %Y"),
    (rf"\d{{4}}-{_MON}-\d{{1,2}}", "%Y-%b-%d"),
    (rf"\d{{4}}-{_MONTH}-\d{{1,2}}", "%Y-%B-%d"),
    (r"\d{8}", "%Y%m%d"),
    (rf"{_MON} \d{{4}}", "%b %Y"),
    (rf"{_MONTH} \d{{4}}", "%B %Y"),
    (rf"{_MON}-\d{{4}}", "%b-%Y"),
    (rf"{_MON}-\d{{2}}", "%b-%y"),
    (r"\d{4}-\d{3}", "%Y-%j"),
    (r"\d{4}-\d{2}", "%Y-%m"),
    (r"\d{4}/\d{2}", "%Y/%m"),
    (r"\d{4}M\d{2}", "%YM%m"),
    (r"(?:0?[1-9]|1[0-2])/(?:1[89]|20)\d\d", "%m/%Y"),
)
_TIMES = (
    (r"", ""),
    (r"\d{1,2}:\d{2}", "%H:%M"),
    (r"\d{1,2}:\d{2}:\d{2}", "%H:%M:%S"),
    (r"\d{1,2}:\d{2}:\d{2}\.\d+", "%H:%M:%S.%f"),
    (r"\d{1,2}:\d{2}:\d{2},\d+", "%H:%M:%S,%f"),
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
_SHORT = {6: "%y%m%d", 10: "%y%m%d%H%M", 12: "%y%m%d%H%M%S"}  # may also be a month, or seconds since 1970
_COMPACT = {8: "%Y%m%d", 10: "%Y%m%d%H", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}
_EPOCH_UNITS = {9: "s", 10: "s", 12: "ms", 13: "ms", 15: "us", 16: "us", 18: "ns", 19: "ns"}  # by digits: since 1973
QUARTER_PATTERN = re.compile(r"(\d{4})[- ]?Q([1-4])")
WEEK_PATTERN = re.compile(r"(\d{4})-?W(\d{2})(?:-?([1-7]))?")
# The end of an interval, which is identified by its beginning: ` - 01.01.2020 01:00` after a time of day.
_END = re.compile(r"(?<=:\d\d)\s+[-–]\s+\d[\d.:/ -]*$|(?<=\s\d\d)\s[-–]\s\d\d$|/\d{4}-\d{2}-[\dT:.Z+ -]*$")
_DAY_OF_WEEK = re.compile(r"^(?:Mon|Tue|Tues|Wed|Wednes|Thu|Thurs|Fri|Sat|Satur|Sun)(?:day)?,? (?=\d|[A-Z])")
_NAME_OF_UTC = re.compile(r"(?<=:\d\d) ?(?:UTC|GMT)$")
_NAME_OF_ZONE = re.compile(r"(?<=[\dZ])\[[A-Za-z_/+-]+\]$")  # after the offset, as Java writes it
_OFFSET = re.compile(r"(:\d\d(?:\.\d+)?)\s?([+-](?:0\d|1[0-4]))(?::?(\d\d))?$")  # ` +0100`, and `+01` of PostgreSQL
_BESIDE = (
    (re.compile("[\u00a0\u202f]"), " "),
    (_END, ""),
    (_DAY_OF_WEEK, ""),
    (_NAME_OF_ZONE, ""),
    (_NAME_OF_UTC, "Z"),
    (_OFFSET, lambda found: f"{found[1]}{found[2]}:{found[3] or '00'}"),
)
# What they contain, and most files lack: a dash between blanks, a slash before a year, letters other than T and Z,
# blanks that hold cells together, an offset after a blank or of hours alone.
_SIGN_OF_BESIDE = re.compile(
    r"\s[-–]\s|/\d{4}-|[A-SU-Ya-z\u00a0\u202f]|:\d\d(?:\.\d+)?(?:\s[+-]\d\d|[+-]\d\d$)", re.MULTILINE
)


@lru_cache(maxsize=10_000)
def find_format(text: str, order: str = DAY_FIRST) -> str | None:
    """Return the format of a timestamp: one for `strptime`, `ISO8601`, `quarter`, `week`, or `epoch` with its unit.

    For an interval, such as `01.01.2020 00:00 - 01.01.2020 01:00`, return the format of its beginning. Return None if
    the text is not a timestamp.
    """
    text = text.strip()
    for pattern, replacement in list_beside(text):
        text = pattern.sub(replacement, text)
    if _ISO.fullmatch(text):
        return ISO
    if QUARTER_PATTERN.fullmatch(text):
        return QUARTER
    if WEEK_PATTERN.fullmatch(text):
        return WEEK
    if re.fullmatch(r"(1[89]|20)\d\d(0[1-9]|1[0-2])", text):
        return YEAR_MONTH if order == DAY_FIRST else _find_short_format(text)
    if re.fullmatch(r"\d+(\.\d*)?", text):
        return _find_number_format(text, order)
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


def list_beside(text: str) -> tuple[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]], ...]:
    """Return the replacements that a text, or several as lines, may need: nearly always none."""
    return _BESIDE if _SIGN_OF_BESIDE.search(text) else ()


def _find_short_format(text: str) -> str | None:
    """Return the format of digits as a date with a year of two digits, or None.

    It stands for `MONTH_FIRST`, and another reading of the same digits for `DAY_FIRST`: neither depends on the order of
    day and month, but the two orders keep both readings open until the values rule one out.
    """
    clock = r"([01]\d|2[0-3])([0-5]\d){1,2}"
    return _SHORT[len(text)] if re.fullmatch(rf"\d\d(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])({clock})?", text) else None


def _find_number_format(text: str, order: str) -> str | None:
    whole = text.partition(".")[0]
    compact = _COMPACT.get(len(whole)) if whole == text else None
    if compact and re.match(r"(1[89]|20)\d\d(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])", whole):
        return compact
    if order == MONTH_FIRST and whole == text and len(whole) in _SHORT:
        return _find_short_format(text)
    unit = _EPOCH_UNITS.get(len(whole))
    return f"epoch {unit}" if unit and whole[0] != "0" else None


def is_ambiguous(text: str) -> bool:
    """Return whether the format of a timestamp depends on the order of day and month."""
    return find_format(text, DAY_FIRST) != find_format(text, MONTH_FIRST)
