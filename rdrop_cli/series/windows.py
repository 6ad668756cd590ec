"""Windows over a series: the rows of each period, and the one standardised matrix that windows are cut from."""

from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from rdrop_cli.errors import DataError, suggest
from rdrop_cli.series.calendar import CALENDAR, encode_calendar
from rdrop_cli.series.quality import fill_missing, find_measured
from rdrop_cli.series.sampling import Sampling, find_sampling
from rdrop_cli.series.table import Series
from rdrop_cli.study.protocol import IN_UNIT, Protocol


@dataclass(frozen=True)
class Windows:
    """The standardised readings, and the rows before which windows end; the windows themselves are not stored.

    Attributes:
        matrix: float32 of shape (row, feature), each column standardised with its training mean and deviation.
        target: float32 of shape (row,), the predicted column, also standardised; it need not be a feature.
        labels: float32 of shape (row,), the predicted column as the network learns it: standardised, or in its unit.
        label_size: one unit of the labels in standardised units of the target.
        columns: names of the features.
        excluded: columns of the series that are not features, each with the reason.
        offsets: int32 of shape (time,), rows of a window relative to the row it ends before, all negative.
        target_offset: row of the target relative to the same row; if there are several horizons, of the furthest.
        timestamps: datetime64 of shape (row,), in the unit of the series.
        train: the range of rows before which training windows end.
        validation, test: int64 of shape (window,), rows before which their windows end. Windows whose target, or newest
            reading of it, was filled and not measured are omitted: their errors would not be errors of a forecast.
        unmeasured: the number of windows that `validation` and `test` omit.
        measured_train: int64 of shape (window,), the same selection of the rows of `train`; None if it is empty.
        target_mean, target_std: in the target's own unit; one standardised unit is `target_std` of it.
        means, stds: float64 of shape (feature,): a feature is its reading minus the mean, divided by the deviation.
        earlier_offsets: rows of the nearer targets relative to the same row; empty if there is one horizon.
        training: the rows of the training period, by which columns are standardised; empty if they are unknown.
        filled: bool of shape (row,), which readings of the target were filled; None if all were measured.
        known_sampling: the usual step from one reading to the next, if it is known; else `sampling` finds it.

    Targets, labels, forecasts and errors have the shape (window,) for one horizon, and (window, horizon) for several,
    the nearest first. Forecasts of quantiles have the shape (window, horizon, quantile).
    """

    matrix: npt.NDArray[np.float32]
    target: npt.NDArray[np.float32]
    labels: npt.NDArray[np.float32]
    label_size: float
    offsets: npt.NDArray[np.int32]
    target_offset: int
    timestamps: npt.NDArray[np.datetime64]
    train: range
    validation: npt.NDArray[np.int64]
    test: npt.NDArray[np.int64]
    target_mean: float
    target_std: float
    columns: tuple[str, ...]
    means: npt.NDArray[np.float64]
    stds: npt.NDArray[np.float64]
    excluded: dict[str, str] = field(default_factory=dict)
    unmeasured: int = 0
    measured_train: npt.NDArray[np.int64] | None = None
    earlier_offsets: tuple[int, ...] = ()
    training: range = range(0)
    filled: npt.NDArray[np.bool_] | None = None
    known_sampling: Sampling | None = None

    @property
    def target_offsets(self) -> npt.NDArray[np.int64]:
        """Rows of the targets, relative to the row that a window ends before: () for one horizon, or (horizon,)."""
        return np.array((*self.earlier_offsets, self.target_offset) if self.earlier_offsets else self.target_offset)

    def find_targets(self, rows: npt.NDArray[np.int64] | range) -> npt.NDArray[np.int64]:
        """Return the rows of the targets of the windows that end before `rows`: (window,) or (window, horizon)."""
        targets: npt.NDArray[np.int64] = np.add.outer(np.asarray(rows, np.int64), self.target_offsets)
        return targets

    @cached_property
    def sampling(self) -> Sampling:
        """The usual step from one reading to the next."""
        return self.known_sampling or find_sampling(self.timestamps)

    @cached_property
    def steps_passed(self) -> npt.NDArray[np.float64]:
        """The number of usual steps from the first reading to each reading, shape (row,)."""
        steps = self.sampling.count_steps(self.timestamps)
        return np.concatenate([[0.0], np.cumsum(np.where(np.isfinite(steps), steps, 1e9))])

    @property
    def step_rows(self) -> int:
        """Rows from one timestep of a window to the next."""
        return -int(self.offsets[-1])

    def get_labels(self, rows: npt.NDArray[np.int64] | range) -> npt.NDArray[np.float32]:
        """Return the labels of the windows that end before `rows`: (window,) or (window, horizon)."""
        return self.labels[self.find_targets(rows)]

    def measure_errors(
        self, outputs: npt.NDArray[np.float32], rows: npt.NDArray[np.int64] | range
    ) -> npt.NDArray[np.float32]:
        """Return a network's outputs for these windows minus the labels: standardised, in the shape of the outputs."""
        labels = self.get_labels(rows)
        if outputs.ndim == 3:
            labels = labels.reshape(len(labels), -1, 1)
        errors: npt.NDArray[np.float32] = (outputs - labels) * np.float32(self.label_size)
        return errors

    def hide_filled(self, target: str) -> "Windows":
        """Return windows in which the target is NaN where it was filled: no forecast can be compared with it.

        As an input it stays filled up to its last measured reading; after that there was nothing to interpolate to.

        Args:
            target: name of the predicted column.
        """
        if self.filled is None:
            return self
        matrix = self.matrix.copy()
        if target in self.columns:
            matrix[np.flatnonzero(~self.filled)[-1] + 1 :, self.columns.index(target)] = np.nan
        return replace(self, matrix=matrix, target=np.where(self.filled, np.float32(np.nan), self.target), filled=None)

    def sample_train_rows(self, count: int) -> npt.NDArray[np.int64]:
        """Return up to `count` evenly spaced training rows: the fixed sample for the training error without dropout."""
        rows = np.asarray(self.train, np.int64) if self.measured_train is None else self.measured_train
        return rows[np.linspace(0, len(rows) - 1, min(count, len(rows))).round().astype(np.int64)]


