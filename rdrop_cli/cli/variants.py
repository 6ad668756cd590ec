"""`rdrop variants`: the networks that can be trained, and the reference forecasts."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated

import typer

from rdrop_cli.cli.console import Column, print_table
from rdrop_cli.cli.options import PROTOCOL_NAMES, AsJson
from rdrop_cli.files import to_json
from rdrop_cli.study.editions import Edition, find_edition
from rdrop_cli.study.own import list_registered
from rdrop_cli.study.variant import Variant
from rdrop_cli.study.variants import REFERENCES, VARIANTS, find_variant


def variants(
    protocol: Annotated[
        str | None,
        typer.Option("--protocol", metavar="NAME", help=f"Only the networks of an edition: {PROTOCOL_NAMES}."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List networks and reference forecasts, with papers."""
    edition = find_edition(protocol) if protocol is not None else None
    names = edition.networks if edition else (*VARIANTS, *REFERENCES, *list_registered())
    listed = list(map(find_variant, names))
    if as_json:
        typer.echo(to_json([_list_fields(variant, edition) for variant in listed]))
    else:
        _print(listed, edition)


def _list_fields(variant: Variant, edition: Edition | None) -> dict[str, object]:
    epochs = {"epochs": edition.networks[variant.name]} if edition else {}
    return asdict(variant) | {"cells": variant.cells} | epochs


def _print(listed: Sequence[Variant], edition: Edition | None) -> None:
    columns = [Column("variant"), Column("rates"), Column("method", wraps=True)]
    rows = [[each.name, _format_rates(each), _describe(each)] for each in listed]
    if edition:
        columns.insert(2, Column("epochs", right=True))
        for row in rows:
            row.insert(2, str(edition.networks[row[0]]))
    print_table(columns, rows)


def _describe(variant: Variant) -> str:
    only = "" if variant.only_cell or len(variant.cells) > 1 else f"; {variant.cells[0]} only"
    return f"{variant.summary}{only} [{variant.paper}]"


def _format_rates(variant: Variant) -> str:
    return "/".join(f"{rate:g}" if rate else "-" for rate in (variant.dropout, variant.recurrent_dropout))
