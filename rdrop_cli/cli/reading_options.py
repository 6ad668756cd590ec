"""Options that determine how a user's file is read, shared by the commands that read one."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Annotated, Any

import typer

from rdrop_cli.study.reading import Reading

READING = "Reading a file"
Time = Annotated[
    str | None,
    typer.Option(
        "--time", metavar="COLUMN", help="Column of timestamps; several as date+hour. [default: the first one]",
        rich_help_panel=READING,
    ),
]  # fmt: skip
DateFormat = Annotated[
    str,
    typer.Option(
        metavar="FORMAT", help="Of the timestamps, such as %d/%m/%Y. [default: detected]", rich_help_panel=READING
    ),
]
Timezone = Annotated[
    str, typer.Option(metavar="ZONE", help="Zone of local times, such as Europe/Berlin.", rich_help_panel=READING)
]
Decimal = Annotated[
    str, typer.Option(metavar="MARK", help="Decimal mark, . or , [default: detected]", rich_help_panel=READING)
]
Separator = Annotated[
    str, typer.Option(help="comma, semicolon, tab, pipe or space. [default: detected]", rich_help_panel=READING)
]
Encoding = Annotated[
    str, typer.Option(metavar="NAME", help="Of the text, such as cp1252. [default: detected]", rich_help_panel=READING)
]
Missing = Annotated[
    list[str] | None,
    typer.Option(metavar="VALUE", help="Stands for no reading, such as -999; repeatable.", rich_help_panel=READING),
]
Where = Annotated[
    list[str] | None,
    typer.Option(metavar="COLUMN=VALUE", help="Read only these rows; repeatable.", rich_help_panel=READING),
]
Sort = Annotated[bool, typer.Option("--sort", help="Sort the rows by time.", rich_help_panel=READING)]
Resample = Annotated[
    str, typer.Option(metavar="LENGTH", help="Average to equal steps, such as 1h.", rich_help_panel=READING)
]
Keep = Annotated[
    list[str] | None,
    typer.Option(
        metavar="COLUMN", help="Keep one that counts rows or is constant; repeatable.", rich_help_panel=READING
    ),
]


def collect_reading(params: Mapping[str, Any]) -> Reading:
    """Collect the reading options from a command's parameters.

    Raises:
        UsageError: a value is not valid.
    """
    given = {field.name: params.get(field.name) for field in fields(Reading)}
    return Reading(**{name: value for name, value in given.items() if value is not None})
