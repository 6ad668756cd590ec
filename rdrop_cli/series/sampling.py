"""The sampling interval of a series: a fixed time, trading days, or calendar months and years."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rdrop_cli.study.units import UNIT_SECONDS, format_count, format_seconds

CLOCK, WEEKDAYS, MONTHS, MONTH_ENDS = "clock", "weekdays", "months", "month ends"
TRADING_STARTS, TRADING_ENDS = "first weekdays of months", "last weekdays of months"
_BY_MONTHS = (MONTHS, MONTH_ENDS, TRADING_STARTS, TRADING_ENDS)
_MOST_HOLIDAYS = 3  # days between the first or last trading day of a month and its first or last day
_HALF_A_DAY = UNIT_SECONDS["d"] // 2
TOLERANCE = 0.05  # of a step, by which a logger may be early or late
SECOND = np.timedelta64(1, "s")


@dataclass(frozen=True)
class Sampling:
    """The usual step from one reading to the next.

    Attributes:
        seconds: the median step, which gaps and repeats do not change; a month has its mean length, and a trading day
            24 hours.
        calendar: the unit of steps: `clock`, `weekdays`, `months`, `month ends` for readings on last days, or the first
            or last weekdays of months.
        shift: seconds added to timestamps to find their days: half a day if they are local midnights in UTC.
    """

    seconds: float
    calendar: str = CLOCK
    shift: int = 0

    def count_steps(self, timestamps: npt.NDArray[np.datetime64]) -> npt.NDArray[np.float64]:
        """Return the number of usual steps from each reading to the next: shape (row - 1,)."""
        if self.calendar == WEEKDAYS:
            return _count_trading_days(self._find_days(timestamps)) / (self.seconds / UNIT_SECONDS["d"])
        if self.calendar in _BY_MONTHS:
            months = np.diff(self._find_days(timestamps).astype("datetime64[M]").astype(np.int64)).astype(np.float64)
            return months / max(1, round(self.seconds / UNIT_SECONDS["mo"]))
        seconds = measure_seconds(timestamps)
        return seconds / self.seconds if self.seconds else np.where(seconds == 0, 1.0, np.inf)

    def find_regular(self, timestamps: npt.NDArray[np.datetime64]) -> npt.NDArray[np.bool_]:
        """Return which readings come one usual step after the previous one: shape (row - 1,)."""
        found: npt.NDArray[np.bool_] = np.abs(self.count_steps(timestamps) - 1) <= TOLERANCE
        return found

    def find_gaps(self, timestamps: npt.NDArray[np.datetime64]) -> npt.NDArray[np.bool_]:
        """Return which readings come more than one usual step after the previous one: shape (row - 1,)."""
        found: npt.NDArray[np.bool_] = self.count_steps(timestamps) > 1 + TOLERANCE
        return found

    def advance(self, stamps: npt.NDArray[np.datetime64], steps: int) -> npt.NDArray[np.datetime64]:
        """Return the times of future readings, `steps` usual steps after `stamps`: shape (time,)."""
        later: npt.NDArray[np.datetime64]
        days = self._find_days(stamps)
        if self.calendar == WEEKDAYS:
            ahead = steps * round(self.seconds / UNIT_SECONDS["d"])
            later = np.busday_offset(days, ahead, roll="backward").astype(stamps.dtype) + (stamps - days)
        elif self.calendar in _BY_MONTHS:
            months = steps * max(1, round(self.seconds / UNIT_SECONDS["mo"]))
            later = self._add_months(days, months).astype(stamps.dtype) + (stamps - days)
        else:
            passed = np.timedelta64(round(steps * self.seconds * 1_000_000), "us")
            later = (stamps + passed).astype(stamps.dtype)
        return later

    def _find_days(self, timestamps: npt.NDArray[np.datetime64]) -> npt.NDArray[np.datetime64]:
        return (timestamps + np.timedelta64(self.shift, "s")).astype("datetime64[D]")

    def _add_months(self, days: npt.NDArray[np.datetime64], months: int) -> npt.NDArray[np.datetime64]:
        """Return the same day of a later month, its last if that is shorter, or the day that the calendar requires."""
        month = days.astype("datetime64[M]") + months
        first, last = month.astype("datetime64[D]"), (month + 1).astype("datetime64[D]") - 1
        found: npt.NDArray[np.datetime64] = np.minimum(first + (days - days.astype("datetime64[M]")), last)
        if self.calendar == MONTH_ENDS:
            found = last
        elif self.calendar == TRADING_STARTS:
            found = np.busday_offset(first, 0, roll="forward")
        elif self.calendar == TRADING_ENDS:
            found = np.busday_offset(last, 0, roll="backward")
        return found

    def __str__(self) -> str:
        days = round(self.seconds / UNIT_SECONDS["d"])
        return format_count(days, "trading day") if self.calendar == WEEKDAYS else format_seconds(self.seconds)


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
    return next(
        filter(None, (_find_calendar(timestamps, seconds, shift) for shift in (0, _HALF_A_DAY))), Sampling(seconds)
    )


def _find_calendar(timestamps: npt.NDArray[np.datetime64], seconds: float, shift: int) -> Sampling | None:
    """Return a sampling by months or trading days, or None; the time of day may change only with summer time."""
    moved = timestamps + np.timedelta64(shift, "s")
    days = moved.astype("datetime64[D]")
    if seconds < UNIT_SECONDS["d"] or np.ptp(moved - days) > np.timedelta64(1, "h"):
        return None
    if seconds >= 28 * UNIT_SECONDS["d"] and (calendar := _find_month_calendar(days)):
        months = int(np.median(np.diff(days.astype("datetime64[M]").astype(np.int64))))
        return Sampling(months * UNIT_SECONDS["mo"], calendar, shift) if months else None
    trading = _find_trading_days(days)
    return Sampling(trading * UNIT_SECONDS["d"], WEEKDAYS, shift) if trading else None


def _count_trading_days(days: npt.NDArray[np.datetime64]) -> npt.NDArray[np.float64]:
    return np.busday_count(days[:-1], days[1:]).astype(np.float64)


def _find_trading_days(days: npt.NDArray[np.datetime64]) -> int:
    """Return the usual step in trading days; 0 if days include weekends, or if a fixed time fits as well."""
    if not np.is_busday(days).all() or np.ptp(days) <= np.timedelta64(7, "D"):
        return 0
    passed, by_clock = _count_trading_days(days), measure_seconds(days)
    usual = int(np.median(passed))
    return usual if (passed == usual).mean() > (by_clock == np.median(by_clock)).mean() else 0


def _find_month_calendar(days: npt.NDArray[np.datetime64]) -> str:
    """Return the calendar of monthly days: the same day, the last, the first or last trading day; empty for others."""
    months = days.astype("datetime64[M]")
    before = (days - months).astype(np.int64)
    after = ((months + 1).astype("datetime64[D]") - 1 - days).astype(np.int64)
    if not after.any():
        return MONTH_ENDS
    if not np.ptp(before):
        return MONTHS
    if not np.is_busday(days).all():
        return ""
    return TRADING_STARTS if before.max() <= _MOST_HOLIDAYS else TRADING_ENDS if after.max() <= _MOST_HOLIDAYS else ""
