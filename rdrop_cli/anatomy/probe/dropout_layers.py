"""Dropout layers of Keras, next to or between recurrent ones; each series of calls makes a new one."""

import inspect
from typing import Any, Dict, Tuple

import numpy as np

from .calls import BATCH, TIMESTEPS, UNITS, Array, RefusedError
from .keras_layers import Maker, count_trainable, is_symbolic, seed_all

LEAST_CALLS, MOST_CALLS = 8, 200  # until values are dropped and kept: many may share one draw


def is_dropout(keras: Any, layer: Any) -> bool:
    """Whether a layer, or a class of layers, is Keras's Dropout or a subclass of it."""
    return issubclass(layer if inspect.isclass(layer) else type(layer), keras.layers.Dropout)


class DropoutSubject:
    """A dropout layer, called with ones of shape (batch, time, feature), so that it returns its masks."""

    def __init__(self, keras: Any, make: Maker, name: str, seed: int) -> None:
        self.keras, self.name, self._make, self._seed = keras, name, make, seed
        self.shape = choose_shape(make())

    def run_calls(self) -> Tuple[Dict[str, Any], Dict[str, Array]]:
        """Return facts about the layer, and its outputs by name of call.

        Raises:
            TypeError: the layer can be called only in a graph.
        """
        if is_symbolic(self.keras):
            raise TypeError("a dropout layer of this Keras can be called in a graph only")
        layer = self._start()
        masks = self._draw_masks(layer)
        again = self._start()
        outputs = {"masks": masks, "again": np.stack([self._call(again) for _ in masks])}
        outputs["inference"] = self._call(self._start(), training=False)
        rates = {"rate": float(layer.rate)}
        return {"name": self.name, "rates": rates, "dropout_layer": True, "trainable": count_trainable(layer)}, outputs

    def _draw_masks(self, layer: Any) -> Array:
        """Return the outputs of enough calls to show dropped and kept values, (call, batch, time, feature)."""
        masks = [self._call(layer) for _ in range(LEAST_CALLS)]
        while len(masks) < MOST_CALLS and layer.rate and 0 in (np.count_nonzero(masks), np.sum(np.equal(masks, 0))):
            masks.append(self._call(layer))
        return np.stack(masks)

    def _start(self) -> Any:
        seed_all(self._seed)
        return self._make()

    def _call(self, layer: Any, training: bool = True) -> Array:
        returned = layer(np.ones(self.shape, "float32"), training=training)
        ops = getattr(self.keras, "ops", None)
        return np.asarray(ops.convert_to_numpy(returned) if ops else returned, "float32")


def choose_shape(layer: Any) -> Tuple[int, ...]:
    """Return the shape of inputs for a dropout layer, with the sizes that its noise_shape sets.

    Raises:
        RefusedError: noise_shape has other axes than batch, time and features.
    """
    named = tuple(getattr(layer, "noise_shape", None) or (None, None, None))
    if len(named) != 3:
        raise RefusedError("expected a noise_shape of batch, time and features, received {}".format(named))
    usual = BATCH, TIMESTEPS, UNITS
    return tuple(size if size and size > 1 else usual[axis] for axis, size in enumerate(named))
