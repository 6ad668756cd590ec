"""What is odd in a series: sentinels, repeated stamps, gaps. Found and told, and mended only when asked."""

from dataclasses import dataclass, replace

import numpy as np

from rdrop_cli.series.table import Series

SENTINEL = -9999.0  # what the Jena station writes where the wind sensor gave nothing


@dataclass(frozen=True)
class Oddities:
    """Counts of what was found in a series; `sentinels` by column, those without any left out."""

    sentinels: dict[str, int]
    repeated_stamps: int
    backward_stamps: int
    gaps: int

    def describe(self, sentinels: str) -> list[str]:
        """Say in one line each what was found and what is done about it, under the given treatment of sentinels."""
        lines = []
        if self.sentinels:
            found = ", ".join(f"{count} in {column}" for column, count in self.sentinels.items())
            done = "left in, as in the book" if sentinels == "keep" else "filled by interpolation"
            lines.append(f"sentinels ({SENTINEL:g}): {found}; {done}")
        if self.repeated_stamps:
            lines.append(f"repeated stamps: {self.repeated_stamps}; left in: rows count, not stamps")
        if self.backward_stamps:
            lines.append(f"stamps that go back: {self.backward_stamps}; left in: rows count, not stamps")
        if self.gaps:
            lines.append(f"gaps in time: {self.gaps}; left as they are: a window across one is a little longer")
        return lines


def find_oddities(series: Series) -> Oddities:
    """Count sentinels, repeated and backward stamps, and steps longer than the usual one."""
    steps = np.diff(series.stamps).astype(np.int64)
    counts = (series.values == SENTINEL).sum(axis=0)
    return Oddities(
        sentinels={column: int(n) for column, n in zip(series.columns, counts, strict=True) if n},
        repeated_stamps=len(series.stamps) - len(np.unique(series.stamps)),
        backward_stamps=int((steps < 0).sum()),
        gaps=int((steps > series.sampling_seconds).sum()),
    )


def fill_sentinels(series: Series) -> Series:
    """Replace sentinels by linear interpolation over rows within their column.

    A column of nothing but sentinels is left as it is: there is nothing to interpolate from.
    """
    values = series.values.copy()
    rows = np.arange(len(values))
    for column in range(values.shape[1]):
        bad = values[:, column] == SENTINEL
        if bad.any() and not bad.all():
            values[bad, column] = np.interp(rows[bad], rows[~bad], values[~bad, column])
    return replace(series, values=values)
