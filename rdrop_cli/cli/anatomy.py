"""`rdrop anatomy`: identify the method of dropout that a layer computes."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rdrop_cli.cli.anatomy_words import describe_anatomy
from rdrop_cli.cli.console import note, print_lines
from rdrop_cli.cli.hints import check_variant_names
from rdrop_cli.cli.layers import names_layer, show_layers
from rdrop_cli.cli.options import AsJson, Quiet, complete_variants, make_output_option
from rdrop_cli.files import to_json
from rdrop_cli.planning.request import Request, plan_runs
from rdrop_cli.study.methods import CELLS
from rdrop_cli.study.variant import DEFAULT_CELL
from rdrop_cli.study.variants import VARIANTS, find_variant

if TYPE_CHECKING:
    from rdrop_cli.anatomy.record import Anatomy


def anatomy(
    variants: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="VARIANT|LAYER",
            help="Networks to check, see `rdrop variants`; or layers of your own: a saved network, `model.keras`, or a "
            "layer class or a function that makes a layer, `my_module:MyGRU`. [default: all variants that have the "
            "cell]",
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
    python: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="The Python of another environment, in which to check the layers: those named, or those of its Keras "
            "and PyTorch.",
        ),
    ] = None,
    output: Annotated[Path | None, make_output_option("Also draw the unrolled cells: .png, .svg or .pdf.")] = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Check which published equations a layer computes.

    Captures the masks of a training step and compares the layer's output with the equations of every method. Of a layer
    of your own, and of other libraries, the masks are read out of its outputs.
    """
    from rdrop_cli.plots.style import check_ending

    if output:
        check_ending(output)
    if python or any(names_layer(name) for name in variants or ()):
        chosen = {"cell": cell, "dropout": dropout, "recurrent_dropout": recurrent_dropout}
        show_layers(variants or (), python, chosen, as_json=as_json, output=output)
        return
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
            print_lines(["", *describe_anatomy(found)] if number else describe_anatomy(found))
    if output:
        _draw(anatomies, output)


def _list_methods(cell: str) -> list[str]:
    """Return the variants that can have this cell, except those that fix their cell: they add no method."""
    return [name for name, variant in VARIANTS.items() if cell in variant.cells and not variant.only_cell]


def _draw(anatomies: Sequence["Anatomy"], path: Path) -> None:
    from rdrop_cli.anatomy.plot import Panel, draw_anatomies

    panels = []
    for found in anatomies:
        variant = find_variant(found.variant)
        shown = found.cell, found.layers, found.masks
        panels.append(Panel(variant.name, variant.paper, *shown, pair=variant.bidirectional))
    draw_anatomies(panels, path)
    note(f"picture: {path}")
