"""Draw where values are dropped: each layer's cell unrolled over time, with cells of a family side by side."""

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
from rdrop_cli.system import import_matplotlib

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from rdrop_cli.anatomy.record import MaskRecord

COLUMNS = 3  # as many as fit on the width of a page
PANEL_INCHES, UNIT_INCHES = 2.75, 0.72  # width of a panel; distance of two states
LEGEND_INCHES = 1.1
# Lengths in units of the distance of two states.
HEADROOM = 0.6  # of a family's heading
STACKED_ABOVE, PAIR_ABOVE = 1.9, 2.75  # height of a second layer's states above those of the first
SIDE, MARGIN, TITLE, PAPER_BELOW = 0.35, 0.15, 0.55, 0.27
HUES = (PALETTE[1], PALETTE[0], PALETTE[2], PALETTE[3])
# By the number of masks that share a hue (one per gate): how much each is mixed with black (-1) or white (1).
SHADES = {1: (0.0,), 2: (-0.3, 0.35), 3: (-0.45, 0.0, 0.45), 4: (-0.55, -0.15, 0.25, 0.6)}


# Families and the sites of their masks, in drawing order; a panel is in the first family that has one of its sites.
FAMILIES = {
    "masks on h, where the gates read it": {Site.RECURRENT_INPUT},
    "masks on the memory": {Site.PREVIOUS_STATE, Site.NEW_STATE, Site.STATE_UPDATE},
    "masks on g, which is about to be written, and on U, by which the gates read h": {
        Site.CANDIDATE,
        Site.RECURRENT_KERNEL,
    },
    "masks outside the recurrence, and none": set(),
}


@dataclass(frozen=True, eq=False)
class Panel:
    """A network or a layer to draw.

    Attributes:
        title: its name.
        line: the line of text below the title.
        cell: `gru` or `lstm`.
        layers: names of its recurrent layers, in order.
        masks: the captured masks.
        pair: whether its layers read the same sequence in opposite directions.
    """

    title: str
    line: str
    cell: str
    layers: tuple[str, ...]
    masks: tuple["MaskRecord", ...]
    pair: bool = False

    @property
    def family(self) -> str:
        """The heading of the panels that have their masks in the same place."""
        sites = {mask.site for mask in self.masks}
        return next(family for family, of_family in FAMILIES.items() if of_family & sites or not of_family)


class MaskColours:
    """Gives each mask a colour by its content: two arrows have the same colour only if their masks are equal."""

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
    """Draw networks or layers by family, each as its cell unrolled over three timesteps.

    An arrow is solid if nothing is dropped there; else it is dashed in its mask's colour, which changes over time if
    the mask does.

    Args:
        panels: at least one.
        path: of the picture; its suffix chooses the format.
    """
    rows = list(_arrange_rows(panels))
    heights = [UNIT_INCHES * (max(map(_measure_height, row)) + HEADROOM * bool(heading)) for heading, row in rows]
    size = (COLUMNS * PANEL_INCHES, sum(heights) + LEGEND_INCHES)
    layout: dict[str, Any] = {"nrows": len(rows), "ncols": COLUMNS, "gridspec_kw": {"height_ratios": heights}}
    with draw_figure(path, **layout, figsize=size, squeeze=False) as (figure, axes):
        for each in axes.flat:
            each.set_axis_off()
        for (heading, row), beside in zip(rows, axes, strict=True):
            for panel, each in zip(row, beside, strict=False):
                top = _draw_panel(each, panel, HEADROOM * bool(heading), named_arrows=panel is rows[0][1][0])
                if panel is row[0]:
                    each.text(-SIDE, top, heading, va="top", fontsize=11, fontstyle="italic").set_in_layout(False)
        figure.legend(handles=_explain_arrows(panels), loc="outside lower left", ncols=1)


def _arrange_rows(panels: Sequence[Panel]) -> Iterator[tuple[str, list[Panel]]]:
    """Yield rows of panels, each with a heading: the family in its first row if there are several, else empty."""
    families = {family: [panel for panel in panels if panel.family == family] for family in FAMILIES}
    present = [(family, members) for family, members in families.items() if members]
    for family, members in present:
        for i in range(0, len(members), COLUMNS):
            yield (family if i == 0 and len(present) > 1 else "", members[i : i + COLUMNS])


def _draw_panel(axes: "Axes", panel: Panel, headroom: float, named_arrows: bool) -> float:
    """Draw a panel with headroom above it, and return the height at which the headroom ends."""
    layers = list(_stack_layers(panel))
    for layer in layers:
        draw_layer(axes, layer)
    if named_arrows:
        name_arrows(axes, layers[0])
    right, low = TIMESTEPS + SIDE + layers[-1].origin[0], -INPUTS_BELOW - MARGIN
    top = low + _measure_height(panel)
    axes.set(xlim=(-SIDE, right), ylim=(low, top + headroom), aspect="equal", anchor="N")
    middle, shared = (right - SIDE) / 2, any(len(mask.array) == 1 for mask in panel.masks)
    line = panel.line + ("; the batch shares its masks" if shared else "")
    axes.text(middle, top, panel.title, ha="center", va="top", fontweight="bold", fontsize=12)
    axes.text(middle, top - PAPER_BELOW, line, ha="center", va="top", fontsize=8.5, color="#333333")
    return top + headroom


def _stack_layers(panel: Panel) -> Iterator[UnrolledLayer]:
    """Yield a panel's layers, first to last, each above the one before; in a pair both read x."""
    colours, both_read_x = MaskColours(panel.masks), panel.pair
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
    """Return the height of a panel, in units of the distance of two states."""
    above = PAIR_ABOVE if panel.pair else STACKED_ABOVE
    return INPUTS_BELOW + (len(panel.layers) - 1) * above + OUTPUT_ABOVE + TITLE + 2 * MARGIN


def _read_mask(mask: "MaskRecord", t: int) -> bytes:
    """Return the content of a mask at a timestep."""
    array = mask.array[:, t] if mask.array.ndim == 3 else mask.array
    return bytes(f"{array.shape}", "ascii") + array.tobytes()


def _shade(hue: str, count: int) -> list[str]:
    """Return `count` shades of a hue, dark to light."""
    import_matplotlib()
    from matplotlib.colors import to_hex, to_rgb

    shades = []
    for mix in SHADES[count]:
        red, green, blue = ((1 - abs(mix)) * part + max(mix, 0.0) for part in to_rgb(hue))
        shades.append(to_hex((red, green, blue)))
    return shades


def _explain_arrows(panels: Sequence[Panel]) -> list[Any]:
    """Return the legend's entries, only for what the panels contain."""
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
