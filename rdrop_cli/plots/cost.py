"""Picture of error and cost: test errors against the multiply-adds of training, which do not depend on the machine."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rdrop_cli.analysis.intervals import measure_half_width
from rdrop_cli.plots.groups import Group, group_seeds
from rdrop_cli.plots.labels import Names, break_name, break_title, spread_apart
from rdrop_cli.plots.loss import NAIVE, describe_setting
from rdrop_cli.plots.style import NAIVE_COLOUR, colour_of, draw_figure, make_readable, name_unit
from rdrop_cli.runs.document import Metrics
from rdrop_cli.study.config import RunConfig
from rdrop_cli.study.methods import CELLS
from rdrop_cli.study.variants import VARIANTS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
LABEL_CHARACTERS = 30  # per line
POINT_PIXELS = 4  # from the middle of a point to its edge
POINT_SHARE = 0.02  # of the axis: room for a point with its interval
INCHES = (8.0, 5.0)


@dataclass(frozen=True)
class Cost:
    """A point of the picture.

    Attributes:
        multiply_adds: in the training of one run, mean over seeds.
        error: on the test period, mean over seeds.
        half: half the width of that mean's 95 % t interval; 0 for a single seed.
    """

    label: str
    variant: str
    multiply_adds: float
    error: float
    half: float


def count_multiply_adds(run: Metrics, config: RunConfig) -> int | None:
    """Return the multiply-adds of a run's training in the forward passes; backward passes need about twice as many.

    None if they are not known: for a reference forecast, a network of the user's own, or a run of an early version that
    did not record its number of inputs.
    """
    variant = VARIANTS.get(run.variant)
    if variant is None or not variant.is_network or run.standardisation is None:
        return None
    protocol, features = config.own_protocol, len(run.standardisation.inputs)
    products = variant.count_products(protocol.timesteps, features, protocol.units, len(CELLS[run.cell].gates))
    return products * protocol.epoch_windows * run.epochs.done


def list_costs(
    runs: Sequence[Metrics], configs: Mapping[str, RunConfig], in_unit: bool
) -> tuple[list[Cost], dict[str, list[str]]]:
    """Return one point per network, the cheapest first, and the labels of the networks that have none, by the reason.

    The naive forecast is in neither list; it is drawn as a line.

    Args:
        configs: the configuration of each run, by run id.
        in_unit: whether errors are in the target's unit; otherwise they are standardised.
    """
    costs, missing = list[Cost](), dict[str, list[str]]()
    for group in group_seeds([run for run in runs if run.variant != NAIVE]):
        counted = [count_multiply_adds(run, configs[run.run_id]) for run in group.runs]
        errors = [run.test.mae_in_unit if in_unit else run.test.mae for run in group.runs if run.test]
        known = [count for count in counted if count is not None]
        if len(known) < len(group.runs):
            missing.setdefault("no known cost", []).append(group.label)
        elif len(errors) < len(group.runs):
            missing.setdefault("no test error", []).append(group.label)
        else:
            costs.append(_summarise(group, known, errors))
    return sorted(costs, key=lambda cost: (cost.multiply_adds, cost.error)), missing


def _summarise(group: Group, counts: Sequence[int], errors: Sequence[float]) -> Cost:
    half = float(measure_half_width(np.array(errors))) if len(errors) > 1 else 0.0
    return Cost(group.label, group.variant, float(np.mean(counts)), float(np.mean(errors)), half)


def draw_cost(costs: Sequence[Cost], runs: Sequence[Metrics], path: Path, in_unit: bool) -> None:
    """Draw the test error of each network against the cost of its training, and the naive forecast's error as a line.

    Args:
        runs: those of the points, for what they have in common: the data, the unit and the naive forecast.

    Raises:
        FileNotFoundError: the folder is missing; OSError: the picture cannot be written.
    """
    from matplotlib.ticker import LogLocator, NullLocator

    run, (low, high) = runs[0], (costs[0].multiply_adds, costs[-1].multiply_adds)
    ends = (low / 1.5, high * max((high / low) ** 0.35, 2.2))  # leaves room for the last label
    points = _set_side_by_side(costs, *ends)
    exponent = 3 * int(np.log10(high) // 3)
    with draw_figure(path, figsize=INCHES) as (figure, axes):
        for cost in points:
            colour = colour_of(cost.variant)
            axes.errorbar(
                cost.multiply_adds, cost.error, yerr=cost.half or None, fmt="o", color=colour, capsize=3, zorder=3
            )
        naive = run.naive.test_mae_in_unit if in_unit else run.naive.test_mae
        if naive is not None:
            axes.axhline(naive, color=NAIVE_COLOUR, linestyle=(0, (6, 2, 1, 2)))
            beside: dict[str, Any] = {"xycoords": ("axes fraction", "data"), "textcoords": "offset points"}
            axes.annotate("naive\nforecast", (1, naive), (4, 0), va="center", color=NAIVE_COLOUR, **beside)
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_major_formatter(lambda count, _: f"{count / 10**exponent:g}")
        axes.xaxis.set_minor_locator(NullLocator())
        axes.set_xlim(*ends)
        axes.margins(y=0.2)
        axes.set_ylim(axes.get_ylim())
        moved = "; nearly equal ones side by side" if points != list(costs) else ""
        axes.set_xlabel(
            f"multiply-adds of a training's forward passes (10{str(exponent).translate(SUPERSCRIPTS)}){moved}"
        )
        unit = name_unit(run, in_unit)
        axes.set_ylabel(f"test error{f' ({unit})' if unit else ''}, mean over seeds, 95 % interval")
        figure.suptitle(break_title(describe_setting(runs), INCHES[0]), x=0.01, ha="left", fontsize=13)
        figure.draw_without_rendering()  # lays the axes out
        _name_points(axes, points, naive)


def _set_side_by_side(costs: Sequence[Cost], low: float, high: float) -> list[Cost]:
    """Move points of nearly equal cost apart, as little as possible: their intervals would hide each other.

    Args:
        low, high: the ends of the axis, which is logarithmic.
    """
    logs, ends = np.log([cost.multiply_adds for cost in costs]).tolist(), np.log([low, high]).tolist()
    spread = spread_apart(logs, [POINT_SHARE * (ends[1] - ends[0])] * len(costs), *ends)
    return [
        cost if abs(at - log) < 1e-9 else replace(cost, multiply_adds=float(np.exp(at)))
        for cost, log, at in zip(costs, logs, spread, strict=True)
    ]


def _name_points(axes: "Axes", costs: Sequence[Cost], naive: float | None) -> None:
    """Write each network's name near its point, without covering a point, bar or line."""
    from matplotlib.transforms import Bbox

    drawn = []
    for cost in costs:
        ends = axes.transData.transform([(cost.multiply_adds, cost.error + sign * cost.half) for sign in (-1, 1)])
        drawn.append(Bbox(ends).padded(POINT_PIXELS))
    if naive is not None:
        drawn.append(Bbox([(axes.bbox.x0, y := axes.transData.transform((1, naive))[1]), (axes.bbox.x1, y)]).padded(2))
    names = Names(axes, drawn)
    for cost in sorted(costs, key=lambda cost: cost.error):
        style = {"fontsize": 9, "color": make_readable(colour_of(cost.variant))}
        names.write(break_name(cost.label, LABEL_CHARACTERS), (cost.multiply_adds, cost.error), **style)
