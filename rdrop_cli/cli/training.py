"""Training on the terminal: notes on the data, progress, how to resume after a stop, and the results."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import typer

from rdrop_cli.cli.answer import answer, describe_horizons, describe_quantiles, name_next_step
from rdrop_cli.cli.console import note, note_command, print_command, print_error, print_lines, warn_if_unverified
from rdrop_cli.cli.defaults import name_flag
from rdrop_cli.cli.options import DEFAULT_DATA_DIR, DEFAULT_RUNS_DIR
from rdrop_cli.cli.progress import RunProgress, TrainingDisplay
from rdrop_cli.cli.runs import print_runs
from rdrop_cli.cli.signals import notice_on_signal
from rdrop_cli.errors import ValueRefusedError, name_options
from rdrop_cli.files import to_json
from rdrop_cli.jobs.launch import (
    Execution,
    TrainingPlan,
    find_run_to_resume,
    plan_resume,
    plan_training,
    read_if_complete,
    run_plan,
)
from rdrop_cli.jobs.task import Outcome, Task
from rdrop_cli.planning.request import Request
from rdrop_cli.runs.document import Metrics
from rdrop_cli.runs.folder import RunFolder
from rdrop_cli.runs.schema import to_builtins
from rdrop_cli.series.describe import describe_plan, describe_series
from rdrop_cli.series.quality import assess_quality
from rdrop_cli.study.units import format_count

RESUME = "resume with:"
REST = "what has come back is kept; `rdrop sweep` and `rdrop train --seeds` resume the rest"


@dataclass(frozen=True)
class Results:
    """The metrics of the complete runs, and the failures with their exit codes."""

    metrics: list[Metrics]
    failures: list[Outcome]


def resume_run(name: str, execution: Execution, dataset: str | None = None) -> Results:
    """Resume an interrupted run, on its dataset or a copy of it; a complete run is left unchanged."""
    folder = find_run_to_resume(name, execution.runs_dir)
    metrics = read_if_complete(folder)
    if metrics:
        note(f"{folder.run_id}: already complete")
        return Results([metrics], [])
    return train(plan_resume(folder, execution, dataset), execution)


def train_until_decided(request: Request, execution: Execution, claims: Sequence[str], max_seeds: int) -> Results:
    """Train seeds from 0 on, one look after another, until every claim is decided or no look is left.

    The looks are fixed in the ledger of the runs folder. Complete runs are skipped and interrupted ones resumed, so the
    same command continues after a stop.

    Raises:
        UsageError: another plan of looks was fixed before, or `max_seeds` is below the first look.
    """
    from rdrop_cli.analysis.collect import collect_runs
    from rdrop_cli.analysis.joint_test import FIRST_LOOK
    from rdrop_cli.analysis.looks import Study, choose_next_seeds, choose_plan, describe_settings, record_look
    from rdrop_cli.analysis.verdict import judge_collection

    seeds, series = FIRST_LOOK, None
    if max_seeds < seeds:
        raise ValueRefusedError("max_seeds", max_seeds, f"at least {seeds}, the first look")
    while True:
        requests = [request.with_seed(seed) for seed in range(seeds)]
        plan = plan_training(requests, execution, skip_complete=True, series=series)
        source, protocol = plan.series.source, plan.configs[0].protocol
        settings, reading = describe_settings(protocol), source.reading or ""
        study = Study(source.sha256, protocol.name, protocol.target, source.where, settings, reading)
        looks = choose_plan(execution.runs_dir, study, tuple(range(FIRST_LOOK, max_seeds + 1)))
        results = train(plan, execution) if series is None else _train_tasks(plan, execution)
        series = plan.series
        if results.failures:
            return results
        judged = judge_collection(collect_runs([run.run_id for run in results.metrics], execution.runs_dir), looks)
        record_look(execution.runs_dir, judged)
        following = choose_next_seeds(judged, claims)
        note(f"{seeds} seeds: {len(claims) - len(following.undecided)} of {format_count(len(claims), 'claim')} decided")
        if following.kind != "train":
            if following.undecided:
                why = "more seeds cannot decide it" if seeds < max_seeds else "the seeds are used up"
                note(f"undecided: {', '.join(following.undecided)}; {why}; see `rdrop verdict --explain`")
            return results
        seeds = following.seeds


def _train_tasks(plan: TrainingPlan, execution: Execution) -> Results:
    """Train the tasks of a plan; its data have been described before."""
    for line in plan.describe_lost():
        note(line)
    outcomes = _run_with_display(plan, execution) if plan.tasks else []
    trained = [outcome.metrics for outcome in outcomes if outcome.metrics]
    _note_still_improving(trained)
    return Results(plan.complete + trained, [outcome for outcome in outcomes if not outcome.metrics])


def train(plan: TrainingPlan, execution: Execution) -> Results:
    """Train a plan; print notes on its data, the number of skipped runs, and the progress of the others."""
    describe_data(plan)
    if plan.complete:
        note(f"{len(plan.complete)} of {format_count(len(plan.configs), 'run')} already complete")
    return _train_tasks(plan, execution)


def _note_still_improving(runs: list[Metrics]) -> None:
    """Print which runs were trained for too few epochs to judge overfitting."""
    improving = [run.run_id for run in runs if run.still_improving]
    if improving:
        which = improving[0] if len(improving) == 1 else f"{len(improving)} of {len(runs)} runs"
        note(f"{which}: validation was still improving at the end; train more epochs to judge overfitting")


def describe_data(plan: TrainingPlan) -> None:
    """Print what is unusual in the series of a plan; for a user's file, also how it is read and cut into windows."""
    series = plan.series
    warn_if_unverified(series.source)
    lines = describe_series(series) if series.time_column else []
    lines += assess_quality(series).describe(plan.configs[0].protocol.sentinels)
    if series.time_column:
        for protocol, windows in plan.windows.items():
            lines += describe_plan(protocol, windows, series.sampling_seconds)
    for line in dict.fromkeys(lines):  # each once
        note(f"{series.source.name}: {name_options(line, name_flag)}")


