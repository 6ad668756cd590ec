"""Options that say how a dataset is read and cut into windows: `rdrop train` and `rdrop inspect` share them."""

from typing import Annotated

import typer

from rdrop_cli.study.protocol import PROTOCOLS

PROTOCOL_NAMES = ", ".join(PROTOCOLS)
DATASETS = "jena, synthetic (made by rdrop itself), or the path of a CSV."

ProtocolName = Annotated[str, typer.Option("--protocol", help=f"What the options below default to: {PROTOCOL_NAMES}.")]
Target = Annotated[
    str | None, typer.Option("--target", help="Column to predict. [book: T (degC); a CSV's only column of numbers]")
]
Time = Annotated[
    str | None, typer.Option("--time", help="Column of a CSV that holds its stamps. [the first that looks like it]")
]
Lookback = Annotated[str | None, typer.Option("--lookback", help="Length of a window, as 10d or rows. [book: 10d]")]
Every = Annotated[str | None, typer.Option("--every", help="Time between its timesteps, as 1h or rows. [book: 1h]")]
Horizon = Annotated[str | None, typer.Option("--horizon", help="How far ahead the target is. [book: 24h]")]
TrainStop = Annotated[
    str | None,
    typer.Option(
        "--train-stop",
        help="First row after training; or a share, 50%, or a date, 2014-01-01. [book: 200000; CSV: 50%]",
    ),
]
ValStop = Annotated[
    str | None, typer.Option("--val-stop", help="First row after validation, likewise. [book: 300000; CSV: 75%]")
]
Sentinels = Annotated[
    str | None,
    typer.Option(
        "--sentinels", help="keep -9999 readings, as the book does, or fill them, and missing ones. [book: keep]"
    ),
]
