"""`rdrop plot`: compare runs in one picture."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from rdrop_cli.cli.options import DEFAULT_RUNS_DIR, RunsDir, complete_run_ids


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
        Path | None, typer.Option("--out", "-o", help="The picture; .png, .svg or .pdf. [RUNS_DIR/comparison.png]")
    ] = None,
    unit: Annotated[
        Unit, typer.Option("--unit", help="Unit of the error: the target's own, or standardised.")
    ] = Unit.TARGET,
    published: Annotated[
        bool, typer.Option("--published", help="Lay the published validation curves of the variants over it.")
    ] = False,
    runs_dir: RunsDir = DEFAULT_RUNS_DIR,
) -> None:
    """Overlay training and validation loss of runs, seeds of a variant as their mean, and the naive forecast."""
    from rdrop_cli.analysis.published import match_published
    from rdrop_cli.cli.console import make_console
    from rdrop_cli.plots.loss import draw_comparison
    from rdrop_cli.plots.style import check_ending
    from rdrop_cli.runs.select import choose_named, choose_newest

    path = out or runs_dir / "comparison.png"
    check_ending(path)
    chosen, warnings = choose_named(runs, runs_dir) if runs else choose_newest(runs_dir)
    for line in warnings:
        make_console().print(f"note: {line}", markup=False)
    overlaid = match_published(chosen) if published else {}
    draw_comparison(chosen, path, unit is Unit.TARGET, overlaid)
    typer.echo(str(path))
