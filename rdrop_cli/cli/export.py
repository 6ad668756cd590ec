"""`rdrop export`: finished runs in the form of other programs."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rdrop_cli.cli.options import DEFAULT_RUNS_DIR, AsJson, RunsDir, complete_run_ids
from rdrop_cli.errors import DataError, RdropError, UsageError

if TYPE_CHECKING:
    from rdrop_cli.export.mlflow_store import Record
    from rdrop_cli.runs.comparable import Run


def export(
    runs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[RUN]...",
            help="Runs by id, beginning of it, or folder; all when none is named.",
            autocompletion=complete_run_ids,
        ),
    ] = None,
    csv: Annotated[bool, typer.Option("--csv", help="Print one table: a row for every epoch of every run.")] = False,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Write the table to this file.")] = None,
    mlflow: Annotated[
        str | None,
        typer.Option("--mlflow", metavar="URI", help="Log complete runs in this store, as sqlite:///mlflow.db."),
    ] = None,
    experiment: Annotated[str, typer.Option(help="The MLflow experiment.")] = "rdrop",
    runs_dir: RunsDir = DEFAULT_RUNS_DIR,
    as_json: AsJson = False,
) -> None:
    """Hand runs to other programs: as one CSV table, or to MLflow."""
    if csv == (mlflow is not None):
        raise UsageError(f"export: expected one of --csv and --mlflow URI, received {'both' if csv else 'neither'}")
    if csv and as_json:
        raise UsageError("--json goes with --mlflow; `rdrop runs --json` prints runs as JSON")
    if out and not csv:
        raise UsageError("--out goes with --csv")
    chosen = _choose_runs(runs or [], runs_dir)
    if mlflow is None:
        _export_csv(chosen, out)
    else:
        _export_to_mlflow(chosen, bool(runs), mlflow, experiment, as_json)


def _choose_runs(names: list[str], runs_dir: Path) -> list["Run"]:
    """Return the runs that are named, or all that can be read, oldest first; the others are told."""
    from rdrop_cli.runs.comparable import read_runs
    from rdrop_cli.runs.find import find_run, list_run_folders

    folders = dict.fromkeys(find_run(name, runs_dir) for name in names) if names else list_run_folders(runs_dir)
    readable, unreadable = read_runs(folders)
    for skipped in unreadable:
        if names:
            raise DataError(str(skipped))
        _tell_skipped(str(skipped))
    return sorted(readable, key=lambda run: (run.metrics.created_at, run.metrics.run_id))


def _export_csv(runs: list["Run"], out: Path | None) -> None:
    from rdrop_cli.export.tidy import format_tidy_csv
    from rdrop_cli.files import write_text

    for run in runs:
        if not run.metrics.has_epochs:
            _tell_skipped(f"{run.folder.run_id}: has not finished an epoch")
    table = format_tidy_csv(run.metrics for run in runs)
    if out:
        write_text(out, table)
        typer.echo(str(out))
    else:
        typer.echo(table, nl=False)


def _export_to_mlflow(runs: list["Run"], named: bool, uri: str, experiment: str, as_json: bool) -> None:
    from rdrop_cli.export.mlflow_store import log_records
    from rdrop_cli.files import to_json

    logged = []
    for each in log_records(_describe_complete(runs, named), uri, experiment):
        logged.append(asdict(each))
        if not as_json:
            typer.echo(f"{each.run_id}: {each.state} ({each.mlflow_run_id})")
    if as_json:
        typer.echo(to_json(logged))


def _describe_complete(runs: list["Run"], named: bool) -> list["Record"]:
    """Return what is to be logged; a run that is not complete is told, or, where it was named, a failure."""
    from rdrop_cli.export.mlflow_store import describe_run

    records = []
    for run in runs:
        try:
            records.append(describe_run(run))
        except DataError as error:
            if named:
                raise
            _tell_skipped(str(error))
    if not records:
        raise RdropError("no complete run to log; `rdrop train` makes some")
    return records


def _tell_skipped(line: str) -> None:
    from rdrop_cli.cli.console import make_console

    make_console().print(f"skipped: {line}", markup=False)
