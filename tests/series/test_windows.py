"""Windows against a second writing of the book's protocol, in plain Python and by its words alone."""

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rdrop_cli.errors import DataError, UsageError
from rdrop_cli.series.calendar import encode_calendar
from rdrop_cli.series.forecast_errors import average_by_day, measure_naive_mae
from rdrop_cli.series.quality import SENTINEL
from rdrop_cli.series.table import Series, Source
from rdrop_cli.series.windows import Windows, make_windows
from rdrop_cli.study.editions import PROTOCOLS
from rdrop_cli.study.protocol import NEWEST_READING, WINDOW_END, Protocol
from rdrop_cli.study.reading import Reading

JENA_ROWS = 420_551
Table = list[list[float]]


def standardise(table: Table, train_stop_row: int) -> tuple[Table, list[float], list[float]]:
    """Standardise with the mean and the population deviation of rows 0 to `train_stop_row` - 1."""
    means, deviations = [], []
    for column in zip(*table[:train_stop_row], strict=True):
        mean = math.fsum(column) / train_stop_row
        means.append(mean)
        deviations.append(math.sqrt(math.fsum((reading - mean) ** 2 for reading in column) / train_stop_row))
    rows = [[(x - m) / d for x, m, d in zip(row, means, deviations, strict=True)] for row in table]
    return rows, means, deviations


def cut_window(table: Table, row: int, protocol: Protocol) -> Table:
    """Take rows i - lookback, i - lookback + step, and so on up to i - step."""
    window, back = [], protocol.lookback_rows
    while back > 0:
        window.append(table[row - back])
        back -= protocol.step_rows
    return window


def find_target(protocol: Protocol, row: int) -> int:
    """Count the horizon from the window's end, as the book does, or from the window's newest reading."""
    start = row if protocol.horizon_from == WINDOW_END else row - protocol.step_rows
    return start + protocol.horizon_rows


def list_rows(protocol: Protocol, rows: int) -> dict[str, list[int]]:
    """List, by period, every row before which a window ends."""
    lookback, train, val = protocol.lookback_rows, protocol.train_stop_row, protocol.val_stop_row
    return {
        "train": [i for i in range(rows) if lookback <= i < train],
        "validation": [i for i in range(rows) if train + 1 + lookback <= i < val],
        "test": [i for i in range(rows + 9) if val + 1 + lookback <= i and find_target(protocol, i) < rows - 1],
    }


def windows_of(windows: Windows, rows: range) -> Iterator[tuple[np.ndarray, np.float32]]:
    """Gather windows and targets as the input pipeline does."""
    for row in rows:
        yield windows.matrix[row + windows.offsets], windows.target[row + windows.target_offset]


@st.composite
def protocols(draw: st.DrawFn) -> tuple[Protocol, int]:
    """A protocol whose lengths fit, and rows enough for it."""
    step = draw(st.integers(1, 4))
    lookback = step * draw(st.integers(1, 5))
    horizon = draw(st.integers(1, 7))
    train_stop = lookback + draw(st.integers(2, 20))
    val_stop = train_stop + 1 + lookback + draw(st.integers(1, 20))
    rows = val_stop + 1 + lookback + horizon + 2 + draw(st.integers(0, 20))
    lengths = {"lookback_rows": lookback, "step_rows": step, "horizon_rows": horizon}
    lengths["horizon_from"] = draw(st.sampled_from([WINDOW_END, NEWEST_READING]))
    return Protocol("made", "", **lengths, train_stop_row=train_stop, val_stop_row=val_stop), rows


def make_series(rows: int, columns: tuple[str, ...] = ("p (mbar)", "T (degC)"), seed: int = 0) -> Series:
    values = np.random.default_rng(seed).normal(50, 20, (rows, len(columns)))
    stamps = np.datetime64("2009-01-01", "s") + 600 * np.arange(rows)
    return Series(stamps, columns, values, Source("made", "test", "0" * 64, rows, None))


@given(protocols(), st.integers(0, 1000))
@settings(max_examples=60)
def test_every_window_of_every_period_is_the_one_of_the_book(made: tuple[Protocol, int], seed: int) -> None:
    protocol, rows = made
    series = make_series(rows, seed=seed)
    windows = make_windows(series, protocol)
    table, means, deviations = standardise(series.values.tolist(), protocol.train_stop_row)
    for period, expected in list_rows(protocol, rows).items():
        period_rows = getattr(windows, period)
        assert list(period_rows) == expected
        for row, (window, target) in zip(expected, windows_of(windows, period_rows), strict=True):
            np.testing.assert_allclose(window, cut_window(table, row, protocol), rtol=1e-5, atol=1e-6)
            assert target == pytest.approx(table[find_target(protocol, row)][1], rel=1e-5, abs=1e-6)
    assert (windows.target_mean, windows.target_std) == pytest.approx((means[1], deviations[1]))


