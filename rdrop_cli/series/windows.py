"""Windows over a series: which rows belong to which period, and the one standardised matrix they are cut from."""

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from rdrop_cli.errors import DataError, suggest
from rdrop_cli.series.quality import fill_missing, name_row
from rdrop_cli.series.table import Series
from rdrop_cli.study.protocol import Protocol

CALENDAR = ("hour of day (sine)", "hour of day (cosine)", "day of year (sine)", "day of year (cosine)")


@dataclass(frozen=True)
class Windows:
    """The standardised readings and the rows before which windows end; no window is ever copied out whole.

    Attributes:
        matrix: float32 of shape (row, feature), each column standardised with its training mean and deviation.
        target: float32 of shape (row,), the predicted column likewise; it need not be a feature.
        offsets: int32 of shape (time,), rows of a window relative to the row it ends before, all negative.
        target_offset: row of the target, relative to the same.
        stamps: datetime64[s] of shape (row,).
        train, validation, test: ranges of rows before which a window ends.
        target_mean, target_std: in the target's own units; one standardised unit is `target_std` of them.
        columns: names of the features.
        means, stds: float64 of shape (feature,): a feature is its reading less the mean, divided by the deviation.
    """

    matrix: npt.NDArray[np.float32]
    target: npt.NDArray[np.float32]
    offsets: npt.NDArray[np.int32]
    target_offset: int
    stamps: npt.NDArray[np.datetime64]
    train: range
    validation: range
    test: range
    target_mean: float
    target_std: float
    columns: tuple[str, ...]
    means: npt.NDArray[np.float64]
    stds: npt.NDArray[np.float64]

    @property
    def step_rows(self) -> int:
        """Rows from one timestep of a window to the next."""
        return -int(self.offsets[-1])

    def get_targets(self, rows: npt.NDArray[np.int64] | range) -> npt.NDArray[np.float32]:
        """Return the standardised targets of the windows that end before `rows`, shape (window,)."""
        return self.target[np.asarray(rows, np.int64) + self.target_offset]

    def sample_train_rows(self, count: int) -> npt.NDArray[np.int64]:
        """Return `count` training rows, evenly spaced: the fixed sample for the error without dropout."""
        count = min(count, len(self.train))
        return np.linspace(self.train.start, self.train.stop - 1, count).round().astype(np.int64)


def make_windows(series: Series, protocol: Protocol) -> Windows:
    """Standardise a series and lay out its training, validation and test windows.

    Raises:
        UsageError: the protocol's lengths do not fit each other.
        DataError: the target column is not there or constant, the series is too short, or readings are missing.
    """
    _check_target(series, protocol.target)
    protocol.check_layout()
    periods = _lay_out_periods(series, protocol)
    _check_order(series, protocol)
    if protocol.sentinels == "fill":
        series = fill_missing(series)
    inputs = protocol.inputs or series.columns
    used = inputs if protocol.target in inputs else (*inputs, protocol.target)
    series = _select_columns(series, used)
    _check_missing(series)
    matrix, means, stds = _standardise(series, protocol.train_stop_row)
    target = used.index(protocol.target)
    if stds[target] == 0:
        raise DataError(
            f"{series.source.name}: {protocol.target!r} is constant over the training rows: there is nothing to learn"
        )
    stds = np.where(stds == 0, 1.0, stds)
    calendar = CALENDAR if protocol.calendar else ()
    features = [matrix[:, : len(inputs)], *([encode_calendar(series.stamps)] if calendar else [])]
    return Windows(
        matrix=np.concatenate(features, axis=1) if len(features) > 1 else np.ascontiguousarray(features[0]),
        target=matrix[:, target].copy(),
        offsets=np.arange(-protocol.lookback_rows, 0, protocol.step_rows, dtype=np.int32),
        target_offset=protocol.target_offset,
        stamps=series.stamps,
        train=periods[0],
        validation=periods[1],
        test=periods[2],
        target_mean=float(means[target]),
        target_std=float(stds[target]),
        columns=(*inputs, *calendar),
        means=np.pad(means[: len(inputs)], (0, len(calendar))),
        stds=np.pad(stds[: len(inputs)], (0, len(calendar)), constant_values=1.0),
    )


def _select_columns(series: Series, columns: tuple[str, ...]) -> Series:
    """Return a series of these columns alone.

    Raises:
        DataError: one of them is not there.
    """
    if columns == series.columns:
        return series
    if missing := [name for name in columns if name not in series.columns]:
        known = ", ".join(series.columns)
        raise DataError(f"{series.source.name}: no column {missing[0]!r} to be an input; it has {known}")
    values = np.ascontiguousarray(series.values[:, [series.columns.index(name) for name in columns]])
    return replace(series, columns=columns, values=values)


