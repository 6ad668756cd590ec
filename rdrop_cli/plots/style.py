"""The style of all pictures: the colours of variants, fonts, and saving."""

import errno
import logging
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rdrop_cli.errors import UsageError
from rdrop_cli.files import replace_atomically
from rdrop_cli.runs.document import Metrics
from rdrop_cli.system import import_matplotlib

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Okabe and Ito 2008, distinguishable with every kind of colour vision; vermilion first, for the baseline.
PALETTE = ("#D55E00", "#0072B2", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
# The study's two variants have colours of the palette, the others colours as far apart as possible, also to dichromats.
VARIANT_COLOURS = {
    "baseline": PALETTE[0],
    "dropout": PALETTE[1],
    "gal": "#1E1EA5",
    "gal-tied": "#7887FF",
    "moon": "#4B1E5A",
    "semeniuta-step": "#E1A500",
    "semeniuta-sequence": "#785A1E",
    "zoneout": "#5AC387",
    "dropconnect": "#3C9696",
    "naive-step": "#962D87",
    "masked-carry": "#960F3C",
    "batch-shared": "#A5A5F0",
    "dropout-before": "#F01E87",
    "locked-before": "#FF5A5A",
    "spatial-before": "#E196C3",
    "dropout-after": "#F0964B",
    "stacked": "#003C00",
    "bidirectional": "#0F3C96",
    "gru-reversed": "#0000E1",
    "dense": "#2D0000",
    "conv": "#E100E1",
    "conv-gru": "#E1B4B4",
}
# Variants of editions 2 and 3 have the colour of their counterpart in edition 1, which is never in the same picture.
VARIANT_COLOURS |= {
    "lstm": VARIANT_COLOURS["baseline"],
    "lstm-dropout": VARIANT_COLOURS["dropout"],
    "gru-stacked": VARIANT_COLOURS["stacked"],
    "lstm-bidirectional": VARIANT_COLOURS["bidirectional"],
    "conv-average": VARIANT_COLOURS["conv"],
}
UNKNOWN_COLOUR = PALETTE[-1]
# The colour that is mixed into the colour of each further network of a variant, and its share.
SHADES = (("black", 0.6), ("white", 0.4), ("black", 0.35), ("white", 0.2), ("black", 0.8))
NAIVE_COLOUR = "#666666"
ERROR_MAP = (
    "viridis_r"  # equal steps look equal, with every kind of colour vision and in grey; the lowest error is bright
)
# For scripts that DejaVu Sans lacks; the installed ones are used.
FALLBACK_FONTS = (
    *("Noto Sans CJK SC", "Noto Sans CJK JP", "WenQuanYi Zen Hei", "WenQuanYi Micro Hei", "Source Han Sans SC"),
    *(
        "Microsoft YaHei",
        "SimHei",
        "PingFang SC",
        "Hiragino Sans",
        "Arial Unicode MS",
        "Noto Sans",
        "Noto Sans Devanagari",
    ),
)
LEAST_CONTRAST = 4.5  # for text, by WCAG 2
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
    "text.parse_math": False,  # a dollar sign in a name stays one
    "svg.fonttype": "none",  # text stays text, for search and screen readers
    "svg.hashsalt": "rdrop",  # makes the file reproducible, byte for byte
}


def colour_of(variant: str) -> str:
    """Return a variant's colour, the same in every picture; black for an unknown variant."""
    return VARIANT_COLOURS.get(variant, UNKNOWN_COLOUR)


def count_alike(variants: Sequence[str]) -> list[int]:
    """Return, for each variant, the number of earlier ones with the same colour."""
    times, earlier = Counter[str](), list[int]()
    for colour in map(colour_of, variants):
        earlier.append(times[colour])
        times[colour] += 1
    return earlier


def shade(variant: str, earlier: int) -> str:
    """Return a variant's colour, or a shade of it if `earlier` networks already have that colour."""
    colour = colour_of(variant)
    return mix_colours(colour, *SHADES[(earlier - 1) % len(SHADES)]) if earlier else colour


