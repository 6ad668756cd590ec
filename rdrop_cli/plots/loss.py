"""Pictures of loss curves: one run, several in one picture, or many seeds as a mean with a band."""

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rdrop_cli.analysis.run import RunCurves
from rdrop_cli.plots.groups import Group, group_seeds
from rdrop_cli.plots.labels import LEADER, break_name, spread_apart
from rdrop_cli.plots.style import NAIVE_COLOUR, colour_of, count_alike, draw_figure, make_readable, name_unit, shade
from rdrop_cli.runs.document import Metrics
from rdrop_cli.runs.history import RANKED_BY
from rdrop_cli.study.editions import describe_changes
from rdrop_cli.study.protocol import MAE, STANDARDISED
from rdrop_cli.study.units import name_target

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FIGURE_INCHES = (10.0, 5.6)
NARROW_INCHES = (5.2, 6.4)  # for a phone: as many points wide as it has pixels
LABEL_GAP = 0.05  # of the axes' height, per line of text
LABEL_PLACE = 1.035  # of the axes' width
LABEL_CHARACTERS = 24  # per line
TITLE_CHARACTERS_PER_INCH = 9
MEASURED = ("val_loss", "train_mae")  # with dropout off
BAND_OPACITY, SEED_OPACITY = 0.16, 0.45
FEW_GROUPS = 4  # for more networks, only the mean validation error is drawn, by which they are compared
PUBLISHED_STYLE: dict[str, Any] = {"linestyle": "-", "linewidth": 0.9, "marker": ".", "markersize": 4}
NAIVE_STYLE: dict[str, Any] = {"color": NAIVE_COLOUR, "linewidth": 1.4, "linestyle": (0, (6, 2, 1, 2))}
REFERENCE_STYLE: dict[str, Any] = {"color": "#7A5230", "linewidth": 1.4, "linestyle": (0, (1, 1.5))}
NAIVE = "naive"  # the reference forecast that every picture has
LEGEND_COLOUR = "#333333"


@dataclass(frozen=True)
class Line:
    """One kind of curve: its key in the history, its label, and its line style and width."""

    key: str
    label: str
    style: str
    width: float


@dataclass(frozen=True)
class Drawn:
    """A group of curves as it was drawn: the label at its end, its last epoch and value, and its range of values."""

    label: str
    epochs: float
    end: float
    low: float
    high: float
    colour: str
    weight: str = "bold"


LINES = (
    Line("val_loss", "validation", "-", 2.4),
    Line("train_mae", "training, dropout off", "--", 1.6),
    Line("loss", "training loss, dropout on", ":", 1.4),
)


def draw_run(metrics: Metrics, path: Path) -> None:
    """Draw one run's curves in the target's unit, with its best epoch and the naive forecast."""
    draw_comparison([metrics], path, in_unit=True)


def draw_comparison(
    runs: list[Metrics],
    path: Path,
    in_unit: bool,
    published: Mapping[str, RunCurves] | None = None,
    inches: tuple[float, float] = FIGURE_INCHES,
) -> None:
    """Draw the curves of runs in one picture: one colour per variant, shade per network, line style per kind of error.

    Runs that differ only in their seeds are drawn as their mean, with a band from the lowest seed to the highest and a
    thin line for each. For more than four networks, only the mean validation error is drawn.

    Args:
        runs: metrics of runs with at least one epoch.
        path: the picture; its ending chooses the format.
        in_unit: in the target's unit instead of standardised units.
        published: published curves to add, by variant; their validation loss is drawn.
        inches: width and height.
    """
    groups, overlaid = group_seeds(runs), list((published or {}).values())
    networks = [group for group in groups if group.runs[0].is_network]
    crowded = len(networks) > FEW_GROUPS
    naive = runs[0].naive.val_mae * _scale_of(runs[0], in_unit)
    with draw_figure(path, figsize=inches) as (figure, axes):
        lines = LINES[:1] if crowded else _choose_lines(runs[0])
        drawn = [
            _draw_group(axes, group, _scale_of(group.runs[0], in_unit), lines, shade(group.variant, earlier))
            for group, earlier in zip(networks, count_alike([each.variant for each in networks]), strict=True)
        ]
        drawn += [_draw_published(axes, run, in_unit) for run in overlaid]
        end = max((curves.epochs for curves in drawn), default=1.0) + 0.5
        drawn += [_draw_level(axes, name, level, end) for name, level in _list_references(groups, in_unit).items()]
        drawn.append(_draw_level(axes, "naive forecast", naive, end, NAIVE_STYLE))
        _label_axes(axes, runs, in_unit, characters=int(inches[0] * TITLE_CHARACTERS_PER_INCH))
        if not (networks or overlaid):
            axes.set_xticks([])
            axes.set_xlabel("")
        _limit_axes(axes, drawn)
        _name_lines(axes, drawn)
        has_seeds = any(len(group.runs) > 1 for group in networks)
        handles = _explain_lines(has_seeds, bool(overlaid), lines) if networks or overlaid else []
        figure.legend(handles=handles, loc="outside lower center", ncols=2 if inches == NARROW_INCHES else 4)


