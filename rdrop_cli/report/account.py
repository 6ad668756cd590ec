"""The variance account in a terminal and in the report: how far each source of chance moves a level."""

from collections.abc import Iterator

from rdrop_cli.analysis.judged import StudyVerdict
from rdrop_cli.analysis.variance import PERIOD, SEEDS, Spread

HEADS = ("level of", "what varies", "runs", "deviation", "95 % interval")
WIDTHS = (29, 17, 7, 11, 16)
SOURCES = {
    "weights": "initial weights",
    "windows": "windows",
    "masks": "masks",
    PERIOD: "period",
    SEEDS: "the seed: all",
}
NOTE = (
    "Standard deviation of the level (standardised) when one source of chance varies around the run of seed 0; for the "
    "period, that of the means over seeds. The intervals assume a normal distribution, and are wide with few runs. The "
    "squares need not add up to that of the whole seed: the sources interact."
)


def list_spreads(judged: StudyVerdict) -> list[tuple[str, ...]]:
    """Return the rows of the table, with cells in the order of `HEADS`."""
    return [
        (spread.of, SOURCES[spread.source], str(spread.runs), f"{spread.deviation:.4f}", _format_interval(spread))
        for spread in judged.variance
    ]


def _format_interval(spread: Spread) -> str:
    return f"{spread.interval.low:.4f}-{spread.interval.high:.4f}"


def write_account(judged: StudyVerdict) -> Iterator[str]:
    """Yield the lines of the table for a terminal; each name appears once, a long one on its own line."""
    yield _align(HEADS)
    last = ""
    for of, *cells in list_spreads(judged):
        name = of if of != last else ""
        last = of
        if len(name) >= WIDTHS[0]:
            yield name
            name = ""
        yield _align((name, *cells))


def _align(cells: tuple[str, ...]) -> str:
    name, source, *figures = cells
    ends = "".join(f"{cell:>{width}}" for cell, width in zip(figures, WIDTHS[2:], strict=True))
    return f"{name:<{WIDTHS[0]}}{source:<{WIDTHS[1]}}{ends}"
