"""One process at a time, told by the kernel and not by a stored word."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from rdrop_cli.errors import RdropError
from rdrop_cli.runs.folder import RunFolder
from rdrop_cli.runs.remove import remove_runs

SaveRun = Callable[..., RunFolder]
HOLD = """
import pathlib, sys
from rdrop_cli.runs.folder import RunFolder
with RunFolder(pathlib.Path(sys.argv[1])).lock():
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def folder(save_run: SaveRun, tmp_path: Path) -> RunFolder:
    """A run that was begun and has not ended."""
    return save_run(tmp_path, "baseline-s0", status="interrupted")


@contextmanager
def held_by_another_process(folder: RunFolder) -> Iterator["subprocess.Popen[str]"]:
    """Let a process of its own hold the run; it lets go when told, or with its death."""
    with process_that_says("held", HOLD, folder) as process:
        yield process


@contextmanager
def process_that_says(word: str, code: str, folder: RunFolder) -> Iterator["subprocess.Popen[str]"]:
    """Start a process, wait for its first line, and kill it at the end."""
    command = [sys.executable, "-c", code, str(folder.path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == f"{word}\n"
        try:
            yield process
        finally:
            process.kill()


def test_a_second_process_is_refused_with_the_first_ones_process_and_host(folder: RunFolder) -> None:
    with held_by_another_process(folder) as other:
        assert folder.is_locked()
        message = f"baseline-s0: run is locked by process {other.pid} on {socket.gethostname()}"
        with pytest.raises(RdropError, match=message), folder.lock():
            raise AssertionError("two processes at work on one run")


def test_a_run_is_running_only_while_a_process_holds_it(folder: RunFolder) -> None:
    assert folder.read_metrics().status == "interrupted"
    with held_by_another_process(folder) as other:
        assert folder.read_metrics().status == "running"
        other.communicate("")
        assert other.returncode == 0
        assert folder.read_metrics().status == "interrupted"
    assert json.loads(folder.metrics_path.read_bytes())["status"] == "interrupted"


def test_the_lock_of_a_killed_process_is_free(folder: RunFolder) -> None:
    with held_by_another_process(folder) as other:
        other.send_signal(signal.SIGKILL)
        other.wait()
        assert not folder.is_locked()
        assert folder.read_metrics().status == "interrupted"
        with folder.lock():
            assert folder.is_locked()


def test_a_run_can_be_held_once_in_one_process_too(folder: RunFolder) -> None:
    with folder.lock():
        with pytest.raises(RdropError, match=f"process {os.getpid()} on "), folder.lock():
            raise AssertionError("the run was held twice")
        assert folder.read_metrics().status == "running"


def test_an_exception_lets_go_of_the_run(folder: RunFolder) -> None:
    with pytest.raises(ZeroDivisionError), folder.lock():
        raise ZeroDivisionError
    assert not folder.is_locked()
    with folder.lock():
        pass


@pytest.mark.parametrize("status", ["completed", "failed"])
def test_what_has_ended_is_not_called_running(save_run: SaveRun, tmp_path: Path, status: str) -> None:
    folder = save_run(tmp_path, "ended", status=status)
    with folder.lock():
        assert folder.read_metrics().status == status


def test_a_stored_word_makes_no_run_running(save_run: SaveRun, tmp_path: Path) -> None:
    folder = save_run(tmp_path, "baseline-s0", status="running")
    assert folder.read_metrics().status == "interrupted"
    with folder.lock():
        assert folder.read_metrics().status == "running"


@pytest.mark.parametrize("owner", ["", "[]"])
def test_an_owner_that_is_not_known_is_another_process(folder: RunFolder, owner: str) -> None:
    with folder.lock():
        (folder.path / ".owner.json").write_text(owner)
        with pytest.raises(RdropError, match="baseline-s0: run is locked by another process"), folder.lock():
            raise AssertionError("the run was held twice")


def test_looking_at_a_run_does_not_keep_it_from_beginning(folder: RunFolder) -> None:
    looking, done = threading.Event(), threading.Event()

    def look() -> None:
        """Hold the lock for a moment, as `is_locked` does."""
        with FileLock(folder.path / ".lock"):
            looking.set()
            done.wait(0.1)

    looker = threading.Thread(target=look)
    looker.start()
    looking.wait()
    try:
        with folder.lock():
            pass
    finally:
        done.set()
        looker.join()


def test_asking_for_the_lock_of_a_run_that_was_never_held_leaves_no_file(folder: RunFolder) -> None:
    before = sorted(folder.path.iterdir())
    assert not folder.is_locked()
    assert sorted(folder.path.iterdir()) == before


REMOVE = """
import pathlib, sys
from rdrop_cli.runs import remove
from rdrop_cli.runs.folder import RunFolder
delete, folder = remove._delete, pathlib.Path(sys.argv[1])
def delete_when_told(doomed):
    print("renamed", flush=True)
    sys.stdin.readline()
    delete(doomed)
remove._delete = delete_when_told
remove.remove_runs([RunFolder(folder)], folder.parent)
"""


@contextmanager
def being_removed(folder: RunFolder) -> Iterator["subprocess.Popen[str]"]:
    """Let another process remove a run, and stop when it is renamed and its files are there still."""
    with process_that_says("renamed", REMOVE, folder) as process:
        yield process


def test_who_comes_after_a_removal_makes_no_ghost_of_the_run(folder: RunFolder) -> None:
    with being_removed(folder) as process:
        process.communicate("\n")
    message = f"^baseline-s0: run is not in {folder.path.parent} any more; it was removed or renamed$"
    with pytest.raises(RdropError, match=message), folder.lock():
        raise AssertionError("at work on a run that is no more")
    with pytest.raises(RdropError, match=message):
        remove_runs([folder], folder.path.parent)
    assert list(folder.path.parent.iterdir()) == []


def test_who_waits_for_a_run_while_it_is_removed_makes_no_ghost_of_it(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file that is waited for is open when it loses its name, and locked when nobody else can find it."""
    opened = os.open

    def open_and_let_remove(path: os.PathLike[str], *how: Any, **options: Any) -> int:
        descriptor = opened(path, *how, **options)
        if path == folder.lock_path:
            with being_removed(folder) as process:
                process.communicate("\n")
        return descriptor

    monkeypatch.setattr(os, "open", open_and_let_remove)
    with pytest.raises(RdropError, match="any more; it was removed or renamed"), folder.lock():
        raise AssertionError("at work on a run that is no more")
    assert list(folder.path.parent.iterdir()) == []
