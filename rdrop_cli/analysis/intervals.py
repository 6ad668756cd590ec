"""The intervals that go with the joint test: of means, of shares, and of a share that is bet to be small.

Those of means and shares are every value that no look excludes. A bound that the test has excluded ends the interval.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from rdrop_cli.analysis.distributions import find_beta, find_t
from rdrop_cli.analysis.joint_test import ALPHA, ALPHA_RARE, TIES, Floats, Looks

RARE_SHARE = 0.02  # the share that a bet on rarity expects


class Interval(NamedTuple):
    """A confidence interval, in the unit of the values; infinite where the seeds are too few to bound it."""

    low: float
    high: float


def bound_means(looks: Looks) -> Floats:
    """Return the intervals of means over all looks, shape (study, question, end).

    mean ± t s / √n with t from the boundary S of a look, as above; the looks' intervals are intersected.
    """
    counts, squared = looks.counts, (looks.wide_boundaries**2)[:, :, None]
    with np.errstate(invalid="ignore", divide="ignore"):
        t = np.sqrt(squared * (counts - 1) / (counts - squared))
        is_bounded = (counts * (1 - TIES) > squared) & (counts > 1)  # S² = n is the most there is, but for rounding
        half = np.where(is_bounded, t * looks.deviations / np.sqrt(counts), np.inf)
        low, high = looks.means - half, looks.means + half
    ends = low.max(axis=1, initial=-np.inf), high.min(axis=1, initial=np.inf)
    return np.stack(ends, axis=2)


def bound_share(shown: int, seeds: int, boundary: float) -> Interval:
    """Return the exact interval of a share at the boundary of a look, which excludes 1/2 only where that is exceeded.

    Clopper and Pearson 1934 (Biometrika 26, 404-413), at the level that the sign test has at that boundary.
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
    """Return the most that a bet against a share, or more than it, has paid by any seed.

        E_n(p) = (0.02 / p)^k (0.98 / (1 - p))^(n - k)        of k that show it among n seeds

    A bet that the share is 0.02: where it is p or more, no strategy of stopping makes it pay 1 / level with a chance
    above `level` (Ville 1939; Wald 1945, Ann. Math. Stat. 16, 117-186). A seed that shows it at a share x of its
    origins pays x of the one factor and 1 - x of the other, which is as fair.
    """
    x = np.asarray(shown, dtype=np.float64)
    paid = x * RARE_SHARE / share + (1 - x) * (1 - RARE_SHARE) / (1 - share)
    return float(np.cumprod(paid).max(initial=1.0))


def bound_rare_share(shown: Sequence[float]) -> float:
    """Return the upper limit of a share: the least p against which a bet has paid 1 / `ALPHA_RARE`.

    23 seeds of which none shows it exclude a fifth, 7 exclude a half.
    """
    low, high = RARE_SHARE, 1.0
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (low, middle) if bet_against_share(shown, middle) >= 1 / ALPHA_RARE else (middle, high)
    return high


def predict_one(values: Floats) -> Interval:
    """Return where the value of one more run lies 19 times in 20: mean ± t s √(1 + 1/n), of two values or more."""
    count, mean = len(values), float(values.mean())
    half = find_t(1 - ALPHA / 2, count - 1) * float(values.std(ddof=1)) * math.sqrt(1 + 1 / count)
    return Interval(mean - half, mean + half)


def measure_half_width(values: Floats) -> Floats:
    """Return half the 95 % t interval of the mean over the first axis, which has at least two values."""
    count = len(values)
    half: Floats = find_t(1 - ALPHA / 2, count - 1) * values.std(axis=0, ddof=1) / np.sqrt(count)
    return half
