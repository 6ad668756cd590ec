"""Lengths and splits: times, rows, fractions and dates."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rdrop_cli.errors import UsageError
from rdrop_cli.planning.lengths import parse_horizons, parse_rows, parse_split
from rdrop_cli.study.units import UNIT_SECONDS, format_seconds, format_stamp
from tests.planning.series import make_series

YEAR = make_series(8760, 3600, True, ("MW",), name="load", first="2013-01-01")
STAMPS = YEAR.timestamps


@pytest.mark.parametrize(
    ("text", "row"),
    [
        ("1", 1),
        (" 200 ", 200),
        ("8759", 8759),
        ("0.5", 4380),
        (".5", 4380),
        ("50%", 4380),
        ("50 %", 4380),
        ("33.33%", 2919),
        ("0.3333", 2919),
        ("2013-02-01", 744),
        ("2013-02-01 12:00", 756),
        ("2013-02-01T12:00:01", 757),
    ],
)
def test_a_split_is_a_row_a_fraction_or_the_first_row_not_before_a_date(text: str, row: int) -> None:
    assert parse_split("train_stop", text, YEAR) == row


@pytest.mark.parametrize(
    "text", ["", "half", "-1", "1.5", "50%%", "0.33333", "2013-02", "2013-02-30", "01.02.2013", "1e3"]
)
def test_what_is_no_split_is_refused_with_the_range_of_the_series(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_split("val_stop", text, YEAR)
    assert str(caught.value) == (
        "val_stop: expected a row, a fraction such as 0.5 or 50% of four digits at most, or a date such as 2014-01-01, "
        f"received {text!r}; load has 8760 rows from 2013-01-01 00:00 to 2013-12-31 23:00"
    )


@pytest.mark.parametrize(
    "text", ["0", "8760", "999999999", "0.0001", "0%", "100%", "2014-01-01", "2013-01-01", "2012-06-01"]
)
def test_a_split_outside_the_series_is_refused_with_its_range(text: str) -> None:
    with pytest.raises(UsageError, match=r"val_stop: .* is not within load, which has 8760 rows from 2013-01-01 00:00"):
        parse_split("val_stop", text, YEAR)


def test_a_date_in_a_gap_is_the_row_after_it_and_stamps_may_go_back() -> None:
    stamps = np.concatenate([STAMPS[:100], STAMPS[200:300], STAMPS[290:400]])
    series = replace(YEAR, timestamps=stamps)
    assert parse_split("train_stop", format_stamp(STAMPS[150]), series) == 100
    assert parse_split("train_stop", format_stamp(STAMPS[295]), series) == 195  # the first time


def test_a_date_has_the_fractions_of_a_second_with_which_it_is_printed() -> None:
    stamps = STAMPS.astype("datetime64[us]")[0] + np.arange(100) * np.timedelta64(250, "ms")
    series = replace(YEAR, timestamps=stamps, values=YEAR.values[:100])
    assert [parse_split("train_stop", format_stamp(stamp), series) for stamp in stamps[1:]] == list(range(1, 100))


@pytest.mark.thorough
@given(st.text(max_size=12))
def test_any_text_is_a_row_within_the_series_or_refused(text: str) -> None:
    try:
        row, refusal = parse_split("train_stop", text, YEAR), ""
    except UsageError as error:
        row, refusal = 1, str(error)
    assert 0 < row < len(YEAR.timestamps)
    assert not refusal or refusal.startswith("train_stop: ")


TEN_MINUTES = 600


@pytest.mark.parametrize(
    ("text", "rows"),
    [("10d", 1440), ("24h", 144), ("90min", 9), ("600s", 1), ("1440", 1440), (" 1h ", 6), ("0", 0)],
)
def test_lengths_are_counted_in_readings_ten_minutes_apart(text: str, rows: int) -> None:
    assert parse_rows("lookback", text, TEN_MINUTES) == rows


@pytest.mark.parametrize("text", ["", "d", "1.5h", "-1d", "10 d", "10days", "1e3", "1h30min", "ten", "9" * 10])
def test_what_is_no_length_is_refused_by_the_options_name(text: str) -> None:
    with pytest.raises(UsageError, match="every: expected a length such as 10d"):
        parse_rows("every", text, TEN_MINUTES)


def test_a_length_between_two_readings_is_refused() -> None:
    with pytest.raises(UsageError, match="horizon: 25min is not a whole number of readings, which are 10 min apart"):
        parse_rows("horizon", "25min", TEN_MINUTES)


def test_rows_are_understood_without_a_clock_but_hours_are_not() -> None:
    assert parse_rows("lookback", "12", 0) == 12
    with pytest.raises(UsageError, match="1h is not a whole number of readings"):
        parse_rows("lookback", "1h", 0)


@given(st.integers(0, 10**6), st.sampled_from(sorted(UNIT_SECONDS)), st.integers(1, 10**5))
def test_a_length_that_is_accepted_lasts_as_long_as_it_says(number: int, unit: str, sampling_seconds: int) -> None:
    try:
        rows = parse_rows("lookback", f"{number}{unit}", sampling_seconds)
    except UsageError:
        assert number * UNIT_SECONDS[unit] % sampling_seconds
    else:
        assert rows * sampling_seconds == number * UNIT_SECONDS[unit]


@given(st.text(max_size=12))
def test_any_text_is_a_length_or_refused(text: str) -> None:
    try:
        rows, refusal = parse_rows("lookback", text, TEN_MINUTES), ""
    except UsageError as error:
        rows, refusal = 0, str(error)
    assert rows >= 0
    assert not refusal or refusal.startswith("lookback: ")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(600, "10 min"), (3600, "1 h"), (5400, "90 min"), (86_400, "24 h"), (864_000, "10 d"), (61, "61 s"), (0, "0 s"),
     (-3600, "-1 h")],
)  # fmt: skip
def test_lengths_are_told_in_the_largest_unit_that_fits(seconds: int, text: str) -> None:
    assert format_seconds(seconds) == text


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("24h", (144,)),
        ("7", (7,)),
        ("6h,12h, 24h", (36, 72, 144)),
        ("24h,6h,6h", (36, 144)),
        ("1h..4h", (6, 12, 18, 24)),
        ("6h..24h", (36, 72, 108, 144)),
        ("6h..8h/30min", (36, 39, 42, 45, 48)),
        ("2..6/2,1h,1d", (2, 4, 6, 144)),
        ("0h", (0,)),
    ],
)
def test_horizons_are_lengths_and_ranges_of_them_each_once(text: str, rows: tuple[int, ...]) -> None:
    assert parse_horizons(text, TEN_MINUTES) == rows


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected a length .*received ''"),
        ("6h,", "expected a length .*received ''"),
        ("25min", "25min is not a whole number of readings"),
        ("1h..", r"expected a range .*received '1h\.\.'"),
        ("..24h", "expected a length .*received ''"),
        ("24h..1h", r"expected a range .*received '24h\.\.1h'"),
        ("1h..1h", "expected a range"),
        ("0h..24h", "expected a range"),
        ("1h..24h/0h", "expected a range"),
        ("1h..90min", "a whole number of its steps after its beginning, received '1h..90min'"),
        ("1h..24h..48h", "expected a length .*received '24h..48h'"),
        ("1..1001", "expected at most 1000 horizons, received '1..1001'"),
        ("1..999999999", "expected at most 1000 horizons"),
    ],
)
def test_horizons_that_cannot_be_meant_are_refused(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=f"horizon: .*{message}|horizon: {message}"):
        parse_horizons(text, TEN_MINUTES)
