"""`rdrop export`: runs as a CSV table, as an archive, or in MLflow."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rdrop_cli.cli.console import note
from rdrop_cli.cli.options import DEFAULT_RUNS_DIR, AsJson, Quiet, SavedRunsDir, complete_run_ids, make_output_option
from rdrop_cli.errors import DataError, RdropError, UsageError

if TYPE_CHECKING:
    from rdrop_cli.export.mlflow_store import Record
    from rdrop_cli.runs.comparable import Run


def export(
    runs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="RUN",
            help="Run ids, their beginnings, or folders. [default: all]",
            autocompletion=complete_run_ids,
        ),
    ] = None,
    csv: Annotated[
        bool, typer.Option("--csv", help="Write one table with a row for every epoch of every run.")
    ] = False,
    archive: Annotated[
        Path | None,
        make_output_option("Write the figures of complete runs to a zip file, to publish them.", "--archive"),
    ] = None,
    output: Annotated[Path | None, make_output_option("File for the table. [default: stdout]")] = None,
    mlflow: Annotated[
        str | None,
        typer.Option("--mlflow", metavar="URI", help="Log complete runs to this store, such as sqlite:///mlflow.db."),
    ] = None,
    experiment: Annotated[str, typer.Option(metavar="NAME", help="MLflow experiment.")] = "rdrop",
    verdict: Annotated[
        bool, typer.Option("--verdict", help="Log the verdict on the runs too, with its intervals.")
    ] = False,
    runs_dir: SavedRunsDir = DEFAULT_RUNS_DIR,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Export runs to CSV, MLflow or an archive."""
    asked = {"--csv": csv, "--mlflow": mlflow is not None, "--archive": archive is not None}
    given = [name for name, wanted in asked.items() if wanted]
    if len(given) != 1:
        received = " and ".join(given) or "none"
        raise UsageError(f"export: expected one of --csv, --mlflow URI and --archive FILE, received {received}")
    if as_json and mlflow is None:
        raise UsageError("--json needs --mlflow; for runs as JSON use `rdrop runs --json`")
    if output and not csv:
        raise UsageError("--output needs --csv")
    if verdict and mlflow is None:
        raise UsageError("--verdict needs --mlflow; for the verdict as a table use `rdrop verdict --format`")
    chosen = _choose_runs(runs or [], runs_dir)
    if archive is not None:
        _export_archive(chosen, archive)
    elif mlflow is None:
        _export_csv(chosen, output)
    else:
        records = _describe_complete(chosen, bool(runs))
        if verdict:
            records.append(_describe_verdict(runs or [], runs_dir))
        _export_to_mlflow(records, mlflow, experiment, as_json)


def _choose_runs(names: list[str], runs_dir: Path) -> list["Run"]:
    """Return the named runs, oldest first; if none is named, all that can be read.

    Raises:
        DataError: a named run cannot be read.
    """
    from rdrop_cli.runs.comparable import read_runs
    from rdrop_cli.runs.find import find_runs

    readable, unreadable = read_runs(find_runs(names, runs_dir))
    for skipped in unreadable:
        if names:
            raise DataError(str(skipped))
        _note_skipped(str(skipped))
    return sorted(readable, key=lambda run: (run.metrics.created_at, run.metrics.run_id))


def _export_csv(runs: list["Run"], output: Path | None) -> None:
    from rdrop_cli.export.tidy import format_tidy_csv
    from rdrop_cli.files import write_text

    for run in runs:
        if not run.metrics.has_epochs:
            _note_skipped(f"{run.folder.run_id}: has not finished an epoch")
    table = format_tidy_csv([run.metrics for run in runs])
    if output:
        write_text(output, table)
        typer.echo(str(output))
    else:
        typer.echo(table, nl=False)


def _export_archive(runs: list["Run"], path: Path) -> None:
    from rdrop_cli.export.archive import write_archive

    for run in runs:
        if run.metrics.status != "completed":
            _note_skipped(f"{run.folder.run_id}: is not complete")
    complete = [run.folder for run in runs if run.metrics.status == "completed"]
    if not complete:
        raise RdropError("no complete run to export; start one with `rdrop train`")
    write_archive(complete, path)
    typer.echo(str(path))


def _describe_verdict(names: list[str], runs_dir: Path) -> "Record":
    from rdrop_cli.cli.verdict import judge_and_tell
    from rdrop_cli.export.mlflow_verdict import describe_verdict

    return describe_verdict(judge_and_tell(names, runs_dir))


def _export_to_mlflow(records: list["Record"], uri: str, experiment: str, as_json: bool) -> None:
    from rdrop_cli.export.mlflow_store import log_records
    from rdrop_cli.files import to_json

    logged = []
    for each in log_records(records, uri, experiment):
        logged.append(asdict(each))
        if not as_json:
            typer.echo(f"{each.run_id}: {each.state} ({each.mlflow_run_id})")
    if as_json:
        typer.echo(to_json(logged))


def _describe_complete(runs: list["Run"], named: bool) -> list["Record"]:
    """Return the records to log; a run that cannot be logged is skipped, or an error if runs were named."""
    from rdrop_cli.export.mlflow_store import describe_run

    records = []
    for run in runs:
        try:
            records.append(describe_run(run))
        except DataError as error:
            if named:
                raise
            _note_skipped(str(error))
    if not records:
        raise RdropError("no complete run to log; start one with `rdrop train`")
    return records


def _note_skipped(line: str) -> None:
    note(f"skipped: {line}")
