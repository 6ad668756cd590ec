"""The updates of Keras's optimizers on flat arrays, in the order of Keras's operations, without momentum or decay."""

from collections.abc import Callable

import keras
import numpy as np

from rdrop_cli.nn.native.network import FloatArray


def update_rmsprop(
    optimizer: keras.optimizers.RMSprop, done: int, weights: FloatArray, gradients: FloatArray, velocity: FloatArray
) -> None:
    """Update weights and velocity in place, (parameters,) each."""
    rate, rho, epsilon = (np.float32(value) for value in (optimizer.learning_rate, optimizer.rho, optimizer.epsilon))
    velocity *= rho
    velocity += np.float32(1 - optimizer.rho) * np.square(gradients)
    weights -= rate * gradients / np.sqrt(velocity + epsilon)


def update_adam(
    optimizer: keras.optimizers.Adam,
    done: int,
    weights: FloatArray,
    gradients: FloatArray,
    momentum: FloatArray,
    velocity: FloatArray,
) -> None:
    """Update weights, momentum and velocity in place, (parameters,) each; `done` updates came before this one."""
    one, step = np.float32(1), np.float32(done + 1)
    powers = [np.power(np.float32(beta), step) for beta in (optimizer.beta_1, optimizer.beta_2)]
    alpha = np.float32(optimizer.learning_rate) * np.sqrt(one - powers[1]) / (one - powers[0])
    momentum += (gradients - momentum) * np.float32(1 - optimizer.beta_1)
    velocity += (np.square(gradients) - velocity) * np.float32(1 - optimizer.beta_2)
    weights -= momentum * alpha / (np.sqrt(velocity) + np.float32(optimizer.epsilon))


UPDATES: dict[str, Callable[..., None]] = {"rmsprop": update_rmsprop, "adam": update_adam}
