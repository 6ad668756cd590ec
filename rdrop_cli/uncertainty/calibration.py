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
    """The coverage of central intervals.

    Attributes:
        level: the nominal coverage.
        share: the measured coverage.
        half: half the width of the 95 % interval of `share`, which allows for errors that stay similar for days; None
            if the period is shorter than eight weeks.
        width: mean width, in the target's unit.
        score: mean interval score, in the target's unit.
    """

    level: float
    share: float
    half: float | None
    width: float
    score: float

    @property
    def verdict(self) -> str:
        """`too narrow`, `too wide`, or `true` if the level is not excluded; `unknown` for a short period."""
        if self.half is None:
            return "unknown"
        if abs(self.share - self.level) <= self.half:
            return "true"
        return "too narrow" if self.share < self.level else "too wide"

    def describe(self) -> str:
        """Render the coverage with its interval: `79.1 ± 2.3 %`."""
        half = f" ± {self.half * 100:.1f}" if self.half is not None else ""
        return f"{self.share * 100:.1f}{half} %"


@dataclass(frozen=True)
class Part:
    """A month or an hour of the day, with some of the figures that `Calibration` has for the period."""

    name: str
    targets: int
    mae: float
    crps: float
    coverage: tuple[float, ...]


@dataclass(frozen=True)
class Calibration:
    """The calibration of the forecasts of one network from some sources; scores are in the target's unit.

    Attributes:
        label: label of the network or the reference forecast.
        sources: sources of its intervals.
        targets: number of targets.
        days: number of days on which the targets lie.
        bias: mean of the forecast minus the target.
        crps: mean continuous ranked probability score.
        crps_difference, crps_half: CRPS minus that of climatology, and half the width of its 95 % interval; None for
            climatology itself, or if there is no climatology.
        pit: share of the targets in each twentieth of their forecast distribution; all 0.05 if it is calibrated.
        reliability: (level, share of the targets at or below that quantile).
        months, hours: figures by month and by hour of the targets' times.
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
    """Forecasts with known targets: quantiles at `LEVELS`, shape (level, target); all other arrays are (target,)."""

    centre: Values
    quantiles: Values
    observed: Values
    times: Stamps


def measure_calibration(label: str, sources: str, judged: Judged, climatology: Judged | None) -> Calibration:
    """Measure the calibration of forecasts.

    Args:
        judged: at least one target, all finite.
        climatology: the reference on the same targets; None if there is none or these are its own forecasts.
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
    """Return half the width of the 95 % interval of a mean of values (target,); None for fewer than eight weeks.

    Uses Newey and West's variance of the daily means, as the comparison of forecasts does: errors stay similar for two
    weeks (see `rdrop_cli.analysis.skill.compare_forecasts`).
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
    """Return the parts of a period by the keys of its times, in the order of the keys."""
    keys, position, counts = np.unique(find_keys(times), return_inverse=True, return_counts=True)
    means = [np.bincount(position, weights=values) / counts for values in (errors, crps, *held)]
    return tuple(
        Part(str(key), int(count), float(mae), float(score), tuple(map(float, shares)))
        for key, count, mae, score, *shares in zip(keys, counts, *means, strict=True)
    )
