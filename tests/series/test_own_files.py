"""Files as people have them: what is taken for what, and what is said where that cannot be told."""

import bz2
import gzip
import io
import lzma
import re
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from rdrop_cli.errors import DataError, RdropError, UsageError
from rdrop_cli.series import content as content_module
from rdrop_cli.series import load as load_module
from rdrop_cli.series.load import load_dataset, load_frame
from rdrop_cli.series.quality import assess_quality, fill_missing, find_sentinels
from rdrop_cli.series.table import Series
from rdrop_cli.study.reading import Reading
from rdrop_cli.study.units import name_target
from tests.series.servers import offer, serve

Load = Callable[..., Series]
HOURS = [np.datetime64("2014-01-30T22:00", "s") + 3600 * hour for hour in range(60)]
READINGS = [round(20 + 7.3 * np.sin(hour / 4), 2) for hour in range(60)]
PLAIN = ("utc,MW,wind", *(f"{time},{mw},{n % 7}.5" for n, (time, mw) in enumerate(zip(HOURS, READINGS, strict=True))))


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Load a file of the given lines."""

    def load_lines(*lines: str, encoding: str = "utf-8", **reading: Any) -> Series:
        path = tmp_path / "load.csv"
        path.write_bytes(("\n".join(lines) + "\n").encode(encoding))
        return load_dataset(str(path), tmp_path / "data", Reading(**reading))

    return load_lines


def refuse(load: Load, *lines: str, error: type[RdropError] = DataError, **how: Any) -> str:
    """Return the one line with which a file is refused."""
    with pytest.raises(error) as caught:
        load(*lines, **how)
    assert str(caught.value).isprintable()
    return str(caught.value)


def write_times(form: str) -> list[str]:
    return [pd.Timestamp(time).strftime(form) for time in HOURS]


def is_as_plain(series: Series) -> bool:
    return series.timestamps.tolist() == [t.item() for t in HOURS] and series.values[:, 0].tolist() == READINGS


# Columns


def test_timestamps_may_stand_in_any_column_and_text_is_excluded(load: Load) -> None:
    series = load("id,region,utc,load_MW,note", "7,DE,2014-01-01 00:00,5.5,on", "3,DE,2014-01-01 01:00,6.5,off")
    assert series.time_column == "utc"
    assert series.timestamps.astype(str).tolist() == ["2014-01-01T00:00:00", "2014-01-01T01:00:00"]
    assert series.columns == ("id", "load_MW")
    assert series.values.tolist() == [[7, 5.5], [3, 6.5]]
    assert series.excluded == {"region": "text", "note": "text"}


@pytest.mark.parametrize("first", ["", "No", "Unnamed: 0"])
def test_a_column_that_counts_the_rows_is_no_input_unless_it_is_kept(load: Load, first: str) -> None:
    lines = [f"{first},{PLAIN[0]}", *(f"{n},{line}" for n, line in enumerate(PLAIN[1:]))]
    name = "No" if first == "No" else "unnamed"
    series = load(*lines)
    assert series.columns == ("MW", "wind")
    assert series.excluded == {name: f"counts the rows; ‹keep› {name}"}
    assert load(*lines, keep=(name,)).columns == (name, "MW", "wind")


def test_a_series_that_is_nothing_but_a_count_is_one(load: Load) -> None:
    assert load("utc,y", *(f"{time},{n}" for n, time in enumerate(HOURS))).columns == ("y",)


def test_a_remark_after_thousands_of_empty_cells_is_text(load: Load) -> None:
    rows = [f"{np.datetime64('2014-01-01', 's') + 60 * n},{n % 7}.5," for n in range(9000)]
    rows[8500] += "sensor cleaned"
    series = load("utc,MW,remark", *rows)
    assert (series.columns, series.excluded) == (("MW",), {"remark": "text"})


def test_a_word_among_numbers_is_refused_by_line_and_column_with_the_option(load: Load) -> None:
    lines = list(PLAIN)
    lines[40] = f"{HOURS[39]},fault,1.5"
    said = refuse(load, *lines)
    assert "load.csv: line 41, column 'MW': expected a number, received 'fault'" in said
    assert "missing 'fault'" in said
    assert np.isnan(load(*lines, missing=("fault",)).values[39, 0])


@pytest.mark.parametrize("rows", [1, 3])
def test_a_word_in_the_first_rows_is_no_part_of_the_header(load: Load, rows: int) -> None:
    first = [f"{time},fault,{n}.5" for n, time in enumerate(HOURS[:rows])]
    lines = (PLAIN[0], *first, *PLAIN[rows + 1 :])
    assert "line 2, column 'MW': expected a number, received 'fault'" in refuse(load, *lines)
    series = load(*lines, missing=("fault",))
    assert series.columns == ("MW", "wind")
    assert series.rows == len(HOURS)


@pytest.mark.parametrize("missing", ["", " ", "NaN", "nan", "NA", "N/A", "null", "None", '""', "-", "#N/A"])
def test_cells_that_say_that_there_is_no_reading_are_missing(load: Load, missing: str) -> None:
    series = load("when,a,b", "2014-01-01,1,2", f"2014-01-02,{missing},3", "2014-01-03,5,4")
    assert np.array_equal(series.values, [[1, 2], [np.nan, 3], [5, 4]], equal_nan=True)


def test_numbers_that_stand_for_nothing_are_missing_where_they_are_named(load: Load) -> None:
    series = load("when,a", "2014-01-01,-999.0", "2014-01-02,3", "2014-01-03,-999", missing=("-999",))
    assert np.isnan(series.values[:, 0]).tolist() == [True, False, True]


@pytest.mark.parametrize("missing", ["-999.9", "-999.90", "-999,9"])
@pytest.mark.parametrize("cell", ["-999.9", "-999.90", "-999,9", "-999,90"])
@pytest.mark.parametrize("rows", [(0, 1), (7,)])
def test_cells_that_stand_for_nothing_do_not_tell_the_decimal_mark(
    load: Load, missing: str, cell: str, rows: tuple[int, ...]
) -> None:
    lines = [f"{time};{str(mw).replace('.', ',')}" for time, mw in zip(HOURS, READINGS, strict=True)]
    for row in rows:
        lines[row] = f"{HOURS[row]};{cell}"
    series = load("utc;MW", *lines, missing=(missing,))
    assert np.flatnonzero(np.isnan(series.values[:, 0])).tolist() == list(rows)
    assert np.delete(series.values[:, 0], rows).tolist() == np.delete(READINGS, rows).tolist()


def test_numbers_that_stand_for_nothing_do_not_tell_that_thousands_are_not_grouped(load: Load) -> None:
    lines = [f'{time},"1,{n:03}"' for n, time in enumerate(HOURS)]
    said = refuse(load, "utc,MW", *lines[:-1], f"{HOURS[-1]},-9999", missing=("-9999",))
    assert "'1,000' may be 1000 or 1.000" in said


def test_a_reading_that_can_be_read_in_two_ways_is_not_taken_for_a_number_that_stands_for_nothing(load: Load) -> None:
    lines = [f"{time};{str(mw).replace('.', ',')}" for time, mw in zip(HOURS, READINGS, strict=True)]
    lines[7] = f"{HOURS[7]};-1.000"  # a thousand, among decimal commas
    assert load("utc;MW", *lines, missing=("-1",)).values[7, 0] == -1000


def test_a_column_without_any_reading_is_excluded(load: Load) -> None:
    series = load("when,a,b", "2014-01-01,,2", "2014-01-02,NA,3")
    assert (series.columns, series.excluded) == (("b",), {"a": "empty"})


def test_timestamps_without_readings_are_refused_with_the_texts_beside_them(load: Load) -> None:
    said = "load.csv: no column of numbers beside the timestamps"
    assert refuse(load, "day,hour", "2014-01-01,00:00", "2014-01-02,01:00", time="day+hour").endswith(said)
    assert refuse(load, "utc,note", "2014-01-01,on", "2014-01-02,off").endswith(f"{said}, only text: note")


def test_repeated_names_are_numbered_and_told(load: Load) -> None:
    series = load("utc,a,a", "2014-01-01,1,2", "2014-01-02,3,2")
    assert series.columns == ("a", "a.2")
    assert "repeated names: a; numbered" in series.notes


@pytest.mark.parametrize(
    ("names", "columns"),
    [
        ("T.1,T", ("T.1", "T")),
        ("T,T,T.2", ("T", "T.3", "T.2")),
        ("T,T,T", ("T", "T.2", "T.3")),
        ("T,T.7", ("T", "T.7")),
    ],
)
def test_a_name_with_a_number_repeats_no_other(load: Load, names: str, columns: tuple[str, ...]) -> None:
    count = len(columns)
    series = load(f"utc,{names}", *(f"2014-01-0{day}{',1.5' * (count - 1)},{day}" for day in (1, 2)))
    assert series.columns == columns
    assert any("repeated names" in note for note in series.notes) == (len(set(names.split(","))) < count)


def test_an_unknown_column_is_answered_with_the_nearest(load: Load) -> None:
    assert "no column 'ut'; did you mean 'utc'?" in refuse(load, *PLAIN, time="ut", error=UsageError)
    assert "where: " in refuse(load, *PLAIN, where=("station=a",), error=UsageError)


# Numbers


@pytest.mark.parametrize("separator", [";", "\t", "|"])
def test_decimal_commas_are_read_by_whole_columns(load: Load, separator: str) -> None:
    rows = [
        separator.join((str(time), str(mw).replace(".", ","), str(1000 + n)))
        for n, (time, mw) in enumerate(zip(HOURS, READINGS, strict=True))
    ]
    series = load(separator.join(("utc", "MW, mean", "count")), *rows, keep=("count",))
    assert is_as_plain(series)
    assert series.columns == ("MW, mean", "count")
    assert "numbers: with a decimal comma (‹decimal›)" in series.notes


def test_points_group_thousands_where_the_file_has_decimal_commas(load: Load) -> None:
    rows = [f"{time};1.{n:03}{',5' if n else ''};2.{n:03}" for n, time in enumerate(HOURS)]
    series = load("utc;a;b", *rows, keep=("b",))
    assert series.values[:3].tolist() == [[1000, 2000], [1001.5, 2001], [1002.5, 2002]]


def test_commas_group_thousands_where_cells_show_it(load: Load) -> None:
    series = load("utc,a", *(f'{time},"1,{100 + n}.5"' for n, time in enumerate(HOURS)))
    assert series.values[:2, 0].tolist() == [1100.5, 1101.5]


@pytest.mark.parametrize(("letter", "mark"), [("D", "."), ("d", "."), ("D", ",")])
def test_exponents_of_fortran_are_read(load: Load, letter: str, mark: str) -> None:
    cells = [f"{mw:.2E}".replace("E", letter).replace(".", mark) for mw in READINGS]
    series = load("utc;MW", *(f"{time};{cell}" for time, cell in zip(HOURS, cells, strict=True)))
    assert series.values[:, 0].tolist() == [float(f"{mw:.2E}") for mw in READINGS]


@pytest.mark.parametrize(("cell", "unit"), [("{} kW", "kW"), ("{}%", "%"), ("${}", "$"), ("{}\u00a0°C", "°C")])
def test_a_unit_in_each_cell_becomes_part_of_the_name(load: Load, cell: str, unit: str) -> None:
    rows = [f"{time},{cell.format(mw)}" for time, mw in zip(HOURS, READINGS, strict=True)]
    series = load("utc,load", *rows[:9], rows[9].partition(",")[0] + ",", *rows[10:])
    assert series.columns == (f"load ({unit})",)
    assert series.values[:, 0].tolist()[:9] == READINGS[:9]
    assert np.isnan(series.values[9, 0])
    assert load("utc,load (a)", *rows).columns == ("load (a)",)


def test_another_unit_further_down_is_refused_by_its_line(load: Load) -> None:
    rows = [f"2014-01-30 {n // 60:02}:{n % 60:02},{'900 W' if n == 1300 else '1.5 kW'}" for n in range(1440)]
    said = refuse(load, "utc,load", *rows)
    assert "no column of numbers beside the timestamps, only text: load" in said
    days = [f"2014-01-{d:02} {row[11:]}" for d in (28, 29, 30) for row in rows]  # beyond the lines that are looked at
    said = refuse(
        load, "utc,load", *days[:1300], *(row.replace("900 W", "1.5 kW") for row in days[1300:2700]), *days[2700:]
    )
    assert "expected a number, received '900 W'" in said


def test_evidence_in_the_last_row_decides_for_the_first(load: Load) -> None:
    start = np.datetime64("2014-01-01", "s")
    rows = [f"{start + 60 * n};1.{100 + n % 900}" for n in range(9000)]
    series = load("utc;a", *rows, f"{start + 60 * 9000};1.234,5")
    assert series.values[0, 0] == 1100
    assert load("utc;a", *rows, f"{start + 60 * 9000};1.2345").values[0, 0] == 1.1


@pytest.mark.parametrize(("header", "cell"), [("utc;a", "1.{}"), ("utc;a", "1,{}"), ("utc,a", '"1,{}"')])
def test_what_can_be_read_in_two_ways_is_refused_with_both_and_the_option(load: Load, header: str, cell: str) -> None:
    mark = header[3]
    rows = [f"{time}{mark}{cell.format(100 + n)}" for n, time in enumerate(HOURS)]
    said = refuse(load, header, *rows)
    assert "may be 1100 or 1.100" in said
    assert "decimal" in said
    assert load(header, *rows, decimal=".").values[0, 0] == (1.1 if "." in cell else 1100)
    assert load(header, *rows, decimal=",").values[0, 0] == (1100 if "." in cell else 1.1)


@pytest.mark.parametrize(
    ("names", "cells"), [("a", "{mw}"), ("n,a", "{n},{mw}"), ("a,b", "{mw},{mw}"), ("a,b", "-{mw},{n}")]
)
def test_commas_that_separate_cells_and_are_decimal_commas_are_refused(load: Load, names: str, cells: str) -> None:
    marked = [
        (time, n, f"{mw:.2f}".replace(".", ",")) for n, (time, mw) in enumerate(zip(HOURS, READINGS, strict=True))
    ]
    said = refuse(load, f"utc,{names}", *(f"{time},{cells.format(n=n, mw=mw)}" for time, n, mw in marked))
    count, width = len(names.split(",")) + 1, len(cells.replace("{mw}", "1,1").split(",")) + 1
    assert (
        f"the header has {count} names, and the rows have {width} cells: commas separate cells, and may also be" in said
    )


@pytest.mark.parametrize("cells", ["{mw},{n}.5", "{mw},{n}", "{n},{mw}"])
def test_row_names_that_have_no_name_are_no_decimal_commas(load: Load, cells: str) -> None:
    rows = zip(HOURS, READINGS, strict=True)
    lines = [f"{time},{cells.format(n=n % 7, mw=mw + 0.001)}" for n, (time, mw) in enumerate(rows)]
    assert load("a,b", *lines).columns == ("a", "b")


def test_a_column_that_contradicts_itself_is_refused_by_both_lines(load: Load) -> None:
    rows = [f"{time};{'1,5' if n == 30 else '1.25'}" for n, time in enumerate(HOURS)]
    assert "'1.25' in line 2 and '1,5' in line 32" in refuse(load, "utc;a", *rows)


# Timestamps

FORMS = (
    "%d.%m.%Y %H:%M", "%d.%m.%Y %H:%M:%S", "%d/%m/%Y %H:%M", "%m/%d/%Y %I:%M:%S %p", "%m/%d/%Y %I:%M %p",
    "%Y/%m/%d %H:%M", "%d-%m-%Y %H:%M", "%Y%m%d%H", "%Y%m%d%H%M", "%Y%m%d%H%M%S", "%Y%m%d:%H%M", "%d-%b-%Y %H:%M",
    "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d %H:%M:%S+00:00", "%d/%m/%Y %H.%M.%S", "%Y-%m-%d %H", "%d.%m.%y %H:%M",
    "%Y%m%dT%H%M%SZ", "%Y-%m-%d %H:%M:%S UTC", "%a; %d %b %Y %H:%M:%S GMT", "%A; %d.%m.%Y %H:%M",
    "%Y-%m-%dT%H:%MZ[UTC]", "%Y-%m-%d %H:%M:%S+00", "%Y-%m-%d %H:%M +0000", "%d/%m/%Y %H:%M:%S.000 +00:00",
    "%Y-%m-%d %H:%M:%S;000", "%d-%b-%y %H:%M", "%m/%d/%Y; %I:%M:%S\u202f%p",
)  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_timestamps_are_read_in_the_form_that_their_values_tell(load: Load, form: str) -> None:
    lines = (f'"{time}",{mw}' for time, mw in zip(write_times(form.replace(";", ",")), READINGS, strict=True))
    assert is_as_plain(load("date,MW", *lines))


def test_the_name_of_a_zone_behind_an_offset_is_nothing(load: Load) -> None:
    times = write_times("%Y-%m-%dT%H:%M:%S+01:00[Europe/Berlin]")
    series = load("date,MW", *(f"{time},{mw}" for time, mw in zip(times, READINGS, strict=True)))
    assert series.timestamps.tolist() == [time.item() - np.timedelta64(1, "h").item() for time in HOURS]


@pytest.mark.parametrize(("factor", "places"), [(1, 0), (1, 1), (1000, 0), (10**6, 0), (10**9, 0)])
def test_times_since_1970_are_read_by_their_length(load: Load, factor: int, places: int) -> None:
    stamps = [f"{int(time.astype(int)) * factor}{'.0' if places else ''}" for time in HOURS]
    assert is_as_plain(load("timestamp,MW", *(f"{s},{mw}" for s, mw in zip(stamps, READINGS, strict=True))))


@pytest.mark.parametrize("offset", ["{}", "{}30", "{}:30"])
@pytest.mark.parametrize("blank", ["", " "])
@pytest.mark.parametrize("sign", ["+", "-"])
def test_an_offset_is_of_hours_or_minutes_after_a_blank_or_none(load: Load, offset: str, blank: str, sign: str) -> None:
    shown = blank + sign + offset.format("03")
    shift = np.timedelta64(180 + 30 * ("30" in offset), "m") * (1 if sign == "+" else -1)
    series = load(
        "time,MW", *(f"{str(time).replace('T', ' ')}{shown},{mw}" for time, mw in zip(HOURS, READINGS, strict=True))
    )
    assert (series.timestamps == np.array(HOURS) - shift).all()
    assert series.source.utc


@pytest.mark.parametrize("form", ["%y%m%d%H%M", "%y%m%d%H%M%S"])
def test_digits_that_may_be_a_date_or_seconds_since_1970_are_refused_with_both_forms(load: Load, form: str) -> None:
    lines = [f"{time},{mw}" for time, mw in zip(write_times(form), READINGS, strict=True)]
    said = refuse(load, "time,MW", *lines)
    since = "epoch s" if len(form) == 10 else "epoch ms"
    assert said.endswith(
        f"can be read in two ways, and no value tells in which; say so with date_format '{since}' or '{form}'"
    )
    assert is_as_plain(load("time,MW", *lines, date_format=form))
    assert load("time,MW", *lines, date_format=since).timestamps[0] != HOURS[0]


def test_seconds_since_1970_that_begin_as_a_date_are_told_by_the_others(load: Load) -> None:
    seconds = [1401302200 + 3600 * n for n in range(60)]  # or 2014-01-30 22:00 in ten digits
    series = load("time,MW", *(f"{second},{mw}" for second, mw in zip(seconds, READINGS, strict=True)))
    assert series.timestamps.astype(np.int64).tolist() == seconds
    assert series.source.utc


@pytest.mark.parametrize("form", ["%m/%d/%y", "%d.%m.%y", "%d-%b-%y", "%b-%y"])
def test_years_of_two_digits_that_would_be_future_ones_are_refused_unless_they_are_meant(load: Load, form: str) -> None:
    times = pd.date_range("1950-01-01", periods=60, freq="MS" if form == "%b-%y" else "D")
    lines = [f"{time.strftime(form)},{mw}" for time, mw in zip(times, READINGS, strict=True)]
    said = refuse(load, "day,MW", *lines)
    assert f"years of two digits are read as 1969 to 2068, here up to {times[-1].year + 100}; write four digits" in said
    assert str(load("day,MW", *lines, date_format=form).timestamps[0]) == "2050-01-01T00:00:00"


@pytest.mark.parametrize("form", ["%y|%m|%d|%H", "%H Uhr am %d.%m.%Y", "%d%m%Y%H"])
@pytest.mark.parametrize("header", ["No,when,MW", "when,No,MW"])
def test_a_form_that_is_named_finds_its_column(load: Load, form: str, header: str) -> None:
    rows = zip(write_times(form), READINGS, strict=True)
    lines = [(f"{n},{time},{mw}" if header[0] == "N" else f"{time},{n},{mw}") for n, (time, mw) in enumerate(rows)]
    series = load(header, *lines, date_format=form)
    assert is_as_plain(series)
    assert series.time_column == "when"


@pytest.mark.parametrize("form", ["%a %d/%m/%Y %H:%M", "%Y-%m-%d %H:%M %z", "%Y-%m-%d %H:%M %Z"])
def test_a_form_that_is_named_is_that_of_the_text_as_it_is(load: Load, form: str) -> None:
    times = [pd.Timestamp(time, tz="UTC").strftime(form) for time in HOURS]
    series = load("when,MW", *(f"{time},{mw}" for time, mw in zip(times, READINGS, strict=True)), date_format=form)
    assert is_as_plain(series)
    assert series.source.utc == (form[-1] in "zZ")


def test_midnight_may_be_the_24th_hour(load: Load) -> None:
    times = [
        f"{str(time - np.timedelta64(1, 'D'))[:10]} 24:00" if "T00" in str(time) else str(time)[:16].replace("T", " ")
        for time in HOURS
    ]
    assert is_as_plain(load("utc,MW", *(f"{t},{mw}" for t, mw in zip(times, READINGS, strict=True))))


def test_the_end_of_a_length_of_time_is_no_input(load: Load) -> None:
    ends = [(pd.Timestamp(time) + pd.Timedelta("1h")).strftime("%Y%m%d%H%M") for time in HOURS]
    rows = zip(write_times("%Y%m%d%H%M"), ends, READINGS, strict=True)
    series = load("TIMESTAMP_START,TIMESTAMP_END,MW", *(f"{start},{end},{mw}" for start, end, mw in rows))
    assert is_as_plain(series)
    assert (series.columns, series.excluded) == (("MW",), {"TIMESTAMP_END": "text"})


@pytest.mark.parametrize(
    ("form", "glue"),
    [
        ("%d.%m.%Y %H:%M", " - "),
        ("%d/%m/%Y %H:%M:%S", " - "),
        ("%Y-%m-%dT%H:%M", "/"),
        ("%d.%m.%Y,%H:%M", " - "),
        ("%d-%m-%Y,%H", " - "),
    ],
)
def test_a_length_of_time_is_known_by_its_beginning(load: Load, form: str, glue: str) -> None:
    ends = [(pd.Timestamp(time) + pd.Timedelta("1h")).strftime(form.rpartition(",")[2]) for time in HOURS]
    rows = [f"{time}{glue}{end},{mw}" for time, end, mw in zip(write_times(form), ends, READINGS, strict=True)]
    assert is_as_plain(load("day,hours,MW" if "," in form else "MTU,MW", *rows))


def test_a_dash_between_date_and_hour_begins_no_end(load: Load) -> None:
    form = "%d.%m.%Y - %H:%M"
    rows = [f"{time},{mw}" for time, mw in zip(write_times(form), READINGS, strict=True)]
    assert "no column begins with a timestamp" in refuse(load, "utc,MW", *rows)
    assert is_as_plain(load("utc,MW", *rows, time="utc", date_format=form))


def test_the_numbers_of_meters_are_no_times_where_others_are_written(load: Load) -> None:
    lines = [f"{1234567890 + 7 * n * n},{time},{READINGS[n]}" for n, time in enumerate(write_times("%d.%m.%Y %H:%M"))]
    frame = pd.read_csv(io.StringIO("\n".join(["meter,when,MW", *lines])))
    for series in (load("meter,when,MW", *lines), load_frame(frame)):
        assert (series.time_column, series.columns) == ("when", ("meter", "MW"))
        assert series.timestamps.tolist() == [time.item() for time in HOURS]


@pytest.mark.parametrize(("names", "form"), [("<DATE>,<TIME>", "%Y%m%d,%H%M%S"), ("day,time", "%Y-%m-%d,%H%M")])
def test_a_time_of_day_may_be_digits(load: Load, names: str, form: str) -> None:
    rows = [f"{time},{mw}" for time, mw in zip(write_times(form), READINGS, strict=True)]
    assert is_as_plain(load(f"{names},MW", *rows))


@pytest.mark.parametrize("hour", ["{}", "{:02}:00", "{:02}.00.00"])
def test_date_and_time_may_stand_in_two_columns(load: Load, hour: str) -> None:
    rows = [f"{str(t)[:10]},{hour.format(int(str(t)[11:13]))},{mw}" for t, mw in zip(HOURS, READINGS, strict=True)]
    series = load("dteday,hr,MW", *rows)
    assert is_as_plain(series)
    assert series.time_column == "dteday+hr"


def test_year_month_day_and_hour_may_stand_in_four(load: Load) -> None:
    moments = [time.item() for time in HOURS]
    rows = [f"{t.year},{t.month},{t.day},{t.hour},{mw}" for t, mw in zip(moments, READINGS, strict=True)]
    series = load("year,month,day,hour,MW", *rows)
    assert is_as_plain(series)
    assert series.columns == ("MW",)


@pytest.mark.parametrize(
    ("header", "form"),
    [
        (("year,doy,hour,MW",), "%Y,%j,%H"),
        (("YEAR,Day of year,MW",), "%Y,%j"),
        (("#YY MM DD hh mm MW", "#yr mo dy hr mn MW"), "%Y %m %d %H %M"),
        (("# STN,YYYYMMDD,   HH,   MW",), "260,%Y%m%d,%H"),
        (("date,MW",), "%Y-%j %H:%M"),
        (("Year, Month, Day,MW", "YYYY,MM,DD,10^6 MWh"), "%Y,%m,%d"),
        (("agency\tdatetime\tMW", "5s\t20d\t14n"), "USGS\t%Y-%m-%d %H:%M"),
    ],
)
def test_files_of_weather_services_have_their_times(load: Load, header: tuple[str, ...], form: str) -> None:
    step = "h" if "%H" in form else "D"
    times = pd.date_range("2014-01-30T22:00" if step == "h" else "2014-01-30", periods=60, freq=step)
    glue = next(mark for mark in ("\t", ",", " ") if mark in header[0])
    rows = [f"{time.strftime(form)}{glue}{mw}" for time, mw in zip(times, READINGS, strict=True)]
    series = load("# MW: the load", *header, *rows)
    assert series.timestamps.tolist() == times.to_pydatetime().tolist()
    assert series.values[:, [name.startswith("MW") for name in series.columns]].ravel().tolist() == READINGS


def test_day_and_month_that_no_value_tells_apart_are_refused_with_both_forms(load: Load) -> None:
    rows = [f"0{1 + n // 24}/02/2014 {n % 24:02}:00,{n % 5}.5" for n in range(60)]
    said = refuse(load, "utc,MW", *rows)
    assert "date_format '%d/%m/%Y %H:%M' or '%m/%d/%Y %H:%M'" in said
    assert str(load("utc,MW", *rows, date_format="%d/%m/%Y %H:%M").timestamps[-1]) == "2014-02-03T11:00:00"


@pytest.mark.parametrize("form", ["%Q", "%G-W%V", "%d.%m.%Y %d"])
def test_a_form_of_timestamps_that_cannot_be_meant_is_wrong_usage(load: Load, form: str) -> None:
    message = refuse(load, *PLAIN, error=UsageError, time="utc", date_format=form)
    assert message.startswith(f"date_format: expected a form such as %d.%m.%Y %H:%M, received {form!r}; ")


def test_a_timestamp_that_is_none_is_named_by_line(load: Load) -> None:
    lines = list(PLAIN)
    lines[20] = "2014-02-30T00:00:00,5,1.5"
    assert "line 21, column 'utc': expected a timestamp" in refuse(load, *lines)


def test_a_file_without_timestamps_is_told_what_was_seen(load: Load) -> None:
    said = refuse(load, "id,day,MW", "1,noon,5", "1,noon,5")
    assert "no column begins with a timestamp such as 2009-01-01 00:10" in said
    assert "id ('1'), day ('noon'), MW ('5')" in said
    assert "time" in said


def test_offsets_that_change_with_summer_time_are_turned_into_utc(load: Load) -> None:
    series = load("t,MW", "2014-03-30T01:00:00+01:00,5", "2014-03-30T03:00:00+02:00,6.5")
    assert series.timestamps.astype(str).tolist() == ["2014-03-30T00:00:00", "2014-03-30T01:00:00"]


def write_local_quarters() -> list[str]:
    """A year of Berlin's quarters of an hour, with both changes of the clocks."""
    times = pd.date_range("2014-01-01", "2015-01-01", freq="15min", tz="Europe/Berlin", inclusive="left")
    return [f"{time:%d.%m.%Y %H:%M};{n % 7},5" for n, time in enumerate(times)]


