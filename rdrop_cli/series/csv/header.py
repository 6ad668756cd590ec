"""The first line of a CSV: the names of its columns, and what stands between them."""

import csv
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from rdrop_cli.errors import DataError

MAX_COLUMNS = 10_000
MAX_HEADER_BYTES = 1 << 20
COMMA = (",",)
SEPARATORS = (",", ";", "\t")


def read_header(path: Path, separators: Sequence[str] = COMMA) -> tuple[list[str], str]:
    """Return the column names and the separator: of those that may be, the one that makes the most names.

    Raises:
        DataError: it cannot be read, or could only be guessed at.
    """
    text = _read_first_line(path)
    return max(((_split(path, text, mark), mark) for mark in separators), key=lambda found: len(found[0]))


def _read_first_line(path: Path) -> str:
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
    return text


def _split(path: Path, text: str, separator: str) -> list[str]:
    try:
        return [name.strip() for name in next(csv.reader([text], delimiter=separator))]
    except csv.Error as error:  # a carriage return within the line, a name of more than 128 KiB
        raise DataError(f"{path}: line 1: {error}; expected column names separated by commas") from error


def check_names(path: Path, header: Sequence[str], separators: str = "commas") -> None:
    """Check that there are at least two names, that they differ, and that they can be shown.

    Raises:
        DataError: naming the first that cannot stand.
    """
    if len(header) < 2:
        raise DataError(
            f"{path}: the first line {header[0][:60]!r} has one column; expected names separated by {separators}"
        )
    if len(header) > MAX_COLUMNS:
        raise DataError(f"{path}: {len(header)} columns; at most {MAX_COLUMNS} can be read")
    for name, count in Counter(header).items():
        if count > 1 or not name or not name.isprintable():
            raise DataError(
                f"{path}: line 1: column names must differ and not be empty, all of it printable; "
                f"received {name[:60]!r} {'once' if count == 1 else f'{count} times'}"
            )
