"""Run tasks on a Dask cluster: the scheduler is only a queue; the local run folders are authoritative.

The series is sent once; each task carries a run's configuration, and its checkpoints if it is resumed. Checkpoints are
received at least every minute, and the finished folder at the end. Only this process writes into the runs folder, and
only files that a run can have written. If a worker dies, Dask moves its run to another worker. If the run starts there
before the local checkpoint, it is sent again with that checkpoint, so even a run longer than a job's time limit ends.
"""

import queue
import re
import secrets
import threading
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import CancelledError
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from rdrop_cli.errors import DataError, RdropError
from rdrop_cli.jobs.connection import check_scheduler, check_versions, connect
from rdrop_cli.jobs.process import replay
from rdrop_cli.jobs.remote import (
    TOPIC,
    RemoteResult,
    RemoteTask,
    hold_series,
    read_progress,
    read_versions,
    train_on_worker,
)
from rdrop_cli.jobs.series_file import name_series_file, serialise_series
from rdrop_cli.jobs.task import Outcome, Task, fail
from rdrop_cli.jobs.transfer import (
    CONFIG,
    HISTORY,
    METRICS,
    Files,
    check_run,
    make_run_folder,
    publish_run,
    read_own_code,
    read_resume_files,
)
from rdrop_cli.runs.folder import RunFolder, create_run_folder
from rdrop_cli.series.table import Series
from rdrop_cli.study.units import format_count
from rdrop_cli.training.loop import Callback

if TYPE_CHECKING:
    from distributed import Client, Future

SECONDS_BETWEEN_CHECKPOINTS = 40.0  # plus the time to read and send them
MOST_WAITS = 3  # times that a run is sent again because all workers that Dask tried died before it began
CHECKPOINT = re.compile(r"checkpoints/epoch-(\d{4,})\.ckpt")


def run_on_cluster(
    tasks: Sequence[Task], series: Series, scheduler: str, callbacks: Sequence[Callback]
) -> list[Outcome]:
    """Run tasks on the workers of a Dask scheduler; return their outcomes in order.

    Each task reports its progress to the callback at the same index. If this process is interrupted, running tasks are
    cancelled and their processes end; everything received so far is kept.

    Args:
        tasks: all on `series`.
        series: sent to the workers, which do not need the dataset.
        scheduler: address of the scheduler, such as tcp://HOST:PORT.
        callbacks: one per task.

    Raises:
        RdropError: the scheduler does not answer, or versions differ.
        SchedulerLostError: the scheduler was lost; everything received so far is kept.
        UsageError: the address is malformed.
    """
    check_scheduler(scheduler)
    if not tasks:
        return []
    with connect(scheduler) as client:
        check_versions(client)
        return _Sweep(client, tasks, callbacks).run(series)


