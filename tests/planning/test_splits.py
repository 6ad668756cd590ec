"""Splits as rows, fractions and dates."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rdrop_cli.errors import UsageError
from rdrop_cli.planning.splits import parse_split
from rdrop_cli.study.extent import Extent, format_stamp

STAMPS = np.datetime64("2013-01-01", "s") + 3600 * np.arange(8760)
YEAR = Extent("load", True, 3600, STAMPS, ("MW",), "0" * 64)


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
    assert parse_split("--train-stop", text, YEAR) == row


@pytest.mark.parametrize("text", ["", "half", "-1", "1.5", "50%%", "2013-02", "2013-02-30", "01.02.2013", "1e3"])
def test_what_is_no_split_is_refused_with_the_range_of_the_series(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_split("--val-stop", text, YEAR)
    assert str(caught.value) == (
        "--val-stop: expected a row, a fraction such as 0.5 or 50%, or a date such as 2014-01-01, "
        f"received {text!r}; load has 8760 rows from 2013-01-01 00:00 to 2013-12-31 23:00"
    )


@pytest.mark.parametrize("text", ["0", "8760", "999999999", "0.0001", "0%", "2014-01-01", "2013-01-01", "2012-06-01"])
def test_a_split_outside_the_series_is_refused_with_its_range(text: str) -> None:
    with pytest.raises(
        UsageError, match=r"--val-stop: .* is not within load, which has 8760 rows from 2013-01-01 00:00"
    ):
        parse_split("--val-stop", text, YEAR)


def test_a_date_in_a_gap_is_the_row_after_it_and_stamps_may_go_back() -> None:
    stamps = np.concatenate([STAMPS[:100], STAMPS[200:300], STAMPS[290:400]])
    series = replace(YEAR, stamps=stamps)
    assert parse_split("--train-stop", format_stamp(STAMPS[150]), series) == 100
    assert parse_split("--train-stop", format_stamp(STAMPS[295]), series) == 195  # the first time


@given(st.text(max_size=12))
def test_any_text_is_a_row_within_the_series_or_refused(text: str) -> None:
    try:
        row, refusal = parse_split("--train-stop", text, YEAR), ""
    except UsageError as error:
        row, refusal = 1, str(error)
    assert 0 < row < YEAR.rows
    assert not refusal or refusal.startswith("--train-stop: ")
