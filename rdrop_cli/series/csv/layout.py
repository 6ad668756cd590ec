"""What stands between the cells of a file, and which column holds what."""

import csv
import re
from collections import Counter
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass, replace

from rdrop_cli.errors import DataError, UsageError, suggest
from rdrop_cli.series.csv.header import SHOWN_COLUMNS, Row, find_header, find_width, fit_row, list_names, name_columns
from rdrop_cli.series.csv.numbers import is_missing, is_number
from rdrop_cli.series.csv.timestamps import TIME_OF_DAY, YEAR_NAMES, TimestampColumn, find_format
from rdrop_cli.study.reading import SEPARATORS, Reading
from rdrop_cli.study.units import format_count

SAMPLED_LINES = 2000
MAX_COLUMNS = 10_000
_PARTS = (  # names under which a timestamp is found in several columns
    YEAR_NAMES,
    {"month", "mo", "mm", "mnth", "monat", "mois", "mes", "mês", "mese", "maand"},
    {"day", "dd", "dy", "tag", "jour", "día", "dia", "giorno", "dag"},
    {"hour", "hours", "hr", "hh", "stunde", "heure", "hora", "ora", "uur"},
    {"minute", "min", "minuten", "mm", "mn"},
)
_DAY_OF_YEAR = {"doy", "yday", "jday", "julian day", "day of year", "day_of_year", "dayofyear"}
_TIME_NAME = re.compile(r"time|date|stamp|epoch|unix|utc|datum|zeit|fecha|yyyy|^ts?$", re.IGNORECASE)


@dataclass(frozen=True)
class Layout:
    """What the columns of a file hold.

    Attributes:
        separator: between cells; a blank for any white space.
        first_line: of the readings, counted from 1.
        names: of all columns, in file order.
        time: indices of the columns whose cells, joined, are the timestamps.
        numbers: indices of the columns of readings, ascending.
        notes: what was taken for what, where that is not plain.
    """

    separator: str
    first_line: int
    names: tuple[str, ...]
    time: tuple[int, ...]
    numbers: tuple[int, ...]
    notes: tuple[str, ...] = ()

    @property
    def time_column(self) -> str:
        """The names of the columns of timestamps, joined by `+`."""
        return "+".join(self.names[index] for index in self.time)

    @property
    def number_columns(self) -> tuple[str, ...]:
        return tuple(self.names[index] for index in self.numbers)

    @property
    def text_columns(self) -> tuple[str, ...]:
        """Names of the columns that are neither timestamps nor readings."""
        return tuple(name for index, name in enumerate(self.names) if index not in {*self.time, *self.numbers})

    def without_numbers(self, index: int) -> "Layout":
        """Return the layout in which a column is taken for text."""
        return replace(self, numbers=tuple(number for number in self.numbers if number != index))

    def join_times(self, columns: Sequence[Sequence[str]]) -> Sequence[str]:
        """Return the texts of the rows' timestamps, of all columns of cells."""
        if len(self.time) == 1:
            return columns[self.time[0]]
        names = [self.names[index] for index in self.time]
        rows = zip(*(columns[index] for index in self.time), strict=True)
        return [join_timestamp(names, [part.strip() for part in parts]) for parts in rows]


def join_timestamp(names: Sequence[str], parts: Sequence[str]) -> str:
    """Join the cells of a timestamp: year, month, day, hour and minute as such, others by a blank."""
    if len(parts) > 1 and _in_part(names[0], _PARTS[0]):
        if _in_part(names[1], _DAY_OF_YEAR):
            return f"{parts[0]}-{parts[1].zfill(3)} {':'.join(parts[2:])}".rstrip()
        date, clock = "-".join([*parts[:3], *["1"] * (3 - len(parts))]), ":".join(parts[3:])
        return f"{date} {clock}".rstrip()
    return " ".join(parts)


