"""Write the report: one HTML file that contains its style and pictures, without scripts or external resources.

Jinja escapes everything that comes from files; the pictures are SVG images, in which no script can run.
"""

import base64
import hashlib
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from importlib import resources
from pathlib import Path
from typing import Any

import rdrop_cli
from rdrop_cli.analysis.joint_test import ALPHA
from rdrop_cli.analysis.judged import ClaimVerdict, StudyVerdict
from rdrop_cli.analysis.networks import NetworkRow
from rdrop_cli.analysis.rate_grid import list_rate_grids
from rdrop_cli.errors import RdropError
from rdrop_cli.files import write_text
from rdrop_cli.plots.rates import describe_rates, draw_rates
from rdrop_cli.report.account import HEADS, NOTE, list_spreads
from rdrop_cli.report.forecasts import HEADS as FORECAST_HEADS
from rdrop_cli.report.forecasts import SAMPLES, find_section
from rdrop_cli.report.periods import describe_periods
from rdrop_cli.report.pictures import NARROW, WIDE, draw_curves, draw_forest, draw_pairs, draw_shares, has_pairs
from rdrop_cli.report.summary import describe_skill, summarise, write_notes
from rdrop_cli.report.words import (
    DISCLOSURE,
    VERDICTS,
    describe_comparison,
    describe_looks,
    describe_published,
    describe_runs,
    explain_claim,
    format_answer,
    format_attempts,
    format_own_unit,
    format_published,
    format_reproduced,
    format_share,
    list_unjudged,
)
from rdrop_cli.runs.comparable import Skipped, describe_skipped
from rdrop_cli.runs.document import Dataset, Metrics
from rdrop_cli.runs.history import MARGIN_SHARE

NONE = "–"
MOST_RUNS = 500  # in one list: nobody reads or mails a page with ten thousand


def write_report(judged: StudyVerdict, path: Path, runs_dir: Path | None = None) -> None:
    """Write the report on one or more judged runs; with `runs_dir` it shows their forecasts.

    Raises:
        OSError: it cannot be written; a file at `path` stays unchanged.
    """
    write_text(path, render_report(judged, runs_dir))


def render_report(judged: StudyVerdict, runs_dir: Path | None = None) -> str:
    """Return the report as HTML, with forecasts of the runs in `runs_dir` if they keep their readings."""
    import jinja2

    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    style, used = _read_resource("style.css"), judged.collection.used
    asked = [verdict for verdict in judged.claims if verdict.has_answer]
    return environment.from_string(_read_resource("template.html")).render(
        style=style,
        policy=_forbid_everything_but(style),
        version=rdrop_cli.__version__,
        judged=describe_runs(judged.collection),
        dates=_name_dates(used),
        answer=summarise(judged),
        notes=write_notes(judged),
        rule=_describe_rule(judged),
        skipped=_list_skipped(judged.collection.skipped),
        claims=[_describe_claim(verdict, judged) for verdict in asked],
        remarks=[*describe_published(judged), *list_unjudged(judged.claims, lambda claim: claim.text)],
        networks=[_describe_network(row) for row in judged.networks],
        skill=describe_skill(used, runs_dir, judged.collection.folders) if runs_dir else "",
        pictures=_draw_pictures(judged, bool(asked)),
        rates=_describe_rates(judged),
        periods=describe_periods(judged),
        forecasts=_describe_forecasts(judged, runs_dir),
        account={"heads": HEADS, "rows": list_spreads(judged), "note": NOTE} if judged.variance else None,
        **_describe_runs(used),
    )


