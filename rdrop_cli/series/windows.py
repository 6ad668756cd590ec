"""Windows over a series: which rows belong to which period, and the one standardised matrix they are cut from."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rdrop_cli.errors import DataError, suggest
from rdrop_cli.series.quality import fill_missing, name_row
from rdrop_cli.series.table import Series
from rdrop_cli.study.protocol import Protocol


@dataclass(frozen=True)
class Windows:
    """The standardised readings and the rows before which windows end; no window is ever copied out whole.

    Attributes:
        matrix: float32 of shape (row, feature), each column standardised with its training mean and deviation.
        target_column: index of the predicted column.
        offsets: int32 of shape (time,), rows of a window relative to the row it ends before, all negative.
        horizon_rows: rows from there to the target.
        stamps: datetime64[s] of shape (row,).
        train, validation, test: ranges of rows before which a window ends.
        target_mean, target_std: in the target's own units; one standardised unit is `target_std` of them.
    """

    matrix: npt.NDArray[np.float32]
    target_column: int
    offsets: npt.NDArray[np.int32]
    horizon_rows: int
    stamps: npt.NDArray[np.datetime64]
    train: range
    validation: range
    test: range
    target_mean: float
    target_std: float

    @property
    def step_rows(self) -> int:
        """Rows from one timestep of a window to the next."""
        return -int(self.offsets[-1])

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
    if protocol.sentinels == "fill":
        series = fill_missing(series)
    _check_missing(series)
    target = series.columns.index(protocol.target)
    matrix, mean, std = _standardise(series.values, protocol.train_stop_row)
    too_large = ~(np.isfinite(std) & np.isfinite(matrix).all(axis=0))
    if too_large.any():
        column = series.columns[int(too_large.argmax())]
        raise DataError(f"{series.source.name}: {column!r} holds readings too large to standardise; correct them")
    if std[target] == 0:
        raise DataError(
            f"{series.source.name}: {protocol.target!r} is constant over the training rows: there is nothing to learn"
        )
    return Windows(
        matrix=matrix,
        target_column=target,
        offsets=np.arange(-protocol.lookback_rows, 0, protocol.step_rows, dtype=np.int32),
        horizon_rows=protocol.horizon_rows,
        stamps=series.stamps,
        train=periods[0],
        validation=periods[1],
        test=periods[2],
        target_mean=float(mean[target]),
        target_std=float(std[target]),
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
    values: npt.NDArray[np.float64], train_stop_row: int
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Subtract the training mean and divide by the training deviation, in float64, column by column."""
    training = values[:train_stop_row]
    matrix = np.empty(values.shape, np.float32)
    with np.errstate(over="ignore", invalid="ignore"):  # what is not finite is refused by the caller
        mean = training.mean(axis=0)
        # A column that never changed has no deviation, but for the rounding of its mean.
        std = np.where(np.ptp(training, axis=0) == 0, 0.0, training.std(axis=0))
        for column in range(values.shape[1]):  # one column at a time: no second float64 matrix in memory
            # A column that never changed says nothing; dividing by 1 keeps it finite.
            matrix[:, column] = (values[:, column] - mean[column]) / (std[column] or 1.0)
    return matrix, mean, std


def average_by_day(windows: Windows, rows: range, errors: npt.NDArray[np.float32]) -> list[tuple[str, int, float]]:
    """Return (ISO day, windows, mean error) for each calendar day on which targets of the windows before `rows` lie."""
    targets = windows.stamps[rows.start + windows.horizon_rows : rows.stop + windows.horizon_rows]
    days, position, counts = np.unique(targets.astype("datetime64[D]"), return_inverse=True, return_counts=True)
    sums = np.bincount(position, weights=errors.astype(np.float64))
    return [(str(day), int(n), float(total / n)) for day, n, total in zip(days, counts, sums, strict=True)]


def forecast_naively(windows: Windows, rows: range) -> float:
    """Return the standardised MAE of "in one horizon as now", now being a window's last timestep (book, 6.3.2)."""
    target = windows.matrix[:, windows.target_column].astype(np.float64)
    now = target[rows.start + windows.offsets[-1] : rows.stop + windows.offsets[-1]]
    later = target[rows.start + windows.horizon_rows : rows.stop + windows.horizon_rows]
    return float(np.abs(later - now).mean())
