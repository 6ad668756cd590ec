"""`rdrop config`: the settings in effect, and where they are set."""

import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import typer

from rdrop_cli.cli.console import Column, note, print_table
from rdrop_cli.cli.defaults import PROJECT_FILE, find_user_file, list_options, resolve_defaults
from rdrop_cli.cli.options import AsJson
from rdrop_cli.files import to_json


@dataclass(frozen=True)
class Effective:
    """The value of an option if no flag is given, and the file and line, or the environment variable, that sets it."""

    name: str
    value: Any
    origin: str


def config(ctx: typer.Context, as_json: AsJson = False) -> None:
    """Show settings you changed, and where."""
    found = list(dict.fromkeys(_list_effective(ctx)))
    if as_json:
        typer.echo(to_json([asdict(effective) for effective in found]))
        return
    if not found:
        files = " or ".join(map(str, [PROJECT_FILE, *find_user_file()]))
        note(f"no setting is changed; set defaults in {files}")
        return
    rows = [(each.name, json.dumps(each.value, ensure_ascii=False), each.origin) for each in found]
    print_table((Column("setting"), Column("value"), Column("set in")), rows)


def _list_effective(ctx: typer.Context) -> Iterator[Effective]:
    """Yield the changed setting of each option of each command; settings that commands share are repeated."""
    resolved = resolve_defaults(ctx)
    for command, options in list_options(ctx).items():
        for option, parameter in options.items():
            default = resolved.get(command, {}).get(option)
            variable = parameter.envvar if isinstance(parameter.envvar, str) else ""
            if os.environ.get(variable):
                effective = Effective(option, os.environ[variable], f"environment {variable}")
            elif default:
                effective = Effective(default.name, default.value, default.origin)
            else:
                continue
            if str(effective.value) != str(parameter.default):
                yield effective
