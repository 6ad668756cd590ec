"""How much of a difference belongs to this one validation period."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from rdrop_cli.analysis.run import RunCurves
from rdrop_cli.analysis.stats import BLOCK_DAYS, Interval, bootstrap_over_time

BOOTSTRAP_SEED = 0


@dataclass(frozen=True)
class OverTime:
    """A mean difference over the days of the validation period, and what other periods like it might give.

    Attributes:
        estimate: second variant's error minus the first's, mean over `seeds` and windows.
        interval: 95 %, by redrawing the days in blocks of two weeks.
    """

    seeds: tuple[int, ...]
    days: int
    estimate: float
    interval: Interval


def compare_over_time(pairs: Mapping[int, tuple[RunCurves, ...]]) -> OverTime | None:
    """Compare the second run of each seed with its first, day by day; None where too little was kept for it.

    Seeds count whose two runs both kept their daily errors, over the same days as the first such seed's. Mean over
    seeds first, so that what is left to vary between days is the weather and not the seed.
    """
    kept = {seed: (runs[0].daily, runs[1].daily) for seed, runs in pairs.items() if len(runs) == 2}
    first = next((one for one, other in kept.values() if one and other), None)
    if first is None or len(first.days) < 2 * BLOCK_DAYS:
        return None
    differences = {
        seed: other.val_mae - one.val_mae
        for seed, (one, other) in kept.items()
        if one and other and one.days == other.days == first.days
    }
    if not differences:
        return None
    daily = np.mean(list(differences.values()), axis=0)
    return OverTime(
        seeds=tuple(differences),
        days=len(first.days),
        estimate=float(np.average(daily, weights=first.windows)),
        interval=bootstrap_over_time(daily, BOOTSTRAP_SEED, first.windows),
    )
