"""Write the report: one HTML file with its style and pictures in it, no script, nothing from elsewhere.

Everything that comes from files is escaped by jinja; the pictures are SVG images, in which nothing can run.
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
from rdrop_cli.analysis.claims import ERROR_UNIT
from rdrop_cli.analysis.claims_text import BENEFITS_TITLE, format_estimate
from rdrop_cli.analysis.judge import ClaimVerdict, SideFigure
from rdrop_cli.analysis.networks import ArmVerdict
from rdrop_cli.analysis.networks_text import ARMS_HEADS, ARMS_TITLE, describe_row
from rdrop_cli.analysis.published import find_published
from rdrop_cli.analysis.rate_grid import list_rate_grids
from rdrop_cli.analysis.verdict import StudyVerdict
from rdrop_cli.files import write_text
from rdrop_cli.plots.groups import group_seeds, keep_legible
from rdrop_cli.plots.loss import FIGURE_INCHES, NARROW_INCHES, draw_comparison
from rdrop_cli.plots.rates import describe_rates, draw_rates
from rdrop_cli.runs.document import Dataset, Metrics
from rdrop_cli.study.units import format_error

NONE = "–"


def write_report(judged: StudyVerdict, path: Path) -> None:
    """Write the report on runs that were judged; at least one was.

    Raises:
        OSError: it cannot be written; what was at `path` is as it was.
    """
    write_text(path, render_report(judged))


def render_report(judged: StudyVerdict) -> str:
    """Return the report as HTML."""
    import jinja2

    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    style = _read_resource("style.css")
    return environment.from_string(_read_resource("template.html")).render(
        style=style,
        policy=_forbid_everything_but(style),
        version=rdrop_cli.__version__,
        judged=judged.collection.describe(),
        notes=judged.collection.notes,
        left_out=judged.collection.left_out,
        claims=[_describe_claim(verdict, judged) for verdict in judged.claims],
        benefits_title=BENEFITS_TITLE,
        benefits=[_describe_claim(verdict, judged) for verdict in judged.benefits],
        arms_title=ARMS_TITLE,
        arm_heads=ARMS_HEADS,
        arms=[_describe_arm(row) for row in judged.arms],
        arms_in_words=judged.describe_arms(),
        rates=_describe_rates(judged),
        **_describe_curves(judged.collection.metrics),
        **_describe_runs(judged.collection.used),
    )


def _read_resource(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")


def _forbid_everything_but(style: str) -> str:
    """Return a content security policy that lets in this style sheet, and pictures that are in the page itself."""
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'"


def _describe_claim(verdict: ClaimVerdict, judged: StudyVerdict) -> dict[str, Any]:
    run, own_unit = judged.collection.curves[0], ""
    if verdict.estimate is not None and verdict.unit == ERROR_UNIT and run.unit:
        own_unit = f"{verdict.estimate * run.target_std:+.3f} {run.unit}"
    return {
        "verdict": verdict,
        "published": format_estimate(verdict.published, None, verdict.unit),
        "measured": format_estimate(verdict.estimate, verdict.interval, verdict.unit),
        "own_unit": own_unit,
        "beside": [_describe_beside(side) for side in verdict.beside if side.seeds or side.published is not None],
    }


def _describe_beside(side: SideFigure) -> str:
    seeds = "seed" if len(side.seeds) == 1 else "seeds"
    measured = f"{format_estimate(side.estimate, side.interval, side.unit)} over {len(side.seeds)} {seeds}"
    published = "" if side.published is None else f"published {format_estimate(side.published, None, side.unit)}"
    return f"{side.name}: {'; '.join(part for part in (measured if side.seeds else '', published) if part)}"


def _describe_arm(row: ArmVerdict) -> dict[str, Any]:
    name, *cells = describe_row(row)
    return {"name": name, "cells": cells, "effect": row.comparison.effect if row.comparison else "reference"}


def _describe_rates(judged: StudyVerdict) -> dict[str, Any] | None:
    """Return the heat map for both widths, and in words; None where there are too few rates for it."""
    grids, run = list_rate_grids(judged.arms), judged.collection.used[0]
    if not grids:
        return None
    return {
        "pictures": [_embed(partial(draw_rates, grids, run, in_unit=True, columns=columns)) for columns in (2, 1)],
        "several": len(grids) > 1,
        "alternative": f"Heat map of the errors over both rates. {' '.join(describe_rates(grids, run, in_unit=True))}",
    }


def _describe_curves(runs: Sequence[Metrics]) -> dict[str, Any]:
    """Return the picture of the curves for both widths, in words, and whose curves are not in it."""
    shown, too_many = keep_legible(runs)
    published = find_published(shown)
    return {
        "pictures": [
            _embed(partial(draw_comparison, shown, in_unit=True, published=published, inches=inches))
            for inches in (FIGURE_INCHES, NARROW_INCHES)
        ],
        "alternative": _describe_picture(shown, runs[0].unit),
        "not_drawn": too_many,
    }


def _embed(draw: Callable[[Path], None]) -> str:
    """Return what is drawn as an SVG in a data address."""
    with tempfile.TemporaryDirectory() as folder:
        picture = Path(folder) / "picture.svg"
        draw(picture)
        return f"data:image/svg+xml;base64,{base64.b64encode(picture.read_bytes()).decode()}"


def _describe_runs(runs: Sequence[Metrics]) -> dict[str, Any]:
    """Return what is shown of the runs themselves: their figures, and what they were made with."""
    protocol, unit = runs[0].protocol.to_json(), runs[0].unit
    cells = ", ".join(dict.fromkeys(run.cell for run in runs))
    return {
        "runs": [_describe_run(run, unit) for run in runs],
        "dataset": _describe_dataset(runs[0].dataset),
        "protocol": {"cell": cells} | {name.replace("_", " "): value for name, value in protocol.items()},
        "environments": _group_environments(runs),
    }


def _describe_picture(runs: list[Metrics], unit: str) -> str:
    """Say in words what the picture shows, for those who do not see it."""
    sentences, scale = ["Validation error over epochs."], runs[0].target_std
    for group in group_seeds(runs):
        mean = group.curves("val_loss").mean(axis=0) * scale
        lowest = f"lowest {format_error(mean.min(), unit)} at epoch {mean.argmin() + 1}"
        sentences.append(f"{group.label}: {lowest}, {format_error(mean[-1], unit)} after {group.epochs} epochs.")
    sentences.append(f"The naive forecast: {format_error(runs[0].naive.val_mae * scale, unit)}.")
    return " ".join(sentences)


def _describe_run(run: Metrics, unit: str) -> dict[str, str]:
    """Return the cells of a run in the table of runs, by the heads of its columns."""
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
        "name": dataset.name,
        "from": dataset.origin,
        "readings": dataset.rows,
        "SHA-256": dataset.sha256,
        "content": checked[dataset.verified],
    }


def _group_environments(runs: Sequence[Metrics]) -> list[dict[str, Any]]:
    """Return every environment that runs were made in, engine included, with the ids of those runs."""
    environments = list[dict[str, Any]]()
    for run in runs:
        versions = {"engine": run.engine or NONE, **run.environment.known()}
        same = next((each for each in environments if each["versions"] == versions), None)
        if same:
            same["runs"].append(run.run_id)
        else:
            environments.append({"versions": versions, "runs": [run.run_id]})
    return environments
