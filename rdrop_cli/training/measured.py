"""Measure a network's forecasts: errors of the forecast or the median, and the quality of quantiles."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rdrop_cli.study.protocol import MEDIAN


@dataclass(frozen=True)
class Measured:
    """Standardised errors of forecasts.

    Attributes:
        errors: absolute errors of the forecast or the median: (window,), or (window, horizon) for several horizons.
        pinball: mean pinball loss over windows, horizons and quantiles; None if there are no quantiles.
        crossed: share of the forecasts whose quantiles crossed before they were sorted; 0 if there are no quantiles.
    """

    errors: npt.NDArray[np.float32]
    pinball: float | None = None
    crossed: float = 0.0

    @property
    def mae(self) -> float:
        return float(self.errors.mean(dtype=np.float64))

    @property
    def maes(self) -> tuple[float, ...]:
        """The MAE at each horizon; empty if there is only one."""
        return tuple(map(float, self.errors.mean(axis=0, dtype=np.float64))) if self.errors.ndim > 1 else ()

    @property
    def mse(self) -> float:
        return float(np.square(self.errors, dtype=np.float64).mean())


def measure(errors: npt.NDArray[np.float32], quantiles: Sequence[float]) -> Measured:
    """Measure forecasts by how far they are above the targets.

    Quantiles that cross are sorted, which never raises their pinball loss (Chernozhukov, Fernández-Val and Galichon
    2010, Econometrica 78, 1093-1125).

    Args:
        errors: forecast minus target, standardised: (window,), (window, horizon) or (window, horizon, quantile).
        quantiles: levels of the quantile axis, if there is one.
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
    """Combine the measurements of the pieces of a period into one for the entire period."""
    errors = np.concatenate([piece.errors for piece in pieces])
    pinballs = [piece.pinball for piece in pieces if piece.pinball is not None]
    if not pinballs:
        return Measured(errors)
    shares = [len(piece.errors) / len(errors) for piece in pieces]
    return Measured(errors, float(np.dot(shares, pinballs)), float(np.dot(shares, [piece.crossed for piece in pieces])))
