"""`rdrop verdict`: which of the study's claims hold, and which network is best."""

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rdrop_cli.cli.console import note, note_command
from rdrop_cli.cli.options import DEFAULT_RUNS_DIR, AsJson, ComparedRuns, From, Quiet, SavedRunsDir, open_runs
from rdrop_cli.errors import RdropError, UsageError, ValueRefusedError, make_printable
from rdrop_cli.files import to_json

if TYPE_CHECKING:
    from rdrop_cli.analysis.across import AcrossVerdict
    from rdrop_cli.analysis.judged import StudyVerdict

NOT_MET = 3


class Format(StrEnum):
    """The format in which a verdict is printed."""

    TEXT = "text"
    MARKDOWN = "markdown"
    LATEX = "latex"
    JSON = "json"


def complete_claim_ids(incomplete: str) -> list[str]:
    """Complete the id of a claim."""
    from rdrop_cli.analysis.edition_claims import CLAIM_IDS

    return [claim_id for claim_id in CLAIM_IDS if claim_id.startswith(incomplete)]


def verdict(
    runs: ComparedRuns = None,
    require: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CLAIM",
            help="Exit with code 3 unless this claim holds; repeatable.",
            autocompletion=complete_claim_ids,
        ),
    ] = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Add what was measured, why, and what would help.")
    ] = False,
    output_format: Annotated[
        Format, typer.Option("--format", help="text, markdown or latex for a paper, or json.")
    ] = Format.TEXT,
    looks: Annotated[
        str | None,
        typer.Option(
            metavar="SEEDS", help="Judge at these numbers of seeds only, such as 6,12,24; fixed by the first look."
        ),
    ] = None,
    confirm: Annotated[
        int | None,
        typer.Option(
            metavar="SEED", help="Choose the best network on seeds below this one, and judge it on the others."
        ),
    ] = None,
    across_datasets: Annotated[
        bool, typer.Option("--across-datasets", help="Judge the runs of all datasets together.")
    ] = False,
    archive: From = None,
    runs_dir: SavedRunsDir = DEFAULT_RUNS_DIR,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Test the book's claims on your runs, over seeds."""
    runs_dir = open_runs(archive, runs_dir)
    from rdrop_cli.analysis.across import AcrossVerdict
    from rdrop_cli.analysis.verdict import check_claim_ids

    required = require or []
    check_claim_ids(required)
    output_format = Format.JSON if as_json else output_format
    if explain and output_format is not Format.TEXT:
        raise UsageError(f"--explain adds to the text, and {output_format} has no room for it; remove one of them")
    judged: StudyVerdict | AcrossVerdict
    if across_datasets:
        if confirm is not None or explain or output_format not in (Format.TEXT, Format.JSON):
            raise UsageError("--across-datasets gives text or JSON; remove --confirm, --explain and other formats")
        judged = judge_all_datasets(runs or [], runs_dir, parse_looks(looks))
    else:
        if confirm is not None and required:
            raise UsageError("--confirm judges networks and no claim; remove --require")
        judged = judge_and_tell(runs or [], runs_dir, parse_looks(looks), confirm)
    typer.echo(_render(judged, output_format, explain))
    if output_format is Format.TEXT and not isinstance(judged, AcrossVerdict):
        print_skill(judged, runs_dir)
    unmet = [claim_id for claim_id in required if judged.find(claim_id).verdict != "holds"]
    if unmet:
        from rdrop_cli.report.words import VERDICTS

        for claim_id in unmet:
            typer.echo(f"rdrop: --require {claim_id}: {VERDICTS[judged.find(claim_id).verdict]}", err=True)
        raise typer.Exit(NOT_MET)
    if output_format is Format.TEXT and not (explain or across_datasets):
        note_command("reasons, sizes and what more seeds would bring:", "rdrop verdict --explain")


def print_page(judged: "StudyVerdict") -> None:
    """Print a verdict as text to stdout."""
    typer.echo(_render(judged, Format.TEXT, explain=False))


