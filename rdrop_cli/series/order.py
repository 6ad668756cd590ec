"""Time order: rows out of order are sorted if the user asks for it or the order is evident, and refused otherwise."""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from rdrop_cli.errors import DataError, ValueRefusedError
from rdrop_cli.series.csv.read import Groups, Table
from rdrop_cli.series.csv.timestamps import localise
from rdrop_cli.series.quality import drop_sentinels
from rdrop_cli.series.sampling import TOLERANCE, find_sampling, measure_seconds
from rdrop_cli.series.table import name_row
from rdrop_cli.study.reading import Reading
from rdrop_cli.study.units import UNIT_SECONDS, format_count, format_seconds, format_stamp

if TYPE_CHECKING:
    import pandas as pd

FindGroups = Callable[[], Groups | None]
MOST_SWAPS = 0.01  # of the rows
MOST_REPEATS = 0.2
MOST_DRIFT = 0.01  # of a step, by which a logger's clock may be slow
SHOWN_GROUPS = 4


def put_in_order(label: str, table: Table, reading: Reading, find_groups: FindGroups) -> Table:
    """Return the table with its rows in time order, and notes on what was changed.

    Args:
        find_groups: finds the columns that identify the series of a table in long form.

    Raises:
        DataError: the rows are not in time order; names the line, and the option that would help.
    """
    table = _turn_round(table, is_local=bool(reading.timezone) and not table.zoned)
    if reading.timezone and not table.zoned:
        local = localise(label, table.timestamps, reading.timezone, table.lines)
        table = _note(replace(table, timestamps=local), f"timestamps: {reading.timezone}, turned into UTC")
    elif reading.timezone:
        table = _note(table, "timestamps: tell their time in UTC themselves; ‹timezone› is not used")
    table = _order(label, table, reading, find_groups)
    if reading.resample:
        return _resample(table, reading.resample)
    return _round(table)


def _note(table: Table, note: str) -> Table:
    return replace(table, notes=(*table.notes, note))


def _take(table: Table, rows: npt.NDArray[np.int64]) -> Table:
    lines = table.lines[rows] if len(table.lines) else table.lines  # a frame has none
    return replace(table, timestamps=table.timestamps[rows], values=table.values[rows], lines=lines)


def _turn_round(table: Table, is_local: bool) -> Table:
    """Reverse a table that is newest first; in local time an hour may occur twice."""
    if len(table.timestamps) < 2 or table.timestamps[0] <= table.timestamps[-1]:
        return table
    turned = _take(table, np.arange(len(table.timestamps))[::-1])
    steps = measure_seconds(turned.timestamps)
    if (steps >= 0).all() or (is_local and _may_be_summer_time(turned, steps)):
        return _note(turned, "order: newest first in the file, turned round")
    return table


def _order(label: str, table: Table, reading: Reading, find_groups: FindGroups) -> Table:
    steps = measure_seconds(table.timestamps)
    back = steps < 0
    if back.any():
        _refuse_exchanged(label, table)
    if reading.sort:
        if back.any():
            table = _note(_sort(table), f"order: {format_count(back.sum(), 'row')} went back in time, sorted (‹sort›)")
        return table
    if back.any() and _is_evident(table, back):
        return _note(_sort(table), f"order: {format_count(back.sum(), 'row')} went back in time by a swap, sorted")
    repeated = (steps == 0).sum() > MOST_REPEATS * len(steps)
    if back.any() or (repeated and (not reading.resample or find_groups())):  # different series must not be averaged
        _refuse(label, table, steps, find_groups)
    return table


def _sort(table: Table) -> Table:
    return _take(table, np.argsort(table.timestamps, kind="stable"))


def _is_evident(table: Table, back: npt.NDArray[np.bool_]) -> bool:
    """Return whether only a few rows are swapped: once sorted, they are regular and no time occurs twice."""
    ordered = np.sort(table.timestamps)
    sampling = find_sampling(ordered)
    return bool(
        back.sum() <= max(2, MOST_SWAPS * len(back))
        and measure_seconds(ordered).all()
        and sampling.find_regular(ordered).mean() > 1 - MOST_SWAPS
    )


def _refuse(label: str, table: Table, steps: npt.NDArray[np.float64], find_groups: FindGroups) -> None:
    back = bool((steps < 0).any())
    row = int((steps < 0 if back else steps == 0).argmax()) + 1
    place = f"{label}: {name_row(table.lines, row)}"
    before, now = (format_stamp(time.astype("datetime64[s]")) for time in table.timestamps[row - 1 : row + 1])
    said = f"{place}: {now} comes after {before}" if back else f"{place}: the same timestamp as the row before"
    if back and not table.zoned and _may_be_summer_time(table, steps):
        raise DataError(
            f"{said}: clocks put back? name the local time with ‹timezone›, such as Europe/Berlin, or sort with ‹sort›"
        )
    groups = find_groups()
    if groups:
        names, values = groups
        columns = f"column {names[0]!r} tells" if len(names) == 1 else f"columns {names[0]!r} and {names[1]!r} tell"
        shown = ", ".join(" ".join(value)[:30] for value in values[:SHOWN_GROUPS])
        more = ", …" if len(values) > SHOWN_GROUPS else ""
        where = " ".join(f"‹where› '{name}={value[:30]}'" for name, value in zip(names, values[0], strict=True))
        raise DataError(
            f"{said}: a table in long form, with {len(values)} series that {columns} apart ({shown}{more}); "
            f"choose one with {where}"
        )
    if not back:
        raise DataError(f"{said}, as many are; keep one row a timestamp, a column a sensor, or average with ‹resample›")
    if _may_lack_am_and_pm(table.timestamps):
        raise DataError(f"{said}: no hour is above 12 and times repeat, as without AM and PM; add them to the times")
    raise DataError(f"{said}: rows are not in the order of time; sort them with ‹sort›")


