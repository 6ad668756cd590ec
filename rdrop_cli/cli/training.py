"""Train from the shell: load the data, show progress, and say how to go on after an interruption."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from rdrop_cli.cli.console import make_console, warn_if_unverified
from rdrop_cli.cli.progress import TrainingProgress
from rdrop_cli.cli.signals import Terminated
from rdrop_cli.runs.find import find_run
from rdrop_cli.runs.folder import RunFolder, check_writable, create_run_folder
from rdrop_cli.series.datasets import load_dataset
from rdrop_cli.series.oddities import find_oddities
from rdrop_cli.series.table import Series
from rdrop_cli.study.config import RunConfig
from rdrop_cli.study.plan import Request, fit_to_series, plan_runs
from rdrop_cli.workflow import train_run


def train_new_runs(request: Request, runs_dir: Path, data_dir: Path) -> list[dict[str, Any]]:
    """Train what is asked for, one run after the other; return the runs' metrics."""
    planned = plan_runs(request)
    series = _load(request.dataset, request.sentinels or planned[0].protocol.sentinels, data_dir)
    configs = [fit_to_series(plan, request, series.sampling_seconds, series.source.sha256) for plan in planned]
    check_writable(runs_dir)
    return [_train(config, series, partial(create_run_folder, runs_dir, config)) for config in configs]


def resume_run(name: str, runs_dir: Path, data_dir: Path) -> list[dict[str, Any]]:
    """Go on with an interrupted run; a completed one is left as it is."""
    folder = find_run(name, runs_dir)
    if folder.read_metrics()["status"] == "completed":
        make_console().print(f"{folder.run_id}: is complete; nothing to do", markup=False)
        return [folder.read_metrics()]
    config = folder.read_config()
    return [_train(config, _load(config.dataset, config.protocol.sentinels, data_dir), lambda: folder)]


def _load(dataset: str, sentinels: str, data_dir: Path) -> Series:
    """Load a dataset and say what is odd about it."""
    series = load_dataset(dataset, data_dir)
    console = make_console()
    warn_if_unverified(console, series.source)
    for line in find_oddities(series).describe(sentinels):
        console.print(f"{series.source.name}: {line}", markup=False)
    return series


def _train(config: RunConfig, series: Series, make_folder: Callable[[], RunFolder]) -> dict[str, Any]:
    """Train one run with progress on stderr; when it is stopped, say how to go on."""
    with TrainingProgress() as progress:
        try:
            return train_run(config, series, make_folder, progress)
        except (KeyboardInterrupt, Terminated):
            if progress.run_id:
                progress.note(f"interrupted; go on with: rdrop train --resume {progress.run_id}")
            raise
