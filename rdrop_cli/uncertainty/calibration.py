"""Calibration of intervals: their coverage, width and proper scores, over a period and parts of it."""

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from rdrop_cli.analysis.period import BLOCK_DAYS, LEAST_BLOCKS
from rdrop_cli.analysis.skill import compare_forecasts
from rdrop_cli.uncertainty.scores import covers, locate, score_crps, score_interval
from rdrop_cli.uncertainty.spread import INTERVALS, LEVELS, Values, find_interval

BINS = 20  # of the histogram of the probability integral transform
Stamps = npt.NDArray[np.datetime64]


@dataclass(frozen=True)
class Coverage:
    """How often central intervals hold their targets.

    Attributes:
        level: the share that they are to hold.
        share: that they hold.
        half: half the width of the 95 % interval of `share`, which allows for errors that stay alike for days; None
            where the period is shorter than eight weeks.
        width: mean, in the target's unit.
        score: mean interval score, likewise.
    """

    level: float
    share: float
    half: float | None
    width: float
    score: float

    @property
    def verdict(self) -> str:
        """`too narrow`, `too wide`, or `true` where the level is not excluded; `unknown` for a short period."""
        if self.half is None:
            return "unknown"
        if abs(self.share - self.level) <= self.half:
            return "true"
        return "too narrow" if self.share < self.level else "too wide"

    def describe(self) -> str:
        """Render the share with its interval: `79.1 ± 2.3 %`."""
        half = f" ± {self.half * 100:.1f}" if self.half is not None else ""
        return f"{self.share * 100:.1f}{half} %"


@dataclass(frozen=True)
class Part:
    """A month or an hour of the day, with figures that `Calibration` has of the whole period."""

    name: str
    targets: int
    mae: float
    crps: float
    coverage: tuple[float, ...]


@dataclass(frozen=True)
class Calibration:
    """The calibration of one network's forecasts from some sources; scores are in the target's unit.

    Attributes:
        label: the network's, or that of a reference forecast.
        sources: of its intervals.
        targets: that were forecast.
        days: on which they lie.
        bias: mean of the forecast less the target.
        crps: mean continuous ranked probability score.
        crps_difference, crps_half: from that of climatology, and half its 95 % interval; None for climatology itself.
        pit: shares of the targets in twentieths of their forecast distribution, all 0.05 where it is true.
        reliability: (level, share of the targets below that quantile).
        months, hours: of the targets' times.
    """

    label: str
    sources: str
    targets: int
    days: int
    mae: float
    bias: float
    crps: float
    crps_difference: float | None
    crps_half: float | None
    coverage: tuple[Coverage, ...]
    pit: tuple[float, ...]
    reliability: tuple[tuple[float, float], ...]
    months: tuple[Part, ...]
    hours: tuple[Part, ...]

    def to_json(self) -> dict[str, Any]:
        value = asdict(self)
        for each, coverage in zip(value["coverage"], self.coverage, strict=True):
            each["verdict"] = coverage.verdict
        return value


@dataclass(frozen=True, eq=False)
class Judged:
    """Forecasts whose targets are known: quantiles at `LEVELS`, of shape (level, target); all else is (target,)."""

    centre: Values
    quantiles: Values
    observed: Values
    times: Stamps


def measure_calibration(label: str, sources: str, judged: Judged, climatology: Judged | None) -> Calibration:
    """Measure the calibration of forecasts.

    Args:
        judged: at least one target, all finite.
        climatology: the reference on the same targets; None where these are its own forecasts.
    """
    errors = judged.centre - judged.observed
    crps = score_crps(judged.quantiles, judged.observed)
    located = locate(judged.quantiles, judged.observed)
    difference, half = None, None
    if climatology is not None:
        reference = score_crps(climatology.quantiles, climatology.observed)
        difference, half = float((crps - reference).mean()), _bound_mean(crps - reference, judged.times)
    held = np.stack([covers(judged.quantiles, judged.observed, level) for level in INTERVALS])
    days = judged.times.astype("datetime64[D]")
    return Calibration(
        label=label,
        sources=sources,
        targets=len(errors),
        days=len(np.unique(days)),
        mae=float(np.abs(errors).mean()),
        bias=float(errors.mean()),
        crps=float(crps.mean()),
        crps_difference=difference,
        crps_half=half,
        coverage=tuple(_measure_coverage(judged, level) for level in INTERVALS),
        pit=tuple(float(share) for share in np.histogram(located, BINS, (0, 1))[0] / len(located)),
        reliability=tuple(
            (float(level), float((judged.observed <= quantile).mean()))
            for level, quantile in zip(LEVELS, judged.quantiles, strict=True)
        ),
        months=_split(judged.times, lambda times: times.astype("datetime64[M]"), np.abs(errors), crps, held),
        hours=_split(judged.times, _find_hours, np.abs(errors), crps, held),
    )


def _measure_coverage(judged: Judged, level: float) -> Coverage:
    low, high = (judged.quantiles[index] for index in find_interval(level))
    held = covers(judged.quantiles, judged.observed, level)
    return Coverage(
        level=level,
        share=float(held.mean()),
        half=_bound_mean(held, judged.times),
        width=float((high - low).mean()),
        score=float(score_interval(low, high, judged.observed, level).mean()),
    )


def _bound_mean(values: Values, times: Stamps) -> float | None:
    """Return half the width of the 95 % interval of a mean of values (target,), by the days of their times.

    As for the comparison of forecasts: Newey and West's variance of the daily means, within which errors stay alike for
    two weeks (see `rdrop_cli.analysis.skill.compare_forecasts`).
    """
    _, position, counts = np.unique(times.astype("datetime64[D]"), return_inverse=True, return_counts=True)
    if len(counts) < LEAST_BLOCKS * BLOCK_DAYS:
        return None
    daily = np.bincount(position, weights=values) / counts
    _, half, _ = compare_forecasts(daily, np.zeros_like(daily), counts.astype(np.float64))
    return half if math.isfinite(half) else None


def _find_hours(times: Stamps) -> npt.NDArray[np.int64]:
    hours: npt.NDArray[np.int64] = (times.astype("datetime64[h]") - times.astype("datetime64[D]")).astype(np.int64)
    return hours


def _split(
    times: Stamps, find_keys: Callable[[Stamps], npt.NDArray[np.generic]], errors: Values, crps: Values, held: Values
) -> tuple[Part, ...]:
    """Return the parts of a period by the keys of its times, in their order."""
    keys, position, counts = np.unique(find_keys(times), return_inverse=True, return_counts=True)
    means = [np.bincount(position, weights=values) / counts for values in (errors, crps, *held)]
    return tuple(
        Part(str(key), int(count), float(mae), float(score), tuple(map(float, shares)))
        for key, count, mae, score, *shares in zip(keys, counts, *means, strict=True)
    )
