"""Pictures of calibration: errors by hour and month, observations against forecasts, and coverage by source."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rdrop_cli.plots.forecast import Named
from rdrop_cli.plots.labels import break_name, break_title, spread_apart
from rdrop_cli.plots.style import NAIVE_COLOUR, PALETTE, colour_of, draw_figure, make_readable
from rdrop_cli.study.units import format_count
from rdrop_cli.uncertainty.calibration import BINS, Calibration, Judged, Part
from rdrop_cli.uncertainty.spread import INTERVALS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CALIBRATION_INCHES, NARROW_INCHES = (12.0, 7.4), (5.2, 17.0)
LABEL_CHARACTERS = 14  # per line
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
SOURCE_COLOURS = (*PALETTE[:6], "#8C564B", "#7F7F7F")
REFERENCES = {"naive": "--", "climatology": ":"}


def draw_calibration(
    found: Sequence[Calibration],
    references: Sequence[Calibration],
    judged: Judged,
    named: Named,
    path: Path,
    inches: tuple[float, float] = CALIBRATION_INCHES,
) -> None:
    """Draw the calibration of a network's forecasts.

    Args:
        found: the network's calibration, by source; errors are drawn for the last source.
        references: the calibration of the naive forecast and climatology.
        judged: the forecasts with the last source.
        named: labels of the forecasts.
        path: the picture; its ending chooses the format.
        inches: width and height.
    """
    rows, columns = (2, 3) if inches[0] >= CALIBRATION_INCHES[0] else (6, 1)
    with draw_figure(path, figsize=inches, nrows=rows, ncols=columns) as (figure, panels):
        by_hour, by_month, scatter, held, below, located = panels.ravel()
        _draw_parts(by_hour, [found[-1], *references], f"hour of the day{named.zone}", named)
        _draw_parts(by_month, [found[-1], *references], "month", named)
        _draw_scatter(scatter, judged, named)
        _draw_held(held, found)
        _draw_reliability(below, found)
        _draw_located(located, found)
        title = f"{named.title}, {format_count(found[-1].targets, 'target')}"
        figure.suptitle(break_title(title, inches[0]), x=0.01, ha="left", fontsize=13)
        handles, labels = held.get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=3 if columns == 3 else 1, title="sources")


def _draw_parts(axes: "Axes", found: Sequence[Calibration], what: str, named: Named) -> None:
    """Draw the mean absolute error by hour or month; the same month of several years is averaged."""
    lines = [(each, *_group(each.months if what == "month" else each.hours)) for each in found]
    highest = max(max(errors) for _, _, errors in lines)
    names = [break_name(each.label, LABEL_CHARACTERS) for each in found]
    sizes = [0.07 * highest * (1 + name.count("\n")) for name in names]
    heights = spread_apart([errors[-1] for _, _, errors in lines], sizes, 0.0, 1.05 * highest)
    for (each, keys, errors), name, height in zip(lines, names, heights, strict=True):
        reference = each.label in REFERENCES
        colour = NAIVE_COLOUR if reference else colour_of(named.variant)
        axes.plot(keys, errors, REFERENCES.get(each.label, "o-"), color=colour, linewidth=2, markersize=4)
        beside: dict[str, Any] = {"textcoords": "offset points", "va": "center", "annotation_clip": False}
        axes.annotate(name, (keys[-1], height), (5, 0), color=make_readable(colour), fontsize=9, **beside)
    axes.set_ylim(bottom=0)
    axes.set_title(f"mean absolute error by {what}", loc="left", fontsize=11)
    axes.set_ylabel(named.unit or "in the target's unit")
    if what == "month":
        axes.set_xticks(range(1, 13), [month[0] for month in MONTHS])
    else:
        axes.set_xticks(range(0, 24, 6))


def _group(parts: Sequence[Part]) -> tuple[list[int], list[float]]:
    """Return the hours, or the months from 1, and the mean error of each."""
    keys = [int(part.name[-2:].lstrip("-")) for part in parts]
    sums = {key: [0.0, 0] for key in sorted(keys)}
    for key, part in zip(keys, parts, strict=True):
        sums[key] = [sums[key][0] + part.mae * part.targets, sums[key][1] + part.targets]
    return list(sums), [float(total / count) for total, count in sums.values()]


def _draw_scatter(axes: "Axes", judged: Judged, named: Named) -> None:
    axes.plot(judged.centre, judged.observed, ".", color=colour_of(named.variant), alpha=0.25, markersize=4, mew=0)
    ends = [min(judged.centre.min(), judged.observed.min()), max(judged.centre.max(), judged.observed.max())]
    axes.plot(ends, ends, color="black", linewidth=1)
    axes.set_title("observed against forecast", loc="left", fontsize=11)
    axes.set_xlabel(f"forecast {named.axis}")
    axes.set_ylabel("observed")
    axes.set_aspect("equal", adjustable="datalim")


def _draw_held(axes: "Axes", found: Sequence[Calibration]) -> None:
    """Draw the coverage of the intervals, with its 95 % interval, and their nominal levels."""
    width = 0.8 / len(found)
    for place, level in enumerate(INTERVALS):
        axes.plot([place - 0.45, place + 0.45], [100 * level] * 2, color="black", linewidth=1.2)
        for number, each in enumerate(found):
            coverage, colour = each.coverage[place], SOURCE_COLOURS[number % len(SOURCE_COLOURS)]
            x = place - 0.4 + width * (number + 0.5)
            error = None if coverage.half is None else 100 * coverage.half
            label = each.sources if place == 0 else None
            axes.errorbar(
                x, 100 * coverage.share, error, fmt="o", color=colour, markersize=5, elinewidth=1.6, label=label
            )
    axes.set_xticks(range(len(INTERVALS)), [f"{100 * level:.0f} %" for level in INTERVALS])
    axes.set_ylim(0, 101)
    axes.set_title("targets within intervals", loc="left", fontsize=11)
    axes.set_xlabel("intervals; the line is what they promise")
    axes.set_ylabel("found (%)")


def _draw_reliability(axes: "Axes", found: Sequence[Calibration]) -> None:
    axes.plot([0, 100], [0, 100], color="black", linewidth=1)
    for number, each in enumerate(found):
        levels, shares = np.array(each.reliability).T * 100
        axes.plot(levels, shares, color=SOURCE_COLOURS[number % len(SOURCE_COLOURS)], linewidth=1.6)
    axes.set_title("targets below each quantile", loc="left", fontsize=11)
    axes.set_xlabel("promised (%)")
    axes.set_ylabel("found (%)")


def _draw_located(axes: "Axes", found: Sequence[Calibration]) -> None:
    """Draw histograms of the probability integral transform, for the first and the last source."""
    edges = np.linspace(0, 100, BINS + 1)
    for number in dict.fromkeys((0, len(found) - 1)):
        colour = SOURCE_COLOURS[number % len(SOURCE_COLOURS)]
        axes.stairs(BINS * np.array(found[number].pit), edges, color=colour, fill=number > 0, alpha=0.75, linewidth=1.8)
    axes.axhline(1, color="black", linewidth=1)
    axes.set_title("where targets lie in their distribution", loc="left", fontsize=11)
    axes.set_xlabel("below the target (%)")
    axes.set_ylabel("times as often as promised")
