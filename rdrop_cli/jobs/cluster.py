"""Run tasks on a Dask cluster: the scheduler is only a queue, the run folders here are the truth.

The series goes out once; each order carries a run's configuration, and its checkpoints where it is resumed. Checkpoints
come home at least each minute, and at the end a finished folder; this process alone writes into the runs folder, and
only what a run can have left. Dask itself gives the run of a worker that died to another one; where that begins before
the checkpoint that is here, it is sent anew with that, so that a run longer than a job's time ends at last.
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
from rdrop_cli.training.loop import Callback

if TYPE_CHECKING:
    from distributed import Client, Future

SECONDS_BETWEEN_CHECKPOINTS = 40.0  # and what they take to be read and sent
MOST_WAITS = 3  # on workers that died before a run began, each on as many as Dask allows
CHECKPOINT = re.compile(r"checkpoints/epoch-(\d{4,})\.ckpt")


def run_on_cluster(
    tasks: Sequence[Task], series: Series, scheduler: str, callbacks: Sequence[Callback]
) -> list[Outcome]:
    """Run tasks on the workers of a Dask scheduler; return what became of them, in their order.

    Each task's progress goes to the callback in its place. When this process is interrupted, the runs that are at work
    are dropped, and their processes end; what has come back stays.

    Args:
        tasks: all on `series`.
        series: sent to the workers, which need no dataset.
        scheduler: such as tcp://HOST:PORT.
        callbacks: one a task.

    Raises:
        RdropError: nobody answers, or versions differ.
        SchedulerLostError: it went away; what has come back is kept.
        UsageError: the address has not the form of one.
    """
    check_scheduler(scheduler)
    if not tasks:
        return []
    with connect(scheduler) as client:
        check_versions(client)
        return _Sweep(client, tasks, callbacks).run(series)


class _Sweep:
    """The tasks of one command on the cluster, and what has become of them so far."""

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
        self._homes: dict[str, RunFolder] = {}  # of runs whose folder is here, locked
        self._epochs: dict[str, int] = {}  # that are safe here
        self._sent: dict[str, int] = {}  # with which a run was sent last
        self._waits: Counter[str] = Counter()
        self._futures: dict[str, Future] = {}
        self._held = ExitStack()

    def run(self, series: Series) -> list[Outcome]:
        """Submit all tasks and publish each run as it comes back."""
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
        """Write the order of a task; a run to resume is locked until it has come back."""
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
        """Make a new run's folder out of sight, with a name that no run has; what comes back is put in its place."""
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
        """Send a run to the cluster, or once more, from the checkpoint that is here."""
        if before := self._futures.get(run_id):
            self._client.cancel([before], force=True)
        order, place = self._orders[run_id], self._places[run_id]
        if run_id in self._epochs:
            order = replace(order, files=read_resume_files(self._homes[run_id]))
        self._sent[run_id] = self._epochs.get(run_id, 0)
        # A key of its own: the run of a sweep that was stopped a moment ago may still be ending.
        key = f"rdrop-train-{self._name}-{run_id}-{secrets.token_hex(2)}"
        future = self._client.submit(train_on_worker, order, self._series, key=key, pure=False, priority=-place)
        self._futures[run_id] = future
        future.add_done_callback(lambda _: self._inbox.put(("done", (run_id, key))))

    def _fetch_checkpoints(self, over: threading.Event) -> None:
        """Ask all workers for their checkpoints, again and again; in a thread of its own, as one may not answer."""
        while not over.wait(SECONDS_BETWEEN_CHECKPOINTS):
            with suppress(Exception):  # a worker or the connection is lost, which `_listen` hears of
                found = self._client.run(read_progress, self._name, on_error="ignore")
                self._inbox.put(("checkpoints", found))

    def _listen(self) -> None:
        """Take what comes, in this one thread, until every run is back."""
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
        """Keep a checkpoint that is newer than what is here, in the run's own folder.

        Raises:
            DataError: no run can have left it; OSError: it cannot be written.
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
        """Return the run's folder, made and locked where it is not there yet."""
        if run_id not in self._homes:
            folder = make_run_folder(self._tasks[self._places[run_id]].runs_dir / run_id)
            self._held.enter_context(folder.lock())
            self._homes[run_id] = folder
        return self._homes[run_id]

    def _conclude(self, run_id: str, future: "Future") -> Outcome | None:
        """Fetch a run that is done, and publish it; None where it is to be sent again.

        A run is not blamed for the deaths of workers that it only waited on, or on which it came further.

        Raises:
            CancelledError: the scheduler is lost, and with it all that has not come back.
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
            died = f"its worker died {error.allowed_failures + 1} times, the last one was {error.last_worker.address}"
            return Outcome(task, failure=f"{task}: {died}", exit_code=1)
        except (RdropError, OSError) as error:
            return fail(task, error)
        except Exception as error:  # of Dask's own, such as a result that cannot be read: it costs this one run
            return Outcome(task, failure=f"{task}: {type(error).__name__}: {error}", exit_code=1)

    def _is_innocent(self, run_id: str) -> bool:
        """Whether workers died before a run began, but not for ever, or it came further on them."""
        if self._epochs.get(run_id, 0) > self._sent[run_id]:
            self._waits[run_id] = 0
            return True
        self._waits[run_id] += 1
        return run_id not in self._begun and self._waits[run_id] <= MOST_WAITS

    def _publish(self, run_id: str, result: RemoteResult, future: "Future") -> Outcome:
        """Write a run that has begun into its folder; what was refused before leaves none.

        Raises:
            DataError: no run can have left it; the worker is named.
            OSError: it cannot be written.
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