def encode_calendar(stamps: npt.NDArray[np.datetime64]) -> npt.NDArray[np.float32]:
    """Return the time of day and of the year as points of a circle, so that midnight is next to midnight.

    Returns:
        float32 of shape (row, 4), in the order of `CALENDAR`, within [-1, 1].
    """
    days, years = stamps.astype("datetime64[D]"), stamps.astype("datetime64[Y]")
    seconds = stamps.astype("datetime64[s]")
    of_day = (seconds - days) / np.timedelta64(1, "D")
    of_year = (seconds - years.astype("datetime64[s]")) / ((years + 1).astype("datetime64[s]") - years)
    angles = 2 * np.pi * np.stack([of_day, of_day, of_year, of_year], axis=1)
    return np.where([True, False, True, False], np.sin(angles), np.cos(angles)).astype(np.float32)


def _check_order(series: Series, protocol: Protocol) -> None:
    """Check that no reading of a period was made before the period that it follows ends."""
    stops = (0, protocol.train_stop_row, protocol.val_stop_row, len(series.stamps))
    periods = [series.stamps[start:stop] for start, stop in pairwise(stops)]
    for earlier, later in pairwise(periods):
        if later.min() < earlier.max():
            raise DataError(
                f"{series.source.name}: a period begins at {later.min()}, before the one that it follows ends at "
                f"{earlier.max()}; sort the rows by time"
            )


def _check_target(series: Series, target: str) -> None:
    if target in series.columns:
        return
    name = series.source.name
    if target in series.left_out:
        raise DataError(f"{name}: column {target!r} cannot be predicted: it is {series.left_out[target]}, no numbers")
    hint = suggest(target, series.columns, "name one of them")
    raise DataError(f"{name}: no column {target!r} to predict; it has {', '.join(series.columns)}; {hint}")


def _check_missing(series: Series) -> None:
    missing = np.isnan(series.values)
    if missing.any():
        column = int(missing.any(axis=0).argmax())
        where, count = name_row(series, int(missing[:, column].argmax())), missing[:, column].sum()
        raise DataError(
            f"{series.source.name}: {series.columns[column]!r}: {count} missing readings, the first in "
            f"{where}, which can be interpolated",
            change=[("sentinels", "fill")],
        )


def _lay_out_periods(series: Series, protocol: Protocol) -> tuple[range, range, range]:
    """Return the rows before which training, validation and test windows end, as the book's generators do."""
    rows = len(series.values)
    test = protocol.find_test_rows(rows)
    if not test:
        raise DataError(
            f"{series.source.name}: too short: it has {rows} rows, and the first test window of protocol "
            f"{protocol.name} needs {protocol.least_rows}",
            change=("train_stop", "val_stop", "protocol"),
        )
    return protocol.train_rows, protocol.validation_rows, test


def _standardise(
    series: Series, train_stop_row: int
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Subtract the training mean and divide by the training deviation, in float64, column by column.

    Raises:
        DataError: a column holds readings that are too large.
    """
    values = series.values
    training = values[:train_stop_row]
    matrix = np.empty(values.shape, np.float32)
    with np.errstate(over="ignore", invalid="ignore"):
        mean = training.mean(axis=0)
        # A column that never changed has no deviation, but for the rounding of its mean.
        std = np.where(np.ptp(training, axis=0) == 0, 0.0, training.std(axis=0))
        for column in range(values.shape[1]):  # one column at a time: no second float64 matrix in memory
            # A column that never changed says nothing; dividing by 1 keeps it finite.
            matrix[:, column] = (values[:, column] - mean[column]) / (std[column] or 1.0)
    too_large = ~(np.isfinite(std) & np.isfinite(matrix).all(axis=0))
    if too_large.any():
        name = series.columns[int(too_large.argmax())]
        raise DataError(f"{series.source.name}: {name!r} holds readings too large to standardise; correct them")
    return matrix, mean, std


def average_by_day(windows: Windows, rows: range, errors: npt.NDArray[np.float32]) -> list[tuple[str, int, float]]:
    """Return (ISO day, windows, mean error) for each calendar day on which targets of the windows before `rows` lie."""
    targets = windows.stamps[rows.start + windows.target_offset : rows.stop + windows.target_offset]
    days, position, counts = np.unique(targets.astype("datetime64[D]"), return_inverse=True, return_counts=True)
    sums = np.bincount(position, weights=errors.astype(np.float64))
    return [(str(day), int(n), float(total / n)) for day, n, total in zip(days, counts, sums, strict=True)]


def forecast_naively(windows: Windows, rows: range) -> float:
    """Return the standardised MAE of "then as now", now being the newest reading of a window (book, 6.3.2)."""
    target, newest = windows.target.astype(np.float64), windows.offsets[-1]
    now = target[rows.start + newest : rows.stop + newest]
    later = target[rows.start + windows.target_offset : rows.stop + windows.target_offset]
    return float(np.abs(later - now).mean())