def _read_resource(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")


def _forbid_everything_but(style: str) -> str:
    """Return a content security policy that allows only this style sheet and pictures embedded in the page."""
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'"


def _name_dates(runs: Sequence[Metrics]) -> str:
    days = sorted(run.created_at[:10] for run in runs)
    return days[0] if days[0] == days[-1] else f"{days[0]} to {days[-1]}"


def _describe_rule(judged: StudyVerdict) -> str:
    return (
        f"One test decides all questions of this page together (joint sign flips of the seeds), with looks "
        f"{describe_looks(judged.plan.looks)}: the chance that any decision is wrong "
        f"is at most {format_share(ALPHA)}. Intervals are simultaneous. "
        f"A claim holds if its interval lies inside its region. "
        f"Errors are standardised; {judged.margin:.4f}, {format_share(MARGIN_SHARE)} of the naive forecast’s error, "
        f"counts as a difference. {DISCLOSURE}"
    )


def _describe_claim(verdict: ClaimVerdict, judged: StudyVerdict) -> dict[str, Any]:
    own, estimate = "", verdict.answer.estimate
    if estimate is not None and verdict.claim.question.is_error:
        own = format_own_unit(estimate, judged.collection)
    return {
        "id": verdict.id,
        "text": verdict.claim.text,
        "verdict": verdict.verdict,
        "words": VERDICTS[verdict.verdict],
        "answer": format_answer(verdict.answer),
        "own_unit": own,
        "published": f"{format_published(verdict)} {format_reproduced(verdict)}".rstrip(),
        "explanation": explain_claim(verdict, judged),
    }


def _describe_network(row: NetworkRow) -> dict[str, Any]:
    shown, examined = row.overfitting
    return {
        "name": row.label,
        "seeds": format_attempts(row.attempts),
        "level": f"{row.level:.4f}",
        "turn": f"{row.turn:.0f}",
        "test": f"{row.test:.4f}" if row.test is not None else NONE,
        "overfit": f"{shown} of {examined}" if examined else NONE,
        "comparison": describe_comparison(row),
        "effect": {"lower": "holds", "higher": "does-not-hold"}.get(row.effect, row.effect.replace(" ", "-")),
    }


def _draw_pictures(judged: StudyVerdict, any_claim: bool) -> dict[str, list[str]]:
    """Return each picture for both widths; pictures without runs are left out."""
    draws = {"forest": draw_forest if any_claim else None, "pairs": draw_pairs if has_pairs(judged) else None}
    draws |= {"curves": draw_curves, "shares": draw_shares}
    return {
        name: [_embed(partial(draw, judged, width=width)) for width in (WIDE, NARROW)]
        for name, draw in draws.items()
        if draw is not None
    }


def _describe_rates(judged: StudyVerdict) -> dict[str, Any] | None:
    """Return the heat map for both widths, and its description; None if there are too few rates."""
    grids, run = list_rate_grids(judged.networks), judged.collection.used[0]
    if not grids:
        return None
    return {
        "pictures": [_embed(partial(draw_rates, grids, run, in_unit=True, columns=columns)) for columns in (2, 1)],
        "several": len(grids) > 1,
        "alternative": f"Heat map of the errors over both rates. {' '.join(describe_rates(grids, run, in_unit=True))}",
    }


def _describe_forecasts(judged: StudyVerdict, runs_dir: Path | None) -> dict[str, Any] | None:
    """Return the pictures of forecasts for both widths and the table of their intervals, or why there are none."""
    try:
        section = find_section(judged, runs_dir) if runs_dir else None
    except RdropError as error:
        return {"failure": str(error)}
    if section is None:
        return None
    return {
        "network": section.network,
        "samples": SAMPLES,
        "pictures": [_embed(draw) for draw in section.forecasts],
        "calibration": [_embed(draw) for draw in section.calibration],
        "heads": FORECAST_HEADS,
        "rows": section.rows,
        "failure": None,
    }


def _embed(draw: Callable[[Path], None]) -> str:
    """Return a drawing as an SVG in a data URL."""
    with tempfile.TemporaryDirectory() as folder:
        picture = Path(folder) / "picture.svg"
        draw(picture)
        return f"data:image/svg+xml;base64,{base64.b64encode(picture.read_bytes()).decode()}"


def _describe_runs(runs: Sequence[Metrics]) -> dict[str, Any]:
    """Return the tables of the runs themselves: their figures, data, protocol and environments."""
    protocol, unit = runs[0].protocol.to_json(), runs[0].unit
    cells = ", ".join(dict.fromkeys(run.cell for run in runs))
    return {
        "runs": [_describe_run(run, unit) for run in runs[:MOST_RUNS]],
        "runs_left": len(runs) - MOST_RUNS,
        "dataset": _describe_dataset(runs[0].dataset),
        "protocol": {"cell": cells} | {name.replace("_", " "): value for name, value in protocol.items()},
        "environments": _group_environments(runs),
    }


def _list_skipped(skipped: Sequence[Skipped]) -> list[str]:
    """Return a line for each unused run, or for each reason if there are many."""
    return list(map(str, skipped)) if len(skipped) <= MOST_RUNS else describe_skipped(skipped)


def _describe_run(run: Metrics, unit: str) -> dict[str, str]:
    """Return the cells of a run in the table of runs, by the column heads."""
    best, final, test = run.best, run.final, run.test
    cells = {
        "Run": run.run_id,
        "Network": run.label,
        "Seed": str(run.seed),
        "Rates": str(run.rates),
        "Epochs": str(run.epochs.done),
        "Best validation MAE": _format(best.val_mae if best else None, 4),
        f"Best in {unit}": _format(best.val_mae_in_unit if best else None, 2),
        "at epoch": str(best.epoch) if best else NONE,
        "Last validation MAE": _format(final.val_mae if final else None, 4),
        "Test MAE": _format(test.mae if test else None, 4),
        f"Test in {unit}": _format(test.mae_in_unit if test else None, 2),
        "Minutes": _format(run.timing.seconds / 60, 1),
    }
    return {head: cell for head, cell in cells.items() if unit or not head.endswith(" in ")}


def _format(value: float | None, digits: int) -> str:
    return NONE if value is None else f"{value:.{digits}f}"


def _describe_dataset(dataset: Dataset) -> dict[str, Any]:
    checked = {True: "the published file", False: "NOT the published file", None: "nothing published to compare with"}
    return {
        "name": dataset.label,
        "from": _name_origin(dataset.origin),
        "readings": dataset.rows,
        "SHA-256": dataset.sha256,
        "content": checked[dataset.verified],
    }


def _name_origin(origin: str) -> str:
    """Return the source of data: an address unchanged; of a path on the author's machine, only the file name."""
    return origin if "://" in origin else origin.replace("\\", "/").rsplit("/", 1)[-1]


def _group_environments(runs: Sequence[Metrics]) -> list[dict[str, Any]]:
    """Return every environment in which runs were made, including the engine, with the ids of those runs."""
    environments = list[dict[str, Any]]()
    for run in runs:
        versions = {"engine": run.engine or NONE, **run.environment.known()}
        same = next((each for each in environments if each["versions"] == versions), None)
        if same:
            same["runs"].append(run.run_id)
        else:
            environments.append({"versions": versions, "runs": [run.run_id]})
    return [
        each | {"count": len(each["runs"]), "runs": each["runs"][:MOST_RUNS], "left": len(each["runs"]) - MOST_RUNS}
        for each in environments
    ]
