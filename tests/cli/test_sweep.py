"""`rdrop sweep` trains the grid of a file, whatever interrupts it, and tells beforehand what that takes."""

import json
import re
import signal
from pathlib import Path

import pytest

from tests.cli.conftest import SMALL
from tests.waiting import wait_for


@pytest.fixture
def write_study(tmp_path, weather_csv):
    """Write a study file of small runs."""

    def write(seeds="0-1", epochs=2, grid='variants = ["baseline", "dropout"]\ndropout = [0.1, 0.3]'):
        options = dict(zip(SMALL[::2], SMALL[1::2], strict=True)) | {"--epochs": epochs}
        keys = [
            f"{name[2:].replace('-', '_')} = {value if str(value).isdigit() else repr(value)}"
            for name, value in options.items()
        ]
        lines = ["[study]", f"dataset = '{weather_csv}'", f"seeds = '{seeds}'", *keys, "[grid]", grid]
        path = tmp_path / "study.toml"
        path.write_text("\n".join(lines))
        return path

    return write


@pytest.fixture
def dirs(tmp_path):
    return ("--runs-dir", tmp_path / "runs", "--data-dir", tmp_path / "data")


def list_files(folder: Path) -> set[tuple[Path, int]]:
    """Return what is there, but for the parsed copy of the data, which whatever reads them keeps."""
    kept = [path for path in folder.rglob("*") if "data" not in path.parts and path.is_file()]
    return {(path, path.stat().st_mtime_ns) for path in kept}


def wait_for_a_second_run(runs: Path) -> None:
    """Wait until one run is complete and another has just begun, with most of its epochs to come."""

    def has_begun() -> bool:
        epochs = {path.parent.parent: int(path.stem[6:]) for path in sorted(runs.glob("*/checkpoints/epoch-*.ckpt"))}
        complete = {folder for folder in epochs if '"completed"' in (folder / "metrics.json").read_text()}
        return bool(complete) and any(epochs[folder] <= 10 for folder in epochs.keys() - complete)

    wait_for(has_begun)


@pytest.mark.thorough
def test_the_grid_is_trained_once_and_what_is_added_later_alone(rdrop, write_study, dirs):
    def train(**study):
        result = rdrop("sweep", write_study(seeds="0", **study), *dirs, "--jobs", 1, "--json")
        assert result.code == 0, result.err
        return {run["run_id"]: (run["variant"], run["rates"]["dropout"]) for run in json.loads(result.out)}, result.err

    first, _ = train(grid='variants = ["baseline", "dropout"]\ndropout = [0.1]')
    assert sorted(first.values()) == [("baseline", 0), ("dropout", 0.1)]
    more, notes = train(grid='variants = ["baseline", "dropout"]\ndropout = [0.1, 0.3]')
    assert "2 of 3 runs already complete" in notes
    assert more.items() > first.items()
    assert [more[run] for run in more.keys() - first.keys()] == [("dropout", 0.3)]


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("number", "jobs"), [(signal.SIGTERM, 2), pytest.param(signal.SIGKILL, 1, marks=pytest.mark.slow)]
)
def test_an_interrupted_sweep_goes_on_and_trains_nothing_twice(start, rdrop, write_study, dirs, tmp_path, number, jobs):
    seeds = range(6)  # more than can begin until the signal arrives
    study = write_study(seeds=f"0-{seeds[-1]}", epochs=40, grid='variants = ["baseline"]')
    command = ("sweep", study, *dirs, "--jobs")
    process = start(*command, jobs)
    wait_for_a_second_run(tmp_path / "runs")
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert process.returncode != 0
    if number == signal.SIGTERM:
        assert "or resume the whole sweep: run the same command again" in err
    before = {path.name for path in (tmp_path / "runs").iterdir()}
    assert 2 <= len(before) < len(seeds)
    result = rdrop(*command, 1, "--json")
    assert result.code == 0, result.err
    assert f"of {len(seeds)} runs already complete" in result.err
    assert "resuming after epoch" in result.err
    runs = json.loads(result.out)
    assert [
        (run["seed"], run["status"], run["epochs"]["done"]) for run in sorted(runs, key=lambda run: run["seed"])
    ] == [(seed, "completed", 40) for seed in seeds]
    assert before < {run["run_id"] for run in runs} == {path.name for path in (tmp_path / "runs").iterdir()}


def test_a_dry_run_tells_the_grid_and_writes_nothing(rdrop, write_study, dirs, tmp_path):
    study = write_study(seeds="0-4", grid='variants = ["baseline", "dropout"]\ndropout = [0.1, 0.3]')
    before = list_files(tmp_path)
    result = rdrop("sweep", study, *dirs, "--dry-run", "--jobs", 1)
    assert result.code == 0, result.err
    assert list_files(tmp_path) == before
    assert not (tmp_path / "runs").exists()
    rows = [line.split() for line in result.out.splitlines()]
    assert ["baseline", "-/-", "2", "5", "0", "0", "5"] in rows
    assert ["dropout", "0.3/0.2", "2", "5", "0", "0", "5"] in rows
    assert "15 runs: 0 complete, 0 interrupted, 15 new" in result.out
    assert re.search(r"time: about \d+ (s|min) on this machine, one after another", result.out)
    assert "disk: about 21.0 MB for the new runs (default size; no complete run here)" in result.out
    assert "dropout: no comparable run; default speed used" in result.out


def test_a_dry_run_counts_what_is_there(rdrop, write_study, trained, weather_csv, tmp_path):
    # `trained` has seed 0 of both networks, by the options that the study file has as well.
    study = write_study(grid='variants = ["baseline", "dropout"]')
    before = list_files(trained.parent)
    found = rdrop("sweep", study, "-n", "--json", "--runs-dir", trained, "--data-dir", trained.parent)
    assert found.code == 0, found.err
    document = json.loads(found.out)
    assert [(arm["network"], arm["seeds"], arm["complete"], arm["new"]) for arm in document["grid"]] == [
        ("baseline", 2, 1, 1),
        ("dropout", 2, 1, 1),
    ]
    assert document["grid"][0]["dropout"] is None
    assert [basis["runs"] for basis in document["estimate"]["bases"]] == [1, 1]
    assert document["estimate"]["folders_measured"] == 2
    assert list_files(trained.parent) == before


def test_a_dry_run_of_what_is_complete_has_nothing_to_estimate(rdrop, write_study, trained):
    study = write_study(seeds="0", grid='variants = ["baseline", "dropout"]')
    result = rdrop("sweep", study, "-n", "--runs-dir", trained, "--data-dir", trained.parent)
    assert "2 runs: 2 complete, 0 interrupted, 0 new" in result.out
    assert "time" not in result.out


def test_what_does_not_fit_the_data_is_told_with_the_line_of_the_file(rdrop, write_study, dirs, tmp_path):
    study = write_study()
    study.write_text(study.read_text().replace("lookback = '5h'", "lookback = '5x'"))
    for options in ((), ("--dry-run",)):
        result = rdrop("sweep", study, *dirs, *options)
        assert result.code == 2
        assert "study.toml: line 4: lookback: expected a length such as 10d" in result.err
    assert not (tmp_path / "runs").exists()


def test_a_dry_run_names_the_true_data_folder(rdrop, tmp_path, dirs):
    study = tmp_path / "study.toml"
    study.write_text('[grid]\nvariants = ["baseline"]')
    result = rdrop("sweep", study, *dirs, "-n")
    assert result.code == 1
    assert f"the Jena data are not in {tmp_path / 'data'}: run `rdrop download`" in result.err
