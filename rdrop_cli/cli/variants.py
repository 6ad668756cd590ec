"""`rdrop variants`: the networks that can be trained."""

from dataclasses import asdict

import typer

from rdrop_cli.cli.options import AsJson
from rdrop_cli.files import to_json
from rdrop_cli.study.variants import VARIANTS, Variant


def variants(as_json: AsJson = False) -> None:
    """List the networks that can be trained, with their papers."""
    if as_json:
        typer.echo(to_json([asdict(variant) | {"cells": variant.cells} for variant in VARIANTS.values()]))
        return
    width = max(map(len, VARIANTS))
    for variant in VARIANTS.values():
        only = "" if len(variant.cells) > 1 else f"; only for {variant.cells[0]}"
        typer.echo(f"{variant.name:<{width}}  {_format_rates(variant):<7}  {variant.summary}{only} [{variant.paper}]")


def _format_rates(variant: Variant) -> str:
    return " ".join(f"{rate:g}" if rate else "-" for rate in (variant.dropout, variant.recurrent_dropout))