@given(protocols())
@settings(max_examples=40)
def test_the_naive_forecast_is_that_of_a_loop(made: tuple[Protocol, int]) -> None:
    protocol, rows = made
    series = make_series(rows)
    windows = make_windows(series, protocol)
    table, _, _ = standardise(series.values.tolist(), protocol.train_stop_row)
    for period, ends in list_rows(protocol, rows).items():
        errors = [abs(table[find_target(protocol, i)][1] - cut_window(table, i, protocol)[-1][1]) for i in ends]
        assert measure_naive_mae(windows, getattr(windows, period)) == pytest.approx(
            sum(errors) / len(errors), rel=1e-5
        )


def test_errors_are_averaged_over_the_days_on_which_the_targets_lie(
    tiny_series: Series, tiny_protocol: Protocol
) -> None:
    windows = make_windows(tiny_series, tiny_protocol)
    errors = np.random.default_rng(0).uniform(size=len(windows.validation)).astype(np.float32)
    by_day: dict[str, list[float]] = {}
    for row, error in zip(windows.validation, errors, strict=True):
        by_day.setdefault(str(tiny_series.timestamps[row + 5])[:10], []).append(float(error))
    days = average_by_day(windows, windows.validation, errors)
    assert [day for day, _, _ in days] == list(by_day) == ["2009-01-01", "2009-01-02"]
    for day, count, mean in days:
        assert count == len(by_day[day])
        assert mean == pytest.approx(math.fsum(by_day[day]) / count)


def test_the_book_protocol_on_the_published_rows_has_the_published_periods() -> None:
    windows = make_windows(make_series(JENA_ROWS, ("T (degC)",)), PROTOCOLS["book"])
    assert windows.train == range(1440, 200_000)
    assert windows.validation.tolist() == list(range(201_441, 300_000))
    assert windows.test.tolist() == list(range(301_441, 420_406))
    assert (windows.offsets[0], windows.offsets[-1], len(windows.offsets)) == (-1440, -6, 240)
    assert windows.step_rows == 6
    assert windows.matrix.shape == (JENA_ROWS, 1)


def test_no_reading_after_the_training_rows_moves_the_standardisation(
    tiny_series: Series, tiny_protocol: Protocol
) -> None:
    values = tiny_series.values.copy()
    values[tiny_protocol.train_stop_row :] *= 3
    before = make_windows(tiny_series, tiny_protocol)
    after = make_windows(replace(tiny_series, values=values), tiny_protocol)
    assert (after.target_mean, after.target_std) == (before.target_mean, before.target_std)
    training = slice(tiny_protocol.train_stop_row)
    assert np.array_equal(after.matrix[training], before.matrix[training])
    assert np.abs(before.matrix[training].mean(axis=0, dtype=np.float64)).max() < 1e-6
    assert before.matrix[training].std(axis=0, dtype=np.float64) == pytest.approx(1, abs=1e-6)


def test_making_windows_changes_no_reading(tiny_series: Series, tiny_protocol: Protocol) -> None:
    before = tiny_series.values.copy()
    make_windows(tiny_series, replace(tiny_protocol, sentinels="fill"))
    assert np.array_equal(tiny_series.values, before)


@pytest.mark.parametrize("count", [1, 2, 20, 107, 108, 10_240])
def test_the_sample_of_training_rows_is_even_and_fixed(
    tiny_series: Series, tiny_protocol: Protocol, count: int
) -> None:
    windows = make_windows(tiny_series, tiny_protocol)
    sample = windows.sample_train_rows(count)
    assert len(set(sample)) == len(sample) == min(count, 108)
    assert set(sample) <= set(windows.train)
    assert sample[0] == windows.train.start
    if count > 1:
        assert sample[-1] == windows.train.stop - 1
        assert np.ptp(np.diff(sample)) <= 1
    assert np.array_equal(sample, windows.sample_train_rows(count))


