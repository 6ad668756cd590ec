"""Which column of a CSV holds what: as published, or as a look at its first rows tells."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from rdrop_cli.errors import DataError, UsageError, suggest
from rdrop_cli.series.csv.cells import FIRST_DATA_LINE, is_finite_number, is_missing, iterate_rows
from rdrop_cli.series.csv.header import SEPARATORS, check_names, read_header
from rdrop_cli.series.csv.timestamps import EPOCH, OWN_FORMATS, PUBLISHED_FORMATS, find_format

SAMPLED_ROWS = 1000
UNNAMED = "unnamed"  # the first column of a table that pandas wrote with an index that has no name
SHOWN_COLUMNS = 6
_DECIMAL_COMMA = re.compile(r"[+-]?\d+(\.\d{3})*,\d+")


@dataclass(frozen=True)
class Layout:
    """What the columns of a file hold.

    Attributes:
        names: of all columns, in file order.
        separator: between cells.
        time: index of the column of stamps.
        numbers: indices of the columns of readings, ascending.
        stamp_formats: those that the stamps may have.
        may_miss: whether a cell may say that there is no reading.
    """

    names: tuple[str, ...]
    separator: str
    time: int
    numbers: tuple[int, ...]
    stamp_formats: tuple[str, ...]
    may_miss: bool

    @property
    def time_column(self) -> str:
        return self.names[self.time]

    @property
    def number_columns(self) -> tuple[str, ...]:
        return tuple(self.names[index] for index in self.numbers)

    @property
    def text_columns(self) -> tuple[str, ...]:
        """Names of the columns that are neither stamps nor readings."""
        others = {self.time, *self.numbers}
        return tuple(name for index, name in enumerate(self.names) if index not in others)


def expect_published_layout(path: Path) -> Layout:
    """Return the layout of the published form: commas, stamps first, then numbers and nothing but numbers.

    Raises:
        DataError: the file cannot be read, or has no such header.
    """
    names, separator = read_header(path)
    check_names(path, names)
    return Layout(tuple(names), separator, 0, tuple(range(1, len(names))), PUBLISHED_FORMATS, may_miss=False)


def infer_layout(path: Path, time_column: str = "") -> Layout:
    """Return the layout of a user's file.

    Stamps are in `time_column`, else in the first column whose first cell is a stamp and no number. Columns of which
    a sampled cell is a number, or all are missing, hold readings; the others hold text.

    Raises:
        UsageError: there is no such time column; names the nearest.
        DataError: the file cannot be read, or nothing in it looks like stamps, or like numbers.
    """
    names, separator = read_header(path, SEPARATORS)
    names[0] = names[0] or UNNAMED
    check_names(path, names, "commas, semicolons or tabs")
    sample = [cells for _, cells in islice(iterate_rows(path, separator), SAMPLED_ROWS)]
    if not sample:
        raise DataError(f"{path}: no readings below the header; expected lines of a stamp and numbers")
    time = _find_named(path, names, time_column) if time_column else _find_time(path, names, sample[0])
    formats = (*OWN_FORMATS, EPOCH) if time_column else OWN_FORMATS
    columns = {i: [cells[i] for cells in sample if i < len(cells)] for i in range(len(names)) if i != time}
    numbers = tuple(index for index, cells in columns.items() if _holds_readings(cells))
    texts = sorted(columns.keys() - set(numbers))
    for index in texts:
        _check_decimal_commas(path, names[index], columns[index])
    if not numbers:
        listed = _list_names([names[index] for index in texts])
        raise DataError(f"{path}: no column of numbers beside the stamps in {names[time]!r}, only text: {listed}")
    return Layout(tuple(names), separator, time, numbers, formats, may_miss=True)


def _find_named(path: Path, names: Sequence[str], wanted: str) -> int:
    if wanted in names:
        return names.index(wanted)
    hint = suggest(wanted, names, f"it has {_list_names(names)}")
    raise UsageError(f"{path} has no column {wanted!r}; {hint}", field="time")


def _find_time(path: Path, names: Sequence[str], cells: Sequence[str]) -> int:
    """Return the first column that begins with a stamp; a plain number might be a year and is none."""
    for index, cell in enumerate(cells[: len(names)]):
        if not is_finite_number(cell) and not is_missing(cell) and find_format(cell, OWN_FORMATS):
            return index
    seen = ", ".join(f"{n[:40]} ({c[:25]!r})" for n, c in zip(names[:SHOWN_COLUMNS], cells, strict=False))
    raise DataError(
        f"{path}: line {FIRST_DATA_LINE}: no column begins with a stamp such as 2009-01-01 00:10 or 01.01.2009 00:10: "
        f"{seen}; rewrite the stamps, or name a column of seconds since 1970 as the time column"
    )


def _holds_readings(cells: Sequence[str]) -> bool:
    return any(is_finite_number(cell) for cell in cells) or all(is_missing(cell) for cell in cells)


def _check_decimal_commas(path: Path, name: str, cells: Sequence[str]) -> None:
    """Refuse a column of numbers with decimal commas rather than leave it out as text."""
    readings = [cell for cell in cells if not is_missing(cell)]
    if all(_DECIMAL_COMMA.fullmatch(cell.strip(" ")) for cell in readings):
        shown = readings[0][:40]
        raise DataError(f"{path}: column {name!r}: numbers take a decimal point, not a comma; received {shown!r}")


def _list_names(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN_COLUMNS} more" if len(names) > SHOWN_COLUMNS else ""
    return ", ".join(name[:40] for name in names[:SHOWN_COLUMNS]) + more
