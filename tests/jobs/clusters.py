"""A real Dask cluster on the loopback device: a scheduler, and workers that a nanny starts again when they die."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from tests.waiting import wait_for

QUIET = ["--no-dashboard", "--host", "127.0.0.1"]
STUDY = """\
[study]
dataset = "{csv}"
seeds = "0-1"
epochs = {epochs}
lookback = "5h"
every = "1h"
horizon = "2h"
train_stop = 400
val_stop = 600
batch_size = 8
steps_per_epoch = {steps}
units = {units}

[grid]
variants = ["dropout"]
"""


@dataclass
class Cluster:
    """The processes of a cluster, and where they put what they have."""

    scratch: Path
    environment: dict[str, str] = field(default_factory=dict)
    options: tuple[str, ...] = ()
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self, workers: int, port: str = "0") -> None:
        """Start the processes, at a port where one is given."""
        self.scratch.mkdir(parents=True)
        self._start("dask_scheduler", *QUIET, "--port", port, "--scheduler-file", str(self._file))
        self.address = wait_for(self._read_address)
        for _ in range(workers):
            self._start("dask_worker", self.address, *QUIET, "--nthreads", "1", "--local-directory", str(self.scratch))
        wait_for(lambda: len(list(self.scratch.glob("dask-scratch-space/worker-*"))) >= workers)

    def _start(self, module: str, *arguments: str) -> None:
        with (self.scratch / "log").open("ab") as log:
            command = [sys.executable, "-m", f"distributed.cli.{module}", *arguments, *self.options]
            environment = os.environ | self.environment
            self.processes.append(subprocess.Popen(command, cwd=self.scratch, stdout=log, stderr=log, env=environment))

    @property
    def _file(self) -> Path:
        return self.scratch / "scheduler.json"

    def _read_address(self) -> str | None:
        try:
            return str(json.loads(self._file.read_text())["address"])
        except (OSError, ValueError):  # not there, or only a part of it
            return None

    def find_trainings(self) -> list[psutil.Process]:
        """Return the processes that train at the moment."""
        below = [child for process in self.processes for child in psutil.Process(process.pid).children(recursive=True)]
        return [process for process in below if is_training(process)]

    def kill_worker(self, run: str = "dropout-s0-") -> tuple[int, psutil.Process]:
        """Kill the worker process of a run with SIGKILL while its training is at work; return both."""
        training = wait_for(lambda: [each for each in self.find_trainings() if holds_file_of(each, run)])[0]
        worker = training.ppid()
        os.kill(worker, signal.SIGKILL)
        return worker, training

    def stop(self) -> None:
        for process in reversed(self.processes):
            below = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
            process.kill()
            process.wait()
            for child in below:
                if child.is_running():
                    child.kill()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster of two workers."""
    running = Cluster(tmp_path_factory.mktemp("dask") / "cluster")
    try:
        running.start(workers=2)
        yield running
    finally:
        running.stop()


def holds_file_of(process: psutil.Process, run: str) -> bool:
    """Whether a process has a file of a run open, as a training has its lock."""
    try:
        return any(run in file.path for file in process.open_files())
    except psutil.Error:
        return False


def is_training(process: psutil.Process) -> bool:
    try:
        return "rdrop_cli.jobs.worker" in process.cmdline() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False
