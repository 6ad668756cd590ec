"""Run tasks on a Dask cluster: the scheduler is only a queue, the run folders here are the truth.

The series goes out once; each order carries a run's configuration, and its checkpoints where it is resumed; what
comes back is a finished folder, and this process alone writes it into the runs folder. Dask itself gives the run of a
worker that died to another one, where it begins again and comes to the same bits.
"""

import queue
import secrets
from collections.abc import Sequence
from concurrent.futures import CancelledError
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from rdrop_cli.errors import RdropError
from rdrop_cli.jobs.connection import check_scheduler, check_versions, connect
from rdrop_cli.jobs.process import replay
from rdrop_cli.jobs.remote import (
    TOPIC,
    RemoteResult,
    RemoteTask,
    hold_series,
    read_versions,
    train_on_worker,
)
from rdrop_cli.jobs.series_file import name_series_file, serialise_series
from rdrop_cli.jobs.task import Outcome, Task, fail
from rdrop_cli.jobs.transfer import CONFIG, METRICS, make_run_folder, publish_run, read_resume_files
from rdrop_cli.runs.folder import RunFolder, create_run_folder
from rdrop_cli.series.table import Series
from rdrop_cli.training.loop import Callback

if TYPE_CHECKING:
    from distributed import Client, Future

KEPT = "what has come back is kept"  # where training is stopped before all has


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
        RdropError: nobody answers, versions differ, or the scheduler is lost.
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

    def run(self, series: Series) -> list[Outcome]:
        """Submit all tasks and publish each run as it comes back."""
        with ExitStack() as held, TemporaryDirectory(prefix="rdrop-") as drafts:
            for place in range(len(self._tasks)):
                self._prepare(place, Path(drafts), held)
            futures = self._submit(series)
            try:
                self._listen(futures)
            except BaseException:
                if self._client.status == "running":
                    self._client.cancel(list(futures.values()), force=True)
                raise
        return [self._outcomes[place] for place in range(len(self._tasks))]

    def _prepare(self, place: int, drafts: Path, held: ExitStack) -> None:
        """Write the order of a task; a run to resume is locked until it has come back."""
        task = self._tasks[place]
        try:
            if task.folder:
                folder = RunFolder(task.folder)
                held.enter_context(folder.lock())
            else:
                folder = self._draft(task, drafts)
            files = read_resume_files(folder)
        except (RdropError, OSError) as error:
            self._outcomes[place] = fail(task, error)
            return
        options = (task.tensorboard, read_versions(), self._name)
        self._orders[folder.run_id] = RemoteTask(folder.run_id, task.config.to_json(), files, *options)
        self._places[folder.run_id] = place

    def _draft(self, task: Task, drafts: Path) -> RunFolder:
        """Make a new run's folder out of sight, with a name that no run has; what comes back is put in its place."""
        while True:
            folder = create_run_folder(drafts, task.config)
            if not (task.runs_dir / folder.run_id).exists():
                return folder

    def _submit(self, series: Series) -> dict[str, "Future"]:
        client = self._client
        client.subscribe_topic(TOPIC, lambda event: self._inbox.put(("message", event[1])))
        serialised = serialise_series(series)
        sent = client.submit(hold_series, serialised, key=f"rdrop-series-{name_series_file(serialised)}")
        futures: dict[str, Future] = {}
        for run_id, order in self._orders.items():
            place = self._places[run_id]
            # A key of this sweep's own: the run of a sweep that was stopped a moment ago may still be ending.
            key = f"rdrop-train-{self._name}-{run_id}"
            futures[run_id] = client.submit(train_on_worker, order, sent, key=key, pure=False, priority=-place)
            futures[run_id].add_done_callback(lambda _, run_id=run_id: self._inbox.put(("done", run_id)))
        if futures and not client.scheduler_info()["workers"]:
            self._callbacks[0].note("the scheduler has no workers yet; waiting")
        return futures

    def _listen(self, futures: dict[str, "Future"]) -> None:
        """Take what comes, in this one thread, until every run is back."""
        left = dict(futures)
        while left:
            kind, content = self._inbox.get()
            if kind == "message":
                sweep, run_id, message = content
                if sweep == self._name:
                    self._handle(run_id, message)
            elif content in left:
                future = left.pop(content)
                self._outcomes[self._places[content]] = self._conclude(content, future)
                self._callbacks[self._places[content]].end()
                future.release()

    def _handle(self, run_id: str, message: list[Any]) -> None:
        callback = self._callbacks[self._places[run_id]]
        if message[0] == "begin":
            if run_id in self._begun:
                callback.note(f"{run_id}: its worker was lost; it starts again on another")
            self._begun.add(run_id)
        replay(message, callback)

    def _conclude(self, run_id: str, future: "Future") -> Outcome:
        """Fetch a run that is done, and publish it.

        Raises:
            RdropError: the connection to the scheduler is lost, and with it all that has not come back.
        """
        from distributed.scheduler import KilledWorker

        task = self._tasks[self._places[run_id]]
        try:
            return self._publish(run_id, future.result())
        except CancelledError as error:
            raise RdropError(f"connection to the scheduler lost; {KEPT}") from error
        except KilledWorker as error:
            died = f"its worker died {error.allowed_failures + 1} times, the last one was {error.last_worker.address}"
            return Outcome(task, failure=f"{task}: {died}", exit_code=1)
        except (RdropError, OSError) as error:
            return fail(task, error)
        except Exception as error:  # of Dask's own, such as a result that cannot be read: it costs this one run
            return Outcome(task, failure=f"{task}: {type(error).__name__}: {error}", exit_code=1)

    def _publish(self, run_id: str, result: RemoteResult) -> Outcome:
        """Write a run that has begun into its folder; what was refused before leaves none."""
        task, order = self._tasks[self._places[run_id]], self._orders[run_id]
        if METRICS in result.files:
            files = result.files | {CONFIG: order.files[CONFIG]}
            if task.folder:
                publish_run(files, RunFolder(task.folder))  # its lock is held since the order was written
            else:
                folder = make_run_folder(task.runs_dir / run_id)
                with folder.lock():
                    publish_run(files, folder)
        return Outcome(task, result.metrics, result.failure, result.exit_code)
