"""Loss curves: of one run, and of several over each other."""

from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rdrop_cli.plots.style import NAIVE_COLOUR, colour_of, draw_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Metrics = dict[str, Any]
FIGURE_INCHES = (10.0, 5.6)
LABEL_GAP = 0.05  # of the axes' height, a line of text
MEASURED = ("val_loss", "train_mae")  # with dropout off


@dataclass(frozen=True)
class Line:
    """One kind of curve: its key in the history, what it is called, and how it is drawn."""

    key: str
    label: str
    style: str
    width: float


LINES = (
    Line("val_loss", "validation", "-", 2.4),
    Line("train_mae", "training, dropout off", "--", 1.6),
    Line("loss", "training loss, dropout on", ":", 1.4),
)


def draw_run(metrics: Metrics, path: Path) -> None:
    """Draw one run's curves in °C, with its best epoch and the naive forecast."""
    draw_comparison([metrics], path, in_degc=True)


def draw_comparison(runs: list[Metrics], path: Path, in_degc: bool) -> None:
    """Draw the curves of runs over each other: a colour a variant, a line style a kind of error.

    Args:
        runs: metrics of runs with at least one epoch.
        path: the picture; its ending chooses the format.
        in_degc: in the target's unit instead of standardised units.
    """
    with draw_figure(path, figsize=FIGURE_INCHES) as (figure, axes):
        for metrics in runs:
            _draw_curves(axes, metrics, _scale_of(metrics, in_degc))
        naive = runs[0]["naive"]["val_mae"] * _scale_of(runs[0], in_degc)
        axes.axhline(naive, color=NAIVE_COLOUR, linewidth=1.4, linestyle=(0, (6, 2, 1, 2)))
        _label_axes(axes, runs, in_degc)
        _limit_axes(axes, runs, naive, in_degc)
        _name_lines(axes, runs, naive, in_degc)
        figure.legend(handles=_explain_lines(), loc="outside lower center", ncols=4)


def label_runs(runs: list[Metrics]) -> list[str]:
    """Label each run by what tells it from the others: variant, then seed, then id."""
    variants = [str(run["variant"]) for run in runs]
    seeded = [f"{run['variant']}, seed {run['seed']}" for run in runs]
    by_variant, by_seed = Counter(variants), Counter(seeded)
    return [
        variant if by_variant[variant] == 1 else with_seed if by_seed[with_seed] == 1 else str(run["run_id"])
        for run, variant, with_seed in zip(runs, variants, seeded, strict=True)
    ]


def _scale_of(metrics: Metrics, in_degc: bool) -> float:
    return float(metrics["degc_per_unit"]) if in_degc else 1.0


def _draw_curves(axes: "Axes", metrics: Metrics, scale: float) -> None:
    colour = colour_of(metrics["variant"])
    epochs = range(1, len(metrics["history"]["val_loss"]) + 1)
    for line in LINES:
        values = [value * scale for value in metrics["history"][line.key]]
        axes.plot(epochs, values, line.style, color=colour, linewidth=line.width)
    best = metrics["best"]
    axes.plot(best["epoch"], best["val_mae"] * scale, "o", color=colour, markersize=8, markeredgecolor="white")


def _limit_axes(axes: "Axes", runs: list[Metrics], naive: float, in_degc: bool) -> None:
    """Fit the axes to what is compared; the training loss of the first epochs may leave them at the top."""
    measured = [
        value * _scale_of(run, in_degc) for run in runs for key in MEASURED for value in run["history"][key]
    ] + [naive]
    low, high = min(measured), max(measured)
    axes.set_ylim(low - 0.06 * (high - low), high + 0.12 * (high - low))
    axes.set_xlim(0.5, _longest(runs) + 0.5)


def _name_lines(axes: "Axes", runs: list[Metrics], naive: float, in_degc: bool) -> None:
    """Write each line's name at its end, so that nobody has to match colours with a legend."""
    names = [("naive forecast", _longest(runs) + 0.5, naive, NAIVE_COLOUR)]
    for run, label in zip(runs, label_runs(runs), strict=True):
        values = run["history"]["val_loss"]
        names.append((label, len(values), values[-1] * _scale_of(run, in_degc), colour_of(run["variant"])))
    low, high = axes.get_ylim()
    heights = spread_apart([height for _, _, height, _ in names], gap=LABEL_GAP * (high - low))
    for (text, epoch, _, colour), height in zip(names, heights, strict=True):
        style: Any = {"color": colour, "fontweight": "bold", "va": "center", "annotation_clip": False}
        axes.annotate(text, (epoch, height), xytext=(8, 0), textcoords="offset points", **style)


def spread_apart(heights: list[float], gap: float) -> list[float]:
    """Move labels up, as little as their order from below allows, until they are `gap` apart."""
    spread = list(heights)
    order = sorted(range(len(heights)), key=heights.__getitem__)
    for below, above in pairwise(order):
        spread[above] = max(spread[above], spread[below] + gap)
    return spread


def _longest(runs: list[Metrics]) -> int:
    return max(len(run["history"]["val_loss"]) for run in runs)


def _label_axes(axes: "Axes", runs: list[Metrics], in_degc: bool) -> None:
    from matplotlib.ticker import MaxNLocator

    target = str(runs[0]["protocol"]["target"])
    quantity, _, unit = target.removesuffix(")").partition(" (")
    shown = {"degC": "°C"}.get(unit, unit) if in_degc else "standardised"
    axes.set_xlabel("epoch")
    axes.set_ylabel(f"mean absolute error ({shown})")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    name = {"T": "temperature"}.get(quantity, quantity)
    axes.set_title(_describe_setting(runs, name), loc="left", fontsize=12)


def _describe_setting(runs: list[Metrics], quantity: str) -> str:
    datasets = sorted({str(run["dataset"]["name"]) for run in runs})
    protocols = sorted({str(run["protocol"]["name"]) for run in runs})
    unverified = any(run["dataset"]["verified"] is False for run in runs)
    warning = " — not the published file" if unverified else ""
    return f"Forecasting {quantity}: {', '.join(datasets)} data{warning}, {', '.join(protocols)} protocol"


def _explain_lines() -> list[Any]:
    from matplotlib.lines import Line2D

    handles = [Line2D([], [], color="#333333", ls=line.style, lw=line.width, label=line.label) for line in LINES]
    best = Line2D([], [], color="#333333", marker="o", ls="", markersize=7, label="best epoch")
    return [*handles, best]