@pytest.mark.thorough
def test_local_time_with_both_changes_is_read_by_its_zone(load: Load) -> None:
    rows = write_local_quarters()
    assert "timezone" in refuse(load, "von;MW", *rows)
    series = load("von;MW", *rows, timezone="Europe/Berlin")
    assert set(np.diff(series.timestamps).astype(int)) == {900}
    assert str(series.timestamps[0]) == "2013-12-31T23:00:00"
    assert "timestamps: Europe/Berlin, turned into UTC" in series.notes


@pytest.mark.parametrize("newest_first", [False, True])
def test_an_hour_that_comes_twice_is_told_apart_in_either_order(load: Load, newest_first: bool) -> None:
    times = pd.date_range("2014-10-25 20:00", "2014-10-26 08:00", freq="30min", tz="Europe/Berlin")
    rows = [f"{time:%d.%m.%Y %H:%M};{n},5" for n, time in enumerate(times)]
    series = load("von;MW", *(rows[::-1] if newest_first else rows), timezone="Europe/Berlin")
    assert np.array_equal(series.timestamps, times.tz_convert("UTC").tz_localize(None).to_numpy("datetime64[s]"))
    assert series.values[:, 0].tolist() == [n + 0.5 for n in range(len(times))]


def test_a_time_that_the_zone_does_not_have_is_refused_by_line(load: Load) -> None:
    said = refuse(load, "t,MW", "2014-03-30 01:00,1", "2014-03-30 02:00,2", timezone="Europe/Berlin")
    assert "line 3: 2014-03-30T02:00:00 does not exist in Europe/Berlin" in said


