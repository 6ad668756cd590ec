"""`rdrop anatomy`: prove which method a layer follows."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rdrop_cli.cli.console import note, print_lines
from rdrop_cli.cli.hints import check_variant_names
from rdrop_cli.cli.options import AsJson, Quiet, complete_variants
from rdrop_cli.files import to_json
from rdrop_cli.planning.request import Request, plan_runs
from rdrop_cli.study.methods import CELLS, METHODS
from rdrop_cli.study.variant import DEFAULT_CELL
from rdrop_cli.study.variants import VARIANTS, find_variant

if TYPE_CHECKING:
    from rdrop_cli.anatomy.dissect import Anatomy


def anatomy(
    variants: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="VARIANT",
            help="Networks to check; see `rdrop variants`. [default: all that have either cell]",
            autocompletion=complete_variants,
        ),
    ] = None,
    cell: Annotated[
        str | None, typer.Option(metavar="CELL", help=f"Recurrent cell: {' or '.join(CELLS)}. [default: the variant's]")
    ] = None,
    dropout: Annotated[
        float | None, typer.Option(metavar="RATE", help="Rate of `dropout`, in [0, 1). [default: the variant's]")
    ] = None,
    recurrent_dropout: Annotated[
        float | None,
        typer.Option(metavar="RATE", help="Rate of `recurrent_dropout`, in [0, 1). [default: the variant's]"),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Also draw the unrolled cells: .png, .svg or .pdf."),
    ] = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Check which published equations a layer computes.

    Captures the masks of a training step and compares the layer's output with the equations of every method.
    """
    from rdrop_cli.plots.style import check_ending

    if output:
        check_ending(output)
    check_variant_names(variants or (), "anatomy")
    named = tuple(variants or _list_methods(cell or DEFAULT_CELL))
    request = Request(variants=named, cell=cell, dropout=dropout, recurrent_dropout=recurrent_dropout)
    configs = plan_runs(request)

    from rdrop_cli.anatomy.dissect import dissect  # imports TensorFlow

    anatomies = [dissect(config) for config in configs]
    if as_json:
        typer.echo(to_json([found.to_json() for found in anatomies]))
    else:
        for number, found in enumerate(anatomies):
            print_lines(["", *_describe(found)] if number else _describe(found))
    if output:
        _draw(anatomies, output)


def _list_methods(cell: str) -> list[str]:
    """Return the variants that a cell has, but for those that add no method: the book's networks of one cell alone."""
    return [name for name, variant in VARIANTS.items() if cell in variant.cells and not variant.only_cell]


def _describe(found: "Anatomy") -> Iterator[str]:
    """Yield the lines about one variant."""
    yield f"{found.variant}, {found.cell}: {_conclude(found)}"
    masks = found.to_json()["masks"]
    for _, group in groupby(masks, key=lambda mask: (mask["layer"], mask["argument"], mask["multiplies"])):
        yield f"  {_describe_masks(list(group))}"
    if masks:
        touched = any(mask["carried_state_touched"] for mask in masks)
        yield f"  carried state: {'multiplied by a mask at every timestep' if touched else 'not touched'}"
    ranked = sorted(found.max_abs_error.items(), key=lambda item: item[1])
    yield "  largest error: " + ", ".join(f"{name}={error:.1e}" for name, error in ranked)


def _conclude(found: "Anatomy") -> str:
    """Say in words whose equations the output follows."""
    others = ", ".join(name for name in found.agreeing if name != found.method)
    if not found.masks:
        return "no dropout"
    if found.method is None:
        return f"cannot be distinguished from {others}; try a larger rate" if others else "follows none of the methods"
    if found.method in METHODS:
        follows = f"follows {found.method} ({METHODS[found.method].paper})"
        return f"{follows}; with these masks the same as {others}" if others else f"{follows} and no other"
    plain = "a cell without masks of its own, beside a dropout layer"
    return f"{plain}; the same as the argument `dropout` of {others}" if others else plain


def _describe_masks(masks: Sequence[dict[str, Any]]) -> str:
    """Describe the masks that one layer draws for one rate and one tensor; they differ in their gates only."""
    first = masks[0]
    zeros = sum(mask["share_of_zeros"] for mask in masks) / len(masks)
    kept = [mask["scale_of_kept"] for mask in masks if mask["scale_of_kept"] is not None]
    facts = (
        f"{len(masks)} × ({', '.join(map(str, first['shape']))}) on {first['multiplies']} ({first['site']})",
        f"{first['over_time']} over time",
        {"separate": "one for each gate", "shared": "one for all gates", None: ""}[first["between_gates"]],
        "shared by the batch" if first["between_samples"] == "shared" else "",
        f"{zeros:.0%} zeros",
        f"kept × {kept[0]:.4g}" if kept else "nothing kept",
    )
    return f"{first['layer']}.{first['argument']}: {', '.join(filter(None, facts))}"


def _draw(anatomies: Sequence["Anatomy"], path: Path) -> None:
    from rdrop_cli.anatomy.plot import Panel, draw_anatomies

    panels = [Panel(find_variant(found.variant), found.cell, found.layers, found.masks) for found in anatomies]
    draw_anatomies(panels, path)
    note(f"picture: {path}")
