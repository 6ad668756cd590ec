"""Runs that are removed: whole or not at all, and nothing else with them."""

import multiprocessing
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from rdrop_cli.errors import RdropError
from rdrop_cli.runs.find import find_named_run, list_run_folders
from rdrop_cli.runs.folder import RunFolder
from rdrop_cli.runs.remove import measure_size, remove_runs

IDS = ("baseline-s0", "dropout-s0", "dropout-s1")


@pytest.fixture
def runs_dir(save_run: Callable[..., RunFolder], tmp_path: Path) -> Path:
    """Three runs, each with a checkpoint."""
    for run_id in IDS:
        checkpoints = save_run(tmp_path / "runs", run_id).checkpoints_path
        checkpoints.mkdir()
        (checkpoints / "last.npz").write_bytes(b"1" * 1000)
    return tmp_path / "runs"


def list_names(runs_dir: Path) -> list[str]:
    return sorted(path.name for path in runs_dir.iterdir())


def test_what_is_removed_leaves_nothing_and_the_others_stay(runs_dir: Path) -> None:
    remove_runs([RunFolder(runs_dir / "dropout-s0"), RunFolder(runs_dir / "baseline-s0")], runs_dir)
    assert list_names(runs_dir) == ["dropout-s1"]
    assert (runs_dir / "dropout-s1" / "checkpoints" / "last.npz").stat().st_size == 1000


def test_the_size_is_that_of_all_files(runs_dir: Path) -> None:
    folder = RunFolder(runs_dir / "dropout-s0")
    files = [path for path in folder.path.rglob("*") if path.is_file()]
    size = measure_size(folder)
    assert (size.files, size.size_bytes) == (3, sum(path.stat().st_size for path in files))


def hold(path: Path, held: object, done: object) -> None:
    """Be at work on a run, as another process."""
    with RunFolder(path).lock():
        held.set()  # type: ignore[attr-defined]
        done.wait(60)  # type: ignore[attr-defined]


def test_no_run_is_removed_when_one_is_at_work(runs_dir: Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    held, done = spawn.Event(), spawn.Event()
    worker = spawn.Process(target=hold, args=(runs_dir / "dropout-s1", held, done))
    worker.start()
    try:
        assert held.wait(60)
        with pytest.raises(RdropError, match="dropout-s1: run is locked by another process"):
            remove_runs([RunFolder(runs_dir / run_id) for run_id in IDS], runs_dir)
    finally:
        done.set()
        worker.join()
    assert list_names(runs_dir) == sorted(IDS)
    remove_runs([RunFolder(runs_dir / "dropout-s1")], runs_dir)


class BegunWhenRemoved(list[RunFolder]):
    """Runs that are looked at once without harm; the second time a process has begun on each."""

    def __init__(self, folders: list[RunFolder], begun: ExitStack) -> None:
        super().__init__(folders)
        self._begun, self._looks = begun, 0

    def __iter__(self) -> Iterator[RunFolder]:
        self._looks += 1
        for folder in list.__iter__(self):
            if self._looks == 2:
                self._begun.enter_context(folder.lock())
            yield folder


def test_a_process_that_begins_after_the_check_keeps_its_run(runs_dir: Path) -> None:
    folder = RunFolder(runs_dir / "dropout-s0")
    with ExitStack() as begun, pytest.raises(RdropError, match="run is locked by another process"):
        remove_runs(BegunWhenRemoved([folder], begun), runs_dir)
    assert folder.read_metrics().status == "completed"


def test_a_run_is_held_while_it_is_removed(runs_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def look_and_delete(doomed: Path) -> None:
        seen.append((RunFolder(doomed).is_locked(), [folder.run_id for folder in list_run_folders(runs_dir)]))
        delete(doomed)

    delete = shutil.rmtree
    monkeypatch.setattr(shutil, "rmtree", look_and_delete)
    remove_runs([RunFolder(runs_dir / "dropout-s0")], runs_dir)
    assert seen == [(True, ["baseline-s0", "dropout-s1"])]


def be_killed_while_removing(path: Path) -> None:
    """Begin to remove a run, and get no further than its metrics."""

    def delete_a_part(doomed: Path) -> None:
        (doomed / "metrics.json").unlink()
        os.kill(os.getpid(), signal.SIGKILL)

    shutil.rmtree = delete_a_part  # type: ignore[assignment]
    remove_runs([RunFolder(path)], path.parent)


def test_a_killed_removal_shows_no_run_and_the_next_one_ends_it(runs_dir: Path) -> None:
    remover = multiprocessing.get_context("spawn").Process(
        target=be_killed_while_removing, args=(runs_dir / "dropout-s0",)
    )
    remover.start()
    remover.join()
    assert remover.exitcode == -signal.SIGKILL
    assert [folder.run_id for folder in list_run_folders(runs_dir)] == ["baseline-s0", "dropout-s1"]
    assert list_names(runs_dir)[0].startswith(".removed-dropout-s0-")
    remove_runs([RunFolder(runs_dir / "dropout-s1")], runs_dir)
    assert list_names(runs_dir) == ["baseline-s0"]


def test_nothing_outside_the_runs_folder_is_removed(runs_dir: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    with pytest.raises(RdropError, match=r"dropout-s0: not in .*elsewhere; use runs_dir="):
        remove_runs([find_named_run(str(runs_dir / "dropout-s0"), elsewhere)], elsewhere)
    with pytest.raises(RdropError, match="not in"):
        remove_runs([RunFolder(runs_dir / "dropout-s0" / ".." / ".." / "runs" / ".." / "elsewhere")], runs_dir)
    assert list_names(runs_dir) == sorted(IDS)


def test_a_link_is_refused_and_what_it_leads_to_stays(runs_dir: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "linked-s0").symlink_to(runs_dir / "dropout-s0")
    with pytest.raises(RdropError, match=r"linked-s0: is a link to .*dropout-s0"):
        remove_runs([find_named_run("linked-s0", other)], other)
    with pytest.raises(RdropError, match="not in"):
        remove_runs([find_named_run(str(other / "linked-s0"), other)], other)
    assert (other / "linked-s0" / "metrics.json").is_file()


def test_a_link_within_a_run_goes_alone(runs_dir: Path, tmp_path: Path) -> None:
    folder = RunFolder(runs_dir / "dropout-s0")
    kept = tmp_path / "kept"
    shutil.move(folder.checkpoints_path, kept)
    folder.checkpoints_path.symlink_to(kept)
    remove_runs([folder], runs_dir)
    assert list_names(runs_dir) == ["baseline-s0", "dropout-s1"]
    assert (kept / "last.npz").stat().st_size == 1000


def test_a_linked_runs_folder_is_a_runs_folder(runs_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(runs_dir)
    remove_runs([find_named_run("dropout-s0", tmp_path / "link")], tmp_path / "link")
    assert list_names(runs_dir) == ["baseline-s0", "dropout-s1"]


@pytest.mark.parametrize("name", ["dropout", "dropout-s", "", "nothing"])
def test_only_a_whole_id_names_a_run_to_remove(runs_dir: Path, name: str) -> None:
    with pytest.raises(RdropError, match="no run"):
        find_named_run(name, runs_dir)
    assert find_named_run("dropout-s0", runs_dir) == RunFolder(runs_dir / "dropout-s0")