def _list_references(groups: Sequence[Group], in_unit: bool) -> dict[str, float]:
    """Return the validation error of each reference forecast by name, except the naive one, which is always drawn."""
    runs = [group.runs[0] for group in groups if not group.runs[0].is_network and group.variant != NAIVE]
    return {run.label: run.history.val_loss[-1] * _scale_of(run, in_unit) for run in runs}


def _draw_level(axes: "Axes", name: str, level: float, end: float, style: Mapping[str, Any] = REFERENCE_STYLE) -> Drawn:
    """Draw the error of a reference forecast, which has no epochs, as a horizontal line."""
    axes.axhline(level, **style)
    return Drawn(name, end, level, level, level, style["color"])


def _scale_of(metrics: Metrics, in_unit: bool) -> float:
    return metrics.target_std if in_unit else 1.0


def _draw_group(axes: "Axes", group: Group, scale: float, lines: Sequence[Line], colour: str) -> Drawn:
    seeds, crowded = group.curves("val_loss") * scale, len(lines) == 1
    epochs = range(1, group.epochs + 1)
    if len(seeds) > 1 and not crowded:
        axes.fill_between(epochs, seeds.min(axis=0), seeds.max(axis=0), color=colour, alpha=BAND_OPACITY, linewidth=0)
        axes.plot(epochs, seeds.T, color=colour, alpha=SEED_OPACITY, linewidth=0.7)
    for line in lines:
        values = group.curves(line.key).mean(axis=0) * scale
        axes.plot(epochs, values, line.style, color=colour, linewidth=line.width)
    mean = seeds.mean(axis=0)
    best = _find_best(group)
    axes.plot(best + 1, mean[best], "o", color=colour, markersize=8, markeredgecolor="white")
    measured = [mean] if crowded else [group.curves(key) * scale for key in MEASURED]
    low, high = min(curves.min() for curves in measured), max(curves.max() for curves in measured)
    return Drawn(group.label, group.epochs, mean[-1], low, high, colour)


def _find_best(group: Group) -> int:
    """Return the index of the best epoch of a group's mean, by the measure that its protocol selects weights by."""
    ranked_by = RANKED_BY[group.runs[0].protocol.best_by]
    measured = all(run.history[ranked_by] for run in group.runs)
    return int(group.curves(ranked_by if measured else "val_loss").mean(axis=0).argmin())


def _choose_lines(run: Metrics) -> Sequence[Line]:
    """Return the kinds of curves to draw; the training loss only if it is an error in the scale of the others."""
    comparable = (run.protocol.loss, run.protocol.target_scale) == (MAE, STANDARDISED)
    return [line for line in LINES if comparable or line.key != "loss"]


def _draw_published(axes: "Axes", run: RunCurves, in_unit: bool) -> Drawn:
    colour, values = colour_of(run.variant), run.val_loss * (run.target_std if in_unit else 1.0)
    axes.plot(range(1, run.epochs + 1), values, color=colour, **PUBLISHED_STYLE)
    label = f"{run.variant}, published"
    return Drawn(label, run.epochs, values[-1], values.min(), values.max(), colour, weight="normal")


