"""What is odd in a series: sentinels, missing readings, repeated stamps, gaps. Told, and mended only when asked."""

from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from rdrop_cli.series.table import Series

SENTINEL = -9999.0  # what the Jena station writes where the wind sensor gave nothing


@dataclass(frozen=True)
class Oddities:
    """Counts of what was found in a series; `sentinels` and `missing` by column, those without any left out."""

    sentinels: dict[str, int]
    repeated_stamps: int
    backward_stamps: int
    gaps: int
    missing: dict[str, int] = field(default_factory=dict)

    def describe(self, sentinels: str) -> list[str]:
        """Say in one line each what was found and what is done about it, under the given treatment of sentinels."""
        lines = []
        if self.sentinels:
            done = "left in, as in the book" if sentinels == "keep" else "filled by interpolation"
            lines.append(f"sentinels ({SENTINEL:g}): {_list_counts(self.sentinels)}; {done}")
        if self.missing:
            done = "nothing can learn from them: --sentinels fill" if sentinels == "keep" else "filled by interpolation"
            lines.append(f"missing readings: {_list_counts(self.missing)}; {done}")
        if self.repeated_stamps:
            lines.append(f"repeated stamps: {self.repeated_stamps}; left in: rows count, not stamps")
        if self.backward_stamps:
            lines.append(f"stamps that go back: {self.backward_stamps}; left in: rows count, not stamps")
        if self.gaps:
            lines.append(f"gaps in time: {self.gaps}; left as they are: a window across one is a little longer")
        return lines


@dataclass(frozen=True)
class Gap:
    """Two readings that follow each other in the file and are more than the usual step apart."""

    before: np.datetime64
    after: np.datetime64

    @property
    def seconds(self) -> int:
        return int((self.after - self.before).astype(np.int64))


def find_oddities(series: Series) -> Oddities:
    """Count sentinels, missing readings, repeated and backward stamps, and steps longer than the usual one."""
    steps = np.diff(series.stamps).astype(np.int64)
    return Oddities(
        sentinels=_count_by_column(series, series.values == SENTINEL),
        repeated_stamps=len(series.stamps) - len(np.unique(series.stamps)),
        backward_stamps=int((steps < 0).sum()),
        gaps=int((steps > series.sampling_seconds).sum()),
        missing=_count_by_column(series, np.isnan(series.values)),
    )


def find_gaps(series: Series) -> list[Gap]:
    """Return the gaps in time, the longest first."""
    steps = np.diff(series.stamps).astype(np.int64)
    rows = np.flatnonzero(steps > series.sampling_seconds)
    longest_first = rows[np.argsort(-steps[rows], kind="stable")]
    return [Gap(series.stamps[row], series.stamps[row + 1]) for row in longest_first]


def fill_missing(series: Series) -> Series:
    """Replace sentinels and missing readings by linear interpolation over rows within their column.

    A column of nothing else is left as it is: there is nothing to interpolate from.
    """
    values = series.values.copy()
    rows = np.arange(len(values))
    for column in range(values.shape[1]):
        bad = (values[:, column] == SENTINEL) | np.isnan(values[:, column])
        if bad.any() and not bad.all():
            values[bad, column] = np.interp(rows[bad], rows[~bad], values[~bad, column])
    return replace(series, values=values)


def _count_by_column(series: Series, found: npt.NDArray[np.bool_]) -> dict[str, int]:
    return {column: int(n) for column, n in zip(series.columns, found.sum(axis=0), strict=True) if n}


def _list_counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} in {column}" for column, count in counts.items())
