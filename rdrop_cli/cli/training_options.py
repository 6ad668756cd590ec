"""Options of `rdrop train` on how a network is trained: what it learns, on which windows, and by which optimizer."""

from typing import Annotated

import typer

from rdrop_cli.cli.options import DATA, TRAINING
from rdrop_cli.study.protocol import OPTIMIZERS

Layout = Annotated[
    str | None,
    typer.Option(
        "--layout",
        metavar="NAME",
        help="Windows of a period: those of edition 1's generator, or of Keras's timeseries dataset. "
        "[book: generator; book2: dataset]",
        rich_help_panel=DATA,
    ),
]
TargetScale = Annotated[
    str | None,
    typer.Option(
        "--target-scale",
        metavar="NAME",
        help="What the network learns: the target standardised, or in its unit. [book: standardised; book2: unit]",
        rich_help_panel=DATA,
    ),
]
Sampling = Annotated[
    str | None,
    typer.Option(
        "--sampling",
        metavar="NAME",
        help="Windows of an epoch: drawn with replacement, or passes over all, shuffled. [book: drawn; book2: passes]",
        rich_help_panel=TRAINING,
    ),
]
Optimizer = Annotated[
    str | None,
    typer.Option(
        "--optimizer",
        metavar="NAME",
        help=f"{', '.join(OPTIMIZERS[:-1])} or {OPTIMIZERS[-1]}. [book: rmsprop; book3: adam]",
        rich_help_panel=TRAINING,
    ),
]
LearningRate = Annotated[
    float | None,
    typer.Option("--learning-rate", metavar="RATE", help="Learning rate. [book: 0.001]", rich_help_panel=TRAINING),
]
Loss = Annotated[
    str | None,
    typer.Option(
        "--loss",
        metavar="NAME",
        help="Loss: mae, mse, huber or quantile; reported errors stay MAE. [book: mae; book2: mse]",
        rich_help_panel=TRAINING,
    ),
]
Quantiles = Annotated[
    str | None,
    typer.Option(
        "--quantiles",
        metavar="LIST",
        help="What --loss quantile forecasts, such as .1,.5,.9. [default: .025,.1,.25,.5,.75,.9,.975]",
        rich_help_panel=TRAINING,
    ),
]
ClipNorm = Annotated[
    float | None,
    typer.Option(
        "--clip-norm",
        metavar="NORM",
        help="Clip the gradients to this global norm. [default: no clipping]",
        rich_help_panel=TRAINING,
    ),
]
BestBy = Annotated[
    str | None,
    typer.Option(
        "--best-by",
        metavar="NAME",
        help="Keep the weights of the lowest mae, mse or pinball loss on validation. "
        "[book: mae; book2: mse; quantiles: pinball]",
        rich_help_panel=TRAINING,
    ),
]
Patience = Annotated[
    int | None,
    typer.Option(
        "--patience",
        metavar="N",
        help="Stop after N epochs without a better validation error. [default: never]",
        rich_help_panel=TRAINING,
    ),
]
