"""What `rdrop calibrate` keeps in run folders: the same whenever it is made, checksummed, repaired, archived."""

import shutil

import numpy as np
import pytest

from rdrop_cli import api
from rdrop_cli.analysis.coverage import read_daily_coverage
from rdrop_cli.cli.app import run_command
from rdrop_cli.forecast.coverage import measure_again
from rdrop_cli.runs.folder import RunFolder
from rdrop_cli.runs.record import write_record
from rdrop_cli.runs.verify import verify_run

DROPOUT_COLUMNS = [
    "masks",
    "residual",
    "masks,residual",
    "masks,residual,conformal",
    "masks,residual,adaptive-conformal",
]


@pytest.fixture(scope="module")
def calibrated(plant, tmp_path_factory):
    """A copy of the runs, calibrated together, and what was measured."""
    runs = tmp_path_factory.mktemp("calibrated") / "runs"
    shutil.copytree(plant / "runs", runs)
    measured = api.calibrate(["dropout", "baseline"], runs, plant)
    return runs, {(each.label, each.sources): each for each in measured}


@pytest.fixture
def folder(calibrated, tmp_path):
    (path,) = calibrated[0].glob("dropout-s1-*")
    return RunFolder(shutil.copytree(path, tmp_path / path.name))


@pytest.mark.thorough
def test_each_run_has_the_coverage_of_its_own_intervals(calibrated, plant):
    runs, measured = calibrated
    (path,) = runs.glob("baseline-*")
    coverage = read_daily_coverage(path / "daily_coverage.csv")
    assert list(coverage.held) == ["residual", "residual,conformal", "residual,adaptive-conformal"]
    for sources, held in coverage.held.items():
        assert held.sum() / coverage.targets.sum() == measured["baseline", sources].coverage[1].share
    for path in runs.glob("dropout-*"):
        assert list(read_daily_coverage(path / "daily_coverage.csv").held) == DROPOUT_COLUMNS
        alone = api.calibrate([str(path)], runs, plant, uncertainty=["masks", "masks,residual"])
        coverage = read_daily_coverage(path / "daily_coverage.csv")
        for each in alone[:2]:
            share = coverage.held[each.sources].sum() / coverage.targets.sum()
            assert share == each.coverage[1].share, (path, each.sources)


def test_it_is_the_same_to_the_byte_when_made_from_one_folder_alone(calibrated, folder):
    kept = folder.daily_coverage_path.read_bytes()
    folder.daily_coverage_path.unlink()
    measure_again(folder)
    assert folder.daily_coverage_path.read_bytes() == kept


def test_other_periods_samples_and_sources_leave_nothing(plant, tmp_path):
    shutil.copytree(plant / "runs", tmp_path / "runs")
    for chosen in ({"samples": 20}, {"uncertainty": ["residual"]}, {"period": "validation"}):
        api.calibrate(["baseline"], tmp_path / "runs", plant, **chosen)
    assert not list(tmp_path.glob("runs/*/daily_coverage.csv"))


def test_a_run_outside_the_runs_folder_is_measured_and_not_written(plant, tmp_path):
    (path,) = (plant / "runs").glob("baseline-*")
    outside = shutil.copytree(path, tmp_path / "elsewhere" / path.name)
    (tmp_path / "runs").mkdir()
    with pytest.warns(UserWarning, match=r"not in .*runs, so its coverage is not kept"):
        measured = api.calibrate([str(outside)], tmp_path / "runs", plant)
    assert measured
    assert not (outside / "daily_coverage.csv").exists()


def test_the_record_has_it_and_damage_is_found(folder):
    whole = verify_run(folder)
    assert (whole.faults, whole.notes) == ([], [])
    assert f"  {folder.daily_coverage_path.name}\n" in (folder.path / "SHA256SUMS").read_text()
    text = folder.daily_coverage_path.read_text()
    folder.daily_coverage_path.write_text(text.replace("2020-", "2021-", 1))
    assert [fault.file for fault in verify_run(folder).faults] == ["daily_coverage.csv"]
    folder.daily_coverage_path.unlink()
    assert [str(fault) for fault in verify_run(folder).faults] == ["daily_coverage.csv: is missing"]


def test_a_folder_that_cannot_be_written_is_told_and_measured_all_the_same(folder, plant):
    folder.daily_coverage_path.unlink()
    with folder.lock(), pytest.warns(UserWarning, match=r"daily_coverage.csv is not kept \(.*locked by process"):
        found = api.calibrate([str(folder.path)], folder.path.parent, plant)
    assert found[0].sources == "masks"
    assert not folder.daily_coverage_path.exists()


