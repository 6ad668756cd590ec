"""The measures of a training curve, each defined here and nowhere else.

A curve is a float array of shape (epoch,): one standardised mean absolute error an epoch, as `History` keeps them.
Multiply an error by the run's `target_std` to have it in the target's own unit. Epochs are counted from 1.

Every measure raises DataError where a curve is too short for it or holds a value that is not finite. Two building
blocks recur in the formulas, for the validation loss v of n epochs:

    level_e    running median: median(v_{e-2}, …, v_{e+2}), over the epochs that exist. One bad epoch, or two in a
               row, do not move it beyond their neighbours.
    lowest     the lowest running median over five whole epochs: min level_e for e = 3, …, n - 2
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from rdrop_cli.errors import DataError

Curve = npt.NDArray[np.float64]

LEVEL_EPOCHS = 5  # epochs under the running median
LEAST_EPOCHS = 10  # two windows of the running median side by side: below that nothing can be seen to turn
ONSET_JITTERS = 2.5  # on 10 to 80 epochs of level white noise an onset is then found in about 1 curve of 100, or fewer
CONVERGED_SHARE = 0.1  # of the way from the first epoch to the lowest level that may be left
SETTLING_EPOCHS = 5  # left out of the spread: a network that still learns its first lessons is not unstable

_MAD_TO_SD = 1.482602218505602  # standard deviation of a normal variable, by its median absolute value
_ROUNDING = 64 * np.finfo(np.float64).eps  # differences below this share of the loss are float64 rounding


class Slope(NamedTuple):
    """A fitted slope and its 95 % interval, in standardised error an epoch."""

    per_epoch: float
    low: float
    high: float


def check_curve(name: str, values: npt.ArrayLike, least_epochs: int = 1) -> Curve:
    """Return a curve as a float64 array of shape (epoch,).

    Raises:
        DataError: it has another shape, fewer than `least_epochs` epochs, or a value that is not finite.
    """
    try:
        curve = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"{name}: expected one number an epoch, received something else: {error}") from error
    if curve.ndim != 1:
        raise DataError(f"{name}: expected one number an epoch, received an array of shape {curve.shape}")
    if len(curve) < least_epochs:
        raise DataError(f"{name}: expected at least {least_epochs} epochs, received {len(curve)}: train for longer")
    bad = np.flatnonzero(~np.isfinite(curve))
    if len(bad):
        raise DataError(f"{name}: epoch {bad[0] + 1} is {curve[bad[0]]}: leave this run out")
    return curve


def find_overfit_onset(val_loss: npt.ArrayLike) -> int | None:
    """Return the first epoch from which on the validation loss has turned up for good, or None.

        onset = min {e > 1 : level_k > min(level) + 2.5 · jitter  for every k ≥ e}, with at least 5 epochs k

    `jitter` is that of `measure_jitter`. The rise is judged against the curve's own noise: a constant added to the
    curve, or a positive factor, moves no onset. One or two bad epochs make none, wherever they are; nor does a rise
    that is taken back later. With noise the onset lies a little after the turning point: the rise has to clear it.
    """
    curve = check_curve("val_loss", val_loss, LEAST_EPOCHS)
    level = _running_median(curve)
    floor = level.min() + max(ONSET_JITTERS * measure_jitter(curve), _ROUNDING * float(np.abs(curve).max()))
    last_down = int(np.flatnonzero(level <= floor)[-1])
    up_epochs = len(curve) - 1 - last_down
    return last_down + 2 if up_epochs >= LEVEL_EPOCHS else None


def measure_rise(val_loss: npt.ArrayLike) -> float:
    """Return by how much the validation loss ends above its lowest: what training on has cost.

        rise = median(v_{n-4}, …, v_n) - lowest  ≥ 0

    Unlike last minus best it compares medians of five epochs on both sides. The lowest is still chosen after the
    fact: level white noise of standard deviation σ has a mean rise of 0.4 σ over 10 epochs, 0.7 σ over 20 and 0.8 σ
    over 30.
    """
    whole_windows = _whole_windows(check_curve("val_loss", val_loss, LEAST_EPOCHS))
    return float(whole_windows[-1] - whole_windows.min())


def measure_gap(val_loss: npt.ArrayLike, train_mae: npt.ArrayLike, epoch: int | None = None) -> float:
    """Return the generalisation gap at an epoch, the last one by default.

        gap = v_epoch - train_mae_epoch

    Args:
        train_mae: training error measured without dropout. The loss that training logs has dropout on: its
            distance from the validation loss is no gap.

    Raises:
        DataError: also where the curves differ in length or have no such epoch.
    """
    validation, training = check_curve("val_loss", val_loss), check_curve("train_mae", train_mae)
    if len(validation) != len(training):
        raise DataError(f"train_mae: expected {len(validation)} epochs as in val_loss, received {len(training)}")
    index = _check_epoch(validation, epoch) - 1
    return float(validation[index] - training[index])


def fit_slope(val_loss: npt.ArrayLike, first_epoch: int = 1, last_epoch: int | None = None) -> Slope:
    """Fit the slope of the validation loss over a window of at least 5 epochs, both ends included.

        slope = median {(v_j - v_i) / (j - i) : i < j}

    Theil's estimator with the interval of Sen (1968, J. Am. Stat. Assoc. 63, 1379-1389) at 95 %, which takes the
    epochs' deviations from the line as independent. Up to 29 % of the epochs may be bad.
    """
    from scipy import stats

    window = _cut_window(check_curve("val_loss", val_loss), first_epoch, last_epoch)
    if len(window) < LEVEL_EPOCHS:
        raise DataError(f"slope: expected a window of at least {LEVEL_EPOCHS} epochs, received {len(window)}")
    slope, _, low, high = stats.theilslopes(window)
    return Slope(float(slope), float(low), float(high))


def measure_jitter(val_loss: npt.ArrayLike) -> float:
    """Return the spread from epoch to epoch that is left when the trend is taken away.

        jitter = 1.4826 · median |v_{e-1} - 2 v_e + v_{e+1}| / √6

    Second differences take away whatever is straight over three epochs, so no trend has to be modelled; √6 makes
    the figure the standard deviation where the noise is white (Gasser, Sroka and Jennen-Steinmetz 1986, Biometrika
    73, 625-633), the median keeps single bad epochs and a steep start from counting.
    """
    curve = check_curve("val_loss", val_loss, LEAST_EPOCHS)
    return float(_MAD_TO_SD * np.median(np.abs(np.diff(curve, n=2))) / np.sqrt(6))


def measure_spread(val_loss: npt.ArrayLike, last_epoch: int | None = None) -> float:
    """Return how widely the validation scores scatter once the network has settled, trend and jitter together.

        spread = standard deviation (n - 1) of v_e for e = 6, …, last_epoch

    It answers what a score depends on the epoch at which it is taken; `measure_jitter` leaves the trend out.
    """
    curve = check_curve("val_loss", val_loss, LEAST_EPOCHS)
    settled = _cut_window(curve, SETTLING_EPOCHS + 1, last_epoch)
    if len(settled) < 2:
        raise DataError(f"spread: expected at least 2 epochs after epoch {SETTLING_EPOCHS}, received {len(settled)}")
    return float(settled.std(ddof=1))


def find_convergence(val_loss: npt.ArrayLike) -> int:
    """Return the epoch by which the validation loss has come down nearly as far as it ever does.

        convergence = min {e : most of v_e, …, v_{e+4} and v_e itself ≤ lowest + 0.1 · max(0, v_1 - lowest)}

    Near the end the epochs that exist count. Neither a constant nor a positive factor moves it, a lucky single epoch
    does not make it; what comes later, overfitting included, does not count. A loss that still falls when training
    ends converges at its end: then the figure speaks of the number of epochs, not of the network.
    """
    curve = check_curve("val_loss", val_loss, LEAST_EPOCHS)
    lowest = _whole_windows(curve).min()
    rounding = _ROUNDING * float(np.abs(curve).max())
    there = curve <= lowest + CONVERGED_SHARE * max(0.0, curve[0] - lowest) + rounding
    return next(e + 1 for e in range(len(curve)) if there[e] and there[e : e + LEVEL_EPOCHS].mean() > 0.5)


def best_score(val_loss: npt.ArrayLike, within: int | None = None) -> float:
    """Return the lowest validation error, of the first `within` epochs if that is given.

        best = min v_e for e = 1, …, within

    The lowest of more epochs is lower by chance alone: compare two networks within the same number.
    """
    return float(_cut_window(check_curve("val_loss", val_loss), 1, within).min())


def last_score(val_loss: npt.ArrayLike, within: int | None = None) -> float:
    """Return the validation error of the last epoch, or of epoch `within`: last = v_within."""
    return float(_cut_window(check_curve("val_loss", val_loss), 1, within)[-1])


def _running_median(curve: Curve) -> Curve:
    """Return the level of every epoch, shape (epoch,); at the ends over the epochs that exist."""
    half = LEVEL_EPOCHS // 2
    padded = np.pad(curve, half, constant_values=np.nan)
    level: Curve = np.nanmedian(np.lib.stride_tricks.sliding_window_view(padded, LEVEL_EPOCHS), axis=1)
    return level


def _whole_windows(curve: Curve) -> Curve:
    """Return the levels that rest on five whole epochs, shape (epoch - 4,)."""
    half = LEVEL_EPOCHS // 2
    return _running_median(curve)[half:-half]


def _cut_window(curve: Curve, first_epoch: int, last_epoch: int | None) -> Curve:
    """Cut out the epochs from `first_epoch` to `last_epoch`, both included."""
    last = _check_epoch(curve, last_epoch)
    return curve[_check_epoch(curve, first_epoch) - 1 : last]


def _check_epoch(curve: Curve, epoch: int | None) -> int:
    """Return an epoch that the curve has; None is its last."""
    if epoch is None and len(curve):
        return len(curve)
    if epoch is None or not 1 <= epoch <= len(curve):
        raise DataError(f"epoch: expected one from 1 to {len(curve)}, received {epoch}")
    return epoch
