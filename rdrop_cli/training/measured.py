"""What is measured of a network's forecasts: errors of the forecast or the median, and how good quantiles are."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rdrop_cli.study.protocol import MEDIAN


@dataclass(frozen=True)
class Measured:
    """Standardised errors of forecasts.

    Attributes:
        errors: absolute, of the forecast or the median: (window,), or (window, horizon) of several horizons.
        pinball: mean pinball loss over windows, horizons and quantiles; None where there are no quantiles.
        crossed: share of the forecasts that had a quantile above a higher one before they were sorted; else 0.
    """

    errors: npt.NDArray[np.float32]
    pinball: float | None = None
    crossed: float = 0.0

    @property
    def mae(self) -> float:
        return float(self.errors.mean(dtype=np.float64))

    @property
    def maes(self) -> tuple[float, ...]:
        """The error at each of several horizons; of one there are none."""
        return tuple(map(float, self.errors.mean(axis=0, dtype=np.float64))) if self.errors.ndim > 1 else ()

    @property
    def mse(self) -> float:
        return float(np.square(self.errors, dtype=np.float64).mean())


def measure(errors: npt.NDArray[np.float32], quantiles: Sequence[float]) -> Measured:
    """Measure how far forecasts are above the targets.

    Quantiles that cross are sorted, which never raises their pinball loss (Chernozhukov, Fernández-Val and Galichon
    2010, Econometrica 78, 1093-1125).

    Args:
        errors: forecast less target, standardised: (window,), (window, horizon) or (window, horizon, quantile).
        quantiles: levels of the last axis, where there is one.
    """
    if errors.ndim < 3:
        return Measured(np.abs(errors))
    levels, ordered = np.asarray(quantiles), np.sort(errors, axis=2)
    losses = np.where(ordered > 0, 1 - levels, -levels) * ordered
    median = np.abs(ordered[:, :, list(quantiles).index(MEDIAN)])
    crossed = (np.diff(errors, axis=2) < 0).any(axis=2)
    return Measured(
        errors=median[:, 0] if median.shape[1] == 1 else median,
        pinball=float(losses.mean(dtype=np.float64)),
        crossed=float(crossed.mean()),
    )


def join(pieces: Sequence[Measured]) -> Measured:
    """Return what was measured of the pieces of a period as that of the whole."""
    errors = np.concatenate([piece.errors for piece in pieces])
    pinballs = [piece.pinball for piece in pieces if piece.pinball is not None]
    if not pinballs:
        return Measured(errors)
    shares = [len(piece.errors) / len(errors) for piece in pieces]
    return Measured(errors, float(np.dot(shares, pinballs)), float(np.dot(shares, [piece.crossed for piece in pieces])))
