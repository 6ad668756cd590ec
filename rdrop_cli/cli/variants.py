"""`rdrop variants`: the networks that can be trained."""

from dataclasses import asdict

import typer

from rdrop_cli.cli.console import Column, print_table
from rdrop_cli.cli.options import AsJson
from rdrop_cli.files import to_json
from rdrop_cli.study.variants import VARIANTS, Variant


def variants(as_json: AsJson = False) -> None:
    """List the networks that can be trained, with their papers."""
    if as_json:
        typer.echo(to_json([asdict(variant) | {"cells": variant.cells} for variant in VARIANTS.values()]))
        return
    rows = [(each.name, _format_rates(each), _describe(each)) for each in VARIANTS.values()]
    print_table((Column("variant"), Column("rates"), Column("method", wraps=True)), rows)


def _describe(variant: Variant) -> str:
    only = "" if len(variant.cells) > 1 else f"; {variant.cells[0]} only"
    return f"{variant.summary}{only} [{variant.paper}]"


def _format_rates(variant: Variant) -> str:
    return "/".join(f"{rate:g}" if rate else "-" for rate in (variant.dropout, variant.recurrent_dropout))
