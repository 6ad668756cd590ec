"""Made curves and runs whose answer is known."""

import numpy as np

from rdrop_cli.analysis.run import RunCurves

NOISE = 0.002  # standardised error: about what the published baseline scatters by


def make_v(epochs: int, turn: int, noise: float = 0.0, seed: int = 0, fall: float = 0.004, climb: float = 0.003):
    """Fall to the turning epoch, counted from 1, and climb from it: shape (epoch,)."""
    distance = np.arange(1, epochs + 1) - turn
    curve = 0.26 + np.where(distance < 0, -fall * distance, climb * distance)
    return curve + np.random.default_rng(seed).normal(0, noise, epochs)


def make_level(epochs: int, noise: float = NOISE, seed: int = 0):
    return 0.27 + np.random.default_rng(seed).normal(0, noise, epochs)


def make_settling(epochs: int, pace: float, floor: float = 0.26, drop: float = 0.04):
    """Fall towards a floor, by e in `pace` epochs."""
    return floor + drop * np.exp(-np.arange(epochs) / pace)


def make_run(variant: str, seed: int, val_loss, train_mae=None, naive: float = 0.29, test_mae: float | None = None):
    val_loss = np.asarray(val_loss)
    return RunCurves(variant, seed, val_loss - 0.01, val_loss, train_mae, naive, test_mae, 8.84)
