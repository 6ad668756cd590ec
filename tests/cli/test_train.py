"""`rdrop train` end to end, on real files."""

import csv
import json

import keras
import pytest

from rdrop_cli.runs.schema import SCHEMA_VERSION
from tests.cli.conftest import SMALL

FILES = {"config.json", "metrics.json", "history.csv", "loss.png", "model.keras", "checkpoints"}


@pytest.fixture(scope="session")
def folders(trained):
    return {path.name.split("-")[0]: path for path in trained.iterdir() if path.is_dir()}


@pytest.fixture(scope="session")
def metrics(folders):
    return {variant: json.loads((path / "metrics.json").read_text()) for variant, path in folders.items()}


def test_both_variants_of_the_study_are_trained_when_none_is_named(folders, metrics):
    assert set(folders) == {"baseline", "dropout"}
    for path in folders.values():
        assert {file.name for file in path.iterdir()} >= FILES
    assert metrics["baseline"]["rates"] == {"dropout": 0.0, "recurrent_dropout": 0.0}
    assert metrics["dropout"]["rates"] == {"dropout": 0.2, "recurrent_dropout": 0.2}


def test_metrics_carry_what_scripts_are_promised(metrics, weather_csv):
    for variant, document in metrics.items():
        assert document["schema_version"] == SCHEMA_VERSION
        assert document["variant"] == variant
        assert document["run_id"].startswith(f"{variant}-s0-")
        assert document["status"] == "completed"
        assert document["seed"] == 0
        assert {"name", "sha256", "rows", "verified"} <= document["dataset"].keys()
        assert document["dataset"]["rows"] == 900
        assert set(document["history"]) == {"loss", "val_loss", "train_mae", "val_mse", "val_pinball"}
        assert set(document["best"]) == {"epoch", "val_mae", "val_mae_in_unit"}
        assert {"loss", "val_mae", "val_mae_in_unit"} <= document["final"].keys()
        assert set(document["test"]) == {"mae", "mae_in_unit"}
        assert set(document["naive"]) == {"val_mae", "val_mae_in_unit", "test_mae", "test_mae_in_unit"}
        assert document["timing"]["seconds"] > 0
        assert document["timing"]["train_windows_per_second"] > 0
        assert document["environment"]["keras"] == keras.__version__
        assert document["environment"]["device"]


def test_the_history_has_a_line_an_epoch_that_agrees_with_the_metrics(folders, metrics):
    for variant, path in folders.items():
        rows = list(csv.DictReader((path / "history.csv").read_text().splitlines()))
        assert [row["epoch"] for row in rows] == ["1", "2"]
        assert [float(row["val_loss"]) for row in rows] == metrics[variant]["history"]["val_loss"]


def test_the_saved_model_is_the_best_epochs_and_loads_in_safe_mode(folders, metrics, weather_csv, tmp_path):
    from rdrop_cli.runs.folder import RunFolder
    from rdrop_cli.series.load import load_dataset
    from rdrop_cli.series.windows import make_windows

    folder = RunFolder(folders["dropout"])
    windows = make_windows(load_dataset(str(weather_csv), tmp_path), folder.read_config().protocol)
    model = keras.models.load_model(folder.model_path, safe_mode=True)
    rows = list(windows.validation)
    predictions = model.predict(windows.matrix[[row + windows.offsets for row in rows]], verbose=0)[:, 0]
    assert abs(predictions - windows.get_labels(windows.validation)).mean() == pytest.approx(
        metrics["dropout"]["best"]["val_mae"], abs=1e-5
    )


def test_the_configuration_is_enough_to_run_it_again(folders, metrics, weather_csv, rdrop, tmp_path):
    config = json.loads((folders["dropout"] / "config.json").read_text())
    assert config["dataset"] == str(weather_csv)
    assert config["dataset_sha256"] == metrics["dropout"]["dataset"]["sha256"]
    again = rdrop(
        "train", "dropout", "--dataset", config["dataset"], "--seed", config["seed"], *SMALL,
        "--runs-dir", tmp_path / "runs", "--data-dir", tmp_path, "--json",
    )  # fmt: skip
    assert again.code == 0, again.err
    assert json.loads(again.out)[0]["history"] == metrics["dropout"]["history"]


def test_seeds_and_rates_change_the_numbers(rdrop, weather_csv, tmp_path, metrics):
    result = rdrop(
        "train", "dropout", "--dataset", weather_csv, *SMALL, "--seed", 1, "--dropout", 0.5, "--recurrent-dropout", 0,
        "--runs-dir", tmp_path / "runs", "--data-dir", tmp_path, "--json",
    )  # fmt: skip
    document = json.loads(result.out)[0]
    assert document["rates"] == {"dropout": 0.5, "recurrent_dropout": 0.0}
    assert document["history"] != metrics["dropout"]["history"]


def test_progress_is_a_plain_line_an_epoch_where_there_is_no_terminal(rdrop, weather_csv, tmp_path):
    result = rdrop(
        "train", "baseline", "--dataset", weather_csv, *SMALL, "--runs-dir", tmp_path / "runs", "--data-dir", tmp_path
    )
    lines = [line for line in result.err.splitlines() if "epoch" in line and "val_loss" in line]
    assert len(lines) == 2
    assert "\x1b" not in result.err + result.out
    assert all(word in lines[0] for word in ("loss", "val_loss", "°C", "train_mae", "elapsed", "left"))
    assert "baseline-s0-" in result.out


def test_standard_input_is_refused_for_no_run_would_find_it_again(rdrop, tmp_path):
    result = rdrop("train", "--dataset", "-", "--runs-dir", tmp_path)
    assert result.code == 2
    assert (
        "--dataset: expected a file, which runs can find again; save standard input to one, received '-'" in result.err
    )


def test_what_is_odd_in_the_data_is_told(rdrop, weather_csv, tmp_path):
    text = weather_csv.read_text().splitlines()
    cells = text[5].split(",")
    text[5] = ",".join([cells[0], *cells[1:12], "-9999.00", *cells[13:]])
    text[9] = text[8].split(",")[0] + "," + text[9].split(",", 1)[1]
    odd = tmp_path / "odd.csv"
    odd.write_text("\n".join(text) + "\n")
    arguments = ("--dataset", odd, *SMALL, "--runs-dir", tmp_path / "runs", "--data-dir", tmp_path)
    kept = rdrop("train", "baseline", *arguments)
    assert "sentinels (-9999): 1 in wv (m/s); kept as readings; --sentinels fill interpolates" in kept.err
    assert "repeated timestamps: 1" in kept.err
    filled = rdrop("train", "baseline", *arguments, "--sentinels", "fill")
    assert "filled by interpolation" in filled.err