@pytest.mark.parametrize("row_names", [False, True])
def test_quotes_hold_cells_together_between_blanks(load: Load, row_names: bool) -> None:
    rows = [
        f'"{time}" {mw} "unit {n}"' for n, (time, mw) in enumerate(zip(write_times("%F %T"), READINGS, strict=True))
    ]
    rows = [f'"{n}" {row}' for n, row in enumerate(rows, start=1)] if row_names else rows
    series = load('"when" "load MW" "note"', *rows)
    assert is_as_plain(series)
    assert series.columns == ("load MW",)
    assert series.excluded["note"] == "text"


@pytest.mark.parametrize(
    ("form", "months"), [("%b %Y", 1), ("%B %Y", 1), ("%Y/%m", 1), ("%Y-%m", 1), ("%YQ%q", 3), ("%Y-Q%q", 3)]
)
def test_months_and_quarters_are_their_first_days(load: Load, form: str, months: int) -> None:
    days = pd.period_range("1990-01", periods=60, freq="M")[::months]
    quarters = (str(day.strftime(form.replace("%q", str(day.quarter)))) for day in days)
    series = load("when,GWh", *(f"{time},{n % 7}.5" for n, time in enumerate(quarters)))
    assert series.timestamps.tolist() == days.to_timestamp().to_pydatetime().tolist()
    assert str(series.sampling) == f"{months} mo"


