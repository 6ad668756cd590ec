"""Options that several commands share, and their completion."""

import atexit
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import typer

from rdrop_cli.cli.console import Verbosity, set_verbosity, show_as
from rdrop_cli.errors import UsageError
from rdrop_cli.files import find_place
from rdrop_cli.study.editions import PROTOCOLS
from rdrop_cli.study.methods import CELLS
from rdrop_cli.study.variants import REFERENCES, VARIANTS
from rdrop_cli.system import expand_home, lower_priority

DEFAULT_RUNS_DIR = Path("runs")
DEFAULT_DATA_DIR = Path("data")
DATA, NETWORK, TRAINING, RUNS = "Data", "Network", "Training", "Runs"  # groups of options in the help


def complete_run_ids(ctx: typer.Context, incomplete: str) -> list[str]:
    """Complete a run id from the runs folder that the command line, the environment or a file of defaults sets.

    Names that rdrop itself would not give to a folder are left out: completion scripts evaluate names, even `$(…)`.
    """
    from rdrop_cli.cli.defaults import find_path
    from rdrop_cli.runs.find import SAFE_ID, list_run_folders

    runs_dir = find_path(ctx, "runs_dir") or DEFAULT_RUNS_DIR
    ids = [folder.run_id for folder in list_run_folders(runs_dir)]
    return [run_id for run_id in ids if run_id.startswith(incomplete) and SAFE_ID.fullmatch(run_id)]


def complete_variants(incomplete: str) -> list[tuple[str, str]]:
    """Complete a variant, with its summary."""
    known = (VARIANTS | REFERENCES).values()
    return [(variant.name, variant.summary) for variant in known if variant.name.startswith(incomplete)]


def complete_cells(incomplete: str) -> list[str]:
    """Complete a cell."""
    return [cell for cell in CELLS if cell.startswith(incomplete)]


def complete_statuses(incomplete: str) -> list[str]:
    """Complete the status of a run."""
    from rdrop_cli.runs.find import STATUSES

    return [status for status in STATUSES if status.startswith(incomplete)]


def _be_quiet(wanted: bool) -> None:
    if wanted:
        set_verbosity(Verbosity.QUIET)


def _be_verbose(wanted: bool) -> None:
    if wanted:
        set_verbosity(Verbosity.VERBOSE)


def _be_nice(niceness: int) -> None:
    if niceness and not lower_priority(niceness):
        raise UsageError(
            "this operating system has no niceness; start rdrop with a lower priority instead", field="nice"
        )


def _find_saved_runs(ctx: typer.Context, path: Path) -> Path:
    """Return the folder of finished runs; it must exist if it is given on the command line.

    A folder from a default or a setting may be missing: perhaps no run has been trained yet.
    """
    from rdrop_cli.runs.folder import require_runs_folder

    path, source = expand_home(path), ctx.get_parameter_source("runs_dir")
    is_named = source is not None and source.name == "COMMANDLINE" and not ctx.resilient_parsing
    if is_named:
        require_runs_folder(path)
    return path


def _make_runs_option(callback: Callable[..., Path]) -> Any:
    return typer.Option(
        "--runs-dir",
        metavar="DIR",
        envvar="RDROP_RUNS_DIR",
        callback=callback,
        help="Folder of the runs.",
        rich_help_panel=RUNS,
    )


RunsDir = Annotated[Path, _make_runs_option(expand_home)]  # created if it is missing
SavedRunsDir = Annotated[Path, _make_runs_option(_find_saved_runs)]
From = Annotated[
    Path | None,
    typer.Option(
        "--from",
        metavar="ARCHIVE",
        help="Read the runs from an archive of `rdrop export --archive` instead.",
        rich_help_panel=RUNS,
    ),
]


def _find_output(ctx: typer.Context, path: Path | None) -> Path | None:
    """Return the file to write, checked before the work that it is for, which may take hours."""
    return path if path is None or ctx.resilient_parsing else find_place(expand_home(path))


def make_output_option(text: str, *names: str) -> Any:
    """Return an option that names a file to write, `--output` or one of other names, with its help text."""
    return typer.Option(*(names or ("--output", "-o")), metavar="FILE", callback=_find_output, help=text)


DataDir = Annotated[
    Path,
    typer.Option(
        "--data-dir",
        metavar="DIR",
        envvar="RDROP_DATA_DIR",
        callback=expand_home,
        help="Folder of the Jena data.",
        rich_help_panel=DATA,
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print results and errors only.", callback=_be_quiet)]
Verbose = Annotated[
    bool, typer.Option("--verbose", "-v", help="Print a line for every epoch of every run.", callback=_be_verbose)
]
ComparedRuns = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="RUN",
        help="Run ids, their beginnings, or folders. [default: all comparable with the newest run]",
        autocompletion=complete_run_ids,
    ),
]
Jobs = Annotated[
    int | None,
    typer.Option(
        "--jobs",
        "-j",
        metavar="N",
        help="Runs trained in parallel. [default: as many as cores, memory and load allow]",
        show_default=False,
        rich_help_panel=RUNS,
    ),
]
Nice = Annotated[
    int,
    typer.Option(
        "--nice",
        metavar="N",
        min=0,
        max=19,
        help="Let other processes go first: niceness from 0 to 19.",
        callback=_be_nice,
        rich_help_panel=RUNS,
    ),
]
Scheduler = Annotated[
    str | None,
    typer.Option(
        "--scheduler",
        metavar="ADDRESS",
        help="Train on the Dask cluster at ADDRESS, such as tcp://host:8786.",
        rich_help_panel=RUNS,
    ),
]
TensorBoard = Annotated[
    bool, typer.Option("--tensorboard", help="Also write TensorBoard event files.", rich_help_panel=RUNS)
]
OfVariants = Annotated[
    list[str] | None,
    typer.Option(
        "--variant", metavar="NAME", help="Only runs of this variant; repeatable.", autocompletion=complete_variants
    ),
]
OfCells = Annotated[
    list[str] | None,
    typer.Option("--cell", metavar="CELL", help="Only runs with this cell; repeatable.", autocompletion=complete_cells),
]
OfStatuses = Annotated[
    list[str] | None,
    typer.Option(
        "--status",
        metavar="STATUS",
        help="Only runs that are completed, running, interrupted or failed; repeatable.",
        autocompletion=complete_statuses,
    ),
]
OfNames = Annotated[
    list[str] | None,
    typer.Option("--name", metavar="TEXT", help="Only runs of this name, such as 'adam*'; repeatable."),
]
OfTags = Annotated[list[str] | None, typer.Option("--tag", metavar="TEXT", help="Only runs with this tag; repeatable.")]


