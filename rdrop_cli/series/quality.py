"""What is odd in a series: sentinels, missing readings, repeated times, gaps. Told, and filled only when asked."""

from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from rdrop_cli.errors import DataError
from rdrop_cli.series.sampling import measure_seconds
from rdrop_cli.series.table import Series
from rdrop_cli.study.units import format_seconds, name_target

SENTINEL = -9999.0  # what the Jena station writes where the wind sensor gave nothing
# What loggers and archives write for no reading: nines, and the limits of small integers.
_USUAL_SENTINELS = frozenset(
    [sign * number for number in (99.0, 999.0, 9999.0, 99999.0, 999999.0, 99.9, 99.99, 999.9, 999.99, 9999.9)
     for sign in (1, -1)] + [-200.0, 32767.0, -32768.0, 65535.0, 1e20, -1e20, 9.96921e36]
)  # fmt: skip
LEAST_REPEATS = 3  # of a number that is no usual sentinel
USUAL_DISTANCE, OTHER_DISTANCE = 0.5, 3.0  # from all else, in ranges of all else


@dataclass(frozen=True)
class DataQuality:
    """Counts of what was found in a series; `sentinels` and `missing` by column, only those with any.

    Attributes:
        sentinel_values: what stands for no reading, by column.
    """

    sentinels: dict[str, int]
    repeated_timestamps: int
    backward_timestamps: int
    gaps: int
    missing: dict[str, int] = field(default_factory=dict)
    sentinel_values: dict[str, float] = field(default_factory=dict)

    def describe(self, sentinels: str) -> list[str]:
        """Say in one line each what was found and what is done about it, under the given treatment of sentinels."""
        done = "kept as readings; <sentinels> fill interpolates" if sentinels == "keep" else "filled by interpolation"
        lines = _describe_sentinels(self.sentinel_values, self.sentinels, done)
        if self.missing:
            done = "unusable for training; add <sentinels> fill" if sentinels == "keep" else "filled by interpolation"
            lines.append(f"missing readings: {_list_counts(self.missing)}; {done}")
        if self.repeated_timestamps:
            lines.append(f"repeated timestamps: {self.repeated_timestamps}; kept: rows count, not timestamps")
        if self.backward_timestamps:
            lines.append(f"timestamps that go back: {self.backward_timestamps}; kept: rows count, not timestamps")
        if self.gaps:
            lines.append(f"gaps in time: {self.gaps}; kept: a window across one is a little longer")
        return lines


@dataclass(frozen=True)
class Gap:
    """Two readings that follow each other and are more than the usual step apart."""

    before: np.datetime64
    after: np.datetime64

    @property
    def seconds(self) -> float:
        """The time between them."""
        return float((self.after - self.before) / np.timedelta64(1, "s"))


def assess_quality(series: Series) -> DataQuality:
    """Count sentinels, missing readings, repeated and backward timestamps, and steps longer than the usual one."""
    values = find_sentinels(series)
    found = _is_sentinel(series.columns, series.values, values)
    return DataQuality(
        sentinels=_count_by_column(series.columns, found),
        repeated_timestamps=len(series.timestamps) - len(np.unique(series.timestamps)),
        backward_timestamps=int((measure_seconds(series.timestamps) < 0).sum()),
        gaps=int(series.sampling.find_gaps(series.timestamps).sum()),
        missing=_count_by_column(series.columns, np.isnan(series.values)),
        sentinel_values=values,
    )


def find_sentinels(series: Series) -> dict[str, float]:
    """Return the number that stands for no reading, by column, where there is one.

    In a user's series that is a number at an end of a column, repeated or of the usual ones, far outside all else; and
    the same number at an end of the other columns. In other series it is -9999.
    """
    if not series.own_file:
        return {
            name: SENTINEL
            for name, column in zip(series.columns, series.values.T, strict=True)
            if (column == SENTINEL).any()
        }
    return _find_own_sentinels(series.columns, series.values)


def _find_own_sentinels(columns: tuple[str, ...], values: npt.NDArray[np.float64]) -> dict[str, float]:
    clear = {name: _find_clear_sentinel(column) for name, column in zip(columns, values.T, strict=True)}
    known = {value for value in clear.values() if value is not None}
    found = {}
    for name, column in zip(columns, values.T, strict=True):
        value = clear[name]
        if value is None:
            value = next((other for other in sorted(known) if _stands_apart(column, other, 0.1)), None)
        if value is not None:
            found[name] = value
    return found


def _find_clear_sentinel(column: npt.NDArray[np.float64]) -> float | None:
    readings = column[~np.isnan(column)]
    if not len(readings):
        return None
    for value in (float(readings.min()), float(readings.max())):
        usual = value in _USUAL_SENTINELS
        if (usual or int((readings == value).sum()) >= LEAST_REPEATS) and _stands_apart(
            readings, value, USUAL_DISTANCE if usual else OTHER_DISTANCE
        ):
            return value
    return None