@pytest.mark.parametrize("form", ["%b-%y", "%b-%Y", "%m/%Y", "%Y,%b", "%Y,%B", "%Y,%m"])
def test_months_have_names_and_years_of_their_own(load: Load, form: str) -> None:
    months = pd.date_range("1990-01-01", periods=60, freq="MS")
    names = "year,month,MW" if "," in form else "month,MW"
    series = load(names, *(f"{time.strftime(form)},{mw}" for time, mw in zip(months, READINGS, strict=True)))
    assert (series.timestamps == months.to_numpy()).all()
    assert series.values[:, 0].tolist() == READINGS


@pytest.mark.parametrize("cell", ["{}", "Q{}", "0{}"])
def test_a_year_and_a_quarter_belong_together(load: Load, cell: str) -> None:
    times = pd.date_range("1990-01-01", periods=60, freq="QS")
    rows = zip(times, READINGS, strict=True)
    series = load("year,quarter,MW", *(f"{time.year},{cell.format(time.quarter)},{mw}" for time, mw in rows))
    assert (series.timestamps == times.to_numpy()).all()
    assert series.columns == ("MW",)


@pytest.mark.parametrize("code", ["abc-12", "xyz 1990", "12-cde-2014"])
def test_letters_that_name_no_month_are_no_time(load: Load, code: str) -> None:
    series = load("time code,utc,MW", *(f"{code},{time},{mw}" for time, mw in zip(HOURS, READINGS, strict=True)))
    assert is_as_plain(series)
    assert series.excluded == {"time code": "text"}


@pytest.mark.parametrize("seconds", [1, 10, 60, 3600])
def test_the_parts_of_a_timestamp_may_have_one_digit(load: Load, seconds: int) -> None:
    times = [pd.Timestamp(HOURS[0]) + pd.Timedelta(seconds=seconds * n) for n in range(60)]
    rows = [(t.year, t.month, t.day, t.hour, t.minute, t.second, mw) for t, mw in zip(times, READINGS, strict=True)]
    series = load("year,month,day,hour,minute,second,MW", *(",".join(map(str, row)) for row in rows))
    assert series.timestamps.tolist() == [time.to_pydatetime() for time in times]
    assert series.columns == ("MW",)


@pytest.mark.parametrize("form", ["%G-W%V", "%GW%V", "%G-W%V-%u"])
def test_iso_weeks_are_their_mondays(load: Load, form: str) -> None:
    mondays = pd.date_range("2019-12-30", periods=60, freq="7D")  # of a year with 53 weeks
    series = load("week,cases", *(f"{day.strftime(form)},{n % 7}.5" for n, day in enumerate(mondays)))
    assert series.timestamps.tolist() == mondays.to_pydatetime().tolist()
    assert str(series.sampling) == "7 d"


def test_a_week_that_its_year_does_not_have_is_refused(load: Load) -> None:
    assert "line 3, column 'week': expected a timestamp" in refuse(load, "week,x", "2021-W52,1", "2021-W53,2")


@pytest.mark.parametrize("name", ["Year", "Jahr", "année", "year "])
def test_a_column_of_years_alone_is_read_as_the_first_days(load: Load, name: str) -> None:
    series = load(f"country,{name},GWh", *(f"Peru,{1960 + n},{n % 7}.5" for n in range(60)))
    assert series.timestamps.astype(str).tolist()[:2] == ["1960-01-01T00:00:00", "1961-01-01T00:00:00"]
    assert (series.columns, str(series.sampling)) == (("GWh",), "1 y")
    assert load_frame(pd.DataFrame({name: range(1960, 2020), "GWh": 1.5})).timestamps.tolist() == (
        series.timestamps.tolist()
    )


def test_years_under_another_name_are_no_times(load: Load) -> None:
    refuse(load, "model,GWh", *(f"{1960 + n},{n % 7}.5" for n in range(60)))


@pytest.mark.parametrize("kind", ["float32", "Float32", "float16", "float64"])
@pytest.mark.parametrize("missing", [(), ("-99.9",)])
def test_numbers_of_a_frame_have_their_decimals_however_short_they_are_kept(kind: str, missing: tuple[str]) -> None:
    readings = [20 + n % 7 + 0.1 for n in range(60)]
    readings[5] = readings[9] = -99.9
    frame = pd.DataFrame({"MW": readings}, pd.date_range("2020-01-01", periods=60, freq="h")).astype(kind)
    frame.iloc[3] = np.nan
    series = load_frame(frame, reading=Reading(missing=missing))
    if missing:
        assert np.flatnonzero(np.isnan(series.values[:, 0])).tolist() == [3, 5, 9]
    else:
        assert find_sentinels(series) == {"MW": (-99.9,)}
    assert series.values[0, 0] == 20.1


def test_years_months_and_days_of_a_frame_belong_together() -> None:
    days = pd.date_range("2020-01-01", periods=60)
    frame = pd.DataFrame({"year": days.year, "month": days.month, "day": days.day, "MW": 1.5})
    assert load_frame(frame).timestamps.tolist() == days.to_pydatetime().tolist()


@pytest.mark.parametrize("start", ["1990-01", "2001-01"])
def test_six_digits_are_years_with_months_where_a_value_tells(load: Load, start: str) -> None:
    months = pd.period_range(start, "2013-03", freq="M")
    series = load("month,GWh", *(f"{month.strftime('%Y%m')},{n % 7}.5" for n, month in enumerate(months)))
    assert series.timestamps.tolist() == months.to_timestamp().to_pydatetime().tolist()


def test_six_digits_that_may_be_months_or_days_are_refused_with_both_forms(load: Load) -> None:
    months = pd.period_range("2001-01", "2012-12", freq="M")
    rows = [f"{month.strftime('%Y%m')},{n % 7}.5" for n, month in enumerate(months)]
    said = refuse(load, "month,GWh", *rows)
    assert "'200101' can be read in two ways" in said
    assert "date_format '%Y%m' or '%y%m%d'" in said
    assert str(load("month,GWh", *rows, date_format="%Y%m").sampling) == "1 mo"