def print_skill(judged: "StudyVerdict", runs_dir: Path) -> None:
    """Print how the best network compares with the best reference forecast, if the runs folder has one."""
    from rdrop_cli.report.summary import describe_skill
    from rdrop_cli.report.text import wrap

    if line := describe_skill(judged.collection.used, runs_dir, judged.collection.folders):
        typer.echo("\n".join(["", *wrap(line)]))


def _render(judged: "StudyVerdict | AcrossVerdict", output_format: Format, explain: bool) -> str:
    from rdrop_cli.analysis.across import AcrossVerdict

    if output_format is Format.JSON:
        return to_json(judged.to_json())
    if isinstance(judged, AcrossVerdict):
        from rdrop_cli.report.across import write_across

        return "\n".join(map(make_printable, write_across(judged)))
    from rdrop_cli.report.formats import write_latex, write_markdown
    from rdrop_cli.report.text import write_page

    if output_format is Format.TEXT:
        lines = list(write_page(judged, explain))
    else:
        lines = (write_markdown if output_format is Format.MARKDOWN else write_latex)(judged).splitlines()
    return "\n".join(map(make_printable, lines))


def parse_looks(text: str | None) -> tuple[int, ...] | None:
    """Read numbers of seeds such as `6,12,24`; None if there is no text.

    Raises:
        UsageError: a part is not an integer.
    """
    if text is None:
        return None
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError as error:
        raise ValueRefusedError("looks", text, "numbers of seeds such as 6,12,24") from error


def judge_and_tell(
    names: Sequence[str], runs_dir: Path, looks: tuple[int, ...] | None = None, confirm: int | None = None
) -> "StudyVerdict":
    """Judge runs by the plan of looks of their folder, record the look, and report skipped runs on stderr.

    With `confirm`, the best network is confirmed on the other seeds; that is not a look at the claims.

    Raises:
        RdropError: no run can be judged; UsageError: another plan of looks was fixed before.
    """
    from rdrop_cli.analysis.collect import collect_runs
    from rdrop_cli.analysis.confirm import confirm_best
    from rdrop_cli.analysis.looks import choose_plan, identify_study
    from rdrop_cli.analysis.verdict import judge_collection
    from rdrop_cli.runs.comparable import describe_skipped

    collection = collect_runs(names, runs_dir)
    for line in describe_skipped(collection.skipped):
        note(f"skipped: {line}")
    if not collection.networks:
        raise RdropError(f"no run in {runs_dir} can be judged; start some with `rdrop train --seeds 0-7`")
    plan = choose_plan(runs_dir, identify_study([collection]), looks)
    if confirm is not None:
        return confirm_best(collection, plan, confirm)
    judged = judge_collection(collection, plan)
    _record(runs_dir, judged)
    return judged


def judge_all_datasets(names: Sequence[str], runs_dir: Path, looks: tuple[int, ...] | None = None) -> "AcrossVerdict":
    """Judge the runs of all datasets together by the plan of looks of their folder; record the look, note skipped runs.

    Raises:
        UsageError: there are fewer than two datasets, or another plan of looks was fixed before.
    """
    from rdrop_cli.analysis.across import judge_datasets
    from rdrop_cli.analysis.collect import collect_datasets
    from rdrop_cli.analysis.looks import choose_plan, identify_study
    from rdrop_cli.runs.comparable import describe_skipped

    collections = collect_datasets(names, runs_dir)
    skipped = dict.fromkeys(run for collection in collections.values() for run in collection.skipped)
    for line in describe_skipped(list(skipped)):
        note(f"skipped: {line}")
    judged = judge_datasets(collections, choose_plan(runs_dir, identify_study(collections.values()), looks))
    _record(runs_dir, judged)
    return judged


def _record(runs_dir: Path, judged: "StudyVerdict | AcrossVerdict") -> None:
    from rdrop_cli.analysis.looks import record_look

    try:
        record_look(runs_dir, judged)
    except OSError as error:
        note(f"note: this look could not be written down in {runs_dir}: {error}")
