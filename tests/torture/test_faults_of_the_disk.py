"""A disk that is full, read-only or damaged costs at most an epoch: the last good state stays, and the run goes on."""

import errno
import json

import pytest

from rdrop_cli.runs.checkpoint import load_checkpoint
from rdrop_cli.runs.find import list_run_folders
from tests.cli.conftest import SMALL
from tests.standin import RandomWalk, make_folder, run
from tests.torture.crash_points import draw_nothing
from tests.torture.disks import PAGE_BYTES, nearly_full, read_only, small_disk, snapshot

MOST_PAGES = 40


@pytest.fixture
def disk(tmp_path):
    with small_disk(tmp_path / "disk", 8 << 20) as mounted:
        yield mounted


@pytest.fixture
def train(rdrop, weather_csv, tmp_path):
    """Run `rdrop train` on the small series, with the data elsewhere than the runs."""

    def train(*arguments, **where):
        return rdrop("train", *arguments, "--data-dir", where.get("data_dir", tmp_path / "data"))

    return train


def run_and_catch(folder) -> OSError | None:
    try:
        with folder.lock():
            run(folder)
    except OSError as error:
        return error
    return None


def test_a_run_on_a_disk_that_is_full_after_any_page_goes_on_when_there_is_room(disk, tmp_path, monkeypatch):
    monkeypatch.setattr("rdrop_cli.plots.loss.draw_run", draw_nothing)
    expected = run(make_folder(tmp_path))
    refused = 0
    for pages in range(MOST_PAGES):
        folder = make_folder(disk / "runs")
        with nearly_full(disk, pages * PAGE_BYTES):
            error = run_and_catch(folder)
            if not error:
                break
            assert error.errno == errno.ENOSPC
            assert str(folder.path) in str(error.filename)
            refused += 1
            assert load_checkpoint(folder.checkpoints_path)[1] == []
            for path in folder.path.rglob("*.json"):
                json.loads(path.read_text())
            assert [path for path in folder.path.rglob("*") if ".tmp" in path.name] == []
        with folder.lock():
            assert run(folder).history == expected.history
    assert 5 < refused < MOST_PAGES


@pytest.mark.parametrize(
    "free_bytes", [60_000, *(pytest.param(size, marks=pytest.mark.slow) for size in range(0, 100_000, 16_000))]
)
def test_the_command_ends_in_one_line_on_a_full_disk_and_goes_on_later(train, disk, weather_csv, free_bytes):
    runs_dir = disk / "runs"
    runs_dir.mkdir()
    with nearly_full(disk, free_bytes):
        full = train("dropout", "--dataset", weather_csv, *SMALL, "--runs-dir", runs_dir)
    assert full.code == 1, full
    (line,) = [line for line in full.err.splitlines() if line.startswith("rdrop: ")]
    assert "No space left on device" in line
    assert str(runs_dir) in line
    for folder in list_run_folders(runs_dir):
        resumed = train("--resume", folder.run_id, "--runs-dir", runs_dir)
        assert resumed.code == 0, resumed.err
        assert folder.read_metrics().status == "completed"


@pytest.mark.slow
def test_a_full_disk_under_the_data_costs_the_parsed_copy_only(train, disk, weather_csv, tmp_path):
    with nearly_full(disk, 0):
        result = train("baseline", "--dataset", weather_csv, *SMALL, "--runs-dir", tmp_path / "runs", data_dir=disk)
    assert result.code == 0, result.err


def test_a_run_on_a_read_only_disk_can_be_read_and_goes_on_when_it_can_be_written(rdrop, disk, monkeypatch):
    folder = make_folder(disk / "runs")
    with folder.lock(), pytest.raises(KeyboardInterrupt):
        run(folder, trainer=RandomWalk(stop_at_step=8))
    before = snapshot(folder.path)
    with read_only(disk):
        for command in ("runs", f"show {folder.run_id}"):
            assert rdrop(*command.split(), "--runs-dir", disk / "runs").code == 0
        with pytest.raises(OSError, match="Read-only") as caught, folder.lock():
            raise AssertionError("the run was begun")
        assert str(folder.path) in str(caught.value.filename)
    assert snapshot(folder.path) == before
    monkeypatch.setattr("rdrop_cli.plots.loss.draw_run", draw_nothing)
    with folder.lock():
        assert run(folder).status == "completed"


def test_the_command_refuses_a_read_only_disk_before_it_trains(train, disk, weather_csv):
    with read_only(disk):
        result = train("baseline", "--dataset", weather_csv, *SMALL, "--runs-dir", disk / "runs")
    assert result.code == 1
    assert result.err.strip().endswith("Read-only file system")
    assert "loss" not in result.err, "an epoch was trained"


def test_a_damaged_checkpoint_is_named_and_what_is_derived_is_made_anew(train, weather_csv, tmp_path):
    runs_dir = tmp_path / "runs"
    assert train("dropout", "--dataset", weather_csv, *SMALL, "--runs-dir", runs_dir).code == 0
    (folder,) = list_run_folders(runs_dir)
    whole = folder.read_metrics()
    damaged = max(folder.checkpoints_path.iterdir())
    content = bytearray(damaged.read_bytes())
    content[len(content) // 2] ^= 1
    damaged.write_bytes(content)
    for derived in (folder.metrics_path, folder.history_path, folder.plot_path, folder.model_path):
        derived.unlink()
    resumed = train("--resume", folder.run_id, "--runs-dir", runs_dir)
    assert resumed.code == 0, resumed.err
    assert f"skipping corrupt checkpoint: {damaged}: its checksum does not match" in resumed.err
    assert folder.read_metrics().history == whole.history
    assert folder.read_metrics().test == whole.test
    assert all(path.exists() for path in (folder.history_path, folder.plot_path, folder.model_path))


def test_a_run_whose_every_checkpoint_is_damaged_is_refused_in_one_line(train, weather_csv, tmp_path):
    runs_dir = tmp_path / "runs"
    folder = make_folder(runs_dir)
    with folder.lock(), pytest.raises(KeyboardInterrupt):
        run(folder, trainer=RandomWalk(stop_at_step=8))
    for path in folder.checkpoints_path.iterdir():
        path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(Exception, match="no readable checkpoint") as caught, folder.lock():
        run(folder)
    assert "\n" not in str(caught.value)