@pytest.mark.parametrize("form", ["%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d %H:%M+01:00", "%d.%m.%Y %H:%M+0100"])
@pytest.mark.parametrize("timezone", ["", "Europe/Berlin"])
def test_a_column_in_which_only_some_timestamps_have_an_offset_is_refused(load: Load, form: str, timezone: str) -> None:
    bare = form.partition("+")[0].removesuffix("Z")
    zoned, others = write_times(form), write_times(bare)
    lines = [f"{time},{mw}" for time, mw in zip([*zoned[:30], *others[30:]], READINGS, strict=True)]
    said = refuse(load, "t,MW", *lines, timezone=timezone)
    assert f"column 't': {zoned[0]!r} tells its time in UTC, and {others[30]!r} has no offset" in said


@pytest.mark.parametrize(
    ("form", "timezone", "utc"), [("%F %T", "", False), ("%FT%TZ", "", True), ("%F %T", "Europe/Berlin", True)]
)
def test_a_series_says_whether_its_times_are_in_utc(load: Load, form: str, timezone: str, utc: bool) -> None:
    rows = [f"{time},{mw}" for time, mw in zip(write_times(form), READINGS, strict=True)]
    assert load("time,MW", *rows, timezone=timezone).source.utc is utc
    assert load("time,MW", *rows, timezone=timezone, resample="2h").source.utc is utc


@pytest.mark.parametrize("form", ["%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d %H:%M+00:00", "%s"])
def test_a_zone_that_is_not_used_is_told(load: Load, form: str) -> None:
    lines = [f"{time},{mw}" for time, mw in zip(write_times(form), READINGS, strict=True)]
    told = "timestamps: tell their time in UTC themselves; ‹timezone› is not used"
    series = load("time,MW", *lines, timezone="Europe/Berlin")
    assert told in series.notes
    assert is_as_plain(series)
    assert told not in load("time,MW", *lines).notes


# Order


def test_newest_first_is_turned_round_and_told(load: Load) -> None:
    series = load(PLAIN[0], *PLAIN[:0:-1])
    assert is_as_plain(series)
    assert series.lines[[0, -1]].tolist() == [61, 2]
    assert "order: newest first in the file, turned round" in series.notes


@pytest.mark.parametrize("sort", [False, True])
def test_dates_in_which_a_spreadsheet_exchanged_day_and_month_are_refused(load: Load, sort: bool) -> None:
    """Over whole years they would be regular once sorted, and wrong."""
    days = np.datetime64("2013-01-01") + np.arange(730)
    dates = [(date.year, date.month, date.day) for date in days.tolist()]
    texts = [f"{m}/{d}/{y}" if d <= 12 else f"{d}/{m}/{y}" for y, m, d in dates]
    with pytest.raises(
        DataError, match="line 3: 2013-02-01 00:00 stands where 2013-01-02 00:00 belongs: day and month"
    ):
        load("date,MW", *(f"{text},{n % 9}.5" for n, text in enumerate(texts)), sort=sort)


def test_times_without_am_and_pm_are_not_to_be_sorted(load: Load) -> None:
    times = [f"{hour.item():%Y-%m-%d %I:%M}" for hour in HOURS]
    with pytest.raises(DataError, match="no hour is above 12 and times repeat, as without AM and PM; add them"):
        load("time,MW", *(f"{time},{mw}" for time, mw in zip(times, READINGS, strict=True)))


@pytest.mark.parametrize("remark", ["# sensor cleaned", "# cleaned, by hand", "utc,MW,wind"])
def test_comments_and_repeated_headers_are_no_readings(load: Load, remark: str) -> None:
    series = load(*PLAIN[:30], remark, *PLAIN[30:])
    assert len(series.timestamps) == len(HOURS)
    assert series.columns == ("MW", "wind")
    assert "among the readings: 1 line with # or the header again, not read" in series.notes


@pytest.mark.parametrize(
    ("start", "kind"),
    [(b"ARROW1\0\0", "Feather"), (b"ORC\0", "ORC"), (b"\x89HDF\r\n\x1a\n\0", "HDF5"), (b'[\n {"time": 1}]', "JSON")],
)
def test_other_formats_are_named(tmp_path: Path, start: bytes, kind: str) -> None:
    (tmp_path / "load").write_bytes(start)
    with pytest.raises(DataError, match=f"load: holds {kind}, which rdrop cannot read; save the table as CSV or Parq"):
        load_dataset(str(tmp_path / "load"), tmp_path)


def test_two_rows_that_are_swapped_are_put_right_and_told(load: Load) -> None:
    lines = list(PLAIN)
    lines[30], lines[31] = lines[31], lines[30]
    series = load(*lines)
    assert is_as_plain(series)
    assert any("by a swap, sorted" in note for note in series.notes)


def test_rows_in_disorder_are_refused_by_line_and_sorted_when_asked(load: Load) -> None:
    rows = [PLAIN[1 + n] for n in np.random.default_rng(0).permutation(60)]
    said = refuse(load, PLAIN[0], *rows)
    assert "load.csv: line " in said
    assert "sort" in said
    assert is_as_plain(load(PLAIN[0], *rows, sort=True))


@pytest.mark.parametrize("by_time", [False, True])
def test_a_table_in_long_form_is_recognised_and_one_series_of_it_chosen(load: Load, by_time: bool) -> None:
    rows = [
        (str(t), name, mw + more)
        for name, more in (("north", 0), ("south", 9))
        for t, mw in zip(HOURS, READINGS, strict=True)
    ]
    rows = sorted(rows) if by_time else rows
    lines = [f"{time},{name},{mw:.2f}" for time, name, mw in rows]
    said = refuse(load, "utc,station,MW", *lines)
    assert "column 'station' tells apart (north, south)" in said
    assert "where 'station=north'" in said
    assert is_as_plain(load("utc,station,MW", *lines, where=("station=north",)))
    assert "no readings with where station=east" in refuse(load, "utc,station,MW", *lines, where=("station=east",))


def test_irregular_readings_are_averaged_over_equal_steps(load: Load) -> None:
    minutes = np.sort(np.random.default_rng(0).choice(6000, 900, replace=False))
    rows = [f"{np.datetime64('2014-01-01', 's') + 60 * int(m)},{m}.5" for m in minutes]
    series = load("utc,MW", *rows, resample="1h")
    assert set(np.diff(series.timestamps).astype(int)) == {3600}
    assert series.values[0, 0] == pytest.approx(np.mean(minutes[minutes < 60] + 0.5))
    assert series.name_row(3) == "row 3"


def test_readings_of_the_same_time_are_averaged_but_not_those_of_different_series(load: Load) -> None:
    twice = [
        line for time, mw in zip(HOURS, READINGS, strict=True) for line in (f"{time},{mw},1", f"{time},{mw + 1},2")
    ]
    alike = [line.rpartition(",")[0] for line in twice]
    assert "average with resample" in refuse(load, "utc,MW", *alike)
    series = load("utc,MW", *alike, resample="1h")
    assert series.values[:, 0] == pytest.approx(np.array(READINGS) + 0.5)
    assert "choose one with where 'station=1'" in refuse(load, "utc,MW,station", *twice, resample="1h")


def test_a_step_longer_than_the_series_is_refused(load: Load) -> None:
    with pytest.raises(UsageError, match="resample: expected at most the length of the series, 59 h, received"):
        load(*PLAIN, resample="999999999d")


@pytest.mark.parametrize(("length", "minutes"), [("59min", 60), ("30min", 60), ("1s", 60), ("30d", 1440 * 31)])
def test_a_step_shorter_than_the_sampling_is_refused_as_it_would_make_readings_up(
    load: Load, length: str, minutes: int
) -> None:
    times = [np.datetime64("2014-01-01", "s") + 60 * minutes * n for n in range(60)]
    said = refuse(load, "utc,MW", *(f"{t},{n % 7}.5" for n, t in enumerate(times)), error=UsageError, resample=length)
    usual = "1 h" if minutes == 60 else "31 d"
    assert said.startswith(f"resample: expected at least the time from one reading to the next, {usual}, received")


def test_a_step_as_long_as_a_sampling_that_drifts_is_averaged(load: Load) -> None:
    times = [np.datetime64("2014-01-01", "s") + 3601 * n for n in range(60)]
    assert load("utc,MW", *(f"{t},{n % 7}.5" for n, t in enumerate(times)), resample="1h").rows == 60


def test_sentinels_are_left_out_of_averages_and_told(load: Load) -> None:
    times = [np.datetime64("2014-01-01", "s") + 600 * n for n in range(360)]
    readings = [-9999 if n < 8 else 20 + n % 6 for n in range(360)]
    series = load("utc,MW", *(f"{t},{y}" for t, y in zip(times, readings, strict=True)), resample="1h")
    assert np.array_equal(series.values[:3, 0], [np.nan, 23.5, 22.5], equal_nan=True)
    assert series.notes == (
        "resampled: means of 1 h (‹resample›)",
        "sentinels (-9999): 8 in MW; left out of the means",
    )
    assert not np.isnan(fill_missing(series).values).any()


@pytest.mark.parametrize(("often", "every"), [(60, 5), (-50, 5), (300, 5), (0, 5), (0, 2)])
def test_what_is_usual_of_a_device_that_is_off_is_a_reading(load: Load, often: int, every: int) -> None:
    readings = [often if n % every else 1000 + n for n in range(60)]
    lines = ("utc,W", *(f"{time},{watt}" for time, watt in zip(HOURS, readings, strict=True)))
    assert find_sentinels(load(*lines)) == {}
    assert load(*lines, resample="2h").values[0, 0] == np.mean(readings[:2])


