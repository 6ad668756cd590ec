"""Run tasks in parallel processes; each process does one task after another, because importing TensorFlow is slow.

A run that fails, or whose process is killed, does not stop the others: the process is replaced.
"""

import queue
import subprocess
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from rdrop_cli.jobs.process import conclude, end_children, follow_child, replay, start_child, stop_together
from rdrop_cli.jobs.task import Outcome, Task
from rdrop_cli.system import count_all_cores, list_cores, measure_available_bytes, measure_load, set_cores
from rdrop_cli.training.loop import Callback

BYTES_PER_JOB = 1_500_000_000  # memory of one training at the book's size, with a margin
SECONDS_BETWEEN_LOOKS = 2.0  # while the machine has no room for another run


def choose_jobs(tasks: int) -> int:
    """Return how many tasks fit the machine's cores and free memory at once, at least one."""
    available_bytes = measure_available_bytes()
    by_memory = tasks if available_bytes is None else available_bytes // BYTES_PER_JOB
    return max(1, min(tasks, len(list_cores()), by_memory))


def find_shortage(cores: int) -> str | None:
    """Return what the machine lacks for another run on `cores` cores; None if it has room.

    It has no room while its load is more than two processes per core of the machine plus one per core of the run.
    Slightly less is usual when the same user trains, reads and compiles.
    """
    free, load, all_cores = measure_available_bytes(), measure_load(), count_all_cores()
    if free is not None and free < BYTES_PER_JOB:
        return f"{free / 1e9:.1f} GB of memory are free, and a run takes {BYTES_PER_JOB / 1e9:.1f} GB"
    if load is not None and load > 2 * all_cores + cores:
        return f"others use this machine: its load is {load:.1f} on {all_cores} cores"
    return None


def run_tasks(tasks: Sequence[Task], jobs: int, callbacks: Sequence[Callback], yields: bool = False) -> list[Outcome]:
    """Run tasks, `jobs` at a time, each on its share of the cores; return their outcomes in order.

    Each task reports its progress to the callback at the same index. If this process is interrupted, the running
    processes are asked to end, and the epochs that they have finished are kept.

    Args:
        yields: whether to start a run beside others only while the machine has enough memory and free cores.
    """
    with (
        closing(_Pool(jobs, len(tasks), yields)) as pool,
        stop_together(pool.list_processes),
        ThreadPoolExecutor(max_workers=jobs) as threads,
    ):
        futures = [threads.submit(pool.run, task, callback) for task, callback in zip(tasks, callbacks, strict=True)]
        try:
            return [future.result() for future in futures]
        except BaseException:
            for future in futures:
                future.cancel()
            pool.stop()
            raise


@dataclass
class _Share:
    """A share of the cores, and the process that uses it, once it is started."""

    cores: list[int]
    process: "subprocess.Popen[str] | None" = None

    def provide_process(self) -> "subprocess.Popen[str]":
        """Return the process; start a new one if none is alive."""
        if self.process is None or self.process.poll() is not None:
            self.end()
            self.process = start_child()
        return self.process

    def end(self) -> None:
        """Kill the process, which is idle."""
        if self.process:
            with self.process as process:
                process.kill()
            self.process = None


class _Pool:
    """The shares of the cores, and the processes that are running on them."""

    def __init__(self, jobs: int, tasks: int, yields: bool) -> None:
        cores = list_cores()
        share = max(1, len(cores) // jobs)
        self._shares: queue.SimpleQueue[_Share] = queue.SimpleQueue()
        for job in range(jobs):  # if there are more jobs than cores, several share a core
            first = job * share % len(cores)
            self._shares.put(_Share(cores[first : first + share]))
        self._waiting = tasks
        self._processes: dict[subprocess.Popen[str], list[int]] = {}
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._yields = yields
        self._at_work = 0

    def run(self, task: Task, callback: Callback) -> Outcome:
        """Run one task, waiting for a share of the cores."""
        share = self._shares.get()
        with self._lock:
            self._waiting -= 1
        self._wait_for_room(share, callback)
        try:
            outcome = self._train(task, share, callback)
            callback.end()
            return outcome
        finally:
            with self._lock:
                self._at_work -= 1
            self._pass_on(share)

    def _wait_for_room(self, share: _Share, callback: Callback) -> None:
        """Wait until the machine has room for another run beside the running ones, and count this run as running."""
        is_first = True
        while shortage := self._start_or_find_shortage(len(share.cores)):
            share.end()  # frees its memory for others
            if is_first:
                callback.note(f"the next run waits for one that is at work: {shortage}; ‹jobs› does not wait")
            is_first = False
            self._stopped.wait(SECONDS_BETWEEN_LOOKS)

    def _start_or_find_shortage(self, cores: int) -> str | None:
        with self._lock:
            shortage = find_shortage(cores) if self._yields and self._at_work and not self._stopped.is_set() else None
            if shortage is None:
                self._at_work += 1
            return shortage

    def _pass_on(self, share: _Share) -> None:
        """Hand cores to the next task or, if no task is waiting, to the running task with the fewest cores.

        Its results stay the same to the bit: only the kernel checks again how many cores it has.
        """
        with self._lock:
            if self._waiting or not self._processes:
                self._shares.put(share)
                return
            share.end()
            process = min(self._processes, key=lambda running: len(self._processes[running]))
            self._processes[process] += share.cores
            _spread_over(process.pid, self._processes[process])

    def list_processes(self) -> list["subprocess.Popen[str]"]:
        return list(self._processes)

    def stop(self) -> None:
        """Ask every running process to end, and kill those that do not."""
        with self._lock:  # from here on, no task starts
            self._stopped.set()
            processes = list(self._processes)
        end_children(processes)

    def close(self) -> None:
        """Kill the processes that are waiting for tasks."""
        while not self._shares.empty():
            self._shares.get().end()

    def _train(self, task: Task, share: _Share, callback: Callback) -> Outcome:
        with self._lock:
            if self._stopped.is_set():
                return Outcome(task, failure="not started", exit_code=1)
            process = share.provide_process()
            self._processes[process] = list(share.cores)
        try:
            last = follow_child(process, task.to_json(share.cores), partial(replay, callback=callback))
            outcome = conclude(task, last, process)
        finally:
            with self._lock:
                del self._processes[process]
        if outcome.failure:
            share.end()  # do not use a process that failed, perhaps out of memory, for the next run
        return outcome


def _spread_over(pid: int, cores: list[int]) -> None:
    """Let all threads of a process use these cores; if the system refuses, the run is slower but just as correct."""
    with suppress(OSError, AttributeError):
        for thread in Path(f"/proc/{pid}/task").iterdir():
            set_cores(int(thread.name), cores)