def make_windows(series: Series, protocol: Protocol) -> Windows:
    """Standardise a series and lay out its training, validation and test windows.

    Raises:
        UsageError: the protocol's lengths do not fit each other.
        DataError: the target column is missing or constant, the series is too short, or readings are missing.
    """
    if fault := find_target_fault(series, protocol.target):
        raise DataError(fault)
    protocol.check_layout()
    periods = _lay_out_periods(series, protocol)
    _check_order(series, protocol)
    measured = _find_measured_targets(series, protocol)
    train, validation, test = _keep_measured_windows(series.name, measured, protocol, periods)
    if protocol.sentinels == "fill":
        series = fill_missing(series)
    constant = _find_constant(series, protocol)
    inputs = tuple(name for name in protocol.inputs or series.columns if name not in constant)
    series = _select_columns(series, inputs if protocol.target in inputs else (*inputs, protocol.target))
    _check_missing(series)
    matrix, means, stds = _standardise(series, protocol)
    target = series.columns.index(protocol.target)
    calendar = CALENDAR if protocol.calendar else ()
    features = [matrix[:, : len(inputs)], *([encode_calendar(series.timestamps)] if calendar else [])]
    in_unit = protocol.target_scale == IN_UNIT
    return Windows(
        matrix=np.concatenate(features, axis=1) if calendar else np.ascontiguousarray(features[0]),
        target=matrix[:, target].copy(),
        labels=series.values[:, target].astype(np.float32) if in_unit else matrix[:, target].copy(),
        label_size=1 / float(stds[target]) if in_unit else 1.0,
        offsets=np.arange(-protocol.lookback_rows, 0, protocol.step_rows, dtype=np.int32),
        target_offset=protocol.target_offset,
        earlier_offsets=protocol.target_offsets[:-1],
        timestamps=series.timestamps,
        train=periods[0],
        validation=validation,
        test=test,
        target_mean=float(means[target]),
        target_std=float(stds[target]),
        columns=(*inputs, *calendar),
        means=np.pad(means[: len(inputs)], (0, len(calendar))),
        stds=np.pad(stds[: len(inputs)], (0, len(calendar)), constant_values=1.0),
        excluded=dict.fromkeys(constant, "constant in training"),
        unmeasured=sum(map(len, periods[1:])) - len(validation) - len(test),
        measured_train=train if len(train) else None,
        training=range(protocol.train_start_row, protocol.train_stop_row),
        filled=None if measured.all() else ~measured,
    )


def _find_constant(series: Series, protocol: Protocol) -> tuple[str, ...]:
    """Return the inputs that are constant in training, except the target and those that the user keeps."""
    never_changes = np.ptp(series.values[protocol.train_start_row : protocol.train_stop_row], axis=0) == 0
    flat = {name for name, constant in zip(series.columns, never_changes, strict=True) if constant}
    flat -= {*series.reading.keep, protocol.target}
    return tuple(name for name in protocol.inputs or series.columns if name in flat)


def _select_columns(series: Series, columns: tuple[str, ...]) -> Series:
    """Return a series with only these columns.

    Raises:
        DataError: a column does not exist.
    """
    if columns == series.columns:
        return series
    if missing := [name for name in columns if name not in series.columns]:
        known = ", ".join(series.columns)
        raise DataError(f"{series.source.name}: no column {missing[0]!r} to be an input; it has {known}")
    values = np.ascontiguousarray(series.values[:, [series.columns.index(name) for name in columns]])
    return replace(series, columns=columns, values=values)


