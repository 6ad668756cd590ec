"""The code that runs in a Dask worker: it takes a task, trains in a child process, and returns the finished folder.

The worker imports only this module of rdrop. It receives the series as one block of bytes and the run as a table of
files, and stores both in its local directory.
"""

import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import rdrop_cli
from rdrop_cli.errors import RdropError, UsageError
from rdrop_cli.jobs.process import conclude, end_children, follow_child, start_child
from rdrop_cli.jobs.series_file import store_series
from rdrop_cli.jobs.task import Task
from rdrop_cli.jobs.transfer import Files, read_files, read_progress_files, write_files
from rdrop_cli.runs.schema import parse_config
from rdrop_cli.study.config import RunConfig
from rdrop_cli.study.own import hash_code
from rdrop_cli.study.variants import find_variant

if TYPE_CHECKING:
    from distributed import Worker

SECONDS_BETWEEN_LOOKS = 0.3  # between checks whether the run is still wanted
SECONDS_BETWEEN_STEPS = 1.0  # each message goes through the scheduler, which serves every worker
DECISIVE = ("keras", "tensorflow", "numpy")  # a run's last bits depend on their versions

TOPIC = "rdrop"  # one for all runs: Dask keeps the last thousand messages of every topic for ever

Versions = dict[str, str]
_at_work: dict[tuple[str, str], Path] = {}  # the folders of the runs that this worker trains, by sweep and run


@dataclass(frozen=True)
class RemoteTask:
    """A run to train or to resume.

    Attributes:
        run_id: the name of its folder.
        config: its configuration, as JSON.
        files: files of its folder: the configuration, and checkpoints if there are any.
        code: the module of the user's own network, if it is not an installed one.
        tensorboard: whether it also writes event files.
        versions: versions on the machine that sends the task.
        sweep: the name of the command that sends the task; it is part of each message.
    """

    run_id: str
    config: dict[str, Any]
    files: Files
    code: Files
    tensorboard: bool
    versions: Versions
    sweep: str


@dataclass(frozen=True)
class RemoteResult:
    """The result of a remote task: the files of its folder, and the failure if there is one."""

    files: Files
    failure: str | None = None
    exit_code: int = 0


def hold_series(serialised: bytes) -> bytes:
    """Return the series, as a Dask result that workers pass to each other and that is computed again if it is lost."""
    return serialised


def read_versions() -> Versions:
    """Return the versions that must be the same on all machines to compute the same numbers."""
    versions = {"rdrop": rdrop_cli.__version__}
    for name in DECISIVE:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            versions[name] = "none"
    return versions


def explain_other_versions(wanted: Versions, found: Versions) -> str | None:
    """Return a message on the versions in which a machine differs; None if all are the same."""
    different = [
        f"{name} {found.get(name, 'none')}, not {wanted[name]}" for name in wanted if found.get(name) != wanted[name]
    ]
    return f"has {'; '.join(different)}; install the same versions everywhere" if different else None


def train_on_worker(order: RemoteTask, serialised: bytes) -> RemoteResult:
    """Train a remote task in a child process of this Dask worker; Dask calls this in one of the worker's threads.

    Errors of a run are part of the result instead of raised: after an exception, Dask would train the run again.
    """
    from distributed import get_worker

    worker = get_worker()
    if difference := explain_other_versions(order.versions, read_versions()):
        return RemoteResult({}, failure=f"worker {worker.address} {difference}", exit_code=1)
    try:
        return _train(order, serialised, worker)
    except RdropError as error:
        failure, exit_code = str(error), error.exit_code
    except OSError as error:
        failure, exit_code = f"{error.filename or order.run_id}: {error.strerror or error}", 1
    return RemoteResult({}, failure=f"worker {worker.address}: {failure}", exit_code=exit_code)


