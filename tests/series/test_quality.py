"""What is odd in a series, counted and told."""

from dataclasses import replace

import numpy as np
import pytest

from rdrop_cli.series.quality import SENTINEL, DataQuality, assess_quality, fill_missing, find_gaps
from rdrop_cli.series.table import Series


@pytest.fixture
def odd_series(tiny_series: Series) -> Series:
    """Sentinels in two columns, one stamp twice, one that goes back, two gaps."""
    values, minutes = tiny_series.values.copy(), 10 * np.arange(300)
    values[[0, 7, 8, 299], 2] = SENTINEL
    values[50, 0] = SENTINEL
    minutes[101:] -= 10  # row 101 repeats row 100
    minutes[150] = minutes[149] - 5
    minutes[200:] += 60
    return replace(tiny_series, values=values, timestamps=np.datetime64("2009-01-01", "s") + 60 * minutes)


def test_a_clean_series_has_nothing_to_tell(tiny_series: Series) -> None:
    assert assess_quality(tiny_series) == DataQuality({}, 0, 0, 0)
    assert assess_quality(tiny_series).describe("keep") == []


def test_sentinels_stamps_and_gaps_are_counted(odd_series: Series) -> None:
    gaps = 2  # the hour, and the way on from the stamp that goes back
    assert assess_quality(odd_series) == DataQuality(
        {"T (degC)": 1, "wv (m/s)": 4}, 1, 1, gaps, {}, {"T (degC)": (SENTINEL,), "wv (m/s)": (SENTINEL,)}
    )


@pytest.mark.parametrize(
    ("treatment", "done"),
    [("keep", "kept as readings; ‹sentinels› fill interpolates"), ("fill", "filled by interpolation")],
)
def test_what_was_found_is_told_with_what_is_done_about_it(odd_series: Series, treatment: str, done: str) -> None:
    lines = assess_quality(odd_series).describe(treatment)
    assert lines[0] == f"sentinels (-9999): 1 in T (degC), 4 in wv (m/s); {done}"
    assert [line.split(";")[0] for line in lines[1:]] == [
        "repeated timestamps: 1",
        "timestamps that go back: 1",
        "gaps in time: 2",
    ]


def test_one_reading_has_neither_steps_nor_gaps(tiny_series: Series) -> None:
    one = replace(tiny_series, timestamps=tiny_series.timestamps[:1], values=tiny_series.values[:1])
    assert one.sampling_seconds == 0
    assert assess_quality(one) == DataQuality({}, 0, 0, 0)


def test_the_usual_step_is_not_moved_by_gaps_and_repeats(odd_series: Series) -> None:
    assert odd_series.sampling_seconds == 600


def test_sentinels_are_filled_from_their_neighbours_in_the_column(odd_series: Series) -> None:
    filled = fill_missing(odd_series)
    wind, readings = filled.values[:, 2], odd_series.values[:, 2]
    assert wind[0] == readings[1]  # nothing before the first row
    assert wind[299] == readings[298]
    assert wind[7] == pytest.approx(readings[6] + (readings[9] - readings[6]) / 3)
    assert wind[8] == pytest.approx(readings[6] + (readings[9] - readings[6]) * 2 / 3)
    assert filled.values[50, 0] == pytest.approx((odd_series.values[49, 0] + odd_series.values[51, 0]) / 2)


def test_filling_changes_no_reading_and_not_the_series_it_was_given(odd_series: Series) -> None:
    before = odd_series.values.copy()
    filled = fill_missing(odd_series)
    real = before != SENTINEL
    assert np.array_equal(filled.values[real], before[real])
    assert np.array_equal(odd_series.values, before)
    assert not (filled.values == SENTINEL).any()


def test_a_column_of_nothing_but_sentinels_stays_as_it_is(tiny_series: Series) -> None:
    values = tiny_series.values.copy()
    values[:, 2] = SENTINEL
    assert (fill_missing(replace(tiny_series, values=values)).values[:, 2] == SENTINEL).all()


def test_missing_readings_are_counted_told_and_filled_as_sentinels_are(odd_series: Series) -> None:
    by_sentinel = fill_missing(odd_series)
    values = odd_series.values.copy()
    values[values == SENTINEL] = np.nan
    missing = replace(odd_series, values=values)
    assert assess_quality(missing).missing == {"T (degC)": 1, "wv (m/s)": 4}
    assert assess_quality(missing).sentinels == {}
    told = "missing readings: 1 in T (degC), 4 in wv (m/s); "
    assert assess_quality(missing).describe("fill")[0] == told + "filled by interpolation"
    assert assess_quality(missing).describe("keep")[0].startswith(told + "unusable for training; add ‹sentinels› fill")
    assert np.array_equal(fill_missing(missing).values, by_sentinel.values)


def test_gaps_come_with_their_stamps_the_longest_first(odd_series: Series) -> None:
    longest, other = find_gaps(odd_series)
    assert longest.seconds == 70 * 60
    assert (longest.before, longest.after) == (odd_series.timestamps[199], odd_series.timestamps[200])
    assert other.seconds == 25 * 60  # from the stamp that goes back
