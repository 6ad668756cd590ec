"""Draw one recurrent layer, unrolled over three timesteps: which values flow where, and through which masks.

h0 ─── carried on ──→ h1 ────────→ h2 ────────→ h3 → y
  ╲ read     written ╱  ╲        ╱   ╲        ╱
   ╰──→ [ gates ] ──╯    [ gates ]    [ gates ]
            ↑                ↑            ↑
            x1               x2           x3
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rdrop_cli.study.methods import CELLS, Site

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from rdrop_cli.anatomy.record import MaskRecord

Point = tuple[float, float]
ColourOf = Callable[["MaskRecord", int], str]

TIMESTEPS = 3
GATES_BELOW = 0.9  # how far the gates are below the states; the distance of two states is 1
INPUTS_BELOW = 1.85
OUTPUT_ABOVE = 0.85
BETWEEN_GATES = 0.085  # between parallel arrows, if each gate has its own mask
NODE, TEXT = 9.5, 8.0  # distance of an arrow, in points, from the middle of a state or gates, and of a text
BESIDE_NODE = {1: 9.5, 2: 16.0}  # the same beside a state, by the number of names in it
PLAIN: dict[str, Any] = {"color": "#555555", "linestyle": "-", "linewidth": 1.2}
DASHED: dict[str, Any] = {"linestyle": (0, (2.0, 0.7)), "linewidth": 2.0}
DOTTED: dict[str, Any] = {"linestyle": (0, (0.6, 0.6)), "linewidth": 3.4}
SUBSCRIPTS = "₀₁₂₃"


@dataclass(frozen=True)
class UnrolledLayer:
    """A layer to draw.

    Attributes:
        cell: `gru` or `lstm`.
        masks: those of the layer, and of adjacent dropout layers.
        colour_of: returns a mask's colour at a timestep.
        origin: position of the leftmost state.
        inputs_below: how far below the states its inputs start.
        reads_x: whether the input is x, not the output of the layer below.
        is_last: whether its last state is the output.
        backwards: whether it reads from right to left.
    """

    cell: str
    masks: Sequence["MaskRecord"]
    colour_of: ColourOf
    origin: Point = (0.0, 0.0)
    inputs_below: float = INPUTS_BELOW
    reads_x: bool = True
    is_last: bool = True
    backwards: bool = False

    def find(self, *sites: Site) -> list["MaskRecord"]:
        """Return the masks at the given sites."""
        return [mask for mask in self.masks if mask.site in sites]

    def place_state(self, t: int) -> Point:
        """Return the position of the state after timestep t; t = 0 is the initial state."""
        x, y = self.origin
        return x + (TIMESTEPS - t if self.backwards else t), y

    def place_gates(self, t: int) -> Point:
        """Return the position of the gates of timestep t, counted from 0 in the order of reading."""
        x, y = self.place_state(t)
        return x + (-0.5 if self.backwards else 0.5), y - GATES_BELOW


def draw_layer(axes: "Axes", layer: UnrolledLayer) -> None:
    """Draw a layer's states and gates, and the arrows between them."""
    cell = CELLS[layer.cell]
    for t in range(TIMESTEPS + 1):
        _write_boxed(
            axes, layer.place_state(t), " ".join(state + SUBSCRIPTS[t] for state in cell.states), "round,pad=0.2"
        )
    for t in range(TIMESTEPS):
        _write_boxed(axes, layer.place_gates(t), " ".join(_name_gates(layer.cell)), "square,pad=0.25")
        _draw_input(axes, layer, t)
        _draw_recurrence(axes, layer, t)
    if layer.is_last:
        _draw_output(axes, layer)


def _name_gates(cell: str) -> Iterator[str]:
    """Yield the letters of a cell's gates; the candidate is g as in the equations, not h or c as in the weights."""
    for gate in CELLS[cell].gates:
        yield "g" if gate in CELLS[cell].states else gate


def name_arrows(axes: "Axes", layer: UnrolledLayer) -> None:
    """Write names beside the arrows of the last timestep."""
    x, y = layer.place_state(TIMESTEPS - 1)
    style: dict[str, Any] = {"fontsize": 8, "fontstyle": "italic", "color": "#333333"}
    axes.text(x + 0.5, y + 0.2, "carried on", ha="center", va="bottom", **style)
    axes.text(x + 0.12, y - 0.6, "read", ha="right", va="center", **style)
    axes.text(x + 0.88, y - 0.6, "written", ha="left", va="center", **style)