@pytest.mark.parametrize(("value", "found"), [(-1, True), (4711, True), (0, False), (1200, False)])
def test_a_number_of_any_value_that_is_repeated_far_outside_all_else_is_a_sentinel(
    load: Load, value: int, found: bool
) -> None:
    readings = [value if n % 9 == 3 else 1000 + n for n in range(60)]
    series = load("utc,hPa", *(f"{time},{pressure}" for time, pressure in zip(HOURS, readings, strict=True)))
    assert find_sentinels(series) == ({"hPa": (value,)} if found else {})


@pytest.mark.parametrize(
    "codes", [(-9999, -6999), (-999, 999), (-99.9, 99.9), (-7777, 8888), (-32768, 32767), (-3.4e38, 1e20)]
)
def test_several_sentinels_of_one_column_are_found_and_named(load: Load, codes: tuple[float, float]) -> None:
    readings = [codes[n // 7 % 2] if n % 7 == 3 else 20 + n % 6 for n in range(60)]
    series = load("utc,MW", *(f"{time},{mw}" for time, mw in zip(HOURS, readings, strict=True)))
    assert find_sentinels(series) == {"MW": codes}
    names = ", ".join(f"{code:g}" for code in codes)
    assert assess_quality(series).describe("fill")[0] == f"sentinels ({names}): 9 in MW; filled by interpolation"
    assert series.values.max() == max(readings)
    assert 20 <= fill_missing(series).values.min() < fill_missing(series).values.max() <= 25


def test_a_column_of_huge_numbers_has_readings(load: Load) -> None:
    assert find_sentinels(load("utc,n", *(f"{time},{1e21 + n * 1e20}" for n, time in enumerate(HOURS)))) == {}


@pytest.mark.parametrize(("readings", "hours"), [(360, 60), (363, 60), (366, 61)])
def test_an_average_of_a_last_step_that_is_not_full_is_left_out(load: Load, readings: int, hours: int) -> None:
    times = [np.datetime64("2014-01-01", "s") + 600 * n for n in range(readings)]
    series = load("utc,MW", *(f"{time},{n % 7}.5" for n, time in enumerate(times)), resample="1h")
    assert len(series.values) == hours
    assert ("the last is left out" in series.notes[0]) == (readings == 363)


@pytest.mark.parametrize(("minute", "first"), [(0, "00:00"), (5, "00:00"), (10, "01:00"), (50, "01:00")])
def test_an_average_of_a_first_step_that_is_not_full_is_left_out(load: Load, minute: int, first: str) -> None:
    times = [np.datetime64(f"2014-01-01T00:{minute:02}", "s") + 600 * n for n in range(360)]
    series = load("utc,MW", *(f"{time},{n % 7}.5" for n, time in enumerate(times)), resample="1h")
    assert str(series.timestamps[0]) == f"2014-01-01T{first}:00"
    assert ("the first is left out: its readings begin too late" in series.notes[0]) == (first == "01:00")


# Text and packing


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "latin-1", "cp1252"])
def test_text_is_read_in_its_encoding(load: Load, encoding: str) -> None:
    lines = ["utc,ort,T (°C)", *(f"{time},Zürich,{mw}" for time, mw in zip(HOURS, READINGS, strict=True))]
    series = load(*lines, encoding=encoding)
    assert is_as_plain(series)
    assert series.columns == ("T (°C)",)


def test_an_encoding_that_is_named_is_the_one(load: Load) -> None:
    lines = ["utc,Температура", *(f"{time},{mw}" for time, mw in zip(HOURS, READINGS, strict=True))]
    assert load(*lines, encoding="cp1251").columns  # detected, or at least read
    path_reading = Reading(encoding="cp1251")
    assert path_reading.encoding == "cp1251"
    with pytest.raises(UsageError, match="encoding: expected"):
        Reading(encoding="martian")


ABOVE = {
    "prose": ["Station 17, roof", "read every hour", ""],
    "comments": ["# made by a logger", "# unit: MW"],
    "a declared separator": ["sep=,"],
    "empty lines": ["", ""],
}


@pytest.mark.parametrize("above", ABOVE.values(), ids=ABOVE)
def test_lines_above_the_header_are_passed_over(load: Load, above: list[str]) -> None:
    series = load(*above, *PLAIN)
    assert is_as_plain(series)
    assert series.columns == ("MW", "wind")
    assert series.lines[0] == len(above) + 2


def test_a_row_of_units_becomes_part_of_the_names(load: Load) -> None:
    series = load(PLAIN[0], ",MW,m/s", *PLAIN[1:])
    assert series.columns == ("MW", "wind (m/s)")
    assert is_as_plain(series)


@pytest.mark.parametrize(
    ("above", "columns"),
    [
        (("utc,load", ",MW"), ("load (MW)",)),
        (("Price,Close", "Ticker,ACME", "Date,"), ("Close ACME",)),
        (("Load of 2014", "utc,load"), ("load",)),
        (("Load of 2014,",), ("column 2",)),
    ],
)
def test_a_row_with_one_name_is_part_of_a_header_and_none_alone(
    load: Load, above: tuple[str, ...], columns: tuple[str, ...]
) -> None:
    series = load(*above, *(f"{time},{mw}" for time, mw in zip(HOURS, READINGS, strict=True)))
    assert is_as_plain(series)
    assert series.columns == columns


def test_a_header_of_a_logger_has_names_units_and_what_was_done(load: Load) -> None:
    rows = [f'"{time}",{n},{mw},{n % 7}.5' for n, (time, mw) in enumerate(zip(HOURS, READINGS, strict=True))]
    above = '"TOA5","CR1000","1234","roof"', '"TIMESTAMP","RECORD","AirTC_Avg","BP"'
    series = load(*above, '"TS","RN","Deg C","mbar"', '"","","Avg","Smp"', *rows)
    assert is_as_plain(series)
    assert series.columns == ("AirTC_Avg (Deg C)", "BP Smp (mbar)")
    assert [name_target(name)[1] for name in series.columns] == ["°C", "mbar"]
    assert {"above the header: 1 line, not read", "header: 3 rows, joined"} <= set(series.notes)


def test_two_rows_of_names_tell_no_unit(load: Load) -> None:
    rows = [f"{time}\t{mw}\t1" for time, mw in zip(write_times("%Y-%m-%d\t%H:%M"), READINGS, strict=True)]
    series = load("\t\tTemp\tHi", "Date\tTime\tOut\tTemp", *rows)
    assert is_as_plain(series)
    assert (series.time_column, series.columns) == ("Date+Time", ("Temp Out", "Hi Temp"))


@pytest.mark.parametrize("mark", [",", ";", "|"])
def test_a_carriage_return_within_a_line_is_named(load: Load, mark: str) -> None:
    said = f"line 1 has a carriage return before '{mark}c', which is part of the line; remove it, as `tr -d '\\r'` does"
    lines = ("utc,a,b\r,c", "2014-01-01,1,2\r,3", "2014-01-02,2,3\r,4")
    assert refuse(load, *(line.replace(",", mark) for line in lines)).endswith(said)


@pytest.mark.parametrize(
    ("headers", "columns"),
    [
        (["utc,-,b"], ("-", "b")),
        (["utc,-,b", "zone,load,-"], ("load", "b")),
        (["utc,-,b", "zone,-,c"], ("-", "b c")),
    ],
)
def test_a_dash_names_a_column_that_has_no_other_name(load: Load, headers: list[str], columns: tuple[str, ...]) -> None:
    rows = [f"{time},{mw},{mw + 1}" for time, mw in zip(write_times("%Y-%m-%d %H:%M"), READINGS, strict=True)]
    assert load(*headers, *rows).columns == columns


