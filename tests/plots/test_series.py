"""The picture of a series: what is written on it, and where its points lie."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes

from rdrop_cli.plots.series import MOST_BINS, bin_readings, choose_bin_seconds, draw_series
from rdrop_cli.series.quality import SENTINEL
from rdrop_cli.series.table import Series, Source
from rdrop_cli.series.windows import make_windows
from rdrop_cli.study.protocol import Protocol
from tests.plots.pictures import read_texts


def make_series(rows: int, seconds: int = 3600) -> Series:
    values = np.random.default_rng(0).normal(50, 20, (rows, 1))
    stamps = np.datetime64("2009-01-01", "s") + seconds * np.arange(rows)
    return Series(stamps, ("load_MW",), values, Source("load", "test", "0" * 64, rows, None), "utc")


def test_periods_windows_units_and_gaps_are_written_on_the_picture(
    tiny_series: Series, tiny_protocol: Protocol, tmp_path: Path
) -> None:
    stamps = tiny_series.timestamps.copy()
    stamps[250:] += np.timedelta64(2, "h")
    series = replace(tiny_series, timestamps=stamps)
    path = tmp_path / "series.svg"
    draw_series(series, "T (degC)", path, tiny_protocol, make_windows(series, tiny_protocol))
    texts = " | ".join(read_texts(path))
    for said in (
        "made (a reading every 10 min)",
        "temperature (°C)",
        "training: 108 windows",
        "validation: 67 windows",
        "test: 81 windows",
        "▲ 1 gap, the longest 130 min",
        "what the network sees: 4 timesteps, one every 30 min, 2 h in all",
        "★ target, 50 min after the window, 80 min after the newest reading",
        "naive forecast:",
    ):
        assert said in texts.replace("  ", " "), texts


def test_every_target_of_several_horizons_is_drawn_and_the_naive_error_is_their_mean(
    tiny_series: Series, tiny_protocol: Protocol, tmp_path: Path, drawn: list[Axes]
) -> None:
    protocol = replace(tiny_protocol, earlier_horizon_rows=(1, 3))
    windows = make_windows(tiny_series, protocol)
    path = tmp_path / "series.svg"
    draw_series(tiny_series, "T (degC)", path, protocol, windows)
    row = int(windows.validation[len(windows.validation) // 2])
    stars = [line for axes in drawn for line in axes.lines if line.get_marker() == "*"]
    readings = tiny_series.values[[row + 1, row + 3, row + 5], 0]
    assert np.asarray(stars[0].get_ydata()) == pytest.approx(readings, abs=1e-4)
    texts = " | ".join(read_texts(path))
    error = np.abs(readings - tiny_series.values[row - 3, 0]).mean()
    assert f"as now, off by {error:.2f} °C" in texts
    assert "★ targets, 10 min, 30 min, 50 min after the window" in texts.replace("  ", " ")


def test_no_label_of_the_window_runs_into_another(tiny_protocol: Protocol, tmp_path: Path, drawn: list[Axes]) -> None:
    series = make_series(1600)
    ten_days = {"lookback_rows": 240, "step_rows": 1, "horizon_rows": 24, "horizon_from": "newest reading"}
    protocol = replace(tiny_protocol, target="load_MW", train_stop_row=700, val_stop_row=1200, **ten_days)
    draw_series(series, "load_MW", tmp_path / "series.png", protocol, make_windows(series, protocol))
    seen, target = (each.get_window_extent() for each in drawn[-1].texts[:2])
    assert not seen.overlaps(target)


def test_without_windows_the_target_is_drawn_alone(
    tiny_series: Series, tiny_protocol: Protocol, tmp_path: Path
) -> None:
    path = tmp_path / "series.svg"
    draw_series(tiny_series, "wv (m/s)", path)
    texts = " | ".join(read_texts(path))
    assert "wv (m/s)" in texts
    assert "windows" not in texts
    assert "gap" not in texts


@pytest.mark.parametrize("utc", [False, True])
def test_times_in_utc_are_said_to_be(tiny_series: Series, tmp_path: Path, drawn: list[Axes], utc: bool) -> None:
    series = replace(tiny_series, source=replace(tiny_series.source, utc=utc))
    draw_series(series, "T (degC)", tmp_path / "series.svg")
    assert drawn[0].get_xlabel() == ("time (UTC)" if utc else "time")


@pytest.mark.parametrize("treatment", ["keep", "fill"])
def test_the_example_window_shows_the_readings_in_the_targets_unit(
    tiny_series: Series, tiny_protocol: Protocol, tmp_path: Path, treatment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from matplotlib.axes import Axes

    drawn: list[np.ndarray] = []
    plot = Axes.plot

    def keep(axes, *args, **how):
        drawn.append(np.asarray(args[1], dtype=float))
        return plot(axes, *args, **how)

    monkeypatch.setattr(Axes, "plot", keep)
    protocol = replace(tiny_protocol, sentinels=treatment)
    windows = make_windows(tiny_series, protocol)
    draw_series(tiny_series, "T (degC)", tmp_path / "series.png", protocol, windows)
    row = windows.validation[len(windows.validation) // 2]
    readings = tiny_series.values[:, 0]
    dots = next(line for line in drawn if len(line) == 4)
    assert dots == pytest.approx(readings[row + windows.offsets], abs=1e-4)
    assert any(np.size(line) == 1 and line == pytest.approx(readings[row + 5], abs=1e-4) for line in drawn)
    assert any(len(np.atleast_1d(line)) == 2 and np.ptp(line) == 0 for line in drawn)  # the naive forecast


def test_a_point_of_the_picture_is_the_mean_and_the_extremes_of_its_readings() -> None:
    series = make_series(50)
    values = series.values.copy()
    values[3], values[30:34] = SENTINEL, np.nan
    stamps, low, mean, high = bin_readings(replace(series, values=values), "load_MW", 4 * 3600)
    assert len(stamps) == 13
    assert stamps[1] == series.timestamps[4]
    first = series.values[:3, 0]  # the sentinel is no reading
    assert (low[0], high[0]) == (first.min(), first.max())
    assert mean[0] == pytest.approx(first.mean())
    last = series.values[48:, 0]
    assert (low[-1], high[-1], mean[-1]) == pytest.approx((last.min(), last.max(), last.mean()))
    assert np.isfinite(mean).all()


def test_time_without_a_reading_is_a_hole_in_the_line() -> None:
    series = make_series(50)
    stamps = series.timestamps.copy()
    stamps[20:] += np.timedelta64(10, "h")
    _, low, mean, high = bin_readings(replace(series, timestamps=stamps), "load_MW", 3600)
    for line in (low, mean, high):
        assert np.flatnonzero(np.isnan(line)).tolist() == list(range(20, 30))


@pytest.mark.parametrize(("step", "rows"), [("BME", 400), ("YS", 100), ("B", 700), ("B", 6000)])
def test_months_and_days_of_trade_are_a_line_without_holes(step: str, rows: int) -> None:
    times = pd.date_range("1980-01-01", periods=rows, freq=step)
    series = replace(make_series(rows), timestamps=times.to_numpy().astype("datetime64[s]"))
    stamps, low, _, _ = bin_readings(series, "load_MW", choose_bin_seconds(series))
    assert not np.isnan(low).any()
    if rows < MOST_BINS:
        assert np.array_equal(stamps, series.timestamps)


def test_a_month_without_a_reading_is_a_hole() -> None:
    months = np.delete(np.arange("1980-01", "1990-01", dtype="datetime64[M]"), [50, 51]).astype("datetime64[s]")
    series = replace(make_series(118), timestamps=months)
    _, low, _, _ = bin_readings(series, "load_MW", choose_bin_seconds(series))
    assert np.flatnonzero(np.isnan(low)).tolist() == [50, 51]


@pytest.mark.parametrize(
    ("rows", "seconds"), [(300, 600), (26_280, 3600), (420_551, 600), (3_000_000, 1), (20_000, 2700)]
)
def test_a_picture_has_points_enough_and_not_too_many(rows: int, seconds: int) -> None:
    series = make_series(rows, seconds)
    stamps, low, _, _ = bin_readings(series, "load_MW", choose_bin_seconds(series))
    assert min(rows, MOST_BINS // 8) <= len(stamps) <= MOST_BINS + 1
    assert not np.isnan(low).any()


def test_eight_years_of_ten_minute_readings_are_days() -> None:
    assert choose_bin_seconds(make_series(420_551, 600)) == 86_400


def test_a_million_rows_are_drawn_by_few_points(tmp_path: Path, drawn: list[Axes]) -> None:
    series = make_series(1_000_000, 60)
    protocol = Protocol("made", "", target="load_MW")
    windows = make_windows(series, protocol)
    draw_series(series, "load_MW", tmp_path / "series.png", protocol, windows)
    assert 100 < max(len(line.get_xdata()) for axes in drawn for line in axes.lines) <= MOST_BINS + 1


def test_stamps_that_go_back_are_drawn(tiny_series: Series, tmp_path: Path, drawn: list[Axes]) -> None:
    backwards = replace(tiny_series, timestamps=tiny_series.timestamps[::-1])
    draw_series(backwards, "T (degC)", tmp_path / "series.png")
    np.testing.assert_array_equal(drawn[0].lines[0].get_xdata(), tiny_series.timestamps[::6], "a point an hour")
    hourly = tiny_series.values[::-1, 0].reshape(50, 6).mean(axis=1)
    np.testing.assert_allclose(drawn[0].lines[0].get_ydata(), hourly)


def test_a_reading_beyond_all_measure_is_not_drawn(tiny_series: Series, tmp_path: Path, drawn: list[Axes]) -> None:
    values = tiny_series.values.copy()
    values[7] = 1e308
    draw_series(replace(tiny_series, values=values), "T (degC)", tmp_path / "series.png")
    expected = tiny_series.values[:, 0].copy()
    expected[7] = np.nan
    np.testing.assert_allclose(drawn[0].lines[0].get_ydata(), expected)
    assert drawn[0].get_ylim()[1] < 100