def _draw_input(axes: "Axes", layer: UnrolledLayer, t: int) -> None:
    """Draw the arrows from below into the gates, through a dropout layer if there is one."""
    gates = layer.place_gates(t)
    start = gates[0], layer.origin[1] - layer.inputs_below
    if layer.reads_x:
        axes.text(*start, "x" + SUBSCRIPTS[TIMESTEPS - t if layer.backwards else t + 1], ha="center", va="center")
    before = layer.find(Site.GIVEN_SEQUENCE)
    if before:
        _draw_through_bar(axes, start, gates, layer.colour_of(before[0], t), ends=(TEXT, NODE))
    else:
        _draw_arrows(axes, start, gates, layer, t, Site.LAYER_INPUT, ends=(TEXT if layer.reads_x else NODE, NODE))


def _draw_recurrence(axes: "Axes", layer: UnrolledLayer, t: int) -> None:
    """Draw the arrows from one state to the next: read by the gates, written by them, and carried on."""
    before, gates, after = layer.place_state(t), layer.place_gates(t), layer.place_state(t + 1)
    aside = (BESIDE_NODE[len(CELLS[layer.cell].states)],) * 2
    weights = layer.find(Site.RECURRENT_KERNEL)
    if weights:
        _draw_arrow(axes, before, gates, (NODE, NODE), {"color": layer.colour_of(weights[0], t), **DOTTED})
    else:
        _draw_arrows(axes, before, gates, layer, t, Site.RECURRENT_INPUT, Site.PREVIOUS_STATE)
    _draw_arrows(axes, gates, after, layer, t, Site.CANDIDATE, Site.NEW_STATE, Site.STATE_UPDATE)
    carried = Site.PREVIOUS_STATE, Site.NEW_STATE, Site.STATE_UPDATE
    _draw_arrows(axes, before, after, layer, t, *carried, ends=aside)
    for mask in layer.find(Site.STATE_UPDATE)[:1]:  # the old value passes where it drops the new one
        bend = {"connectionstyle": f"arc3,rad={0.45 if layer.backwards else -0.45}"}
        _draw_arrow(axes, before, after, aside, {"color": layer.colour_of(mask, t), **DASHED, **bend})


def _draw_output(axes: "Axes", layer: UnrolledLayer) -> None:
    """Draw the arrow to the output, through a dropout layer if there is one."""
    x, y = layer.place_state(TIMESTEPS)
    axes.text(x, y + OUTPUT_ABOVE, "y", ha="center", va="center")
    after = layer.find(Site.RETURNED_OUTPUT)
    if after:
        _draw_through_bar(axes, (x, y), (x, y + OUTPUT_ABOVE), layer.colour_of(after[0], 0), ends=(NODE, TEXT))
    else:
        _draw_arrow(axes, (x, y), (x, y + OUTPUT_ABOVE), (NODE, TEXT), PLAIN)


def _draw_arrows(
    axes: "Axes",
    start: Point,
    end: Point,
    layer: UnrolledLayer,
    t: int,
    *sites: Site,
    ends: tuple[float, float] = (NODE, NODE),
) -> None:
    """Draw an arrow for each mask at these sites, side by side; one solid arrow if there is no mask."""
    masks = layer.find(*sites)
    if not masks:
        _draw_arrow(axes, start, end, ends, PLAIN)
    (x, y), (to_x, to_y) = start, end
    length = ((to_x - x) ** 2 + (to_y - y) ** 2) ** 0.5
    for i, mask in enumerate(masks):
        aside = BETWEEN_GATES * (i - (len(masks) - 1) / 2) / length
        dx, dy = aside * (to_y - y), aside * (x - to_x)
        style = {"color": layer.colour_of(mask, t), **DASHED}
        _draw_arrow(axes, (x + dx, y + dy), (to_x + dx, to_y + dy), ends, style)


def _draw_through_bar(axes: "Axes", start: Point, end: Point, colour: str, ends: tuple[float, float]) -> None:
    """Draw a vertical arrow through a separate dropout layer: masked from there on."""
    (x, low), (_, high) = start, end
    middle = low + 0.4 * (high - low)
    axes.plot([x, x], [low + 0.2 * (high - low), middle], **PLAIN)
    axes.plot([x - 0.14, x + 0.14], [middle, middle], color="black", linewidth=3.5, solid_capstyle="butt")
    _draw_arrow(axes, (x, middle), end, (0.0, ends[1]), {"color": colour, **DASHED})


def _draw_arrow(axes: "Axes", start: Point, end: Point, ends: tuple[float, float], style: dict[str, Any]) -> None:
    head = {"arrowstyle": "-|>,head_width=0.22,head_length=0.36", "shrinkA": ends[0], "shrinkB": ends[1]}
    head["capstyle"] = "butt"  # round ends would close the gaps
    axes.annotate("", xy=end, xytext=start, arrowprops=head | style, annotation_clip=False)


def _write_boxed(axes: "Axes", middle: Point, text: str, boxstyle: str) -> None:
    box = {"boxstyle": boxstyle, "facecolor": "white", "edgecolor": "#333333", "linewidth": 1.0}
    axes.text(*middle, text, ha="center", va="center", fontsize=8.5, bbox=box, zorder=3)
