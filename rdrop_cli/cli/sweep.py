"""`rdrop sweep`: train the grid of a study file, or the rest of it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rdrop_cli.cli.console import note, show_stage
from rdrop_cli.cli.grid import survey_plan
from rdrop_cli.cli.options import (
    DEFAULT_DATA_DIR,
    DEFAULT_RUNS_DIR,
    AsJson,
    DataDir,
    Jobs,
    Nice,
    Quiet,
    RunsDir,
    Scheduler,
    TensorBoard,
    Verbose,
)
from rdrop_cli.cli.signals import notice_on_signal
from rdrop_cli.files import to_json

if TYPE_CHECKING:
    from rdrop_cli.jobs.launch import Execution
    from rdrop_cli.planning.study_file import Sweep


def sweep(
    study: Annotated[
        Path, typer.Argument(metavar="STUDY", help="TOML file with variants, cells, rates, seeds and protocol.")
    ],
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", "-n", help="Show the runs, and the time and disk space they need; train nothing."),
    ] = False,
    jobs: Jobs = None,
    nice: Nice = 0,
    scheduler: Scheduler = None,
    tensorboard: TensorBoard = False,
    runs_dir: RunsDir = DEFAULT_RUNS_DIR,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    as_json: AsJson = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Train every combination listed in a study file.

    Complete runs are skipped and interrupted ones resumed: after a stop, run the same command again.
    """
    with show_stage("importing NumPy"):
        from rdrop_cli.cli.training import print_results, train
        from rdrop_cli.jobs.launch import Execution, plan_training
        from rdrop_cli.planning.study_file import read_sweep

    execution = Execution(runs_dir, data_dir, jobs, tensorboard, scheduler)
    wanted = read_sweep(study)
    if dry_run:
        _dry_run(wanted, execution, as_json)
        return
    with wanted.file.locate_errors(), show_stage(f"reading {wanted.requests[0].dataset}"):
        plan = plan_training(wanted.requests, execution, skip_complete=True)
    with notice_on_signal(lambda: ["or resume the whole sweep: run the same command again"], note):
        results = train(plan, execution)
    print_results(results, runs_dir, as_json)


def _dry_run(wanted: "Sweep", execution: "Execution", as_json: bool) -> None:
    """Print what a sweep would do, without starting a run or creating a folder."""
    from rdrop_cli.cli.training import describe_data
    from rdrop_cli.jobs.launch import plan_training

    with wanted.file.locate_errors(), show_stage(f"reading {wanted.requests[0].dataset}"):
        plan = plan_training(wanted.requests, execution)
    describe_data(plan)
    grid = survey_plan(plan, execution)
    if as_json:
        typer.echo(to_json(grid.to_json()))
    else:
        grid.show()
