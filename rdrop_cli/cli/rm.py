"""`rdrop rm`: delete runs."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rdrop_cli.cli.console import Column, note, print_table
from rdrop_cli.cli.options import (
    DEFAULT_RUNS_DIR,
    AsJson,
    OfCells,
    OfStatuses,
    OfVariants,
    SavedRunsDir,
    complete_run_ids,
)
from rdrop_cli.errors import RdropError, UsageError, make_printable
from rdrop_cli.files import to_json
from rdrop_cli.study.units import format_count

if TYPE_CHECKING:
    from rdrop_cli.runs.find import Filter
    from rdrop_cli.runs.folder import RunFolder


def rm(
    runs: Annotated[
        list[str] | None,
        typer.Argument(metavar="RUN", help="Whole run ids, or folders in RUNS_DIR.", autocompletion=complete_run_ids),
    ] = None,
    variants: OfVariants = None,
    cells: OfCells = None,
    statuses: OfStatuses = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", "-n", help="Show what would be deleted; delete nothing.")
    ] = False,
    runs_dir: SavedRunsDir = DEFAULT_RUNS_DIR,
    as_json: AsJson = False,
) -> None:
    """Delete runs after confirmation, by id or by filter."""
    from rdrop_cli.runs.find import Filter
    from rdrop_cli.runs.remove import check_removable, remove_runs

    wanted = Filter(tuple(variants or ()), tuple(cells or ()), tuple(statuses or ()))
    folders = _choose_runs(runs or [], wanted, runs_dir)
    for folder in folders:
        check_removable(folder, runs_dir)
    doomed = [_describe(folder) for folder in folders]
    if not as_json:
        rows = [(run["run_id"], run["status"], _format_bytes(run["bytes"])) for run in doomed]
        print_table((Column("run"), Column("status"), Column("size", right=True)), rows)
    if not dry_run:
        if folders and not yes:
            _ask(f"Delete {_count(doomed)} from {runs_dir.resolve()}?")
            _check_unchanged(folders, doomed)
        remove_runs(folders, runs_dir)
    if as_json:
        typer.echo(to_json([run | {"removed": not dry_run} for run in doomed]))
    else:
        done = "would be deleted" if dry_run else "deleted"
        note(f"{_count(doomed)} {done}")


def _choose_runs(names: list[str], wanted: "Filter", runs_dir: Path) -> "list[RunFolder]":
    """Return the named runs, or those that match the filters, each once."""
    from rdrop_cli.runs.comparable import list_summaries
    from rdrop_cli.runs.find import find_named_run, list_run_folders

    if bool(names) == wanted.asks():
        raise UsageError("pass either run ids or filters (--status, --variant, --cell)")
    if names:
        named = [find_named_run(name, runs_dir) for name in names]
        return list({folder.path.resolve(): folder for folder in named}.values())
    readable, unreadable = list_summaries(list_run_folders(runs_dir))
    for left in unreadable:
        note(f"skipped: {left}; pass its id to delete it")
    return [folder for folder, summary in reversed(readable) if wanted.keeps(summary)]


def _describe(folder: "RunFolder") -> dict[str, Any]:
    from rdrop_cli.runs.remove import measure_size

    size = measure_size(folder)
    status = _read_status(folder)
    return {
        "run_id": folder.run_id,
        "path": str(folder.path),
        "status": status,
        "files": size.files,
        "bytes": size.size_bytes,
    }


def _read_status(folder: "RunFolder") -> str:
    try:
        return folder.read_metrics().status
    except RdropError:
        return "unreadable"


def _ask(question: str) -> None:
    """Ask for confirmation; continue only if the answer is yes.

    Raises:
        UsageError: stdin is not a terminal; RdropError: the answer is no.
    """
    if not (sys.stdin and sys.stdin.isatty()):  # None if the process has no stdin
        raise UsageError("not a terminal, cannot confirm; pass --yes to delete, or --dry-run to look")
    if not typer.confirm(make_printable(question), err=True):
        raise RdropError("nothing was deleted")


def _check_unchanged(folders: "list[RunFolder]", doomed: list[dict[str, Any]]) -> None:
    """Refuse to delete what the answer was not about: an interrupted run may have been completed since the question.

    Raises:
        RdropError: a run has another status now.
    """
    for folder, run in zip(folders, doomed, strict=True):
        if (status := _read_status(folder)) != run["status"]:
            raise RdropError(f"{folder.run_id}: was {run['status']} and is {status} now; nothing was deleted")


def _count(doomed: list[dict[str, Any]]) -> str:
    total = sum(run["bytes"] for run in doomed)
    return f"{format_count(len(doomed), 'run')}, {_format_bytes(total)}"


def _format_bytes(count: int) -> str:
    """Render bytes in the decimal unit that gives a number below 1000: `1.3 MB`."""
    from rich.filesize import decimal

    return decimal(count)
