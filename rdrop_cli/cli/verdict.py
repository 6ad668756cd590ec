"""`rdrop verdict`: which of the study's claims hold."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rdrop_cli.cli.options import DEFAULT_RUNS_DIR, AsJson, ComparedRuns, RunsDir
from rdrop_cli.errors import RdropError
from rdrop_cli.files import to_json

if TYPE_CHECKING:
    from rdrop_cli.analysis.judge import ClaimVerdict
    from rdrop_cli.analysis.verdict import StudyVerdict

NOT_MET = 3
COLUMNS = ("claim", "published", "mean [95 % interval]", "seeds", "verdict")


def complete_claim_ids(incomplete: str) -> list[str]:
    """Complete the id of a claim."""
    from rdrop_cli.analysis.verdict import CLAIM_IDS

    return [claim_id for claim_id in CLAIM_IDS if claim_id.startswith(incomplete)]


def verdict(
    runs: ComparedRuns = None,
    require: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CLAIM",
            help="End with exit code 3 unless this claim holds, undecided included; may be given several times.",
            autocompletion=complete_claim_ids,
        ),
    ] = None,
    runs_dir: RunsDir = DEFAULT_RUNS_DIR,
    as_json: AsJson = False,
) -> None:
    """Judge the study's claims by the runs that there are, over seeds."""
    from rdrop_cli.analysis.verdict import check_claim_ids

    required = require or []
    check_claim_ids(required)
    judged = judge_and_tell(runs or [], runs_dir)
    if as_json:
        typer.echo(to_json(judged.to_json()))
    else:
        _print_verdict(judged)
    unmet = [claim_id for claim_id in required if judged.find(claim_id).verdict != "holds"]
    for claim_id in unmet:
        typer.echo(f"rdrop: --require {claim_id}: {judged.find(claim_id).summary}", err=True)
    if unmet:
        raise typer.Exit(NOT_MET)


def judge_and_tell(names: Sequence[str], runs_dir: Path) -> "StudyVerdict":
    """Judge runs, and say on stderr which were left out and what is to be known about the others.

    Raises:
        RdropError: no run can be judged.
    """
    from rdrop_cli.analysis.verdict import judge_runs
    from rdrop_cli.cli.console import make_console

    judged = judge_runs(names, runs_dir)
    collection = judged.collection
    for line in [
        *(f"left out: {left}" for left in collection.left_out),
        *(f"note: {note}" for note in collection.notes),
    ]:
        make_console().print(line, markup=False)
    if not collection.metrics:
        raise RdropError(f"no run in {runs_dir} can be judged; `rdrop train --seeds 0-7` makes some")
    return judged


def _print_verdict(judged: "StudyVerdict") -> None:
    """Print what was judged, a line a claim, and every verdict in words."""
    from rdrop_cli.analysis.wording import BENEFITS_TITLE

    typer.echo(f"{judged.collection.describe()}\n")
    _print_verdicts(judged.claims)
    typer.echo(f"\n{BENEFITS_TITLE}\n")
    _print_verdicts(judged.benefits)


def _print_verdicts(verdicts: "Sequence[ClaimVerdict]") -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from rdrop_cli.analysis.wording import format_estimate
    from rdrop_cli.cli.console import make_console

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in COLUMNS:
        table.add_column(column, justify="right" if column == "seeds" else "left", no_wrap=column == "claim")
    for judged in verdicts:
        published = format_estimate(judged.published, None, judged.unit)
        measured = format_estimate(judged.estimate, judged.interval, judged.unit)
        cells = (judged.id, published, measured, str(len(judged.seeds)), judged.summary)
        table.add_row(*(Text(cell) for cell in cells))
    make_console(stderr=False).print(table, soft_wrap=False)
    for judged in verdicts:
        typer.echo(f"{judged.id}: {judged.text}.\n    {judged.sentence}.")
