"""Train the requested runs: plan them, skip complete ones, and resume or start the others, here or on a cluster.

Every way to start training calls these functions: `rdrop train`, `rdrop sweep` and the Python API. Nothing is printed
here; progress goes to one `Callback` per run. A series is loaded once in this process; a separate training process
loads it again, from the parsed copy on the disk or from a file that was written or sent for it.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from rdrop_cli.errors import DataError, RdropError, UsageError, ValueRefusedError
from rdrop_cli.jobs.batches import choose_batches
from rdrop_cli.jobs.cluster import run_on_cluster
from rdrop_cli.jobs.connection import check_scheduler
from rdrop_cli.jobs.pool import choose_jobs, run_tasks
from rdrop_cli.jobs.series_file import serialise_series, store_series
from rdrop_cli.jobs.task import Outcome, Task, do_task, do_together
from rdrop_cli.planning.fit import plan_on_series
from rdrop_cli.planning.request import Request, plan_together
from rdrop_cli.runs.comparable import can_be_resumed, find_same_configurations
from rdrop_cli.runs.document import Metrics
from rdrop_cli.runs.find import find_run
from rdrop_cli.runs.folder import RunFolder, check_writable
from rdrop_cli.series.content import STDIN, is_address
from rdrop_cli.series.load import NAMED, load_dataset, locate_dataset
from rdrop_cli.series.table import Series
from rdrop_cli.series.windows import Windows, make_windows
from rdrop_cli.study.config import RunConfig
from rdrop_cli.study.protocol import Protocol
from rdrop_cli.training.loop import Callback


@dataclass(frozen=True)
class Execution:
    """Where runs are stored, and how they are computed.

    Attributes:
        jobs: number of runs at once; None for as many as cores and memory allow, and fewer while others use these.
        tensorboard: whether each run also writes event files.
        scheduler: address of the Dask cluster whose workers compute the runs; None for this machine.

    Raises:
        UsageError: `jobs` is less than 1, or `scheduler` is not an address.
        RdropError: the cluster extra is not installed.
    """

    runs_dir: Path
    data_dir: Path
    jobs: int | None = None
    tensorboard: bool = False
    scheduler: str | None = None

    def __post_init__(self) -> None:
        if self.scheduler is not None:
            check_scheduler(self.scheduler)
        if self.jobs is not None and self.jobs < 1:
            raise ValueRefusedError("jobs", self.jobs, "at least 1")


@dataclass(frozen=True)
class TrainingPlan:
    """The runs to train on one series, and the runs that are already complete.

    Attributes:
        configs: all requested configurations, in order.
        windows: windows of each protocol (`RunConfig.own_protocol`), cut once.
        tasks: the runs to train, new or resumed.
        complete: metrics of the runs that are skipped.
        lost: runs without an intact checkpoint, which are trained anew in other folders.
    """

    configs: list[RunConfig]
    series: Series
    windows: dict[Protocol, Windows]
    tasks: list[Task] = field(default_factory=list)
    complete: list[Metrics] = field(default_factory=list)
    lost: Sequence[RunFolder] = ()

    def describe_lost(self) -> list[str]:
        """Return a line on each run that is lost."""
        return [f"{folder.run_id}: no checkpoint can be read, so it is trained anew" for folder in self.lost]


def plan_training(
    requests: Sequence[Request], execution: Execution, skip_complete: bool = False, series: Series | None = None
) -> TrainingPlan:
    """Plan the requested runs; everything that can be refused is refused here, before a process is started.

    To train seed by seed, call this and `run_plan` in turn with the series of the first plan.

    Args:
        requests: all on the same dataset.
        skip_complete: skip configurations that have a complete run, and resume interrupted runs that can be resumed.
        series: the dataset, if it is already loaded.

    Raises:
        UsageError, DataError: a request cannot be trained.
    """
    first = plan_together(requests)[0][0]
    if first.dataset == STDIN:
        raise ValueRefusedError("dataset", STDIN, "a file, which runs can find again; save standard input to one")
    if series is None:
        series = load_dataset(first.dataset, execution.data_dir, first.reading)
    configs = plan_on_series(requests, series)
    protocols = dict.fromkeys(config.own_protocol for config in configs)
    windows = {protocol: make_windows(series, protocol) for protocol in protocols}
    found = find_same_configurations(configs, execution.runs_dir) if skip_complete else {}
    tasks, complete, lost = [], [], []
    for config in configs:
        folder = found.get(config)
        metrics = read_if_complete(folder) if folder else None
        if metrics:
            complete.append(metrics)
        elif folder and not can_be_resumed(folder):
            lost.append(folder)
            tasks.append(make_task(config, execution, None))
        else:
            tasks.append(make_task(config, execution, folder))
    return TrainingPlan(configs, series, windows, tasks, complete, lost)


def plan_resume(folder: RunFolder, execution: Execution, dataset: str | None = None) -> TrainingPlan:
    """Plan to resume one run on the dataset of its configuration, or on `dataset` if the same content is there now.

    Raises:
        UsageError, DataError: the configuration or the dataset cannot be read.
    """
    config = folder.read_config()
    if dataset is not None:
        config = replace(config, dataset=locate_dataset(dataset))
    elif not (config.dataset in NAMED or is_address(config.dataset) or Path(config.dataset).is_file()):
        raise UsageError(
            f"{folder.run_id} was started on {config.dataset!r}, which is not there from this folder; name the file's "
            "place",
            field="dataset",
        )
    series = load_dataset(dataset or config.dataset, execution.data_dir, config.reading)
    return TrainingPlan([config], series, {}, [make_task(config, execution, folder)])


def find_run_to_resume(name: str, runs_dir: Path) -> RunFolder:
    """Return the run that a user names.

    Raises:
        RdropError: no run or several runs match, or the run is not in `runs_dir`, the only folder that is written.
    """
    folder = find_run(name, runs_dir)
    if not folder.is_in(runs_dir):
        message = f"{folder.path}: not in {runs_dir}, the only folder that is written"
        raise RdropError(message, change=[("runs_dir", str(folder.path.resolve().parent))])
    return folder


def read_if_complete(folder: RunFolder) -> Metrics | None:
    """Return the metrics of a complete run, else None; if they cannot be read, resuming the run writes them again."""
    try:
        metrics = folder.read_metrics()
    except DataError:
        return None
    return metrics if metrics.status == "completed" else None


def run_plan(plan: TrainingPlan, execution: Execution, make_callback: Callable[[Task], Callback]) -> list[Outcome]:
    """Train the tasks of a plan and return their outcomes in order; a task that fails does not stop the others.

    If this process is interrupted, running processes are ended and the exception propagates. Every finished epoch is
    on the disk; making the same plan again resumes the runs.

    Raises:
        OSError: the runs folder cannot be written.
        RdropError: the scheduler cannot be reached, or is lost.
    """
    if not plan.tasks:
        return []
    check_writable(execution.runs_dir)
    callbacks = [make_callback(task) for task in plan.tasks]
    if execution.scheduler:
        return run_on_cluster(plan.tasks, plan.series, execution.scheduler, callbacks)
    outcomes: dict[int, Outcome] = {}
    for places in choose_batches(plan.tasks, execution.jobs, plan.windows):
        tasks, theirs = [plan.tasks[place] for place in places], [callbacks[place] for place in places]
        windows = plan.windows[tasks[0].config.own_protocol]
        outcomes |= zip(places, do_together(tasks, theirs, plan.series, windows), strict=True)
        for callback in theirs:
            callback.end()
    rest = [place for place in range(len(plan.tasks)) if place not in outcomes]
    outcomes |= zip(rest, _run_apart(plan, execution, rest, [callbacks[place] for place in rest]), strict=True)
    return [outcomes[place] for place in range(len(plan.tasks))]


def _run_apart(
    plan: TrainingPlan, execution: Execution, places: Sequence[int], callbacks: Sequence[Callback]
) -> list[Outcome]:
    """Run the tasks at these indices one by one, or in parallel processes if several may run at once."""
    tasks = [plan.tasks[place] for place in places]
    jobs = min(execution.jobs or choose_jobs(len(tasks)), len(tasks))
    if jobs > 1:
        with _hand_over(tasks, plan.series) as theirs:
            return run_tasks(theirs, jobs, callbacks, yields=execution.jobs is None)
    outcomes = []
    for task, callback in zip(tasks, callbacks, strict=True):
        outcomes.append(do_task(task, callback, plan.series, plan.windows.get(task.config.own_protocol)))
        callback.end()
    return outcomes


@contextmanager
def _hand_over(tasks: Sequence[Task], series: Series) -> Iterator[Sequence[Task]]:
    """Yield tasks with the series in a temporary file if it was not one: it is fetched once, perhaps with a login."""
    dataset = tasks[0].config.dataset
    if dataset in NAMED or Path(dataset).is_file():
        yield tasks
        return
    with TemporaryDirectory() as folder:
        file = store_series(serialise_series(series), Path(folder))
        yield [replace(task, series_file=file) for task in tasks]


def make_task(config: RunConfig, execution: Execution, folder: RunFolder | None) -> Task:
    """Return the task to train a configuration in a new folder, or to resume it in `folder`."""
    path = folder.path if folder else None
    return Task(config, execution.runs_dir, execution.data_dir, path, execution.tensorboard)
