"""What the CSV reader takes, and how it names what it does not take."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from rdrop_cli.errors import DataError
from rdrop_cli.series.csv import layout
from rdrop_cli.series.csv.layout import MAX_COLUMNS
from rdrop_cli.series.jena import read_published

HEADER = b'"Date Time","T (degC)","wv (m/s)"\n'
ROW_2 = b"01.01.2009 00:10:00,-8.02,1.03\n"
ROW_3 = b"01.01.2009 00:20:00,-8.41,0.72\n"
ROW_4 = b"01.01.2009 00:30:00,-8.51,0.19\n"
GOOD = HEADER + ROW_2 + ROW_3 + ROW_4
BOM = b"\xef\xbb\xbf"
LONGEST_MESSAGE = 400  # of what follows the path


def read_csv(path):
    table = read_published(path)
    return table.timestamps.astype("datetime64[s]"), table.columns, table.values


Write = Callable[[bytes], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a file of the given bytes."""

    def write_bytes(content: bytes) -> Path:
        path = tmp_path / "weather.csv"
        path.write_bytes(content)
        return path

    return write_bytes


def refuse(path: Path) -> str:
    """Return what the one-line message of a refusal says after the path."""
    with pytest.raises(DataError) as caught:
        read_csv(path)
    message = str(caught.value)
    assert message.isprintable()
    assert message.startswith(f"{path}: ")
    said = message.removeprefix(f"{path}: ")
    assert len(said) < LONGEST_MESSAGE
    return said


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(GOOD, id="as the station writes it"),
        pytest.param(GOOD.replace(b"\n", b"\r\n"), id="CRLF"),
        pytest.param(BOM + GOOD, id="BOM"),
        pytest.param(GOOD[:-1], id="no line end at the end"),
        pytest.param(GOOD.replace(b'"', b""), id="header without quotes"),
        pytest.param(GOOD.replace(b"-8.02", b'"-8.02"'), id="quoted number"),
        pytest.param(GOOD.replace(b",-8.02", b", -8.02"), id="blank before a number"),
        pytest.param(GOOD.replace(b'"', b"").replace(b"e,T", b"e , T"), id="blanks in the header"),
        pytest.param(GOOD.replace(b"-8.02", b"-802e-2"), id="exponent"),
        pytest.param(GOOD.replace(b"01.01.2009", b"2009-01-01"), id="ISO 8601 with a blank"),
        pytest.param(GOOD.replace(b"01.01.2009 ", b"2009-01-01T"), id="ISO 8601 with a T"),
        pytest.param(GOOD.replace(b":00,", b":00Z,").replace(b"01.01.2009 ", b"2009-01-01T"), id="ISO 8601 in UTC"),
    ],
)
def test_stamps_names_and_numbers_are_read(write: Write, content: bytes) -> None:
    stamps, columns, values = read_csv(write(content))
    assert stamps.dtype == np.dtype("datetime64[s]")
    assert stamps.astype(str).tolist() == [f"2009-01-01T00:{minute}:00" for minute in (10, 20, 30)]
    assert columns == ("T (degC)", "wv (m/s)")
    assert values.dtype == np.float64
    assert values.tolist() == [[-8.02, 1.03], [-8.41, 0.72], [-8.51, 0.19]]


def test_days_come_before_months(write: Write) -> None:
    stamps, _, _ = read_csv(write(HEADER + b"02.01.2009 00:10:00,1,2\n31.12.2016 23:50:00,1,2\n"))
    assert stamps.astype(str).tolist() == ["2009-01-02T00:10:00", "2016-12-31T23:50:00"]


def test_stamps_that_name_their_zone_are_turned_into_utc_across_summer_time(write: Write) -> None:
    rows = b"2009-03-29T01:50:00+01:00,1,2\n2009-03-29T03:00:00+02:00,1,2\n"
    stamps, _, _ = read_csv(write(HEADER + rows))
    assert stamps.astype(str).tolist() == ["2009-03-29T00:50:00", "2009-03-29T01:00:00"]


def test_a_constant_column_and_one_row_are_no_concern_of_the_reader(write: Write) -> None:
    assert read_csv(write(HEADER + ROW_2))[2].shape == (1, 2)
    assert np.ptp(read_csv(write(HEADER + ROW_2 * 3))[2], axis=0).tolist() == [0, 0]


@pytest.mark.parametrize(
    "cell",
    [b"", b"NA", b"nan", b"NaN", b"None", b"inf", b"-inf", b"1e999", b"n/a", b"-", b"?", b"#", b"1.2.3", b"1 2",
     b"0x10", b"1_0", b"1e", b"True", b'"1,5"', b'"a ""quoted"" text"',      "٣".encode()],
)  # fmt: skip
def test_a_cell_that_is_no_finite_number_is_named_by_line_and_column(write: Write, cell: bytes) -> None:
    said = refuse(write(GOOD.replace(b"-8.41", cell)))
    assert said.startswith("line 3, column 'T (degC)': ")


