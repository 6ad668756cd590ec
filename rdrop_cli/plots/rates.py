"""Heat map of a network's error over its two rates."""

import math
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rdrop_cli.analysis.networks import NetworkRow
from rdrop_cli.analysis.rate_grid import RateGrid
from rdrop_cli.plots.labels import break_name
from rdrop_cli.plots.loss import describe_setting
from rdrop_cli.plots.style import ERROR_MAP, draw_figure, name_unit, read_on
from rdrop_cli.runs.document import Metrics
from rdrop_cli.study.units import format_count
from rdrop_cli.study.variants import explain_input_mask, format_rates

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.cm import ScalarMappable
    from matplotlib.colorbar import Colorbar

MOST_PANELS = 4
SQUARE_INCHES = (0.95, 0.72)
LEAST_PANEL_INCHES = (3.2, 2.2)
AROUND_PANEL_INCHES = (0.9, 1.0)  # for the axis, its numbers and the title
AROUND_ALL_INCHES = (1.1, 1.4)  # for the colour bar; for the title and caption
CHARACTERS_PER_INCH = 14  # of the caption
TITLE_CHARACTERS = 30  # of a panel, per line
MISSING_STYLE: dict[str, Any] = {"facecolor": "#F4F4F4", "edgecolor": "#BBBBBB", "hatch": "///", "linewidth": 0}
OUTLINE = (("white", 5.0), ("black", 2.5))  # visible on every colour
REFERENCE_COLOUR = "#D00000"
LEVELS = 20  # between the best and the worst square of a panel that the written numbers distinguish
MOST_DECIMALS = 6


@dataclass(frozen=True)
class Writing:
    """The format of errors: the factor to the displayed unit, the unit, and enough decimals to distinguish squares."""

    per_unit: float
    unit: str
    decimals: int

    def number(self, error: float) -> str:
        return f"{error * self.per_unit:.{self.decimals}f}"

    def describe(self, row: NetworkRow) -> str:
        """Render a mean level over seeds: `2.311 °C, 5 seeds`."""
        return f"{self.number(row.level)}\N{NO-BREAK SPACE}{self.unit}".rstrip() + f", {count_seeds(row)}"


def count_seeds(row: NetworkRow) -> str:
    return f"{len(row.seeds)} seeds" if len(row.seeds) > 1 else "one seed"


