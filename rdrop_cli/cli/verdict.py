"""`rdrop verdict`: which of the study's claims hold, and which network does best."""

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
    """Test the book's claims on your runs, over seeds."""
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
    """Judge runs, and say on stderr which are skipped and what is to be known about the others.

    Raises:
        RdropError: no run can be judged.
    """
    from rdrop_cli.analysis.verdict import judge_runs
    from rdrop_cli.cli.console import make_console
    from rdrop_cli.runs.comparable import describe_skipped

    judged = judge_runs(names, runs_dir)
    collection = judged.collection
    for line in [
        *(f"skipped: {line}" for line in describe_skipped(collection.left_out)),
        *(f"note: {note}" for note in collection.notes),
    ]:
        make_console().print(line, markup=False)
    if not collection.metrics:
        raise RdropError(f"no run in {runs_dir} can be judged; `rdrop train --seeds 0-7` makes some")
    return judged


def _print_verdict(judged: "StudyVerdict") -> None:
    """Print what was judged, a line a claim, every verdict in words, and a line a network."""
    from rdrop_cli.analysis.claims_text import BENEFITS_TITLE
    from rdrop_cli.analysis.networks_text import ARMS_HEADS, ARMS_TITLE, describe_row

    typer.echo(f"{judged.collection.describe()}\n")
    _print_verdicts(judged.claims)
    typer.echo(f"\n{BENEFITS_TITLE}\n")
    _print_verdicts(judged.benefits)
    typer.echo(f"\n{ARMS_TITLE}\n")
    _print_table(ARMS_HEADS, [describe_row(row) for row in judged.arms])
    for sentence in judged.describe_arms():
        typer.echo(sentence)


def _print_verdicts(verdicts: "Sequence[ClaimVerdict]") -> None:
    from rdrop_cli.analysis.claims_text import format_estimate

    rows = []
    for judged in verdicts:
        published = format_estimate(judged.published, None, judged.unit)
        measured = format_estimate(judged.estimate, judged.interval, judged.unit)
        rows.append((judged.id, published, measured, str(len(judged.seeds)), judged.summary))
    _print_table(COLUMNS, rows)
    for judged in verdicts:
        typer.echo(f"{judged.id}: {judged.text}.\n    {judged.sentence}.")


def _print_table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table whose first column, the names, is never broken."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from rdrop_cli.cli.console import make_console

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for head in heads:
        table.add_column(head, justify="right" if head in ("seeds", "epoch") else "left", no_wrap=head == heads[0])
    for row in rows:
        table.add_row(*map(Text, row))
    make_console(stderr=False).print(table, soft_wrap=False)