def test_a_missing_target_is_named_with_the_columns_that_there_are(
    tiny_series: Series, tiny_protocol: Protocol
) -> None:
    with pytest.raises(DataError, match=r"made: no column 'Close'.*it has T \(degC\), p \(mbar\), wv \(m/s\)"):
        make_windows(tiny_series, replace(tiny_protocol, target="Close"))


def test_the_target_may_be_any_column(tiny_series: Series, tiny_protocol: Protocol) -> None:
    windows = make_windows(tiny_series, replace(tiny_protocol, target="wv (m/s)"))
    assert np.array_equal(windows.target, windows.matrix[:, 2])
    assert windows.target_std == pytest.approx(tiny_series.values[:120, 2].std())


def test_one_row_less_than_a_test_window_needs_is_too_short(tiny_series: Series, tiny_protocol: Protocol) -> None:
    needed = 200 + 1 + 12 + 5 + 2
    enough = replace(tiny_series, values=tiny_series.values[:needed], timestamps=tiny_series.timestamps[:needed])
    assert make_windows(enough, tiny_protocol).test.tolist() == [213]
    short = replace(
        tiny_series, values=tiny_series.values[: needed - 1], timestamps=tiny_series.timestamps[: needed - 1]
    )
    with pytest.raises(DataError, match=f"made: too short: it has {needed - 1} rows, .* protocol tiny needs {needed}"):
        make_windows(short, tiny_protocol)


def test_lengths_that_do_not_fit_are_wrong_usage_and_not_the_datas_fault(
    tiny_series: Series, tiny_protocol: Protocol
) -> None:
    with pytest.raises(UsageError, match="multiple of the step"):
        make_windows(tiny_series, replace(tiny_protocol, step_rows=5))


@pytest.mark.parametrize("reading", [0.0, 0.1, 989.37, 1 / 3, SENTINEL])
def test_a_target_that_never_changes_in_training_is_refused(
    tiny_series: Series, tiny_protocol: Protocol, reading: float
) -> None:
    values = tiny_series.values.copy()
    values[: tiny_protocol.train_stop_row, 0] = reading
    with pytest.raises(DataError, match=r"made: 'T \(degC\)' is constant over the training rows"):
        make_windows(replace(tiny_series, values=values), tiny_protocol)


@pytest.mark.parametrize("reading", [0.0, 0.1, 989.37, 1 / 3, SENTINEL])
def test_a_column_that_is_constant_in_training_is_no_input_unless_it_is_kept(
    tiny_series: Series, tiny_protocol: Protocol, reading: float
) -> None:
    values = tiny_series.values.copy()
    values[:, 1] = reading
    values[250:, 1] += 4000  # a sensor that starts late
    windows = make_windows(replace(tiny_series, values=values), tiny_protocol)
    assert windows.columns == ("T (degC)", "wv (m/s)")
    assert windows.excluded == {"p (mbar)": "constant in training"}
    assert np.abs(windows.matrix).max() < 10
    kept = make_windows(replace(tiny_series, values=values, reading=Reading(keep=("p (mbar)",))), tiny_protocol)
    assert kept.columns == tiny_series.columns
    assert kept.matrix[250:, 1] == pytest.approx(4000, rel=1e-3)


def test_the_target_stays_the_target_when_a_column_before_it_is_excluded(
    tiny_series: Series, tiny_protocol: Protocol
) -> None:
    values = tiny_series.values.copy()
    values[:, 0] = 3
    windows = make_windows(replace(tiny_series, values=values), replace(tiny_protocol, target="wv (m/s)"))
    assert np.array_equal(windows.target, windows.matrix[:, windows.columns.index("wv (m/s)")])
    assert windows.target_mean == pytest.approx(values[:120, 2].mean())


def test_errors_count_only_where_target_and_newest_reading_were_measured(
    tiny_series: Series, tiny_protocol: Protocol
) -> None:
    values = tiny_series.values.copy()
    values[150:160, 0] = np.nan
    values[220, 1] = np.nan  # another column's
    windows = make_windows(
        replace(tiny_series, values=values), replace(tiny_protocol, sentinels="fill", target="T (degC)")
    )
    made_up = set(range(150, 160))
    expected = [row for row in range(133, 200) if row + 5 not in made_up and row - 3 not in made_up]
    assert windows.validation.tolist() == expected
    assert windows.test.tolist() == list(range(213, 294))
    assert windows.unmeasured == 67 - len(expected)
    naive = np.abs(values[windows.validation + 5, 0] - values[windows.validation - 3, 0]).mean()
    assert measure_naive_mae(windows, windows.validation) * windows.target_std == pytest.approx(naive, rel=1e-5)


