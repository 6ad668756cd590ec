"""How far apart readings are: by the clock, by the days of trade, or by the calendar's months and years."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rdrop_cli.study.units import UNIT_SECONDS, format_seconds

CLOCK, WEEKDAYS, MONTHS, MONTH_ENDS = "clock", "weekdays", "months", "month ends"
TOLERANCE = 0.05  # of a step: a logger may be early or late
SECOND = np.timedelta64(1, "s")


@dataclass(frozen=True)
class Sampling:
    """The usual step from one reading to the next.

    Attributes:
        seconds: the median, which gaps and repeats do not move; of months the mean length, and a day of trade is one of
            24 hours.
        calendar: by what steps are counted: `clock`, `weekdays`, `months`, or `month ends` of readings on last days.
    """

    seconds: float
    calendar: str = CLOCK

    def count_steps(self, timestamps: npt.NDArray[np.datetime64]) -> npt.NDArray[np.float64]:
        """Return how many usual steps each reading comes after the one before it: shape (row - 1,)."""
        if self.calendar == WEEKDAYS:
            return _count_trading_days(timestamps.astype("datetime64[D]")) / (self.seconds / UNIT_SECONDS["d"])
        if self.calendar in (MONTHS, MONTH_ENDS):
            months = np.diff(timestamps.astype("datetime64[M]").astype(np.int64)).astype(np.float64)
            return months / max(1, round(self.seconds / UNIT_SECONDS["mo"]))
        seconds = measure_seconds(timestamps)
        return seconds / self.seconds if self.seconds else np.where(seconds == 0, 1.0, np.inf)

    def find_regular(self, timestamps: npt.NDArray[np.datetime64]) -> npt.NDArray[np.bool_]:
        """Return which readings come one usual step after the one before: shape (row - 1,)."""
        found: npt.NDArray[np.bool_] = np.abs(self.count_steps(timestamps) - 1) <= TOLERANCE
        return found

    def find_gaps(self, timestamps: npt.NDArray[np.datetime64]) -> npt.NDArray[np.bool_]:
        """Return which readings come later: shape (row - 1,)."""
        found: npt.NDArray[np.bool_] = self.count_steps(timestamps) > 1 + TOLERANCE
        return found

    def advance(self, stamps: npt.NDArray[np.datetime64], steps: int) -> npt.NDArray[np.datetime64]:
        """Return the times so many usual steps after `stamps`, shape (time,): of readings that are not there yet."""
        later: npt.NDArray[np.datetime64]
        if self.calendar == WEEKDAYS:
            days = stamps.astype("datetime64[D]")
            ahead = steps * round(self.seconds / UNIT_SECONDS["d"])
            later = np.busday_offset(days, ahead, roll="backward").astype(stamps.dtype) + (stamps - days)
        elif self.calendar in (MONTHS, MONTH_ENDS):
            days = stamps.astype("datetime64[D]")
            months = steps * max(1, round(self.seconds / UNIT_SECONDS["mo"]))
            later = self._add_months(days, months).astype(stamps.dtype) + (stamps - days)
        else:
            passed = np.timedelta64(round(steps * self.seconds * 1_000_000), "us")
            later = (stamps + passed).astype(stamps.dtype)
        return later

    def _add_months(self, days: npt.NDArray[np.datetime64], months: int) -> npt.NDArray[np.datetime64]:
        """Return the same day of a later month, or its last where that is shorter or readings are on last days."""
        month = days.astype("datetime64[M]")
        last = (month + months + 1).astype("datetime64[D]") - 1
        same = (month + months).astype("datetime64[D]") + (days - month)
        return last if self.calendar == MONTH_ENDS else np.minimum(same, last)

    def __str__(self) -> str:
        days = round(self.seconds / UNIT_SECONDS["d"])
        trading = f"{days} trading day{'s' if days > 1 else ''}"
        return trading if self.calendar == WEEKDAYS else format_seconds(self.seconds)


def measure_seconds(timestamps: npt.NDArray[np.datetime64]) -> npt.NDArray[np.float64]:
    """Return the time from each reading to the next, in seconds: shape (row - 1,)."""
    steps: npt.NDArray[np.float64] = np.diff(timestamps) / SECOND
    return steps


def find_sampling(timestamps: npt.NDArray[np.datetime64]) -> Sampling:
    """Return the usual step of timestamps (row,)."""
    if len(timestamps) < 2:
        return Sampling(0)
    seconds = float(np.median(measure_seconds(timestamps)))
    seconds = round(seconds) if seconds == round(seconds) else seconds
    days = timestamps.astype("datetime64[D]")
    same_time = len(np.unique((timestamps - days).astype(np.int64))) == 1
    if seconds >= 28 * UNIT_SECONDS["d"] and same_time and (months := _find_months(days)):
        return Sampling(months * UNIT_SECONDS["mo"], MONTH_ENDS if _are_last(days).all() else MONTHS)
    if seconds >= UNIT_SECONDS["d"] and same_time and (trading := _find_trading_days(days)):
        return Sampling(trading * UNIT_SECONDS["d"], WEEKDAYS)
    return Sampling(seconds)


def _count_trading_days(days: npt.NDArray[np.datetime64]) -> npt.NDArray[np.float64]:
    return np.busday_count(days[:-1], days[1:]).astype(np.float64)


def _find_trading_days(days: npt.NDArray[np.datetime64]) -> int:
    """Return how many days of trade days without weekends are usually apart; 0 where the clock says as much."""
    if not np.is_busday(days).all() or np.ptp(days) <= np.timedelta64(7, "D"):
        return 0
    passed, by_clock = _count_trading_days(days), measure_seconds(days)
    usual = int(np.median(passed))
    return usual if (passed == usual).mean() > (by_clock == np.median(by_clock)).mean() else 0


def _find_months(days: npt.NDArray[np.datetime64]) -> int:
    """Return the usual number of months between days that are all the same or the last of their month; 0 for others."""
    months = days.astype("datetime64[M]")
    of_month = (days - months).astype(np.int64)
    if len(np.unique(of_month)) > 1 and not _are_last(days).all():
        return 0
    return int(np.median(np.diff(months).astype(np.int64)))


def _are_last(days: npt.NDArray[np.datetime64]) -> npt.NDArray[np.bool_]:
    """Return which days are the last of their month."""
    last: npt.NDArray[np.bool_] = (days + 1).astype("datetime64[M]") > days.astype("datetime64[M]")
    return last
