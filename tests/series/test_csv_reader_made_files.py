"""The CSV reader on files that nobody wrote: what it reads is what the bytes say, or it refuses in one line."""

import csv
import io
import math
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from rdrop_cli.errors import DataError
from rdrop_cli.series.csv_reader import Parsed, read_csv

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


def check(content: bytes) -> None:
    """Read a file: a refusal is one line that begins with the path, and what is taken says so in plain Python too."""
    with file_of(content) as path:
        try:
            parsed, refusal = read_csv(path), ""
        except DataError as error:
            parsed, refusal = None, str(error)
    if parsed:
        assert_says(content, parsed)
    else:
        assert refusal.startswith(f"{path}: ")
        assert refusal.isprintable()


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