def _train(order: RemoteTask, serialised: bytes, worker: "Worker") -> RemoteResult:
    scratch = Path(worker.local_directory)
    with TemporaryDirectory(prefix="rdrop-", dir=scratch) as runs_dir:
        folder = Path(runs_dir) / order.run_id
        task = Task(parse_config(order.config), folder.parent, scratch, folder, order.tensorboard)
        write_files(order.files, folder)
        _provide_code(order, task.config, folder)
        with _be_at_work(order, folder):
            return _train_in_child(replace(task, series_file=store_series(serialised, scratch)), order, worker)


def _provide_code(order: RemoteTask, config: RunConfig, folder: Path) -> None:
    """Write the code of a run's own network, or check that it is in an installed package.

    Raises:
        UsageError: the code is missing.
    """
    write_files(order.code, _locate_code(folder))
    maker = find_variant(config.variant).maker
    if maker and not order.code:
        try:
            hash_code(maker)
        except UsageError as error:
            raise UsageError(f"{error}; install it there") from error


def _locate_code(folder: Path) -> Path:
    """Return the folder for the code of a run's own network, beside the run's folder."""
    return folder.with_name("code")


@contextmanager
def _be_at_work(order: RemoteTask, folder: Path) -> Iterator[None]:
    _at_work[order.sweep, order.run_id] = folder
    try:
        yield
    finally:
        _at_work.pop((order.sweep, order.run_id), None)


def read_progress(sweep: str) -> dict[str, Files]:
    """Return the newest checkpoint of each run of a sweep that this worker trains, with its metrics."""
    found = {}
    for (of, run_id), folder in list(_at_work.items()):
        if of == sweep:
            with suppress(OSError, RdropError):  # the run ends at this moment
                found[run_id] = read_progress_files(folder)
    return found


def _train_in_child(task: Task, order: RemoteTask, worker: "Worker") -> RemoteResult:
    key = str(worker.get_current_task())
    relay = _Relay(lambda message: worker.log_event(TOPIC, [order.sweep, order.run_id, message]))
    asked = task.to_json([]) | {"cores_to_lock": read_core_count()}
    assert task.folder
    child = start_child(_locate_code(task.folder) if order.code else None)
    with child as process, _end_when(lambda: _is_unwanted(worker, key), process):
        last = follow_child(process, asked, relay)
        outcome = conclude(task, last, process)
    return RemoteResult(read_files(task.folder), outcome.failure, outcome.exit_code)


def read_core_count() -> int:
    """Return the number of cores for one training, from OMP_NUM_THREADS, which Dask sets to 1 by default."""
    told = os.environ.get("OMP_NUM_THREADS", "")
    return max(1, int(told)) if told.isdecimal() else 1


def _is_unwanted(worker: "Worker", key: str) -> bool:
    """Whether nobody waits for a task any more: it was cancelled, its client is gone, or this worker is closing.

    Dask does not stop a running task; only the worker's state shows that the task was cancelled.
    """
    from distributed.worker import WORKER_ANY_RUNNING

    state = worker.state.tasks.get(key)
    return worker.status not in WORKER_ANY_RUNNING or state is None or state.state == "cancelled"


@contextmanager
def _end_when(is_unwanted: Callable[[], bool], process: "subprocess.Popen[str]") -> Iterator[None]:
    """While the block runs, check repeatedly whether a process is unwanted, and end it if so."""
    over = threading.Event()

    def watch() -> None:
        while not over.wait(SECONDS_BETWEEN_LOOKS):
            if is_unwanted():
                end_children([process])
                return

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()


class _Relay:
    """Passes on the messages of a training, except most steps and the outcome."""

    def __init__(self, send: Callable[[list[Any]], None]) -> None:
        self._send = send
        self._last_step = 0.0

    def __call__(self, message: list[Any]) -> None:
        kind, now = message[0], time.monotonic()
        if kind == "done" or (kind == "step" and now - self._last_step < SECONDS_BETWEEN_STEPS):
            return
        if kind == "step":
            self._last_step = now
        self._send(message)
