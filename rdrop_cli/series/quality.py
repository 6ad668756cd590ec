"""Data quality: sentinels, missing readings, repeated times and gaps are reported, and filled only on request."""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from rdrop_cli.errors import DataError
from rdrop_cli.series.sampling import CLOCK, measure_seconds
from rdrop_cli.series.table import Series
from rdrop_cli.study.units import format_seconds, name_target

SENTINEL = -9999.0  # written by the Jena station if the wind sensor gave no reading
# Codes of loggers and archives for a missing reading: nines, similar patterns, and the limits of integers.
_CODE = re.compile(
    r"-?(?:99+(?:\.9+)?|7777|8888)|-[678]999|-200|32767|-32768|65535|-?2147483647|-2147483648|4294967295"
)
_LEAST_HUGE = 1e20  # numbers from here on are too large to be readings
LEAST_VALUES = 3  # distinct values, from which a range can be determined
MOST_CODES = 8  # in one column; if there are more, they are its readings
LEAST_REPEATS = 3  # of a sentinel that does not look like a code
# From all other values, in units of their range; the last for a number that is a sentinel in another column.
CODE_DISTANCE, OTHER_DISTANCE, SHARED_DISTANCE = 0.5, 3.0, 0.1


@dataclass(frozen=True)
class DataQuality:
    """Counts of irregularities in a series; `sentinels` and `missing` have only the columns with any.

    Attributes:
        sentinel_values: the numbers that stand for a missing reading, by column, ascending.
    """

    sentinels: dict[str, int]
    repeated_timestamps: int
    backward_timestamps: int
    gaps: int
    missing: dict[str, int] = field(default_factory=dict)
    sentinel_values: dict[str, tuple[float, ...]] = field(default_factory=dict)

    def describe(self, sentinels: str) -> list[str]:
        """Return one line per finding, with what is done about it under the given treatment of sentinels."""
        done = "kept as readings; ‹sentinels› fill interpolates" if sentinels == "keep" else "filled by interpolation"
        lines = _describe_sentinels(self.sentinel_values, self.sentinels, done)
        if self.missing:
            done = "unusable for training; add ‹sentinels› fill" if sentinels == "keep" else "filled by interpolation"
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
    """Two consecutive readings that are further apart than the sampling interval."""

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
        repeated_timestamps=int((measure_seconds(np.sort(series.timestamps)) == 0).sum()),
        backward_timestamps=int((measure_seconds(series.timestamps) < 0).sum()),
        gaps=int(series.sampling.find_gaps(series.timestamps).sum()),
        missing=_count_by_column(series.columns, np.isnan(series.values)),
        sentinel_values=values,
    )


def find_sentinels(series: Series) -> dict[str, tuple[float, ...]]:
    """Return the sentinels of each column that has any.

    In a user's series, a sentinel looks like a code, such as -999 and 99.99, or is repeated, and is far outside all
    other values; the same number is also a sentinel at an end of other columns. In other series it is -9999.
    """
    if series.own_file:
        return _find_own_sentinels(series.columns, series.values)
    return {
        name: (SENTINEL,)
        for name, column in zip(series.columns, series.values.T, strict=True)
        if (column == SENTINEL).any()
    }


def _find_own_sentinels(columns: tuple[str, ...], values: npt.NDArray[np.float64]) -> dict[str, tuple[float, ...]]:
    known = {sentinel for column in values.T for sentinel in _find_clear_sentinels(column)}
    found = {
        name: _find_outside(column, known.__contains__, SHARED_DISTANCE)
        for name, column in zip(columns, values.T, strict=True)
    }
    return {name: codes for name, codes in found.items() if codes}


def _find_clear_sentinels(column: npt.NDArray[np.float64]) -> tuple[float, ...]:
    codes = _find_outside(column, _is_code, CODE_DISTANCE)
    rest = column[~np.isin(column, codes)]

    def is_repeated(value: float) -> bool:  # 0 and the usual value are readings of a device that is off
        return value != 0 and LEAST_REPEATS <= int((rest == value).sum()) < len(rest) / 2

    return codes + _find_outside(rest, is_repeated, OTHER_DISTANCE, most=1)


def _is_code(value: float) -> bool:
    """Return whether a number looks like a code for a missing reading."""
    return abs(value) >= _LEAST_HUGE or bool(_CODE.fullmatch(f"{value:.10g}"))


