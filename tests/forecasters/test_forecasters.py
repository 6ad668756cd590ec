"""Reference forecasts: each against what it must give on series of which the answer is known."""

import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from rdrop_cli import api
from rdrop_cli.errors import UsageError
from rdrop_cli.forecasters.forecasters import FORECASTERS
from rdrop_cli.forecasters.linear import PENALTIES, fit_ridge, take_changes, take_trend_and_rest, take_window
from rdrop_cli.forecasters.seasonal import Climatology, read_season_before
from rdrop_cli.series.forecast_errors import measure_naive_mae
from rdrop_cli.series.table import Series, Source
from rdrop_cli.series.windows import make_windows, read_newest, read_targets
from rdrop_cli.study.protocol import DATASET, NEWEST_READING, Protocol
from rdrop_cli.study.variants import REFERENCES

HOURS = 3 * 365 * 24
PROTOCOL = Protocol(
    name="hourly",
    summary="two days of hourly readings, a day ahead",
    lookback_rows=48,
    step_rows=1,
    horizon_rows=24,
    train_stop_row=2 * 365 * 24,
    val_stop_row=2 * 365 * 24 + 4000,
    horizon_from=NEWEST_READING,
)
SHORT = {"train_stop_row": 500, "val_stop_row": 900}
RNG = np.random.default_rng(0)


def make_windows_of(target, protocol=PROTOCOL, seconds=3600):
    """Windows of a target and an unrelated second column, a reading an hour."""
    other = np.random.default_rng(1).normal(0, 1, len(target))
    stamps = np.datetime64("2010-01-01T00:00:00", "s") + seconds * np.arange(len(target))
    source = Source("made", "test", "0" * 64, len(target), None)
    return make_windows(Series(stamps, ("T (degC)", "x"), np.column_stack([target, other]), source), protocol)


def make_weather(persistence=0.97, seed=2):
    """A year's and a day's cycle, and what is left of yesterday: an autoregressive process of order 1."""
    hours = np.arange(HOURS)
    cycle = 10 * np.sin(2 * np.pi * hours / (365 * 24)) + 4 * np.sin(2 * np.pi * hours / 24)
    noise, anomaly = np.random.default_rng(seed).normal(0, 1, HOURS), np.zeros(HOURS)
    for hour in range(1, HOURS):
        anomaly[hour] = persistence * anomaly[hour - 1] + noise[hour]
    return cycle + anomaly


@pytest.fixture(scope="module")
def weather():
    return make_windows_of(make_weather())


def measure(name, windows, rows):
    forecaster = FORECASTERS[name]()
    state = forecaster.fit(windows)
    return float(np.abs(forecaster.predict(state, windows, rows) - read_targets(windows, rows)).mean()), state


def test_every_reference_forecast_has_a_forecaster_and_a_row_on_the_page():
    assert set(FORECASTERS) == set(REFERENCES)
    page = (Path(__file__).parents[2] / "docs" / "reference-forecasts.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| `([\w-]+)` \|", page, re.MULTILINE) == list(REFERENCES)


def test_naive_is_what_every_run_compares_with(weather):
    assert measure("naive", weather, weather.test)[0] == pytest.approx(measure_naive_mae(weather, weather.test))


def test_seasonal_naive_knows_a_day_that_repeats_itself():
    windows = make_windows_of(np.tile(np.random.default_rng(3).normal(0, 1, 24), 1200)[:HOURS])
    assert measure("seasonal-naive", windows, windows.test)[0] == pytest.approx(0, abs=1e-6)
    further = make_windows_of(
        np.tile(np.random.default_rng(3).normal(0, 1, 24), 1200)[:HOURS], replace(PROTOCOL, horizon_rows=30)
    )
    assert measure("seasonal-naive", further, further.test)[0] == pytest.approx(0, abs=1e-6)
    assert measure("naive", further, further.test)[0] > 0.5


def test_seasonal_naive_uses_no_reading_that_is_newer_than_the_window(weather):
    changed = replace(weather, target=weather.target.copy())
    row = int(weather.test[0])
    changed.target[row:] = 99.0
    forecaster = FORECASTERS["seasonal-naive"]()
    rows = weather.test[:1]
    assert forecaster.predict({}, changed, rows) == forecaster.predict({}, weather, rows)


def test_readings_that_do_not_divide_a_day_have_no_season():
    windows = make_windows_of(make_weather(), seconds=5000)
    with pytest.raises(UsageError, match="5000 s apart"):
        measure("seasonal-naive", windows, windows.test)


def test_climatology_finds_the_cycle_of_the_year_and_of_the_day(weather):
    hours = np.arange(HOURS)
    windows = make_windows_of(10 * np.sin(2 * np.pi * hours / (365 * 24)) + 4 * np.sin(2 * np.pi * hours / 24))
    error, state = measure("climatology", windows, windows.test)
    assert error < 0.02
    assert state["table"].shape == (366, 24)
    assert state["smoothing_days"] == 7  # of a cycle without noise the least smoothing


