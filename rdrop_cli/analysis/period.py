"""How much of a difference belongs to this one validation period."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rdrop_cli.analysis.joint_test import ALPHA_PERIOD
from rdrop_cli.analysis.run import RunCurves

BLOCK_DAYS = 14  # a weather regime lasts days, seldom two weeks
LEAST_BLOCKS = 4


@dataclass(frozen=True)
class Period:
    """What another validation period like this one might add to a mean difference.

    Attributes:
        days: calendar days of the period.
        blocks: of two weeks.
        error: standard error of the difference over blocks, a standardised error.
        half: half the width of its interval, simultaneous over `compared` differences.
    """

    days: int
    blocks: int
    error: float
    half: float


def measure_period(pairs: Mapping[int, tuple[RunCurves, ...]], compared: int) -> Period | None:
    """Measure how a difference varies over the days; None where too little was kept for it.

        d_b   = Σ_t w_t (e2_t - e1_t) / Σ_t w_t over the days t of a block, mean over seeds
        error = standard deviation of the blocks / √blocks        half = t_{blocks - 1, 1 - α / (2 · compared)} · error

    Blocks of two weeks, since errors stay alike for days. Student's t over block means covers its nominal level where
    the percentile bootstrap over as few blocks does not. Seeds count whose two runs both kept their daily errors,
    over the same days as the first such seed's; each network at the epoch that validation chose.
    """
    from scipy import stats

    kept = [(runs[0].daily, runs[1].daily) for _, runs in sorted(pairs.items()) if len(runs) == 2]
    first = next((one for one, other in kept if one and other), None)
    if first is None or len(first.days) < LEAST_BLOCKS * BLOCK_DAYS:
        return None
    differences = [
        other.val_mae - one.val_mae for one, other in kept if one and other and one.days == other.days == first.days
    ]
    if not differences:
        return None
    blocks = average_blocks(np.mean(differences, axis=0), first.windows)
    error = float(blocks.std(ddof=1) / np.sqrt(len(blocks)))
    half = float(stats.t.ppf(1 - ALPHA_PERIOD / (2 * compared), len(blocks) - 1)) * error
    return Period(len(first.days), len(blocks), error, half)


def average_blocks(daily: npt.NDArray[np.float64], windows: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the weighted mean of each block of two weeks, shape (block,); the last takes the days that remain."""
    starts = np.arange(len(daily) // BLOCK_DAYS) * BLOCK_DAYS
    means: npt.NDArray[np.float64] = np.add.reduceat(daily * windows, starts) / np.add.reduceat(windows, starts)
    return means
