"""Names beside what they name: broken where they are long, and spread apart."""

import re
from collections.abc import Sequence

import numpy as np


def break_name(name: str, characters: int) -> str:
    """Break a long name into lines, after a space, `_`, `:` or `-`; a part that is longer than a line, anywhere.

    A number stays with its unit, as in `3 seeds`.
    """
    lines = [""]
    for part in re.findall(rf"(?:\d |[^ _:-]){{1,{characters}}}[ _:-]*|[ _:-]+", name):
        if lines[-1] and len((lines[-1] + part).rstrip()) > characters:
            lines.append("")
        lines[-1] += part
    return "\n".join(line.rstrip() for line in lines)


def spread_apart(heights: Sequence[float], sizes: Sequence[float], low: float, high: float) -> list[float]:
    """Move labels up and down, as little as may be, until none stands on another and all lie between two heights.

    Args:
        heights: where their centres belong.
        sizes: how high each label is; where all together are higher than there is room, the last leave it at the top.
    """
    order = np.argsort(heights, kind="stable")
    sorted_sizes = np.array(sizes)[order]
    packed = low + np.cumsum(sorted_sizes) - sorted_sizes / 2  # from the foot, each on the one below
    lifts = _merge_falls((np.array(heights)[order] - packed).tolist())
    spread = np.empty(len(order))
    spread[order] = packed + np.clip(lifts, 0, max(0.0, high - low - sorted_sizes.sum()))
    return [float(height) for height in spread]


def _merge_falls(values: Sequence[float]) -> list[float]:
    """Return the nearest values that never fall: neighbours that do become their mean (isotonic regression)."""
    blocks: list[tuple[float, int]] = []
    for value in values:
        mean, count = value, 1
        while blocks and blocks[-1][0] > mean:
            before, number = blocks.pop()
            mean, count = (before * number + mean * count) / (number + count), number + count
        blocks.append((mean, count))
    return [mean for mean, count in blocks for _ in range(count)]
