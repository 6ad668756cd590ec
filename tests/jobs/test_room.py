"""A machine that others use too: another run starts only where there is room for it."""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from rdrop_cli.jobs import pool
from rdrop_cli.jobs.pool import BYTES_PER_JOB, find_shortage, run_tasks
from rdrop_cli.jobs.task import Outcome
from rdrop_cli.training.loop import Callback


class Listener(Callback):
    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


@pytest.fixture
def most_at_once(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many runs were at work whenever one began; each takes a moment, and trains nothing."""
    seen: list[int] = []
    at_work, lock = 0, threading.Lock()

    def train(self: object, task: object, share: object, callback: object) -> Outcome:
        nonlocal at_work
        with lock:
            at_work += 1
            seen.append(at_work)
        time.sleep(0.05)
        with lock:
            at_work -= 1
        return Outcome(task)  # type: ignore[arg-type]

    monkeypatch.setattr(pool._Pool, "_train", train)
    monkeypatch.setattr(pool, "SECONDS_BETWEEN_LOOKS", 0.01)
    monkeypatch.setattr(pool, "list_cores", lambda: [0, 1])
    return seen


def run_three(yields: bool) -> list[Listener]:
    listeners = [Listener() for _ in range(3)]
    outcomes = run_tasks([object() for _ in range(3)], 2, listeners, yields)  # type: ignore[misc]
    assert len(outcomes) == 3
    return listeners


def test_runs_wait_for_each_other_while_the_machine_has_no_room(
    most_at_once: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "find_shortage", lambda cores: "no memory")
    notes = [note for listener in run_three(yields=True) for note in listener.notes]
    assert most_at_once == [1, 1, 1]
    assert notes
    assert all("no memory" in note for note in notes)
    assert len(notes) <= 2, "said once for each run that waits"


@pytest.mark.parametrize(("shortage", "yields"), [(None, True), ("no memory", False)])
def test_runs_are_at_work_together_where_there_is_room_or_jobs_were_asked_for(
    most_at_once: list[int], monkeypatch: pytest.MonkeyPatch, shortage: str | None, yields: bool
) -> None:
    monkeypatch.setattr(pool, "find_shortage", lambda cores: shortage)
    assert [listener.notes for listener in run_three(yields)] == [[], [], []]
    assert max(most_at_once) == 2


@pytest.mark.parametrize(
    ("free", "load", "found"),
    [
        (BYTES_PER_JOB, 9.9, None),
        (BYTES_PER_JOB - 1, 0.0, "1.5 GB of memory are free, and a run takes 1.5 GB"),
        (400_000_000, 0.0, "0.4 GB of memory"),
        (BYTES_PER_JOB, 10.1, "load is 10.1 on 4 cores"),
        (None, None, None),
    ],
)
def test_what_is_short_is_named(
    monkeypatch: pytest.MonkeyPatch, free: int | None, load: float | None, found: str | None
) -> None:
    monkeypatch.setattr(pool, "measure_available_bytes", lambda: free)
    monkeypatch.setattr(pool, "measure_load", lambda: load)
    monkeypatch.setattr(pool, "count_all_cores", lambda: 4)
    shortage = find_shortage(2)
    assert shortage is None if found is None else found in str(shortage)


@pytest.mark.skipif(not hasattr(os, "nice"), reason="no niceness on this system")
@pytest.mark.parametrize("command", ["train", "sweep", "study"])
def test_nice_lets_others_go_first(command: str, tmp_path: Path) -> None:
    program = f"""
import os
from rdrop_cli.cli.app import run_command
before = os.nice(0)
run_command([{command!r}, "nothing-of-this-name", "--nice", "3"])
print(os.nice(0) - before if before < 17 else 3)
"""
    ended = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True, env=os.environ
    )
    assert ended.stdout.strip() == "3"
