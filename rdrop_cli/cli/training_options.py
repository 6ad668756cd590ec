"""Options of `rdrop train` for the network and its training."""

from typing import Annotated

import typer

from rdrop_cli.cli.options import DATA, NETWORK, TRAINING
from rdrop_cli.study.methods import CELLS
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
Cell = Annotated[
    str | None,
    typer.Option(
        metavar="CELL",
        help=f"Recurrent cell: {' or '.join(CELLS)}. [default: the variant's]",
        rich_help_panel=NETWORK,
    ),
]
Units = Annotated[
    int | None,
    typer.Option(metavar="N", help="Units of the recurrent layer. [book: 32; book2: 16]", rich_help_panel=NETWORK),
]
DropoutRate = Annotated[
    float | None,
    typer.Option(
        metavar="RATE",
        help="Dropout rate on the layer's input or output, in [0, 1). [default: the variant's]",
        rich_help_panel=NETWORK,
    ),
]
RecurrentDropoutRate = Annotated[
    float | None,
    typer.Option(
        metavar="RATE",
        help="Dropout rate on the recurrence, in [0, 1). [default: the variant's]",
        rich_help_panel=NETWORK,
    ),
]
EngineName = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        help="native (compiled kernel), jax (many seeds together, on a GPU), xla, keras, or auto.",
        rich_help_panel=NETWORK,
    ),
]
Epochs = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        help="Epochs. [book: 20, with dropout 40; book2: 10, with dropout 50]",
        show_default=False,
        rich_help_panel=TRAINING,
    ),
]
StepsPerEpoch = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        help="Training steps per epoch of drawn windows. [book: 500]",
        rich_help_panel=TRAINING,
    ),
]
BatchSize = Annotated[
    int | None, typer.Option(metavar="N", help="Windows per step. [book: 128; book2: 256]", rich_help_panel=TRAINING)
]
Seed = Annotated[
    int,
    typer.Option(metavar="N", help="Determines initial weights, windows and masks.", rich_help_panel=TRAINING),
]
Seeds = Annotated[
    str | None,
    typer.Option(
        metavar="LIST",
        help="Train each variant with each seed, such as 0-4 or 1,3,5; complete runs are skipped.",
        rich_help_panel=TRAINING,
    ),
]
UntilDecided = Annotated[
    bool,
    typer.Option(
        "--until-decided",
        help="Train seeds until every claim about the variants is decided.",
        rich_help_panel=TRAINING,
    ),
]
Claims = Annotated[
    list[str] | None,
    typer.Option(
        metavar="CLAIM",
        help="Wait for this claim only, with --until-decided; repeatable.",
        rich_help_panel=TRAINING,
    ),
]
MostSeeds = Annotated[
    int, typer.Option(metavar="N", help="Largest number of seeds for --until-decided.", rich_help_panel=TRAINING)
]
