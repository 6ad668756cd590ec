"""Files of the user's: which column is what, in whatever order, and what is said where that cannot be told."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from rdrop_cli.errors import DataError, RdropError, UsageError
from rdrop_cli.series.csv.layout import infer_layout
from rdrop_cli.series.load import load_dataset
from rdrop_cli.series.table import Series

Load = Callable[..., Series]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Load a file of the given lines."""

    def load_lines(*lines: str, time: str = "") -> Series:
        path = tmp_path / "load.csv"
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return load_dataset(str(path), tmp_path / "data", time)

    return load_lines


def refuse(load: Load, *lines: str, time: str = "", error: type[RdropError] = DataError) -> str:
    """Return the one line with which a file is refused."""
    with pytest.raises(error) as caught:
        load(*lines, time=time)
    assert str(caught.value).isprintable()
    return str(caught.value)


def test_stamps_may_stand_in_any_column_and_text_is_left_out(load: Load) -> None:
    series = load("id,region,utc,load_MW,note", "1,DE,2014-01-01 00:00,5.5,on", "2,DE,2014-01-01 01:00,6.5,off")
    assert series.time_column == "utc"
    assert series.stamps.astype(str).tolist() == ["2014-01-01T00:00:00", "2014-01-01T01:00:00"]
    assert series.columns == ("id", "load_MW")
    assert series.values.tolist() == [[1, 5.5], [2, 6.5]]
    assert series.left_out == {"region": "text", "note": "text"}


@pytest.mark.parametrize("separator", [";", "\t"])
def test_the_header_tells_the_separator(load: Load, separator: str) -> None:
    series = load(*(separator.join(cells) for cells in (("utc", "a, b", "c"), ("2014-01-01", "1.5", "2"))))
    assert series.columns == ("a, b", "c")
    assert series.values.tolist() == [[1.5, 2]]


def test_the_first_of_two_columns_of_stamps_is_taken_unless_the_other_is_named(load: Load) -> None:
    lines = ("utc,local,MW", "2014-01-01 00:00,2014-01-01 01:00,5")
    first, named = load(*lines), load(*lines, time="local")
    assert (first.time_column, first.left_out) == ("utc", {"local": "text"})
    assert (named.time_column, named.left_out) == ("local", {"utc": "text"})
    assert named.stamps.astype(str).tolist() == ["2014-01-01T01:00:00"]


@pytest.mark.parametrize(
    ("stamp", "read"),
    [
        ("2014-02-03", "2014-02-03T00:00:00"),
        ("2014/02/03 04:05", "2014-02-03T04:05:00"),
        ("2014-02-03T04:05:06+01:00", "2014-02-03T03:05:06"),
        ("03.02.2014", "2014-02-03T00:00:00"),
        ("03.02.2014 04:05", "2014-02-03T04:05:00"),
        ("03.02.2014 04:05:06", "2014-02-03T04:05:06"),
    ],
)
def test_stamps_are_iso_8601_or_day_month_year_with_points(load: Load, stamp: str, read: str) -> None:
    assert load("when,MW", f"{stamp},5").stamps.astype(str).tolist() == [read]


def test_the_first_stamp_chooses_the_form_for_all(load: Load) -> None:
    said = refuse(load, "when,MW", "2014-01-01,5", "02.01.2014,6")
    assert "load.csv: line 3, column 'when': expected a stamp" in said
    assert "received '02.01.2014'" in said


def test_seconds_since_1970_are_stamps_only_where_the_column_is_named(load: Load) -> None:
    lines = ("t,MW", "1388534400,5", "1388538000,6")
    assert load(*lines, time="t").stamps.astype(str).tolist() == ["2014-01-01T00:00:00", "2014-01-01T01:00:00"]
    assert "no column begins with a stamp" in refuse(load, *lines)


@pytest.mark.parametrize("text", ["2014010100", "1388534400000", "-1388534400", "1388534400.5", "12"])
def test_digits_that_might_be_another_date_are_no_seconds(load: Load, text: str) -> None:
    said = refuse(load, "t,MW", f"{text},5", time="t")
    assert "line 2, column 't': expected a stamp" in said
    assert "or seconds since 1970" in said


def test_a_column_of_years_is_one_of_numbers(load: Load) -> None:
    series = load("year,when,MW", "2014,2014-01-01,5")
    assert series.time_column == "when"
    assert series.columns == ("year", "MW")


@pytest.mark.parametrize("missing", ["", " ", "NaN", "nan", "NA", "N/A", "null", "None", '""'])
def test_cells_that_say_that_there_is_no_reading_are_kept_as_missing(load: Load, missing: str) -> None:
    series = load("when,a,b", "2014-01-01,1,2", f"2014-01-02,{missing},3", "2014-01-03,5,4")
    assert np.array_equal(series.values, [[1, 2], [np.nan, 3], [5, 4]], equal_nan=True)


