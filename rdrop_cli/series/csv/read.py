"""Read a CSV of stamps and numbers, and say exactly where it is not one."""

import warnings
from collections.abc import Callable, Mapping
from itertools import groupby, islice
from pathlib import Path

import numpy as np
import numpy.typing as npt

from rdrop_cli.errors import DataError
from rdrop_cli.series.csv.cells import is_finite_number, is_missing, iterate_rows, parse_reading
from rdrop_cli.series.csv.layout import Layout, expect_published_layout
from rdrop_cli.series.csv.timestamps import EPOCH, parse_stamps

Parsed = tuple[npt.NDArray[np.datetime64], tuple[str, ...], npt.NDArray[np.float64]]


def read_csv(path: Path) -> Parsed:
    """Read a file in the published form: stamps in the first column, and a finite number in every other cell.

    Returns:
        Stamps (row,), column names, and float64 values (row, column).

    Raises:
        DataError: naming the file, the line and the column of what is not a stamp or a finite number.
    """
    return read_by_layout(path, expect_published_layout(path))


def read_by_layout(path: Path, layout: Layout) -> Parsed:
    """Read stamps (row,), names of the columns of readings, and float64 values (row, column), NaN where one is missing.

    Raises:
        DataError: naming the file, the line and the column of what is not what the layout says.
    """
    table = _read_table(path, layout)
    if not len(table):
        raise DataError(
            f"{path}: no readings below the header; expected lines of a stamp and {len(layout.numbers)} numbers"
        )
    readings = [table[name] for name in table.dtype.names or () if name.startswith("readings")]
    values = np.ascontiguousarray(readings[0]) if len(readings) == 1 else np.concatenate(readings, axis=1)
    if (np.isinf(values) if layout.may_miss else ~np.isfinite(values)).any():
        raise _find_fault(path, layout)
    return _read_stamps(path, layout, table["stamp"]), layout.number_columns, values


def _read_table(path: Path, layout: Layout) -> npt.NDArray[np.void]:
    """Return one record a row, by numpy's reader; in a second go cell by cell, where readings may be missing."""
    try:
        return _load(path, layout)
    except ValueError as error:  # UnicodeDecodeError is one
        if not layout.may_miss:
            raise _find_fault(path, layout) from error
    try:
        return _load(path, layout, dict.fromkeys(layout.numbers, parse_reading))
    except ValueError as error:
        raise _find_fault(path, layout) from error


def _load(
    path: Path, layout: Layout, converters: Mapping[int | str, Callable[[str], float]] | None = None
) -> npt.NDArray[np.void]:
    """Read records whose fields are the stamp, and columns of readings side by side as one.

    numpy's reader takes neither a row of another length nor a word for a number.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # "input contained no data": told by the caller
        return np.loadtxt(
            path,
            dtype=_make_record(layout),
            delimiter=layout.separator,
            skiprows=1,
            comments=None,
            quotechar='"',
            encoding="utf-8",
            ndmin=1,
            converters=converters,
        )


def _make_record(layout: Layout) -> np.dtype[np.void]:
    kinds = ["text"] * len(layout.names)
    kinds[layout.time] = "stamp"
    for index in layout.numbers:
        kinds[index] = "readings"
    fields: list[tuple[object, ...]] = []
    start = 0
    for kind, group in groupby(kinds):
        width = len(list(group))
        if kind == "stamp":
            fields.append(("stamp", np.object_))
        elif kind == "readings":
            fields.append((f"readings {start}", np.float64, (width,)))
        else:
            fields.append((f"text {start}", "U1", (width,)))  # is not kept
        start += width
    return np.dtype(fields)


def _find_fault(path: Path, layout: Layout) -> DataError:
    """Name the first cell that is no finite number, or the first row of another length."""
    for line, cells in iterate_rows(path, layout.separator):
        if fault := _describe_fault(layout, cells):
            return DataError(f"{path}: line {line}{fault}")
    return DataError(f"{path}: holds what is not a number")


def _describe_fault(layout: Layout, cells: list[str]) -> str | None:
    for index in layout.numbers:
        if index < len(cells) and not (
            is_finite_number(cells[index]) or (layout.may_miss and is_missing(cells[index]))
        ):
            return f", column {layout.names[index]!r}: expected a number, received {cells[index][:40]!r}"
    expected = len(layout.names)
    if len(cells) < expected:
        missing = layout.names[len(cells)]
        return f", column {missing!r}: missing: the row has {len(cells)} of {expected} cells"
    if len(cells) > expected:
        return f": expected {expected} cells, received {len(cells)}; numbers take a decimal point, not a comma"
    return None


def _read_stamps(path: Path, layout: Layout, texts: npt.NDArray[np.object_]) -> npt.NDArray[np.datetime64]:
    stamps, bad = parse_stamps(texts, layout.stamp_formats)
    if bad.any():
        line, cells = next(islice(iterate_rows(path, layout.separator), int(bad.argmax()), None))
        seconds = f" or {EPOCH}" if EPOCH in layout.stamp_formats else ""
        raise DataError(
            f"{path}: line {line}, column {layout.time_column!r}: expected a stamp such as "
            f"01.01.2009 00:10:00 or 2009-01-01 00:10:00{seconds}, received {cells[layout.time][:40]!r}"
        )
    return stamps