@pytest.mark.parametrize("end", ["\n", "\r", "\r\n"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_cells_in_quotes_may_have_several_lines_in_the_header_and_below(load: Load, end: str, separator: str) -> None:
    lines = [
        separator.join((str(time), str(mw), f'"valve{end}{separator}stuck"'))
        for time, mw in zip(HOURS, READINGS, strict=True)
    ]
    series = load(separator.join(("utc", f'"load{end}total (MW)"', "remark")), *lines)
    assert is_as_plain(series)
    assert (series.columns, series.excluded) == (("load total (MW)",), {"remark": "text"})
    assert series.name_row(3) == "line 9"


def test_a_quotation_mark_in_a_title_opens_no_cell(load: Load) -> None:
    assert is_as_plain(load('"Load of 2014', "", *PLAIN))


def test_a_station_may_be_described_in_a_table_of_its_own_above(load: Load) -> None:
    above = [
        "Name;Number;Height",
        "Jena;98230;155",
        "",
        "From;To;Longitude",
        "2014-01-01 00:00;2014-03-01 00:00;11.6",
        "",
    ]
    rows = [f"{time};{mw};G" for time, mw in zip(write_times("%Y-%m-%d;%H:%M"), READINGS, strict=True)]
    series = load(*above, "Date;Time (UTC);Temperature;Quality", *rows)
    assert is_as_plain(series)
    assert (series.time_column, series.columns) == ("Date+Time (UTC)", ("Temperature",))


def test_an_empty_row_below_the_first_reading_is_nothing(load: Load) -> None:
    assert is_as_plain(load(*PLAIN[:2], ",,", *PLAIN[2:]))
    assert "line 4, column 'MW': expected a number, received 'x'" in refuse(
        load,
        *PLAIN[:2],
        "",
        PLAIN[2].replace("19", "x", 1) if "19" in PLAIN[2] else "2014-01-30T23:00:00,x,1.5",
        *PLAIN[3:],
    )


def test_remarks_below_the_readings_are_not_read_and_told(load: Load) -> None:
    below = ["", "MW: load of the network", "", "source: a, b"]
    series = load(*PLAIN, *below)
    assert is_as_plain(series)
    assert "below the readings: 2 lines, not read" in series.notes
    assert f"line {len(PLAIN) + 1}" in refuse(load, *PLAIN, *below[1:])  # no empty row tells them from a row cut short
    assert f"line {len(PLAIN) + 2}" in refuse(load, *PLAIN, *below, "2014-03-01T00:00:00,1.5,2.5")


def test_trailing_separators_and_empty_rows_are_nothing(load: Load) -> None:
    series = load(*(line + ",," for line in PLAIN), ",,,,", ",,,,")
    assert is_as_plain(series)
    assert series.columns == ("MW", "wind")


def test_lines_that_end_in_a_separator_shift_no_names(load: Load) -> None:
    series = load(PLAIN[0], *(f"{line}," for line in PLAIN[1:]))
    assert is_as_plain(series)
    assert (series.time_column, series.columns, series.excluded) == ("utc", ("MW", "wind"), {})


def test_a_row_cut_short_is_refused_by_line(load: Load) -> None:
    assert "line 61, column 'wind': missing: the row has 2 of 3 cells" in refuse(load, *PLAIN[:-1], f"{HOURS[-1]},5")


def test_a_file_without_a_header_has_numbered_columns(load: Load) -> None:
    series = load(*PLAIN[1:])
    assert is_as_plain(series)
    assert series.columns == ("column 2", "column 3")


def pack_zip(content: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("load.csv", content)
    return buffer.getvalue()


PACKERS = {"gz": gzip.compress, "xz": lzma.compress, "bz2": bz2.compress, "zip": pack_zip}


@pytest.mark.parametrize("ending", PACKERS)
def test_packed_files_are_read_and_cut_off_ones_refused(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"load.csv.{ending}"
    packed = PACKERS[ending]("\n".join(PLAIN).encode())
    path.write_bytes(packed)
    series = load_dataset(str(path), tmp_path / "data")
    assert is_as_plain(series)
    assert series.name == "load"
    path.write_bytes(packed[: len(packed) // 2])
    with pytest.raises(DataError, match=r"load.csv.*(damaged|cannot be read)"):
        load_dataset(str(path), tmp_path / "data")


def test_standard_input_is_a_file_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO("\n".join(PLAIN).encode())))
    assert is_as_plain(load_dataset("-", tmp_path / "data"))


def test_an_address_is_fetched(tmp_path: Path) -> None:
    with serve(offer("\n".join(PLAIN).encode())) as server:
        series = load_dataset(server.url, tmp_path / "data")
    assert is_as_plain(series)
    assert series.source.origin == server.url


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("load.csv", "load"),
        ("..%2Frdrop.csv", "rdrop"),
        ("%2Ftmp%2Frdrop.csv", "rdrop"),
        ("", "table"),
        ("a%20b", "a b"),
    ],
)
def test_an_address_does_not_choose_where_it_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str, name: str
) -> None:
    written: list[Path] = []
    body = "\n".join(PLAIN).encode()
    monkeypatch.setattr(content_module, "fetch", lambda _, to, **options: [written.append(to), to.write_bytes(body)])
    assert load_dataset(f"http://host/{path}", tmp_path / "data").name == name
    assert written[0].name == "table"


def test_a_file_that_changes_while_it_is_read_is_refused_and_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, hash_once = tmp_path / "load.csv", content_module._hash
    path.write_text("\n".join(PLAIN))

    def hash_and_change(file: Any) -> str:
        found = hash_once(file)
        path.write_text("\n".join(PLAIN).replace("20.0", "99.0"))
        return found

    monkeypatch.setattr(content_module, "_hash", hash_and_change)
    with pytest.raises(DataError, match="changed while it was read"):
        load_dataset(str(path), tmp_path / "data")
    assert not (tmp_path / "data").exists()


def test_the_same_bytes_read_in_another_way_are_not_taken_from_the_parsed_copy(load: Load) -> None:
    rows = [f"{time};1.{100 + n}" for n, time in enumerate(HOURS)]
    assert [load("utc;a", *rows, decimal=mark).values[0, 0] for mark in (".", ",", ".")] == [1.1, 1100, 1.1]


def test_the_parsed_copy_says_the_same_as_the_file(load: Load) -> None:
    lines = ("id,utc,MW,why", "7,2014-01-01,,x", "9,2014-01-02,5,y", "1,2014-01-03,5,y")
    first, second = load(*lines), load(*lines)
    assert np.array_equal(first.values, second.values, equal_nan=True)
    assert (first.columns, first.excluded, first.source) == (second.columns, second.excluded, second.source)
    assert first.lines.tolist() == second.lines.tolist()


# Data frames


def test_a_data_frame_is_read_as_the_file_of_its_rows(load: Load) -> None:
    frame = pd.DataFrame({"MW": READINGS, "place": "roof"}, index=pd.DatetimeIndex(HOURS, name="utc"))
    series = load_frame(frame)
    assert is_as_plain(series)
    assert (series.time_column, series.columns, series.excluded) == ("utc", ("MW",), {"place": "text"})
    assert is_as_plain(load_frame(frame.reset_index()))
    assert is_as_plain(load_frame(frame.reset_index().astype({"utc": str})))
    with pytest.raises(DataError, match="no column of timestamps"):
        load_frame(frame.reset_index(drop=True))
    with pytest.raises(DataError, match="column names must differ; received time, MW, time"):
        load_frame(frame.rename_axis(None).assign(time=1.0).drop(columns="place"))


def test_frames_are_put_in_order_as_files_are(tmp_path: Path) -> None:
    frame = pd.DataFrame({"utc": pd.DatetimeIndex(HOURS), "MW": READINGS})
    frame[::-1].to_parquet(tmp_path / "back.parquet")
    for series in (load_frame(frame[::-1]), load_dataset(str(tmp_path / "back.parquet"), tmp_path)):
        assert is_as_plain(series)
        assert series.notes == ("order: newest first in the file, turned round",)
    mixed = frame.sample(frac=1, random_state=0)
    assert is_as_plain(load_frame(mixed, reading=Reading(sort=True)))
    with pytest.raises(DataError, match=r"frame: row 3: .* sort them with sort"):
        load_frame(mixed)


def test_an_hour_that_a_frames_timezone_does_not_have_is_refused_by_its_row() -> None:
    frame = pd.DataFrame({"MW": READINGS[:24]}, index=pd.date_range("2020-03-29", periods=24, freq="h"))
    with pytest.raises(DataError, match="frame: row 2: 2020-03-29T02:00:00 does not exist in Europe/Berlin"):
        load_frame(frame, reading=Reading(timezone="Europe/Berlin"))


def test_a_number_that_stands_for_nothing_is_missing_in_frames_and_their_files(tmp_path: Path) -> None:
    frame = pd.DataFrame({"utc": pd.DatetimeIndex(HOURS), "MW": [-999.0, *READINGS[1:]]})
    frame.to_parquet(tmp_path / "load.parquet")
    reading = Reading(missing=("-999",))
    for series in (load_frame(frame, reading=reading), load_dataset(str(tmp_path / "load.parquet"), tmp_path, reading)):
        assert np.isnan(series.values[:2, 0]).tolist() == [True, False]
    assert frame["MW"][0] == -999


def test_columns_that_make_a_timestamp_together_are_joined_in_frames_and_their_files(tmp_path: Path) -> None:
    stamps = pd.DatetimeIndex(HOURS)
    frame = pd.DataFrame({"date": stamps.normalize(), "hour": stamps.hour, "MW": READINGS})
    frame.to_parquet(tmp_path / "load.parquet")
    reading = Reading(time="date+hour")
    for series in (load_frame(frame, reading=reading), load_dataset(str(tmp_path / "load.parquet"), tmp_path, reading)):
        assert is_as_plain(series)
        assert (series.time_column, series.columns) == ("date+hour", ("MW",))
    with pytest.raises(UsageError, match="no column 'our'; did you mean 'hour'"):
        load_frame(frame, reading=Reading(time="date+our"))


def test_a_cell_of_a_frame_that_is_no_timestamp_is_refused_by_its_row(tmp_path: Path) -> None:
    frame = pd.DataFrame({"utc": [*HOURS[:7], "soon", *HOURS[8:]], "MW": READINGS})
    frame.to_excel(tmp_path / "load.xlsx", index=False)
    said = "column 'utc': expected a timestamp such as .*, received 'soon'"
    with pytest.raises(DataError, match=f"frame: row 7, {said}"):
        load_frame(frame)
    with pytest.raises(DataError, match=rf"load\.xlsx: line 9, {said}"):  # of the sheet
        load_dataset(str(tmp_path / "load.xlsx"), tmp_path)


def test_a_frame_with_empty_cells_before_its_timestamps_is_read() -> None:
    frame = pd.DataFrame({"note": ["on", None, np.nan] * 20, "utc": write_times("%d.%m.%Y %H:%M"), "MW": READINGS})
    series = load_frame(frame)
    assert is_as_plain(series)
    assert series.excluded == {"note": "text"}


WORKBOOKS: dict[str, tuple[list[list[object]], tuple[str, ...]]] = {
    "a title above": ([["Load of 2014", None], [None, None], ["utc", "MW"]], ("MW",)),
    "a row of units": ([["utc", "load"], [None, "MW"]], ("load (MW)",)),
    "no header": ([], ("column 2",)),
}


@pytest.mark.parametrize(("above", "columns"), WORKBOOKS.values(), ids=WORKBOOKS)
def test_a_sheet_is_read_as_the_text_of_its_cells(
    tmp_path: Path, above: list[list[object]], columns: tuple[str, ...]
) -> None:
    rows: list[object] = [*above, *zip(pd.DatetimeIndex(HOURS), READINGS, strict=True)]
    pd.DataFrame(rows, dtype=object).to_excel(tmp_path / "load.xlsx", header=False, index=False)
    series = load_dataset(str(tmp_path / "load.xlsx"), tmp_path)
    assert is_as_plain(series)
    assert series.columns == columns


def test_cells_of_a_sheet_may_hold_texts_dates_and_times_of_day(tmp_path: Path) -> None:
    stamps = pd.DatetimeIndex(HOURS)
    texts = [*(str(mw).replace(".", ",") for mw in READINGS[:50]), *(["-"] * 10)]
    thousandths = [n + 1.125 for n in range(60)]  # a number, and no thousand of the decimal comma
    frame = pd.DataFrame({"day": stamps.date, "clock": stamps.time, "MW": texts, "wind": thousandths})
    frame.to_excel(tmp_path / "load.xlsx", index=False)
    series = load_dataset(str(tmp_path / "load.xlsx"), tmp_path)
    assert (series.time_column, series.columns) == ("day+clock", ("MW", "wind"))
    assert series.timestamps.tolist() == [time.item() for time in HOURS]
    assert series.values[:50, 0].tolist() == READINGS[:50]
    assert np.isnan(series.values[50:, 0]).all()
    assert series.values[:, 1].tolist() == thousandths


def test_of_several_sheets_the_first_with_a_series_is_read_and_the_others_are_named(tmp_path: Path) -> None:
    frame = pd.DataFrame({"utc": pd.DatetimeIndex(HOURS), "MW": READINGS})
    with pd.ExcelWriter(tmp_path / "load.xlsx") as book:
        pd.DataFrame({"about": ["a load"]}).to_excel(book, sheet_name="about", index=False)
        frame.to_excel(book, sheet_name="2014", index=False)
        frame.to_excel(book, sheet_name="2015", index=False)
    series = load_dataset(str(tmp_path / "load.xlsx"), tmp_path)
    assert is_as_plain(series)
    assert series.notes == ("sheet: '2014'; not read: 'about', '2015'",)
    assert load_dataset(str(tmp_path / "load.xlsx"), tmp_path).notes == series.notes
    with pytest.raises(UsageError, match=r"separator: is of text files; .*load\.xlsx is excel"):
        load_dataset(str(tmp_path / "load.xlsx"), tmp_path, Reading(separator=";"))


def test_columns_of_truths_and_complex_numbers_are_excluded_from_frames() -> None:
    frame = pd.DataFrame({"MW": READINGS, "on": True, "wave": 1j}, index=pd.DatetimeIndex(HOURS, name="utc"))
    series = load_frame(frame.astype({"on": "boolean"}))
    assert (series.columns, series.excluded) == (("MW",), {"on": "text", "wave": "text"})


def write_as(kind: str, path: Path) -> None:
    frame = pd.DataFrame({"utc": pd.DatetimeIndex(HOURS), "MW": READINGS})
    if kind == "parquet":
        frame.to_parquet(path)
    elif kind == "excel":
        frame.to_excel(path, index=False)
    else:
        frame.to_csv(path, index=False, compression="zstd")


FORMATS = [("parquet", "pyarrow"), ("excel", "openpyxl"), ("zstd", "zstandard")]


@pytest.mark.parametrize("kind", [kind for kind, _ in FORMATS])
def test_parquet_excel_and_zstd_are_read_by_their_content(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "load.csv"  # the name says nothing
    write_as(kind, path.with_suffix({"parquet": ".parquet", "excel": ".xlsx", "zstd": ".zst"}[kind]))
    next(tmp_path.glob("load.*")).rename(path)
    assert is_as_plain(load_dataset(str(path), tmp_path / "data"))


@pytest.mark.parametrize(("kind", "library"), FORMATS)
def test_a_missing_library_is_named_with_what_installs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, library: str
) -> None:
    path = tmp_path / {"parquet": "load.parquet", "excel": "load.xlsx", "zstd": "load.csv.zst"}[kind]
    write_as(kind, path)
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(DataError, match=r"pip install 'openpyxl>=[\d.]+' 'pyarrow>=[\d.]+' 'zstandard>=[\d.]+'"):
        load_dataset(str(path), tmp_path / "data")


def test_the_options_of_reading_survive_json() -> None:
    reading = Reading(time="a+b", missing=("-999",), where=("station=a",), sort=True)
    assert Reading.from_json(reading.to_json()) == reading
    for wrong in ({"tim": "a"}, {"sort": "yes"}, {"decimal": "x"}):
        with pytest.raises(DataError):
            Reading.from_json(wrong)


def test_the_named_datasets_take_no_options_of_reading(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="time: is for a file of your own"):
        load_dataset("synthetic", tmp_path, Reading(time="utc"))


@pytest.mark.parametrize("kind", ["csv", "parquet", "xlsx", "frame"])
def test_the_stations_of_a_long_form_are_never_averaged(tmp_path: Path, kind: str) -> None:
    hours = pd.date_range("2020-01-01", periods=50, freq="1h")
    frame = pd.DataFrame({"time": hours.repeat(2), "station": ["north", "south"] * 50, "load": range(0, 500, 5)})
    path = tmp_path / f"long.{kind}"
    if kind != "frame":
        write = {"csv": frame.to_csv, "parquet": frame.to_parquet, "xlsx": frame.to_excel}[kind]
        write(path, index=False)
    with pytest.raises(DataError, match=r"'station' tells apart \(north, south\); choose one .* 'station=north'"):
        load_frame(frame, Reading(resample="5h")) if kind == "frame" else load_dataset(
            str(path), tmp_path, Reading(resample="5h")
        )


@pytest.mark.parametrize("resample", ["", "5h"])
@pytest.mark.parametrize("kind", ["csv", "frame"])
def test_two_columns_may_tell_series_apart_together(tmp_path: Path, kind: str, resample: str) -> None:
    rows = [
        (time, "on", station, name, round(mw + n, 2))
        for time, mw in zip(HOURS, READINGS, strict=True)
        for n, (station, name) in enumerate([("1", "load"), ("1", "wind"), ("2", "load"), ("2", "wind")])
    ]
    frame = pd.DataFrame(rows, columns=["utc", "state", "station", "what", "value"])
    frame.to_csv(tmp_path / "long.csv", index=False)

    def load(**reading: Any) -> Series:
        options = Reading(resample=resample, **reading)
        return (
            load_frame(frame, options)
            if kind == "frame"
            else load_dataset(str(tmp_path / "long.csv"), tmp_path, options)
        )

    said = "4 series that columns 'station' and 'what' tell apart (1 load, 1 wind, 2 load, 2 wind); choose one with "
    with pytest.raises(DataError, match=re.escape(f"{said}where 'station=1' where 'what=load'")):
        load()
    assert resample or load(where=("station=1", "what=load")).values[:, 0].tolist() == READINGS
    with pytest.raises(DataError, match=r"column 'what' tells apart \(load, wind\)"):
        load(where=("station=1",))


def test_means_of_a_column_that_counts_the_rows_are_no_input(tmp_path: Path) -> None:
    times = [time for hour, time in enumerate(HOURS) if hour != 7]  # one step has fewer readings than the others
    frame = pd.DataFrame({"time": times, "No": range(len(times)), "load": READINGS[: len(times)]})
    frame.to_csv(tmp_path / "counted.csv", index=False)
    for resample in ("", "2h", "5h"):
        read = load_dataset(str(tmp_path / "counted.csv"), tmp_path, Reading(resample=resample))
        assert read.columns == load_frame(frame, Reading(resample=resample)).columns == ("load",)


@pytest.mark.parametrize(("reading", "times"), [({}, 1), ({"resample": "2h"}, 2)])
def test_columns_that_count_the_rows_are_searched_for_again_only_after_rows_were_moved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reading: dict[str, Any], times: int
) -> None:
    searched = list[str]()
    monkeypatch.setattr(load_module, "_find_counter", lambda name, column: searched.append(name))
    frame = pd.DataFrame({"utc": HOURS, "MW": READINGS})
    frame.to_csv(tmp_path / "load.csv", index=False)
    load_frame(frame, Reading(**reading))
    load_dataset(str(tmp_path / "load.csv"), tmp_path, Reading(**reading))
    assert searched == ["MW"] * 2 * times


