"""The windows to forecast: the newest, the one at a given date, or those of a period."""

import re
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import numpy.typing as npt

from rdrop_cli.errors import DataError, UsageError, ValueRefusedError
from rdrop_cli.planning.lengths import parse_rows
from rdrop_cli.series.windows import Windows
from rdrop_cli.study.units import STAMP, format_count, format_stamp

PERIODS = ("validation", "test")
SAME_STEP = 0.5  # steps by which readings of a regular stretch may be early or late
Rows = npt.NDArray[np.int64]
Stamps = npt.NDArray[np.datetime64]


@dataclass(frozen=True)
class Moments:
    """The windows to forecast.

    Attributes:
        rows: the rows before which they end, shape (window,).
        incomplete: number of windows of the period that are left out because of a gap or a missing reading.
        unkept: the part of the period of which the run folder keeps no window; empty if there is none.
    """

    rows: Rows
    incomplete: int = 0
    unkept: str = ""

    def describe_incomplete(self) -> list[str]:
        """Say which windows are left out, if any."""
        lines = [f"{self.unkept}; name the data to forecast from all"] if self.unkept else []
        if self.incomplete:
            lines.append(f"left out: {format_count(self.incomplete, 'window')} with a gap or a missing reading")
        return lines


def find_newest(windows: Windows) -> Moments:
    """Return the window of the newest readings.

    Raises:
        DataError: it has a gap or a missing reading.
    """
    return _take_one(windows, len(windows.matrix) - 1)


def find_moment(windows: Windows, date: str) -> Moments:
    """Return the newest window that was available at a date.

    Raises:
        UsageError: it is not a date, or lies outside the readings.
        DataError: the window has a gap or a missing reading, or the run folder does not keep it.
    """
    stamp = _parse_date("at", date)
    stamps = windows.timestamps
    before = np.flatnonzero(stamps <= stamp)
    first = len(windows.offsets) * windows.step_rows - windows.step_rows
    if not len(before) or stamp > stamps.max() or before[-1] < first:
        start = stamps[min(first, len(stamps) - 1)]
        raise UsageError(
            f"{date}: there are windows from {format_stamp(start)} to {format_stamp(stamps.max())}", field="at"
        )
    hole = find_hole(windows)
    if hole and hole[0] < stamp < hole[1]:
        raise DataError(f"{date}: {_describe_hole(*hole)}; name the data with ‹dataset›")
    newest = before[stamps[before] == stamps[before].max()]  # two if kept validation ends after the test begins
    complete = newest[find_complete(windows, newest + windows.step_rows)]
    return _take_one(windows, int((complete if len(complete) else newest)[-1]))


def find_period(windows: Windows, period: str, every: str | None, until: np.datetime64 | None = None) -> Moments:
    """Return the windows of `validation`, `test` or `FROM..TO`, by their newest readings, in order of time.

    Args:
        every: the distance between windows, such as `1d`; None for all windows.
        until: the time before which their newest readings lie; None for the end of the period.

    Raises:
        UsageError: it is not a period, or contains no window.
    """
    rows = np.asarray(getattr(windows, period), np.int64) if period in PERIODS else _find_between(windows, period)
    rows = rows[np.argsort(windows.timestamps[rows - windows.step_rows], kind="stable")]
    if every is not None and len(rows):
        apart = 0 if every.strip().isdigit() else parse_rows("every", every, windows.sampling.seconds)
        if not apart:  # a number of rows would be another time in a run's folder, which keeps some rows only
            raise ValueRefusedError("every", every, "a length of at least one reading, such as 1d or 6h")
        passed = windows.steps_passed[rows - windows.step_rows]  # a gap takes time but no rows
        rows = rows[np.floor(passed[-1] - passed + 0.5) % apart == 0]
    if until is not None:
        rows = rows[find_origins(windows, rows) < until]
    complete = rows[find_complete(windows, rows)]
    unkept = _find_unkept(windows, period)
    if not len(complete):
        found = f"{unkept}; name the data with ‹dataset›" if unkept else describe_extent(windows)
        raise UsageError(f"{period}: holds no window; {found}", field="period")
    origins = find_origins(windows, complete)
    last = np.append(origins[1:] != origins[:-1], True)  # of two (see `find_moment`), the one whose target may be kept
    return Moments(complete[last], len(rows) - len(complete), unkept)


def find_hole(windows: Windows) -> tuple[np.datetime64, np.datetime64] | None:
    """Return the newest readings of the windows before and after those that a run's folder does not keep.

    They are those between the end of the validation and the kept part of the test. None if there are none, or if the
    windows are not those of a folder.
    """
    if len(windows.train) or not len(windows.validation) or not len(windows.test):
        return None
    first = int(windows.test[0] + windows.offsets[0])
    if first <= 0 or windows.steps_passed[first] - windows.steps_passed[first - 1] <= 2 * windows.step_rows:
        return None
    return windows.timestamps[first - 1], find_origins(windows, windows.test[:1])[0]


def _describe_hole(before: np.datetime64, after: np.datetime64) -> str:
    return f"the run folder keeps no windows between {format_stamp(before)} and {format_stamp(after)}"


def _find_unkept(windows: Windows, period: str) -> str:
    """Say of which part of `FROM..TO` the folder keeps no windows; empty for other periods, or if it keeps all."""
    hole = None if period in PERIODS else find_hole(windows)
    if hole is None:
        return ""
    start, stop = _parse_bounds(period)
    inside = (start is None or start < hole[1]) and (stop is None or stop > hole[0])
    return _describe_hole(*hole) if inside else ""