PROTOCOL_NAMES = ", ".join(PROTOCOLS)
DATASETS = "jena, synthetic (generated), or a CSV file."

ProtocolName = Annotated[
    str,
    typer.Option(
        "--protocol",
        metavar="NAME",
        help=f"Edition of the book, or a short one, which sets the defaults: {PROTOCOL_NAMES}.",
        rich_help_panel=DATA,
    ),
]
Target = Annotated[
    str | None,
    typer.Option(
        "--target",
        metavar="COLUMN",
        help="Column to predict. [book: T (degC); CSV: its only number column]",
        rich_help_panel=DATA,
    ),
]
Lookback = Annotated[
    str | None,
    typer.Option(
        "--lookback",
        metavar="LENGTH",
        help="Length of a window, such as 10d, or rows. [book: 10d; book2: 5d]",
        rich_help_panel=DATA,
    ),
]
Every = Annotated[
    str | None,
    typer.Option(
        "--every",
        metavar="LENGTH",
        help="Time between timesteps, such as 1h, or rows. [book: 1h]",
        rich_help_panel=DATA,
    ),
]
Horizon = Annotated[
    str | None,
    typer.Option(
        "--horizon",
        metavar="LENGTHS",
        help="Time from the newest reading (book: from the window) to the target; for several at once 6h,12h,24h or "
        "1h..24h. [book: 24h]",
        rich_help_panel=DATA,
    ),
]
TrainStop = Annotated[
    str | None,
    typer.Option(
        "--train-stop",
        metavar="WHERE",
        help="End of training: a row, a share such as 50%, or a date. [book: 200000; book2: 210225; CSV: 50%]",
        rich_help_panel=DATA,
    ),
]
ValStop = Annotated[
    str | None,
    typer.Option(
        "--val-stop",
        metavar="WHERE",
        help="End of validation: a row, a share or a date. [book: 300000; book2: 315337; CSV: 75%]",
        rich_help_panel=DATA,
    ),
]
Sentinels = Annotated[
    str | None,
    typer.Option(
        "--sentinels",
        metavar="MODE",
        help="-9999 and missing readings: keep them, as the book does, or fill. [book: keep]",
        rich_help_panel=DATA,
    ),
]
Inputs = Annotated[
    list[str] | None,
    typer.Option(
        "--inputs",
        metavar="COLUMN",
        help="Input column, such as 'wind*'; repeatable. The target is one unless excluded. [default: all]",
        rich_help_panel=DATA,
    ),
]
Exclude = Annotated[
    list[str] | None,
    typer.Option(
        "--exclude",
        metavar="COLUMN",
        help="Column that is not an input, such as 'wind*'; repeatable.",
        rich_help_panel=DATA,
    ),
]
Calendar = Annotated[
    bool,
    typer.Option(
        "--calendar", help="Add hour of day and day of year, as sine and cosine, to the inputs.", rich_help_panel=DATA
    ),
]
Origins = Annotated[
    int,
    typer.Option(
        "--origins",
        metavar="K",
        help="Repeat everything on K splits of the series, each later than the one before.",
        rich_help_panel=TRAINING,
    ),
]
Vary = Annotated[
    str,
    typer.Option(
        "--vary",
        metavar="SOURCE",
        help="Let the seed determine weights, windows or masks alone; the rest is that of seed 0.",
        show_default=False,
        rich_help_panel=TRAINING,
    ),
]
Name = Annotated[str, typer.Option("--name", metavar="TEXT", help="Name of the runs.", rich_help_panel=RUNS)]
Tags = Annotated[
    list[str] | None, typer.Option("--tag", metavar="TEXT", help="Tag of the runs; repeatable.", rich_help_panel=RUNS)
]
Note = Annotated[str, typer.Option("--note", metavar="TEXT", help="Note on the runs.", rich_help_panel=RUNS)]


def open_runs(archive: Path | None, runs_dir: Path) -> Path:
    """Return the runs folder; for an archive, a temporary folder with its contents, removed when the process ends."""
    if archive is None:
        return runs_dir
    from rdrop_cli.export.archive import unpack_archive

    folder = TemporaryDirectory(prefix="rdrop-")
    atexit.register(folder.cleanup)
    unpack_archive(archive, Path(folder.name))
    show_as(folder.name, archive)
    return Path(folder.name)
