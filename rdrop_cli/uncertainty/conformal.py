"""Conformal intervals around any quantiles: split (Romano et al. 2019) and adaptive (Gibbs and Candès 2021).

    score      E_i = max(q_low(x_i) - y_i, y_i - q_high(x_i))      for the n validation windows
    interval   [q_low(x) - Q, q_high(x) + Q]      Q = the ⌈(n + 1)(1 - α)⌉-th smallest score

Without other sources both quantiles are the forecast itself, and the scores are its absolute errors. Adaptive intervals
replace α by α_t, which decreases after an interval that missed its target and increases after one that did not.

    α_{t+1} = α_t + γ (α - err_t)      as soon as the target of t is known
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rdrop_cli.uncertainty.spread import LEVELS, Values

STEP_SIZE = 0.005  # γ, from Gibbs and Candès 2021, section 4
PAIRS = len(LEVELS) // 2


@dataclass(frozen=True)
class Conformal:
    """The scores of validation windows by pair of quantiles, the outermost first.

    Attributes:
        scores: sorted, of shape (pair, window).
    """

    scores: Values

    @classmethod
    def fit(cls, quantiles: Values, observed: Values) -> "Conformal":
        """Compute the scores of quantiles (level, window) at targets (window,)."""
        low, high = quantiles[:PAIRS], quantiles[::-1][:PAIRS]
        return cls(np.sort(np.maximum(low - observed, observed - high), axis=1))

    def widen(self, quantiles: Values) -> Values:
        """Return conformal quantiles (level, window)."""
        margin = self.find_margin(2 * LEVELS[:PAIRS])
        return _shift(quantiles, np.tile(margin, (quantiles.shape[1], 1)))

    def adapt(self, quantiles: Values, observed: Values, known: npt.NDArray[np.int64]) -> Values:
        """Return adaptive conformal quantiles (level, window) of windows in order of time.

        Args:
            quantiles: (level, window).
            observed: (window,); NaN if unknown.
            known: (window,), number of these windows whose target is known when each is forecast; never decreases.
        """
        alpha = 2 * LEVELS[:PAIRS]
        current, margins, seen = alpha.copy(), np.empty((quantiles.shape[1], PAIRS)), 0
        low, high = quantiles[:PAIRS].T, quantiles[::-1][:PAIRS].T
        for t in range(quantiles.shape[1]):
            for past in range(seen, min(int(known[t]), t)):
                missed = (observed[past] < low[past] - margins[past]) | (observed[past] > high[past] + margins[past])
                if np.isfinite(observed[past]):
                    current = current + STEP_SIZE * (alpha - missed)
                seen = past + 1
            margins[t] = self.find_margin(current)
        return _shift(quantiles, margins)

    def find_margin(self, alpha: Values) -> Values:
        """Return Q of each pair at its α, shape (pair,); at most the largest and at least the smallest score."""
        count = self.scores.shape[1]
        rank = np.ceil((count + 1) * (1 - alpha) - 1e-9).astype(np.int64)
        margin: Values = self.scores[np.arange(PAIRS), np.clip(rank, 1, count) - 1]
        return margin


def _shift(quantiles: Values, margins: Values) -> Values:
    """Move the pairs apart by margins (window, pair); quantiles that would cross are sorted."""
    shifted = quantiles.copy()
    shifted[:PAIRS] -= margins.T
    shifted[::-1][:PAIRS] += margins.T
    return np.sort(shifted, axis=0)
