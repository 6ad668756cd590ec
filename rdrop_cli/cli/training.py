"""Train from the shell: load the data, show progress, and say how to go on after an interruption."""

import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rdrop_cli.cli.console import make_console, warn_if_unverified
from rdrop_cli.cli.options import DEFAULT_DATA_DIR, DEFAULT_RUNS_DIR
from rdrop_cli.cli.progress import RunProgress, TrainingDisplay
from rdrop_cli.cli.signals import notice_on_signal
from rdrop_cli.errors import DataError, RdropError, UsageError
from rdrop_cli.jobs.cluster import KEPT, run_on_cluster
from rdrop_cli.jobs.connection import check_scheduler
from rdrop_cli.jobs.pool import choose_jobs, run_tasks
from rdrop_cli.jobs.task import Outcome, Task, do_task
from rdrop_cli.planning.request import Request, fit_to_series, plan_runs
from rdrop_cli.runs.comparable import find_same_configurations
from rdrop_cli.runs.document import Metrics
from rdrop_cli.runs.find import find_run
from rdrop_cli.runs.folder import RunFolder, check_writable
from rdrop_cli.series.describe import describe_plan, describe_series
from rdrop_cli.series.load import load_dataset
from rdrop_cli.series.quality import find_oddities, measure_extent
from rdrop_cli.series.table import Series
from rdrop_cli.series.windows import make_windows
from rdrop_cli.study.config import RunConfig


@dataclass(frozen=True)
class Results:
    """The metrics of the runs that are complete, and the failures, each with its exit code."""

    metrics: list[Metrics]
    failures: list[Outcome]


@dataclass(frozen=True)
class Execution:
    """Where runs are kept, and how they are computed.

    Attributes:
        jobs: runs at work at once; None for as many as the machine carries.
        tensorboard: whether each run writes event files too.
        scheduler: of a Dask cluster on whose workers the runs are computed; None for this machine.
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
            raise UsageError(f"--jobs: expected at least 1, received {self.jobs}")


def train_new_runs(request: Request, seeds: Sequence[int] | None, execution: Execution) -> Results:
    """Train what is asked for.

    With `seeds`, every variant is trained with each of them, and what is there already is not trained again.
    """
    wanted = [request.with_seed(seed) for seed in (seeds or [request.seed])]
    configs, series = settle_runs(wanted, execution)
    if seeds is not None:
        return train_missing(configs, series, execution)
    return _train([_make_task(config, execution) for config in configs], series, execution)


def settle_runs(requests: Sequence[Request], execution: Execution) -> tuple[list[RunConfig], Series]:
    """Return the configurations that are asked for, fitted to the dataset, which all requests share, and that.

    Everything that can be refused is refused here, before any process is started.

    Raises:
        UsageError, DataError: what cannot be trained.
    """
    planned = [(request, config) for request in requests for config in plan_runs(request)]
    first = planned[0][1]
    series = load_and_tell(first.dataset, first.protocol.sentinels, execution.data_dir, first.time_column)
    extent = measure_extent(series)
    configs = [fit_to_series(config, request, extent) for request, config in planned]
    lines: dict[str, None] = {}  # in their order, each once
    for protocol in dict.fromkeys(config.protocol for config in configs):
        windows = make_windows(series, protocol)
        lines |= dict.fromkeys(describe_plan(protocol, windows, extent.sampling_seconds) if extent.own_file else ())
    _tell(series, lines)
    return configs, series


def train_missing(configs: Sequence[RunConfig], series: Series, execution: Execution) -> Results:
    """Train what no complete run has: a complete run counts as it is, an interrupted one is gone on with."""
    there = find_same_configurations(configs, execution.runs_dir)
    complete, tasks = [], []
    for config in configs:
        folder = there.get(config)
        metrics = _read_metrics_if_complete(folder) if folder else None
        if metrics:
            complete.append(metrics)
        else:
            tasks.append(_make_task(config, execution, folder))
    if complete:
        make_console().print(f"{len(complete)} of {len(configs)} runs are complete already")
    trained = _train(tasks, series, execution)
    return Results(complete + trained.metrics, trained.failures)


def resume_run(name: str, execution: Execution) -> Results:
    """Go on with an interrupted run; a completed one is left as it is."""
    runs_dir = execution.runs_dir
    folder = find_run(name, runs_dir)
    parent = folder.path.resolve().parent
    if parent != runs_dir.resolve():
        raise RdropError(f"{folder.path}: is not in {runs_dir}, and nothing else is written; add --runs-dir {parent}")
    metrics = _read_metrics_if_complete(folder)
    if metrics:
        make_console().print(f"{folder.run_id}: is complete; nothing to do", markup=False)
        return Results([metrics], [])
    config = folder.read_config()
    series = load_and_tell(config.dataset, config.protocol.sentinels, execution.data_dir, config.time_column)
    return _train([_make_task(config, execution, folder)], series, execution)


def _make_task(config: RunConfig, execution: Execution, folder: RunFolder | None = None) -> Task:
    path = folder.path if folder else None
    return Task(config, execution.runs_dir, execution.data_dir, path, execution.tensorboard)


def _read_metrics_if_complete(folder: RunFolder) -> Metrics | None:
    """Return the metrics of a complete run; where there are none to be read, going on writes them anew."""
    try:
        metrics = folder.read_metrics()
    except DataError:
        return None
    return metrics if metrics.status == "completed" else None


def load_and_tell(dataset: str, sentinels: str, data_dir: Path, time_column: str = "") -> Series:
    """Load a dataset and say what is odd about it, and of a user's file what was made of it."""
    series = load_dataset(dataset, data_dir, time_column)
    warn_if_unverified(make_console(), series.source)
    _tell(series, describe_series(series) if series.time_column else ())
    _tell(series, find_oddities(series).describe(sentinels))
    return series


