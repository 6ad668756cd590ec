"""Picture of error and cost: test errors against the multiply-adds of training, which do not depend on the machine."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rdrop_cli.analysis.intervals import measure_half_width
from rdrop_cli.plots.groups import Group, group_seeds
from rdrop_cli.plots.labels import Names, break_name
from rdrop_cli.plots.loss import NAIVE
from rdrop_cli.plots.style import NAIVE_COLOUR, colour_of, draw_figure, make_readable, name_unit
from rdrop_cli.runs.document import Metrics
from rdrop_cli.study.config import RunConfig
from rdrop_cli.study.methods import CELLS
from rdrop_cli.study.variants import VARIANTS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TRILLION = 1e12
LABEL_CHARACTERS = 30  # per line
POINT_PIXELS = 4  # from the middle of a point to its edge


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
) -> tuple[list[Cost], list[str]]:
    """Return one point per network, the cheapest first, and the labels of networks without a test error or cost.

    The naive forecast is in neither list; it is drawn as a line.

    Args:
        configs: the configuration of each run, by run id.
        in_unit: whether errors are in the target's unit; otherwise they are standardised.
    """
    costs, missing = [], []
    for group in group_seeds([run for run in runs if run.variant != NAIVE]):
        counted = [count_multiply_adds(run, configs[run.run_id]) for run in group.runs]
        errors = [run.test.mae_in_unit if in_unit else run.test.mae for run in group.runs if run.test]
        known = [count for count in counted if count is not None]
        if len(known) < len(group.runs) or len(errors) < len(group.runs):
            missing.append(group.label)
        else:
            costs.append(_summarise(group, known, errors))
    return sorted(costs, key=lambda cost: (cost.multiply_adds, cost.error)), missing


def _summarise(group: Group, counts: Sequence[int], errors: Sequence[float]) -> Cost:
    half = float(measure_half_width(np.array(errors))) if len(errors) > 1 else 0.0
    return Cost(group.label, group.variant, float(np.mean(counts)), float(np.mean(errors)), half)


def draw_cost(costs: Sequence[Cost], run: Metrics, path: Path, in_unit: bool) -> None:
    """Draw the test error of each network against the cost of its training, and the naive forecast's error as a line.

    Args:
        run: any of the runs, for the unit and the naive forecast, which all have in common.

    Raises:
        FileNotFoundError: the folder is missing; OSError: the picture cannot be written.
    """
    from matplotlib.ticker import LogLocator, NullLocator

    with draw_figure(path, figsize=(8.0, 5.0)) as (figure, axes):
        for cost in costs:
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
        axes.xaxis.set_major_formatter(lambda count, _: f"{count / TRILLION:g}")
        axes.xaxis.set_minor_locator(NullLocator())
        low, high = costs[0].multiply_adds, costs[-1].multiply_adds
        axes.set_xlim(low / 1.5, high * max((high / low) ** 0.35, 2.2))  # leaves room for the last label
        axes.margins(y=0.2)
        axes.set_ylim(axes.get_ylim())
        axes.set_xlabel("multiply-adds of a training, forwards (10¹²)")
        unit = name_unit(run, in_unit)
        axes.set_ylabel(f"test error{f' ({unit})' if unit else ''}, mean over seeds, 95 % interval")
        figure.draw_without_rendering()  # lays the axes out
        _name_points(axes, costs, naive)


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
