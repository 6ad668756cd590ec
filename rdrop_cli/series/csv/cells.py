"""The cells of a CSV one by one, as Python's csv module has them: slow, exact, and able to say where something is."""

import csv
import math
from collections.abc import Iterator
from pathlib import Path

from rdrop_cli.errors import DataError

FIRST_DATA_LINE = 2  # the header is line 1
MISSING = frozenset(("", "NA", "N/A", "n/a", "null", "NULL", "None"))  # beside NaN, which is a number to Python


def iterate_rows(path: Path, separator: str = ",") -> Iterator[tuple[int, list[str]]]:
    """Yield the line and the cells of every row below the header, blank lines left out.

    Raises:
        DataError: quotation marks that are not closed, or what else is no CSV, by line.
    """
    with path.open(encoding="utf-8", errors="replace", newline="") as file:
        file.readline()
        rows = csv.reader(file, strict=True, delimiter=separator)
        line = FIRST_DATA_LINE
        try:
            for cells in rows:
                if cells:
                    yield line, cells
                line = FIRST_DATA_LINE + rows.line_num
        except csv.Error as error:
            raise DataError(f"{path}: line {line}: {error}") from error


def is_finite_number(cell: str) -> bool:
    """Tell whether a cell is a number as numpy's reader takes it, and finite."""
    try:
        return math.isfinite(float(cell)) and cell.isascii() and cell.isprintable() and "_" not in cell
    except ValueError:
        return False


def is_missing(cell: str) -> bool:
    """Tell whether a cell says that there is no reading."""
    return cell.strip(" ") in MISSING or cell.strip(" ").lower() in ("nan", "+nan", "-nan")


def parse_reading(cell: str) -> float:
    """Return a finite number, or NaN for a missing reading.

    Raises:
        ValueError: it is neither.
    """
    if is_missing(cell):
        return math.nan
    if not is_finite_number(cell):
        raise ValueError(cell)
    return float(cell)