def draw_rates(grids: Sequence[RateGrid], run: Metrics, path: Path, in_unit: bool, columns: int = 2) -> None:
    """Draw the mean validation level over dropout and recurrent dropout, one panel per network, all in one scale.

    Each square shows its value and its number of seeds. The best of a panel is outlined; untrained pairs are hatched.

    Args:
        grids: at least one; the first four are drawn.
        run: metrics of one of the runs, for everything that they have in common.
        path: the picture; its ending chooses the format.
        in_unit: in the target's unit instead of standardised units.
        columns: the largest number of columns of panels.
    """
    shown = grids[:MOST_PANELS]
    columns = min(columns, len(shown))
    rows, inches = -(-len(shown) // columns), _measure_figure(shown, columns)
    characters, writing = int(inches[0] * CHARACTERS_PER_INCH), _choose_writing(shown, run, in_unit)
    with draw_figure(path, figsize=inches, nrows=rows, ncols=columns, squeeze=False) as (figure, panels):
        colours = _make_colours(shown, writing)
        for axes, grid in zip(panels.flat, shown, strict=False):
            _draw_grid(axes, grid, colours, writing)
        for axes in panels.flat[len(shown) :]:
            axes.set_visible(False)
        bar = figure.colorbar(colours, ax=panels, aspect=26)
        _explain_colours(bar, shown, writing)
        figure.suptitle(textwrap.fill(describe_setting([run]), int(characters * 0.75)), x=0.01, ha="left", fontsize=12)
        caption = [textwrap.fill(line, characters) for line in describe_rates(shown, run, in_unit)]
        figure.supxlabel("\n".join(caption), x=0.01, ha="left", fontsize=9)


def describe_rates(grids: Sequence[RateGrid], run: Metrics, in_unit: bool) -> list[str]:
    """Return the caption of the heat map: the meaning of the numbers, each panel's best pair, and the references."""
    shown = grids[:MOST_PANELS]
    writing = _choose_writing(shown, run, in_unit)
    hatched = " Hatched: not trained." if any(grid.has_gaps for grid in shown) else ""
    lines = [f"Mean over seeds of the validation level{_in_brackets(writing.unit)}; lower is better.{hatched}"]
    for grid in shown:
        pair = format_rates(grid.best.network.dropout, grid.best.network.recurrent_dropout)
        best = f"outlined, the best of {len(grid.squares)} pairs, partly by chance: {pair}"
        lines.append(f"{grid.network}: {best} with {writing.describe(grid.best)}.")
        masks = explain_input_mask(grid.network, grid.best.network.variant, grid.squares)
        lines += [masks] if masks else []
    references = _list_references(shown)
    beside = [
        f"{row.label}, {format_count(row.network.epochs, 'epoch')}: {writing.describe(row)}" for row in references
    ]
    return [*lines, f"Beside: {'; '.join(beside)}."] if beside else lines


def _list_references(grids: Sequence[RateGrid]) -> list[NetworkRow]:
    """Return the networks that the panels are compared with, each once."""
    return list({grid.reference.label: grid.reference for grid in grids if grid.reference}.values())


def _in_brackets(unit: str) -> str:
    return f" ({unit})" if unit else ""


def _choose_writing(grids: Sequence[RateGrid], run: Metrics, in_unit: bool) -> Writing:
    per_unit = run.target_std if in_unit else 1.0
    panels = [[square.level * per_unit for square in grid.squares.values()] for grid in grids]
    spans = [max(values) - min(values) or max(map(abs, values)) or 1.0 for values in panels]
    decimals = min(MOST_DECIMALS, max(0, math.ceil(math.log10(LEVELS) - math.log10(min(spans)))))
    return Writing(per_unit, name_unit(run, in_unit), decimals)


def _measure_figure(grids: Sequence[RateGrid], columns: int) -> tuple[float, float]:
    """Return width and height in inches, with room for the largest panel in every place."""
    squares = max(len(grid.dropouts) for grid in grids), max(len(grid.recurrent_dropouts) for grid in grids)
    times = columns, -(-len(grids) // columns)
    width, height = (
        around_all + number * (around + max(least, count * square))
        for around_all, number, around, least, count, square in zip(
            AROUND_ALL_INCHES, times, AROUND_PANEL_INCHES, LEAST_PANEL_INCHES, squares, SQUARE_INCHES, strict=True
        )
    )
    return width, height


def _make_colours(grids: Sequence[RateGrid], writing: Writing) -> "ScalarMappable":
    """Return one colour scale for all squares."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    values = [square.level * writing.per_unit for grid in grids for square in grid.squares.values()]
    low, high = min(values), max(values)
    room = 0.0 if high > low else abs(high) * 0.01 or 1.0
    return ScalarMappable(Normalize(low - room, high + room), ERROR_MAP)


def _draw_grid(axes: "Axes", grid: RateGrid, colours: "ScalarMappable", writing: Writing) -> None:
    from matplotlib.patches import Rectangle

    for y, recurrent in enumerate(grid.recurrent_dropouts):
        for x, dropout in enumerate(grid.dropouts):
            square, corner = grid.squares.get((dropout, recurrent)), (x - 0.5, y - 0.5)
            if square is None:
                axes.add_patch(Rectangle(corner, 1, 1, **MISSING_STYLE))
                continue
            colour = tuple(colours.to_rgba(np.array([square.level * writing.per_unit]))[0].tolist())
            axes.add_patch(Rectangle(corner, 1, 1, facecolor=colour, edgecolor="white", linewidth=1))
            _write_square(axes, (x, y), square, writing, read_on(colour))
            if square is grid.best:
                for edge, width in OUTLINE:
                    outline = Rectangle((x - 0.46, y - 0.46), 0.92, 0.92, fill=False, edgecolor=edge, linewidth=width)
                    axes.add_patch(outline)
    _label_grid(axes, grid)


def _write_square(axes: "Axes", at: tuple[int, int], square: NetworkRow, writing: Writing, colour: str) -> None:
    number, seeds = writing.number(square.level), count_seeds(square)
    middle: dict[str, Any] = {"ha": "center", "textcoords": "offset points", "color": colour}
    axes.annotate(number, at, (0, 1), va="bottom", fontsize=11, fontweight="bold", **middle)
    axes.annotate(seeds, at, (0, -2), va="top", fontsize=8, **middle)


def _label_grid(axes: "Axes", grid: RateGrid) -> None:
    axes.set_xlim(-0.5, len(grid.dropouts) - 0.5)
    axes.set_ylim(-0.5, len(grid.recurrent_dropouts) - 0.5)
    axes.set_xticks(range(len(grid.dropouts)), [f"{rate:g}" for rate in grid.dropouts])
    axes.set_yticks(range(len(grid.recurrent_dropouts)), [f"{rate:g}" for rate in grid.recurrent_dropouts])
    axes.set_xlabel("dropout")
    axes.set_ylabel("recurrent dropout")
    title = break_name(f"{grid.network}, {format_count(grid.epochs, 'epoch')}", TITLE_CHARACTERS)
    axes.set_title(title, loc="left", fontsize=11, fontweight="bold")
    axes.grid(visible=False)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


def _explain_colours(bar: "Colorbar", grids: Sequence[RateGrid], writing: Writing) -> None:
    """Label the colour bar, and mark the references that lie within its range."""
    from matplotlib.ticker import MaxNLocator

    bar.outline.set_visible(False)
    bar.set_label(f"mean validation level{_in_brackets(writing.unit)}; lower is better", fontsize=10)
    bar.locator = MaxNLocator(6)
    low, high = bar.mappable.get_clim()
    for reference in _list_references(grids):
        value = reference.level * writing.per_unit
        if low <= value <= high:
            bar.ax.axhline(value, color=REFERENCE_COLOUR, linewidth=2)
            beside: dict[str, Any] = {"textcoords": "offset points", "ha": "right", "va": "center", "fontsize": 9}
            bar.ax.annotate(reference.label, (0, value), (-4, 0), **beside)