def _stands_apart(column: npt.NDArray[np.float64], value: float, distance: float) -> bool:
    """Tell whether a number is in a column, with all others on one side and some of their ranges away."""
    others = column[(column != value) & ~np.isnan(column)]
    if len(np.unique(others[:10_000])) < LEAST_REPEATS or not (column == value).any():
        return False
    low, high = float(others.min()), float(others.max())
    with np.errstate(over="ignore"):  # of readings that are too large to be any
        return max(low - value, value - high) > distance * (high - low)


def _is_sentinel(
    columns: tuple[str, ...], readings: npt.NDArray[np.float64], values: dict[str, float]
) -> npt.NDArray[np.bool_]:
    """Return which readings (row, column) are sentinels; NaN is none."""
    marks = np.array([values.get(name, np.nan) for name in columns])
    found: npt.NDArray[np.bool_] = readings == marks
    return found


def drop_sentinels(
    columns: tuple[str, ...], readings: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.float64], list[str]]:
    """Return a user's readings (row, column) with NaN for each sentinel, and a line on those of each value."""
    values = _find_own_sentinels(columns, readings)
    found = _is_sentinel(columns, readings, values)
    told = _describe_sentinels(values, _count_by_column(columns, found), "left out of the means")
    return np.where(found, np.nan, readings), told


def find_measured(series: Series) -> npt.NDArray[np.bool_]:
    """Return which readings (row, column) were measured: neither missing nor a sentinel."""
    return ~(np.isnan(series.values) | _is_sentinel(series.columns, series.values, find_sentinels(series)))


def find_gaps(series: Series) -> list[Gap]:
    """Return the gaps in time, the longest first."""
    steps = measure_seconds(series.timestamps)
    rows = np.flatnonzero(series.sampling.find_gaps(series.timestamps))
    longest_first = rows[np.argsort(-steps[rows], kind="stable")]
    return [Gap(series.timestamps[row], series.timestamps[row + 1]) for row in longest_first]


def fill_missing(series: Series) -> Series:
    """Replace sentinels and missing readings by linear interpolation over rows within their column.

    A column of nothing else is left as it is: there is nothing to interpolate from.
    """
    values, measured = series.values.copy(), find_measured(series)
    rows = np.arange(len(values))
    for column in range(values.shape[1]):
        good = measured[:, column]
        if good.any() and not good.all():
            values[~good, column] = np.interp(rows[~good], rows[good], values[good, column])
    return replace(series, values=values)


def _describe_sentinels(values: dict[str, float], counts: dict[str, int], done: str) -> list[str]:
    lines = []
    for value in dict.fromkeys(values.values()):
        of_value = {name: n for name, n in counts.items() if values[name] == value}
        lines.append(f"sentinels ({value:g}): {_list_counts(of_value)}; {done}")
    return lines


def _count_by_column(columns: tuple[str, ...], found: npt.NDArray[np.bool_]) -> dict[str, int]:
    return {column: int(n) for column, n in zip(columns, found.sum(axis=0), strict=True) if n}


def _list_counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} in {column}" for column, count in counts.items())


LEAST_REGULAR = 0.9  # of the steps; fewer and the series is refused; gaps and repeats are reported


def check_sampling(series: Series) -> None:
    """Check that readings come at equal steps, by the clock, by days of trade, or by months.

    Raises:
        DataError: fewer than nine steps in ten are the usual one; names the first other.
    """
    name, sampling = series.name, series.sampling
    if series.rows < 2:
        raise DataError(f"{name}: too short: it has one row; a series to learn from needs hundreds")
    if sampling.seconds <= 0:
        raise DataError(
            f"{name}: no usual step: most rows have the time of the row before; average them with <resample>"
        )
    regular = sampling.find_regular(series.timestamps)
    if regular.mean() < LEAST_REGULAR:
        row = int((~regular).argmax()) + 1
        found = format_seconds(float(measure_seconds(series.timestamps)[row - 1]))
        raise DataError(
            f"{name}: no regular sampling: {series.name_row(row)} comes {found} after the row before it, the usual "
            f"step is {sampling}, and only {regular.mean():.0%} of the steps are; average equal steps with "
            f"<resample> {format_seconds(round(sampling.seconds) or 1).replace(' ', '')}"
        )


@dataclass(frozen=True)
class ColumnSummary:
    """One column; sentinels and missing readings are counted and are not in the figures, which are in `unit`.

    Attributes:
        unit: as the name tells it; may be empty.
        missing: readings that are not there.
        sentinels: readings of the number that stands for none.
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
    sentinels = find_sentinels(series)
    return [
        _summarise(name, column, sentinels.get(name, np.nan))
        for name, column in zip(series.columns, series.values.T, strict=True)
    ]


def _summarise(name: str, column: npt.NDArray[np.float64], sentinel: float) -> ColumnSummary:
    missing, marked = np.isnan(column), column == sentinel
    readings = column[~(missing | marked)]
    with np.errstate(over="ignore", invalid="ignore"):  # of readings that are too large to be any
        figures = [float(f(readings)) for f in (np.min, np.mean, np.max, np.std)] if len(readings) else [np.nan] * 4
    return ColumnSummary(name, name_target(name)[1], int(missing.sum()), int(marked.sum()), *figures)