def test_repair_measures_it_again(folder, plant, capsys):
    kept, record = folder.daily_coverage_path.read_bytes(), (folder.path / "SHA256SUMS").read_bytes()
    folder.daily_coverage_path.write_bytes(kept[:-10])
    where = ["--runs-dir", str(folder.path.parent), "--data-dir", str(plant)]
    assert run_command(["repair", folder.run_id, *where]) == 0
    assert folder.daily_coverage_path.read_bytes() == kept
    assert verify_run(folder).is_whole
    assert (folder.path / "SHA256SUMS").read_bytes().count(b"\n") == record.count(b"\n")
    assert "1 whole, 0 damaged" in capsys.readouterr().out


def stop(*arguments):
    raise KeyboardInterrupt


@pytest.mark.parametrize("lost", ["daily_coverage.csv", "SHA256SUMS", "both"])
def test_a_repair_that_is_stopped_before_it_measures_it_leaves_a_damaged_run(folder, plant, monkeypatch, lost):
    kept = folder.daily_coverage_path.read_bytes()
    for name in ("daily_coverage.csv", "SHA256SUMS") if lost == "both" else (lost,):
        (folder.path / name).write_bytes(b"damaged")
    repair = ["repair", folder.run_id, "--runs-dir", str(folder.path.parent), "--data-dir", str(plant)]
    with monkeypatch.context() as patch:
        patch.setattr("rdrop_cli.forecast.coverage.measure_again", stop)
        assert run_command(repair) == 130
    assert [fault.file for fault in verify_run(folder).faults] == ["daily_coverage.csv"]
    assert run_command(repair) == 0
    assert verify_run(folder).is_whole
    assert folder.daily_coverage_path.read_bytes() == kept


def test_a_calibration_that_is_stopped_between_the_file_and_its_record_is_completed(folder, plant, monkeypatch):
    kept, record = folder.daily_coverage_path.read_bytes(), (folder.path / "SHA256SUMS").read_bytes()
    for path in (folder.daily_coverage_path, folder.path / "SHA256SUMS"):
        path.unlink()
    write_record(folder, folder.metrics_path.read_text())
    with monkeypatch.context() as patch:
        patch.setattr("rdrop_cli.forecast.coverage.amend_record", stop)
        with pytest.raises(KeyboardInterrupt):
            measure_again(folder)
    assert [str(fault) for fault in verify_run(folder).faults] == [
        "daily_coverage.csv: is not in SHA256SUMS: it may be of another run"
    ]
    api.calibrate([str(folder.path)], folder.path.parent, plant)
    assert verify_run(folder).is_whole
    assert (folder.daily_coverage_path.read_bytes(), (folder.path / "SHA256SUMS").read_bytes()) == (kept, record)


def test_repair_of_another_file_leaves_it(folder, plant, monkeypatch):
    monkeypatch.setattr("rdrop_cli.forecast.coverage.measure_again", lambda folder: pytest.fail("it was whole"))
    kept = folder.daily_coverage_path.read_bytes()
    for path in (folder.plot_path, folder.model_path):
        path.write_bytes(b"damaged")
    assert run_command(["repair", folder.run_id, "--runs-dir", str(folder.path.parent), "--data-dir", str(plant)]) == 0
    assert folder.daily_coverage_path.read_bytes() == kept
    assert verify_run(folder).is_whole


@pytest.mark.thorough
def test_a_replay_makes_it_again(folder, plant, capsys):
    where = ["--runs-dir", str(folder.path.parent), "--data-dir", str(plant)]
    assert run_command(["verify", folder.run_id, "--replay", "0", *where]) == 0
    assert "the same to the bit" in capsys.readouterr().out
    coverage = read_daily_coverage(folder.daily_coverage_path)
    changed = coverage.held["masks"].copy()
    changed[np.flatnonzero(changed)[0]] -= 1
    coverage.held["masks"][:] = changed
    folder.daily_coverage_path.write_text(coverage.to_csv())
    assert run_command(["verify", folder.run_id, "--replay", "0", *where]) == 1
    assert "daily_coverage.csv: is not what" in capsys.readouterr().out


def test_an_archive_has_it_and_its_verdict_is_that_of_the_folders(calibrated, tmp_path, capsys):
    runs, _ = calibrated
    archive = str(tmp_path / "runs.zip")
    assert run_command(["export", "--archive", archive, "--runs-dir", str(runs)]) == 0
    capsys.readouterr()
    pages = []
    for source in (["--runs-dir", str(runs)], ["--from", archive]):
        assert run_command(["verdict", "--explain", *source]) == 0
        pages.append(capsys.readouterr().out)
    assert pages[0] == pages[1]
    assert "dropout-intervals-narrow" in pages[0].split("Not judged")[0]
