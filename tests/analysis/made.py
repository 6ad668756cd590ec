"""Made curves and runs whose answer is known."""

import numpy as np

from rdrop_cli.analysis.collect import Collection
from rdrop_cli.analysis.network import Network
from rdrop_cli.analysis.run import RunCurves
from rdrop_cli.study.variants import VARIANTS

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


def make_collection(studies, attempts=None):
    """Collect made curves: {network: {seed: validation error}}; a network by its variant, or with rates behind it.

    The training error falls, so that a rise of the validation error is overfitting.
    """
    networks = {}
    for name, by_seed in studies.items():
        variant, _, rates = name.partition(" ")
        own = VARIANTS[variant]
        pair = tuple(map(float, rates.split("/"))) if rates else (own.dropout, own.recurrent_dropout)
        epochs = len(next(iter(by_seed.values())))
        runs = [
            make_run(variant, seed, curve, 0.25 - 0.004 * np.arange(len(curve)), test_mae=float(np.min(curve)))
            for seed, curve in sorted(by_seed.items())
        ]
        networks[Network(variant, "gru", *pair, epochs)] = runs
    own_rates = {each.variant: each for each in networks if each.is_of_the_study}
    return Collection(networks=networks, claimed=own_rates, attempts=attempts or {})
