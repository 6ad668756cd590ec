"""Several horizons on the command line: one network, its errors at each horizon, and what the commands say of them."""

import csv
import json

import keras
import numpy as np
import pytest

from rdrop_cli.series.table import WEATHER_COLUMNS
from tests.cli.conftest import SMALL

AHEAD = (6, 12, 18)  # rows from the newest reading: one, two and three hours


def change(options, **values):
    """Return options with some of their values changed."""
    changed = list(options)
    for name, value in values.items():
        changed[changed.index(f"--{name}") + 1] = value
    return changed


@pytest.fixture(scope="module")
def runs(tmp_path_factory, weather_csv):
    """A runs folder with a network and two reference forecasts of three horizons."""
    from rdrop_cli.cli.app import run_command

    folder = tmp_path_factory.mktemp("several")
    options = change(SMALL, horizon="1h..3h")
    command = ["train", "baseline", "ridge", "naive", "--dataset", str(weather_csv), *options, "--jobs", "1"]
    assert run_command([*command, "--runs-dir", str(folder / "runs"), "--data-dir", str(folder)]) == 0
    return folder / "runs"


def read(runs, variant):
    (path,) = runs.glob(f"{variant}-*")
    return path, json.loads((path / "metrics.json").read_text())


def read_temperatures(weather_csv):
    """Return the target's readings, from the file itself."""
    return np.array(
        [
            float(line.split(",")[WEATHER_COLUMNS.index("T (degC)") + 1])
            for line in weather_csv.read_text().splitlines()[1:]
        ]
    )


@pytest.mark.parametrize("variant", ["baseline", "ridge", "naive"])
def test_every_error_is_the_mean_over_the_horizons(runs, variant):
    _, metrics = read(runs, variant)
    at = metrics["by_horizon"]
    assert [each["lead_rows"] for each in at] == list(AHEAD)
    assert [each["lead_seconds"] for each in at] == [3600, 7200, 10800]
    for name, mean in (
        ("val_mae", metrics["best"]["val_mae"]),
        ("test_mae", metrics["test"]["mae"]),
        ("naive_val_mae", metrics["naive"]["val_mae"]),
        ("naive_test_mae", metrics["naive"]["test_mae"]),
    ):
        assert np.mean([each[name] for each in at]) == pytest.approx(mean, rel=1e-6)
    assert min(metrics["history"]["val_loss"]) == metrics["best"]["val_mae"]
    if variant == "naive":
        assert [each["val_mae"] for each in at] == pytest.approx([each["naive_val_mae"] for each in at], rel=1e-6)


def test_the_errors_of_each_horizon_are_those_of_the_saved_network(runs, weather_csv):
    path, metrics = read(runs, "baseline")
    protocol, scales = metrics["protocol"], metrics["standardisation"]
    values = np.array([line.split(",")[1:] for line in weather_csv.read_text().splitlines()[1:]], float)
    inputs = (values - [scale["mean"] for scale in scales["inputs"]]) / [scale["std"] for scale in scales["inputs"]]
    ends = np.arange(protocol["train_stop_row"] + 1 + 30, protocol["val_stop_row"])
    model = keras.models.load_model(path / "model.keras", compile=False)
    forecasts = model.predict(inputs[ends[:, None] + np.arange(-30, 0, 6)], verbose=0)
    temperatures = read_temperatures(weather_csv)
    for place, at in enumerate(metrics["by_horizon"]):
        truth = temperatures[ends - 6 + AHEAD[place]]  # a window's newest reading is one timestep before its end
        in_unit = forecasts[:, place] * scales["target"]["std"] + scales["target"]["mean"]
        assert np.abs(in_unit - truth).mean() == pytest.approx(at["val_mae"] * metrics["target_std"], rel=1e-4)
        naive = np.abs(temperatures[ends - 6] - truth).mean()
        assert naive == pytest.approx(at["naive_val_mae"] * metrics["target_std"], rel=1e-4)


def test_commands_tell_the_errors_of_each_horizon(runs, rdrop, tmp_path):
    path, metrics = read(runs, "baseline")
    shown = rdrop("show", path)
    assert "errors are means over 3 horizons" in shown.out
    lines = [line for line in shown.out.splitlines() if line.strip().startswith(("1 h", "2 h", "3 h"))]
    for line, at in zip(lines, metrics["by_horizon"], strict=True):
        assert [f"{at[name]:.4f}" in line for name in ("val_mae", "test_mae", "naive_val_mae")] == [True] * 3
    listed = rdrop("runs", "--runs-dir", runs)
    assert f"{metrics['best']['val_mae']:.4f}" in listed.out
    assert "mean of" in listed.out
    assert listed.out.count("3 horizons") == 3
    best = metrics["best"]["epoch"]
    history = list(csv.DictReader((path / "history.csv").read_text().splitlines()))
    assert [float(history[best - 1][f"val_mae_lead_{lead}"]) for lead in AHEAD] == pytest.approx(
        [at["val_mae"] for at in metrics["by_horizon"]], rel=1e-6
    )
    picture = tmp_path / "loss.svg"
    assert rdrop("plot", "--runs-dir", runs, "--output", picture).code == 0
    assert "mean of 3 horizons" in picture.read_text()


def test_a_run_with_several_horizons_resumes_and_ends_with_the_sentence(runs, rdrop, weather_csv):
    options = change(SMALL, horizon="1h..3h")
    again = rdrop(
        "train", "baseline", "ridge", "--dataset", weather_csv, *options, "--seeds", "0", "--runs-dir", runs, "-q"
    )
    assert again.code == 0, again.err
    assert "validation MAE, mean of 3 horizons: " in again.out
    _, metrics = read(runs, "ridge")
    first, last = (metrics["by_horizon"][place]["val_mae"] * metrics["target_std"] for place in (0, -1))
    assert f"by horizon: ridge {first:.2f} °C (naive " in again.out
    assert f"{last:.2f} °C (naive " in again.out
    assert again.out.rstrip().count(" ahead") == 2


def test_a_study_file_names_several_horizons(rdrop, weather_csv, tmp_path):
    study = tmp_path / "study.toml"
    lines = [f'dataset = "{weather_csv}"', 'horizon = "1h,3h"', 'lookback = "5h"', 'every = "1h"']
    study.write_text("\n".join(["[study]", *lines, "", "[grid]", 'variants = ["naive", "ridge"]']) + "\n")
    result = rdrop("sweep", study, "--runs-dir", tmp_path / "runs", "--jobs", "1", "-q")
    assert result.code == 0, result.err
    _, metrics = read(tmp_path / "runs", "naive")
    assert metrics["protocol"]["earlier_horizon_rows"] == [6]
    assert metrics["protocol"]["horizon_rows"] == 18


@pytest.mark.parametrize(
    ("variant", "horizon", "message"),
    [
        ("naive", "3h..1h", "--horizon: expected a range such as 1h..24h or 6h..24h/1h, the nearest first, received"),
        ("gradient-boosting", "1h,2h", "--horizon: gradient-boosting forecasts one, received 2; name one horizon"),
    ],
)
def test_what_cannot_be_forecast_is_refused(rdrop, weather_csv, tmp_path, variant, horizon, message):
    options = change(SMALL, horizon=horizon)
    result = rdrop("train", "baseline", variant, "--dataset", weather_csv, *options, "--runs-dir", tmp_path)
    assert result.code == 2
    assert message in result.err
    assert list(tmp_path.iterdir()) == []


def test_a_run_of_several_horizons_is_whole(runs, rdrop):
    result = rdrop("verify", "--runs-dir", runs)
    assert result.code == 0, result.out
    assert "0 damaged" in result.out
