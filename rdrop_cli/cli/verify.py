"""`rdrop verify` and `rdrop repair`: check that runs are intact, and regenerate damaged files."""

from collections.abc import Collection, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rdrop_cli.cli.console import note, print_lines, show_stage
from rdrop_cli.cli.options import (
    DEFAULT_DATA_DIR,
    DEFAULT_RUNS_DIR,
    AsJson,
    DataDir,
    Quiet,
    SavedRunsDir,
    complete_run_ids,
)
from rdrop_cli.errors import RdropError
from rdrop_cli.files import to_json
from rdrop_cli.study.units import format_count

if TYPE_CHECKING:
    from rdrop_cli.runs.folder import RunFolder
    from rdrop_cli.runs.verify import Verification
    from rdrop_cli.series.table import Series
    from rdrop_cli.study.reading import Reading

DAMAGED = 1
Runs = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="RUN", help="Run ids, their beginnings, or folders. [default: all]", autocompletion=complete_run_ids
    ),
]


def verify(
    runs: Runs = None,
    replay: Annotated[
        int | None,
        typer.Option(
            "--replay",
            metavar="N",
            min=0,
            help="Train N epochs of each run again and compare: 1 the last, more from the start, 0 none.",
            show_default=False,
        ),
    ] = None,
    runs_dir: SavedRunsDir = DEFAULT_RUNS_DIR,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Check that runs are what they were at the end of training."""
    from rdrop_cli.runs.find import find_runs
    from rdrop_cli.runs.verify import verify_run

    folders = find_runs(runs or [], runs_dir)
    idle = [folder for folder in folders if not folder.is_locked()]
    for folder in folders:
        if folder not in idle:
            note(f"{folder.run_id}: a process is at work on it; not checked")
    found = []
    for folder in idle:
        verification = verify_run(folder)
        if replay is not None:
            _replay(folder, replay, data_dir, verification)
        if not as_json:
            _print(verification)
        found.append(verification)
    if as_json:
        typer.echo(to_json([_render(each) for each in found]))
    else:
        print_lines([_summarise(found)])
    if not all(each.is_whole for each in found):
        raise typer.Exit(DAMAGED)


def repair(
    runs: Annotated[
        list[str], typer.Argument(metavar="RUN", help="Run ids or folders.", autocompletion=complete_run_ids)
    ],
    dataset: Annotated[
        str | None, typer.Option(metavar="NAME|CSV", help="Place of the data, if the runs' own was moved.")
    ] = None,
    runs_dir: SavedRunsDir = DEFAULT_RUNS_DIR,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    quiet: Quiet = False,
) -> None:
    """Make damaged files of runs again, from their checkpoints."""
    from rdrop_cli.jobs.launch import Execution, find_run_to_resume
    from rdrop_cli.runs.verify import verify_run

    execution = Execution(runs_dir, data_dir)
    found = []
    for name in runs:
        folder = find_run_to_resume(name, runs_dir)
        verification = verify_run(folder)
        if verification.is_whole and not verification.lacks_record:
            note(f"{folder.run_id}: is whole")
        else:
            _make_again(folder, execution, dataset, {fault.file for fault in verification.faults})
            verification = verify_run(folder)
            _print(verification)
        found.append(verification)
    print_lines([_summarise(found)])
    if not all(each.is_whole for each in found):
        raise typer.Exit(DAMAGED)


def _make_again(folder: "RunFolder", execution: Any, dataset: str | None, damaged: Collection[str]) -> None:
    """Resume from the newest intact checkpoint, which trains lost epochs again and writes all derived files.

    Nothing is removed before the data are there.

    The coverage of intervals, which takes longest, is measured again only if its file is damaged or not in the record.
    Until then that file stays: after a kill, the run still counts as damaged.
    """
    from rdrop_cli.cli.training import train
    from rdrop_cli.forecast.coverage import measure_again
    from rdrop_cli.jobs.launch import plan_resume
    from rdrop_cli.runs.record import is_recorded
    from rdrop_cli.runs.repair import prepare_repair

    coverage = folder.daily_coverage_path
    is_lost = coverage.name in damaged or (coverage.exists() and not is_recorded(folder, coverage.name))
    plan = plan_resume(folder, execution, dataset)
    prepare_repair(folder)
    results = train(plan, execution)
    for failed in results.failures:
        raise RdropError(failed.failure or f"{folder.run_id}: could not be made again")
    if is_lost:
        with show_stage(f"{folder.run_id}: calibrating again"):
            measure_again(folder)


def _replay(folder: "RunFolder", epochs: int, data_dir: Path, verification: "Verification") -> None:
    from rdrop_cli.training.replay import NothingToReplayError, replay_run

    try:
        with show_stage(f"{folder.run_id}: training again"):
            replay = replay_run(folder, lambda config: _load(config.dataset, data_dir, config.reading), epochs)
    except NothingToReplayError as error:
        verification.notes.append(str(error))
        return
    except RdropError as error:
        verification.blame("replay", str(error))
        return
    verification.replayed = str(replay)
    for name, size in replay.faults.items():
        verification.blame(name, f"is not what training makes it (relative difference {size:.1g})")


@lru_cache(maxsize=1)
def _load(dataset: str, data_dir: Path, reading: "Reading") -> "Series":
    from rdrop_cli.series.load import load_dataset

    return load_dataset(dataset, data_dir, reading)


def _print(verification: "Verification") -> None:
    print_lines(f"{verification.run_id}: {fault}" for fault in verification.faults)
    if verification.replayed:
        print_lines([f"{verification.run_id}: {verification.replayed}"])
    for line in verification.notes:
        note(f"{verification.run_id}: {line}")


def _summarise(found: "Sequence[Verification]") -> str:
    whole, files = sum(each.is_whole for each in found), sum(each.files for each in found)
    counted = f"{format_count(len(found), 'run')}: {whole} whole, {len(found) - whole} damaged"
    agree = "agrees with its record" if files == 1 else "agree with their records"
    return f"{counted}; {format_count(files, 'file')} {agree}"


def _render(verification: "Verification") -> dict[str, Any]:
    return {
        "run_id": verification.run_id,
        "whole": verification.is_whole,
        "files": verification.files,
        "faults": [{"file": fault.file, "problem": fault.problem} for fault in verification.faults],
        "notes": verification.notes,
        "replay": verification.replayed,
    }
