"""Loss curves: of one run, and of several over each other."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rdrop_cli.plots.style import NAIVE_COLOUR, colour_of, draw_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Metrics = dict[str, Any]
FIGURE_INCHES = (10.0, 5.6)


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
    Line("loss", "training loss, as trained on", ":", 1.4),
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
    labels = label_runs(runs)
    with draw_figure(path, figsize=FIGURE_INCHES) as (figure, axes):
        for metrics, label in zip(runs, labels, strict=True):
            _draw_curves(axes, metrics, _scale_of(metrics, in_degc), label)
        _draw_naive(axes, runs, in_degc)
        _label_axes(axes, runs, in_degc)
        figure.legend(handles=_explain_lines(axes), loc="outside lower center", ncols=4)


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


def _draw_curves(axes: "Axes", metrics: Metrics, scale: float, label: str) -> None:
    colour = colour_of(metrics["variant"])
    epochs = range(1, len(metrics["history"]["val_loss"]) + 1)
    for line in LINES:
        values = [value * scale for value in metrics["history"][line.key]]
        axes.plot(epochs, values, line.style, color=colour, linewidth=line.width)
    best = metrics["best"]
    axes.plot(best["epoch"], best["val_mae"] * scale, "o", color=colour, markersize=8, markeredgecolor="white")
    axes.annotate(
        label,
        (epochs[-1], metrics["history"]["val_loss"][-1] * scale),
        xytext=(7, 0),
        textcoords="offset points",
        color=colour,
        fontweight="bold",
        va="center",
    )


def _draw_naive(axes: "Axes", runs: list[Metrics], in_degc: bool) -> None:
    """Draw the naive forecast's error once; it is the same for all runs on the same windows."""
    level = runs[0]["naive"]["val_mae"] * _scale_of(runs[0], in_degc)
    axes.axhline(level, color=NAIVE_COLOUR, linewidth=1.4, linestyle=(0, (6, 2, 1, 2)))
    axes.annotate(
        "naive forecast: as now",
        (0, level),
        xycoords=("axes fraction", "data"),
        xytext=(6, 4),
        textcoords="offset points",
        color=NAIVE_COLOUR,
        fontsize=10,
    )


def _label_axes(axes: "Axes", runs: list[Metrics], in_degc: bool) -> None:
    from matplotlib.ticker import MaxNLocator

    target = str(runs[0]["protocol"]["target"])
    quantity, _, unit = target.removesuffix(")").partition(" (")
    shown = {"degC": "°C"}.get(unit, unit) if in_degc else "standardised"
    longest = max(len(run["history"]["val_loss"]) for run in runs)
    axes.set_xlabel("epoch")
    axes.set_ylabel(f"mean absolute error ({shown})")
    axes.set_xlim(0.5, longest * 1.16 + 0.5)  # room for the names at the lines' ends
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    name = {"T": "temperature"}.get(quantity, quantity)
    axes.set_title(_describe_setting(runs, name), loc="left", fontsize=12)


def _describe_setting(runs: list[Metrics], quantity: str) -> str:
    datasets = sorted({str(run["dataset"]["name"]) for run in runs})
    protocols = sorted({str(run["protocol"]["name"]) for run in runs})
    unverified = any(run["dataset"]["verified"] is False for run in runs)
    warning = " — not the published file" if unverified else ""
    return f"Forecasting {quantity}: {', '.join(datasets)} data{warning}, {', '.join(protocols)} protocol"


def _explain_lines(axes: "Axes") -> list[Any]:
    from matplotlib.lines import Line2D

    handles = [Line2D([], [], color="#333333", ls=line.style, lw=line.width, label=line.label) for line in LINES]
    best = Line2D([], [], color="#333333", marker="o", ls="", markersize=7, label="best epoch")
    return [*handles, best]
