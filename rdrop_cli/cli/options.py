"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

DEFAULT_RUNS_DIR = Path("runs")
DEFAULT_DATA_DIR = Path("data")


def complete_run_ids(incomplete: str) -> list[str]:
    """Complete a run id from the names in the default runs folder."""
    from rdrop_cli.runs.find import list_run_folders

    ids = [folder.run_id for folder in list_run_folders(DEFAULT_RUNS_DIR)]
    return [run_id for run_id in ids if run_id.startswith(incomplete)]


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
