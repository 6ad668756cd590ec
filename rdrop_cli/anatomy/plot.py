"""What is dropped where, for people: each variant's cell unrolled over time, side by side."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle, groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rdrop_cli.anatomy.plot_cell import (
    DASHED,
    DOTTED,
    INPUTS_BELOW,
    OUTPUT_ABOVE,
    PLAIN,
    TIMESTEPS,
    UnrolledLayer,
    draw_layer,
    name_arrows,
)
from rdrop_cli.plots.style import PALETTE, draw_figure
from rdrop_cli.study.methods import Site
from rdrop_cli.study.variant import Variant

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from rdrop_cli.anatomy.record import MaskRecord

LEAST_COLUMNS, MOST_COLUMNS = 3, 6
PANEL_INCHES, UNIT_INCHES = 2.75, 0.72  # width of a panel; distance of two states
LEGEND_INCHES = 0.6
STACKED_ABOVE, PAIR_ABOVE = 1.9, 2.75  # a second layer's states over those of the first
SIDE, MARGIN, TITLE, PAPER_BELOW = 0.35, 0.15, 0.55, 0.27  # as these, with the distance of two states as the unit
HUES = (PALETTE[1], PALETTE[0], PALETTE[2], PALETTE[3])
# By the number of masks that share a hue, one for each gate: how far each is mixed with black (-1) or white (1).
SHADES = {1: (0.0,), 2: (-0.3, 0.35), 3: (-0.45, 0.0, 0.45), 4: (-0.55, -0.15, 0.25, 0.6)}


@dataclass(frozen=True, eq=False)
class Panel:
    """A variant to draw: the names of its recurrent layers, in their order, and the masks that were captured."""

    variant: Variant
    cell: str
    layers: tuple[str, ...]
    masks: tuple["MaskRecord", ...]


class MaskColours:
    """Gives each mask a colour by its content: two arrows have the same one only if their masks are the same."""

    def __init__(self, masks: Sequence["MaskRecord"]) -> None:
        self._colours: dict[bytes, str] = {}
        hues = cycle(HUES)
        for _, group in groupby(masks, key=lambda mask: (mask.layer, mask.argument)):
            drawn_together = list(group)
            for t in range(TIMESTEPS):
                contents = [_read_mask(mask, t) for mask in drawn_together]
                if any(content not in self._colours for content in contents):
                    self._colours |= dict(zip(contents, _shade(next(hues), len(contents)), strict=True))

    def __call__(self, mask: "MaskRecord", t: int) -> str:
        """Return a mask's colour at a timestep."""
        return self._colours[_read_mask(mask, t)]


def draw_anatomies(panels: Sequence[Panel], path: Path) -> None:
    """Draw variants side by side, each as its cell unrolled over three timesteps.

    An arrow is solid where nothing is dropped; else it is dashed and has its mask's colour, the same over time only if
    the mask is.

    Args:
        panels: at least one.
        path: the picture; its ending chooses the format.
    """
    columns = min(MOST_COLUMNS, len(panels))
    rows = [panels[i : i + columns] for i in range(0, len(panels), columns)]
    heights = [UNIT_INCHES * max(_measure_height(panel) for panel in row) for row in rows]
    size = (max(columns, LEAST_COLUMNS) * PANEL_INCHES, sum(heights) + LEGEND_INCHES)
    layout: dict[str, Any] = {"nrows": len(rows), "ncols": columns, "gridspec_kw": {"height_ratios": heights}}
    with draw_figure(path, **layout, figsize=size, squeeze=False) as (figure, axes):
        for each in axes.flat:
            each.set_axis_off()
        for panel, each in zip(panels, axes.flat, strict=False):
            _draw_panel(each, panel, named_arrows=panel is panels[0])
        figure.legend(handles=_explain_arrows(panels), loc="outside lower center", ncols=4)


def _draw_panel(axes: "Axes", panel: Panel, named_arrows: bool) -> None:
    layers = list(_stack_layers(panel))
    for layer in layers:
        draw_layer(axes, layer)
    if named_arrows:
        name_arrows(axes, layers[0])
    right, low = TIMESTEPS + SIDE + layers[-1].origin[0], -INPUTS_BELOW - MARGIN
    top = low + _measure_height(panel)
    axes.set(xlim=(-SIDE, right), ylim=(low, top), aspect="equal", anchor="N")
    middle, shared = (right - SIDE) / 2, any(len(mask.array) == 1 for mask in panel.masks)
    line = panel.variant.paper + ("; the batch shares its masks" if shared else "")
    axes.text(middle, top, panel.variant.name, ha="center", va="top", fontweight="bold", fontsize=12)
    axes.text(middle, top - PAPER_BELOW, line, ha="center", va="top", fontsize=8.5, color="#333333")


def _stack_layers(panel: Panel) -> Iterator[UnrolledLayer]:
    """Yield a panel's layers, first to last, each above the one before; of a pair both read x."""
    colours, both_read_x = MaskColours(panel.masks), panel.variant.bidirectional
    for i, name in enumerate(panel.layers):
        beside = [mask for mask in panel.masks if mask.site in (Site.GIVEN_SEQUENCE, Site.RETURNED_OUTPUT)]
        yield UnrolledLayer(
            panel.cell,
            [mask for mask in panel.masks if mask.layer == name] + beside,
            colours,
            origin=(0.0, i * PAIR_ABOVE) if both_read_x else (0.5 * i, i * STACKED_ABOVE),
            inputs_below=INPUTS_BELOW if both_read_x or i == 0 else STACKED_ABOVE,
            reads_x=both_read_x or i == 0,
            is_last=both_read_x or name == panel.layers[-1],
            backwards=both_read_x and i == 1,
        )


def _measure_height(panel: Panel) -> float:
    """Return how high a panel is, where the distance of two states is 1."""
    above = PAIR_ABOVE if panel.variant.bidirectional else STACKED_ABOVE
    return INPUTS_BELOW + (len(panel.layers) - 1) * above + OUTPUT_ABOVE + TITLE + 2 * MARGIN


def _read_mask(mask: "MaskRecord", t: int) -> bytes:
    """Return what a mask holds at a timestep."""
    array = mask.array[:, t] if mask.array.ndim == 3 else mask.array
    return bytes(f"{array.shape}", "ascii") + array.tobytes()


def _shade(hue: str, count: int) -> list[str]:
    """Return as many shades of a hue, dark to light."""
    from matplotlib.colors import to_hex, to_rgb

    shades = []
    for mix in SHADES[count]:
        red, green, blue = ((1 - abs(mix)) * part + max(mix, 0.0) for part in to_rgb(hue))
        shades.append(to_hex((red, green, blue)))
    return shades


def _explain_arrows(panels: Sequence[Panel]) -> list[Any]:
    """Return the legend, with only what the panels have."""
    from matplotlib.lines import Line2D

    sites = {mask.site for panel in panels for mask in panel.masks}
    own_layer = sites & {Site.GIVEN_SEQUENCE, Site.RETURNED_OUTPUT}
    entries = [
        (PLAIN, "nothing is dropped", True),
        ({"color": HUES[0], **DASHED}, "units dropped by a mask; the same colour is the same mask", True),
        ({"color": HUES[1], **DOTTED}, "single weights dropped by a mask", Site.RECURRENT_KERNEL in sites),
        ({"color": "black", "linewidth": 3.5}, "a dropout layer of its own", bool(own_layer)),
    ]
    return [Line2D([], [], **style, label=label) for style, label, shown in entries if shown]
