"""Regular sampling: what passes, and how the first line that does not is named."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from rdrop_cli.errors import DataError, UsageError
from rdrop_cli.planning.lengths import parse_rows
from rdrop_cli.series.load import load_dataset
from rdrop_cli.series.quality import check_sampling
from rdrop_cli.series.sampling import Sampling, find_sampling
from rdrop_cli.series.table import Series
from rdrop_cli.study.reading import Reading


def load_minutes(folder: Path, minutes: list[int], blank_after: int | None = None) -> Series:
    """Load a file whose readings come at given minutes, a blank line after one of them."""
    path = folder / "load.csv"
    lines = [f"{np.datetime64('2014-01-01') + np.timedelta64(minute, 'm')},5" for minute in minutes]
    if blank_after is not None:
        lines.insert(blank_after, "")
    path.write_text("\n".join(["utc,MW", *lines]) + "\n")
    return load_dataset(str(path), folder / "data")


def refuse(series: Series) -> str:
    with pytest.raises(DataError) as caught:
        check_sampling(series)
    return str(caught.value)


def test_one_step_in_ten_may_be_another_and_two_may_not(tmp_path: Path) -> None:
    minutes = [60 * n for n in range(11)]
    check_sampling(load_minutes(tmp_path, [*minutes[:-1], 700]))
    said = refuse(load_minutes(tmp_path, [*minutes[:4], 217, *minutes[5:]]))
    assert said == (
        "load: no regular sampling: line 6 comes 37 min after the row before it, the usual step is 1 h, and only 80% "
        "of the steps are; average equal steps with resample 1h"
    )


@pytest.mark.parametrize("calendar", ["trading days", "months"])
def test_averages_are_no_advice_for_steps_of_a_calendar(tmp_path: Path, calendar: str) -> None:
    days = np.arange("2015-01-01", "2016-01-01", dtype="datetime64[D]")
    steps = days[np.is_busday(days)] if calendar == "trading days" else np.arange("2000", "2020", dtype="datetime64[M]")
    some = np.delete(steps, np.arange(3, len(steps), 7)).astype("datetime64[m]")
    said = refuse(load_minutes(tmp_path, [int(n) for n in (some - np.datetime64("2014-01-01", "m")).astype(int)]))
    assert said.endswith("of the steps are; add the missing rows, with empty cells")


def test_the_length_that_is_advised_is_long_enough(tmp_path: Path) -> None:
    path = tmp_path / "load.csv"
    seconds = np.cumsum([2.4, 2.4, 2.4, 7.3] * 40)
    times = [np.datetime64("2014-01-01", "ms") + int(1000 * second) for second in seconds]
    path.write_text("\n".join(["utc,MW", *(f"{time},{n % 7}" for n, time in enumerate(times))]) + "\n")
    assert refuse(load_dataset(str(path), tmp_path)).endswith("average equal steps with resample 3s")
    assert load_dataset(str(path), tmp_path, Reading(resample="3s")).rows > 100


def test_lines_are_counted_with_the_blank_ones(tmp_path: Path) -> None:
    assert "line 7 comes 37 min after" in refuse(load_minutes(tmp_path, [0, 60, 120, 180, 217, 300], blank_after=2))


def test_one_row_is_too_short(tmp_path: Path) -> None:
    assert "too short: it has one row" in refuse(load_minutes(tmp_path, [0]))


def test_a_series_from_no_file_is_told_by_its_row(tiny_series: Series) -> None:
    stamps = tiny_series.timestamps.copy()
    stamps[40:120] += 720 * np.arange(80)
    assert "row 41 comes 22 min after" in refuse(
        Series(stamps, tiny_series.columns, tiny_series.values, tiny_series.source)
    )


def test_trading_days_are_steps_of_their_own(tmp_path: Path) -> None:
    days = np.arange("2015-01-01", "2016-01-01", dtype="datetime64[D]")
    trading = days[np.is_busday(days, holidays=["2015-12-25"])]
    path = tmp_path / "prices.csv"
    path.write_text("Date,Close\n" + "".join(f"{day},{100 + n % 7}.5\n" for n, day in enumerate(trading)))
    series = load_dataset(str(path), tmp_path / "data")
    assert str(series.sampling) == "1 trading day"
    assert parse_rows("lookback", "60d", series.sampling_seconds) == 60
    check_sampling(series)
    assert series.sampling.find_gaps(series.timestamps).sum() == 1  # the holiday, and no weekend


@pytest.mark.parametrize("apart", [1, 2, 3, 7])
def test_some_trading_days_are_steps_as_one_is(apart: int) -> None:
    days = np.arange("2015-01-01", "2016-01-01", dtype="datetime64[D]")
    thinned = days[np.is_busday(days, holidays=["2015-12-25"])][::apart].astype("datetime64[s]")
    sampling = find_sampling(thinned)
    assert str(sampling) == f"{apart} trading day{'s' if apart > 1 else ''}"
    assert sampling.find_gaps(thinned).sum() == 1  # the holiday, and no weekend
    assert sampling.advance(thinned[:1], 2)[0] == thinned[2]


@pytest.mark.parametrize("zone", ["America/New_York", "Europe/Berlin", "Asia/Tokyo"])
@pytest.mark.parametrize(("step", "text"), [("B", "1 trading day"), ("MS", "1 mo"), ("BME", "1 mo")])
def test_days_of_local_time_are_those_of_the_place(zone: str, step: str, text: str) -> None:
    local = pd.date_range("2020-01-01", periods=300, freq=step, tz=zone)
    stamps = local.tz_convert("UTC").tz_localize(None).to_numpy().astype("datetime64[s]")
    sampling = find_sampling(stamps)
    assert str(sampling) == text
    assert sampling.find_regular(stamps).all()
    ahead = sampling.advance(stamps[:-5], 5) - stamps[5:]
    assert (abs(ahead) <= np.timedelta64(1, "h")).all()  # clocks may be put forward or back on the way


def test_weeks_are_steps_of_the_clock() -> None:
    weeks = np.arange("2015-01-05", "2016-01-01", 7, dtype="datetime64[D]")
    assert find_sampling(weeks) == Sampling(7 * 24 * 3600)


@pytest.mark.parametrize(("months", "text", "rows"), [(1, "24mo", 24), (1, "2y", 24), (3, "1y", 4), (12, "5y", 5)])
def test_months_and_years_are_steps_of_their_own(tmp_path: Path, months: int, text: str, rows: int) -> None:
    times = np.arange("1950-01", "1990-01", months, dtype="datetime64[M]").astype("datetime64[D]")
    path = tmp_path / "level.csv"
    path.write_text("month,level\n" + "".join(f"{day},{n % 11}.5\n" for n, day in enumerate(times)))
    series = load_dataset(str(path), tmp_path / "data")
    assert parse_rows("lookback", text, series.sampling_seconds) == rows
    assert series.sampling.find_regular(series.timestamps).all()
    with pytest.raises(UsageError, match="not a whole number of readings"):
        parse_rows("lookback", "10d", series.sampling_seconds)


@pytest.mark.parametrize(
    ("times", "steps", "later"),
    [
        (["2020-11-30", "2020-12-31", "2021-01-31"], 1, "2021-02-28"),
        (["2020-12-31", "2021-01-31", "2021-02-28"], 1, "2021-03-31"),
        (["2020-06-30T06:30", "2020-09-30T06:30", "2020-12-31T06:30"], 2, "2021-06-30T06:30"),
        (["2020-11-28", "2020-12-28", "2021-01-28", "2021-02-28"], 1, "2021-03-28"),
        (["2020-10-30", "2020-11-30", "2020-12-30"], 2, "2021-02-28"),
        (["2018-02-28", "2019-02-28", "2020-02-29"], 1, "2021-02-28"),
        (["2018-02-28", "2018-03-29", "2018-04-30", "2018-05-31"], 4, "2018-09-28"),  # the 30th of March is Good Friday
        (["2020-11-02", "2020-12-01", "2021-01-04", "2021-02-01"], 4, "2021-06-01"),
        (["2014-06-30", "2014-09-30", "2014-12-31"], 1, "2015-03-31"),
        (["2020-12-31T23:00", "2021-01-31T23:00", "2021-02-28T23:00", "2021-03-31T22:00"], 1, "2021-04-30T22:00"),
    ],
)
def test_the_month_after_has_a_day_of_its_own(times: list[str], steps: int, later: str) -> None:
    stamps = np.array(times, "datetime64[s]")
    assert find_sampling(stamps).advance(stamps[-1:], steps) == np.datetime64(later)


def test_ten_readings_a_second_keep_their_times(tmp_path: Path) -> None:
    path = tmp_path / "fast.csv"
    times = np.datetime64("2021-01-01", "ms") + 100 * np.arange(200)
    path.write_text("time,acc\n" + "".join(f"{time},{n % 7}.5\n" for n, time in enumerate(times)))
    series = load_dataset(str(path), tmp_path / "data")
    assert np.array_equal(series.timestamps, times)
    assert (series.sampling_seconds, str(series.sampling)) == (0.1, "100 ms")
    assert parse_rows("lookback", "5s", series.sampling_seconds) == 50
    assert parse_rows("every", "200ms", series.sampling_seconds) == 2


def test_a_loggers_milliseconds_are_rounded_away_and_told(tmp_path: Path) -> None:
    path = tmp_path / "late.csv"
    jitter = np.random.default_rng(0).integers(-8, 9, 200)
    times = np.datetime64("2021-01-01", "ms") + 600_000 * np.arange(1, 201) + jitter
    path.write_text("time,T\n" + "".join(f"{time},{n % 7}.5\n" for n, time in enumerate(times)))
    series = load_dataset(str(path), tmp_path / "data")
    assert set(np.diff(series.timestamps).astype(int)) == {600}
    assert "timestamps: rounded to the second" in series.notes
