"""Forecasts from the calendar and the newest reading: naive, seasonal naive, climatology, damped persistence."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rdrop_cli.errors import UsageError
from rdrop_cli.series.windows import Windows, read_newest, read_targets

Rows = npt.NDArray[np.int64] | range
Values = npt.NDArray[np.float64]
DAY_SECONDS = 86_400
WINDOWS_AT_ONCE = 4096
DAYS, HOURS = 366, 24
SMOOTHING_DAYS = (7, 15, 30, 60, 90)  # to either side; validation chooses one


def cut_rows(rows: Rows) -> Iterator[npt.NDArray[np.int64]]:
    """Yield rows in pieces whose windows fit into memory."""
    ends = np.asarray(rows, np.int64)
    for start in range(0, len(ends), WINDOWS_AT_ONCE):
        yield ends[start : start + WINDOWS_AT_ONCE]


def count_day_rows(windows: Windows) -> int:
    """Return the number of readings in a day.

    Raises:
        UsageError: it is not a whole number.
    """
    sampling = windows.sampling
    day_rows = round(DAY_SECONDS / sampling.seconds)
    if not day_rows or abs(day_rows * sampling.seconds - DAY_SECONDS) > 1:
        raise UsageError(f"seasonal-naive needs readings that divide a day; they are {sampling} apart")
    return day_rows


def read_season_before(windows: Windows, rows: Rows) -> Values:
    """Return the newest known reading a whole number of days before each target (Hyndman and Athanasopoulos 2021, 5.2).

    It is found by its time, so a gap does not shift the hour. If there is none, as before the first training windows,
    return the window's newest reading.

    Raises:
        UsageError: a day is not a whole number of readings.
    """
    count_day_rows(windows)
    elapsed = (windows.timestamps - windows.timestamps[0]) / np.timedelta64(1, "s")
    times, near = np.maximum.accumulate(elapsed), windows.sampling.seconds / 2  # a few rows of Jena go back in time
    then, now = times[windows.find_targets(rows)], times[np.asarray(rows, np.int64) - windows.step_rows]
    ahead = (then.T - now).T
    wanted = then - np.maximum(np.ceil((ahead - near) / DAY_SECONDS), 1) * DAY_SECONDS
    found = _find_rows_at(times, wanted, near)
    return np.where(found >= 0, windows.target[found], read_newest(windows, rows))


def _find_rows_at(times: Values, wanted: Values, near: float) -> npt.NDArray[np.int64]:
    """Return the row at each time or, if it has no reading, the fewest whole days before; -1 if there is none."""
    found = np.searchsorted(times, wanted + near, side="right") - 1
    away = (found >= 0) & (wanted - times[found] > near)
    while away.any():
        wanted = np.where(away, wanted - DAY_SECONDS, wanted)
        found[away] = np.searchsorted(times, wanted[away] + near, side="right") - 1
        away = (found >= 0) & (wanted - times[found] > near)
    return found


@dataclass(frozen=True)
class Climatology:
    """The mean reading for each day of the year and hour of the day.

    Attributes:
        table: standardised, of shape (day of year, hour of day).
    """

    table: Values

    @classmethod
    def fit(cls, windows: Windows, days: int) -> "Climatology":
        """Average the readings of the training period over `days` days to either side of each day, in every year.

        If training is shorter than a year, all of its days have equal weight and only the hour matters.
        """
        stamps = windows.timestamps[windows.training]
        day, hour = _find_cells(stamps)
        values = windows.target[windows.training].astype(np.float64)
        cell = day * HOURS + hour
        end = windows.sampling.advance(stamps[-1:], 1)[0]
        if end - stamps[0] < np.timedelta64(365, "D"):
            days = DAYS
        sums, counts = (
            _sum_around(np.bincount(cell, weights, DAYS * HOURS).astype(np.float64).reshape(DAYS, HOURS), days)
            for weights in (values, np.ones_like(values))
        )
        by_hour = sums.sum(axis=0) / np.maximum(counts.sum(axis=0), 1.0)  # for hours without readings on a day
        return cls(np.where(counts > 0, sums / np.maximum(counts, 1.0), by_hour))

    def look_up(self, timestamps: npt.NDArray[np.datetime64]) -> Values:
        """Return the mean reading at each time, in the shape of `timestamps`."""
        return self.table[_find_cells(timestamps)]

    def predict(self, windows: Windows, rows: Rows) -> Values:
        """Return the mean reading at the time of each target, (window,) or (window, horizon)."""
        return self.look_up(windows.timestamps[windows.find_targets(rows)])

    def find_anomaly(self, windows: Windows, rows: Rows) -> Values:
        """Return the newest reading of each window minus the mean reading at that time, shape (window,)."""
        newest = np.asarray(rows, np.int64) - windows.step_rows
        return windows.target[newest] - self.look_up(windows.timestamps[newest])


def fit_damping(climatology: Climatology, windows: Windows) -> Values:
    """Return the share of today's anomaly that remains at each target, by least squares over the training windows.

    Returns:
        shape (1,) for one horizon, or (horizon,).
    """
    rows = np.asarray(windows.train, np.int64)
    today = climatology.find_anomaly(windows, rows)
    then = read_targets(windows, rows) - climatology.predict(windows, rows)
    return np.atleast_1d(today @ then / max(float(today @ today), np.finfo(np.float64).tiny))


def _find_cells(timestamps: npt.NDArray[np.datetime64]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return the day of the year, from 0, and the hour of the day of each time."""
    days, years = timestamps.astype("datetime64[D]"), timestamps.astype("datetime64[Y]")
    hours = (timestamps.astype("datetime64[h]") - days).astype(np.int64)
    return (days - years.astype("datetime64[D]")).astype(np.int64), hours


def _sum_around(table: Values, days: int) -> Values:
    """Sum over the days around each day, across the turn of the year, with each day at most once."""
    if 2 * days + 1 >= DAYS:
        return np.broadcast_to(table.sum(axis=0), table.shape).copy()
    wrapped = np.concatenate([table[-days:], table, table[:days]])
    sums = np.concatenate([np.zeros((1, table.shape[1])), np.cumsum(wrapped, axis=0)])
    around: Values = sums[2 * days + 1 :] - sums[: -2 * days - 1]
    return around