def _find_outside(
    column: npt.NDArray[np.float64], may_be_sentinel: Callable[[float], bool], distance: float, most: int = MOST_CODES
) -> tuple[float, ...]:
    """Return possible sentinels at the ends of a column, further than `distance` ranges of the other values away."""
    rest, ends = column[~np.isnan(column)], set[float]()
    while len(rest) and len(ends) < most:
        codes = [end for end in (float(rest.min()), float(rest.max())) if may_be_sentinel(end)]
        if not codes:
            break
        ends.update(codes)
        rest = rest[~np.isin(rest, codes)]
    if not ends or len(np.unique(rest[:10_000])) < LEAST_VALUES:
        return ()
    low, high = float(rest.min()), float(rest.max())
    return tuple(sorted(end for end in ends if max(low - end, end - high) > distance * (high - low)))


def _is_sentinel(
    columns: tuple[str, ...], readings: npt.NDArray[np.float64], values: dict[str, tuple[float, ...]]
) -> npt.NDArray[np.bool_]:
    """Return which readings (row, column) are sentinels; NaN is not one."""
    found = np.zeros(readings.shape, bool)
    for index, name in enumerate(columns):
        if name in values:
            found[:, index] = np.isin(readings[:, index], values[name])
    return found


def drop_sentinels(
    columns: tuple[str, ...], readings: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.float64], list[str]]:
    """Return a user's readings (row, column) with NaN for each sentinel, and one line per set of sentinel values."""
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

    A column without any measured reading is left unchanged.
    """
    values, measured = series.values.copy(), find_measured(series)
    rows = np.arange(len(values))
    for column in range(values.shape[1]):
        good = measured[:, column]
        if good.any() and not good.all():
            values[~good, column] = np.interp(rows[~good], rows[good], values[good, column])
    return replace(series, values=values)


def _describe_sentinels(values: dict[str, tuple[float, ...]], counts: dict[str, int], done: str) -> list[str]:
    lines = []
    for codes in dict.fromkeys(values.values()):
        of_codes = {name: n for name, n in counts.items() if values[name] == codes}
        lines.append(f"sentinels ({', '.join(f'{code:g}' for code in codes)}): {_list_counts(of_codes)}; {done}")
    return lines


def _count_by_column(columns: tuple[str, ...], found: npt.NDArray[np.bool_]) -> dict[str, int]:
    return {column: int(n) for column, n in zip(columns, found.sum(axis=0), strict=True) if n}


def _list_counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} in {column}" for column, count in counts.items())


LEAST_REGULAR = 0.9  # of the steps: with fewer, the series is refused; gaps and repeats are only reported


def check_sampling(series: Series) -> None:
    """Check that readings are equally spaced: in time, in trading days, or in months.

    Raises:
        DataError: the series has one row, most of its timestamps are repeated, or fewer than nine in ten steps are the
            usual one; names the first other step.
    """
    name, sampling = series.name, series.sampling
    if series.rows < 2:
        raise DataError(f"{name}: too short: it has one row; a series to learn from needs hundreds")
    if sampling.seconds <= 0:
        raise DataError(
            f"{name}: no usual step: most rows have the time of the row before; average them with ‹resample›"
        )
    regular = sampling.find_regular(series.timestamps)
    if regular.mean() < LEAST_REGULAR:
        row = int((~regular).argmax()) + 1
        found = format_seconds(float(measure_seconds(series.timestamps)[row - 1]))
        length = format_seconds(math.ceil(sampling.seconds)).replace(" ", "")
        by_clock = sampling.calendar == CLOCK  # only such steps are all equally long
        advice = (
            f"average equal steps with ‹resample› {length}" if by_clock else "add the missing rows, with empty cells"
        )
        raise DataError(
            f"{name}: no regular sampling: {series.name_row(row)} comes {found} after the row before it, the usual "
            f"step is {sampling}, and only {regular.mean():.0%} of the steps are; {advice}"
        )


@dataclass(frozen=True)
class ColumnSummary:
    """Statistics of one column, in `unit`; sentinels and missing readings are counted but otherwise excluded.

    Attributes:
        unit: the unit in the column's name; may be empty.
        missing: the number of missing readings.
        sentinels: the number of sentinels.
        minimum, mean, maximum, std: NaN if there are no readings.
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
        _summarise(name, column, sentinels.get(name, ()))
        for name, column in zip(series.columns, series.values.T, strict=True)
    ]


def _summarise(name: str, column: npt.NDArray[np.float64], sentinels: tuple[float, ...]) -> ColumnSummary:
    missing, marked = np.isnan(column), np.isin(column, sentinels)
    readings = column[~(missing | marked)]
    with np.errstate(over="ignore", invalid="ignore"):  # readings that are implausibly large
        figures = [float(f(readings)) for f in (np.min, np.mean, np.max, np.std)] if len(readings) else [np.nan] * 4
    if figures[0] == figures[2]:  # the mean of equal readings is rounded, so their deviation may not be 0
        figures[1], figures[3] = figures[0], 0.0
    return ColumnSummary(name, name_target(name)[1], int(missing.sum()), int(marked.sum()), *figures)
