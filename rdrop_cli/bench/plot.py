"""Plot how the cost of a training step grows: one panel per dimension, with a line of exact proportion."""

from pathlib import Path

from rdrop_cli.plots.style import NAIVE_COLOUR, PALETTE, draw_figure


def draw_growth(growth: dict[str, list[tuple[int, float]]], path: Path) -> None:
    """Draw (size, milliseconds) for each dimension on logarithmic axes.

    Args:
        growth: by dimension, sizes ascending.
        path: of the picture; its suffix chooses the format.
    """
    with draw_figure(path, ncols=len(growth), figsize=(3.2 * len(growth), 3.8), sharey=True) as (figure, axes):
        for panel, (dimension, points) in zip(axes, growth.items(), strict=True):
            sizes, milliseconds = zip(*points, strict=True)
            proportional = [milliseconds[-1] * size / sizes[-1] for size in sizes]
            panel.plot(sizes, proportional, ":", color=NAIVE_COLOUR, label="in proportion")
            panel.plot(sizes, milliseconds, "o-", color=PALETTE[1], linewidth=2, label="measured")
            panel.set_xscale("log", base=2)
            panel.set_yscale("log", base=2)
            panel.set_xticks(sizes, [str(size) for size in sizes])
            panel.minorticks_off()
            panel.set_xlabel(dimension)
            panel.yaxis.set_major_formatter("{x:g}")
        axes[0].set_ylabel("time of a training step (ms)")
        axes[0].legend()
        figure.suptitle("What a training step costs: one core; seeds on all cores", x=0.01, ha="left", fontsize=12)
