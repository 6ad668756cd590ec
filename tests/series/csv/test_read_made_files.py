"""The CSV reader on files that nobody wrote: what it reads is what the bytes say, or it refuses in one line."""

import csv
import io
import math
import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TypeVar

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from rdrop_cli.series.csv.cells import MISSING

from rdrop_cli.errors import DataError
from rdrop_cli.series.csv.layout import Layout, infer_layout
from rdrop_cli.series.csv.read import Parsed, read_by_layout, read_csv

T = TypeVar("T")
STATION = "%d.%m.%Y %H:%M:%S"
ISO = "%Y-%m-%d %H:%M:%S"
STAMPS = st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1)).map(lambda stamp: stamp.replace(microsecond=0))
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
NAMES = st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "S"]), min_size=1, max_size=8)
DAMAGES = ["", *',;.-ex \t\n\r"#\0\ufeff°', "\r\n", '""', "nan", "True"]
PIECES = [*"0123456789.,;:-+eTZ \t\r\n\"'#\0°", "nan", "inf", "1.5", "01.01.2009 00:10:00,", "2009-01-01,"]
ANY_TEXT = st.lists(st.sampled_from(PIECES), max_size=30).map("".join)


@contextmanager
def file_of(content: bytes) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "made.csv"
        path.write_bytes(content)
        yield path


@st.composite
def tables(draw: st.DrawFn) -> tuple[list[str], list[datetime], list[list[float]]]:
    """Names, stamps in any order, and rows of numbers."""
    names = draw(st.lists(NAMES, min_size=2, max_size=5, unique=True))
    row = st.tuples(STAMPS, st.lists(NUMBERS, min_size=len(names) - 1, max_size=len(names) - 1))
    stamps, values = zip(*draw(st.lists(row, min_size=1, max_size=6)), strict=True)
    return names, list(stamps), list(values)


