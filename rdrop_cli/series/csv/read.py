"""Read a CSV of timestamps and numbers in bounded memory; errors name the exact place."""

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, islice
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from rdrop_cli.errors import DataError
from rdrop_cli.series.content import Content, detect_encoding, guess_code_page, refuse_damage
from rdrop_cli.series.csv.grown import Grown
from rdrop_cli.series.csv.header import find_column
from rdrop_cli.series.csv.layout import SAMPLED_LINES, Layout, infer_layout, split_rows
from rdrop_cli.series.csv.numbers import (
    Evidence,
    decide_decimals,
    drop_unit,
    list_numbers,
    parse_number,
    stands_for_nothing,
)
from rdrop_cli.series.csv.timestamps import TimestampColumn
from rdrop_cli.study.reading import Reading
from rdrop_cli.study.units import format_count

CHUNK_ROWS = 8192
MOST_GROUPS = 1000
MOST_PAIRED = 12  # columns of which two together may tell series apart, such as a station and what it measures
Groups = tuple[tuple[str, ...], list[tuple[str, ...]]]  # the columns that tell series apart, and their values in each
T = TypeVar("T")
Infer = Callable[[str, Sequence[str], Reading], Layout]


@dataclass(frozen=True)
class Table:
    """The contents of a file, in file order.

    Attributes:
        timestamps: datetime64[us] of shape (row,).
        columns: names of the columns of readings.
        values: float64 of shape (row, column), NaN where a reading is missing.
        lines: int64 of shape (row,), the lines of the file.
        zoned: whether the timestamps have an offset, and are in UTC.
        time_column: the names of the columns of timestamps, joined by `+`.
        texts: columns that hold no numbers.
        notes: how the file was interpreted.
    """

    timestamps: npt.NDArray[np.datetime64]
    columns: tuple[str, ...]
    values: npt.NDArray[np.float64]
    lines: npt.NDArray[np.int64]
    zoned: bool = False
    time_column: str = ""
    texts: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def find_groups(
    names: Mapping[int, str], rows: Iterable[Sequence[str]], timestamps: npt.NDArray[np.datetime64]
) -> Groups | None:
    """Return the first column of few values, or pair of columns, within each of which the timestamps (row,) increase.

    Args:
        names: of the columns to choose from, by their index in each row.
    """
    pairs = combinations(list(names)[:MOST_PAIRED], 2)
    last: dict[tuple[int, ...], dict[tuple[str, ...], np.datetime64]] = {
        columns: {} for columns in (*((index,) for index in names), *pairs)
    }
    for timestamp, cells in zip(timestamps, rows, strict=True):
        for columns in list(last):
            seen, values = last[columns], tuple(cells[index].strip() for index in columns)
            if (values in seen and seen[values] >= timestamp) or len(seen) > MOST_GROUPS:
                del last[columns]
            else:
                seen[values] = timestamp
    for columns, seen in last.items():
        if 2 <= len(seen) <= len(timestamps) / 3:
            return tuple(names[index] for index in columns), sorted(seen)
    return None


def drop_numbers(values: npt.NDArray[np.float64], missing: tuple[str, ...]) -> npt.NDArray[np.float64]:
    """Return readings of any shape with NaN for each number that stands for no reading."""
    for number in list_numbers(missing):
        values[values == number] = np.nan
    return values


class _NoNumberError(Exception):
    """A cell that is not a number, in a column of numbers."""

    def __init__(self, index: int, line: int, cell: str) -> None:
        super().__init__(cell)
        self.index, self.line, self.cell = index, line, cell


def read_csv(content: Content, reading: Reading, infer: Infer = infer_layout) -> Table:
    """Read a file according to the options; what they leave open is determined from complete columns.

    Raises:
        UsageError: an option names a column that does not exist.
        DataError: the content is invalid; names the file, the line and the column.
    """
    table, encoding = _use_reader(content, reading, infer, lambda reader: reader.read())
    if encoding in ("utf-8", "utf-8-sig", reading.encoding):
        return table
    return replace(table, notes=(f"text: read as {encoding} (‹encoding›)", *table.notes))


def find_groups_in_text(content: Content, reading: Reading, table: Table) -> Groups | None:
    """Return the columns that separate the series of a table in long form, and their values; None if there are none."""
    found, _ = _use_reader(content, reading, infer_layout, lambda reader: reader.find_groups(table.timestamps))
    return found


def _use_reader(content: Content, reading: Reading, infer: Infer, use: Callable[["_Reader"], T]) -> tuple[T, str]:
    """Call `use` with a reader of the file in its encoding; return the result and the encoding."""
    with refuse_damage(content.label):
        encoding = reading.encoding or detect_encoding(content.label, content.read_head())
        try:
            return use(_Reader(content, reading, encoding, infer)), encoding
        except UnicodeDecodeError as error:
            if reading.encoding or encoding != "utf-8":
                raise DataError(
                    f"{content.label}: is not {encoding} text (byte {error.object[error.start]:#x}); name its encoding "
                    "with ‹encoding›"
                ) from error
        encoding = guess_code_page(content.label, content.read_foreign())
        try:
            return use(_Reader(content, reading, encoding, infer)), encoding
        except UnicodeDecodeError as error:
            raise DataError(f"{content.label}: is not {encoding} text either; name it with ‹encoding›") from error