def split_line(line: str, separator: str) -> Row:
    """Return the cells of one line; of one whose quotation marks are not closed, as they stand."""
    if separator == " ":
        return _split_blanks(line)
    try:
        return next(csv.reader([line.rstrip("\r\n")], delimiter=separator), [])
    except csv.Error:
        return line.rstrip("\r\n").split(separator)


def _split_blanks(line: str) -> Row:
    if '"' not in line:
        return line.split()
    return [quoted or bare for quoted, bare in re.findall(r'"([^"]*)"|(\S+)', line)]


def split_rows(stream: Iterator[str], separator: str) -> Iterator[tuple[list[str], int]]:
    """Yield the cells of every row, and how many lines are read with it."""
    if separator == " ":
        for number, line in enumerate(stream, start=1):
            yield _split_blanks(line), number
        return
    rows = csv.reader(stream, strict=True, delimiter=separator)
    for cells in rows:
        yield cells, rows.line_num


def infer_layout(label: str, lines: Sequence[str], reading: Reading) -> Layout:
    """Return the layout of a user's file by its first lines.

    Raises:
        UsageError: there is no such time column; names the nearest.
        DataError: nothing in the file looks like timestamps, or like numbers.
    """
    if not any(line.strip() for line in lines):
        raise DataError(f"{label}: is empty; expected column names and lines of a timestamp and numbers")
    start, separator = _find_separator(lines, reading)
    rows = [split_line(line, separator) for line in lines]
    width = find_width(rows[start:])
    if width < 2:
        raise DataError(
            f"{label}: has one column, such as {lines[start].strip()[:60]!r}; expected a timestamp and numbers, "
            f"separated by one of {', '.join(SEPARATORS)} (‹separator›)"
        )
    if width > MAX_COLUMNS:
        raise DataError(f"{label}: {width} columns; at most {MAX_COLUMNS} can be read")
    first, header = find_header(rows, start, width)
    if header and len(header[0]) < width and not any(cell.strip() for row in rows[first:] for cell in row[width - 1 :]):
        width -= 1  # the lines end in a separator, and the header does not
    names, notes = name_columns(header, width)
    above = first - len(header)
    skipped = [number + 1 for number in range(above) if lines[number].strip()]
    if skipped:
        notes.append(f"above the header: {format_count(len(skipped), 'line')}, not read")
    sample = [
        fit_row(row, width) for row in rows[first:] if any(cell.strip() for cell in row) and len(row) > width // 2
    ]
    if not sample:
        raise DataError(
            f"{label}: no readings below the header; expected lines of a timestamp and numbers, "
            "told apart by ‹separator›, ‹time› and ‹date_format› where the file does not tell"
        )
    time = _find_time(label, names, sample, reading, first + 1)
    numbers = _find_numbers(label, names, sample, time, reading)
    if not numbers:
        texts = [name for index, name in enumerate(names) if index not in time]
        only = f", only text: {list_names(texts)}" if texts else ""
        raise DataError(f"{label}: no column of numbers beside the timestamps{only}")
    return Layout(separator, first + 1, tuple(names), time, numbers, tuple(notes))


def _find_separator(lines: Sequence[str], reading: Reading) -> tuple[int, str]:
    """Return the index of the first line after `sep=;`, in which Excel names the separator, and the separator."""
    declared = re.fullmatch(r"sep=(.)\s*", lines[0].lstrip("\ufeff"), re.IGNORECASE)
    if declared:
        return 1, reading.separator or declared[1]
    return 0, reading.separator or choose_separator(lines)


def choose_separator(lines: Sequence[str]) -> str:
    """Return what parts most lines into as many cells; of several, the comma last, which numbers have too."""
    filled = [line for line in lines if line.strip()][-300:]
    sample = [line for line in filled if not line.startswith("#")] or filled
    scores = {}
    for place, mark in enumerate(("\t", ";", "|", ",", " ")):
        widths = Counter(len(split_line(line, mark)) for line in sample)
        width, count = widths.most_common(1)[0]
        named = width - 1 == len(split_line(sample[0], mark)) > 1  # R writes no name for the names of rows
        if width > 1 and (mark != " " or count + named >= len(sample)):
            scores[mark] = (count >= 0.9 * len(sample), mark != " ", count, -place)
    return max(scores, key=lambda mark: scores[mark]) if scores else ","


