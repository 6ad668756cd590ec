"""Linear regression on the windows of a network: ridge on all features, NLinear and DLinear on the target only."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from rdrop_cli.forecasters.seasonal import Rows, cut_rows
from rdrop_cli.series.windows import Windows, read_newest, read_targets

Design = Callable[[Windows, npt.NDArray[np.int64]], npt.NDArray[np.float32]]
MOST_INPUTS = 4096  # the matrix of their products takes at most 134 MB
PENALTIES = tuple(float(10.0**power) for power in range(-4, 3))  # relative to the mean variance of the inputs
TREND_TIMESTEPS = 25  # of the moving average (Zeng et al. 2023, "Are Transformers Effective …", section 4)


def take_window(windows: Windows, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
    """Return all features at all timesteps, or at the newest if there are too many: shape (window, input)."""
    timesteps = max(1, MOST_INPUTS // windows.matrix.shape[1])
    inputs: npt.NDArray[np.float32] = windows.matrix[rows[:, None] + windows.offsets[-timesteps:]]
    return inputs.reshape(len(rows), -1)


def take_changes(windows: Windows, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
    """Return the target's earlier readings minus the newest, for NLinear: shape (window, timestep - 1)."""
    readings = _take_target(windows, rows)
    return readings[:, :-1] - readings[:, -1:]


def take_trend_and_rest(windows: Windows, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
    """Return the moving average of the target's readings and the residuals, for DLinear: (window, 2 · timestep)."""
    readings = _take_target(windows, rows)
    length = min(TREND_TIMESTEPS, readings.shape[1])
    before, after = (length - 1) // 2, length // 2
    padded = np.pad(readings, ((0, 0), (before, after)), mode="edge")
    trend = np.lib.stride_tricks.sliding_window_view(padded, length, axis=1).mean(axis=-1, dtype=np.float32)
    return np.concatenate([trend, readings - trend], axis=1)


def _take_target(windows: Windows, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
    readings: npt.NDArray[np.float32] = windows.target[rows[:, None] + windows.offsets[-MOST_INPUTS // 2 :]]
    return readings


def predict_all(
    design: Design, weights: npt.NDArray[np.float64], windows: Windows, rows: Rows
) -> npt.NDArray[np.float64]:
    """Return the forecasts of several regressions.

    Args:
        weights: shape (input + 1, regression) or (input + 1, regression, horizon), the intercept last; they predict the
            change from the newest reading.

    Returns:
        shape (window, regression) or (window, regression, horizon).
    """
    flat = weights[:-1].astype(np.float32).reshape(len(weights) - 1, -1)
    changes = np.concatenate([design(windows, piece) @ flat for piece in cut_rows(rows)])
    forecasts: npt.NDArray[np.float64] = changes.reshape(-1, *weights.shape[1:]) + weights[-1]
    return forecasts + read_newest(windows, rows)[:, None]


def fit_ridge(design: Design, windows: Windows) -> npt.NDArray[np.float64]:
    """Fit ridge regressions to the training windows by their normal equations, which are summed in pieces.

    Returns:
        weights of shape (input + 1, penalty), or (input + 1, penalty, horizon), in the order of `PENALTIES`; the
        intercept is not penalised.
    """
    from scipy.linalg import cho_factor, cho_solve

    products, moments, count = _sum_products(design, windows)
    means = products[-1, :-1] / count
    mean_change = moments[-1] / count
    covariance = products[:-1, :-1] / count - np.outer(means, means)
    with_change = moments[:-1] / count - np.multiply.outer(means, mean_change)
    scale = float(np.trace(covariance)) / len(means)
    fitted = []
    for penalty in PENALTIES:
        penalised = covariance.copy()
        penalised[np.diag_indices_from(penalised)] += penalty * scale
        slopes = cho_solve(cho_factor(penalised, overwrite_a=True, check_finite=False), with_change)
        fitted.append(np.concatenate([slopes, (mean_change - means @ slopes)[None]]))
    return np.stack(fitted, axis=1)


def _sum_products(design: Design, windows: Windows) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], int]:
    """Sum the products of all inputs and a constant 1 with each other, and with the change to predict."""
    products: npt.NDArray[np.float64] | None = None
    for piece in cut_rows(windows.train):
        inputs = design(windows, piece)
        inputs = np.concatenate([inputs, np.ones((len(piece), 1), np.float32)], axis=1)
        change = read_targets(windows, piece) - read_newest(windows, piece)
        if products is None:
            products, moments = np.zeros((inputs.shape[1],) * 2), np.zeros((inputs.shape[1], *change.shape[1:]))
        products += inputs.T @ inputs
        moments += inputs.T.astype(np.float64) @ change
    assert products is not None
    return products, moments, len(windows.train)
