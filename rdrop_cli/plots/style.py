"""How every picture looks: the colour of each variant, fonts, and how a figure reaches the disk."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rdrop_cli.errors import UsageError
from rdrop_cli.files import replace_atomically
from rdrop_cli.study.variants import VARIANTS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Okabe and Ito 2008, told apart by every kind of colour vision; vermilion first, since the baseline is what errs.
PALETTE = ("#D55E00", "#0072B2", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
NAIVE_COLOUR = "#666666"
ENDINGS = (".png", ".svg", ".pdf")
SETTINGS: dict[Any, Any] = {
    "font.size": 11,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "grid.color": "#DDDDDD",
    "grid.linewidth": 0.8,
    "axes.axisbelow": True,
    "legend.frameon": False,
    "svg.fonttype": "none",  # text stays text: it can be searched and read aloud
    "svg.hashsalt": "rdrop",  # the same picture has the same bytes
}


def colour_of(variant: str) -> str:
    """Return a variant's colour, the same in every picture."""
    return PALETTE[list(VARIANTS).index(variant) % len(PALETTE)] if variant in VARIANTS else PALETTE[-1]


def check_ending(path: Path) -> None:
    """Refuse a picture whose ending names no format that rdrop draws.

    Raises:
        UsageError: naming the endings that can be drawn.
    """
    if path.suffix.lower() not in ENDINGS:
        raise UsageError(f"{path}: expected a name ending in {', '.join(ENDINGS)}, received {path.suffix!r}")


@contextmanager
def draw_figure(path: Path, **subplots: Any) -> Iterator[tuple["Figure", Any]]:
    """Yield a figure and its axes; on a clean exit the picture replaces `path`, in the format of its ending."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    with pyplot.rc_context(SETTINGS):
        figure, axes = pyplot.subplots(layout="constrained", **subplots)
        try:
            yield figure, axes
            metadata = {"Date": None} if path.suffix.lower() == ".svg" else None
            with replace_atomically(path) as temporary:
                figure.savefig(temporary, dpi=160, metadata=metadata)
        finally:
            pyplot.close(figure)
