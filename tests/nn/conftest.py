"""Recurrent layers with weights that hide nothing: all random, biases too."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import pytest

from rdrop_cli.nn.layers import DropoutGRU, DropoutLSTM

UNITS = 8
KERAS = {"gru": keras.layers.GRU, "lstm": keras.layers.LSTM}
OURS = {"gru": DropoutGRU, "lstm": DropoutLSTM}


@pytest.fixture
def sequences() -> npt.NDArray[np.float32]:
    """4 samples, 12 timesteps, 5 features."""
    return np.random.default_rng(0).normal(size=(4, 12, 5)).astype(np.float32)


@pytest.fixture
def make_layer(sequences: npt.NDArray[np.float32]) -> Callable[..., Any]:
    """Build a layer of a cell by method, or Keras's own if that is None; all layers of a cell have the same weights."""

    def make(cell: str, method: str | None, **options: Any) -> Any:
        options = {"return_sequences": True, "seed": 7, "name": "layer", **options}
        layer = KERAS[cell](UNITS, **options) if method is None else OURS[cell](UNITS, method, **options)
        layer.build(sequences.shape)
        rng = np.random.default_rng(1)
        layer.set_weights([0.5 * rng.normal(size=w.shape) for w in layer.weights])
        return layer

    return make
