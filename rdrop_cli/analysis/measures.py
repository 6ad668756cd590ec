"""The measures of a training curve, each defined only here.

A curve is a float array of shape (epoch,): one standardised mean absolute error per epoch. Multiply an error by the
run's `target_std` to convert it to the target's own unit. Epochs are counted from 1; v is the validation error of n
epochs.

The lowest of n noisy epochs lies below the true curve, and more so with more noise: of two networks that differ only in
their jitter, the noisier one looks better. So no measure here reads the value of an extreme from the epochs that chose
it: the epoch is chosen on one half of the epochs and its error is read from the other (`measure_level`).
"""

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from rdrop_cli.errors import DataError

Curve = npt.NDArray[np.float64]

WINDOW_EPOCHS = 5  # of a running median, and of the end of training
LEAST_CHOICE_EPOCHS = 4  # one epoch with two neighbours in each half
LEAST_EPOCHS = 10  # two adjacent windows: fewer epochs cannot show a turn
ONSET_JITTERS = 2.5  # finds an onset in at most about 1 of 100 curves of 10 to 80 epochs of level white noise

_MAD_TO_SD = 1.482602218505602  # standard deviation of a normal variable, divided by its median absolute value
_ROUNDING = 64 * np.finfo(np.float64).eps  # differences below this share of the loss are float64 rounding


class Level(NamedTuple):
    """The error that a network reaches, and the epoch at which it does (mean of two choices)."""

    error: float
    epoch: float


class Overfitting(NamedTuple):
    """How one run overfits; errors are standardised.

    Attributes:
        rise: error at the end of training minus the level.
        turn: epoch of the level.
        shown: whether the rise exceeds the margin while the training error falls.
    """

    rise: float
    turn: float
    shown: bool


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
    if not math.isfinite(sum(curve.tolist())) and not np.isfinite(curve).all():  # the first check takes half as long
        bad = int(np.isfinite(curve).argmin())
        raise DataError(f"{name}: epoch {bad + 1} is {curve[bad]}: skip this run")
    return curve


def measure_level(val_loss: npt.ArrayLike) -> Level:
    """Return the validation error that a network reaches, free of the luck of single epochs.

        level = (v_a + v_b) / 2
        a     = argmin over even e, 1 < e < n, of (v_{e-1} + v_{e+1}) / 2
        b     = argmin over odd e, 1 < e < n, of the same

    The epoch is chosen by its two neighbours, and its own error is read. So noise that is independent between epochs
    has mean zero in the level: a noisier network gains nothing. The minimum of 20 such epochs lies 1.9 standard
    deviations too low, the lowest running median of five 0.7. With fewer than four epochs there is no choice: the level
    is the last error. (Splitting the sample between choosing and estimating: Cox 1975, Biometrika 62, 441-444.) At a
    sharp turn the level lies above the true minimum by about half an epoch's slope.
    """
    return _find_level(check_curve("val_loss", val_loss))


def _find_level(curve: Curve) -> Level:
    if len(curve) < LEAST_CHOICE_EPOCHS:
        return Level(float(curve[-1]), float(len(curve)))
    neighbours = curve[:-2] + curve[2:]  # for epochs 2 to n - 1: twice the mean, which is lowest at the same epoch
    one, other = 2 * int(neighbours[::2].argmin()) + 1, 2 * int(neighbours[1::2].argmin()) + 2
    return Level(float((curve[one] + curve[other]) / 2), (one + other) / 2 + 1)


def measure_end(curve: npt.ArrayLike) -> float:
    """Return the error at the end of training: median(v_{n-4}, …, v_n)."""
    return _find_median(check_curve("curve", curve, WINDOW_EPOCHS)[-WINDOW_EPOCHS:])


