"""Runs side by side: real processes, real failures, real kills."""

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import psutil
import pytest

from rdrop_cli.jobs import pool
from rdrop_cli.jobs.pool import choose_jobs, run_tasks
from rdrop_cli.jobs.process import conclude, follow_child, start_child
from rdrop_cli.jobs.task import Task
from rdrop_cli.planning.fit import fit_to_series
from rdrop_cli.planning.request import Request, plan_runs
from rdrop_cli.series.load import load_dataset
from rdrop_cli.system import list_cores
from rdrop_cli.training.loop import Callback
from tests.waiting import wait_for

pytestmark = pytest.mark.usefixtures("warm_processes")
TINY = {
    "protocol": "demo",
    "lookback": "5h",
    "every": "1h",
    "horizon": "2h",
    "train_stop": "400",
    "val_stop": "600",
    "batch_size": 8,
    "steps_per_epoch": 4,
    "units": 4,
}


class Listener(Callback):
    """Keeps what it is told, and does something at the first epoch."""

    def __init__(self, at_first_epoch=lambda: None) -> None:
        self.epochs, self.notes, self.ends, self.at_first_epoch = [], [], 0, at_first_epoch

    def begin(self, run_id, config, epochs_done, target_std):
        self.run_id = run_id

    def epoch(self, epoch):
        self.epochs.append(epoch)
        if len(self.epochs) == 1:
            self.at_first_epoch()

    def note(self, text):
        self.notes.append(text)

    def end(self):
        self.ends += 1


@pytest.fixture
def make_task(weather_csv, tmp_path):
    def make(seed=0, epochs=2, **changes):
        request = Request(
            variants=("baseline",), dataset=str(weather_csv), seed=seed, epochs=epochs, **{**TINY, **changes}
        )
        series = load_dataset(str(weather_csv), tmp_path / "data")
        config = fit_to_series(plan_runs(request)[0], request, series)
        return Task(config, tmp_path / "runs", tmp_path / "data")

    return make


def find_workers(parent: int) -> list[int]:
    """Return the training processes that a process has started: they alone are in sessions of their own."""
    children = [child.pid for child in psutil.Process(parent).children()]
    return [pid for pid in children if is_alive(pid) and os.getsid(pid) == pid]


def test_outcomes_and_progress_come_back_in_the_order_of_the_tasks(make_task):
    tasks, listeners = [make_task(seed) for seed in (3, 4)], [Listener(), Listener()]
    outcomes = run_tasks(tasks, 2, listeners)
    assert [outcome.metrics.seed for outcome in outcomes] == [3, 4]
    for outcome, listener in zip(outcomes, listeners, strict=True):
        assert [epoch.val_loss for epoch in listener.epochs] == outcome.metrics.history.val_loss
        assert listener.run_id == outcome.metrics.run_id


@pytest.mark.thorough
def test_one_process_trains_one_run_after_the_other_as_each_would_be_alone(make_task):
    seen = []

    def note_workers():
        seen.append(find_workers(os.getpid()))

    tasks = [make_task(seed=0), make_task(seed=1), make_task(seed=0)]
    outcomes = run_tasks(tasks, 1, [Listener(note_workers) for _ in tasks])
    assert seen[0] == seen[1] == seen[2]
    assert len(seen[0]) == 1
    assert find_workers(os.getpid()) == []
    first, other, again = (outcome.metrics.history.val_loss for outcome in outcomes)
    assert again == first != other
    alone = run_tasks([make_task(seed=1)], 1, [Listener()])[0].metrics.history.val_loss
    assert alone == other