@pytest.mark.parametrize("cell", ["inf", "-inf", "1e999", "x", "1_0", "-", "1,5"])
def test_other_words_among_numbers_are_refused_by_line_and_column(load: Load, cell: str) -> None:
    said = refuse(load, "when;a;b", "2014-01-01;1;2", f"2014-01-02;{cell};3", "2014-01-03;5;")
    assert "column 'a': " in said
    assert f"received {cell!r}" in said


def test_a_column_without_any_reading_is_left_out(load: Load) -> None:
    series = load("when,a,b", "2014-01-01,,2", "2014-01-02,NA,3")
    assert (series.columns, series.left_out) == (("b",), {"a": "empty"})
    assert series.values.tolist() == [[2], [3]]
    assert "every column of numbers is empty: a, b" in refuse(load, "when,a,b", "2014-01-01,,")


def test_decimal_commas_are_refused_and_not_taken_for_text(load: Load) -> None:
    said = refuse(load, "when;MW", "2014-01-01;5,5", "2014-01-02;6,5")
    assert "column 'MW': numbers take a decimal point, not a comma; received '5,5'" in said
    assert "not a comma" in refuse(load, "when,MW", '2014-01-01,"1.234,5"')
    assert "expected 2 cells, received 3" in refuse(load, "when,MW", "2014-01-01,5,5")


def test_the_nameless_index_of_a_table_that_pandas_wrote_may_hold_the_stamps(load: Load) -> None:
    assert load(",MW", "2014-01-01,5").time_column == "unnamed"


def test_a_file_without_stamps_is_told_what_was_seen(load: Load) -> None:
    said = refuse(load, "id,day,MW", "1,01/02/2014,5")
    assert "load.csv: line 2: no column begins with a stamp such as 2009-01-01 00:10" in said
    assert "id ('1'), day ('01/02/2014'), MW ('5')" in said
    assert "--time" in said


def test_a_time_column_that_is_not_there_is_told_the_nearest(load: Load) -> None:
    lines = ("utc_time,MW", "2014-01-01,5")
    assert "has no column 'utctime'; did you mean 'utc_time'?" in refuse(load, *lines, time="utctime", error=UsageError)
    assert "has no column 'x'; it has utc_time, MW" in refuse(load, *lines, time="x", error=UsageError)


def test_a_time_column_of_text_is_refused_by_line(load: Load) -> None:
    assert "line 2, column 'b': expected a stamp" in refuse(load, "a,b,c", "2014-01-01,on,5", time="b")


def test_the_named_datasets_have_no_time_column_to_name(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--time: names a column of a file of your own; synthetic has its stamps"):
        load_dataset("synthetic", tmp_path, "utc")


def test_columns_of_text_alone_are_refused(load: Load) -> None:
    said = refuse(load, "when,a,b", "2014-01-01,on,x", "2014-01-02,off,y")
    assert "no column of numbers beside the stamps in 'when', only text: a, b" in said


@pytest.mark.parametrize("lines", [("when,a",), ("when,a", "", "")])
def test_a_header_alone_is_refused(load: Load, lines: tuple[str, ...]) -> None:
    assert "no readings below the header" in refuse(load, *lines)


def test_another_reading_of_the_same_bytes_is_not_taken_from_the_parsed_copy(load: Load) -> None:
    lines = ("utc,local,MW", "2014-01-01 00:00,2014-01-01 01:00,5")
    for time, hour in (("utc", 0), ("local", 1), ("utc", 0)):
        assert load(*lines, time=time).stamps.astype(str).tolist() == [f"2014-01-01T0{hour}:00:00"]


def test_the_parsed_copy_says_the_same_as_the_file(load: Load) -> None:
    lines = ("id,utc,MW,why", "7,2014-01-01,,x", "8,2014-01-02,5,y")
    first, second = load(*lines), load(*lines)
    assert np.array_equal(first.values, second.values, equal_nan=True)
    assert (first.columns, first.left_out, first.source) == (second.columns, second.left_out, second.source)


def test_the_sample_is_what_tells_numbers_from_text(tmp_path: Path) -> None:
    path = tmp_path / "late.csv"
    rows = [f"2014-01-01 {n // 60 % 24:02}:{n % 60:02},{'7' if n == 999 else 'off'},1" for n in range(1000)]
    path.write_text("\n".join(["utc,a,b", *rows]) + "\n")
    assert infer_layout(path).number_columns == ("a", "b")
    path.write_text("\n".join(["utc,a,b", *rows[:-1]]) + "\n")
    assert infer_layout(path).number_columns == ("b",)


@pytest.mark.parametrize("stamp", ["-2009-01-01", "0000-01-01", "-2009"])
def test_a_year_that_python_does_not_have_is_refused(load: Load, stamp: str) -> None:
    assert "line 2, column 'when': expected a stamp" in refuse(load, "when,MW", f"{stamp},5", time="when")
