"""Placement of labels: breaking long names into lines, spreading a column apart, and finding free space."""

import re
from collections.abc import Sequence
from itertools import product
from math import cos, radians, sin
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.path import Path
    from matplotlib.transforms import Bbox

# The line from a name to its point: grey and straight, unlike any curve.
LEADER: dict[str, Any] = {"arrowstyle": "-", "linewidth": 0.7, "color": "#999999", "shrinkA": 1, "shrinkB": 1}
# Possible places of a name, as offsets in points: near before far, and on the right if possible.
BESIDE = (8.0, 0.0)
AROUND = [
    (radius * cos(radians(angle)), radius * sin(radians(angle)))
    for radius in (14, 22, 32, 46, 62, 80, 100, 125, 155)
    for angle in (30, -30, 60, -60, 85, -85, 120, -120, 150, -150, 180)
]


def break_name(name: str, characters: int) -> str:
    """Break a long name into lines after a space, `_`, `:`, `,` or `-`; a part longer than a line is broken anywhere.

    A number stays with the word after it, as in `3 seeds`.
    """
    lines = [""]
    for part in re.findall(rf"(?:\d |[^ _:,-]){{1,{characters}}}[ _:,-]*|[ _:,-]+", name):
        if lines[-1] and len((lines[-1] + part).rstrip()) > characters:
            lines.append("")
        lines[-1] += part
    return "\n".join(line.rstrip() for line in lines)


def break_title(title: str, inches: float) -> str:
    """Break the title of a figure, in 13 points, into lines as wide as the figure."""
    return break_name(title, int(8.3 * inches))


def spread_apart(heights: Sequence[float], sizes: Sequence[float], low: float, high: float) -> list[float]:
    """Move labels up and down, as little as possible, until none overlaps and all are between `low` and `high`.

    Args:
        heights: the preferred heights of the labels' centres.
        sizes: the height of each label; if they do not all fit, the last ones exceed `high`.
    """
    order = np.argsort(heights, kind="stable")
    sorted_sizes = np.array(sizes)[order]
    packed = low + np.cumsum(sorted_sizes) - sorted_sizes / 2  # from the bottom, each on top of the one below
    lifts = _merge_falls((np.array(heights)[order] - packed).tolist())
    spread = np.empty(len(order))
    spread[order] = packed + np.clip(lifts, 0, max(0.0, high - low - sorted_sizes.sum()))
    return [float(height) for height in spread]


def _merge_falls(values: Sequence[float]) -> list[float]:
    """Return the nearest values that never fall; falling neighbours become their mean (isotonic regression)."""
    blocks: list[tuple[float, int]] = []
    for value in values:
        mean, count = value, 1
        while blocks and blocks[-1][0] > mean:
            before, number = blocks.pop()
            mean, count = (before * number + mean * count) / (number + count), number + count
        blocks.append((mean, count))
    return [mean for mean, count in blocks for _ in range(count)]


class Names:
    """Names of points, each as near to its point as possible without covering another name or anything drawn.

    Args:
        axes: axes that are laid out already, with fixed limits.
        drawn: the boxes of everything else that is drawn, in pixels.
    """

    def __init__(self, axes: "Axes", drawn: Sequence["Bbox"]) -> None:
        self.axes, self.drawn = axes, drawn
        self.names, self.leaders = list["Bbox"](), list["Path"]()

    def write(self, name: str, at: tuple[float, float], **style: Any) -> None:
        """Write a name; if it is not directly beside its point, a thin line joins them."""
        style |= {"textcoords": "offset points", "va": "center"}
        text = self.axes.annotate(name, at, (0, 0), **style)
        box = text.get_window_extent()
        text.remove()
        x, y = self.axes.transData.transform(at)
        place = self._find_place((float(x), float(y)), box.width, box.height)
        side = 0 if place[0] >= 0 else 1
        leader = None if place == BESIDE else {**LEADER, "relpos": (side, 0.5)}
        self.axes.annotate(name, at, place, ha=("left", "right")[side], arrowprops=leader, **style).set_in_layout(False)

    def _find_place(self, point: tuple[float, float], width: float, height: float) -> tuple[float, float]:
        """Return the nearest free place, as an offset in points, and reserve it; if none is free, return `BESIDE`.

        The line to the name crosses something drawn only if no other place is free.
        """
        from matplotlib.path import Path
        from matplotlib.transforms import Bbox

        others = [box for box in self.drawn if not box.contains(*point)]
        pixels = self.axes.figure.dpi / 72
        for uncrossed, (right, up) in product((others, []), (BESIDE, *AROUND)):
            x, y = point[0] + pixels * right, point[1] + pixels * up
            box = Bbox.from_bounds(x if right >= 0 else x - width, y - height / 2, width, height)
            leader = Path([point, (x, y)])
            if self._is_free(box) and not any(map(leader.intersects_bbox, [*uncrossed, *self.names])):
                self.names.append(box)
                self.leaders.append(leader)
                return right, up
        return BESIDE

    def _is_free(self, box: "Bbox") -> bool:
        """Return whether a name fits here."""
        inside = all(map(self.axes.bbox.containsx, box.intervalx)) and all(map(self.axes.bbox.containsy, box.intervaly))
        crossed = any(leader.intersects_bbox(box) for leader in self.leaders)
        return inside and not crossed and not box.count_overlaps([*self.drawn, *self.names])
