"""`rdrop train --origins` and `--vary`: the same study on later rows, and one source of chance alone."""

import json

import pytest

from tests.cli.conftest import SMALL

EARLY = [*SMALL, "--train-stop", "300", "--val-stop", "450"]  # the later of two options counts


@pytest.fixture
def train(rdrop, weather_csv, tmp_path):
    def train(*options):
        dirs = ("--runs-dir", tmp_path / "runs", "--data-dir", tmp_path / "data")
        return rdrop("train", *options, "--dataset", weather_csv, *EARLY, *dirs)

    return train


@pytest.mark.thorough
@pytest.mark.usefixtures("warm_processes")
def test_origins_are_trained_once_and_the_first_is_the_usual_run(train, rdrop, tmp_path):
    usual = json.loads(train("baseline", "--seeds", 0, "--json").out)
    result = train("baseline", "--seeds", "0-1", "--origins", 3, "--json")
    assert result.code == 0, result.err
    assert "1 of 6 runs already complete" in result.err
    runs = json.loads(result.out)
    assert usual[0]["run_id"] in [run["run_id"] for run in runs]
    starts = sorted((run["seed"], run["protocol"]["train_start_row"]) for run in runs)
    assert starts == [(seed, start) for seed in (0, 1) for start in (0, 150, 300)]
    for run in runs:
        assert run["protocol"]["val_stop_row"] - run["protocol"]["train_start_row"] == 450
    again = train("baseline", "--seeds", "0-1", "--origins", 3)
    assert "6 of 6 runs already complete" in again.err
    later = next(run["run_id"] for run in runs if run["protocol"]["train_start_row"] == 300)
    assert "training from row 300" in rdrop("show", later, "--runs-dir", tmp_path / "runs").out
    judged = json.loads(rdrop("verdict", "--runs-dir", tmp_path / "runs", "--json").out)
    assert judged["origins"] == [0, 150, 300]
    assert len(judged["runs"]) == 6


@pytest.mark.thorough
@pytest.mark.usefixtures("warm_processes")
def test_where_masks_vary_the_network_without_them_is_trained_once(train):
    result = train("--seeds", "0-2", "--vary", "masks", "--json")
    assert result.code == 0, result.err
    runs = [(run["variant"], run["seed"], run["vary"]) for run in json.loads(result.out)]
    assert sorted(runs) == [
        ("baseline", 0, ""),
        ("dropout", 0, ""),
        ("dropout", 1, "masks"),
        ("dropout", 2, "masks"),
    ]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--origins", 0), "--origins: expected at least 1, received 0"),
        (("--origins", 99), "has room for 11, received 99: it has 450 rows after validation"),
        (("--vary", "noise", "--seed", 1), "--vary: expected one of weights, windows, masks"),
        (("baseline", "--vary", "masks"), "baseline has no masks to vary"),
        (("--until-decided", "--vary", "masks"), "remove --vary"),
    ],
)
def test_what_cannot_be_repeated_or_varied_is_refused(train, options, message):
    result = train(*options)
    assert result.code == 2
    assert message in " ".join(result.err.split())