def describe_extent(windows: Windows) -> str:
    """Give the first and the last date of the readings."""
    stamps = windows.timestamps
    return f"there are readings from {format_stamp(stamps.min())} to {format_stamp(stamps.max())}"


def find_complete(windows: Windows, rows: Rows) -> npt.NDArray[np.bool_]:
    """Return whether each window that ends before `rows` has all its readings, one sampling interval apart."""
    passed = windows.steps_passed
    oldest, newest = rows + int(windows.offsets[0]), rows - windows.step_rows
    inside = oldest >= 0
    spans = passed[newest] - passed[np.maximum(oldest, 0)]
    missing = np.concatenate([[0], np.cumsum(~np.isfinite(windows.matrix).all(axis=1))])
    whole = missing[newest + 1] == missing[np.maximum(oldest, 0)]
    regular: npt.NDArray[np.bool_] = inside & whole & (np.abs(spans - (newest - oldest)) < SAME_STEP)
    return regular


def find_origins(windows: Windows, rows: Rows) -> Stamps:
    """Return the time of the newest reading of each window, shape (window,)."""
    return windows.timestamps[rows - windows.step_rows]


def find_times(windows: Windows, rows: Rows) -> Stamps:
    """Return the times of the targets, shape (window, step), by the sampling interval if there is no reading."""
    at, known = _find_targets(windows, rows)
    sampling, origins = windows.sampling, find_origins(windows, rows)
    ahead = [sampling.advance(origins, offset + windows.step_rows) for offset in list_offsets(windows)]
    return np.where(known, windows.timestamps[at], np.stack(ahead, axis=1))


def find_observed(windows: Windows, rows: Rows) -> npt.NDArray[np.float64]:
    """Return the targets in their unit, shape (window, step); NaN if unknown."""
    at, known = _find_targets(windows, rows)
    values = windows.target[at].astype(np.float64) * windows.target_std + windows.target_mean
    return np.where(known, values, np.nan)


def find_known(windows: Windows, rows: Rows) -> npt.NDArray[np.bool_]:
    """Return whether all targets of each window are known, shape (window,)."""
    return np.asarray(np.isfinite(find_observed(windows, rows)).all(axis=1))


def _find_targets(windows: Windows, rows: Rows) -> tuple[Rows, npt.NDArray[np.bool_]]:
    """Return the rows of the targets within the readings, and whether they exist: shape (window, step).

    A row beyond a gap, or beyond the cut between the periods that a folder keeps, is at another time.
    """
    passed, newest = windows.steps_passed, (rows - windows.step_rows)[:, None]
    ahead = np.array(list_offsets(windows)) + windows.step_rows
    at = np.minimum(newest + ahead, len(passed) - 1)
    return at, np.abs(passed[at] - passed[newest] - ahead) < SAME_STEP


def list_offsets(windows: Windows) -> list[int]:
    """Return the rows of the targets, relative to the row before which a window ends, the nearest first."""
    return [*windows.earlier_offsets, windows.target_offset]


def _take_one(windows: Windows, newest: int) -> Moments:
    rows = np.array([newest + windows.step_rows], np.int64)
    if rows[0] + int(windows.offsets[0]) < 0 or not find_complete(windows, rows)[0]:
        first, last = rows[0] + int(windows.offsets[0]), newest
        raise DataError(
            f"the window from {format_stamp(windows.timestamps[max(first, 0)])} to "
            f"{format_stamp(windows.timestamps[last])} has {_describe_fault(windows, max(int(first), 0), last)}; "
            "forecast another moment with ‹at›"
        )
    return Moments(rows)


def _describe_fault(windows: Windows, first: int, last: int) -> str:
    part = slice(first, last + 1)
    missing = ~np.isfinite(windows.matrix[part])
    if missing.any():
        row, column = (int(index[0]) for index in np.nonzero(missing))
        return f"no reading of {windows.columns[column]!r} at {format_stamp(windows.timestamps[part][row])}"
    gaps = windows.sampling.find_gaps(windows.timestamps[part])
    if gaps.any():
        return f"a gap after {format_stamp(windows.timestamps[part][int(gaps.argmax())])}"
    return (
        f"{format_count(last - first + 1, 'row')}, of which a window takes {len(windows.offsets) * windows.step_rows}"
    )


def _parse_bounds(period: str) -> tuple[np.datetime64 | None, np.datetime64 | None]:
    bounds = re.fullmatch(rf"({STAMP})?\.\.({STAMP})?", period)
    if not bounds:
        raise ValueRefusedError("period", period, "test, validation or FROM..TO, such as 2016-01-01..2016-02-01")
    start, stop = (_parse_date("period", bound) if bound else None for bound in bounds.groups())
    return start, stop


def _find_between(windows: Windows, period: str) -> Rows:
    start, stop = _parse_bounds(period)
    stamps, inside = windows.timestamps, np.ones(len(windows.timestamps), bool)
    if start is not None:
        inside &= stamps >= start
    if stop is not None:
        inside &= stamps < stop
    return np.flatnonzero(inside).astype(np.int64) + windows.step_rows


def _parse_date(field: str, text: str) -> np.datetime64:
    if not re.fullmatch(STAMP, text):
        raise ValueRefusedError(field, text, "a date such as 2016-06-30 or 2016-06-30 12:00")
    try:
        return np.datetime64(datetime.fromisoformat(text), "us")
    except ValueError as error:
        raise ValueRefusedError(field, text, "a date of the calendar") from error
