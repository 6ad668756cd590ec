"""Picture of a series: the target over time with its periods, and one window to scale."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from rdrop_cli.plots.style import NAIVE_COLOUR, PALETTE, draw_figure
from rdrop_cli.series.describe import list_periods
from rdrop_cli.series.quality import Gap, find_gaps, find_measured
from rdrop_cli.series.sampling import CLOCK, WEEKDAYS
from rdrop_cli.series.table import Series
from rdrop_cli.series.windows import Windows
from rdrop_cli.study.protocol import Protocol
from rdrop_cli.study.units import UNIT_SECONDS, format_count, format_error, format_seconds, name_target

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDTH_INCHES = 10.0
PANEL_INCHES = 3.4
MOST_BINS = 3000  # a few per pixel of the axis on a screen
DAY, HOUR = UNIT_SECONDS["d"], UNIT_SECONDS["h"]
BIN_SECONDS = (HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, DAY, 2 * DAY, 7 * DAY, 14 * DAY, 30 * DAY)
PERIOD_COLOURS = {"training": PALETTE[1], "validation": PALETTE[4], "test": PALETTE[2]}
LABEL_COLOURS = {"training": PALETTE[1], "validation": "#8A5F00", "test": "#00724F"}  # darker: text on white
PERIOD_OPACITY, BAND_OPACITY = 0.13, 0.35
NARROW_SHARE = 0.16  # of the axis: less has no room for a label
TARGET_COLOUR = PALETTE[0]
READING_COLOUR = "#333333"
SHOWN_GAPS = 200
LARGEST_READING = 1e100  # no measurement is larger, and Matplotlib finds no ticks for it; also excludes NaN
LABEL_LINE_POINTS = 16.0  # height of a label above another
LABEL_STYLE: dict[str, Any] = {"fontsize": 10, "fontweight": "bold"}


def draw_series(
    series: Series, target: str, path: Path, protocol: Protocol | None = None, windows: Windows | None = None
) -> None:
    """Draw a column over time; also its periods and one window, if the series has been cut into windows.

    Args:
        series: the series; sentinels and missing readings are left out.
        target: the column.
        path: the picture; its ending chooses the format.
        protocol: the protocol of the windows; None without windows.
        windows: the windows of the series; None if it has none.
    """
    panels = 2 if protocol and windows else 1
    with draw_figure(path, nrows=panels, figsize=(WIDTH_INCHES, panels * PANEL_INCHES), squeeze=False) as (_, axes):
        overview = axes[0, 0]
        _draw_readings(overview, series, target)
        _mark_gaps(overview, find_gaps(series))
        if protocol and windows:
            _shade_periods(overview, protocol, windows)
            _draw_window(axes[1, 0], protocol, windows, series.sampling_seconds)
            _label(axes[1, 0], target, series.source.utc)
        _label(overview, target, series.source.utc)


def _to_days(stamp: np.datetime64) -> float:
    """Return a time as a Matplotlib date number, the only form for labels that are placed through a transform."""
    from matplotlib.dates import date2num

    return float(date2num(stamp))  # type: ignore[no-untyped-call]


def _label(axes: "Axes", target: str, utc: bool) -> None:
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    quantity, unit = name_target(target)
    axes.set_ylabel(f"{quantity} ({unit})" if unit else quantity)
    locator = AutoDateLocator()  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
    axes.set_xlabel("time (UTC)" if utc else "time")


def _draw_readings(axes: "Axes", series: Series, target: str) -> None:
    """Draw the mean of each bin of time, and a band from its lowest reading to its highest."""
    seconds = choose_bin_seconds(series)
    stamps, low, mean, high = bin_readings(series, target, seconds)
    axes.fill_between(stamps, low, high, color=READING_COLOUR, alpha=BAND_OPACITY, linewidth=0)
    axes.plot(stamps, mean, color=READING_COLOUR, linewidth=0.6)
    axes.margins(x=0)
    if seconds == series.sampling_seconds:
        drawn = f"a reading every {series.sampling}"
    else:
        drawn = f"line: mean of {format_seconds(seconds)}; band: lowest to highest reading"
    axes.set_title(f"{series.source.name}  ({drawn})", loc="left", fontsize=12, pad=34)


def choose_bin_seconds(series: Series) -> float:
    """Return the length of a bin, one point of the picture: one reading, or a familiar length of time."""
    span = float((series.timestamps.max() - series.timestamps.min()) / np.timedelta64(1, "s"))
    reading = series.sampling_seconds if series.sampling_seconds > 0 else 1
    if span / reading <= MOST_BINS + 1:
        return reading
    filled = max(reading, 7 * DAY) if series.sampling.calendar == WEEKDAYS else reading  # each bin has a reading
    least = max(filled, span / MOST_BINS)
    return next((seconds for seconds in BIN_SECONDS if seconds >= least), span / MOST_BINS)


def bin_readings(
    series: Series, target: str, seconds: float
) -> tuple[npt.NDArray[np.datetime64], npt.NDArray[np.float64], npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return the timestamps and the lowest, mean and highest readings of bins, each (bin,); NaN for empty bins."""
    column = series.values[:, series.columns.index(target)]
    real = (np.abs(column) < LARGEST_READING) & find_measured(series)[:, series.columns.index(target)]
    bins, stamps = _lay_out_bins(series, seconds)
    count = len(stamps)
    bins, readings = bins[real], column[real]
    low, high = np.full(count, np.inf), np.full(count, -np.inf)
    np.minimum.at(low, bins, readings)
    np.maximum.at(high, bins, readings)
    found = np.bincount(bins, minlength=count).astype(np.float64)
    found[found == 0] = np.nan
    mean = np.bincount(bins, readings, minlength=count) / found
    empty = np.isnan(found)
    low[empty] = high[empty] = np.nan
    return stamps, low, mean, high


