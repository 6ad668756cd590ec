"""The updates of Keras's optimizers on flat arrays, in the order of Keras's operations, without momentum or decay.

NumPy arrays are changed in place, JAX arrays are not; the new values are returned in both cases.
"""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np


def update_rmsprop(
    optimizer: keras.optimizers.RMSprop,
    done: Any,
    weights: Any,
    gradients: Any,
    velocity: Any,
    *,
    sqrt: Callable[[Any], Any] = np.sqrt,
) -> tuple[Any, Any]:
    """Return the new weights and velocity, (parameters,) each."""
    rate, rho, epsilon = (np.float32(value) for value in (optimizer.learning_rate, optimizer.rho, optimizer.epsilon))
    velocity *= rho
    velocity += np.float32(1 - optimizer.rho) * (gradients * gradients)
    weights -= rate * gradients / sqrt(velocity + epsilon)
    return weights, velocity


def update_adam(
    optimizer: keras.optimizers.Adam,
    done: Any,
    weights: Any,
    gradients: Any,
    momentum: Any,
    velocity: Any,
    *,
    sqrt: Callable[[Any], Any] = np.sqrt,
) -> tuple[Any, Any, Any]:
    """Return the new weights, momentum and velocity, (parameters,) each, after `done` (float32) earlier updates."""
    one = np.float32(1)
    powers = [np.float32(beta) ** (done + one) for beta in (optimizer.beta_1, optimizer.beta_2)]
    alpha = np.float32(optimizer.learning_rate) * sqrt(one - powers[1]) / (one - powers[0])
    momentum += (gradients - momentum) * np.float32(1 - optimizer.beta_1)
    velocity += (gradients * gradients - velocity) * np.float32(1 - optimizer.beta_2)
    weights -= momentum * alpha / (sqrt(velocity) + np.float32(optimizer.epsilon))
    return weights, momentum, velocity


UPDATES: dict[str, Callable[..., tuple[Any, ...]]] = {"rmsprop": update_rmsprop, "adam": update_adam}
