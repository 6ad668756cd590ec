"""Lengths of time in rows."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rdrop_cli.errors import UsageError
from rdrop_cli.study.duration import UNIT_SECONDS, format_seconds, parse_rows

TEN_MINUTES = 600


@pytest.mark.parametrize(
    ("text", "rows"),
    [("10d", 1440), ("24h", 144), ("90min", 9), ("600s", 1), ("1440", 1440), (" 1h ", 6), ("0", 0)],
)
def test_lengths_are_counted_in_readings_ten_minutes_apart(text: str, rows: int) -> None:
    assert parse_rows("--lookback", text, TEN_MINUTES) == rows


@pytest.mark.parametrize("text", ["", "d", "1.5h", "-1d", "10 d", "10days", "1e3", "1h30min", "ten", "9" * 10])
def test_what_is_no_length_is_refused_by_the_options_name(text: str) -> None:
    with pytest.raises(UsageError, match="--every: expected a length such as 10d"):
        parse_rows("--every", text, TEN_MINUTES)


def test_a_length_between_two_readings_is_refused() -> None:
    with pytest.raises(UsageError, match="--horizon: 25min is no whole number of readings, which are 10 min apart"):
        parse_rows("--horizon", "25min", TEN_MINUTES)


def test_rows_are_understood_without_a_clock_but_hours_are_not() -> None:
    assert parse_rows("--lookback", "12", 0) == 12
    with pytest.raises(UsageError, match="1h is no whole number of readings"):
        parse_rows("--lookback", "1h", 0)


@given(st.integers(0, 10**6), st.sampled_from(sorted(UNIT_SECONDS)), st.integers(1, 10**5))
def test_a_length_that_is_accepted_lasts_as_long_as_it_says(number: int, unit: str, sampling_seconds: int) -> None:
    try:
        rows = parse_rows("--lookback", f"{number}{unit}", sampling_seconds)
    except UsageError:
        assert number * UNIT_SECONDS[unit] % sampling_seconds
    else:
        assert rows * sampling_seconds == number * UNIT_SECONDS[unit]


@given(st.text(max_size=12))
def test_any_text_is_a_length_or_refused(text: str) -> None:
    try:
        rows, refusal = parse_rows("--lookback", text, TEN_MINUTES), ""
    except UsageError as error:
        rows, refusal = 0, str(error)
    assert rows >= 0
    assert not refusal or refusal.startswith("--lookback: ")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(600, "10 min"), (3600, "1 h"), (5400, "90 min"), (86_400, "24 h"), (864_000, "10 d"), (61, "61 s"), (0, "0 s"),
     (-3600, "-1 h")],
)  # fmt: skip
def test_lengths_are_told_in_the_largest_unit_that_fits(seconds: int, text: str) -> None:
    assert format_seconds(seconds) == text