def _lay_out_bins(series: Series, seconds: float) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.datetime64]]:
    """Return the bin of each reading (row,), and the timestamps of all bins (bin,).

    If months or trading days are drawn one by one, each reading has its own bin, since they differ in length.
    """
    start = series.timestamps.min()
    one_by_one = seconds == series.sampling_seconds and series.sampling.calendar != CLOCK
    if one_by_one:
        steps = np.round(series.sampling.count_steps(series.timestamps)).clip(0)
        bins = np.concatenate([[0], np.cumsum(steps)]).astype(np.int64)
    else:
        bins = np.floor((series.timestamps - start) / np.timedelta64(1, "s") / seconds + 1e-9).astype(np.int64)
    stamps = start + np.round(seconds * 1e6 * np.arange(int(bins.max()) + 1)).astype("timedelta64[us]")
    if one_by_one:
        stamps[bins] = series.timestamps
    return bins, stamps


def _mark_gaps(axes: "Axes", gaps: list[Gap]) -> None:
    """Mark the longest gaps at the bottom of the axes, and write how many gaps there are."""
    if not gaps:
        return
    shown = gaps[:SHOWN_GAPS]
    foot = axes.get_xaxis_transform()
    axes.plot(
        [gap.before for gap in shown], [0.0] * len(shown), "^", color=TARGET_COLOUR, transform=foot, clip_on=False
    )
    for gap in shown:
        axes.axvspan(_to_days(gap.before), _to_days(gap.after), ymax=0.04, color=TARGET_COLOUR, linewidth=0)
    axes.annotate(
        f"▲ {format_count(len(gaps), 'gap')}, the longest {format_seconds(gaps[0].seconds)}",
        (0.0, 0.0),
        xytext=(0, -36),
        xycoords="axes fraction",
        textcoords="offset points",
        color=TARGET_COLOUR,
        **LABEL_STYLE,
    )


