"""Convert data frames, from a Python program or from Parquet files, to tables of timestamps and numbers."""

import hashlib
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar

import numpy as np

from rdrop_cli.errors import DataError, UsageError, tell_extra
from rdrop_cli.series.content import Content
from rdrop_cli.series.csv.header import find_column, join_names
from rdrop_cli.series.csv.read import Groups, Table, drop_numbers, find_groups
from rdrop_cli.series.csv.time_columns import find_parts, find_time_columns, holds_timestamps, join_timestamp
from rdrop_cli.series.csv.timestamps import TimestampColumn
from rdrop_cli.study.reading import Reading

if TYPE_CHECKING:
    import pandas as pd

Found = TypeVar("Found")
TEXT_OPTIONS = ("decimal", "separator", "encoding")


def read_parquet(content: Content, reading: Reading) -> Table:
    """Read a Parquet file.

    Raises:
        UsageError: an option applies only to text files.
        DataError: the file cannot be read, or the library that reads it is not installed.
    """
    return read_frame(content.label, open_parquet(content, reading), reading)


def open_parquet(content: Content, reading: Reading) -> "pd.DataFrame":
    """Return the frame in a Parquet file; see `read_parquet`."""
    import pandas as pd

    return read_by_library(content, reading, TEXT_OPTIONS, pd.read_parquet)


def read_by_library(
    content: Content, reading: Reading, text_options: tuple[str, ...], read: Callable[[BinaryIO], Found]
) -> Found:
    """Read a file that is not text with a library of the extra `files`.

    Raises:
        UsageError: an option applies only to text files.
        DataError: the file cannot be read, or the library that reads it is not installed.
    """
    for option in text_options:
        if getattr(reading, option):
            raise UsageError(f"is of text files; {content.label} is {content.kind}", field=option)
    content.file.seek(0)
    try:
        found = read(content.file)
    except ImportError as error:
        raise DataError(f"{content.label}: {content.kind} needs another library: {tell_extra('files')}") from error
    except Exception as error:  # any error of the library
        raise DataError(f"{content.label}: cannot be read as {content.kind}: {str(error)[:120]}") from error
    content.check_unchanged()
    return found


def read_frame(label: str, frame: "pd.DataFrame", reading: Reading) -> Table:
    """Return a table with the timestamps of a frame, from its index or a column, and its columns of numbers.

    Raises:
        UsageError: an option names a column that does not exist.
        DataError: the frame has no timestamps, no rows or no numbers.
    """
    frame = _select_rows(label, frame, reading)
    names = [str(name) for name in frame.columns]
    times = _find_times(label, frame, reading)
    time = "+".join(times)
    timestamps, zoned = _convert_times(label, _join_times(frame, times), reading)
    chosen = {*times, *(name for name, _ in reading.conditions)}
    numbers = [name for name in names if name not in chosen and _holds_numbers(frame[name])]
    if not numbers:
        raise DataError(f"{label}: no column of numbers beside {time!r}")
    values = np.column_stack([_read_numbers(frame[name]) for name in numbers])
    values = drop_numbers(values, reading.missing)
    if np.isinf(values).any():
        raise DataError(f"{label}: column {numbers[int(np.isinf(values).any(axis=0).argmax())]!r}: holds infinity")
    return Table(
        timestamps=timestamps,
        columns=tuple(numbers),
        values=np.ascontiguousarray(values),
        lines=np.empty(0, np.int64),
        zoned=zoned,
        time_column=time,
        texts=tuple(name for name in names if name not in (*times, *numbers)),
    )


def find_groups_in_frame(label: str, frame: "pd.DataFrame", reading: Reading, table: Table) -> Groups | None:
    """Return the columns that separate the series of a frame in long form, and their values; None if there are none."""
    frame = _select_rows(label, frame, reading)
    times = _find_times(label, frame, reading)
    names = [str(name) for name in frame.columns if name not in times]
    rows = zip(*(_write_texts(frame[name]) for name in names), strict=True)
    return find_groups(dict(enumerate(names)), rows, table.timestamps)


def _select_rows(label: str, frame: "pd.DataFrame", reading: Reading) -> "pd.DataFrame":
    """Return a frame with an index of times or names as columns, names that are texts, and the rows that are chosen."""
    frame = frame.set_axis(_name_columns(frame), axis=1)
    if index_names := _name_index(frame.index):
        frame = frame.reset_index(names=index_names, allow_duplicates=True)  # checked below
    names = [str(name) for name in frame.columns]
    if len(set(names)) < len(names):
        raise DataError(f"{label}: column names must differ; received {', '.join(names)[:120]}")
    for name, value in reading.conditions:
        find_column(label, names, name, "where")
        frame = frame[frame[name].astype(str).str.strip() == value]
    if frame.empty:
        raise DataError(
            f"{label}: no readings" + (f" with ‹where› {', '.join(reading.where)}" if reading.where else "")
        )
    return frame