def test_a_period_without_a_measured_target_is_refused(tiny_series: Series, tiny_protocol: Protocol) -> None:
    values = tiny_series.values.copy()
    values[135:206, 0] = np.nan
    with pytest.raises(DataError, match="no target of the validation period was measured"):
        make_windows(replace(tiny_series, values=values), replace(tiny_protocol, sentinels="fill"))


def test_validation_that_begins_before_training_ends_is_refused(tiny_series: Series, tiny_protocol: Protocol) -> None:
    timestamps = tiny_series.timestamps.copy()
    timestamps[150:] -= np.timedelta64(3, "D")  # the rows of another station
    with pytest.raises(DataError, match="before the one that it follows has ended"):
        make_windows(replace(tiny_series, timestamps=timestamps), tiny_protocol)


@pytest.mark.parametrize("row", [3, 250])
def test_a_reading_too_large_to_standardise_is_refused(tiny_series: Series, tiny_protocol: Protocol, row: int) -> None:
    values = tiny_series.values.copy()
    values[row, 1] = 1e300
    with pytest.raises(DataError, match=r"p \(mbar\)"):
        make_windows(replace(tiny_series, values=values), tiny_protocol)


def test_readings_whose_deviation_is_no_number_are_refused_for_what_they_are(
    tiny_series: Series, tiny_protocol: Protocol
) -> None:
    values = tiny_series.values.copy()
    values[:, 1] *= 1e-170  # squared, 0
    with pytest.raises(DataError, match=r"'p \(mbar\)' holds readings too close to each other to standardise"):
        make_windows(replace(tiny_series, values=values), tiny_protocol)


def test_sentinels_are_kept_as_the_book_keeps_them_or_filled(tiny_series: Series, tiny_protocol: Protocol) -> None:
    values = tiny_series.values.copy()
    values[[30, 31], 2] = SENTINEL
    odd = replace(tiny_series, values=values)
    kept = make_windows(odd, tiny_protocol).matrix[:, 2]
    filled = make_windows(odd, replace(tiny_protocol, sentinels="fill")).matrix[:, 2]
    assert kept[30] < -7  # the sentinels themselves stretch the deviation
    mean, std = values[:120, 2].mean(), values[:120, 2].std()
    assert kept[0] == pytest.approx((values[0, 2] - mean) / std, rel=1e-5)
    assert np.abs(filled).max() < 5
    between = filled[29] + (filled[32] - filled[29]) * np.array([1, 2]) / 3
    assert filled[[30, 31]] == pytest.approx(between, abs=1e-6)


def test_missing_readings_are_refused_by_column_and_row_and_cured_by_filling(
    tiny_series: Series, tiny_protocol: Protocol
) -> None:
    values = tiny_series.values.copy()
    values[[40, 41], 1] = np.nan
    holes = replace(tiny_series, values=values)
    with pytest.raises(
        DataError, match=r"made: 'p \(mbar\)': 2 missing readings, the first in row 40, which can be interpolated"
    ):
        make_windows(holes, tiny_protocol)
    filled = make_windows(holes, replace(tiny_protocol, sentinels="fill")).matrix[:, 1]
    between = filled[39] + (filled[42] - filled[39]) * np.array([1, 2]) / 3
    assert filled[[40, 41]] == pytest.approx(between, abs=1e-6)


def test_a_slip_in_the_targets_name_is_answered_with_the_nearest(tiny_series: Series, tiny_protocol: Protocol) -> None:
    with pytest.raises(DataError, match=r"no column 'T \(deg\)' to predict; it has .*; did you mean 'T \(degC\)'\?"):
        make_windows(tiny_series, replace(tiny_protocol, target="T (deg)"))


def test_a_target_that_was_left_out_is_told_why(tiny_series: Series, tiny_protocol: Protocol) -> None:
    series = replace(tiny_series, excluded={"region": "text"})
    with pytest.raises(DataError, match="made: column 'region' cannot be predicted: text"):
        make_windows(series, replace(tiny_protocol, target="region"))


