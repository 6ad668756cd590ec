"""Infer the layout of a file: its separator, and what each column holds."""

import csv
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

from rdrop_cli.errors import DataError
from rdrop_cli.series.csv.header import Row, find_column, find_header, find_width, fit_row, list_names, name_columns
from rdrop_cli.series.csv.numbers import find_unit, is_missing, is_number, stands_for_nothing
from rdrop_cli.series.csv.time_columns import find_time, is_of_time, join_timestamp
from rdrop_cli.study.reading import SEPARATORS, Reading
from rdrop_cli.study.units import format_count, name_target

SAMPLED_LINES = 2000
MAX_COLUMNS = 10_000
_DIGITS = re.compile(r"[+-]?\d+")
MOST_LINES_OF_ROW = 100  # in quotes; a quotation mark that is closed later is a stray one


@dataclass(frozen=True)
class Layout:
    """The separator of a file, and what its columns hold.

    Attributes:
        separator: between cells; a blank for any white space.
        first_line: the first line of readings, counted from 1.
        names: the names of all columns, in file order.
        time: indices of the columns whose cells, joined, are the timestamps.
        numbers: indices of the columns of readings, ascending.
        notes: how anything that is not obvious was interpreted.
        units: the units in each cell of a column, before or after the number, by the column's index.
    """

    separator: str
    first_line: int
    names: tuple[str, ...]
    time: tuple[int, ...]
    numbers: tuple[int, ...]
    notes: tuple[str, ...] = ()
    units: Mapping[int, str] = field(default_factory=dict)

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
        """Return the layout with a column treated as text."""
        return replace(self, numbers=tuple(number for number in self.numbers if number != index))

    def join_times(self, columns: Sequence[Sequence[str]]) -> Sequence[str]:
        """Return the texts of the rows' timestamps, given the cells of all columns."""
        if len(self.time) == 1:
            return columns[self.time[0]]
        names = [self.names[index] for index in self.time]
        rows = zip(*(columns[index] for index in self.time), strict=True)
        return [join_timestamp(names, [part.strip() for part in parts]) for parts in rows]


def split_line(line: str, separator: str) -> Row:
    """Return the cells of one line, split at every separator if the CSV reader refuses the line."""
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
    """Yield the cells of each row, and the number of lines read so far."""
    if separator == " ":
        for number, line in enumerate(stream, start=1):
            yield _split_blanks(line), number
        return
    rows = csv.reader(stream, strict=True, delimiter=separator)
    for cells in rows:
        yield cells, rows.line_num


def _split_sample(lines: Sequence[str], separator: str) -> tuple[list[Row], list[int]]:
    """Return the cells of each row, which may have several lines in quotes, and the line on which it begins."""
    rows, numbers = list[Row](), list[int]()
    index = 0
    while index < len(lines):
        row, count = split_line(lines[index], separator), 1
        if separator != " " and '"' in lines[index]:
            reader = csv.reader(lines[index : index + MOST_LINES_OF_ROW], strict=True, delimiter=separator)
            with suppress(csv.Error):  # a stray quotation mark, as in a title
                row, count = next(reader), reader.line_num
        rows.append(row)
        numbers.append(index + 1)
        index += count
    return rows, numbers


def _refuse_returns_within_lines(label: str, lines: Sequence[str], numbers: Sequence[int]) -> None:
    """Refuse a carriage return before a separator: columns were appended to a file with Windows line endings.

    Args:
        numbers: the lines on which rows begin; a carriage return in quotes is part of a cell.
    """
    if not any(line.endswith("\n") for line in lines):
        return
    marks = tuple(mark for mark in SEPARATORS.values() if mark != " ")
    for number in numbers[1:]:
        line, following = lines[number - 2 : number]
        if line.endswith("\r") and following.startswith(marks):
            raise DataError(
                f"{label}: line {number - 1} has a carriage return before {following[:20].rstrip()!r}, "
                "which is part of the line; remove it, as `tr -d '\\r'` does"
            )