def test_rows_must_have_every_value_that_is_named(tmp_path: Path) -> None:
    frame = pd.DataFrame({"time": HOURS, "station": ["north", "south"] * 30, "load": READINGS})
    frame.to_csv(tmp_path / "long.csv", index=False)
    both = Reading(where=("station=north", "station=south"))
    for load in (lambda: load_frame(frame, both), lambda: load_dataset(str(tmp_path / "long.csv"), tmp_path, both)):
        with pytest.raises(DataError, match=r"no readings with .* station=north, station=south"):
            load()


def test_a_zstd_file_that_is_cut_off_is_refused(tmp_path: Path) -> None:
    zstandard = pytest.importorskip("zstandard")
    times = pd.date_range("2000-01-01", periods=20_000, freq="1h")
    text = "utc,load\n" + "".join(f"{time},{n * 7919 % 10007}\n" for n, time in enumerate(times))
    half = text.index("\n", len(text) // 2) + 1
    pack = zstandard.ZstdCompressor().compress
    path = tmp_path / "load.csv.zst"
    path.write_bytes(pack(text[:half].encode()) + pack(text[half:].encode()))
    assert load_dataset(str(path), tmp_path).rows == len(times)
    whole = path.read_bytes()
    for size in range(len(whole) // 10, len(whole), len(whole) // 10):
        path.write_bytes(whole[:size])
        with pytest.raises(DataError, match="damaged or cut off"):
            load_dataset(str(path), tmp_path)