def test_the_first_of_several_bad_cells_is_named(write: Write) -> None:
    said = refuse(write(GOOD.replace(b"0.72", b"x").replace(b"-8.51", b"y")))
    assert said.startswith("line 3, column 'wv (m/s)': ")
    assert "'x'" in said


@pytest.mark.parametrize(
    "row", [b"01.01.2009 00:20:00,-8.41\n", b"01.01.2009 00:20:00\n", b"01.01.2009 00:20:00,-8.41,\n"]
)
def test_a_row_cut_short_is_named_by_line_and_column(write: Write, row: bytes) -> None:
    said = refuse(write(HEADER + ROW_2 + row + ROW_4))
    assert said.startswith("line 3, column ")


def test_a_file_cut_off_within_its_last_row_is_refused(write: Write) -> None:
    for end in range(len(GOOD) - len(ROW_4) + 1, len(GOOD) - len(b",0.19\n")):
        assert "line 4" in refuse(write(GOOD[:end]))


@pytest.mark.parametrize("row", [1, 2, 3])
def test_a_row_with_too_many_cells_is_named_by_its_line(write: Write, row: int) -> None:
    lines = GOOD.splitlines(keepends=True)
    lines[row] = lines[row].replace(b"\n", b",7\n")
    assert f"line {row + 1}" in refuse(write(b"".join(lines)))


def test_decimal_commas_are_not_taken_for_further_cells(write: Write) -> None:
    head, *rows = GOOD.split(b"\n")
    assert "line 2" in refuse(write(b"\n".join([head, *(row.replace(b".", b",") for row in rows)])))


@pytest.mark.parametrize("byte", [b"\xff", b"\xb0", b"\xe2\x88"])
def test_a_byte_that_is_no_utf_8_is_named_by_line(write: Write, byte: bytes) -> None:
    assert "line 3" in refuse(write(GOOD.replace(b"-8.41", byte + b"8.41")))


def test_a_quotation_mark_that_is_never_closed_is_named_by_line(write: Write) -> None:
    assert "line 3" in refuse(write(GOOD.replace(b"-8.41", b'"-8.41')))


@pytest.mark.parametrize("stamp", [b"", b"x", b"30.02.2009 00:20:00", b"01.13.2009 00:20:00", b"01.01.2009 24:20:00",
                                   b"NaN", b"1"])  # fmt: skip
def test_a_stamp_that_is_none_is_named_by_line_and_column(write: Write, stamp: bytes) -> None:
    said = refuse(write(GOOD.replace(b"01.01.2009 00:20:00", stamp)))
    assert said.startswith("line 3, column 'Date Time': ")


@pytest.mark.parametrize("content", [HEADER, HEADER[:-1], HEADER.replace(b"\n", b"\r\n")], ids=repr)
def test_a_header_with_no_row_below_is_refused(write: Write, content: bytes) -> None:
    assert "no readings below the header" in refuse(write(content))


@pytest.mark.parametrize("blank", [b"\n", b"\n\n", b"\r\n", b" \n"], ids=repr)
def test_blank_lines_are_no_readings(write: Write, blank: bytes) -> None:
    refuse(write(HEADER + blank))


@pytest.mark.parametrize(
    "name", [b"\x1b[31mred", b"a\x07", b'"a\nb"', b"a\x00b", b"a\rb", "a\u202eb".encode()], ids=repr
)
def test_a_name_that_would_steer_the_terminal_is_made_printable(write: Write, name: bytes) -> None:
    try:
        _, columns, _ = read_csv(write(b"Date," + name + b",b\n" + ROW_2))
    except DataError as error:
        columns = (str(error),)
    assert all(column.isprintable() for column in columns)


def test_as_many_columns_as_allowed_are_read_and_one_more_is_not(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layout, "MAX_COLUMNS", 20)

    def with_columns(count: int) -> bytes:
        names = [f"c{number}" for number in range(1, count)]
        return ",".join(["Date", *names]).encode() + b"\n2009-01-01 00:10:00" + b",1" * (count - 1) + b"\n"

    assert read_csv(write(with_columns(20)))[2].shape == (1, 19)
    assert "21 columns; at most 20" in refuse(write(with_columns(21)))


def test_names_without_end_are_given_up_after_a_megabyte(write: Write) -> None:
    assert f"at most {MAX_COLUMNS}" in refuse(write(b"Date" + b",x" * 3_000_000 + b"\n" + ROW_2))
    refuse(write(b"Date," + b"x" * 3_000_000 + b",b\n" + ROW_2))


def test_a_row_of_a_million_cells_is_refused(write: Write) -> None:
    assert "line 2" in refuse(write(HEADER + ROW_2[:-1] + b",1" * 1_000_000 + b"\n"))
