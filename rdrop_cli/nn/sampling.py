"""Call a network with dropout on and everything else as in inference."""

from collections.abc import Iterator
from contextlib import contextmanager

import keras
import numpy as np

from rdrop_cli.errors import RdropError
from rdrop_cli.nn.layers import MethodRNN
from rdrop_cli.nn.randomness import is_seed_state
from rdrop_cli.study.methods import Site

KNOWN = ("keras", "rdrop_cli")  # packages whose layers share no masks unless their arguments say so


def shares_masks(model: keras.Model) -> bool:
    """Whether the samples of a batch share masks, or may: nothing is known about a user's own layers."""
    return any(_may_share(layer) for layer in model._flatten_layers())


def _may_share(layer: keras.layers.Layer) -> bool:
    if type(layer).__module__.partition(".")[0] not in KNOWN:
        return True
    if isinstance(layer, MethodRNN):
        return not layer.method.per_sample or layer.method.site is Site.RECURRENT_KERNEL
    samples, *_ = getattr(layer, "noise_shape", None) or (None,)
    return samples is not None


@contextmanager
def use_averages(model: keras.Model) -> Iterator[None]:
    """Make batch normalisation use its moving averages, as in inference; a frozen layer does so in training calls."""
    layers = [layer for layer in model._flatten_layers() if isinstance(layer, keras.layers.BatchNormalization)]
    frozen = [layer for layer in layers if layer.trainable]
    for layer in frozen:
        layer.trainable = False
    try:
        yield
    finally:
        for layer in frozen:
            layer.trainable = True


@contextmanager
def keep_variables(model: keras.Model) -> Iterator[None]:
    """Restore the variables afterwards, except the seeds, which are set before each use.

    Raises:
        RdropError: a variable was changed, so more than dropout was on.
    """
    kept = [(variable, variable.numpy()) for variable in model.variables if not is_seed_state(variable)]
    try:
        yield
    finally:
        changed = [v.path for v, value in kept if not np.array_equal(v.numpy(), value, equal_nan=True)]
        for variable, value in kept:
            variable.assign(value)
    if changed:
        raise RdropError(
            f"{changed[0]}: its layer changes it whenever dropout is on, so masks cannot be sampled; leave masks out"
        )
