"""Read a CSV of stamps and numbers, and say exactly where it is not one."""

import csv
import math
import warnings
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import numpy.typing as npt

from rdrop_cli.errors import DataError

FIRST_DATA_LINE = 2  # the header is line 1
MAX_COLUMNS = 10_000
MAX_HEADER_BYTES = 1 << 20
STAMP_FORMATS = ("%d.%m.%Y %H:%M:%S", "ISO8601")
Parsed = tuple[npt.NDArray[np.datetime64], tuple[str, ...], npt.NDArray[np.float64]]


def read_csv(path: Path) -> Parsed:
    """Read stamps (row,), column names and float64 values (row, column); the first column holds the stamps.

    Raises:
        DataError: naming the file, the line and the column of what is not a stamp or a finite number.
    """
    header = _read_header(path)
    table = _read_table(path, header)
    if not len(table):
        raise DataError(
            f"{path}: no readings below the header; expected lines of a stamp and {len(header) - 1} numbers"
        )
    values = np.ascontiguousarray(table["readings"])
    if not np.isfinite(values).all():
        raise _find_fault(path, header)
    return _parse_stamps(path, header[0], table["stamp"]), tuple(header[1:]), values


def _read_header(path: Path) -> list[str]:
    """Return the column names, after refusing what could only be guessed at."""
    try:
        with path.open("rb") as file:
            first = file.readline(MAX_HEADER_BYTES)
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from error
    try:
        text = first.decode("utf-8-sig").rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: is not UTF-8 text; save it as a UTF-8 CSV") from error
    if "\0" in text:
        raise DataError(f"{path}: holds NUL bytes (UTF-16 or binary?); save it as a UTF-8 CSV")
    if not text.strip():
        raise DataError(f"{path}: the first line is empty; expected column names separated by commas")
    if text.count('"') % 2:
        raise DataError(f"{path}: line 1: a quotation mark is not closed")
    try:
        header = [name.strip() for name in next(csv.reader([text]))]
    except csv.Error as error:  # a carriage return within the line, a name of more than 128 KiB
        raise DataError(f"{path}: line 1: {error}; expected column names separated by commas") from error
    _check_names(path, header)
    return header


def _check_names(path: Path, header: list[str]) -> None:
    if len(header) < 2:
        raise DataError(f"{path}: the first line {header[0][:60]!r} has one column; expected names separated by commas")
    if len(header) > MAX_COLUMNS:
        raise DataError(f"{path}: {len(header)} columns; at most {MAX_COLUMNS} can be read")
    for name, count in Counter(header).items():
        if count > 1 or not name or not name.isprintable():
            raise DataError(
                f"{path}: line 1: column names must differ and not be empty, all of it printable; "
                f"received {name[:60]!r} {'once' if count == 1 else f'{count} times'}"
            )


def _read_table(path: Path, header: list[str]) -> npt.NDArray[np.void]:
    """Return one record a row; numpy's reader takes neither a row of another length nor a word for a number."""
    row = [("stamp", np.object_), ("readings", np.float64, (len(header) - 1,))]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # "input contained no data": told by the caller
        try:
            return np.loadtxt(
                path, dtype=row, delimiter=",", skiprows=1, comments=None, quotechar='"', encoding="utf-8", ndmin=1
            )
        except ValueError as error:  # UnicodeDecodeError is one
            raise _find_fault(path, header) from error


def _find_fault(path: Path, header: list[str]) -> DataError:
    """Name the first cell that is no finite number, or the first row of another length."""
    for line, cells in _number_rows(path):
        if fault := _describe_fault(header, cells):
            return DataError(f"{path}: line {line}{fault}")
    return DataError(f"{path}: holds what is not a number")


def _number_rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield the line and the cells of every row below the header, blank lines left out."""
    with path.open(encoding="utf-8", errors="replace", newline="") as file:
        file.readline()
        rows = csv.reader(file, strict=True)
        line = FIRST_DATA_LINE
        try:
            for cells in rows:
                if cells:
                    yield line, cells
                line = FIRST_DATA_LINE + rows.line_num
        except csv.Error as error:
            raise DataError(f"{path}: line {line}: {error}") from error


def _describe_fault(header: list[str], cells: list[str]) -> str | None:
    for name, cell in zip(header[1:], cells[1:], strict=False):
        if not _is_finite_number(cell):
            return f", column {name!r}: expected a number, received {cell[:40]!r}"
    if len(cells) < len(header):
        return f", column {header[len(cells)]!r}: missing: the row has {len(cells)} of {len(header)} cells"
    if len(cells) > len(header):
        return f": expected {len(header)} cells, received {len(cells)}; numbers take a decimal point, not a comma"
    return None


def _is_finite_number(cell: str) -> bool:
    try:
        return math.isfinite(float(cell)) and cell.isascii() and cell.isprintable() and "_" not in cell
    except ValueError:
        return False


def _parse_stamps(path: Path, column: str, texts: npt.NDArray[np.object_]) -> npt.NDArray[np.datetime64]:
    """Parse `31.12.2016 23:50:00` or ISO 8601, in UTC where a zone is named; one format for the whole file."""
    import pandas as pd

    series = pd.Series(texts)
    for stamp_format in STAMP_FORMATS:
        if not pd.to_datetime(series.iloc[:1], format=stamp_format, errors="coerce", utc=True).isna().any():
            break
    stamps = pd.to_datetime(series, format=stamp_format, errors="coerce", utc=True)
    bad = stamps.isna().to_numpy()
    if bad.any():
        line, cells = next(islice(_number_rows(path), int(bad.argmax()), None))
        raise DataError(
            f"{path}: line {line}, column {column!r}: expected a stamp such as "
            f"01.01.2009 00:10:00 or 2009-01-01 00:10:00, received {cells[0][:40]!r}"
        )
    return stamps.to_numpy("datetime64[s]")
