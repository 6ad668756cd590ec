"""Read a CSV of stamps and numbers, and say exactly where it is not one."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from rdrop_cli.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

FIRST_DATA_LINE = 2  # the header is line 1
MAX_COLUMNS = 10_000
STAMP_FORMATS = ("%d.%m.%Y %H:%M:%S", "ISO8601")
Parsed = tuple[npt.NDArray[np.datetime64], tuple[str, ...], npt.NDArray[np.float64]]


def read_csv(path: Path) -> Parsed:
    """Read stamps (row,), column names and float64 values (row, column); the first column holds the stamps.

    Raises:
        DataError: naming the file, the line and the column of what is not a stamp or a finite number.
    """
    header = _read_header(path)
    table = _read_table(path, header)
    if table.empty:
        raise DataError(
            f"{path}: no readings below the header; expected lines of a stamp and {len(header) - 1} numbers"
        )
    values = table[header[1:]].to_numpy(np.float64)
    bad = np.argwhere(~np.isfinite(values))
    if len(bad):
        row, column = bad[0]
        raise DataError(
            f"{path}: line {row + FIRST_DATA_LINE}, column {header[column + 1]!r}: missing or not finite; "
            f"every reading must be a number ({len(bad)} such cells)"
        )
    return _parse_stamps(path, table[header[0]]), tuple(header[1:]), values


def _read_header(path: Path) -> list[str]:
    """Return the column names, after refusing what pandas would guess its way through."""
    import csv

    try:
        with path.open("rb") as file:
            first = file.readline(1 << 20)
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from error
    try:
        text = first.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: is not UTF-8 text; save it as a UTF-8 CSV") from error
    if "\0" in text:
        raise DataError(f"{path}: holds NUL bytes (UTF-16 or binary?); save it as a UTF-8 CSV")
    if not text.strip():
        raise DataError(f"{path}: the first line is empty; expected column names separated by commas")
    header = [name.strip() for name in next(csv.reader([text]))]
    if len(header) < 2:
        raise DataError(
            f"{path}: the first line {text.strip()[:60]!r} has one column; expected names separated by commas"
        )
    if len(header) > MAX_COLUMNS:
        raise DataError(f"{path}: {len(header)} columns; at most {MAX_COLUMNS} can be read")
    repeated = sorted({name for name in header if header.count(name) > 1})
    if repeated or "" in header:
        raise DataError(f"{path}: line 1: column names must differ and not be empty; received {repeated or header}")
    return header


def _read_table(path: Path, header: list[str]) -> "pd.DataFrame":
    import pandas as pd

    def read(number_type: type) -> "pd.DataFrame":
        return pd.read_csv(
            path,
            names=header,
            skiprows=1,
            index_col=False,
            dtype={header[0]: str, **dict.fromkeys(header[1:], number_type)},
            encoding="utf-8",
            skip_blank_lines=False,
        )

    try:
        return read(float)
    except (ValueError, pd.errors.ParserError) as error:  # a text cell, a row too long, a byte that is not UTF-8
        try:
            table = read(str)
        except (ValueError, pd.errors.ParserError):
            raise DataError(f"{path}: {' '.join(str(error).split())}") from error
        raise _find_text_cell(path, table) from error


def _find_text_cell(path: Path, table: "pd.DataFrame") -> DataError:
    """Name the first cell that holds text where a number is due."""
    import pandas as pd

    found = []
    for column in table.columns[1:]:
        bad = pd.to_numeric(table[column], errors="coerce").isna() & table[column].notna()
        if bad.any():
            found.append((int(bad.to_numpy().argmax()), column))
    if not found:
        return DataError(f"{path}: holds what is not a number")
    row, column = min(found)
    text = str(table[column].iloc[row])[:40]
    return DataError(f"{path}: line {row + FIRST_DATA_LINE}, column {column!r}: expected a number, received {text!r}")


def _parse_stamps(path: Path, texts: "pd.Series") -> npt.NDArray[np.datetime64]:
    """Parse `31.12.2016 23:50:00` or ISO 8601; one format for the whole file, told by its first stamp."""
    import pandas as pd

    for stamp_format in STAMP_FORMATS:
        if not pd.isna(pd.to_datetime(texts.iloc[:1], format=stamp_format, errors="coerce")).any():
            stamps = pd.to_datetime(texts, format=stamp_format, errors="coerce")
            break
    else:
        stamps = pd.Series([pd.NaT])
    bad = stamps.isna().to_numpy()
    if bad.any():
        row = int(bad.argmax())
        raise DataError(
            f"{path}: line {row + FIRST_DATA_LINE}, column {texts.name!r}: expected a stamp such as "
            f"01.01.2009 00:10:00 or 2009-01-01 00:10:00, received {str(texts.iloc[row])[:40]!r}"
        )
    return stamps.to_numpy("datetime64[s]")
