"""Proper scores of a forecast given by its quantiles, and the position of targets in it.

pinball    L_τ(q, y) = (τ - [y < q]) (y - q)                       Koenker and Bassett 1978
CRPS       2 ∫ L_τ(q_τ, y) dτ, over 100 levels evenly spaced        Laio and Tamea 2007
interval   (u - l) + 2/α (l - y)⁺ + 2/α (y - u)⁺                    Gneiting and Raftery 2007
PIT        the share of the distribution below y
"""

import numpy as np

from rdrop_cli.uncertainty.spread import GRID, LEVELS, Values, find_interval

_GRID_AT = np.searchsorted(LEVELS, GRID - 1e-9)


def score_pinball(quantiles: Values, levels: Values, observed: Values) -> Values:
    """Return the pinball loss of quantiles (level, window) at levels (level,): shape (level, window)."""
    errors = observed - quantiles
    losses: Values = np.where(errors < 0, levels[:, None] - 1, levels[:, None]) * errors
    return losses


def score_crps(quantiles: Values, observed: Values) -> Values:
    """Return the continuous ranked probability score of quantiles at `LEVELS` (level, window): shape (window,)."""
    scores: Values = 2 * score_pinball(quantiles[_GRID_AT], GRID, observed).mean(axis=0)
    return scores


def score_interval(low: Values, high: Values, observed: Values, level: float) -> Values:
    """Return the interval score of central intervals of nominal coverage `level`: shape (window,)."""
    outside = np.maximum(low - observed, 0) + np.maximum(observed - high, 0)
    scores: Values = high - low + 2 / (1 - level) * outside
    return scores


def locate(quantiles: Values, observed: Values) -> Values:
    """Return the probability integral transform (window,) of targets in quantiles at `LEVELS` (level, window).

    It is interpolated between two quantiles, and halfway to 0 or 1 beyond the outermost, since nothing is known there.
    """
    above = (quantiles <= observed).sum(axis=0)
    inner, window = np.clip(above, 1, len(LEVELS) - 1), np.arange(len(observed))
    low, high = quantiles[inner - 1, window], quantiles[inner, window]
    part = (observed - low) / np.where(high > low, high - low, 1.0)
    inside = LEVELS[inner - 1] + np.where(high > low, part, 0.5) * (LEVELS[inner] - LEVELS[inner - 1])
    located: Values = np.select([above == 0, above == len(LEVELS)], [LEVELS[0] / 2, (1 + LEVELS[-1]) / 2], inside)
    return located


def covers(quantiles: Values, observed: Values, level: float) -> Values:
    """Return 1 if the central interval contains its target, else 0: shape (window,)."""
    low, high = (quantiles[index] for index in find_interval(level))
    held: Values = ((observed >= low) & (observed <= high)).astype(np.float64)
    return held