def _name_columns(frame: "pd.DataFrame") -> list[str]:
    """Return the names of the columns; those of several levels are joined as the header rows of a CSV are."""
    if frame.columns.nlevels == 1:
        return [str(name) for name in frame.columns]
    names = [[re.sub(r"Unnamed: \d+_level_\d+", "", str(part)).strip() for part in name] for name in frame.columns]
    return join_names([list(row) for row in zip(*names, strict=True)])


def _name_index(index: "pd.Index[Any]") -> list[str]:
    """Return names for the levels of an index that holds more than numbers of rows; empty for other indexes."""
    from pandas.api.types import is_numeric_dtype

    if index.nlevels > 1:
        return [f"index {number}" if name is None else str(name) for number, name in enumerate(index.names, start=1)]
    name = "" if index.name is None else str(index.name)
    column = index[:100].to_series()
    is_time = _is_time(column) or holds_timestamps(name, 1, _write_texts(column)) or bool(find_parts([name]))
    if is_time or (name and not is_numeric_dtype(index)):
        return [name or "time"]
    return []


def _is_time(column: "pd.Series[Any]") -> bool:
    """Return whether a column is of times or periods by its type."""
    import pandas as pd
    from pandas.api.types import is_datetime64_any_dtype

    return is_datetime64_any_dtype(column) or isinstance(column.dtype, pd.PeriodDtype)


def _holds_numbers(column: "pd.Series[Any]") -> bool:
    """Return whether a column holds real numbers; booleans and complex numbers count as text, as in a CSV."""
    from pandas.api.types import infer_dtype, is_bool_dtype, is_complex_dtype, is_numeric_dtype, is_object_dtype

    if is_object_dtype(column):  # databases return decimal numbers as objects
        return infer_dtype(column) in ("decimal", "integer", "floating", "mixed-integer-float")
    return is_numeric_dtype(column) and not is_bool_dtype(column) and not is_complex_dtype(column)


def _read_numbers(column: "pd.Series[Any]") -> np.ndarray:
    """Return a column's numbers; float32 becomes its shortest decimal number, -99.9 instead of -99.90000153."""
    values = column.to_numpy(np.float64, copy=True, na_value=np.nan)
    own: Any = column.dtype
    kind = np.dtype(getattr(own, "numpy_dtype", getattr(own, "subtype", own)))  # nullable, sparse
    if kind.kind != "f" or kind.itemsize >= values.itemsize:
        return values
    different, places = np.unique(values.astype(kind), return_inverse=True)
    return different.astype(str).astype(np.float64)[places]


def _find_times(label: str, frame: "pd.DataFrame", reading: Reading) -> list[str]:
    from pandas.api.types import is_numeric_dtype

    names = [str(name) for name in frame.columns]
    if reading.time:
        return [names[index] for index in find_time_columns(label, names, reading.time)]
    for name in names:
        if _is_time(frame[name]):
            return [name]
    parts = find_parts(names)
    for index, name in sorted(enumerate(names), key=lambda column: is_numeric_dtype(frame[column[1]])):
        texts = _write_texts(frame[name].head(100))
        try:
            TimestampColumn(label, name, reading.date_format).add(texts, range(len(texts)))
        except DataError:
            if not holds_timestamps(name, index, texts):  # a few invalid cells are reported later, by row
                continue
        return [names[part] for part in parts] if index in parts[:1] else [name]
    raise DataError(f"{label}: no column of timestamps; name it with ‹time›, or make it a DatetimeIndex")


def _join_times(frame: "pd.DataFrame", names: list[str]) -> "pd.Series[Any]":
    """Return the column of timestamps, or several columns joined into one of text."""
    import pandas as pd

    if len(names) == 1:
        return frame[names[0]]
    rows = zip(*(_write_texts(frame[name]) for name in names), strict=True)
    return pd.Series([join_timestamp(names, row) for row in rows], name="+".join(names), dtype=object)


def _write_texts(column: "pd.Series[Any]") -> list[str]:
    """Return the cells as text, as in a CSV; a missing cell becomes an empty text."""
    return column.astype(str).fillna("").tolist()


def _convert_times(label: str, column: "pd.Series[Any]", reading: Reading) -> tuple[np.ndarray, bool]:
    import pandas as pd

    if _is_time(column):
        if column.isna().any():
            raise DataError(f"{label}: column {str(column.name)!r}: row {int(column.isna().argmax())} has no time")
        times = pd.to_datetime(column.dt.to_timestamp() if isinstance(column.dtype, pd.PeriodDtype) else column)
        return pd.to_datetime(times, utc=True).to_numpy("datetime64[us]"), getattr(times.dtype, "tz", None) is not None
    texts = TimestampColumn(label, str(column.name), reading.date_format, "row")
    texts.add(_write_texts(column), range(len(column)))
    return texts.finish(), texts.zoned


def hash_table(table: Table) -> str:
    """Return a checksum of a table's columns, timestamps and values."""
    digest = hashlib.sha256(repr((table.columns, table.time_column)).encode())
    digest.update(table.timestamps.astype(np.int64).tobytes())
    digest.update(table.values.tobytes())
    return digest.hexdigest()
