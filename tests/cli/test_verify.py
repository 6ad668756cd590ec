"""Real runs verified, trained again to the bit, damaged and repaired."""

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from rdrop_cli.files import write_text
from rdrop_cli.runs.checkpoint import Checkpoint, list_checkpoints, read_checkpoint, save_checkpoint
from rdrop_cli.runs.folder import RunFolder
from rdrop_cli.runs.history import History
from rdrop_cli.runs.record import RECORD, write_record
from rdrop_cli.training import replay
from tests.cli.conftest import SMALL
from tests.standin import make_folder, run
from tests.torture.kills import fingerprint


@pytest.fixture
def runs_dir(trained, tmp_path) -> Path:
    """A copy of two complete runs of two epochs."""
    return Path(shutil.copytree(trained, tmp_path / "runs"))


@pytest.fixture
def folder(runs_dir) -> RunFolder:
    return RunFolder(next(runs_dir.glob("dropout-*")))


def forge_record(folder: RunFolder) -> None:
    """Write the record of what is there now, as somebody does who wants to deceive."""
    write_record(folder, folder.metrics_path.read_text())


def test_complete_runs_are_whole(rdrop, runs_dir):
    result = rdrop("verify", "--runs-dir", runs_dir)
    assert (result.code, result.err) == (0, "")
    assert result.out == "2 runs: 2 whole, 0 damaged; 20 files agree with their records\n"


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("epochs", "words"),
    [
        (0, "made again from epoch 2"),
        (1, "epoch 2 of 2 trained again from the checkpoint of epoch 1"),
        (2, "epochs 1 to 2 of 2 trained again from the start"),
    ],
)
def test_a_replay_has_the_same_bits(rdrop, runs_dir, folder, epochs, words):
    before = {path: path.read_bytes() for path in runs_dir.rglob("*") if path.is_file()}
    result = rdrop("verify", folder.run_id, "--replay", str(epochs), "--runs-dir", runs_dir, "--json")
    assert result.code == 0, result.out
    (found,) = json.loads(result.out)
    assert found["replay"] == f"{words}: the same to the bit"
    assert (found["whole"], found["files"], found["faults"]) == (True, 10, [])
    assert before == {path: path.read_bytes() for path in runs_dir.rglob("*") if path.is_file()}


def test_a_replay_compares_the_figures_that_an_older_run_has(tmp_path):
    again = make_folder(tmp_path)
    run(again)
    older = RunFolder(Path(shutil.copytree(again.path, tmp_path / "older")))
    for path in reversed(list_checkpoints(older.checkpoints_path)):
        made = read_checkpoint(path)
        epochs = [dataclasses.replace(epoch, val_mse=None) for epoch in made.history.epochs]
        save_checkpoint(older.checkpoints_path, Checkpoint(made.state, made.best, History(epochs)))
    pairs = list(replay._list_pairs(older, again, replay._read_checkpoints(older), is_whole=False))
    assert next(name for name, *_ in pairs) == "history.csv"
    assert [replay._measure_difference(one, other) for _, one, other in pairs] == [0] * 3


def test_a_changed_file_is_named_with_the_exit_code(rdrop, runs_dir, folder):
    folder.plot_path.write_bytes(b"no picture")
    result = rdrop("verify", "--runs-dir", runs_dir)
    assert result.code == 1
    assert result.out.splitlines() == [
        f"{folder.run_id}: loss.png: is not what SHA256SUMS says: it was changed or damaged",
        "2 runs: 1 whole, 1 damaged; 19 files agree with their records",
    ]


def change_weights(folder: RunFolder, factor: float) -> None:
    """Change the weights after the last epoch a little; their checksum is right."""
    checkpoint = read_checkpoint(list_checkpoints(folder.checkpoints_path)[0])
    state = {
        name: (array * factor).astype(array.dtype) if array.dtype.kind == "f" else array
        for name, array in checkpoint.state.items()
    }
    save_checkpoint(folder.checkpoints_path, Checkpoint(state, checkpoint.best, checkpoint.history))
    forge_record(folder)