def _limit_axes(axes: "Axes", drawn: list[Drawn]) -> None:
    """Fit the axes to the compared errors; the training loss of the first epochs may exceed them."""
    low, high = min(curves.low for curves in drawn), max(curves.high for curves in drawn)
    room = high - low or abs(high) or 1.0
    axes.set_ylim(low - 0.06 * room, high + 0.12 * room)
    axes.set_xlim(0.5, max(curves.epochs for curves in drawn))


def _name_lines(axes: "Axes", drawn: list[Drawn]) -> None:
    """Write the lines' names beside the axes, each joined to its line's end, so colours need no legend."""
    low, high = axes.get_ylim()
    names = [break_name(curves.label, LABEL_CHARACTERS) for curves in drawn]
    sizes = [LABEL_GAP * (high - low) * (1 + name.count("\n")) for name in names]
    heights = spread_apart([curves.end for curves in drawn], sizes, low, high)
    for curves, name, height in zip(drawn, names, heights, strict=True):
        axes.annotate(
            name,
            (curves.epochs, curves.end),
            xytext=(LABEL_PLACE, height),
            textcoords=("axes fraction", "data"),
            color=make_readable(curves.colour),
            fontweight=curves.weight,
            va="center",
            annotation_clip=False,
            arrowprops={**LEADER, "relpos": (0, 0.5)},
        )


def _label_axes(axes: "Axes", runs: list[Metrics], in_unit: bool, characters: int) -> None:
    from matplotlib.ticker import MaxNLocator

    unit = name_unit(runs[0], in_unit)
    axes.set_xlabel("epoch")
    median = " of the median" if runs[0].protocol.quantiles else ""
    axes.set_ylabel(f"mean absolute error{median}" + (f" ({unit})" if unit else ""))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_title(textwrap.fill(describe_setting(runs), characters), loc="left", fontsize=12)


def describe_setting(runs: Sequence[Metrics]) -> str:
    """Return a title: the target, the data and the protocols of the runs."""
    quantity, _ = name_target(runs[0].protocol.target)
    trained = [run for run in runs if run.is_network] or runs  # training settings do not affect reference forecasts
    protocols = sorted({f"{run.protocol.name} protocol{describe_changes(run.protocol)}" for run in trained})
    horizons = len(runs[0].protocol.horizons)
    over = f", mean of {horizons} horizons" if horizons > 1 else ""
    return f"Forecasting {quantity}: {name_data(runs)}, {', '.join(protocols)}{over}"


def name_data(runs: Sequence[Metrics]) -> str:
    """Name the data of runs in a title, and say if they are not the published ones."""
    datasets = sorted({(run.dataset.sha256, run.dataset.where): run.dataset.label for run in reversed(runs)}.values())
    unverified = any(run.dataset.verified is False for run in runs)
    return f"{', '.join(datasets)} data{' — not the published file' if unverified else ''}"


def _explain_lines(has_seeds: bool, has_published: bool, lines: Sequence[Line]) -> list[Any]:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    grey, crowded = LEGEND_COLOUR, len(lines) == 1
    mean = ", mean over seeds" if crowded and has_seeds else ""
    handles: list[Any] = [
        Line2D([], [], color=grey, ls=line.style, lw=line.width, label=line.label + mean) for line in lines
    ]
    handles.append(Line2D([], [], color=grey, marker="o", ls="", markersize=7, label="best epoch"))
    if has_seeds and not crowded:
        handles.append(Patch(color=grey, alpha=BAND_OPACITY, linewidth=0, label="lowest to highest seed"))
        handles.append(Line2D([], [], color=grey, alpha=SEED_OPACITY, lw=0.7, label="one seed; thick: the mean"))
    if has_published:
        handles.append(Line2D([], [], color=grey, **PUBLISHED_STYLE, label="published, one run"))
    return handles
