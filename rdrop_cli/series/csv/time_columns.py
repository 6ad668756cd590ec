"""Find the columns that hold a file's timestamps: one column, a date and a time of day, or year to second."""

import re
from collections.abc import Sequence, Set

from rdrop_cli.errors import DataError
from rdrop_cli.series.csv.header import SHOWN_COLUMNS, Row, find_column
from rdrop_cli.series.csv.numbers import is_missing, is_number
from rdrop_cli.series.csv.time_formats import TIME_OF_DAY, YEAR_NAMES, find_format
from rdrop_cli.series.csv.timestamps import TimestampColumn
from rdrop_cli.study.reading import Reading

_PARTS = (  # names of columns that together make a timestamp
    YEAR_NAMES,
    {"month", "mo", "mm", "mnth", "monat", "mois", "mes", "mês", "mese", "maand"},
    {"day", "dd", "dy", "tag", "jour", "día", "dia", "giorno", "dag"},
    {"hour", "hours", "hr", "hh", "stunde", "heure", "hora", "ora", "uur"},
    {"minute", "min", "minuten", "mm", "mn"},
    {"second", "seconds", "sec", "ss", "sekunde", "seconde", "segundo", "secondo"},
)
_DAY_OF_YEAR = {"doy", "yday", "jday", "julian day", "day of year", "day_of_year", "dayofyear"}
_QUARTER = {"quarter", "qtr", "quartal", "trimestre", "kwartaal"}
_TIME_NAME = re.compile(r"time|date|stamp|epoch|unix|utc|datum|zeit|fecha|yyyy|^ts?$", re.IGNORECASE)


def find_time(label: str, names: list[str], sample: list[Row], reading: Reading, line: int) -> tuple[int, ...]:
    """Return the indices of the columns whose cells, joined, are the timestamps.

    Args:
        sample: rows of readings.
        line: the line of the first reading, for errors.

    Raises:
        UsageError: the column that the user names does not exist.
        DataError: nothing looks like timestamps.
    """
    if reading.time:
        return find_time_columns(label, names, reading.time)
    columns = [[row[index].strip() for row in sample] for index in range(len(names))]
    found = [index for index, cells in enumerate(columns) if _is_written_as(reading.date_format, cells)]
    found = found or [i for i, cells in enumerate(columns) if holds_timestamps(names[i], i, cells)]
    found.sort(key=lambda index: not _TIME_NAME.search(names[index]) and all(map(_is_digits, columns[index])))
    for index in found:
        if len(set(columns[index])) > len(sample) / 2:
            return (index,)
    if found:
        return (found[0], *_find_clock(names, columns, found[0]))
    if parts := find_parts(names):
        return parts
    seen = ", ".join(f"{n[:40]} ({c[0][:25]!r})" for n, c in zip(names[:SHOWN_COLUMNS], columns, strict=False))
    raise DataError(
        f"{label}: line {line}: no column begins with a timestamp such as 2009-01-01 00:10 or 01.01.2009 00:10: "
        f"{seen}; name the column with ‹time›, several that belong together as date+hour, and its form with "
        "‹date_format›"
    )


def find_time_columns(label: str, names: Sequence[str], wanted: str) -> tuple[int, ...]:
    """Return the indices of the column of timestamps, or of several such as `date+hour`.

    Raises:
        UsageError: there is no such column; names the nearest.
    """
    parts = [wanted] if wanted in names else [part.strip() for part in wanted.split("+")]
    return tuple(find_column(label, names, part, "time") for part in parts)


def find_parts(names: Sequence[str]) -> tuple[int, ...]:
    """Return the indices of the columns year, month and so on, up to the first that is missing.

    The day of the year, or the quarter, may replace month and day.
    """
    year, month, day, *clock = _PARTS
    has_month = any(_in_part(name, month) for name in names)
    found = list[int]()
    for options in (year, *((month, day) if has_month else (_DAY_OF_YEAR | _QUARTER,)), *clock):
        part = next((n for n, name in enumerate(names) if _in_part(name, options) and n not in found), None)
        if part is None:
            break
        found.append(part)
    return tuple(found)


def join_timestamp(names: Sequence[str], parts: Sequence[str]) -> str:
    """Join the cells of a timestamp: year to second as a date and a time, others by a blank."""
    if len(parts) > 1 and _in_part(names[0], _PARTS[0]):
        if _in_part(names[1], _QUARTER):
            return f"{parts[0]}Q{parts[1].lstrip('Qq0')}"
        if _in_part(names[1], _DAY_OF_YEAR):
            return f"{parts[0]}-{parts[1].zfill(3)} {_join_clock(parts[2:])}".rstrip()
        date = "-".join([*parts[:3], *["1"] * (3 - len(parts))])
        return f"{date} {_join_clock(parts[3:])}".rstrip()
    return " ".join(parts)


def _join_clock(parts: Sequence[str]) -> str:
    """Join hour, minute and second, each of which may have one digit."""
    return ":".join(re.sub(r"^\d(?!\d)", r"0\g<0>", part) for part in parts)


def is_of_time(name: str, index: int, cells: list[str]) -> bool:
    """Return whether a column has the name and the cells of timestamps, such as the ends of time intervals."""
    return bool(cells and _TIME_NAME.search(name)) and holds_timestamps(name, index, cells)


def holds_timestamps(name: str, index: int, cells: list[str]) -> bool:
    """Return whether a column holds timestamps; if they are numbers, its name or position must suggest it too."""
    some = [cell for cell in cells if not is_missing(cell)][:200]
    formats = [find_format(cell) for cell in some]
    if formats.count(None) == len(some) or formats.count(None) > max(1, 0.1 * len(some)):
        return False
    if set(formats) == {"%d.%m.%y"}:  # may also be times of day with points
        try:
            TimestampColumn("", "").add(some, range(len(some)))
        except DataError:
            return False
    return not is_number(some[0]) or bool(_TIME_NAME.search(name)) or (index == 0 and len(set(some)) == len(some))


def _is_written_as(date_format: str, cells: list[str]) -> bool:
    """Return whether the user names a format of timestamps for `strptime`, and a column has it."""
    some = [cell for cell in cells if not is_missing(cell)][:200]
    return bool("%" in date_format and some) and TimestampColumn("", "", date_format).measure_share(some) >= 0.9


def _is_digits(cell: str) -> bool:
    """Return whether a cell is empty, or may be a number as well as a timestamp."""
    return not cell or is_number(cell)


def _find_clock(names: list[str], columns: list[Row], date: int) -> tuple[int, ...]:
    """Return the column with the time of day for a date, found by its cells or, if they are digits, by its name."""
    if any(":" in cell for cell in columns[date][:50]):
        return ()
    for index, cells in enumerate(columns):
        some = [cell for cell in cells if cell][:200]
        clock = some and all(TIME_OF_DAY.fullmatch(cell) for cell in some) and not all(is_number(c) for c in some)
        hours = _in_part(names[index], _PARTS[3] | {"time", "zeit", "uhrzeit"}) and all(
            re.fullmatch(r"\d{1,2}|\d{4}|\d{6}", cell) and int(cell[:2]) <= 24 for cell in some
        )
        if index != date and some and (clock or hours):
            return (index,)
    return ()


def _in_part(name: str, options: Set[str]) -> bool:
    """Return whether a column's name, without its unit, is one of these."""
    return name.partition(" (")[0].lower().strip("<> ") in options
