"""A model's and an optimizer's variables as one flat array, in Keras's order."""

from collections.abc import Sequence

import keras
import numpy as np

from rdrop_cli.nn.native.network import FloatArray


def flatten(variables: Sequence[keras.Variable]) -> FloatArray:
    """Return the values of all variables, (values,)."""
    return np.concatenate([variable.numpy().ravel() for variable in variables])


def assign(variables: Sequence[keras.Variable], values: FloatArray) -> None:
    """Assign the values, (values,), to the variables."""
    position = 0
    for variable in variables:
        size = int(np.prod(variable.shape))
        variable.assign(values[position : position + size].reshape(variable.shape))
        position += size


def list_slots(model: keras.Model, optimizer: keras.optimizers.Optimizer) -> list[list[keras.Variable]]:
    """Return the optimizer's slots, kind by kind; Keras stores the kinds of one weight together."""
    slots = optimizer.variables[2:]  # after its step count and learning rate
    kinds = len(slots) // len(model.trainable_variables)
    return [slots[kind::kinds] for kind in range(kinds)]