def read_on(background: Sequence[float]) -> str:
    """Return black or white, whichever is easier to read on a colour (red, green, blue from 0 to 1).

    At a luminance of 0.179, both have the same contrast.
    """
    return "black" if _measure_luminance(background) > 0.179 else "white"


def make_readable(colour: str) -> str:
    """Darken a colour until text in it is readable on white."""
    from matplotlib.colors import to_rgb

    while 1.05 / (_measure_luminance(to_rgb(colour)) + 0.05) < LEAST_CONTRAST:
        colour = mix_colours(colour, "black", 0.02)
    return colour


def mix_colours(colour: str, other: str, share: float) -> str:
    """Mix a colour with a share of another."""
    import_matplotlib()
    from matplotlib.colors import to_hex, to_rgb

    red, green, blue = ((1 - share) * one + share * two for one, two in zip(to_rgb(colour), to_rgb(other), strict=True))
    return to_hex((red, green, blue))


def _measure_luminance(colour: Sequence[float]) -> float:
    """Return the relative luminance by WCAG 2."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour[:3]]
    return sum(weight * c for weight, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def name_unit(run: Metrics, in_unit: bool) -> str:
    """Return the unit in which errors of a run are drawn; empty if the target's unit is not known."""
    return run.unit if in_unit else "standardised"


def check_ending(path: Path) -> None:
    """Check that the ending of a picture's name is a format that rdrop can draw.

    Raises:
        UsageError: it is not; the message lists the valid endings.
    """
    if path.suffix.lower() not in ENDINGS:
        raise UsageError(f"{path}: expected a name ending in {', '.join(ENDINGS)}, received {path.suffix!r}")


@contextmanager
def draw_figure(
    path: Path, figsize: tuple[float, float] | None = None, **subplots: Any
) -> Iterator[tuple["Figure", Any]]:
    """Yield a figure and its axes; on a clean exit the picture replaces `path`, in the format of its ending.

    The user's backend and styles have no effect: no window is opened, and all settings are rdrop's. A logged warning
    names characters that no installed font has.
    """
    import_matplotlib()
    from matplotlib import rc_context, rcdefaults, rcParams
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with rc_context(), warnings.catch_warnings(record=True) as caught:
        warnings.filterwarnings("always", "Glyph .* missing", UserWarning)
        rcdefaults()
        rcParams.update({**SETTINGS, "font.family": choose_fonts()})
        figure = Figure(figsize=figsize, layout="constrained")
        FigureCanvasAgg(figure)
        yield figure, figure.subplots(**subplots)
        save_figure(figure, path)
    _report(caught, path)


def save_figure(figure: "Figure", path: Path) -> None:
    """Write a figure in the format of the path's ending; the same figure gives the same bytes.

    Raises:
        FileNotFoundError: the folder is missing; OSError: the file cannot be written.
    """
    if not path.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, "no such folder", str(path.parent))
    metadata = {"Date": None} if path.suffix.lower() == ".svg" else None
    with replace_atomically(path) as temporary:
        figure.savefig(temporary, dpi=160, metadata=metadata)


def choose_fonts() -> list[str]:
    """Return Matplotlib's default font, then the installed fonts for characters that it lacks."""
    from matplotlib.font_manager import fontManager

    installed = set(fontManager.get_font_names())
    return ["DejaVu Sans", *(font for font in FALLBACK_FONTS if font in installed)]


def _report(caught: Sequence[warnings.WarningMessage], path: Path) -> None:
    """Log one line about missing characters, and issue every other warning again."""
    missing = [str(each.message) for each in caught if str(each.message).startswith("Glyph ")]
    if missing:
        numbers = {int(text.split()[1]) for text in missing}
        characters = "".join(sorted(map(chr, numbers)))
        logging.getLogger("rdrop").warning(
            "%s: no installed font has %s; install one that does, such as Noto Sans CJK", path, characters
        )
    for each in caught:
        if not str(each.message).startswith("Glyph "):
            warnings.warn_explicit(each.message, each.category, each.filename, each.lineno)