class _Sweep:
    """The tasks of one command on the cluster, and their outcomes so far."""

    def __init__(self, client: "Client", tasks: Sequence[Task], callbacks: Sequence[Callback]) -> None:
        self._client = client
        self._tasks = tasks
        self._callbacks = callbacks
        self._name = secrets.token_hex(8)
        self._inbox: queue.SimpleQueue[tuple[str, Any]] = queue.SimpleQueue()
        self._orders: dict[str, RemoteTask] = {}
        self._places: dict[str, int] = {}
        self._outcomes: dict[int, Outcome] = {}
        self._begun: set[str] = set()
        self._homes: dict[str, RunFolder] = {}  # local, locked folders of runs
        self._epochs: dict[str, int] = {}  # epochs of each run that are saved locally
        self._sent: dict[str, int] = {}  # epochs with which each run was last sent
        self._waits: Counter[str] = Counter()
        self._futures: dict[str, Future] = {}
        self._held = ExitStack()

    def run(self, series: Series) -> list[Outcome]:
        """Submit all tasks and publish each run when it is received."""
        with self._held, TemporaryDirectory(prefix="rdrop-") as drafts:
            for place in range(len(self._tasks)):
                self._prepare(place, Path(drafts))
            self._submit_all(series)
            over = threading.Event()
            threading.Thread(target=self._fetch_checkpoints, args=(over,), daemon=True).start()
            try:
                self._listen()
            except BaseException:
                if self._client.status == "running":
                    self._client.cancel(list(self._futures.values()), force=True)
                raise
            finally:
                over.set()
        return [self._outcomes[place] for place in range(len(self._tasks))]

    def _prepare(self, place: int, drafts: Path) -> None:
        """Prepare what is sent for a task; a run to resume stays locked until all tasks have ended."""
        task = self._tasks[place]
        try:
            if task.folder:
                folder = RunFolder(task.folder)
                self._held.enter_context(folder.lock())
                self._homes[folder.run_id] = folder
            else:
                folder = self._draft(task, drafts)
            files, code = read_resume_files(folder), read_own_code(task.config)
        except (RdropError, OSError) as error:
            self._outcomes[place] = fail(task, error)
            self._callbacks[place].end()
            return
        options = (task.tensorboard, read_versions(), self._name)
        self._orders[folder.run_id] = RemoteTask(folder.run_id, task.config.to_json(), files, code, *options)
        self._places[folder.run_id] = place

    def _draft(self, task: Task, drafts: Path) -> RunFolder:
        """Create a new run's folder outside the runs folder, with an unused name; results go to the runs folder."""
        while True:
            folder = create_run_folder(drafts, task.config)
            if not (task.runs_dir / folder.run_id).exists():
                return folder

    def _submit_all(self, series: Series) -> None:
        client = self._client
        client.subscribe_topic(TOPIC, lambda event: self._inbox.put(("message", event[1])))
        serialised = serialise_series(series)
        self._series = client.submit(hold_series, serialised, key=f"rdrop-series-{name_series_file(serialised)}")
        for run_id in self._orders:
            self._submit(run_id)
        if self._orders and not client.scheduler_info()["workers"]:
            self._callbacks[0].note("the scheduler has no workers yet; waiting")

    def _submit(self, run_id: str) -> None:
        """Send a run to the cluster, or send it again with its local checkpoint."""
        if before := self._futures.get(run_id):
            self._client.cancel([before], force=True)
        order, place = self._orders[run_id], self._places[run_id]
        if run_id in self._epochs:
            order = replace(order, files=read_resume_files(self._homes[run_id]))
        self._sent[run_id] = self._epochs.get(run_id, 0)
        # A unique key: the same run of a sweep that was just stopped may still be ending.
        key = f"rdrop-train-{self._name}-{run_id}-{secrets.token_hex(2)}"
        future = self._client.submit(train_on_worker, order, self._series, key=key, pure=False, priority=-place)
        self._futures[run_id] = future
        future.add_done_callback(lambda _: self._inbox.put(("done", (run_id, key))))

    def _fetch_checkpoints(self, over: threading.Event) -> None:
        """Ask all workers for their checkpoints periodically; in a separate thread, because one may not answer."""
        while not over.wait(SECONDS_BETWEEN_CHECKPOINTS):
            with suppress(Exception):  # a worker or the connection is lost; `_listen` is informed
                found = self._client.run(read_progress, self._name, on_error="ignore")
                self._inbox.put(("checkpoints", found))

    def _listen(self) -> None:
        """Handle everything that arrives, in this one thread, until every run has ended."""
        while self._futures:
            kind, content = self._inbox.get()
            if kind == "message":
                sweep, run_id, message = content
                if sweep == self._name and run_id in self._futures:
                    self._handle(run_id, message)
            elif kind == "checkpoints":
                for worker, found in content.items():
                    self._keep_all(worker, found)
            else:
                run_id, key = content
                if run_id in self._futures and self._futures[run_id].key == key:
                    self._end(run_id)

    def _end(self, run_id: str) -> None:
        outcome, place = self._conclude(run_id, self._futures[run_id]), self._places[run_id]
        if outcome is None:
            self._submit(run_id)
            return
        self._outcomes[place] = outcome
        self._callbacks[place].end()
        self._futures.pop(run_id).release()

    def _handle(self, run_id: str, message: list[Any]) -> None:
        callback = self._callbacks[self._places[run_id]]
        if message[0] == "begin":
            if message[3] < (epochs := self._epochs.get(run_id, 0)):
                callback.note(f"{run_id}: its worker was lost; it goes on after epoch {epochs} on another")
                self._begun.discard(run_id)
                self._submit(run_id)
                return
            if run_id in self._begun:
                callback.note(f"{run_id}: its worker was lost; it starts again on another")
            self._begun.add(run_id)
        replay(message, callback)

    def _keep_all(self, worker: str, found: dict[str, Files]) -> None:
        for run_id, files in found.items():
            if run_id in self._futures:
                try:
                    self._keep(run_id, files)
                except (RdropError, OSError) as error:
                    note = f"{run_id}: what worker {worker} has sent is not kept: {error}"
                    self._callbacks[self._places[run_id]].note(note)

    def _keep(self, run_id: str, files: Files) -> None:
        """Save a checkpoint in the run's own folder if it is newer than the local one.

        Raises:
            DataError: no run can have written it; OSError: it cannot be written.
        """
        epochs = max((int(found[1]) for name in files if (found := CHECKPOINT.fullmatch(name))), default=0)
        if epochs <= self._epochs.get(run_id, 0):
            return
        if strange := [name for name in files if name not in (METRICS, HISTORY) and not CHECKPOINT.fullmatch(name)]:
            raise DataError(f"{strange[0]!r:.80}: is no file of a run at work")
        files = files | {CONFIG: self._orders[run_id].files[CONFIG]}
        check_run(files, run_id, self._orders[run_id].versions)
        publish_run(files, self._provide_home(run_id))
        self._epochs[run_id] = epochs

    def _provide_home(self, run_id: str) -> RunFolder:
        """Return the run's folder; create and lock it if it does not exist yet."""
        if run_id not in self._homes:
            folder = make_run_folder(self._tasks[self._places[run_id]].runs_dir / run_id)
            self._held.enter_context(folder.lock())
            self._homes[run_id] = folder
        return self._homes[run_id]

    def _conclude(self, run_id: str, future: "Future") -> Outcome | None:
        """Fetch a run that is done, and publish it; return None if it must be sent again.

        A run does not fail because workers died before it began, or if it made progress on them.

        Raises:
            CancelledError: the scheduler is lost, and everything that was not received.
        """
        from distributed.scheduler import KilledWorker

        task = self._tasks[self._places[run_id]]
        try:
            return self._publish(run_id, future.result(), future)
        except CancelledError:
            raise
        except KilledWorker as error:
            if self._is_innocent(run_id):
                return None
            deaths = format_count(error.allowed_failures + 1, "worker")
            told = f"{task}: {deaths} died while training it, the last at {error.last_worker.address}"
            return Outcome(task, failure=told, exit_code=1)
        except (RdropError, OSError) as error:
            return fail(task, error)
        except Exception as error:  # from Dask, such as an unreadable result: only this run fails
            return Outcome(task, failure=f"{task}: {type(error).__name__}: {error}", exit_code=1)

    def _is_innocent(self, run_id: str) -> bool:
        """Whether workers died before a run began, not too often, or whether it made progress on them."""
        if self._epochs.get(run_id, 0) > self._sent[run_id]:
            self._waits[run_id] = 0
            return True
        self._waits[run_id] += 1
        return run_id not in self._begun and self._waits[run_id] <= MOST_WAITS

    def _publish(self, run_id: str, result: RemoteResult, future: "Future") -> Outcome:
        """Write a run that has begun into its folder; a run that was refused before it began leaves no folder.

        Raises:
            DataError: no run can have written the files; the worker is named.
            OSError: a file cannot be written.
        """
        task = self._tasks[self._places[run_id]]
        if METRICS in result.files:
            order = self._orders[run_id]
            files = result.files | {CONFIG: order.files[CONFIG]}
            try:
                metrics = check_run(files, run_id, order.versions)
            except DataError as error:
                workers = ", ".join(worker for of_key in self._client.who_has([future]).values() for worker in of_key)
                raise DataError(f"{run_id}: what worker {workers} has sent is refused: {error}") from error
            publish_run(files, self._provide_home(run_id))
            if metrics.status == "completed":
                return Outcome(task, metrics)
        return Outcome(task, None, result.failure or f"{task}: came back incomplete", result.exit_code or 1)
