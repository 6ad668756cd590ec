"""The distribution of a forecast from its members and what they leave unexplained, and the parts of its variance.

Members have the shape (seed, mask, draw, window): the draws are from the quantiles that a network forecasts, and one
where it forecasts the target itself.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.float64]
LEAST_DRAWS = 1000  # members times residuals: what a quantile of 2.5 % is found among
DRAWS = 40  # from quantiles that a network forecasts
WINDOWS_AT_ONCE = 512  # whose draws are sorted together
GRID = (np.arange(100) + 0.5) / 100  # quantile levels by which a distribution is scored
INTERVALS = (0.5, 0.8, 0.95)  # that a forecast tells
LEVELS: Values = np.unique(np.round([*GRID, *((1 + sign * i) / 2 for i in INTERVALS for sign in (-1, 1))], 6))
"""Of all quantiles that a distribution is kept by: in pairs around the median, which is none of them."""


class Parts(NamedTuple):
    """Variances by the law of total variance, each of shape (window,); their sum is that of the distribution.

        Var(y) = E Var(f | seed, mask) + E Var(f | seed) + Var E(f | seed) + Var(noise)
                 within quantiles        between masks     between seeds     residual

    The second variance is that of the means over draws.
    """

    quantiles: Values
    masks: Values
    seeds: Values
    residual: Values


def find_centre(members: Values) -> Values:
    """Return the mean of members (seed, mask, draw, …): shape (window,), or of whatever axes come behind."""
    centre: Values = members.mean(axis=(0, 1, 2))
    return centre


def split_variance(members: Values, noise: Values | None) -> Parts:
    """Return the parts of the variance of members (seed, mask, draw, window), with noise (residual,) or none."""
    of_masks = members.mean(axis=2)
    of_seeds = of_masks.mean(axis=1)
    residual = 0.0 if noise is None else float(noise.var())
    return Parts(
        quantiles=members.var(axis=2).mean(axis=(0, 1)),
        masks=of_masks.var(axis=1).mean(axis=0),
        seeds=of_seeds.var(axis=0),
        residual=np.full(members.shape[3], residual),
    )


def fit_noise(members: Values, observed: Values) -> Values:
    """Return what is to be added to members so that they vary as much as validation shows: shape (window,).

        noise = (y - ȳ) √max(0, 1 - V / E(y - ȳ)²)

    The errors of the forecast contain what members explain of them, V on average; added whole, that would count
    twice. With a normal distribution this is the precision that Gal and Ghahramani (2016) tune; here the errors keep
    their own shape, and what they are wrong by on average.

    Args:
        members: (seed, mask, draw, window), of validation windows.
        observed: (window,), finite.
    """
    parts = split_variance(members, None)
    errors = observed - find_centre(members)
    explained = float((parts.quantiles + parts.masks + parts.seeds).mean()) / max(
        float(np.square(errors).mean()), 1e-300
    )
    noise: Values = errors * np.sqrt(max(0.0, 1 - explained))
    return noise


def find_quantiles(members: Values, noise: Values | None) -> Values:
    """Return the quantiles at `LEVELS` of members (seed, mask, draw, window) with noise (residual,): (level, window).

    Each member is given several of the noise's quantiles, which are evenly spaced over all members and dealt in one
    order: nothing is drawn anew from call to call, and all of the noise is used.
    """
    flat = members.reshape(-1, members.shape[3])
    if noise is not None and len(flat) == 1:
        return flat + np.quantile(noise, LEVELS)[:, np.newaxis]
    if noise is not None:
        times = -(-LEAST_DRAWS // len(flat))
        count = times * len(flat)
        order = np.random.Generator(np.random.Philox(0)).permutation(count)
        added = np.quantile(noise, (order + 0.5) / count).reshape(len(flat), times)
    quantiles = np.empty((len(LEVELS), flat.shape[1]))
    for start in range(0, flat.shape[1], WINDOWS_AT_ONCE):
        piece = slice(start, start + WINDOWS_AT_ONCE)
        draws = flat[:, piece]
        if noise is not None:
            draws = (draws[:, None] + added[:, :, None]).reshape(-1, draws.shape[1])
        quantiles[:, piece] = np.quantile(draws, LEVELS, axis=0)
    return quantiles


def draw_evenly(quantiles: Values, levels: Values) -> Values:
    """Return draws from distributions that are given by quantiles at levels: shape (…, draw).

    The draws are the quantiles at levels evenly spaced, but for the two beside each end of an interval, which lie on it
    so that it is found again. They are linear between the quantiles that are given. Beyond the outermost of these
    nothing is known, and no draw lies there. Quantiles that cross are put in order (Chernozhukov et al. 2010).

    Args:
        quantiles: (…, level).
        levels: (level,), ascending.
    """
    wanted = (np.arange(DRAWS) + 0.5) / DRAWS
    for end in LEVELS[[end for level in INTERVALS for end in find_interval(level)]]:
        wanted[np.abs(wanted - end) < 1 / DRAWS] = end
    after = np.clip(np.searchsorted(levels, wanted), 1, len(levels) - 1)
    part = np.clip((wanted - levels[after - 1]) / (levels[after] - levels[after - 1]), 0, 1)
    ordered = np.sort(quantiles, axis=-1)
    draws: Values = (1 - part) * ordered[..., after - 1] + part * ordered[..., after]
    return draws


def find_interval(level: float) -> tuple[int, int]:
    """Return where the ends of a central interval are among `LEVELS`."""
    low, high = np.searchsorted(LEVELS, np.round([(1 - level) / 2, (1 + level) / 2], 6) - 1e-9)
    return int(low), int(high)