def test_a_replay_finds_weights_that_no_training_makes(rdrop, runs_dir, folder):
    change_weights(folder, 1.01)
    assert rdrop("verify", folder.run_id, "--runs-dir", runs_dir).code == 0
    result = rdrop("verify", folder.run_id, "--replay", "1", "--runs-dir", runs_dir)
    assert result.code == 1
    assert f"{folder.run_id}: checkpoints/epoch-0002.ckpt: is not what training makes it (relative" in result.out
    assert "trained again from the checkpoint of epoch 1: not the same" in result.out


def test_a_replay_tells_rounding_from_other_numbers_and_from_the_same_bits(rdrop, runs_dir, folder, monkeypatch):
    """As on another machine; the versions that differ are named."""
    change_weights(folder, 1 + 1e-6)
    metrics = json.loads(folder.metrics_path.read_text())
    metrics["environment"]["numpy"] = "2.0.0"
    write_text(folder.metrics_path, json.dumps(metrics))
    forge_record(folder)
    result = rdrop("verify", folder.run_id, "--replay", "1", "--runs-dir", runs_dir)
    assert result.code == 0, result.out
    assert "the same up to rounding, 1e-06 at most; trained with numpy 2.0.0, here " in result.out


def test_measuring_again_finds_forged_errors_and_another_model(rdrop, runs_dir, folder):
    other = next(runs_dir.glob("baseline-*"))
    shutil.copy(other / "model.keras", folder.model_path)
    lines = folder.daily_test_errors_path.read_text().splitlines()
    day, windows, error = lines[1].split(",")
    lines[1] = f"{day},{windows},{float(error) * 1.01!r}"
    folder.daily_test_errors_path.write_text("\n".join(lines) + "\n")
    forge_record(folder)
    assert rdrop("verify", folder.run_id, "--runs-dir", runs_dir).code == 0
    result = rdrop("verify", folder.run_id, "--replay", "0", "--runs-dir", runs_dir, "--json")
    assert result.code == 1
    assert [fault["file"] for fault in json.loads(result.out)[0]["faults"]] == ["daily_test_errors.csv", "model.keras"]


def test_a_replay_without_its_checkpoint_or_data_says_what_is_possible(rdrop, runs_dir, folder, weather_csv, tmp_path):
    list_checkpoints(folder.checkpoints_path)[1].unlink()
    result = rdrop("verify", folder.run_id, "--replay", "1", "--runs-dir", runs_dir)
    assert result.code == 1
    assert "replay: " in result.out
    assert "no checkpoint of epoch 1; replay 2 epochs or more, from the start" in result.out
    config = json.loads(folder.config_path.read_text())
    write_text(folder.config_path, json.dumps(config | {"dataset": str(tmp_path / "gone.csv")}))
    result = rdrop("verify", folder.run_id, "--replay", "2", "--runs-dir", runs_dir)
    assert result.code == 1
    assert "there is no such file" in result.out


def test_a_run_that_is_not_so_far_is_no_damaged_one(rdrop, runs_dir, folder, weather_csv, tmp_path):
    """One that failed before its first epoch was done, and one whose model was not made yet."""
    where = ("--dataset", weather_csv, *SMALL, "--runs-dir", runs_dir, "--data-dir", tmp_path)
    assert rdrop("train", "baseline", "--loss", "mse", "--learning-rate", "1e38", *where).code == 1
    newest = max(path.name for path in runs_dir.glob("baseline-*"))
    failed = rdrop("verify", "--replay", "1", "--runs-dir", runs_dir, newest)
    assert (failed.code, failed.out) == (0, "1 run: 1 whole, 0 damaged; 0 files agree with their records\n")
    assert f"{newest}: no epoch is finished, so there is nothing to train again" in failed.err
    document = json.loads(folder.metrics_path.read_text())
    write_text(folder.metrics_path, json.dumps(document | {"status": "interrupted"}))
    (folder.path / RECORD).unlink()
    config = json.loads(folder.config_path.read_text())
    write_text(folder.config_path, json.dumps(config | {"dataset": str(tmp_path / "gone.csv")}))
    result = rdrop("verify", "--replay", "0", "--runs-dir", runs_dir, folder.run_id)
    assert "it is not complete, so nothing was made from its newest checkpoint yet" in result.err
    assert "replay" not in result.out


