"""What is odd in a series: sentinels, missing readings, repeated stamps, gaps. Told, and mended only when asked."""

from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

import numpy as np
import numpy.typing as npt

from rdrop_cli.errors import DataError
from rdrop_cli.series.csv.cells import iterate_rows
from rdrop_cli.series.csv.header import SEPARATORS, read_header
from rdrop_cli.series.table import Series
from rdrop_cli.study.units import format_seconds, name_target

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


def name_row(series: Series, row: int) -> str:
    """Return `line 17` for a row of a user's file; `row 15` for one of another series, or where the file is gone."""
    path = Path(series.source.origin)
    if not series.time_column or not path.is_file():
        return f"row {row}"
    _, separator = read_header(path, SEPARATORS)
    line = next((line for line, _ in islice(iterate_rows(path, separator), row, None)), None)
    return f"row {row}" if line is None else f"line {line}"


LEAST_REGULAR = 0.9  # of the steps; a gap or a repeat now and then is told, and no more


def check_sampling(series: Series) -> None:
    """Check that most steps from reading to reading are equal.

    Raises:
        DataError: fewer than nine steps in ten are the usual one, or that does not go forward.
    """
    name, usual = series.source.name, series.sampling_seconds
    steps = np.diff(series.stamps).astype(np.int64)
    if not len(steps):
        raise DataError(f"{name}: too short: it has one row; a series to learn from needs hundreds")
    if usual < 0:
        where, back = name_row(series, int((steps < 0).argmax()) + 1), format_seconds(-usual)
        raise DataError(f"{name}: {where}: stamps go back, mostly by {back} a row; sort the file, oldest reading first")
    if usual == 0:
        where = name_row(series, int((steps == 0).argmax()) + 1)
        raise DataError(
            f"{name}: {where}: the same stamp as the row before, as most are; keep one row a stamp, a column a sensor"
        )
    regular = steps == usual
    if regular.mean() < LEAST_REGULAR:
        row = int((~regular).argmax()) + 1
        found, expected = format_seconds(int(steps[row - 1])), format_seconds(usual)
        raise DataError(
            f"{name}: no regular sampling: {name_row(series, row)} comes {found} after the row before it, the usual "
            f"step is {expected}, and only {regular.mean():.0%} of the steps are; resample the series to equal steps"
        )


@dataclass(frozen=True)
class ColumnSummary:
    """One column; sentinels and missing readings are counted and left out of the figures, which are in `unit`.

    Attributes:
        unit: as the name tells it; may be empty.
        missing: readings that are not there.
        sentinels: readings of -9999.
        minimum, mean, maximum, std: NaN where there is no reading.
    """

    name: str
    unit: str
    missing: int
    sentinels: int
    minimum: float
    mean: float
    maximum: float
    std: float


def summarise_columns(series: Series) -> list[ColumnSummary]:
    """Summarise each column, in file order."""
    return [_summarise(name, column) for name, column in zip(series.columns, series.values.T, strict=True)]


def _summarise(name: str, column: np.ndarray) -> ColumnSummary:
    missing, sentinel = np.isnan(column), column == SENTINEL
    readings = column[~(missing | sentinel)]
    with np.errstate(over="ignore", invalid="ignore"):  # of readings that are too large to be any
        figures = [float(f(readings)) for f in (np.min, np.mean, np.max, np.std)] if len(readings) else [np.nan] * 4
    return ColumnSummary(name, name_target(name)[1], int(missing.sum()), int(sentinel.sum()), *figures)
