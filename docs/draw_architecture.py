"""Draw the packages of `rdrop_cli` in their layers, with arrows for what imports what: `make architecture`.

Everything is read from the source: the arrows from the imports, the texts from the packages' docstrings. The data go
into the SVG's description as JSON, so that a test can compare the picture with the code. The layout is Sugiyama's:
arrows that pass a layer get a waypoint there, waypoints and boxes are ordered by the mean position of their neighbours
and placed as near to it as their widths allow.
"""

import ast
import json
from dataclasses import dataclass, field
from itertools import dropwhile, pairwise
from pathlib import Path
from typing import Any

import numpy as np

from tests.imports import LAYERS, PACKAGE, ROOT, TREES, imports_within, part_of

DOCS = Path(__file__).parent
PACKAGES = list(dropwhile(lambda layer: not (ROOT / layer[0]).is_dir(), LAYERS))[:-1]  # and `api`; no entry point
GROUND = [room for layer in LAYERS[: LAYERS.index(PACKAGES[0])] for room in layer if room != PACKAGE]
BOX_WIDTH, BOX_HEIGHT, WAYPOINT_WIDTH, ROW_HEIGHT = 2.2, 0.66, 0.8, 1.4  # inches
LINE, GREY = "#5b7083", "#eeeeee"
BEGIN, END = "<!-- written by `make architecture` -->", "<!-- end -->"


def read_purpose(room: str) -> str:
    """Return the first line of a package's docstring without its full stop."""
    tree = TREES.get(f"{PACKAGE}.{room}") or TREES[PACKAGE]
    return (ast.get_docstring(tree) or "").partition("\n")[0].rstrip(".:")


def collect_needs() -> dict[str, list[str]]:
    """Return for each room the rooms that it imports, the ground floor and the entry point aside."""
    rooms = [room for layer in PACKAGES for room in layer]
    found = {(part_of(each.module), part_of(each.target)) for each in imports_within()}
    return {room: [other for other in rooms if other != room and (room, other) in found] for room in rooms}


def remove_implied(needs: dict[str, list[str]]) -> list[tuple[str, str]]:
    """Return the transitive reduction: an arrow is dropped where a chain of others says the same."""

    def reach(room: str) -> set[str]:
        return set(needs[room]).union(*(reach(other) for other in needs[room]))

    return [
        (room, other)
        for room in needs
        for other in needs[room]
        if not any(other in reach(middle) for middle in needs[room])
    ]


def collect_data() -> dict[str, Any]:
    """Return what the picture shows: layers from the top down, all imports, and the arrows that are drawn."""
    needs = collect_needs()
    return {
        "layers": [list(layer) for layer in reversed(PACKAGES)],
        "ground": GROUND,
        "imports": needs,
        "arrows": [list(arrow) for arrow in remove_implied(needs)],
    }


@dataclass
class Drawing:
    """Rows from the top down, of rooms and waypoints, and the paths of the arrows through them."""

    rows: list[list[str]]
    paths: list[list[str]] = field(default_factory=list)
    x: dict[str, float] = field(default_factory=dict)

    def mean_neighbour(self, node: str) -> float:
        """Return the mean place of the nodes that arrows lead to from a node, and come from."""
        links = [link for path in self.paths for link in pairwise(path) if node in link]
        return float(np.mean([self.x[b if a == node else a] for a, b in links])) if links else 0.0


def lay_out(data: dict[str, Any]) -> Drawing:
    """Give every room and waypoint its place."""
    drawing = Drawing([list(row) for row in data["layers"]])
    row_of = {room: number for number, row in enumerate(drawing.rows) for room in row}
    for start, end in data["arrows"]:
        passed = range(row_of[start] + 1, row_of[end])
        waypoints = [f"{start}>{end}:{row}" for row in passed]
        for row, waypoint in zip(passed, waypoints, strict=True):
            drawing.rows[row].append(waypoint)
        drawing.paths.append([start, *waypoints, end])
    for row in drawing.rows:
        place_row(drawing, row, dict.fromkeys(row, 0.0))
    for sweep in range(60):
        for row in drawing.rows if sweep % 2 else reversed(drawing.rows):
            wishes = {node: drawing.mean_neighbour(node) for node in row}
            if sweep < 40:
                row.sort(key=wishes.__getitem__)
            place_row(drawing, row, wishes)
    return drawing


