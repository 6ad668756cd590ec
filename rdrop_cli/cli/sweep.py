"""`rdrop sweep`: train the grid of a study file, or what of it is missing."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rdrop_cli.cli.console import Column, note, print_lines, print_table, show_stage
from rdrop_cli.cli.options import (
    DEFAULT_DATA_DIR,
    DEFAULT_RUNS_DIR,
    AsJson,
    DataDir,
    Jobs,
    Quiet,
    RunsDir,
    Scheduler,
    TensorBoard,
    Verbose,
)
from rdrop_cli.cli.signals import notice_on_signal
from rdrop_cli.files import to_json
from rdrop_cli.study.variants import VARIANTS

if TYPE_CHECKING:
    from rdrop_cli.jobs.launch import Execution
    from rdrop_cli.planning.study_file import Sweep
    from rdrop_cli.runs.estimate import Estimate
    from rdrop_cli.runs.progress import Progress
    from rdrop_cli.study.config import RunConfig

STATES = ("complete", "interrupted", "new")


def sweep(
    study: Annotated[
        Path, typer.Argument(metavar="STUDY", help="TOML file with variants, cells, rates, seeds and protocol.")
    ],
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", "-n", help="Show the runs, and the time and disk space they need; train nothing."),
    ] = False,
    jobs: Jobs = None,
    scheduler: Scheduler = None,
    tensorboard: TensorBoard = False,
    runs_dir: RunsDir = DEFAULT_RUNS_DIR,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    as_json: AsJson = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Train every combination listed in a study file.

    Complete runs are skipped and interrupted ones resumed: after a stop, run the same command again.
    """
    with show_stage("importing NumPy"):
        from rdrop_cli.cli.train import print_results
        from rdrop_cli.cli.training import train
        from rdrop_cli.jobs.launch import Execution, plan_training
        from rdrop_cli.planning.study_file import read_sweep

    execution = Execution(runs_dir, data_dir, jobs, tensorboard, scheduler)
    wanted = read_sweep(study)
    if dry_run:
        _dry_run(wanted, execution, as_json)
        return
    with wanted.file.locate_errors(), show_stage(f"reading {wanted.requests[0].dataset}"):
        plan = plan_training(wanted.requests, execution, skip_complete=True)
    with notice_on_signal(lambda: ["or resume the whole sweep: run the same command again"], note):
        results = train(plan, execution)
    print_results(results, runs_dir, as_json)


@dataclass(frozen=True)
class GridRow:
    """One row of the grid: a network with its rates, its seeds, and how many of its runs are how far."""

    network: str
    dropout: float | None
    recurrent_dropout: float | None
    epochs: int
    seeds: int
    complete: int
    interrupted: int
    new: int


def _dry_run(wanted: "Sweep", execution: "Execution", as_json: bool) -> None:
    """Print what a sweep would do; no run is started, and no runs folder made."""
    from rdrop_cli.cli.training import describe_data
    from rdrop_cli.jobs.launch import plan_training
    from rdrop_cli.jobs.pool import choose_jobs
    from rdrop_cli.runs.estimate import estimate_work
    from rdrop_cli.runs.progress import State, find_progress
    from rdrop_cli.system import list_cores

    with wanted.file.locate_errors(), show_stage(f"reading {wanted.requests[0].dataset}"):
        plan = plan_training(wanted.requests, execution)
    describe_data(plan)
    progress = find_progress(plan.configs, execution.runs_dir)
    left = max(1, sum(run.state is not State.COMPLETE for run in progress))
    cores = len(list_cores())
    jobs = min(execution.jobs or choose_jobs(left), left, cores)  # more than cores are no faster
    estimate = estimate_work(progress, plan.series.source.rows, execution.runs_dir, jobs, threads=max(1, cores // jobs))
    rows = _sum_up(progress)
    if as_json:
        typer.echo(to_json({"grid": [asdict(row) for row in rows], "estimate": asdict(estimate)}))
    else:
        _print_grid(rows)
        print_lines(["", *_describe(progress, estimate)])


def _sum_up(progress: "Sequence[Progress]") -> list[GridRow]:
    """Return the rows of the grid, in the order of the file."""
    counts: dict[RunConfig, Counter[str]] = {}
    seeds: dict[RunConfig, set[int]] = {}
    for run in progress:
        network = replace(run.config, seed=0, vary="", protocol=run.config.protocol.at_first_origin)
        counts.setdefault(network, Counter())[run.state] += 1
        seeds.setdefault(network, set()).add(run.config.seed)
    return [
        GridRow(
            network=config.label,
            dropout=config.dropout if VARIANTS[config.variant].dropout else None,
            recurrent_dropout=config.recurrent_dropout if VARIANTS[config.variant].recurrent_dropout else None,
            epochs=config.epochs,
            seeds=len(seeds[config]),
            complete=count["complete"],
            interrupted=count["interrupted"],
            new=count["new"],
        )
        for config, count in counts.items()
    ]


def _print_grid(rows: Sequence[GridRow]) -> None:
    """Print the grid to stdout."""
    figures = ("epochs", "seeds", *STATES)
    columns = (Column("network"), Column("rates"), *(Column(name, right=True) for name in figures))
    print_table(columns, [(row.network, _format_rates(row), *map(str, _list_figures(row))) for row in rows])


def _list_figures(row: GridRow) -> tuple[int, ...]:
    return (row.epochs, row.seeds, row.complete, row.interrupted, row.new)


def _format_rates(row: GridRow) -> str:
    """Render the rates, dropout first: `0.2/0.5`; `-` is a rate that the network does not have."""
    return "/".join("-" if rate is None else f"{rate:g}" for rate in (row.dropout, row.recurrent_dropout))


def _describe(progress: "Sequence[Progress]", estimate: "Estimate") -> Iterator[str]:
    """Yield the lines below the grid: runs, time, disk space, and what the estimate is based on."""
    from rdrop_cli.cli.progress import format_rough

    count = Counter(str(run.state) for run in progress)
    yield f"{_count(len(progress), 'run')}: " + ", ".join(f"{count[state]} {state}" for state in STATES)
    if not estimate.bases:
        return
    jobs = f"{estimate.jobs} in parallel" if estimate.jobs > 1 else "one after another"
    yield f"time: about {format_rough(estimate.seconds)} on this machine, {jobs}"
    folders = (
        f"{_count(estimate.folders_measured, 'complete run')} here"
        if estimate.folders_measured
        else "default size; no complete run here"
    )
    yield f"disk: about {estimate.new_bytes / 1e6:.1f} MB for the new runs ({folders})"
    yield "estimate based on:"
    yield from (f"  {basis}" for basis in estimate.bases)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
