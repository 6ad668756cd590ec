"""Train what is asked for: plan, skip what is complete, resume what is not, in parallel or on a cluster.

Every way to start training calls these functions: `rdrop train`, `rdrop sweep` and the Python API. Nothing is
printed here; progress goes to one `Callback` a run. A series is loaded once in this process; a training process of
its own loads it once more, from the parsed copy on the disk, or from the file that the cluster sends.
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
from rdrop_cli.planning.request import Request, plan_runs
from rdrop_cli.runs.comparable import find_same_configurations
from rdrop_cli.runs.document import Metrics
from rdrop_cli.runs.find import find_run
from rdrop_cli.runs.folder import RunFolder, check_writable
from rdrop_cli.series.content import is_address
from rdrop_cli.series.load import NAMED, load_dataset, locate_dataset
from rdrop_cli.series.table import Series
from rdrop_cli.series.windows import Windows, make_windows
from rdrop_cli.study.config import RunConfig
from rdrop_cli.study.protocol import Protocol
from rdrop_cli.training.loop import Callback


@dataclass(frozen=True)
class Execution:
    """Where runs are kept, and how they are computed.

    Attributes:
        jobs: runs at work at once; None for as many as cores and memory allow, and fewer while others need these.
        tensorboard: whether each run writes event files too.
        scheduler: of a Dask cluster on whose workers the runs are computed; None for this machine.

    Raises:
        UsageError: `jobs` is less than 1, or `scheduler` is no address.
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
    """What is to be trained on one series, and what is complete already.

    Attributes:
        configs: all that is asked for, in order.
        tasks: those to train, new or to resume.
        complete: metrics of the runs that are skipped.
        windows: of each protocol, with a network's own windows, cut once.
    """

    configs: list[RunConfig]
    series: Series
    windows: dict[Protocol, Windows]
    tasks: list[Task] = field(default_factory=list)
    complete: list[Metrics] = field(default_factory=list)


def plan_training(
    requests: Sequence[Request], execution: Execution, skip_complete: bool = False, series: Series | None = None
) -> TrainingPlan:
    """Plan the runs that are asked for; everything that can be refused is refused here, before a process is started.

    To train seed by seed, call this and `run_plan` in turn with the series of the first plan.

    Args:
        requests: all on the same dataset.
        skip_complete: skip configurations of which there is a complete run, and resume interrupted runs.
        series: that dataset, where it is loaded already.

    Raises:
        UsageError, DataError: what cannot be trained.
    """
    first = plan_runs(requests[0])[0]
    if series is None:
        series = load_dataset(first.dataset, execution.data_dir, first.reading)
    configs = plan_on_series(requests, series)
    protocols = dict.fromkeys(config.own_protocol for config in configs)
    windows = {protocol: make_windows(series, protocol) for protocol in protocols}
    found = find_same_configurations(configs, execution.runs_dir) if skip_complete else {}
    tasks, complete = [], []
    for config in configs:
        folder = found.get(config)
        metrics = read_if_complete(folder) if folder else None
        if metrics:
            complete.append(metrics)
        else:
            tasks.append(make_task(config, execution, folder))
    return TrainingPlan(configs, series, windows, tasks, complete)


def plan_resume(folder: RunFolder, execution: Execution, dataset: str | None = None) -> TrainingPlan:
    """Plan to resume one run on the dataset of its configuration, or on `dataset`, where the same content is now.

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
        RdropError: there is none, several begin so, or it is not in `runs_dir`, where alone runs are written.
    """
    folder = find_run(name, runs_dir)
    parent = folder.path.resolve().parent
    if parent != runs_dir.resolve():
        message = f"{folder.path}: not in {runs_dir}, the only folder that is written"
        raise RdropError(message, change=[("runs_dir", str(parent))])
    return folder


def read_if_complete(folder: RunFolder) -> Metrics | None:
    """Return the metrics of a complete run; where they cannot be read, resuming the run writes them anew."""
    try:
        metrics = folder.read_metrics()
    except DataError:
        return None
    return metrics if metrics.status == "completed" else None


def run_plan(plan: TrainingPlan, execution: Execution, make_callback: Callable[[Task], Callback]) -> list[Outcome]:
    """Train the tasks of a plan and return what became of each, in order; one that fails does not stop the others.

    When this process is interrupted, running processes are ended and the exception goes on; every epoch that is done
    is on the disk, and the same plan made again resumes the runs.

    Raises:
        OSError: the runs folder cannot be written.
        RdropError: the scheduler cannot be reached, or is lost.
    """
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
    """Run the tasks in these places one by one, or each in a process if several are to be at work at once."""
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
    """Yield tasks whose processes find the series where it is no file: it is fetched once, maybe with a login."""
    dataset = tasks[0].config.dataset
    if dataset in NAMED or Path(dataset).is_file():
        yield tasks
        return
    with TemporaryDirectory() as folder:
        file = store_series(serialise_series(series), Path(folder))
        yield [replace(task, series_file=file) for task in tasks]


def make_task(config: RunConfig, execution: Execution, folder: RunFolder | None) -> Task:
    """Return the task to train a configuration, in a new folder or the one that it was begun in."""
    path = folder.path if folder else None
    return Task(config, execution.runs_dir, execution.data_dir, path, execution.tensorboard)
