"""The distribution of a forecast from its members and the residual, and the parts of its variance.

Members have the shape (seed, mask, draw, window): the draws are from the quantiles that a network forecasts. A network
that forecasts the target itself has one draw.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.float64]
LEAST_DRAWS = 1000  # members times residuals, among which a quantile of 2.5 % is found
DRAWS = 40  # number of draws from the quantiles that a network forecasts
WINDOWS_AT_ONCE = 512  # windows whose draws are sorted together
GRID = (np.arange(100) + 0.5) / 100  # quantile levels at which a distribution is scored
INTERVALS = (0.5, 0.8, 0.95)  # levels of the intervals of a forecast
LEVELS: Values = np.unique(np.round([*GRID, *((1 + sign * i) / 2 for i in INTERVALS for sign in (-1, 1))], 6))
"""Levels of all quantiles kept of a distribution: in pairs around the median, which is not one of them."""


class Parts(NamedTuple):
    """Variances by the law of total variance, each of shape (window,); their sum is the variance of the distribution.

        Var(y) = E Var(f | seed, mask) + E Var(f | seed) + Var E(f | seed) + Var(noise)
                 within quantiles        between masks     between seeds     residual

    The second variance is the variance of the means over draws.
    """

    quantiles: Values
    masks: Values
    seeds: Values
    residual: Values


def find_centre(members: Values) -> Values:
    """Return the mean of members (seed, mask, draw, …): shape (window,), or the shape of all further axes."""
    centre: Values = members.mean(axis=(0, 1, 2))
    return centre


def split_variance(members: Values, noise: Values | None) -> Parts:
    """Return the parts of the variance of members (seed, mask, draw, window), with noise (residual,) or without."""
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
    """Return the noise to add to members to make them vary as much as validation shows: shape (window,).

        noise = (y - ȳ) √max(0, 1 - V / E(y - ȳ)²)

    The errors of the forecast contain the variance that members explain, V on average; adding the full errors would
    count it twice. With a normal distribution this is the precision that Gal and Ghahramani (2016) tune; here the
    errors keep their own shape and bias.

    Args:
        members: (seed, mask, draw, window), for validation windows.
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

    Each member gets several quantiles of the noise, which are evenly spaced over all members and dealt in one fixed
    order: calls do not differ by random draws, and all of the noise is used.
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
    """Return draws from distributions given by quantiles at levels: shape (…, draw).

    The draws are the quantiles at evenly spaced levels, except the two draws next to each end of an interval, which lie
    on that end: so the interval is found again. The draws are interpolated linearly between the given quantiles.
    Nothing is known beyond the outermost quantiles, so no draw lies there. Quantiles that cross are sorted
    (Chernozhukov et al. 2010).

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
    """Return the indices in `LEVELS` of the ends of a central interval."""
    low, high = np.searchsorted(LEVELS, np.round([(1 - level) / 2, (1 + level) / 2], 6) - 1e-9)
    return int(low), int(high)