def test_on_own_data_the_target_is_one_horizon_after_the_newest_reading_whatever_the_step(
    tiny_series: Series, tiny_protocol: Protocol
) -> None:
    values = np.repeat(np.arange(300.0)[:, np.newaxis], 3, axis=1)
    numbered = replace(tiny_series, values=values)
    for step in (1, 2, 3, 6):
        for horizon in (1, 4, 5):
            own = replace(tiny_protocol, step_rows=step, horizon_rows=horizon, horizon_from=NEWEST_READING)
            windows = make_windows(numbered, own)
            book = make_windows(numbered, replace(own, horizon_from=WINDOW_END))
            for made, ahead in ((windows, horizon), (book, horizon + step)):
                newest = made.matrix[np.asarray(made.test) + made.offsets[-1], 0]
                rows_ahead = (made.get_labels(made.test) - newest) * made.target_std
                np.testing.assert_allclose(rows_ahead, ahead, atol=1e-3)
                assert measure_naive_mae(made, made.test) * made.target_std == pytest.approx(ahead, rel=1e-4)
            assert own.lead_rows == horizon


def test_a_horizon_says_how_far_after_which_reading(tiny_protocol: Protocol) -> None:
    book = PROTOCOLS["book"]
    assert book.describe_horizon(600) == "24 h after the window, 25 h after the newest reading"
    assert replace(book, horizon_from=NEWEST_READING).describe_horizon(600) == "24 h after the newest reading"


def test_a_validation_that_begins_before_training_ends_is_refused(tiny_series: Series, tiny_protocol: Protocol) -> None:
    stacked = np.concatenate([tiny_series.timestamps[:150], tiny_series.timestamps[:150]])
    with pytest.raises(DataError, match=r"made: a period begins at 2009-01-01T00:10:00, before .* ended at .*sort"):
        make_windows(replace(tiny_series, timestamps=stacked), tiny_protocol)
    within = tiny_series.timestamps.copy()
    within[[50, 51]] = within[[51, 50]]  # as in the published file: no period begins too early
    make_windows(replace(tiny_series, timestamps=within), tiny_protocol)


def test_inputs_are_those_of_the_protocol_and_the_target_need_not_be_one(
    tiny_series: Series, tiny_protocol: Protocol
) -> None:
    every = make_windows(tiny_series, tiny_protocol)
    some = make_windows(tiny_series, replace(tiny_protocol, inputs=("wv (m/s)", "p (mbar)")))
    assert some.columns == ("wv (m/s)", "p (mbar)")
    np.testing.assert_array_equal(some.matrix, every.matrix[:, [2, 1]])
    np.testing.assert_array_equal(some.target, every.target)
    assert (some.target_mean, some.target_std) == (every.target_mean, every.target_std)
    holes = tiny_series.values.copy()
    holes[40, 1] = np.nan
    make_windows(replace(tiny_series, values=holes), replace(tiny_protocol, inputs=("wv (m/s)",)))
    with pytest.raises(DataError, match="no column 'wind' to be an input"):
        make_windows(tiny_series, replace(tiny_protocol, inputs=("wind",)))


def test_the_standardisation_gives_the_matrix_and_the_target(tiny_series: Series, tiny_protocol: Protocol) -> None:
    windows = make_windows(tiny_series, replace(tiny_protocol, inputs=("p (mbar)", "wv (m/s)"), calendar=True))
    assert len(windows.columns) == len(windows.means) == len(windows.stds) == 6
    inputs = (tiny_series.values[:, 1:] - windows.means[:2]) / windows.stds[:2]
    np.testing.assert_allclose(windows.matrix[:, :2], inputs, rtol=1e-5, atol=1e-6)
    assert (windows.means[2:] == 0).all()
    assert (windows.stds[2:] == 1).all()


def test_the_calendar_is_points_of_two_circles() -> None:
    stamps = np.array(["2020-01-01T00:00", "2020-01-01T06:00", "2020-07-01T12:00", "2019-12-31T23:59:59"], "M8[s]")
    encoded = encode_calendar(stamps)
    np.testing.assert_allclose(encoded[:, 0], [0, 1, 0, 0], atol=1e-3)
    np.testing.assert_allclose(encoded[:, 1], [1, 0, -1, 1], atol=1e-3)
    np.testing.assert_allclose(encoded[:, 2], [0, 0.004, 0, 0], atol=2e-2)
    np.testing.assert_allclose(encoded[:, 3], [1, 1, -1, 1], atol=2e-2)
    np.testing.assert_allclose(np.hypot(encoded[:, 0], encoded[:, 1]), 1, rtol=1e-6)
