"""Options that several commands share, and what completes them."""

from pathlib import Path
from typing import Annotated

import typer

from rdrop_cli.study.methods import CELLS
from rdrop_cli.study.protocol import OPTIMIZERS, PROTOCOLS
from rdrop_cli.study.variants import VARIANTS

DEFAULT_RUNS_DIR = Path("runs")
DEFAULT_DATA_DIR = Path("data")


def complete_run_ids(ctx: typer.Context, incomplete: str) -> list[str]:
    """Complete a run id from the runs folder that the line, the environment or a file of defaults names."""
    from rdrop_cli.cli.defaults import find_path
    from rdrop_cli.runs.find import list_run_folders

    runs_dir = find_path(ctx, "runs_dir") or DEFAULT_RUNS_DIR
    ids = [folder.run_id for folder in list_run_folders(runs_dir)]
    return [run_id for run_id in ids if run_id.startswith(incomplete)]


def complete_variants(incomplete: str) -> list[tuple[str, str]]:
    """Complete a variant, with its summary."""
    return [(variant.name, variant.summary) for variant in VARIANTS.values() if variant.name.startswith(incomplete)]


def complete_cells(incomplete: str) -> list[str]:
    """Complete a cell."""
    return [cell for cell in CELLS if cell.startswith(incomplete)]


def complete_statuses(incomplete: str) -> list[str]:
    """Complete what a run may be."""
    from rdrop_cli.runs.find import STATUSES

    return [status for status in STATUSES if status.startswith(incomplete)]


RunsDir = Annotated[Path, typer.Option("--runs-dir", envvar="RDROP_RUNS_DIR", help="Folder of the runs.")]
DataDir = Annotated[Path, typer.Option("--data-dir", envvar="RDROP_DATA_DIR", help="Folder of the data.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]
ComparedRuns = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[RUN]...",
        help="Runs by id, beginning of it, or folder; all that can be compared with the newest when none is named.",
        autocompletion=complete_run_ids,
    ),
]
Jobs = Annotated[
    int | None,
    typer.Option("--jobs", help="Runs at work at once. [as many as cores and memory carry]", show_default=False),
]
Scheduler = Annotated[
    str | None,
    typer.Option(
        "--scheduler", metavar="ADDRESS", help="Train on the workers of this Dask cluster, as tcp://host:8786."
    ),
]
TensorBoard = Annotated[bool, typer.Option("--tensorboard", help="Write event files for TensorBoard too.")]
OfVariants = Annotated[
    list[str] | None,
    typer.Option("--variant", help="Only runs of this variant; may be repeated.", autocompletion=complete_variants),
]
OfCells = Annotated[
    list[str] | None,
    typer.Option("--cell", help="Only runs with this cell; may be repeated.", autocompletion=complete_cells),
]
OfStatuses = Annotated[
    list[str] | None,
    typer.Option(
        "--status",
        help="Only runs that are completed, running, interrupted or failed; may be repeated.",
        autocompletion=complete_statuses,
    ),
]
OfNames = Annotated[
    list[str] | None,
    typer.Option("--name", help="Only runs of this name, as 'adam*'; may be repeated."),
]
OfTags = Annotated[list[str] | None, typer.Option("--tag", help="Only runs with this tag; may be repeated.")]


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
Horizon = Annotated[
    str | None,
    typer.Option(
        "--horizon",
        help="Time from the newest reading to the target; the book's counts from the window's end. [book: 24h]",
    ),
]
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
Inputs = Annotated[
    list[str] | None,
    typer.Option("--inputs", help="Columns that are inputs, as 'wind*'; may be repeated. [all; the target always]"),
]
Exclude = Annotated[
    list[str] | None, typer.Option("--exclude", help="Columns that are no inputs, likewise; may be repeated.")
]
Calendar = Annotated[
    bool, typer.Option("--calendar", help="Add hour of day and day of year as inputs, as sine and cosine.")
]
Optimizer = Annotated[
    str | None, typer.Option("--optimizer", help=f"{', '.join(OPTIMIZERS[:-1])} or {OPTIMIZERS[-1]}. [book: rmsprop]")
]
LearningRate = Annotated[float | None, typer.Option("--learning-rate", help="Of the optimizer. [book: 0.001]")]
Loss = Annotated[
    str | None,
    typer.Option("--loss", help="What training minimises: mae, mse or huber; all errors are MAE. [book: mae]"),
]
ClipNorm = Annotated[
    float | None, typer.Option("--clip-norm", help="Largest norm of all gradients together. [no limit]")
]
Patience = Annotated[
    int | None, typer.Option("--patience", help="End after so many epochs without a better one. [never]")
]
Name = Annotated[str, typer.Option("--name", help="What to call the runs; `rdrop runs --name` finds them.")]
Tags = Annotated[list[str] | None, typer.Option("--tag", help="A word to find the runs by; may be repeated.")]
Note = Annotated[str, typer.Option("--note", help="A line to keep with the runs.")]