def place_row(drawing: Drawing, row: list[str], wishes: dict[str, float]) -> None:
    """Place a row's nodes in their order, as near to their wishes as their widths allow (isotonic regression)."""
    from scipy.optimize import isotonic_regression

    widths = np.array([WAYPOINT_WIDTH if ">" in node else BOX_WIDTH + 0.35 for node in row])
    offsets = np.concatenate([[0], np.cumsum((widths[1:] + widths[:-1]) / 2)])
    starts = isotonic_regression(np.array([wishes[node] for node in row]) - offsets).x
    drawing.x.update(zip(row, (starts + offsets).tolist(), strict=True))


def draw(data: dict[str, Any], target: Path) -> None:
    """Draw the picture into an SVG and a PNG."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    drawing = lay_out(data)
    left, right = (limit(drawing.x.values()) for limit in (min, max))
    middle, width = (left + right) / 2, right - left + BOX_WIDTH + 0.4
    height = ROW_HEIGHT * (len(drawing.rows) + 1)
    y_of = {node: -ROW_HEIGHT * number for number, row in enumerate(drawing.rows) for node in row}
    style = {"svg.hashsalt": "rdrop", "svg.fonttype": "none", "font.family": "DejaVu Sans"}
    with plt.rc_context(style):
        figure = plt.figure(figsize=(width, height))
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set(xlim=(middle - width / 2, middle + width / 2), ylim=(ROW_HEIGHT / 2 - height, ROW_HEIGHT / 2))
        axes.axis("off")
        for path in drawing.paths:
            draw_arrow(axes, [(drawing.x[node], y_of[node]) for node in path])
        for room, y in y_of.items():
            if ">" not in room:
                draw_box(axes, (drawing.x[room], y), BOX_WIDTH, room, read_purpose(room).partition(":")[0])
        names = " · ".join(GROUND)
        ground = (middle, -ROW_HEIGHT * len(drawing.rows))
        draw_box(axes, ground, width - 0.4, names, "used by every layer; arrows not drawn", GREY)
        figure.savefig(target, metadata={"Description": json.dumps(data), "Date": None})
        figure.savefig(target.with_suffix(".png"), dpi=100, metadata={"Software": None})
        plt.close(figure)


def draw_box(
    axes: Any, centre: tuple[float, float], width: float, name: str, text: str, colour: str = "#dbe9f6"
) -> None:
    from matplotlib.patches import FancyBboxPatch

    x, y = centre
    corner = (x - width / 2, y - BOX_HEIGHT / 2)
    shape = "round,pad=0,rounding_size=0.08"
    axes.add_patch(FancyBboxPatch(corner, width, BOX_HEIGHT, shape, facecolor=colour, edgecolor="#33658a", zorder=2))
    axes.text(x, y + 0.13, name, ha="center", va="center", fontsize=14, weight="bold", zorder=3)
    axes.text(x, y - 0.16, text, ha="center", va="center", fontsize=10.5, color="#333333", zorder=3)


def draw_arrow(axes: Any, points: list[tuple[float, float]]) -> None:
    """Draw a smooth line from the bottom of the first box through the waypoints to the top of the last."""
    from matplotlib.patches import FancyArrowPatch, PathPatch
    from matplotlib.path import Path as Curve

    half = np.array([0.0, BOX_HEIGHT / 2])
    stops = np.array([points[0] - half, *points[1:-1], points[-1] + half])
    slopes = np.gradient(stops, axis=0)  # from the stop before to the next; downwards at both ends
    slopes[:, 0] *= 0.8  # steeper, away from the corners of the boxes
    slopes[[0, -1]] = (0.0, -ROW_HEIGHT / 3)
    vertices, codes = [stops[0]], [Curve.MOVETO]
    for (start, end), (leave, arrive) in zip(pairwise(stops), pairwise(slopes), strict=True):
        vertices += [start + leave / 3, end - arrive / 3, end]
        codes += [Curve.CURVE4] * 3
    axes.add_patch(PathPatch(Curve(vertices, codes), facecolor="none", edgecolor=LINE, linewidth=1.4, zorder=1))
    axes.add_patch(FancyArrowPatch(stops[-1] + (0, 0.12), stops[-1], arrowstyle="-|>", mutation_scale=14, color=LINE))


def render_table() -> str:
    """Render the table of rooms, from the top layer down, for the page."""
    lines = ["| package | what is in it |", "|---|---|"]
    for layer in reversed(PACKAGES):
        lines += [f"| `{room}` | {read_purpose(room)} |" for room in layer]
    return "\n".join(lines)


def main() -> None:
    """Write the picture, and the table into its place in the page."""
    draw(collect_data(), DOCS / "architecture.svg")
    page = DOCS / "architecture.md"
    before, _, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    page.write_text(f"{before}{BEGIN}\n\n{render_table()}\n\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
