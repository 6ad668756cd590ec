"""Train from the shell: load the data, show progress, and say how to go on after an interruption."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rdrop_cli.cli.console import make_console, warn_if_unverified
from rdrop_cli.cli.progress import RunProgress, TrainingDisplay
from rdrop_cli.cli.signals import Terminated
from rdrop_cli.errors import DataError, RdropError, UsageError
from rdrop_cli.jobs.pool import choose_jobs, run_tasks
from rdrop_cli.jobs.task import Outcome, Task, do_task
from rdrop_cli.runs.find import find_run
from rdrop_cli.runs.folder import RunFolder, check_writable
from rdrop_cli.runs.select import find_same_configuration
from rdrop_cli.series.datasets import load_dataset
from rdrop_cli.series.oddities import find_oddities
from rdrop_cli.series.table import Series
from rdrop_cli.series.windows import make_windows
from rdrop_cli.study.config import RunConfig
from rdrop_cli.study.plan import Request, fit_to_series, plan_runs


@dataclass(frozen=True)
class Results:
    """The metrics of the runs that are complete, and the failures, each with its exit code."""

    metrics: list[dict[str, Any]]
    failures: list[Outcome]


def train_new_runs(
    request: Request, seeds: Sequence[int] | None, jobs: int | None, runs_dir: Path, data_dir: Path
) -> Results:
    """Train what is asked for.

    With `seeds`, every variant is trained with each of them, and what is there already is not trained again: a
    complete run counts as it is, an interrupted one is gone on with.
    """
    if jobs is not None and jobs < 1:
        raise UsageError(f"--jobs: expected at least 1, received {jobs}")
    planned = [run for seed in seeds or [request.seed] for run in plan_runs(request.with_seed(seed))]
    series = _load(request.dataset, planned[0].protocol.sentinels, data_dir)
    configs = [fit_to_series(plan, request, series.sampling_seconds, series.source.sha256) for plan in planned]
    make_windows(series, configs[0].protocol)  # refuses what does not fit before any process is started
    check_writable(runs_dir)
    if seeds is None:
        return _train([Task(config, runs_dir, data_dir) for config in configs], jobs)
    return _train_missing(configs, jobs, runs_dir, data_dir)


def resume_run(name: str, runs_dir: Path, data_dir: Path) -> Results:
    """Go on with an interrupted run; a completed one is left as it is."""
    folder = find_run(name, runs_dir)
    parent = folder.path.resolve().parent
    if parent != runs_dir.resolve():
        raise RdropError(f"{folder.path}: is not in {runs_dir}, and nothing else is written; add --runs-dir {parent}")
    metrics = _read_metrics_if_complete(folder)
    if metrics:
        make_console().print(f"{folder.run_id}: is complete; nothing to do", markup=False)
        return Results([metrics], [])
    config = folder.read_config()
    _load(config.dataset, config.protocol.sentinels, data_dir)
    return _train([Task(config, runs_dir, data_dir, folder.path)], jobs=1)


def _read_metrics_if_complete(folder: RunFolder) -> dict[str, Any] | None:
    """Return the metrics of a complete run; where there are none to be read, going on writes them anew."""
    try:
        metrics = folder.read_metrics()
    except DataError:
        return None
    return metrics if metrics["status"] == "completed" else None


def _train_missing(configs: list[RunConfig], jobs: int | None, runs_dir: Path, data_dir: Path) -> Results:
    """Train the configurations that no complete run has; go on with those that were interrupted."""
    complete, tasks = [], []
    for config in configs:
        same = find_same_configuration(config, runs_dir)
        if same and same.read_metrics()["status"] == "completed":
            complete.append(same.read_metrics())
        else:
            tasks.append(Task(config, runs_dir, data_dir, same.path if same else None))
    if complete:
        make_console().print(f"{len(complete)} of {len(configs)} runs are complete already")
    trained = _train(tasks, jobs)
    return Results(complete + trained.metrics, trained.failures)


def _load(dataset: str, sentinels: str, data_dir: Path) -> Series:
    """Load a dataset and say what is odd about it."""
    series = load_dataset(dataset, data_dir)
    console = make_console()
    warn_if_unverified(console, series.source)
    for line in find_oddities(series).describe(sentinels):
        console.print(f"{series.source.name}: {line}", markup=False)
    return series


def _train(tasks: list[Task], jobs: int | None) -> Results:
    """Do tasks, several side by side where the machine carries them; when stopped, say how to go on."""
    jobs = min(jobs or choose_jobs(len(tasks)), len(tasks))
    with TrainingDisplay() as display:
        reporters = [RunProgress(display) for _ in tasks]
        try:
            if jobs > 1:
                outcomes = run_tasks(tasks, jobs, reporters)
            else:
                outcomes = [do_task(task, reporter) for task, reporter in zip(tasks, reporters, strict=True)]
        except (KeyboardInterrupt, Terminated):
            for run_id in [reporter.run_id for reporter in reporters if reporter.run_id]:
                display.note(f"go on with: rdrop train --resume {run_id}")
            raise
    return Results(
        [outcome.metrics for outcome in outcomes if outcome.metrics],
        [outcome for outcome in outcomes if not outcome.metrics],
    )
