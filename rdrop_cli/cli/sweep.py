"""`rdrop sweep`: train the grid of a study file, or what of it is missing."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, astuple, dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rdrop_cli.cli.options import (
    DEFAULT_DATA_DIR,
    DEFAULT_RUNS_DIR,
    AsJson,
    DataDir,
    Jobs,
    RunsDir,
    Scheduler,
    TensorBoard,
)
from rdrop_cli.cli.signals import notice_on_signal
from rdrop_cli.files import to_json
from rdrop_cli.study.variants import VARIANTS

if TYPE_CHECKING:
    from rdrop_cli.cli.training import Execution
    from rdrop_cli.planning.study_file import Sweep
    from rdrop_cli.runs.estimate import Estimate
    from rdrop_cli.runs.progress import Progress
    from rdrop_cli.study.config import RunConfig

STATES = ("complete", "interrupted", "new")


def sweep(
    study: Annotated[Path, typer.Argument(metavar="STUDY", help="TOML file: variants, cells, rates, seeds, protocol.")],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", "-n", help="Show the grid, the time and the disk it takes; write nothing.")
    ] = False,
    jobs: Jobs = None,
    scheduler: Scheduler = None,
    tensorboard: TensorBoard = False,
    runs_dir: RunsDir = DEFAULT_RUNS_DIR,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    as_json: AsJson = False,
) -> None:
    """Train the grid of a study file; complete runs are skipped, interrupted ones resumed."""
    from rdrop_cli.cli.console import make_console
    from rdrop_cli.cli.train import print_results
    from rdrop_cli.cli.training import Execution, settle_runs, train_missing
    from rdrop_cli.planning.study_file import read_sweep

    execution = Execution(runs_dir, data_dir, jobs, tensorboard, scheduler)
    wanted = read_sweep(study)
    if dry_run:
        _rehearse(wanted, execution, as_json)
        return
    with wanted.file.blame():
        configs, series = settle_runs(wanted.requests, execution)
    rerun = "or run the same command again to resume the whole sweep"
    with notice_on_signal(lambda: [rerun], make_console().print):
        results = train_missing(configs, series, execution)
    print_results(results, as_json)


@dataclass(frozen=True)
class GridRow:
    """One row of the grid: a network with its rates, and how many of its seeds are how far."""

    network: str
    dropout: float | None
    recurrent_dropout: float | None
    epochs: int
    seeds: int
    complete: int
    interrupted: int
    new: int


def _rehearse(wanted: "Sweep", execution: "Execution", as_json: bool) -> None:
    """Print what a sweep would do; no run is started, and no runs folder made."""
    from rdrop_cli.cli.training import settle_runs
    from rdrop_cli.jobs.pool import choose_jobs
    from rdrop_cli.runs.estimate import estimate_work
    from rdrop_cli.runs.progress import State, find_progress
    from rdrop_cli.system import list_cores

    with wanted.file.blame():
        configs, series = settle_runs(wanted.requests, execution)
    progress = find_progress(configs, execution.runs_dir)
    left = max(1, sum(run.state is not State.COMPLETE for run in progress))
    cores = len(list_cores())
    jobs = min(execution.jobs or choose_jobs(left), left, cores)  # more than cores are no faster
    estimate = estimate_work(progress, series.source.rows, execution.runs_dir, jobs, threads=max(1, cores // jobs))
    rows = _sum_up(progress)
    if as_json:
        typer.echo(to_json({"grid": [asdict(row) for row in rows], "estimate": asdict(estimate)}))
    else:
        _print_grid(rows)
        typer.echo("\n".join(_describe(progress, estimate)))


def _sum_up(progress: "Sequence[Progress]") -> list[GridRow]:
    """Return the rows of the grid, in the order of the file."""
    counts: dict[RunConfig, Counter[str]] = {}
    for run in progress:
        counts.setdefault(replace(run.config, seed=0), Counter())[run.state] += 1
    return [
        GridRow(
            network=config.label,
            dropout=config.dropout if VARIANTS[config.variant].dropout else None,
            recurrent_dropout=config.recurrent_dropout if VARIANTS[config.variant].recurrent_dropout else None,
            epochs=config.epochs,
            seeds=count.total(),
            complete=count["complete"],
            interrupted=count["interrupted"],
            new=count["new"],
        )
        for config, count in counts.items()
    ]


def _print_grid(rows: Sequence[GridRow]) -> None:
    """Print the grid to stdout."""
    from rich import box
    from rich.table import Table

    from rdrop_cli.cli.console import make_console

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for field in fields(GridRow):
        header = field.name.replace("_", " ")
        table.add_column(header, justify="left" if field.name == "network" else "right", no_wrap=True)
    for row in rows:
        table.add_row(*("-" if value is None else f"{value}" for value in astuple(row)))
    make_console(stderr=False).print(table)


def _describe(progress: "Sequence[Progress]", estimate: "Estimate") -> Iterator[str]:
    """Yield the lines below the grid: runs, time, disk, and what the estimate rests on."""
    from rdrop_cli.cli.progress import format_seconds

    count = Counter(str(run.state) for run in progress)
    yield f"{_count(len(progress), 'run')}: " + ", ".join(f"{count[state]} {state}" for state in STATES)
    if not estimate.bases:
        return
    jobs = f"with {estimate.jobs} at once" if estimate.jobs > 1 else "one after another"
    yield f"time: about {format_seconds(estimate.seconds)} on this machine, {jobs}"
    folders = f"{_count(estimate.folders_measured, 'complete run')} here" if estimate.folders_measured else "a guess"
    yield f"disk: about {estimate.new_bytes / 1e6:.1f} MB for the new runs ({folders})"
    yield "the time rests on:"
    yield from (f"  {basis}" for basis in estimate.bases)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