def infer_layout(label: str, lines: Sequence[str], reading: Reading) -> Layout:
    """Infer the layout of a user's file from its first lines.

    Raises:
        UsageError: a column that an option names does not exist; names the nearest.
        DataError: nothing in the file looks like timestamps, or like numbers.
    """
    if not any(line.strip() for line in lines):
        raise DataError(f"{label}: is empty; expected column names and lines of a timestamp and numbers")
    start, separator = _find_separator(lines, reading)
    rows, begins = _split_sample(lines, separator)
    _refuse_returns_within_lines(label, lines, begins)
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
        width -= 1  # the lines end in a separator, but the header does not
    names, notes = name_columns(header, width)
    above = first - len(header)
    if skipped := sum(any(cell.strip() for cell in row) for row in rows[start:above]):
        notes.append(f"above the header: {format_count(skipped, 'line')}, not read")
    sample = [
        fit_row(row, width) for row in rows[first:] if any(cell.strip() for cell in row) and len(row) > width // 2
    ]
    if not sample:
        raise DataError(
            f"{label}: no readings below the header; expected lines of a timestamp and numbers, "
            "told apart by ‹separator›, ‹time› and ‹date_format› where the file does not tell"
        )
    first_line = begins[first]
    _refuse_split_decimals(label, separator, rows[:first], sample)
    time = find_time(label, names, sample, reading, first_line)
    units = _find_units(sample, time, reading)
    for index, unit in units.items():
        names[index] = names[index] if name_target(names[index])[1] else f"{names[index]} ({unit})"
    numbers = _find_numbers(label, names, sample, time, reading, units)
    if not numbers:
        texts = [name for index, name in enumerate(names) if index not in time]
        only = f", only text: {list_names(texts)}" if texts else ""
        raise DataError(f"{label}: no column of numbers beside the timestamps{only}")
    if units := {index: unit for index, unit in units.items() if index in numbers}:
        notes.append(f"a unit in each cell: {list_names([names[index] for index in units])}")
    return Layout(separator, first_line, tuple(names), time, numbers, tuple(notes), units)


def _refuse_split_decimals(label: str, separator: str, above: list[Row], sample: list[Row]) -> None:
    """Refuse rows with more cells than names if these may be numbers whose decimal comma also separates cells.

    Args:
        above: the rows above the readings, of which the last may hold the names.
    """
    header = above[-1] if above and separator == "," else []
    width, names = len(sample[0]), len(header)
    if not 2 <= names < width or any(is_number(name) or is_missing(name) for name in header):
        return
    pairs, index = 0, 1
    while index < width - 1:
        filled = [row for row in sample if row[index]]
        is_pair = all(_DIGITS.fullmatch(row[index]) and row[index + 1].isdecimal() for row in filled) and bool(filled)
        pairs, index = pairs + is_pair, index + 1 + is_pair
    if pairs >= width - names:
        raise DataError(
            f"{label}: the header has {names} names, and the rows have {width} cells: commas separate cells, and may "
            "also be decimal commas; put such numbers in quotes, or name every column"
        )


def _find_separator(lines: Sequence[str], reading: Reading) -> tuple[int, str]:
    """Return the index of the first line, after Excel's `sep=;` if there is one, and the separator."""
    declared = re.fullmatch(r"sep=(.)\s*", lines[0].lstrip("\ufeff"), re.IGNORECASE)
    if declared:
        return 1, reading.separator or declared[1]
    return 0, reading.separator or choose_separator(lines)


def choose_separator(lines: Sequence[str]) -> str:
    """Return the separator that splits most lines into the same number of cells.

    If several do, the comma comes after tab, semicolon and pipe, because numbers contain it too.
    """
    filled = [line for line in lines if line.strip()][-300:]
    sample = [line for line in filled if not line.startswith("#")] or filled
    scores = {}
    for place, mark in enumerate(("\t", ";", "|", ",", " ")):
        widths = Counter(len(split_line(line, mark)) for line in sample)
        width, count = widths.most_common(1)[0]
        named = width - 1 == len(split_line(sample[0], mark)) > 1  # R writes no name above the names of rows
        if width > 1 and (mark != " " or count + named >= len(sample)):
            scores[mark] = (count >= 0.9 * len(sample), mark != " ", count, -place)
    return max(scores, key=lambda mark: scores[mark]) if scores else ","


def _find_units(sample: list[Row], time: tuple[int, ...], reading: Reading) -> dict[int, str]:
    columns = [
        [cell for cell in cells if not stands_for_nothing(cell, reading.missing)] for cells in zip(*sample, strict=True)
    ]
    found = {index: find_unit(cells) for index, cells in enumerate(columns) if index not in time}
    return {index: unit for index, unit in found.items() if unit}


def _find_numbers(
    label: str, names: list[str], sample: list[Row], time: tuple[int, ...], reading: Reading, units: Mapping[int, str]
) -> tuple[int, ...]:
    chosen = {find_column(label, names, name, "where") for name, _ in reading.conditions}
    numbers = []
    for index in range(len(names)):
        cells = [row[index] for row in sample if not stands_for_nothing(row[index], reading.missing)]
        share = sum(index in units or is_number(cell) for cell in cells) / len(cells) if cells else 1
        if index not in (*time, *chosen) and share >= 0.5 and not is_of_time(names[index], index, cells):
            numbers.append(index)
    return tuple(numbers)
