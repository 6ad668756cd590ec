"""The requested runs as a grid: their progress, and the time and disk space that completing them takes."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from rdrop_cli.cli.console import Column, print_lines, print_table
from rdrop_cli.study.units import format_count
from rdrop_cli.study.variants import find_variant

if TYPE_CHECKING:
    from rdrop_cli.jobs.launch import Execution, TrainingPlan
    from rdrop_cli.runs.estimate import Estimate
    from rdrop_cli.runs.progress import Progress
    from rdrop_cli.study.config import RunConfig

STATES = ("complete", "interrupted", "new")


@dataclass(frozen=True)
class GridRow:
    """One row of the grid: a network, its rates and epochs, and the numbers of its seeds and of its runs by state."""

    network: str
    dropout: float | None
    recurrent_dropout: float | None
    epochs: int
    seeds: int
    complete: int
    interrupted: int
    new: int


@dataclass(frozen=True)
class Grid:
    """The runs of a plan by network, and an estimate of the remaining work."""

    rows: "list[GridRow]"
    progress: "Sequence[Progress]"
    estimate: "Estimate"

    def to_json(self) -> dict[str, Any]:
        return {"grid": [asdict(row) for row in self.rows], "estimate": asdict(self.estimate)}

    def describe(self) -> "list[str]":
        """Return lines on the runs, the time, the disk space, and the basis of the estimate."""
        return list(_describe(self.progress, self.estimate))

    def show(self) -> None:
        """Print the grid and the estimate to stdout."""
        _print_grid(self.rows)
        print_lines(["", *self.describe()])


def survey_plan(plan: "TrainingPlan", execution: "Execution") -> Grid:
    """Find the progress of a plan's runs, and estimate the rest; start no run and create no folder."""
    from rdrop_cli.jobs.pool import choose_jobs
    from rdrop_cli.runs.estimate import estimate_work
    from rdrop_cli.runs.progress import State, find_progress
    from rdrop_cli.system import list_cores

    progress = find_progress(plan.configs, execution.runs_dir)
    left = max(1, sum(run.state is not State.COMPLETE for run in progress))
    cores = len(list_cores())
    jobs = min(execution.jobs or choose_jobs(left), left, cores)  # more jobs than cores are no faster
    estimate = estimate_work(progress, plan.series.source.rows, execution.runs_dir, jobs, threads=max(1, cores // jobs))
    return Grid(_sum_up(progress), progress, estimate)


def _sum_up(progress: "Sequence[Progress]") -> list[GridRow]:
    """Return the rows of the grid, in the order of the plan."""
    counts: dict[RunConfig, Counter[str]] = {}
    seeds: dict[RunConfig, set[int]] = {}
    for run in progress:
        network = replace(run.config, seed=0, vary="", protocol=run.config.protocol.at_first_origin)
        counts.setdefault(network, Counter())[run.state] += 1
        seeds.setdefault(network, set()).add(run.config.seed)
    return [
        GridRow(
            network=config.label,
            dropout=config.dropout if find_variant(config.variant).dropout else None,
            recurrent_dropout=config.recurrent_dropout if find_variant(config.variant).recurrent_dropout else None,
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
    """Render the rates, dropout first: `0.2/0.5`; `-` stands for a rate that the network does not have."""
    return "/".join("-" if rate is None else f"{rate:g}" for rate in (row.dropout, row.recurrent_dropout))


def _describe(progress: "Sequence[Progress]", estimate: "Estimate") -> Iterator[str]:
    """Yield the lines below the grid: runs, time, disk space, and the basis of the estimate."""
    from rdrop_cli.cli.progress import format_rough

    count = Counter(str(run.state) for run in progress)
    yield f"{format_count(len(progress), 'run')}: " + ", ".join(f"{count[state]} {state}" for state in STATES)
    if not estimate.bases:
        return
    jobs = f"{estimate.jobs} in parallel" if estimate.jobs > 1 else "one after another"
    yield f"time: about {format_rough(estimate.seconds)} on this machine, {jobs}"
    folders = (
        f"{format_count(estimate.folders_measured, 'complete run')} here"
        if estimate.folders_measured
        else "default size; no complete run here"
    )
    yield f"disk: about {estimate.new_bytes / 1e6:.1f} MB for the new runs ({folders})"
    yield "estimate based on:"
    yield from (f"  {basis}" for basis in estimate.bases)
