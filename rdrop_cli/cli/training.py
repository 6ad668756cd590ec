"""Show a training on the terminal: what was found in the data, progress, and how to resume after an interruption."""

from collections.abc import Iterable
from dataclasses import dataclass

from rdrop_cli.cli.console import make_console, warn_if_unverified
from rdrop_cli.cli.progress import RunProgress, TrainingDisplay
from rdrop_cli.cli.signals import Terminated
from rdrop_cli.jobs.cluster import KEPT
from rdrop_cli.jobs.launch import (
    Execution,
    TrainingPlan,
    find_run_to_resume,
    plan_resume,
    read_if_complete,
    run_plan,
)
from rdrop_cli.jobs.task import Outcome, Task
from rdrop_cli.runs.document import Metrics
from rdrop_cli.series.describe import describe_plan, describe_series
from rdrop_cli.series.quality import find_oddities


@dataclass(frozen=True)
class Results:
    """The metrics of the runs that are complete, and the failures, each with its exit code."""

    metrics: list[Metrics]
    failures: list[Outcome]


def resume_run(name: str, execution: Execution, dataset: str | None = None) -> Results:
    """Resume an interrupted run, on its dataset or the same content elsewhere; a complete one is left as it is."""
    folder = find_run_to_resume(name, execution.runs_dir)
    metrics = read_if_complete(folder)
    if metrics:
        make_console().print(f"{folder.run_id}: is complete; nothing to do", markup=False)
        return Results([metrics], [])
    return train(plan_resume(folder, execution, dataset), execution)


def train(plan: TrainingPlan, execution: Execution) -> Results:
    """Train a plan; print what was found in its data, which runs are skipped, and the progress of the others."""
    describe_data(plan)
    if plan.complete:
        make_console().print(f"{len(plan.complete)} of {len(plan.configs)} runs are complete already")
    outcomes = _run_with_display(plan, execution)
    trained = [outcome.metrics for outcome in outcomes if outcome.metrics]
    _note_still_improving(trained)
    return Results(plan.complete + trained, [outcome for outcome in outcomes if not outcome.metrics])


def _note_still_improving(runs: list[Metrics]) -> None:
    """Print which runs were trained too little to judge their overfitting."""
    improving = [run.run_id for run in runs if run.still_improving]
    if improving:
        which = improving[0] if len(improving) == 1 else f"{len(improving)} of {len(runs)} runs"
        make_console().print(
            f"{which}: validation was still improving at the end; train more epochs (--epochs) before a word on "
            "overfitting",
            markup=False,
        )


def describe_data(plan: TrainingPlan) -> None:
    """Print what is unusual in the series of a plan, and of a user's file how it is read and cut."""
    series = plan.series
    warn_if_unverified(make_console(), series.source)
    lines = describe_series(series) if series.time_column else []
    lines += find_oddities(series).describe(plan.configs[0].protocol.sentinels)
    if series.time_column:
        for protocol, windows in plan.windows.items():
            lines += describe_plan(protocol, windows, series.sampling_seconds)
    _print_of(series.source.name, dict.fromkeys(lines))  # each once


def _print_of(name: str, lines: Iterable[str]) -> None:
    console = make_console()
    for line in lines:
        console.print(f"{name}: {line}", markup=False)


def _run_with_display(plan: TrainingPlan, execution: Execution) -> list[Outcome]:
    """Train with a line of progress for each run; when stopped, print how to resume."""
    with TrainingDisplay() as display:
        shown: list[RunProgress] = []

        def make_callback(task: Task) -> RunProgress:
            shown.append(RunProgress(display))
            return shown[-1]

        try:
            return run_plan(plan, execution, make_callback)
        except (KeyboardInterrupt, Terminated):
            started = [progress.run_id for progress in shown if progress.run_id]
            for run_id in [run_id for run_id in started if (execution.runs_dir / run_id).is_dir()]:
                display.note(f"resume with: rdrop train --resume {run_id}")
            if execution.scheduler:
                display.note(f"{KEPT}; `rdrop sweep` and `rdrop train --seeds` resume the rest")
            raise
