"""`rdrop study` trains an edition's networks over seeds, judges its claims and writes the report, in as many goes."""

import json
from dataclasses import replace

import pandas as pd
import pytest

from rdrop_cli.study.editions import BOOK2, EDITIONS
from rdrop_cli.training.loop import TrainingLoop


@pytest.fixture
def study(rdrop, monkeypatch, weather_csv, tmp_path):
    """Repeat a small edition with two networks of edition 2."""
    small = replace(BOOK2.protocol, name="small", lookback_rows=30, horizon_rows=12, batch_size=64, units=4)
    edition = replace(BOOK2, protocol=small, networks={"dense": 10, "lstm": 10}, trained=("lstm",))
    monkeypatch.setitem(EDITIONS, "small", edition)
    dirs = ("--runs-dir", tmp_path / "runs", "--data-dir", tmp_path / "data")
    return lambda *arguments: rdrop("study", "small", "--dataset", weather_csv, "--jobs", 1, *dirs, *arguments)


def read_runs(folder):
    documents = [json.loads(path.read_bytes()) for path in folder.glob("*/metrics.json")]
    return {(document["variant"], document["seed"]): document for document in documents}


@pytest.mark.thorough
def test_a_study_is_told_first_then_trained_judged_and_reported(study, tmp_path):
    told = study("--seeds", "0-1", "--dry-run")
    assert told.code == 0, told.err
    assert "4 runs: 0 complete, 0 interrupted, 4 new" in told.out
    assert not (tmp_path / "runs").exists()

    done = study("--seeds", "0-1")
    assert done.code == 0, done.err
    assert done.err.index("time: about") < done.err.index("report: ")
    assert "claims of edition 2" in done.out
    assert "lstm-validation" in done.out
    assert "<html" in (tmp_path / "runs" / "report.html").read_text()
    runs = read_runs(tmp_path / "runs")
    assert set(runs) == {(variant, seed) for variant in ("dense", "lstm") for seed in (0, 1)}
    for run in runs.values():
        assert run["status"] == "completed"
        best = min(range(10), key=run["history"]["val_mse"].__getitem__) + 1
        assert run["best"]["epoch"] == best
        assert run["standardisation"]["target"] == {"name": "T (degC)", "mean": 0.0, "std": 1.0}


def test_the_column_to_predict_of_a_file_with_several_is_named(study, tmp_path):
    path = tmp_path / "plant.csv"
    hours = pd.date_range("2020-01-01", periods=900, freq="h")
    pd.DataFrame({"load_MW": range(900), "wind": range(900)}, index=hours).to_csv(path, index_label="time")
    refused = study("--dataset", path, "--dry-run")
    assert (refused.code, "--target" in refused.err) == (2, True)
    told = study("--dataset", path, "--target", "load_MW", "--seeds", "0", "--dry-run")
    assert told.code == 0, told.err
    assert "2 runs: 0 complete" in told.out


@pytest.mark.thorough
def test_a_study_that_was_stopped_goes_on_to_the_same_end(study, tmp_path, monkeypatch):
    commit, calls = TrainingLoop._commit, []

    def stop(loop):
        commit(loop)
        calls.append(loop)
        if len(calls) == 13:  # three epochs of the second run are done
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(TrainingLoop, "_commit", stop)
        stopped = study("--seeds", "0")
    assert stopped.code == 130
    assert "run the same command again" in stopped.err
    assert {run["epochs"]["done"] for run in read_runs(tmp_path / "runs").values()} == {10, 3}

    resumed = study("--seeds", "0")
    assert resumed.code == 0, resumed.err
    assert "1 of 2 runs already complete" in resumed.err
    interrupted = read_runs(tmp_path / "runs")

    for path in (tmp_path / "runs").iterdir():
        path.rename(tmp_path / path.name)
    assert study("--seeds", "0").code == 0
    for network, run in read_runs(tmp_path / "runs").items():
        assert interrupted[network]["history"] == run["history"]
        assert interrupted[network]["test"] == run["test"]


def test_an_edition_that_there_is_not_is_refused(rdrop):
    result = rdrop("study", "book4")
    assert result.code == 2
    assert "expected one of book, book2, book3, demo, demo2, demo3, received 'book4'" in result.err
