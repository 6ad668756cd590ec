"""Quantiles on the command line: what is trained, recorded and said, measured again from the network's file."""

import json
import shutil

import keras
import numpy as np
import pytest

from rdrop_cli.cli.app import run_command
from rdrop_cli.series.table import WEATHER_COLUMNS
from tests.cli.conftest import SMALL
from tests.cli.test_horizons import AHEAD, change, read

LEVELS = np.array([0.1, 0.5, 0.9])


@pytest.fixture(scope="module")
def runs(tmp_path_factory, weather_csv):
    """A runs folder with a network of three quantiles at three horizons, and a reference forecast."""
    folder = tmp_path_factory.mktemp("quantiles")
    options = [*change(SMALL, horizon="1h..3h"), "--loss", "quantile", "--quantiles", ".1,.5,.9", "--jobs", "1"]
    command = ["train", "baseline", "naive", "--dataset", str(weather_csv), *options]
    assert run_command([*command, "--runs-dir", str(folder / "runs"), "--data-dir", str(folder)]) == 0
    return folder / "runs"


def forecast(path, metrics, weather_csv):
    """Return the validation quantiles of the saved network, as it gives them, and the readings; in the unit."""
    values = np.array([line.split(",")[1:] for line in weather_csv.read_text().splitlines()[1:]], float)
    scales, protocol = metrics["standardisation"], metrics["protocol"]
    inputs = (values - [scale["mean"] for scale in scales["inputs"]]) / [scale["std"] for scale in scales["inputs"]]
    ends = np.arange(protocol["train_stop_row"] + 1 + 30, protocol["val_stop_row"])
    model = keras.models.load_model(path / "model.keras", compile=False)
    outputs = model.predict(inputs[ends[:, None] + np.arange(-30, 0, 6)], verbose=0).reshape(-1, 3, 3)
    readings = values[(ends - 6)[:, None] + np.array(AHEAD), WEATHER_COLUMNS.index("T (degC)")]
    return outputs * scales["target"]["std"] + scales["target"]["mean"], readings


def test_the_figures_are_those_of_the_sorted_quantiles_of_the_saved_network(runs, weather_csv):
    path, metrics = read(runs, "baseline")
    given, readings = forecast(path, metrics, weather_csv)
    quantiles = np.sort(given, axis=2)
    missed = readings[:, :, None] - quantiles
    pinball = np.maximum(LEVELS * missed, (LEVELS - 1) * missed).mean()
    scale, found = metrics["target_std"], metrics["quantiles"]
    assert found["val_pinball"] * scale == pytest.approx(pinball, rel=1e-4)
    assert found["val_crossed"] == pytest.approx((np.diff(given, axis=2) < 0).any(axis=2).mean(), abs=1e-3)
    assert 0 <= found["test_crossed"] <= 1
    median = np.abs(missed[:, :, 1])
    assert metrics["best"]["val_mae"] * scale == pytest.approx(median.mean(), rel=1e-4)
    assert [at["val_mae"] * scale for at in metrics["by_horizon"]] == pytest.approx(median.mean(axis=0), rel=1e-4)
    pinballs = metrics["history"]["val_pinball"]
    assert metrics["best"]["epoch"] == 1 + int(np.argmin(pinballs))
    assert min(pinballs) == found["val_pinball"]


def test_a_reference_forecast_has_no_quantiles_and_says_so(runs, rdrop):
    path, metrics = read(runs, "naive")
    assert metrics["quantiles"] is None
    assert metrics["history"]["val_pinball"] == []
    assert "none, naive forecasts one value and has no intervals to judge" in rdrop("show", path).out


def test_the_commands_say_how_good_the_quantiles_are(runs, rdrop, weather_csv, tmp_path):
    path, metrics = read(runs, "baseline")
    shown = rdrop("show", path).out
    assert f"0.1, 0.5, 0.9; pinball loss {metrics['quantiles']['val_pinball']:.4f} (" in shown
    options = [*change(SMALL, horizon="1h..3h"), "--loss", "quantile", "--quantiles", ".9,.5,.1", "--seeds", "0"]
    again = rdrop("train", "baseline", "--dataset", weather_csv, *options, "--runs-dir", runs, "-q")
    assert "validation MAE of the median, mean of 3 horizons: baseline " in again.out
    loss = metrics["quantiles"]["test_pinball"] * metrics["target_std"]
    assert f"quantiles, test: baseline has a pinball loss of {loss:.2f} °C; " in again.out
    assert "the naive forecast has none to compare" in again.out
    stopped = shutil.copytree(path, tmp_path / path.name)
    metrics["quantiles"], metrics["status"] = None, "interrupted"
    (stopped / "metrics.json").write_text(json.dumps(metrics))
    assert "0.1, 0.5, 0.9, not yet judged: the run is not complete" in rdrop("show", stopped).out


def test_a_study_file_names_quantiles(rdrop, weather_csv, tmp_path):
    study = tmp_path / "study.toml"
    lines = [f'dataset = "{weather_csv}"', 'loss = "quantile"', 'quantiles = ".9,.5,.1"', 'lookback = "5h"']
    study.write_text("\n".join(["[study]", *lines, 'horizon = "1h"', "", "[grid]", 'variants = ["naive"]']) + "\n")
    assert rdrop("sweep", study, "--runs-dir", tmp_path / "runs", "--jobs", "1", "-q").code == 0
    _, metrics = read(tmp_path / "runs", "naive")
    assert (metrics["protocol"]["quantiles"], metrics["protocol"]["best_by"]) == ([0.1, 0.5, 0.9], "pinball")


def test_a_run_of_quantiles_is_whole_and_its_last_epoch_has_the_same_bits_again(runs, rdrop):
    result = rdrop("verify", "--replay", "1", "--runs-dir", runs)
    assert result.code == 0, result.out
    assert result.out.count("the same to the bit") == 2