def fit_climatology_of(training_rows):
    protocol = replace(PROTOCOL, train_stop_row=training_rows, val_stop_row=training_rows + 2000)
    return Climatology.fit(make_windows_of(make_weather()[: training_rows + 4000], protocol), 30)


@pytest.mark.parametrize("training_rows", [2000, 365 * 24 - 1])
def test_training_shorter_than_a_year_knows_hours_alone(training_rows):
    table = fit_climatology_of(training_rows).table
    assert np.ptp(table, axis=0).max() == 0
    assert np.ptp(table[0]) > 0.1


def test_training_of_one_year_knows_its_days():
    assert np.ptp(fit_climatology_of(365 * 24).table, axis=0).min() > 0.1


@pytest.mark.parametrize("layout", [{}, {"layout": DATASET, "step_rows": 6}, {"train_start_row": 3000}])
def test_climatology_knows_the_training_rows_and_no_other(layout):
    protocol = replace(PROTOCOL, train_stop_row=6000, val_stop_row=9000, **layout)
    target = make_weather()
    changed = target.copy()
    changed[: protocol.train_start_row] += 50
    changed[protocol.train_stop_row :] -= 50
    tables = [Climatology.fit(make_windows_of(each, protocol), 30).table for each in (target, changed)]
    assert np.array_equal(*tables)


def test_a_window_before_which_no_season_came_is_forecast_as_it_is_now():
    windows = make_windows_of(make_weather()[:2000], replace(PROTOCOL, lookback_rows=6, horizon_rows=1, **SHORT))
    first, rest = np.split(read_season_before(windows, windows.train), [18])
    assert np.array_equal(first, read_newest(windows, windows.train[:18]))
    assert np.array_equal(rest, windows.target[: len(rest)])


@pytest.mark.parametrize("horizons", [{}, {"earlier_horizon_rows": (3, 6)}])
def test_the_season_before_is_of_the_same_hour_across_gaps(horizons):
    hours = np.delete(np.arange(2000), [*range(1000, 1005), 1500])  # readings are missing, and one is looked for
    source = Source("made", "test", "0" * 64, len(hours), None)
    stamps = np.datetime64("2020-01-01T00", "s") + 3600 * hours
    series = Series(stamps, ("hour",), (hours % 24 + 0.0)[:, np.newaxis], source)
    protocol = replace(PROTOCOL, target="hour", lookback_rows=6, **SHORT, **horizons)
    windows = make_windows(series, protocol)
    rows = np.arange(200, len(hours) - 40)
    assert np.array_equal(read_season_before(windows, rows), read_targets(windows, rows))


def test_no_season_before_is_of_after_the_newest_reading():
    windows = make_windows_of(np.arange(2000.0), replace(PROTOCOL, lookback_rows=6, horizon_rows=30, **SHORT))
    before = read_season_before(windows, windows.validation)
    assert (before <= read_newest(windows, windows.validation)).all()
    assert (before < read_targets(windows, windows.validation)).all()


def test_damped_persistence_finds_what_is_left_of_an_anomaly_and_is_the_best_there_is(weather):
    error, state = measure("damped-persistence", weather, weather.test)
    assert state["damping"][0] == pytest.approx(0.97**24, abs=0.08)
    others = [measure(name, weather, weather.test)[0] for name in ("naive", "climatology", "seasonal-naive")]
    assert error < min(others)


@pytest.mark.parametrize("design", [take_window, take_changes, take_trend_and_rest])
def test_ridge_solves_the_penalised_normal_equations(weather, design):
    small = replace(weather, train=range(48, 1500))
    rows = np.asarray(small.train)
    inputs = design(small, rows).astype(np.float64)
    change = read_targets(small, rows) - read_newest(small, rows)
    weights = fit_ridge(design, small)
    centred, wanted = inputs - inputs.mean(axis=0), change - change.mean()
    for column, share in enumerate(PENALTIES):
        penalty = share * centred.var(axis=0).mean() * len(rows)
        expected = np.linalg.solve(centred.T @ centred + penalty * np.eye(inputs.shape[1]), centred.T @ wanted)
        assert centred @ weights[:-1, column] == pytest.approx(centred @ expected, abs=2e-3)


def test_a_linear_law_is_found():
    target = np.zeros(HOURS)
    target[:48] = np.random.default_rng(4).normal(0, 1, 48)
    noise = np.random.default_rng(5).normal(0, 1, HOURS)
    for hour in range(48, HOURS):
        target[hour] = 0.6 * target[hour - 24] - 0.3 * target[hour - 36] + noise[hour]
    windows = make_windows_of(target)
    floor = float(np.sqrt(2 / np.pi)) / windows.target_std
    for name in ("ridge", "dlinear", "nlinear"):
        assert measure(name, windows, windows.test)[0] == pytest.approx(floor, rel=0.05)
    assert measure("naive", windows, windows.test)[0] > 1.1 * floor


def test_the_level_of_the_target_does_not_matter_to_nlinear(weather):
    forecaster = FORECASTERS["nlinear"]()
    state = forecaster.fit(weather)
    higher = replace(weather, target=weather.target + np.float32(3))
    assert forecaster.predict(state, higher, weather.test) == pytest.approx(
        forecaster.predict(state, weather, weather.test) + 3, abs=1e-4
    )