def test_a_killed_process_and_a_refused_task_do_not_stop_the_others(make_task):
    def kill_all_workers():
        for pid in find_workers(os.getpid()):
            os.kill(pid, signal.SIGKILL)

    tasks = [make_task(seed=0, epochs=400), make_task(seed=1, train_stop="8"), make_task(seed=2)]
    listeners = [Listener(kill_all_workers), Listener(), Listener()]
    outcomes = run_tasks(tasks, 1, listeners)
    assert outcomes[0].failure == "baseline s0: its process was killed by signal 9"
    assert outcomes[1].failure is not None
    assert "training stops at row 8" in outcomes[1].failure
    assert outcomes[2].metrics is not None
    assert outcomes[2].metrics.status == "completed"
    assert [listener.ends for listener in listeners] == [1, 1, 1]


def test_a_process_that_is_killed_amid_a_line_has_told_nothing(make_task):
    script = 'import os; os.write(1, b\'["step", 1]\\n["ste\'); os.kill(os.getpid(), 9)'
    heard = []
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        last = follow_child(process, {}, heard.append)
        assert (last, heard) == (["step", 1], [["step", 1]])
        assert conclude(make_task(), last, process).failure == "baseline s0: its process was killed by signal 9"


def test_more_jobs_than_cores_share_them(monkeypatch):
    monkeypatch.setattr(pool, "list_cores", lambda: [0, 1])
    shares = pool._Pool(4, 4, yields=False)._shares
    assert [shares.get().cores for _ in range(4)] == [[0], [1], [0], [1]]


def test_no_process_begins_beside_a_stop(make_task, monkeypatch):
    """Whoever looks whether all is stopped, and then begins, is asked to end with the others."""
    stopping, begun = pool._Pool(1, 1, yields=False), []

    def stop_meanwhile():
        stopper = threading.Thread(target=stopping.stop)
        stopper.start()
        stopper.join(0.5)
        begun.append(start_child())
        return begun[0]

    monkeypatch.setattr(pool, "start_child", stop_meanwhile)
    outcome = stopping.run(make_task(epochs=400), Listener())
    assert outcome.metrics is None
    assert begun[0].poll() is not None


@pytest.fixture
def start_pool(make_task):
    """Start a process that trains endlessly in another one."""
    started = []

    def start():
        task = json.dumps(make_task(epochs=100_000).to_json([]))
        started.append(subprocess.Popen([sys.executable, "-c", POOL, task], cwd=Path(__file__).parents[2]))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


POOL = """
import json, sys
from rdrop_cli.jobs.pool import run_tasks
from rdrop_cli.jobs.task import Task
class Silence:
    def __getattr__(self, name): return lambda *values: None
run_tasks([Task.from_json(json.loads(sys.argv[1]))], 1, [Silence()])
"""


def test_trainings_end_when_their_parent_is_killed(start_pool, tmp_path):
    parent = start_pool()
    workers = wait_for(lambda: list((tmp_path / "runs").glob("*/checkpoints/*.ckpt")) and find_workers(parent.pid))
    parent.kill()
    parent.wait()
    wait_for(lambda: not any(is_alive(pid) for pid in workers))
    metrics = json.loads(next((tmp_path / "runs").glob("*/metrics.json")).read_text())
    assert metrics["status"] == "interrupted"


def test_trainings_stop_with_their_parent_and_go_on_with_it(start_pool, tmp_path):
    parent = start_pool()
    checkpoints = "*/checkpoints/*.ckpt"
    (worker,) = wait_for(lambda: list((tmp_path / "runs").glob(checkpoints)) and find_workers(parent.pid))
    parent.send_signal(signal.SIGTSTP)  # Ctrl-Z
    wait_for(lambda: all(psutil.Process(pid).status() == psutil.STATUS_STOPPED for pid in (parent.pid, worker)))
    stopped_at = max((tmp_path / "runs").glob(checkpoints)).name
    parent.send_signal(signal.SIGCONT)
    wait_for(lambda: max((tmp_path / "runs").glob(checkpoints)).name > stopped_at)


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_no_more_jobs_are_chosen_than_there_are_tasks_or_cores():
    assert choose_jobs(1) == 1
    assert 1 <= choose_jobs(1000) <= len(list_cores())
