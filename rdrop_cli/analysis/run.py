"""The daily errors of a run's best network, as the run folder keeps them, and the run's curves."""

import math
import zlib
from copy import copy
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from rdrop_cli.analysis.by_day import check_days, read_lines
from rdrop_cli.analysis.coverage import DailyCoverage
from rdrop_cli.analysis.measures import Curve, Level, Overfitting, check_curve, measure_level, measure_overfitting
from rdrop_cli.errors import DataError
from rdrop_cli.runs.history import MARGIN_SHARE

COLUMNS = ["day", "windows"]
_HEAD_BYTES = 4


@dataclass(frozen=True, eq=False)
class DailyErrors:
    """The standardised error of a run's best network on each calendar day of a period.

    Attributes:
        days: ISO dates in ascending order, shape (day,).
        windows: number of windows whose target lies on the day, shape (day,).
        mae: mean absolute error over these windows, shape (day,).
    """

    days: tuple[str, ...]
    windows: npt.NDArray[np.float64]
    mae: npt.NDArray[np.float64]


def read_daily_errors(path: Path, error: str = "val_mae") -> DailyErrors | None:
    """Read a run's `daily_errors.csv`, or its `daily_test_errors.csv` with `test_mae`; None if it is missing.

    Raises:
        DataError: the file is damaged; the message names the line.
    """
    lines = read_lines(path)
    if lines is None:
        return None
    header, rows = lines
    if header != [*COLUMNS, error] or not rows:
        raise DataError(f"{path.name}: expected lines of day,windows,{error}, received {','.join(header)[:60]!r}")
    table = [_parse_row(path, line, row) for line, row in enumerate(rows, start=2)]
    days, windows, mae = zip(*table, strict=True)
    check_days(path, days)
    return DailyErrors(days, np.array(windows), np.array(mae))


def pack_daily_errors(daily: DailyErrors | None) -> bytes:
    """Return daily errors as the index of a runs folder keeps them: 8 bytes per day, and the compressed calendar."""
    assert daily is not None  # nothing is kept for a missing file
    calendar = np.array([np.array(daily.days, "datetime64[D]").astype(np.int32), daily.windows.astype(np.int32)])
    steps = np.diff(calendar, prepend=np.int32(0))  # nearly all steps are one day and zero windows
    packed = zlib.compress(steps.tobytes(), 9)
    return len(packed).to_bytes(_HEAD_BYTES) + packed + daily.mae.tobytes()


def unpack_daily_errors(content: bytes) -> DailyErrors:
    """Return the daily errors that `pack_daily_errors` packed."""
    start = _HEAD_BYTES + int.from_bytes(content[:_HEAD_BYTES])
    days, windows = _unpack_calendar(content[_HEAD_BYTES:start])
    return DailyErrors(days, windows, np.frombuffer(content, np.float64, offset=start))


@lru_cache(maxsize=16)  # runs of one study have the same calendar
def _unpack_calendar(packed: bytes) -> tuple[tuple[str, ...], npt.NDArray[np.float64]]:
    steps = np.frombuffer(zlib.decompress(packed), np.int32).reshape(2, -1)
    days, windows = np.cumsum(steps, axis=1, dtype=np.int32)
    return tuple(days.astype("datetime64[D]").astype(str).tolist()), windows.astype(np.float64)


def _parse_row(path: Path, line: int, row: list[str]) -> tuple[str, float, float]:
    try:
        day, windows, error = date.fromisoformat(row[0]).isoformat(), int(row[1]), float(row[2])
        if len(row) == len(COLUMNS) + 1 and windows > 0 and 0 <= error < np.inf:
            return day, float(windows), error
    except (ValueError, IndexError):
        pass
    raise DataError(f"{path.name}: line {line}: expected a day, windows and an error, received {','.join(row)[:60]!r}")