def _find_time(label: str, names: list[str], sample: list[Row], reading: Reading, line: int) -> tuple[int, ...]:
    if reading.time:
        return find_time_columns(label, names, reading.time)
    columns = [[row[index].strip() for row in sample] for index in range(len(names))]
    found = [index for index, cells in enumerate(columns) if holds_timestamps(names[index], index, cells)]
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


def find_parts(names: Sequence[str]) -> tuple[int, ...]:
    """Return the indices of year, month and so on, as far as there are columns of these names; none without a year.

    In place of month and day there may be the day of the year.
    """
    year, month, day, hour, minute = _PARTS
    has_month = any(_in_part(name, month) for name in names)
    found = list[int]()
    for options in (year, *((month, day) if has_month else (_DAY_OF_YEAR,)), hour, minute):
        part = next((n for n, name in enumerate(names) if _in_part(name, options) and n not in found), None)
        if part is None:
            break
        found.append(part)
    return tuple(found)


def find_time_columns(label: str, names: Sequence[str], wanted: str) -> tuple[int, ...]:
    """Return the indices of the column of timestamps, or of `date+hour`.

    Raises:
        UsageError: there is no such column; names the nearest.
    """
    parts = [wanted] if wanted in names else [part.strip() for part in wanted.split("+")]
    return tuple(find_column(label, names, part, "time") for part in parts)


def find_column(label: str, names: Sequence[str], wanted: str, option: str) -> int:
    """Return the index of a column that an option names.

    Raises:
        UsageError: there is none; names the nearest.
    """
    if wanted in names:
        return names.index(wanted)
    hint = suggest(wanted, names, f"it has {list_names(names)}")
    raise UsageError(f"{label} has no column {wanted!r}; {hint}", field=option)


def holds_timestamps(name: str, index: int, cells: list[str]) -> bool:
    """Tell whether a column holds timestamps; of numbers only where its name or its place says so too."""
    some = [cell for cell in cells if not is_missing(cell)][:200]
    formats = [find_format(cell) for cell in some]
    if formats.count(None) == len(some) or formats.count(None) > max(1, 0.1 * len(some)):
        return False
    if set(formats) == {"%d.%m.%y"}:  # or times of day, with points
        try:
            TimestampColumn("", "").add(some, range(len(some)))
        except DataError:
            return False
    return not is_number(some[0]) or bool(_TIME_NAME.search(name)) or (index == 0 and len(set(some)) == len(some))


def _is_digits(cell: str) -> bool:
    """Tell whether a cell, if it holds anything, may as well be a number as a timestamp."""
    return not cell or is_number(cell)


def _find_clock(names: list[str], columns: list[Row], date: int) -> tuple[int, ...]:
    """Return the column with the time of day that belongs to a date: by its cells, or of digits by its name."""
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
    """Tell whether a column, whatever the unit behind its name, is called one of these."""
    return name.partition(" (")[0].lower().strip("<> ") in options


def _find_numbers(
    label: str, names: list[str], sample: list[Row], time: tuple[int, ...], reading: Reading
) -> tuple[int, ...]:
    chosen = {find_column(label, names, name, "where") for name in reading.conditions}
    numbers = []
    for index in range(len(names)):
        cells = [
            row[index] for row in sample if not is_missing(row[index]) and row[index].strip() not in reading.missing
        ]
        share = sum(is_number(cell) for cell in cells) / len(cells) if cells else 1
        is_time = bool(cells and _TIME_NAME.search(names[index])) and holds_timestamps(names[index], index, cells)
        if index not in (*time, *chosen) and share >= 0.5 and not is_time:
            numbers.append(index)
    return tuple(numbers)
