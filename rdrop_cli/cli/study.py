"""`rdrop study`: train the networks of an edition over seeds, judge its claims, and write the report."""

from typing import Annotated

import typer

from rdrop_cli.cli.console import note, print_error, show_stage
from rdrop_cli.cli.grid import survey_plan
from rdrop_cli.cli.options import (
    DATA,
    DATASETS,
    DEFAULT_DATA_DIR,
    DEFAULT_RUNS_DIR,
    PROTOCOL_NAMES,
    DataDir,
    Jobs,
    Nice,
    Quiet,
    RunsDir,
    Scheduler,
    Target,
    Verbose,
)
from rdrop_cli.cli.signals import notice_on_signal
from rdrop_cli.planning.request import Request, parse_seeds
from rdrop_cli.study.editions import find_edition

REPORT = "report.html"
AGAIN = "or resume the whole study: run the same command again"


def study(
    edition: Annotated[str, typer.Argument(metavar="EDITION", help=f"What to repeat: {PROTOCOL_NAMES}.")],
    seeds: Annotated[str, typer.Option(metavar="LIST", help="Seeds of each network, such as 0-7.")] = "0-7",
    dataset: Annotated[str, typer.Option(metavar="NAME|CSV", help=DATASETS, rich_help_panel=DATA)] = "jena",
    target: Target = None,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", "-n", help="Show the runs, and the time and disk space they need; train nothing."),
    ] = False,
    jobs: Jobs = None,
    nice: Nice = 0,
    scheduler: Scheduler = None,
    runs_dir: RunsDir = DEFAULT_RUNS_DIR,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Train, judge and report the networks of an edition.

    Complete runs are skipped and interrupted ones resumed: after a stop, run the same command again.
    """
    request = Request(variants=tuple(find_edition(edition).networks), protocol=edition, dataset=dataset, target=target)
    requests = [request.with_seed(seed) for seed in parse_seeds(seeds)]
    with show_stage("importing NumPy"):
        from rdrop_cli.cli.training import describe_data, train
        from rdrop_cli.cli.verdict import judge_and_tell, print_page
        from rdrop_cli.jobs.launch import Execution, plan_training

    execution = Execution(runs_dir, data_dir, jobs, scheduler=scheduler)
    with show_stage(f"reading {dataset}"):
        plan = plan_training(requests, execution, skip_complete=True)
    if dry_run:
        describe_data(plan)
        survey_plan(plan, execution).show()
        return
    for line in survey_plan(plan, execution).describe():
        note(line)
    with notice_on_signal(lambda: [AGAIN], note):
        results = train(plan, execution)
    for outcome in results.failures:
        print_error(str(outcome.failure))
    if results.metrics:
        from rdrop_cli.report.html import write_report

        judged = judge_and_tell([metrics.run_id for metrics in results.metrics], runs_dir)
        print_page(judged)
        write_report(judged, runs_dir / REPORT, runs_dir)
        note(f"report: {runs_dir / REPORT}")
    if results.failures:
        raise typer.Exit(results.failures[0].exit_code)