@dataclass(frozen=True, eq=False)
class RunCurves:
    """The curves of one finished run; errors are standardised mean absolute errors.

    Attributes:
        loss: training loss, dropout on, shape (epoch,).
        val_loss: validation error, shape (epoch,).
        train_mae: training error without dropout, shape (epoch,); None if it was not measured (published runs).
        naive_val_mae: error of the naive forecast on the same validation windows.
        naive_test_mae: the same on the test windows; None if it was not measured.
        test_mae: test error of the network at the best epoch; None if it was not measured.
        target_std: one standardised unit of the target in its own `unit`: °C for temperature.
        unit: unit of the target; empty if its name has none.
        daily: daily validation errors of the best network; None if they were not kept.
        coverage: daily coverage of its intervals in the test period; None if it was not measured.

    Raises:
        DataError: a curve is empty, of another length than the others, or not finite; or a figure is not finite.
    """

    variant: str
    seed: int
    loss: Curve
    val_loss: Curve
    train_mae: Curve | None
    naive_val_mae: float
    test_mae: float | None
    target_std: float
    unit: str = "°C"
    daily: DailyErrors | None = None
    naive_test_mae: float | None = None
    coverage: DailyCoverage | None = None

    def __post_init__(self) -> None:
        for name in ("val_loss", "loss", "train_mae"):  # the first sets the length of the others
            curve = getattr(self, name)
            if curve is not None:
                # Makes the arrays read-only too; a frozen dataclass can convert a field only with object.__setattr__.
                object.__setattr__(self, name, self._check(name, curve))
        for name in ("naive_val_mae", "naive_test_mae", "test_mae", "target_std"):
            figure = getattr(self, name)
            if figure is not None and not math.isfinite(figure):
                raise DataError(f"{self}: {name} is {figure}: skip this run")

    def __str__(self) -> str:
        return f"{self.variant}, seed {self.seed}"

    @cached_property
    def epochs(self) -> int:
        """The number of epochs."""
        return len(self.val_loss)

    @cached_property
    def level(self) -> Level:
        """The error that the network reaches; cached, since several questions ask for it."""
        return measure_level(self.val_loss)

    @property
    def margin(self) -> float:
        """The smallest difference that counts, in standardised error: 2 % of the naive forecast's error."""
        return MARGIN_SHARE * self.naive_val_mae

    @property
    def overfitting(self) -> Overfitting:
        """Whether the run overfits, over all its epochs.

        Raises:
            DataError: it has too few.
        """
        return self.examine_overfitting(self.epochs)

    def examine_overfitting(self, epochs: int) -> Overfitting:
        """Return whether the run overfits in its first `epochs` epochs; cached, since several questions ask for it.

        Uses the training loss if no training error without dropout was measured.

        Raises:
            DataError: there are too few epochs.
        """
        if epochs not in self._examined:
            training = self.loss if self.train_mae is None else self.train_mae
            self._examined[epochs] = measure_overfitting(self.val_loss[:epochs], training[:epochs], self.margin)
        return self._examined[epochs]

    @cached_property
    def _examined(self) -> dict[int, Overfitting]:
        return {}

    def measure_level(self, epochs: int) -> Level:
        """Return the level of the first `epochs` epochs."""
        return self.level if epochs == self.epochs else measure_level(self.val_loss[:epochs])

    def cut(self, epochs: int) -> "RunCurves":
        """Return the first `epochs` epochs of the run."""
        train_mae = None if self.train_mae is None else self.train_mae[:epochs]
        return replace(self, loss=self.loss[:epochs], val_loss=self.val_loss[:epochs], train_mae=train_mae)

    def with_daily(self, daily: DailyErrors | None, coverage: DailyCoverage | None) -> "RunCurves":
        """Return the same curves with daily errors and coverage; the curves need no second check."""
        same = copy(self)
        object.__setattr__(same, "daily", daily)
        object.__setattr__(same, "coverage", coverage)
        return same

    def in_unit_of(self, target_std: float) -> "RunCurves":
        """Return the same errors standardised by another standard deviation of the same target."""
        factor = self.target_std / target_std
        if factor == 1.0:
            return self
        return replace(
            self,
            loss=self.loss * factor,
            val_loss=self.val_loss * factor,
            train_mae=None if self.train_mae is None else self.train_mae * factor,
            naive_val_mae=self.naive_val_mae * factor,
            naive_test_mae=None if self.naive_test_mae is None else self.naive_test_mae * factor,
            test_mae=None if self.test_mae is None else self.test_mae * factor,
            target_std=target_std,
            daily=self.daily and replace(self.daily, mae=self.daily.mae * factor),
        )

    def _check(self, name: str, values: Curve) -> Curve:
        try:
            curve = check_curve(name, values, least_epochs=1)
        except DataError as error:
            raise DataError(f"{self}: {error}") from error
        if len(curve) != len(self.val_loss):
            raise DataError(f"{self}: {name} has {len(curve)} epochs, val_loss has {len(self.val_loss)}")
        if curve.flags.writeable:
            curve = curve.copy()
            curve.flags.writeable = False
        return curve


def count_equal_epochs(runs: tuple[RunCurves, ...]) -> int:
    """Return the number of epochs that all runs have: more epochs alone lower the best score."""
    return min(run.epochs for run in runs)