class _Reader:
    """Reads one file in one encoding."""

    def __init__(self, content: Content, reading: Reading, encoding: str, infer: Infer) -> None:
        self._content, self._reading, self._encoding = content, reading, encoding
        with content.open_text(encoding) as stream:
            lines = list(islice(iter(lambda: stream.readline(1 << 20), ""), SAMPLED_LINES))
        if any("\0" in line for line in lines[:100]):
            raise DataError(f"{content.label}: holds NUL bytes: no text; expected a CSV")
        self._layout = infer(content.label, lines, reading)
        self._lines_below = 0
        self._remarks = set[int]()  # their lines

    def read(self) -> Table:
        """Convert with the decimal marks that the first rows show, and again if later rows show others."""
        try:
            decimals = self._survey(CHUNK_ROWS)
        except DataError:  # the first rows do not show it
            decimals = self._survey(None)
        while True:
            try:
                table = self._convert(decimals)
                found = self._decide()
                if found == decimals:
                    return table
            except _NoNumberError as fault:
                found = self._survey(None)
                if found == decimals:
                    self._take_for_text_or_refuse(fault)
            decimals = found

    def find_groups(self, timestamps: npt.NDArray[np.datetime64]) -> Groups | None:
        """Return the columns that separate the series of a table in long form; see the function `find_groups`."""
        names = {index: name for index, name in enumerate(self._layout.names) if index not in self._layout.time}
        return find_groups(names, (cells for _, cells in self._iterate_rows()), timestamps)

    def _take_for_text_or_refuse(self, fault: _NoNumberError) -> None:
        """Treat a column in which most cells are not numbers as text; refuse a word among numbers."""
        name = self._layout.names[fault.index]
        if len(self._layout.numbers) > 1 and self._evidence[name].is_text:
            self._layout = self._layout.without_numbers(fault.index)
            return
        cell = fault.cell.strip()[:40]
        raise DataError(
            f"{self._content.label}: line {fault.line}, column {name!r}: expected a number, received {cell!r}; "
            f"correct it, or say with ‹missing› {cell!r} that it stands for no reading"
        )

    def _survey(self, rows: int | None) -> dict[str, str]:
        """Return the decimal mark of each column of numbers, from the first `rows` rows or, with None, from all."""
        names = [self._layout.names[index] for index in self._layout.numbers]
        self._evidence = {name: Evidence() for name in names}
        for line, cells in islice(self._iterate_rows(), rows):
            for index, name in zip(self._layout.numbers, names, strict=True):
                self._note_evidence(name, cells[index], line)
        return self._decide()

    def _note_evidence(self, name: str, cell: str, line: int) -> None:
        """Note what a cell shows of how its column writes numbers; one that stands for no reading shows nothing."""
        if not stands_for_nothing(cell, self._reading.missing):
            self._evidence[name].add(cell, line)

    def _decide(self) -> dict[str, str]:
        if self._reading.decimal:
            return dict.fromkeys(self._evidence, self._reading.decimal)
        return decide_decimals(self._content.label, self._evidence, self._layout.separator)

    def _iterate_rows(self) -> Iterator[tuple[int, list[str]]]:
        """Yield the line and the cells, one per column, of each row that is not empty and meets the conditions.

        Raises:
            DataError: a row has another length, or its quotation marks are not closed; names the line.
        """
        layout, label = self._layout, self._content.label
        width = len(layout.names)
        conditions = [
            (find_column(label, layout.names, name, "where"), value) for name, value in self._reading.conditions
        ]
        with self._content.open_text(self._encoding) as stream:
            for _ in range(layout.first_line - 1):
                stream.readline()
            line = layout.first_line
            rows = split_rows(stream, layout.separator)
            is_below_empty_row = False
            try:
                for found, lines_read in rows:
                    here, line = line, layout.first_line + lines_read
                    if self._is_remark(found):
                        self._remarks.add(here)
                        continue
                    if is_below_empty_row and len(found) < width and self._is_text_below(found, rows):
                        return
                    cells = found if len(found) == width else self._fit(found, here)
                    is_below_empty_row = not "".join(cells).strip()
                    if is_below_empty_row:
                        continue
                    if not conditions or all(cells[index].strip() == value for index, value in conditions):
                        for index, unit in layout.units.items():
                            cells[index] = drop_unit(cells[index], unit)
                        yield here, cells
            except csv.Error as error:
                raise DataError(f"{label}: line {line}: {error}") from error

    def _is_remark(self, cells: Sequence[str]) -> bool:
        """Return whether a row is the header again, or begins with # where times or numbers are."""
        names, first = self._layout.names, cells[0].strip() if cells else ""
        if first.startswith("#") and 0 in (*self._layout.time, *self._layout.numbers):
            return True
        return first == names[0] and [cell.strip() for cell in cells] == list(names)  # the first alone tells, mostly

    def _is_text_below(self, found: list[str], rest: Iterator[tuple[list[str], int]]) -> bool:
        """Return whether only rows of fewer cells follow an empty row: remarks on the readings, not readings."""
        texts = [found]
        for cells, _ in rest:
            if len(cells) >= len(self._layout.names):
                return False
            texts.append(cells)
        self._lines_below = sum(any(cell.strip() for cell in cells) for cells in texts)
        return True

    def _fit(self, cells: list[str], line: int) -> list[str]:
        names = self._layout.names
        if len(cells) > len(names) and not any(cell.strip() for cell in cells[len(names) :]):
            return cells[: len(names)]
        if not any(cell.strip() for cell in cells):
            return [""] * len(names)
        if len(cells) > len(names):
            raise DataError(
                f"{self._content.label}: line {line}: expected {len(names)} cells, received {len(cells)}; is another "
                "‹separator› meant?"
            )
        missing = names[len(cells)]
        raise DataError(
            f"{self._content.label}: line {line}, column {missing!r}: missing: the row has {len(cells)} of "
            f"{len(names)} cells"
        )

    def _convert(self, decimals: dict[str, str]) -> Table:
        layout = self._layout
        times = TimestampColumn(self._content.label, layout.time_column, self._reading.date_format)
        values, lines = Grown(np.float64, len(layout.numbers)), Grown(np.int64)
        rows = self._iterate_rows()
        while chunk := list(islice(rows, CHUNK_ROWS)):
            numbers, cells = zip(*chunk, strict=True)
            columns = list(zip(*cells, strict=True))
            values.add(self._convert_numbers(columns, numbers, decimals))
            times.add(layout.join_times(columns), numbers)
            lines.add(np.array(numbers, np.int64))
        if not len(lines):
            where = ", ".join(self._reading.where)
            raise DataError(
                f"{self._content.label}: no readings" + (f" with ‹where› {where}" if where else " below the header")
            )
        timestamps = times.finish()
        self._content.check_unchanged()
        return Table(
            timestamps=timestamps,
            columns=layout.number_columns,
            values=values.finish(),
            lines=lines.finish(),
            zoned=times.zoned,
            time_column=layout.time_column,
            texts=layout.text_columns,
            notes=self._list_notes(decimals, times.formats),
        )

    def _convert_numbers(
        self, columns: Sequence[Sequence[str]], lines: Sequence[int], decimals: dict[str, str]
    ) -> npt.NDArray[np.float64]:
        """Return the readings of some rows, or raise an error for the first cell that is not a number."""
        converted, faults = [], []
        for index in self._layout.numbers:
            try:
                converted.append(self._convert_column(index, columns[index], lines, decimals))
            except _NoNumberError as fault:
                faults.append(fault)
        if faults:
            raise min(faults, key=lambda fault: fault.line)
        return np.column_stack(converted)

    def _convert_column(
        self, index: int, cells: Sequence[str], lines: Sequence[int], decimals: dict[str, str]
    ) -> npt.NDArray[np.float64]:
        """Return a column's readings; Python's own parser is used if every cell is a plain number."""
        name, missing = self._layout.names[index], self._reading.missing
        decimal, joined = decimals[name], "".join(cells)
        if not self._evidence[name].decide() and ("." in joined or "," in joined):
            for cell, line in zip(cells, lines, strict=True):
                self._note_evidence(name, cell, line)
        if decimal == "." and joined.isascii() and "_" not in joined:
            try:
                values = np.array([float(cell) for cell in cells])
                if np.isfinite(values).all():
                    return drop_numbers(values, missing)
            except ValueError:
                pass
        values = np.empty(len(cells))
        for row, cell in enumerate(cells):
            try:
                values[row] = np.nan if stands_for_nothing(cell, missing) else parse_number(cell, decimal)
            except ValueError as error:
                raise _NoNumberError(index, lines[row], cell) from error
        return drop_numbers(values, missing)

    def _list_notes(self, decimals: dict[str, str], formats: str) -> tuple[str, ...]:
        notes = list(self._layout.notes)
        if self._lines_below:
            notes.append(f"below the readings: {format_count(self._lines_below, 'line')}, not read")
        if self._remarks:
            notes.append(
                f"among the readings: {format_count(len(self._remarks), 'line')} with # or the header again, not read"
            )
        if "," in decimals.values():
            notes.append("numbers: with a decimal comma (‹decimal›)")
        names = {mark: name for name, mark in {"semicolon": ";", "tab": "\t", "pipe": "|", "space": " "}.items()}
        if self._layout.separator in names:
            notes.append(f"separator: {names[self._layout.separator]} (‹separator›)")
        if formats and formats != "ISO8601":
            notes.append(f"timestamps: read as {formats} (‹date_format›)")
        return tuple(notes)