def _run_with_display(plan: TrainingPlan, execution: Execution) -> list[Outcome]:
    """Train with a progress line for each run; after a stop, print how to resume."""
    needed = any(task.config.is_network for task in plan.tasks)
    with TrainingDisplay("importing TensorFlow" if needed else "fitting") as display:
        shown: list[RunProgress] = []

        def make_callback(task: Task) -> RunProgress:
            shown.append(RunProgress(display, task.config))
            return shown[-1]

        commands = partial(_list_commands, plan, shown, execution)
        rest = [REST] if execution.scheduler else []
        with (
            notice_on_signal(lambda: rest, display.note),
            notice_on_signal(commands, partial(print_command, display.console, RESUME)),
        ):
            return run_plan(plan, execution, make_callback)


def _list_commands(plan: TrainingPlan, shown: list[RunProgress], execution: Execution) -> list[str]:
    """Return the commands that resume the runs which have begun and are not complete."""
    names = [
        task.folder.name if task.folder else progress.run_id for task, progress in zip(plan.tasks, shown, strict=False)
    ]
    return [
        f"rdrop train --resume {shlex.quote(run_id)}{_name_folders(execution)}"
        for run_id in names
        if run_id and _can_be_resumed(RunFolder(execution.runs_dir / run_id))
    ]


def _can_be_resumed(folder: RunFolder) -> bool:
    return folder.path.is_dir() and not read_if_complete(folder)


def _name_folders(execution: Execution) -> str:
    """Return the options that name the folders, where these are not the defaults."""
    runs_dir, data_dir = (shlex.quote(str(path)) for path in (execution.runs_dir, execution.data_dir))
    return (f" --runs-dir {runs_dir}" if execution.runs_dir != DEFAULT_RUNS_DIR else "") + (
        f" --data-dir {data_dir}" if execution.data_dir != DEFAULT_DATA_DIR else ""
    )


def print_results(results: Results, runs_dir: Path, as_json: bool) -> None:
    """Print the results to stdout and the failures to stderr; exit with the first failure's exit code, if any."""
    for outcome in results.failures:
        print_error(str(outcome.failure))
    if as_json:
        typer.echo(to_json([to_builtins(metrics) for metrics in results.metrics]))
    elif results.metrics:
        from rdrop_cli.report.summary import describe_skill

        print_runs(results.metrics)
        said = [describe(results.metrics) for describe in (answer, describe_horizons, describe_quantiles)]
        print_lines(["", *filter(None, (*said, describe_skill(results.metrics, runs_dir)))])
        note_command(*name_next_step(results.metrics, runs_dir))
    if results.failures:
        raise typer.Exit(results.failures[0].exit_code)
