"""Capture a training call of a network block by block: each recurrent layer with its adjacent dropout layers."""

from dataclasses import dataclass, replace
from typing import Any

import rdrop_cli.nn  # noqa: F401 -- mutes TensorFlow

# isort: split
import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf
from keras import ops

from rdrop_cli.anatomy.capture import capture_call, find_cell
from rdrop_cli.anatomy.record import MaskRecord
from rdrop_cli.study.methods import Cell, Lifetime, Site

Values = npt.NDArray[np.floating[Any]]

DROPOUT_LAYERS = (keras.layers.Dropout, keras.layers.SpatialDropout1D)
RECURRENT_LAYERS = (keras.layers.RNN, keras.layers.Bidirectional)
OPEN = 50.0  # with this bias a gate is 1 in float32; with its negative it is 0
PROBE_RATE = 0.5
PROBE_SHAPE = (16, 3, 1)


@dataclass(frozen=True, eq=False)
class CapturedBlock:
    """A recurrent layer and its adjacent dropout layers in a training call.

    Attributes:
        layer: the recurrent layer.
        given: its input, (batch, time, feature), before any dropout layer.
        returned: its output, (batch, time, units) or (batch, units), after any dropout layer.
        masks: in the order of the layers.
    """

    layer: Any
    given: Values
    returned: Values
    masks: tuple[MaskRecord, ...]


def capture_blocks(model: keras.Sequential, sequences: npt.ArrayLike) -> list[CapturedBlock]:
    """Call a network in training, up to its last recurrent layer and the dropout after it, and return its blocks.

    A `Bidirectional` layer, which has to be the last recurrent one, gives one block per direction.

    Args:
        model: recurrent layers, with dropout layers before or after them, then any other layers.
        sequences: (batch, time, feature).
    """
    blocks: list[CapturedBlock] = []
    values = given = tf.convert_to_tensor(sequences)
    before: tuple[MaskRecord, ...] = ()
    for layer in model.layers:
        if isinstance(layer, DROPOUT_LAYERS):
            values, masks = _capture_dropout_layer(layer, values, before=not blocks)
            if blocks:
                blocks[-1] = replace(blocks[-1], returned=values.numpy(), masks=(*blocks[-1].masks, *masks))
            else:
                before = masks
        elif isinstance(layer, RECURRENT_LAYERS):
            directions = [capture_call(direction, values) for direction in list_directions(layer)]
            for direction, call in zip(list_directions(layer), directions, strict=True):
                masks = (*_name_readers(before, find_cell(direction)), *call.masks)
                blocks.append(CapturedBlock(direction, given.numpy(), call.output.numpy(), masks))
            values = given = ops.concatenate([call.output for call in directions], axis=-1)
            before = ()
        else:
            break
    return blocks


def list_directions(layer: Any) -> list[Any]:
    """Return a recurrent layer in a list, or the two layers of a `Bidirectional` one."""
    return [layer.forward_layer, layer.backward_layer] if isinstance(layer, keras.layers.Bidirectional) else [layer]


def changes_memory(layer: Any) -> bool:
    """Measure whether the masks of a recurrent layer change its memory (h of a GRU, c of an LSTM).

    In a copy of the layer, all weights are 0 and the biases set the gates so that the memory passes from timestep to
    timestep unchanged; only a mask can change it then.
    """
    kind = find_cell(layer)
    rates = {name: PROBE_RATE if getattr(layer, name) else 0.0 for name in ("dropout", "recurrent_dropout")}
    options = {"name": "probe", "seed": 0, "return_state": True, "return_sequences": False}
    probe = type(layer).from_config({**layer.get_config(), **options, **rates})
    probe.build(PROBE_SHAPE)
    *kernels, bias = (np.zeros(weight.shape, np.float32) for weight in probe.get_weights())
    for i, gate in enumerate(kind.gates):
        bias[..., i * layer.units : (i + 1) * layer.units] = {"z": OPEN, "f": OPEN, "i": -OPEN}.get(gate, 0.0)
    probe.set_weights([*kernels, bias])
    initial = [np.full((PROBE_SHAPE[0], layer.units), 0.5, np.float32)] * len(kind.states)
    memory = probe(np.zeros(PROBE_SHAPE, np.float32), training=True, initial_state=initial)[-1]
    return not np.allclose(memory, 0.5)


def _capture_dropout_layer(layer: Any, values: tf.Tensor, before: bool) -> tuple[tf.Tensor, tuple[MaskRecord, ...]]:
    """Return the layer's output for values in training, and its mask: its output for ones from the same seed."""
    if not layer.rate:
        return values, ()
    state = tf.identity(layer.seed_generator.state.value)
    dropped = layer(values, training=True)
    layer.seed_generator.state.assign(state)
    mask = layer(tf.ones_like(values), training=True).numpy()
    anew = mask.ndim == 3 and (mask != mask[:, :1]).any()
    array = mask if anew or mask.ndim == 2 else mask[:, 0]
    site, target = (Site.GIVEN_SEQUENCE, "x") if before else (Site.RETURNED_OUTPUT, "y")
    lifetime = Lifetime.STEP if anew else Lifetime.SEQUENCE
    return dropped, (MaskRecord(layer.name, "rate", site, target, (), lifetime, array),)


def _name_readers(masks: tuple[MaskRecord, ...], cell: Cell) -> tuple[MaskRecord, ...]:
    """Return masks on a sequence with all gates of the next cell as their readers."""
    return tuple(replace(mask, gates=cell.gates) for mask in masks)