def _find_measured_targets(series: Series, protocol: Protocol) -> npt.NDArray[np.bool_]:
    """Return which readings of the target are not filled: shape (row,)."""
    if protocol.sentinels != "fill":
        return np.ones(series.rows, bool)
    return find_measured(series)[:, series.columns.index(protocol.target)]


def _keep_measured_windows(
    name: str, measured: npt.NDArray[np.bool_], protocol: Protocol, periods: tuple[range, range, range]
) -> list[npt.NDArray[np.int64]]:
    """Return the rows of each period's windows whose targets, and whose newest reading of the target, were measured.

    Raises:
        DataError: validation or test has no such window.
    """
    kept = []
    for period, rows in zip(("training", "validation", "test"), periods, strict=True):
        ends = np.asarray(rows, np.int64)
        targets = np.add.outer(ends, protocol.target_offsets)
        kept.append(ends[measured[targets].all(axis=1) & measured[ends - protocol.step_rows]])
        if period != "training" and not len(kept[-1]):
            raise DataError(f"{name}: no target of the {period} period was measured; move ‹train_stop›, ‹val_stop›")
    return kept


def _check_order(series: Series, protocol: Protocol) -> None:
    """Check that validation begins after training has ended, and the test after validation has ended."""
    stops = (protocol.train_start_row, protocol.train_stop_row, protocol.val_stop_row, series.rows)
    periods = [series.timestamps[start:stop] for start, stop in pairwise(stops)]
    for before, after in pairwise(periods):
        if after.min() < before.max():
            raise DataError(
                f"{series.name}: a period begins at {after.min()}, before the one that it follows has ended at "
                f"{before.max()}; sort the rows by time (‹sort›)"
            )


def find_target_fault(series: Series, target: str) -> str:
    """Return why a column cannot be predicted; empty if it can."""
    if target in series.columns:
        return ""
    name = series.source.name
    if target in series.excluded:
        return f"{name}: column {target!r} cannot be predicted: {series.excluded[target]}"
    hint = suggest(target, series.columns, "name one of them")
    return f"{name}: no column {target!r} to predict; it has {', '.join(series.columns)}; {hint}"


def _check_missing(series: Series) -> None:
    missing = np.isnan(series.values)
    if missing.any():
        column = int(missing.any(axis=0).argmax())
        where, count = series.name_row(int(missing[:, column].argmax())), missing[:, column].sum()
        raise DataError(
            f"{series.source.name}: {series.columns[column]!r}: {count} missing readings, the first in "
            f"{where}, which can be interpolated",
            change=[("sentinels", "fill")],
        )


def _lay_out_periods(series: Series, protocol: Protocol) -> tuple[range, range, range]:
    """Return the rows before which training, validation and test windows end, as in the book's code."""
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
    series: Series, protocol: Protocol
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Subtract the training mean and divide by the training deviation, in float64, column by column.

    Returns:
        float32 of shape (row, column), the means, and the deviations, which are 1 for constant columns.

    Raises:
        DataError: readings of a column are too large or too close to each other, or the target is constant.
    """
    values = series.values
    training = values[protocol.train_start_row : protocol.train_stop_row]
    matrix = np.empty(values.shape, np.float32)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        mean = training.mean(axis=0)
        constant = np.ptp(training, axis=0) == 0
        std = np.where(constant, 1.0, training.std(axis=0))  # for a constant, it would be a rounding error
        for column in range(values.shape[1]):  # one column at a time: no second float64 matrix in memory
            matrix[:, column] = (values[:, column] - mean[column]) / std[column]
    lost = ~(np.isfinite(std) & np.isfinite(matrix).all(axis=0))
    if lost.any():
        column = int(lost.argmax())
        fault = "too large" if std[column] else "too close to each other"  # their deviation is 0 in floating point
        raise DataError(
            f"{series.source.name}: {series.columns[column]!r} holds readings {fault} to standardise; correct them, or "
            "give them in another unit"
        )
    if constant[series.columns.index(protocol.target)]:
        raise DataError(f"{series.name}: {protocol.target!r} is constant over the training rows: nothing to learn")
    return matrix, mean, std


def read_targets(windows: Windows, rows: npt.NDArray[np.int64] | range) -> npt.NDArray[np.float64]:
    """Return the standardised targets of each window: (window,) or (window, horizon)."""
    return windows.target[windows.find_targets(rows)].astype(np.float64)


def read_newest(windows: Windows, rows: npt.NDArray[np.int64] | range) -> npt.NDArray[np.float64]:
    """Return each window's newest standardised reading of the target, repeated to the shape of `read_targets`."""
    newest = windows.target[np.asarray(rows, np.int64) - windows.step_rows].astype(np.float64)
    repeated: npt.NDArray[np.float64] = np.multiply.outer(newest, np.ones(windows.target_offsets.shape))
    return repeated