def _tell(series: Series, lines: Iterable[str]) -> None:
    console = make_console()
    for line in lines:
        console.print(f"{series.source.name}: {line}", markup=False)


def _train(tasks: list[Task], series: Series, execution: Execution) -> Results:
    """Do tasks, several side by side where the machine carries them; when stopped, say how to go on."""
    check_writable(execution.runs_dir)
    with TrainingDisplay() as display:
        reporters = [RunProgress(display) for _ in tasks]
        with notice_on_signal(lambda: _list_notices(tasks, reporters, execution), display.note):
            outcomes = _do_tasks(tasks, series, execution, reporters)
    return Results(
        [outcome.metrics for outcome in outcomes if outcome.metrics],
        [outcome for outcome in outcomes if not outcome.metrics],
    )


def _list_notices(tasks: list[Task], reporters: list[RunProgress], execution: Execution) -> list[str]:
    """Say how to resume each run that has begun and is not complete."""
    names = [
        task.folder.name if task.folder else reporter.run_id for task, reporter in zip(tasks, reporters, strict=True)
    ]
    lines = [
        f"resume with: rdrop train --resume {shlex.quote(run_id)}{_name_folders(execution)}"
        for run_id in names
        if run_id and _can_be_resumed(RunFolder(execution.runs_dir / run_id))
    ]
    return [*lines, KEPT] if execution.scheduler else lines


def _can_be_resumed(folder: RunFolder) -> bool:
    return folder.path.is_dir() and not _read_metrics_if_complete(folder)


def _name_folders(execution: Execution) -> str:
    """Return the options without which a command would look for the run in other folders."""
    runs_dir, data_dir = (shlex.quote(str(path)) for path in (execution.runs_dir, execution.data_dir))
    return (f" --runs-dir {runs_dir}" if execution.runs_dir != DEFAULT_RUNS_DIR else "") + (
        f" --data-dir {data_dir}" if execution.data_dir != DEFAULT_DATA_DIR else ""
    )


def _do_tasks(tasks: list[Task], series: Series, execution: Execution, reporters: list[RunProgress]) -> list[Outcome]:
    if execution.scheduler:
        return run_on_cluster(tasks, series, execution.scheduler, reporters)
    jobs = min(execution.jobs or choose_jobs(len(tasks)), len(tasks))
    if jobs > 1:
        return run_tasks(tasks, jobs, reporters)
    return [do_task(task, reporter) for task, reporter in zip(tasks, reporters, strict=True)]
