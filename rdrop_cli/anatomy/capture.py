"""Obtain the masks of a training call of a recurrent layer from the state of its seed generator before the call.

Masks are a function of that state, so no layer is changed or hooked. This also works for calls inside a compiled
training step, whose tensors cannot be accessed.
"""

from dataclasses import dataclass
from typing import Any

import rdrop_cli.nn  # noqa: F401 -- mutes TensorFlow

# isort: split
import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from rdrop_cli.anatomy.record import MaskRecord
from rdrop_cli.nn.cells import CallMasks
from rdrop_cli.nn.layers import MethodRNN
from rdrop_cli.study.methods import CELLS, METHODS, Cell, Lifetime, Method, Site


@dataclass(frozen=True)
class CapturedCall:
    """The output of a training call, as the layer returned it, and its masks in the order in which they were drawn."""

    output: Any
    masks: tuple[MaskRecord, ...]


def capture_call(layer: Any, sequences: Any, **call: Any) -> CapturedCall:
    """Call a layer in training and return its output and masks.

    Args:
        layer: of `rdrop_cli.nn.layers`, or Keras's own GRU or LSTM.
        sequences: (batch, time, feature).
        **call: other arguments of the call, such as `mask` or `initial_state`.

    Raises:
        TypeError: the layer is of another type.
    """
    find_cell(layer)
    state = tf.identity(layer.cell.seed_generator.state.value)
    output = layer(sequences, training=True, **call)
    return CapturedCall(output, redraw_masks(layer, state, tuple(sequences.shape)))


def redraw_masks(
    layer: Any, state: npt.ArrayLike, shape: tuple[int, int, int], *, jit_compile: bool = False
) -> tuple[MaskRecord, ...]:
    """Return the masks that a layer applied in a training call.

    Args:
        layer: of `rdrop_cli.nn.layers`, or Keras's own GRU or LSTM.
        state: of the layer's seed generator before the call: seed and counter.
        shape: of the sequences: batch, time, feature.
        jit_compile: whether XLA compiled the call; TensorFlow then gives Keras's layers other random numbers.

    Raises:
        TypeError: the layer is of another type.
    """
    find_cell(layer)
    state = tf.constant(np.asarray(state), tf.int64)
    batch, timesteps, features = shape
    if isinstance(layer, MethodRNN):
        drawn = layer.sampler.draw(state, batch, timesteps, features, layer.compute_dtype)
        return _describe(layer.name, layer.method, layer.kind, drawn)
    generator = keras.random.SeedGenerator(seed=0)
    generator.state.assign(state)
    redraw = tf.function(_redraw_keras_masks, jit_compile=True) if jit_compile else _redraw_keras_masks
    # Keras masks h and x as `gal` does; without recurrent_dropout it has one mask on x for all gates.
    drawn = CallMasks(*redraw(layer, generator, batch, features))
    return _describe(layer.name, METHODS["gal"], find_cell(layer), drawn)


def find_cell(layer: Any) -> Cell:
    """Return the kind of cell of a recurrent layer.

    Raises:
        TypeError: the layer is of another type.
    """
    for name, kind in (("gru", keras.layers.GRU), ("lstm", keras.layers.LSTM)):
        if isinstance(layer, kind):
            return CELLS[name]
    raise TypeError(f"layer: expected a GRU or an LSTM, received {type(layer).__name__}")


def _redraw_keras_masks(layer: Any, generator: Any, batch: int, features: int) -> tuple[Any, Any]:
    """Draw in the order of Keras's cells, x first, then h; rates of 0 and, as in Keras, 1 draw nothing."""
    cell = layer.cell
    count = cell.dropout_mask_count if cell.implementation == 1 else 1

    def draw(rate: float, width: int) -> tuple[Any, ...]:
        ones = tf.ones((batch, width), layer.compute_dtype)
        return tuple(keras.random.dropout(ones, rate, seed=generator) for _ in range(count if 0 < rate < 1 else 0))

    return draw(cell.dropout, features), draw(cell.recurrent_dropout, cell.units)


def _describe(layer: str, method: Method, cell: Cell, masks: CallMasks) -> tuple[MaskRecord, ...]:
    """Return a record for each mask, with what it multiplies."""
    inputs = [
        MaskRecord(layer, "dropout", Site.LAYER_INPUT, "x", gates, Lifetime.SEQUENCE, mask.numpy())
        for gates, mask in zip(_share(cell.gates, len(masks.inputs)), masks.inputs, strict=True)
    ]
    recurrent = [
        MaskRecord(layer, "recurrent_dropout", method.site, target, gates, method.lifetime, mask.numpy())
        for (target, gates), mask in zip(
            _find_targets(method, cell, len(masks.recurrent)), masks.recurrent, strict=True
        )
    ]
    return (*inputs, *recurrent)


def _share(gates: tuple[str, ...], masks: int) -> list[tuple[str, ...]]:
    """Return the gates that each mask serves; there are no masks, one, or one per gate."""
    each: list[tuple[str, ...]] = [(gate,) for gate in gates]
    return [gates] if masks == 1 else each[:masks]


def _find_targets(method: Method, cell: Cell, masks: int) -> list[tuple[str, tuple[str, ...]]]:
    """Return what each mask of `recurrent_dropout` multiplies, and the gates whose product it changes."""
    if not masks:
        return []
    match method.site:
        case Site.RECURRENT_INPUT | Site.PREVIOUS_STATE:
            return [("h", gates) for gates in _share(cell.gates, masks)]
        case Site.RECURRENT_KERNEL:
            return [("U", cell.gates)]
        case Site.CANDIDATE:
            return [("g", ())]
        case Site.NEW_STATE:
            return [(cell.states[-1], ())]
    return [(state, ()) for state in cell.states]
