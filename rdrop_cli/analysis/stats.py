"""Statistics over seeds: plain numbers in, plain numbers out.

`values` are one number a seed: a measure of a run, or the difference of two runs of the same seed (a pair).
Every function raises DataError where there are too few of them or one is not finite.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from rdrop_cli.errors import DataError

ALPHA = 0.05
POWER = 0.8
EXACT_PAIRS = 14  # up to here every assignment of signs is tried: 16,384 of them, a tenth of a second
RANDOM_SIGNS = 2**EXACT_PAIRS - 1  # draws beyond that
BLOCK_DAYS = 14  # a weather regime lasts days, seldom two weeks
MAX_PAIRS = 1000  # a difference that needs more seeds than that is not worth them

Values = npt.NDArray[np.float64]


class Interval(NamedTuple):
    """A confidence interval, in the unit of the values."""

    low: float
    high: float


def t_interval(values: npt.ArrayLike, level: float = 0.95) -> Interval:
    """Return the interval of Student's t for the mean of at least two values.

        mean ± t_{n-1, (1 + level) / 2} · s / √n

    The percentile bootstrap over so few seeds covers too little (0.86 for a nominal 0.95 with five).
    """
    from scipy import stats

    sample = _check_values(values, least=2)
    half = float(stats.t.ppf((1 + level) / 2, len(sample) - 1)) * _standard_error(sample)
    return Interval(float(sample.mean()) - half, float(sample.mean()) + half)


def sign_flip_p(values: npt.ArrayLike, bound: float = 0.0, seed: int = 0) -> float:
    """Return the two-sided p of the sign-flip test: were the values spread symmetrically about `bound`?

    Exact up to 14 values: the share of all 2^n assignments of signs to (value - bound) whose mean is as far out on
    one side, doubled. With more, of 16,383 assignments drawn by `seed`. No distribution is assumed but symmetry.
    """
    from scipy import stats

    sample = _check_values(values, least=1) - bound
    result = stats.permutation_test(
        (sample,),
        lambda flipped, axis: flipped.mean(axis=axis),
        permutation_type="samples",
        vectorized=True,
        n_resamples=np.inf if len(sample) <= EXACT_PAIRS else RANDOM_SIGNS,
        rng=np.random.default_rng(seed),
    )
    return float(result.pvalue)


def smallest_sign_flip_p(pairs: int) -> float:
    """Return the smallest two-sided p that the sign-flip test can reach: 2 / 2^n, 1 at most.

    Five pairs reach 0.0625 and so never 0.05, six reach 0.031. It falls no further where signs are drawn.
    """
    return min(1.0, 2.0 ** (1 - min(pairs, EXACT_PAIRS)))


def count_pairs_to_reach(alpha: float) -> int | None:
    """Return the fewest pairs with which the sign-flip test can come below `alpha`; None where none are enough."""
    return next((pairs for pairs in range(1, EXACT_PAIRS + 1) if smallest_sign_flip_p(pairs) < alpha), None)


def equivalence_p(values: npt.ArrayLike, margin: float) -> float:
    """Return the p of two one-sided t tests: small where the mean is shown to lie within ± margin.

        p = max(P(T_{n-1} > (mean + margin) / se), P(T_{n-1} < (mean - margin) / se))     se = s / √n

    Schuirmann 1987 (J. Pharmacokinet. Biopharm. 15, 657-680). p < 0.05 is the same as the 90 % interval lying
    within the margin, which has to be chosen before the values are seen.
    """
    from scipy import stats

    sample = _check_values(values, least=2)
    room = margin - abs(float(sample.mean()))
    error = _standard_error(sample)
    if error == 0:
        return 0.0 if room > 0 else 1.0
    return float(stats.t.sf(room / error, len(sample) - 1))


def adjust_holm(p_values: Sequence[float]) -> list[float]:
    """Return Holm's adjusted p-values in the order received; NaN or anything outside [0, 1] is refused.

        p_(i) → max_{j ≤ i} min(1, (m - j + 1) · p_(j))     p_(1) ≤ … ≤ p_(m)

    Holm 1979 (Scand. J. Stat. 6, 65-70): those below 0.05 are wrong together in at most 5 % of studies.
    """
    p = np.asarray(p_values, dtype=np.float64)
    if not ((p >= 0) & (p <= 1)).all():
        raise DataError(f"p-values: expected numbers from 0 to 1, received {list(p_values)}")
    order = np.argsort(p, kind="stable")
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)))
    return [float(value) for value in adjusted]


def paired_hedges_g(differences: npt.ArrayLike) -> float | None:
    """Return the mean of the differences in their standard deviations, made unbiased; None where they are all equal.

        g = mean / s · Γ(k / 2) / (√(k / 2) · Γ((k - 1) / 2))     k = n - 1, at least 2

    Hedges 1981 (J. Educ. Stat. 6, 107-128), with the exact factor, for the standard deviation of the differences.
    """
    sample = _check_values(differences, least=3)
    if _standard_error(sample) == 0:
        return None
    freedom = len(sample) - 1
    return float(sample.mean() / sample.std(ddof=1) * _shrink_to_unbiased(freedom))


def pairs_needed(effect: float, alpha: float = ALPHA, power: float = POWER) -> int | None:
    """Return the pairs with which a two-sided paired t test finds an effect with the given power.

        the least n with P(|T'_{n-1, effect · √n}| > t_{n-1, 1 - alpha / 2}) ≥ power

    Args:
        effect: mean difference in standard deviations of the differences.

    Returns:
        None where more than 1000 would be needed.
    """
    from scipy import stats

    pairs = np.arange(2, MAX_PAIRS + 1)
    freedom = pairs - 1
    critical = stats.t.ppf(1 - alpha / 2, freedom)
    # The far tail is left out: where the power is anywhere near 0.8 it is below rounding.
    reached = stats.nct.sf(critical, freedom, abs(effect) * np.sqrt(pairs)) >= power
    return int(pairs[reached.argmax()]) if reached.any() else None


def bootstrap_over_time(
    daily: npt.ArrayLike,
    seed: int,
    windows: npt.ArrayLike | None = None,
    block_days: int = BLOCK_DAYS,
    draws: int = 5000,
    level: float = 0.95,
) -> Interval:
    """Return the percentile interval of the mean over days, the days drawn in blocks: what another period might give.

    Circular block bootstrap (Politis and Romano 1992, in Exploring the Limits of Bootstrap, Wiley, 263-270): blocks
    of consecutive days, the last day followed by the first, start anywhere; as many are joined as fill the period.
    Weather errors stay alike for days: drawing single days would make the interval too narrow.

    Args:
        daily: shape (day,): for instance the difference of two models' errors on each day, mean over seeds.
        seed: of the draws.
        windows: shape (day,): the weight of each day in the mean; all alike by default.

    Raises:
        DataError: also where the period is not at least two blocks long, or a day has no windows.
    """
    days = _check_values(daily, least=2 * block_days)
    weights = np.ones(len(days)) if windows is None else _check_values(windows, least=len(days))
    if len(weights) != len(days) or (weights <= 0).any():
        raise DataError(f"windows: expected a number above 0 for each of {len(days)} days")
    starts = np.random.default_rng(seed).integers(len(days), size=(draws, -(-len(days) // block_days)))
    drawn = ((starts[:, :, None] + np.arange(block_days)) % len(days)).reshape(draws, -1)[:, : len(days)]
    means = (days * weights)[drawn].sum(axis=1) / weights[drawn].sum(axis=1)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(low), float(high))


def _check_values(values: npt.ArrayLike, least: int) -> Values:
    """Return finite values of shape (n,), at least so many of them."""
    sample = np.asarray(values, dtype=np.float64)
    if sample.ndim != 1 or len(sample) < least:
        raise DataError(f"values: expected at least {least} in one row, received an array of shape {sample.shape}")
    if not np.isfinite(sample).all():
        raise DataError(f"values: expected finite numbers, received {sample[~np.isfinite(sample)][0]}")
    return sample


def _standard_error(sample: Values) -> float:
    """Return s / √n; exactly 0 where all values are equal, which the formula alone misses by rounding."""
    if (sample == sample[0]).all():
        return 0.0
    return float(sample.std(ddof=1) / np.sqrt(len(sample)))


def _shrink_to_unbiased(freedom: int) -> float:
    """Return Hedges' factor J; of the logarithms, since Γ overflows."""
    return math.exp(math.lgamma(freedom / 2) - math.lgamma((freedom - 1) / 2)) / math.sqrt(freedom / 2)