def _shade_periods(axes: "Axes", protocol: Protocol, windows: Windows) -> None:
    """Shade the training, validation and test periods, with labels above."""
    periods = list_periods(protocol, windows)
    rows = len(windows.timestamps)
    narrow = any(len(period.rows) / rows < NARROW_SHARE for period in periods)
    sides = {"training": (0.0, "left"), "validation": (0.5, "center"), "test": (1.0, "right")}
    for period in periods:
        place, side = sides[period.name]
        first, last = _to_days(period.first), _to_days(period.last)
        axes.axvspan(first, last, color=PERIOD_COLOURS[period.name], alpha=PERIOD_OPACITY, linewidth=0)
        label = f"{period.name}: {period.windows:,} windows".replace(",", "\u2009")
        raised = narrow and period.name == "validation"  # otherwise it would overlap its neighbours
        _write_above(
            axes, label, first + place * (last - first), side, LABEL_COLOURS[period.name], points=18 if raised else 5
        )


def _write_above(axes: "Axes", text: str, days: float, side: str, colour: str, points: float = 5) -> None:
    """Write a label `points` above the axes that starts, is centred or ends at a time."""
    axes.annotate(
        text,
        (days, 1.0),
        xytext=(0, points),
        xycoords=axes.get_xaxis_transform(),
        textcoords="offset points",
        ha=side,
        color=colour,
        **LABEL_STYLE,
    )


def _draw_window(axes: "Axes", protocol: Protocol, windows: Windows, sampling_seconds: float) -> None:
    """Draw one validation window to scale: its timesteps, its targets, and the naive forecast."""
    row = int(windows.validation[len(windows.validation) // 2])
    targets = windows.find_targets(range(row, row + 1)).ravel()
    later, several = int(targets[-1]), len(targets) > 1
    readings = windows.target.astype(np.float64) * windows.target_std + windows.target_mean
    drawn, steps = slice(row - protocol.lookback_rows, later + 1), row + windows.offsets
    now = int(steps[-1])
    axes.plot(windows.timestamps[drawn], readings[drawn], color=READING_COLOUR, linewidth=0.8, alpha=0.5)
    axes.plot(windows.timestamps[steps], readings[steps], ".", color=PALETTE[1], markersize=4)
    axes.plot(windows.timestamps[[now, later]], readings[[now, now]], "--", color=NAIVE_COLOUR, linewidth=1.4)
    size = 9 if several else 15
    axes.plot(windows.timestamps[targets], readings[targets], "*", color=TARGET_COLOUR, markersize=size, clip_on=False)
    start, end = _to_days(windows.timestamps[steps[0]]), _to_days(windows.timestamps[now])
    axes.axvspan(start, end, color=PALETTE[1], alpha=PERIOD_OPACITY, linewidth=0)
    lookback, step = (format_seconds(rows * sampling_seconds) for rows in (protocol.lookback_rows, protocol.step_rows))
    horizon = protocol.describe_horizon(sampling_seconds)
    _, unit = name_target(protocol.target)
    error = format_error(float(np.abs(readings[targets] - readings[now]).mean()), unit)
    axes.set_title("One window of the validation period, to scale", loc="left", fontsize=12, pad=20 + LABEL_LINE_POINTS)
    seen = f"what the network sees: {protocol.timesteps} timesteps, one every {step}, {lookback} in all"
    _write_above(axes, seen, start, "left", PALETTE[1])
    target = f"★ target{'s' if several else ''}, {horizon}"
    _write_above(axes, target, _to_days(windows.timestamps[later]), "right", TARGET_COLOUR, 5 + LABEL_LINE_POINTS)
    axes.annotate(
        f"naive forecast:\nas now, off by {error}" + several * "\non average",
        (windows.timestamps[later], readings[now]),
        xytext=(10, 0),
        textcoords="offset points",
        va="center",
        color=NAIVE_COLOUR,
        annotation_clip=False,
        fontsize=10,
    )
