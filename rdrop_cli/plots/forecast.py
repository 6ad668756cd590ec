"""Pictures of forecasts and observations: a week and a season with intervals, and the worst days."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from rdrop_cli.plots.labels import break_name, break_title
from rdrop_cli.plots.style import colour_of, draw_figure
from rdrop_cli.uncertainty.calibration import Judged
from rdrop_cli.uncertainty.spread import INTERVALS, find_interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FORECAST_INCHES, NARROW_INCHES = (10.0, 9.6), (5.2, 11.0)
OPACITY = {0.5: 0.36, 0.8: 0.22, 0.95: 0.13}
TRUTH: dict[str, Any] = {"color": "black", "linewidth": 1.3}
WORST_DAYS = 3
DAY = np.timedelta64(1, "D")
WEEK, SEASON = 7 * DAY, 90 * DAY


@dataclass(frozen=True)
class Named:
    """The labels of a picture of forecasts.

    Attributes:
        label: the network's label.
        variant: the variant, which determines the colour.
        runs: the number of runs of which the forecast is the mean.
        sources: the sources of the intervals.
        quantity, unit: of the target.
        ahead: the time from the newest reading to the target, such as `24 h`, or `1 h to 24 h`.
        data: the data, such as `jena data`.
        utc: whether times are in UTC.
    """

    label: str
    variant: str
    runs: int
    sources: str
    quantity: str
    unit: str
    ahead: str
    data: str
    utc: bool

    @property
    def axis(self) -> str:
        """The target with its unit."""
        return f"{self.quantity} ({self.unit})" if self.unit else self.quantity

    @property
    def title(self) -> str:
        """What is forecast, by what network, from which data."""
        runs = f", mean of {self.runs} runs" if self.runs > 1 else ""
        return f"{self.label}{runs}: {self.quantity} {self.ahead} ahead, {self.data}"

    @property
    def zone(self) -> str:
        """What follows a time: the zone, if it is known."""
        return " (UTC)" if self.utc else ""


def draw_forecast(judged: Judged, named: Named, path: Path, inches: tuple[float, float] = FORECAST_INCHES) -> None:
    """Draw the last week and the last season of forecasts with their intervals, and the worst days.

    Args:
        judged: at least one forecast, all of one horizon, in time order; targets that are not known are NaN.
        named: labels of the forecasts.
        path: the picture; its ending chooses the format.
        inches: width and height.
    """
    worst, wide = find_worst_days(judged), inches[0] >= FORECAST_INCHES[0]
    names = "ABC"[: len(worst)]
    layout = ";".join(["W" * len(worst), "S" * len(worst), names] if wide else ["W", "S", *names])
    with draw_figure(path, figsize=inches, squeeze=False) as (figure, panels):
        panels[0, 0].remove()
        axes = figure.subplot_mosaic(layout)
        last = judged.times[-1]
        _draw_fan(axes["W"], _cut(judged, judged.times > last - WEEK), named)
        axes["W"].set_title("the last week", loc="left", fontsize=11)
        daily = (judged.times > last - SEASON) & ((last - judged.times) % DAY == np.timedelta64(0, "s"))
        _draw_fan(axes["S"], _cut(judged, daily), named)
        axes["S"].set_title(f"the last 90 days, each at {str(last)[11:16]}{named.zone}", loc="left", fontsize=11)
        for name, (day, error), rank in zip(names, worst, ("worst day", "second worst", "third worst"), strict=False):
            near = (judged.times >= day - DAY) & (judged.times < day + 2 * DAY)
            _draw_fan(axes[name], _cut(judged, near), named)
            axes[name].axvspan(day, day + DAY, color="#EEEEEE", zorder=0)  # type: ignore[arg-type]
            axes[name].set_title(f"{rank}: wrong by {error:.1f} {named.unit}".rstrip(), loc="left", fontsize=10)
        for name, panel in axes.items():
            panel.set_ylabel("" if wide and name in names[1:] else named.axis)
        figure.suptitle(break_title(named.title, inches[0]), x=0.01, ha="left", fontsize=13)
        figure.legend(
            handles=_explain(named, characters=50 if wide else 30), loc="outside lower center", ncols=5 if wide else 2
        )


def find_worst_days(judged: Judged) -> list[tuple[np.datetime64, float]]:
    """Return the days with the largest mean absolute errors, without days of less than half the median target count.

    Only targets that are known count.
    """
    judged = _cut(judged, np.isfinite(judged.observed))
    days, position, counts = np.unique(judged.times.astype("datetime64[D]"), return_inverse=True, return_counts=True)
    errors = np.bincount(position, weights=np.abs(judged.centre - judged.observed)) / counts
    whole = counts >= np.median(counts) / 2
    order = [int(index) for index in np.argsort(-errors, kind="stable") if whole[index]]
    return [(days[index], float(errors[index])) for index in order[:WORST_DAYS]]


def _cut(judged: Judged, kept: npt.NDArray[np.bool_]) -> Judged:
    return Judged(judged.centre[kept], judged.quantiles[:, kept], judged.observed[kept], judged.times[kept])


def _draw_fan(axes: "Axes", judged: Judged, named: Named) -> None:
    """Draw the forecast with its intervals, and the observed values."""
    times, at = _break_at_gaps(judged.times)
    colour = colour_of(named.variant)
    for level in reversed(INTERVALS):
        low, high = (_pick(judged.quantiles[index], at) for index in find_interval(level))
        axes.fill_between(times, low, high, color=colour, alpha=OPACITY[level], linewidth=0)
    axes.plot(times, _pick(judged.centre, at), color=colour, linewidth=1.5)
    axes.plot(times, _pick(judged.observed, at), **TRUTH)
    axes.margins(x=0.01)
    if named.utc:
        axes.set_xlabel(f"time{named.zone}")
    _format_dates(axes)


def _break_at_gaps(times: npt.NDArray[np.datetime64]) -> tuple[npt.NDArray[np.datetime64], npt.NDArray[np.int64]]:
    """Return times and the index of the value at each; in the middle of each gap, index -1 breaks the line."""
    index = np.arange(len(times))
    if len(times) < 2:
        return times, index
    steps = np.diff(times)
    gaps = np.flatnonzero(steps > 2 * np.median(steps)) + 1
    return np.insert(times, gaps, times[gaps - 1] + steps[gaps - 1] // 2), np.insert(index, gaps, -1)


def _pick(values: npt.NDArray[np.float64], at: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    return np.where(at < 0, np.nan, values[np.maximum(at, 0)])


def _format_dates(axes: "Axes") -> None:
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    locator = AutoDateLocator(minticks=3, maxticks=8)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]


def _explain(named: Named, characters: int) -> Sequence[Any]:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    colour, forecast = colour_of(named.variant), f"forecast; intervals: {named.sources}"
    bands = [
        Patch(color=colour, alpha=sum(OPACITY[wider] for wider in INTERVALS if wider >= level) * 0.9, lw=0,
              label=f"{level * 100:.0f} %")
        for level in INTERVALS
    ]  # fmt: skip
    return [
        Line2D([], [], label="observed", **TRUTH),
        Line2D([], [], color=colour, linewidth=1.5, label=break_name(forecast, characters)),
        *bands,
    ]