@given(
    table=tables(),
    stamp_format=st.sampled_from([STATION, ISO]),
    line_end=st.sampled_from(["\n", "\r\n"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig"]),
    closed=st.booleans(),
)
@settings(max_examples=150)
def test_a_good_file_is_read_to_the_last_bit(
    table: tuple[list[str], list[datetime], list[list[float]]],
    stamp_format: str,
    line_end: str,
    quoting: int,
    encoding: str,
    closed: bool,
) -> None:
    names, stamps, values = table
    text = io.StringIO()
    writer = csv.writer(text, lineterminator=line_end, quoting=quoting)
    writer.writerow(names)
    writer.writerows([stamp.strftime(stamp_format), *row] for stamp, row in zip(stamps, values, strict=True))
    written = text.getvalue() if closed else text.getvalue().removesuffix(line_end)
    with file_of(written.encode(encoding)) as path:
        read_stamps, columns, read_values = read_csv(path)
    assert columns == tuple(names[1:])
    assert read_stamps.tolist() == stamps
    assert np.array_equal(read_values, np.array(values))


@given(data=st.data(), rows=st.integers(1, 4))
@settings(max_examples=400)
def test_a_damaged_file_is_refused_or_means_what_it_says(data: st.DataObject, rows: int) -> None:
    good = "Date Time,a,b\n" + "".join(f"0{day}.01.2009 00:10:00,-8.{day}2,1{day}.5\n" for day in range(1, rows + 1))
    start = data.draw(st.integers(0, len(good)), label="from")
    stop = data.draw(st.integers(start, min(start + 3, len(good))), label="to")
    damage = data.draw(st.sampled_from(DAMAGES), label="becomes")
    check(f"{good[:start]}{damage}{good[stop:]}".encode())


@given(ANY_TEXT, st.sampled_from(["", "Date Time,a\n", '"Date Time","a","b"\n']))
@settings(max_examples=200)
def test_any_text_is_refused_or_means_what_it_says(text: str, header: str) -> None:
    check((header + text).encode())


@given(st.binary(max_size=80), st.sampled_from([b"", b"Date Time,a\n"]))
@settings(max_examples=100)
def test_any_bytes_are_refused_or_mean_what_they_say(content: bytes, header: bytes) -> None:
    check(header + content)


@st.composite
def own_files(draw: st.DrawFn) -> tuple[str, str, int, list[list[str]]]:
    """A separator, a header, the index of the stamps, and rows of cells: numbers, missing ones, sometimes text."""
    separator = draw(st.sampled_from([",", ";", "\t"]))
    columns = draw(st.integers(1, 4))
    missing = st.sampled_from([*sorted(MISSING), "NaN", "nan"])
    rows = draw(
        st.lists(st.lists(NUMBERS.map(str) | missing, min_size=columns, max_size=columns), min_size=1, max_size=6)
    )
    rows.append(["1.5"] * columns)  # or a column might hold no number
    time, text = draw(st.integers(0, columns)), draw(st.booleans())
    for hour, row in enumerate(rows):
        row.insert(time, f"2009-01-01 0{hour}:00")
        if text:
            row.append(draw(st.sampled_from(["on", "off", "a;b", 'say "no"'])))
    return separator, separator.join(f"c{n}" for n in range(len(rows[0]))), time, rows


@given(own_files())
@settings(max_examples=150)
def test_a_file_of_the_users_is_read_to_the_last_bit(made: tuple[str, str, int, list[list[str]]]) -> None:
    separator, header, time, rows = made
    text = io.StringIO()
    csv.writer(text, delimiter=separator).writerows(rows)
    with file_of(f"{header}\r\n{text.getvalue()}".encode()) as path:
        layout = infer_layout(path)
        stamps, columns, values = read_by_layout(path, layout)
    assert (layout.time, layout.separator) == (time, separator)
    assert stamps.astype(str).tolist() == [f"2009-01-01T0{hour}:00:00" for hour in range(len(rows))]
    assert columns == tuple(f"c{n}" for n in layout.numbers)
    expected = [[math.nan if row[n] in MISSING else float(row[n]) for n in layout.numbers] for row in rows]
    assert np.array_equal(values, np.array(expected), equal_nan=True)


def check(content: bytes) -> None:
    """Read a file in both ways: a refusal is one line with the path, and what is taken says so in plain Python too."""
    with file_of(content) as path:
        parsed = read_or_refuse(path, lambda: read_csv(path))
        layout = read_or_refuse(path, lambda: infer_layout(path))
        own = read_or_refuse(path, lambda: read_by_layout(path, layout)) if layout else None
    if parsed:
        assert_says(content, parsed)
    if layout and own:
        assert_means(content, layout, own)
        if parsed and layout.separator == "," and layout.time == 0 and len(layout.numbers) == len(parsed[1]):
            assert [part.tolist() for part in map(np.asarray, own)] == [
                part.tolist() for part in map(np.asarray, parsed)
            ]


def read_or_refuse(path: Path, read: Callable[[], T]) -> T | None:
    try:
        found, refusal = read(), ""
    except DataError as error:
        found, refusal = None, str(error)
    assert found is not None or refusal.startswith(f"{path}: ")
    assert refusal.isprintable()
    return found


def assert_means(content: bytes, layout: Layout, parsed: Parsed) -> None:
    """Compare what was read by an inferred layout with a reading by Python's own csv module."""
    stamps, columns, values = parsed
    text = io.StringIO(content.decode("utf-8-sig"), newline="")
    header, *rows = [row for row in csv.reader(text, delimiter=layout.separator) if row]
    assert len(header) == max(len(next(csv.reader([header_line(content)], delimiter=mark))) for mark in ",;\t")
    assert columns == tuple(header[index].strip() for index in layout.numbers)
    assert layout.time not in layout.numbers
    assert {len(row) for row in rows} == {len(header)}
    for index, column in zip(layout.numbers, values.T, strict=True):
        cells = [row[index].strip(" ") for row in rows]
        expected = [math.nan if cell in MISSING else float(cell) for cell in cells]
        assert not np.isinf(column).any()
        assert np.array_equal(column, expected, equal_nan=True)
    for index in set(range(len(header))) - {layout.time, *layout.numbers}:
        assert not any(is_number(row[index]) for row in rows)
    assert len(stamps) == len(rows)
    assert all(stamp.year > 0 for stamp in stamps.tolist())
    assert not is_number(rows[0][layout.time])


def header_line(content: bytes) -> str:
    return content.decode("utf-8-sig").split("\n")[0].rstrip("\r")


def is_number(cell: str) -> bool:
    """Tell whether a cell is a number that is plainly written."""
    return re.fullmatch(r"[+-]?\d+(\.\d*)?", cell, re.ASCII) is not None


def assert_says(content: bytes, parsed: Parsed) -> None:
    """Compare with a reading by Python's own csv module, which guesses nothing."""
    stamps, columns, values = parsed
    text = content.decode("utf-8-sig")
    assert "\0" not in text
    header, *rows = [row for row in csv.reader(io.StringIO(text, newline="")) if row]
    assert columns == tuple(name.strip() for name in header[1:])
    assert {len(row) for row in rows} == {len(header)}
    numbers = [[float(cell) for cell in row[1:]] for row in rows]
    assert all(math.isfinite(number) for row in numbers for number in row)
    assert values.tolist() == numbers
    assert len(stamps) == len(rows)
    for stamp, row in zip(stamps.tolist(), rows, strict=True):
        assert stamp.year > 0
        if row[0].count(".") == 2:
            assert stamp == datetime.strptime(row[0], STATION)