def test_a_difference_is_measured_relative_to_the_largest_value():
    one, other = {"a": np.array([1.0, -4.0])}, {"a": np.array([1.0, -4.002])}
    assert replay._measure_difference(one, one) == 0
    assert replay._measure_difference(one, other) == pytest.approx(0.0005)
    others = ({"b": one["a"]}, {"a": np.array([1.0])}, {"a": np.array([1, -4])}, {"a": one["a"] * np.nan})
    for different in (None, *others):
        found = replay._measure_difference(one, different)
        assert not found <= replay.ROUNDING


@pytest.mark.thorough
@pytest.mark.parametrize(
    "name",
    ["checkpoints/epoch-0001.ckpt", "checkpoints/epoch-0002.ckpt", "daily_errors.csv", "daily_test_errors.csv",
     "history.csv", "loss.png", "metrics.json", "model.keras", "readings.npz", RECORD],
)  # fmt: skip
def test_a_repair_makes_any_file_again_but_the_configuration(rdrop, runs_dir, folder, name):
    expected = fingerprint(folder)
    path = folder.path / name
    path.write_bytes(path.read_bytes()[:-20] + b"x")
    assert rdrop("verify", folder.run_id, "--runs-dir", runs_dir).code == 1
    result = rdrop("repair", folder.run_id, "--runs-dir", runs_dir)
    assert result.code == 0, result.err
    assert result.out.splitlines()[-1].startswith("1 run: 1 whole, 0 damaged;")
    assert rdrop("verify", folder.run_id, "--replay", "0", "--runs-dir", runs_dir).code == 0
    assert fingerprint(folder) == expected


def test_a_repair_leaves_what_is_whole_and_refuses_what_it_cannot_make(rdrop, runs_dir, folder):
    before = {path: path.stat().st_mtime_ns for path in folder.path.rglob("*") if path.is_file()}
    result = rdrop("repair", folder.run_id, "--runs-dir", runs_dir)
    assert result.code == 0
    assert f"{folder.run_id}: is whole" in result.err
    assert before == {path: path.stat().st_mtime_ns for path in before}
    folder.config_path.write_text("{")
    result = rdrop("repair", folder.run_id, "--runs-dir", runs_dir)
    assert result.code == 1
    assert "config.json: cannot be read as JSON" in result.err
    (error,) = result.err.splitlines()
    assert error.startswith("rdrop: ")


def test_a_repair_without_the_data_removes_nothing(rdrop, tmp_path):
    folder = make_folder(tmp_path)
    run(folder)
    config = json.loads(folder.config_path.read_text())
    folder.config_path.write_text(json.dumps(config | {"dataset": str(tmp_path / "moved.csv")}))
    folder.daily_coverage_path.write_text("measured before")
    (folder.path / RECORD).write_text("damaged")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    result = rdrop("repair", folder.run_id, "--runs-dir", tmp_path)
    assert (result.code, result.err.partition(": ")[2].startswith("--dataset: ")) == (2, True)
    assert "--dataset" in rdrop("repair", "--help").out
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_a_run_that_is_at_work_is_passed_over(rdrop, runs_dir, folder):
    with folder.lock():
        result = rdrop("verify", "--runs-dir", runs_dir)
    assert result.code == 0
    assert f"{folder.run_id}: a process is at work on it; not checked" in result.err
    assert result.out.startswith("1 run: 1 whole")


def test_readings_that_both_runs_lack_do_not_differ():
    one, other = np.array([2.0, np.nan]), np.array([2.0 + 2e-7, np.nan])
    assert replay._compare_arrays(one, other) == pytest.approx(1e-7)
    assert replay._compare_arrays(one, other[::-1]) == np.inf
