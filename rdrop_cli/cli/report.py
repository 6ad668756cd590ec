"""`rdrop report`: everything that the runs say, in one HTML file."""

from pathlib import Path
from typing import Annotated

import typer

from rdrop_cli.cli.options import DEFAULT_RUNS_DIR, ComparedRuns, From, Quiet, RunsDir, open_runs


def report(
    runs: ComparedRuns = None,
    out: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="The file. [RUNS_DIR/report.html]"),
    ] = None,
    archive: From = None,
    runs_dir: RunsDir = DEFAULT_RUNS_DIR,
    quiet: Quiet = False,
) -> None:
    """Write verdicts, curves and runs to one HTML file."""
    path = out or (Path() if archive else runs_dir) / "report.html"
    runs_dir = open_runs(archive, runs_dir)
    from rdrop_cli.cli.verdict import judge_and_tell
    from rdrop_cli.report.html import write_report

    write_report(judge_and_tell(runs or [], runs_dir), path)
    typer.echo(str(path))