def measure_overfitting(val_loss: npt.ArrayLike, training: npt.ArrayLike, margin: float) -> Overfitting:
    """Return whether a run overfits, by how much, and from which epoch on.

        rise  = end of v - level of v
        shown = rise > margin and the end of the training error < its running median at the turn

    Overfitting means that the two curves part: if training and validation get worse together, the network diverges.

    Args:
        training: training error measured with dropout off, if there is one, else the training loss.
        margin: the smallest rise that counts, in standardised error.
    """
    validation, fitted = check_curve("val_loss", val_loss, LEAST_EPOCHS), check_curve("training", training)
    if len(validation) != len(fitted):
        raise DataError(f"training: expected {len(validation)} epochs as in val_loss, received {len(fitted)}")
    level = _find_level(validation)
    rise = _find_median(validation[-WINDOW_EPOCHS:]) - level.error
    falls = _find_median(fitted[-WINDOW_EPOCHS:]) < _median_around(fitted, int(level.epoch) - 1)
    return Overfitting(rise, level.epoch, bool(rise > margin and falls))


def find_overfit_onset(val_loss: npt.ArrayLike) -> int | None:
    """Return the first epoch from which on the validation loss has turned up for good, or None.

        onset = min {e > 1 : m_k > min(m) + 2.5 · jitter  for every k ≥ e}, with at least 5 epochs k

    m is the running median over five epochs. The rise is compared with the curve's own noise: adding a constant to
    the curve, or multiplying it by a positive factor, does not move the onset. One or two bad epochs do not make an
    onset, wherever they are, nor does a rise that is reversed later. With noise the onset lies a little after the turn,
    since the rise has to exceed the noise.
    """
    curve = check_curve("val_loss", val_loss, LEAST_EPOCHS)
    medians = run_median(curve)
    floor = medians.min() + max(ONSET_JITTERS * measure_jitter(curve), _ROUNDING * float(np.abs(curve).max()))
    last_down = int(np.flatnonzero(medians <= floor)[-1])
    up_epochs = len(curve) - 1 - last_down
    return last_down + 2 if up_epochs >= WINDOW_EPOCHS else None


def measure_jitter(val_loss: npt.ArrayLike) -> float:
    """Return the spread between epochs that remains after removing the trend.

        jitter = 1.4826 · median |v_{e-1} - 2 v_e + v_{e+1}| / √6

    Second differences remove every trend that is linear over three epochs, so no trend has to be modelled. √6 makes the
    figure the standard deviation if the noise is white (Gasser, Sroka and Jennen-Steinmetz 1986, Biometrika 73,
    625-633). The median ignores single bad epochs and a steep start.
    """
    curve = check_curve("val_loss", val_loss, LEAST_EPOCHS)
    return float(_MAD_TO_SD * np.median(np.abs(np.diff(curve, n=2))) / np.sqrt(6))


def measure_gap(val_loss: npt.ArrayLike, train_mae: npt.ArrayLike) -> float:
    """Return the generalisation gap at the end: end of v - end of the training error measured with dropout off."""
    return measure_end(val_loss) - measure_end(train_mae)


def count_epochs_to_reach(val_loss: npt.ArrayLike, error: float) -> int | None:
    """Return the first epoch at which the running median over five epochs is at or below an error; None if never."""
    curve = check_curve("val_loss", val_loss, LEAST_EPOCHS)
    reached = np.flatnonzero(run_median(curve) <= error + _ROUNDING * float(np.abs(curve).max()))
    return int(reached[0]) + 1 if len(reached) else None


def run_median(curve: Curve) -> Curve:
    """Return the running median over five epochs, shape (epoch,); at the ends, over the epochs that exist."""
    half, epochs = WINDOW_EPOCHS // 2, len(curve)
    if epochs < WINDOW_EPOCHS:
        return np.array([_median_around(curve, place) for place in range(epochs)])
    windows = np.arange(epochs - WINDOW_EPOCHS + 1)[:, None] + np.arange(WINDOW_EPOCHS)
    medians = np.sort(curve[windows], axis=1)[:, half]
    ends = range(half), range(epochs - half, epochs)
    first, last = ([_median_around(curve, place) for place in places] for places in ends)
    return np.concatenate([first, medians, last])


def _median_around(curve: Curve, place: int) -> float:
    """Return the running median at one place."""
    half = WINDOW_EPOCHS // 2
    return _find_median(curve[max(0, place - half) : place + half + 1])


def _find_median(values: Curve) -> float:
    """Return the median of a few values; NumPy's median takes ten times as long."""
    ordered, middle = sorted(values.tolist()), len(values) // 2
    return float(ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2)