def _refuse_exchanged(label: str, table: Table) -> None:
    """Refuse rows that are regular once day and month are exchanged in dates up to the 12th: sorting keeps them wrong.

    Spreadsheets damage dates so: they read 3/1 as March 1, and leave 13/1 as it is.
    """
    days = table.timestamps.astype("datetime64[D]")
    months = days.astype("datetime64[M]")
    day, month = (days - months).astype(np.int64), months.astype(np.int64) % 12  # from 0
    exchanged = (months.astype("datetime64[Y]").astype("datetime64[M]") + day).astype("datetime64[D]") + month
    mended = np.where(day < 12, exchanged, days) + (table.timestamps - days)
    if (measure_seconds(mended) > 0).all() and find_sampling(mended).find_regular(mended).mean() > 1 - MOST_SWAPS:
        row = int((mended != table.timestamps).argmax())
        wrong, right = (format_stamp(times[row].astype("datetime64[s]")) for times in (table.timestamps, mended))
        raise DataError(
            f"{label}: {name_row(table.lines, row)}: {wrong} stands where {right} belongs: day and month are exchanged "
            "in dates up to the 12th of a month, as spreadsheets do; export the table again with dates as 2014-01-30"
        )


def _may_lack_am_and_pm(timestamps: npt.NDArray[np.datetime64]) -> bool:
    """Return whether the hours are those of a clock of twelve hours, and times occur twice."""
    hours = set(((timestamps - timestamps.astype("datetime64[D]")) // np.timedelta64(1, "h")).tolist())
    repeated = (measure_seconds(np.sort(timestamps)) == 0).mean() > MOST_REPEATS
    return bool(repeated and hours == set(range(1, 13)))


def _may_be_summer_time(table: Table, steps: npt.NDArray[np.float64]) -> bool:
    """Return whether times go back by at most an hour, and at most once per year."""
    years = (table.timestamps.max() - table.timestamps.min()) / np.timedelta64(365, "D")
    back = -steps[steps < 0]
    return bool((back <= UNIT_SECONDS["h"]).all() and len(back) <= years + 1)


def _resample(table: Table, length: str) -> Table:
    """Average the readings of equal steps; a step without readings has no mean.

    An incomplete first or last step is omitted.
    """
    import pandas as pd

    match = re.fullmatch(r"([1-9]\d{0,8})(d|h|min|s)", length.strip())
    if not match:
        raise ValueRefusedError("resample", length, "a length such as 1h or 10min")
    seconds = int(match[1]) * UNIT_SECONDS[match[2]]
    extent = (table.timestamps[-1] - table.timestamps[0]) / np.timedelta64(1, "s")
    if seconds > extent:
        raise ValueRefusedError(
            "resample", length, f"at most the length of the series, {format_seconds(round(extent))}"
        )
    is_later = np.append(True, measure_seconds(table.timestamps) > 0)  # than the row before
    usual = find_sampling(table.timestamps[is_later]).seconds
    if seconds < (1 - MOST_DRIFT) * usual:  # steps without readings would be filled by interpolation
        raise ValueRefusedError(
            "resample", length, f"at least the time from one reading to the next, {format_seconds(usual)}"
        )
    values, told = drop_sentinels(table.columns, table.values)
    frame = pd.DataFrame(values, index=pd.DatetimeIndex(table.timestamps))
    means = frame.resample(pd.Timedelta(seconds=seconds)).mean()
    means, partial = _leave_out_partial(means, pd.DatetimeIndex(frame.index), pd.Timedelta(seconds=seconds), usual)
    table = replace(
        table,
        timestamps=means.index.to_numpy().astype("datetime64[us]"),
        values=means.to_numpy(np.float64),
        lines=np.empty(0, np.int64),
    )
    note = f"resampled: means of {format_seconds(seconds)} (‹resample›)"
    return replace(table, notes=(*table.notes, "; ".join([note, *partial]), *told))


def _leave_out_partial(
    means: "pd.DataFrame", times: "pd.DatetimeIndex", length: "pd.Timedelta", usual: float
) -> tuple["pd.DataFrame", list[str]]:
    """Return the means without an incomplete first or last one, and a line on each that is omitted.

    Args:
        usual: the seconds from one reading to the next.
    """
    late = (times[0] - means.index[0]).total_seconds() >= (1 - TOLERANCE) * usual
    early = (means.index[-1] + length - times[-1]).total_seconds() > (1 + TOLERANCE) * usual
    if len(means) <= late + early:
        return means, []
    told = {
        "the first is left out: its readings begin too late": late,
        "the last is left out: its readings end too early": early,
    }
    return means.iloc[int(late) : len(means) - int(early)], [line for line, found in told.items() if found]


def _round(table: Table) -> Table:
    """Round timestamps to the second if readings are whole seconds apart: loggers are off by milliseconds."""
    seconds = table.timestamps.astype("datetime64[s]")
    if (seconds == table.timestamps).all() or len(seconds) < 2:
        return table
    usual = float(np.median(measure_seconds(table.timestamps)))
    if usual < 1 or abs(usual - round(usual)) > 0.02 * usual:
        return table
    rounded = (table.timestamps + np.timedelta64(500, "ms")).astype("datetime64[s]")
    return _note(replace(table, timestamps=rounded), "timestamps: rounded to the second")
