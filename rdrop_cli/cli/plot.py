"""`rdrop plot`: compare runs in one picture, as curves or over their rates."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from rdrop_cli.cli.options import DEFAULT_RUNS_DIR, RunsDir, complete_run_ids
from rdrop_cli.errors import RdropError, UsageError


class Unit(StrEnum):
    """The unit of the error axis."""

    TARGET = "target"
    STANDARDISED = "standardised"


def plot(
    runs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[RUN]...",
            help="Runs by id, beginning of it, or folder; the newest of each variant and seed when none is named.",
            autocompletion=complete_run_ids,
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="The picture; .png, .svg or .pdf. [RUNS_DIR/comparison.png, or rates.png]"),
    ] = None,
    unit: Annotated[
        Unit, typer.Option("--unit", help="Unit of the error: the target's own, or standardised.")
    ] = Unit.TARGET,
    published: Annotated[
        bool, typer.Option("--published", help="Lay the published validation curves of the variants over it.")
    ] = False,
    rates: Annotated[
        bool,
        typer.Option("--rates", help="Draw a heat map instead: the best error over dropout and recurrent dropout."),
    ] = False,
    runs_dir: RunsDir = DEFAULT_RUNS_DIR,
) -> None:
    """Overlay training and validation loss of runs, seeds of a variant as their mean, and the naive forecast."""
    from rdrop_cli.plots.style import check_ending

    if rates and published:
        raise UsageError("--published: was given with --rates, and only curves were published; leave one of them out")
    path = out or runs_dir / ("rates.png" if rates else "comparison.png")
    check_ending(path)
    in_unit = unit is Unit.TARGET
    if rates:
        _plot_rates(runs or [], runs_dir, path, in_unit)
    else:
        _plot_curves(runs or [], runs_dir, path, in_unit, published)
    typer.echo(str(path))


def _plot_curves(names: list[str], runs_dir: Path, path: Path, in_unit: bool, published: bool) -> None:
    from rdrop_cli.analysis.published import match_published
    from rdrop_cli.plots.groups import keep_legible
    from rdrop_cli.plots.loss import draw_comparison
    from rdrop_cli.runs.comparable import choose_named, choose_newest

    if names:
        chosen, warnings = choose_named(names, runs_dir)
    else:
        newest, warnings = choose_newest(runs_dir)
        chosen, too_many = keep_legible(newest)
        if too_many:
            warnings = [*warnings, f"not drawn, to be legible; name the runs to see them: {', '.join(too_many)}"]
    _tell(warnings)
    draw_comparison(chosen, path, in_unit, match_published(chosen) if published else {})


def _plot_rates(names: list[str], runs_dir: Path, path: Path, in_unit: bool) -> None:
    from rdrop_cli.analysis.collect import collect_runs
    from rdrop_cli.analysis.networks import judge_arms
    from rdrop_cli.analysis.rate_grid import require_rate_grids
    from rdrop_cli.plots.rates import MOST_PANELS, draw_rates
    from rdrop_cli.runs.comparable import describe_skipped

    collection = collect_runs(names, runs_dir)
    _tell(describe_skipped(collection.left_out))
    if not collection.used:
        raise RdropError(f"no run in {runs_dir} is complete; `rdrop train` makes some")
    grids = require_rate_grids(judge_arms(collection.arms, collection.usual))
    if too_many := [grid.network for grid in grids[MOST_PANELS:]]:
        _tell([f"not drawn, to be legible; name the runs to see them: {', '.join(too_many)}"])
    draw_rates(grids, collection.used[0], path, in_unit)


def _tell(notes: list[str]) -> None:
    from rdrop_cli.cli.console import make_console

    for line in notes:
        make_console().print(f"note: {line}", markup=False)
