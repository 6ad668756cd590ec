"""The CSV reader on files that nobody wrote: what it reads is what the bytes say, or it refuses in one line."""

import csv
import io
import math
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from rdrop_cli.errors import DataError
from rdrop_cli.series.content import open_content
from rdrop_cli.series.csv.numbers import MISSING
from rdrop_cli.series.csv.read import Table, read_csv
from rdrop_cli.series.jena import read_published
from rdrop_cli.study.reading import Reading

STATION = "%d.%m.%Y %H:%M:%S"
ISO = "%Y-%m-%d %H:%M:%S"
TIMES = st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1)).map(lambda time: time.replace(microsecond=0))
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
NAMES = st.text("abcdefgäöü°%µ()[] ", min_size=1, max_size=8).map(str.strip).filter(bool)
DAMAGES = ["", *',;.-ex \t\n\r"#\0\ufeff°', "\r\n", '""', "nan", "True"]
PIECES = [*"0123456789.,;:-+eTZ \t\r\n\"'#\0°", "nan", "inf", "1.5", "01.01.2009 00:10:00,", "2009-01-01,"]
ANY_TEXT = st.lists(st.sampled_from(PIECES), max_size=30).map("".join)


@contextmanager
def file_of(content: bytes) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "made.csv"
        path.write_bytes(content)
        yield path


def read(path: Path, **reading: str) -> Table:
    with open_content(str(path)) as content:
        return read_csv(content, Reading(**reading))


@st.composite
def tables(draw: st.DrawFn) -> tuple[list[str], list[datetime], list[list[float]]]:
    """Names, times in any order, and rows of numbers."""
    names = draw(st.lists(NAMES, min_size=2, max_size=5, unique=True))
    row = st.tuples(TIMES, st.lists(NUMBERS, min_size=len(names) - 1, max_size=len(names) - 1))
    times, values = zip(*draw(st.lists(row, min_size=1, max_size=6)), strict=True)
    return names, list(times), list(values)


@given(
    table=tables(),
    form=st.sampled_from([STATION, ISO]),
    line_end=st.sampled_from(["\n", "\r\n"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig"]),
    closed=st.booleans(),
)
@settings(max_examples=150)
def test_a_good_file_is_read_to_the_last_bit(
    table: tuple[list[str], list[datetime], list[list[float]]],
    form: str,
    line_end: str,
    quoting: int,
    encoding: str,
    closed: bool,
) -> None:
    names, times, values = table
    text = io.StringIO()
    writer = csv.writer(text, lineterminator=line_end, quoting=quoting)
    writer.writerow(names)
    writer.writerows([time.strftime(form), *row] for time, row in zip(times, values, strict=True))
    written = text.getvalue() if closed else text.getvalue().removesuffix(line_end)
    with file_of(written.encode(encoding)) as path:
        found = read_published(path)
    assert found.columns == tuple(names[1:])
    assert found.timestamps.tolist() == times
    assert np.array_equal(found.values, np.array(values))


@given(
    rows=st.lists(st.lists(st.floats(-1e6, 1e6) | st.none(), min_size=3, max_size=3), min_size=12, max_size=20),
    separator=st.sampled_from([",", ";", "\t", "|"]),
    decimal=st.sampled_from([".", ","]),
    time=st.integers(0, 3),
)
@settings(max_examples=100)
def test_a_file_of_the_users_is_read_to_the_last_bit(
    rows: list[list[float | None]], separator: str, decimal: str, time: int
) -> None:
    cells = [["" if x is None else f"{x:.6f}".replace(".", decimal) for x in row] for row in rows]
    for hour, row in enumerate(cells):
        row.insert(time, f"2009-01-01 {hour:02}:00")
    text = io.StringIO()
    csv.writer(text, delimiter=separator).writerows([["a", "b", "c", "d"], *cells])
    with file_of(text.getvalue().encode()) as path:
        found = read(path)
    expected = [[math.nan if x is None else float(f"{x:.6f}") for x in row] for row in rows]
    assert found.time_column == "abcd"[time]
    assert np.array_equal(found.values, np.array(expected), equal_nan=True)
    assert found.lines.tolist() == list(range(2, len(rows) + 2))


@given(data=st.data(), rows=st.integers(1, 4))
@settings(max_examples=300)
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
    """Read a file: a refusal is one line with the path, and what is taken says so in plain Python too."""
    with file_of(content) as path:
        try:
            table, refusal = read(path), ""
        except DataError as error:
            table, refusal = None, str(error)
    assert refusal.isprintable()
    if table is None:
        assert refusal.startswith(f"{path}: ")
        return
    assert len(table.timestamps) == len(table.lines) == len(table.values) > 0
    assert not np.isinf(table.values).any()
    assert all(name.isprintable() for name in (*table.columns, *table.texts, *table.notes))
    if not content.isascii() or any("(--encoding)" in note for note in table.notes):
        return
    assert_says(content.decode("ascii"), table)


def assert_says(text: str, table: Table) -> None:
    """Check that every reading stands in its line, as its file writes numbers."""
    lines = re.split("\r\n?|\n", text) if '"' not in text else None  # `splitlines` also splits at \x1d
    for line, row in zip(table.lines, table.values, strict=True):
        if lines is None:
            return
        shown = lines[line - 1].replace(",", ".").replace(" ", "")
        for number in row:
            if not math.isnan(number):
                digits = f"{abs(number):.15g}".split("e")[0].replace(".", "").strip("0")
                assert digits in shown.replace(".", "").replace("0", "") or set(digits) - set("0") <= set(shown)
            else:
                assert any(word in lines[line - 1] for word in MISSING)
