"""`rdrop report`: everything that the runs say, in one HTML file."""

from pathlib import Path
from typing import Annotated

import typer

from rdrop_cli.cli.options import DEFAULT_RUNS_DIR, RunsDir, complete_run_ids


def report(
    runs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[RUN]...",
            help="Runs by id, beginning of it, or folder; all that can be compared with the newest when none is named.",
            autocompletion=complete_run_ids,
        ),
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="The file. [RUNS_DIR/report.html]")] = None,
    runs_dir: RunsDir = DEFAULT_RUNS_DIR,
) -> None:
    """Write verdicts, curves, runs, protocol and environment into one HTML file that needs no network."""
    from rdrop_cli.cli.verdict import judge_and_tell
    from rdrop_cli.report.html import write_report

    path = out or runs_dir / "report.html"
    write_report(judge_and_tell(runs or [], runs_dir), path)
    typer.echo(str(path))
