"""`rdrop report`: verdicts, curves, forecasts and runs in one HTML file."""

from pathlib import Path
from typing import Annotated

import typer

from rdrop_cli.cli.console import show_stage
from rdrop_cli.cli.options import (
    DEFAULT_RUNS_DIR,
    ComparedRuns,
    From,
    Quiet,
    SavedRunsDir,
    make_output_option,
    open_runs,
)


def report(
    runs: ComparedRuns = None,
    out: Annotated[Path | None, make_output_option("The file. [default: RUNS_DIR/report.html]")] = None,
    archive: From = None,
    runs_dir: SavedRunsDir = DEFAULT_RUNS_DIR,
    quiet: Quiet = False,
) -> None:
    """Write verdicts, curves, forecasts and runs to one HTML file."""
    from rdrop_cli.cli.verdict import judge_and_tell
    from rdrop_cli.report.html import write_report

    path = out or (Path() if archive else runs_dir) / "report.html"
    runs_dir = open_runs(archive, runs_dir)
    judged = judge_and_tell(runs or [], runs_dir)
    with show_stage("drawing …"):
        write_report(judged, path, runs_dir)
    typer.echo(str(path))
