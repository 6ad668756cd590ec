"""`rdrop plot`: compare runs in one picture."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from rdrop_cli.cli.options import DEFAULT_RUNS_DIR, RunsDir, complete_run_ids


class Unit(StrEnum):
    """The unit of the error axis."""

    DEGC = "degc"
    STANDARDISED = "standardised"


def plot(
    runs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[RUN]...",
            help="Runs by id, beginning of it, or folder; the newest run of each variant when none is named.",
            autocompletion=complete_run_ids,
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="The picture; .png, .svg or .pdf. [RUNS_DIR/comparison.png]")
    ] = None,
    unit: Annotated[Unit, typer.Option("--unit", help="Unit of the error.")] = Unit.DEGC,
    runs_dir: RunsDir = DEFAULT_RUNS_DIR,
) -> None:
    """Overlay training and validation loss of runs, with the naive forecast as a line."""
    from rdrop_cli.cli.console import make_console
    from rdrop_cli.plots.loss import draw_comparison
    from rdrop_cli.plots.style import check_ending
    from rdrop_cli.runs.select import choose_named, choose_newest_of_each_variant

    path = out or runs_dir / "comparison.png"
    check_ending(path)
    chosen, warnings = choose_named(runs, runs_dir) if runs else choose_newest_of_each_variant(runs_dir)
    for line in warnings:
        make_console().print(f"note: {line}", markup=False)
    draw_comparison(chosen, path, in_degc=unit is Unit.DEGC)
    typer.echo(str(path))