@pytest.mark.thorough
def test_boosting_finds_what_is_not_linear():
    pytest.importorskip("sklearn")
    target, noise = np.zeros(HOURS), np.random.default_rng(6).normal(0, 0.02, HOURS)
    for hour in range(1, HOURS):
        target[hour] = 1 - 1.8 * abs(target[hour - 1]) + noise[hour]
    windows = make_windows_of(target, replace(PROTOCOL, horizon_rows=1))
    error, state = measure("gradient-boosting", windows, windows.test)
    assert error < 0.8 * measure("ridge", windows, windows.test)[0]
    again = FORECASTERS["gradient-boosting"]()
    forecasts = again.predict(state, windows, windows.test[:50])
    assert np.abs(forecasts - read_targets(windows, windows.test[:50])).mean() < 1


@pytest.mark.thorough
def test_a_reference_forecast_is_one_run_whatever_the_seeds(rdrop, weather_csv, tmp_path):
    dirs = ("--runs-dir", tmp_path / "runs", "--data-dir", tmp_path)
    data = ("--dataset", weather_csv, "--lookback", "5h", "--every", "1h", "--horizon", "2h")
    command = ("train", "naive", "ridge", *data, "--train-stop", "400", "--val-stop", "600", *dirs)
    result = rdrop(*command, "--seeds", "0-3")
    assert result.code == 0, result.err
    folders = sorted((tmp_path / "runs").glob("*-s*"))
    assert [folder.name.split("-s0-")[0] for folder in folders] == ["naive", "ridge"]
    assert all((folder / "forecast.npz").is_file() for folder in folders)
    again = rdrop(*command, "--seeds", "9")
    assert again.code == 0
    assert sorted((tmp_path / "runs").glob("*-s*")) == folders


def test_epochs_of_what_has_none_are_refused(rdrop, tmp_path):
    result = rdrop("train", "ridge", "--dataset", "synthetic", "--epochs", "5", "--runs-dir", tmp_path)
    assert (result.code, result.out) == (2, "")
    assert "ridge is no network and has no epochs" in result.err


WITHOUT = """
import sys
from rdrop_cli.cli.app import run_command
sys.modules["tensorflow"] = sys.modules["keras"] = None
assert run_command(["train", "naive", "nlinear", "--dataset", "synthetic", "--protocol", "demo", "--jobs", "1"]) == 0
"""


@pytest.mark.thorough
def test_no_reference_forecast_needs_tensorflow(tmp_path):
    done = subprocess.run([sys.executable, "-c", WITHOUT], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.thorough
@pytest.mark.parametrize("name", ["naive", "seasonal-naive", "climatology", "damped-persistence", "ridge", "dlinear"])
def test_each_of_several_horizons_is_forecast_as_it_is_alone(weather, name, monkeypatch):
    monkeypatch.setattr("rdrop_cli.forecasters.forecasters.SMOOTHING_DAYS", (30,))  # else chosen for all together
    monkeypatch.setattr("rdrop_cli.forecasters.linear.PENALTIES", (1e-4,))
    monkeypatch.setattr("rdrop_cli.forecasters.forecasters.PENALTIES", (1e-4,))
    several = make_windows_of(make_weather(), replace(PROTOCOL, earlier_horizon_rows=(1, 6)))
    alone = [make_windows_of(make_weather(), replace(PROTOCOL, horizon_rows=rows)) for rows in (1, 6)] + [weather]
    rows = several.test
    forecaster = FORECASTERS[name]()
    forecasts = forecaster.predict(forecaster.fit(several), several, rows)
    assert forecasts.shape == (len(rows), 3)
    for place, windows in enumerate(alone):
        same = replace(windows, train=several.train, validation=several.validation)
        single = FORECASTERS[name]()
        expected = single.predict(single.fit(same), same, rows)
        np.testing.assert_allclose(forecasts[:, place], expected, atol=1e-3)
        assert np.abs(forecasts[:, place - 1] - expected).max() > 0.01 or name in ("naive", "seasonal-naive")


def test_a_series_without_days_is_refused_before_its_run_has_a_folder(tmp_path):
    months = pd.date_range("1990-01-01", periods=240, freq="MS")
    series = api.load_data(pd.DataFrame({"level": np.arange(240.0) % 11}, index=months))
    config = api.plan("seasonal-naive", series, lookback="24mo", every="1mo", horizon="1mo")
    with pytest.raises(UsageError, match="seasonal-naive needs readings that divide a day"):
        api.train(config, series, tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


def test_a_window_of_one_reading_has_no_change_to_learn_from():
    windows = make_windows_of(make_weather()[:1500], replace(PROTOCOL, lookback_rows=1, **SHORT))
    with pytest.raises(UsageError, match="nlinear needs windows of two timesteps"):
        FORECASTERS["nlinear"]().check(windows)
    for name in ("ridge", "dlinear"):
        FORECASTERS[name]().check(windows)
        assert FORECASTERS[name]().fit(windows)
