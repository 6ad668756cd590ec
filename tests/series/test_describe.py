"""What is told of a series and of a plan, in words that agree with the windows."""

from dataclasses import replace

import numpy as np

from rdrop_cli.series.describe import describe_plan, describe_series, list_periods
from rdrop_cli.series.quality import SENTINEL, summarise_columns
from rdrop_cli.series.table import Series
from rdrop_cli.series.windows import make_windows
from rdrop_cli.study.protocol import Protocol


def test_periods_cover_every_row_once_and_hold_the_windows(tiny_series: Series, tiny_protocol: Protocol) -> None:
    windows = make_windows(tiny_series, tiny_protocol)
    periods = list_periods(tiny_protocol, windows)
    assert [row for period in periods for row in period.rows] == list(range(300))
    assert [period.name for period in periods] == ["training", "validation", "test"]
    assert [period.windows for period in periods] == [len(windows.train), len(windows.validation), len(windows.test)]
    for period in periods:
        assert (period.first, period.last) == (windows.timestamps[period.rows[0]], windows.timestamps[period.rows[-1]])


def test_a_plan_is_told_in_three_lines(tiny_series: Series, tiny_protocol: Protocol) -> None:
    assert describe_plan(tiny_protocol, make_windows(tiny_series, tiny_protocol), 600) == [
        "target: T (degC), read as temperature in °C; 50 min after the window, 80 min after the newest reading, "
        "from 2 h before, a timestep every 30 min",
        "periods: training to 2009-01-01 20:00 (108 windows), validation to 2009-01-02 09:20 (67 windows), "
        "test to 2009-01-03 02:00 (81 windows)",
        "an epoch: 4 steps of 8 windows, 32 in all: 0.296 times the 108 of training",
    ]


def test_a_target_whose_name_tells_no_unit_is_told_so(tiny_series: Series, tiny_protocol: Protocol) -> None:
    series, protocol = replace(tiny_series, columns=("price", "a", "b")), replace(tiny_protocol, target="price")
    line = describe_plan(protocol, make_windows(series, protocol), 600)[0]
    assert line.startswith("target: price, read as price in a unit that its name does not tell; ")


def test_a_series_is_told_with_its_time_column_and_what_was_left_out(tiny_series: Series) -> None:
    series = replace(tiny_series, time_column="utc", excluded={"region": "text"})
    assert describe_series(series) == [
        "300 rows from 2009-01-01 00:10 to 2009-01-03 02:00, 10 min apart in all of the steps (time column 'utc')",
        "columns: T (degC), p (mbar), wv (m/s); excluded: region (text)",
    ]


def test_a_single_odd_step_among_a_million_is_not_all(tiny_series: Series) -> None:
    stamps = np.datetime64("2009-01-01", "s") + 600 * np.arange(1_000_001)
    stamps[-1] += np.timedelta64(1, "m")
    assert "10 min apart in 99.99 % of the steps" in describe_series(replace(tiny_series, timestamps=stamps))[0]


def test_figures_leave_out_what_is_no_reading(tiny_series: Series) -> None:
    values = tiny_series.values.copy()
    values[3, 0], values[4:6, 0], values[:, 1] = SENTINEL, np.nan, np.nan
    first, second, third = summarise_columns(replace(tiny_series, values=values))
    readings = np.delete(values[:, 0], [3, 4, 5])
    assert (first.name, first.unit, first.missing, first.sentinels) == ("T (degC)", "°C", 2, 1)
    assert (first.minimum, first.mean, first.maximum) == (readings.min(), readings.mean(), readings.max())
    assert first.std == readings.std()
    assert (second.missing, np.isnan(second.mean)) == (300, True)
    assert third.missing == third.sentinels == 0
