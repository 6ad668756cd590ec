"""Intervals for the joint test: of means, of shares, and of a share that is bet to be small.

The intervals of means and shares contain every value that no look excludes. An interval ends at a bound that the test
has excluded.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from rdrop_cli.analysis.distributions import find_beta, find_t
from rdrop_cli.analysis.joint_test import ALPHA, ALPHA_RARE, TIES, Floats, Looks

RARE_SHARE = 0.02  # the share that a bet on rarity assumes


class Interval(NamedTuple):
    """A confidence interval, in the unit of the values; infinite if the seeds are too few to bound it."""

    low: float
    high: float


def bound_means(looks: Looks) -> Floats:
    """Return the intervals of means over all looks, shape (study, question, end).

    mean ± t s / √n with t from the boundary S of a look, as in `joint_test`; the looks' intervals are intersected.
    """
    counts, squared = looks.counts, (looks.wide_boundaries**2)[:, :, None]
    with np.errstate(invalid="ignore", divide="ignore"):
        t = np.sqrt(squared * (counts - 1) / (counts - squared))
        is_bounded = (counts * (1 - TIES) > squared) & (counts > 1)  # S² = n is the maximum, except for rounding
        half = np.where(is_bounded, t * looks.deviations / np.sqrt(counts), np.inf)
        low, high = looks.means - half, looks.means + half
    ends = low.max(axis=1, initial=-np.inf), high.min(axis=1, initial=np.inf)
    return np.stack(ends, axis=2)


def bound_share(shown: int, seeds: int, boundary: float) -> Interval:
    """Return the exact interval of a share at the boundary of a look; it excludes 1/2 only if the boundary is exceeded.

    Clopper and Pearson 1934 (Biometrika 26, 404-413), at the level of the sign test with this boundary.
    """
    level = sum(
        math.comb(seeds, k) for k in range(seeds + 1) if abs(2 * k - seeds) > boundary * math.sqrt(seeds) * (1 + TIES)
    ) / float(2**seeds)
    return clopper_pearson(shown, seeds, level) if level else Interval(0.0, 1.0)


def clopper_pearson(shown: int, seeds: int, level: float = ALPHA) -> Interval:
    """Return the exact interval of a share, wrong in at most `level` of cases."""
    low = find_beta(level / 2, shown, seeds - shown + 1) if shown else 0.0
    high = find_beta(1 - level / 2, shown + 1, seeds - shown) if shown < seeds else 1.0
    return Interval(low, high)


def bet_against_share(shown: Sequence[float], share: float) -> float:
    """Return the highest payoff, over all seeds so far, of a bet against a share of p or more.

        E_n(p) = (0.02 / p)^k (0.98 / (1 - p))^(n - k)        if k of n seeds show it

    The bet is that the share is 0.02: if it is p or more, no stopping rule makes the bet pay 1 / level with a
    probability above `level` (Ville 1939; Wald 1945, Ann. Math. Stat. 16, 117-186). A seed that shows it at a share x
    of its origins pays x times the first factor plus 1 - x times the second, which is as fair.
    """
    x = np.asarray(shown, dtype=np.float64)
    paid = x * RARE_SHARE / share + (1 - x) * (1 - RARE_SHARE) / (1 - share)
    return float(np.cumprod(paid).max(initial=1.0))


def bound_rare_share(shown: Sequence[float]) -> float:
    """Return the upper limit of a share: the smallest p against which a bet has paid 1 / `ALPHA_RARE`.

    If no seed shows it, 23 seeds exclude a fifth and 7 exclude a half.
    """
    low, high = RARE_SHARE, 1.0
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (low, middle) if bet_against_share(shown, middle) >= 1 / ALPHA_RARE else (middle, high)
    return high


def predict_one(values: Floats) -> Interval:
    """Return the 95 % prediction interval of one more run: mean ± t s √(1 + 1/n), from at least two values."""
    count, mean = len(values), float(values.mean())
    half = find_t(1 - ALPHA / 2, count - 1) * float(values.std(ddof=1)) * math.sqrt(1 + 1 / count)
    return Interval(mean - half, mean + half)


def measure_half_width(values: Floats) -> Floats:
    """Return half the width of the 95 % t interval of the mean over the first axis, which has at least two values."""
    count = len(values)
    half: Floats = find_t(1 - ALPHA / 2, count - 1) * values.std(axis=0, ddof=1) / np.sqrt(count)
    return half
