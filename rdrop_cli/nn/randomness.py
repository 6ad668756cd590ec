"""Every random number as a function of the run's seed, its purpose, and the step."""

import zlib

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

DRAWS_PER_STEP = 1 << 12  # more than any layer draws in one call, so no two steps share a counter


def derive_seed(seed: int, purpose: str) -> int:
    """Return a seed in [0, 2³¹) for one purpose of a run; different purposes get unrelated streams."""
    words = np.random.SeedSequence([seed, zlib.crc32(purpose.encode())]).generate_state(1)
    return int(words[0]) & 0x7FFF_FFFF


def draw_rows(seed: int, step: tf.Tensor, rows: range, batch_size: int) -> tf.Tensor:
    """Draw the rows before which the windows of a step end, uniformly from `rows`: int64 of shape (batch,).

    The algorithm is fixed, so every machine draws the same windows for the same seed and step.
    """
    return tf.random.stateless_uniform(
        (batch_size,),
        seed=tf.stack([tf.constant(derive_seed(seed, "windows"), tf.int64), step]),
        minval=rows.start,
        maxval=rows.stop,
        dtype=tf.int64,
        alg="philox",
    )


class Passes:
    """Every row once per epoch, in an order that is a function of the seed and the epoch."""

    def __init__(self, seed: int, rows: range, batch_size: int) -> None:
        self._seed, self._rows, self._batch_size = derive_seed(seed, "passes"), rows, batch_size
        self._steps = -(-len(rows) // batch_size)
        self._epoch = -1

    def find_rows(self, step: int) -> npt.NDArray[np.int64]:
        """Return the rows of a step, counted from 0 over the whole run; the last batch of an epoch may be smaller."""
        epoch, place = divmod(step, self._steps)
        if epoch != self._epoch:
            self._epoch, self._order = epoch, self._shuffle(epoch)
        return self._order[place * self._batch_size : (place + 1) * self._batch_size]

    def _shuffle(self, epoch: int) -> npt.NDArray[np.int64]:
        """Return the rows sorted by random numbers, whose bits are the same on every machine and version."""
        numbers = np.random.Philox(key=[self._seed, epoch]).random_raw(len(self._rows))
        order: npt.NDArray[np.int64] = self._rows.start + np.argsort(numbers, kind="stable").astype(np.int64)
        return order


def is_seed_state(variable: keras.Variable) -> bool:
    """Whether a variable is the state of a seed generator."""
    return str(variable.path).endswith("seed_generator_state")


class MaskSeeds:
    """Sets the state of every seed generator in a model from the run's seed and the step.

    Keras's recurrent layers keep a counter that every call advances, even in inference, and that no weights file
    holds. Setting it before each training step removes this hidden state: evaluating more or fewer windows changes no
    mask, and a resumed run draws the same masks as an uninterrupted one. Each generator has its own stream, even if
    layers have the same seed (as both directions of `Bidirectional` do).
    """

    def __init__(self, model: keras.Model, seed: int) -> None:
        states = [variable for variable in model.non_trainable_variables if is_seed_state(variable)]
        self._streams = [(state, derive_seed(seed, f"masks {i}")) for i, state in enumerate(states)]

    def find_stream(self, generator: keras.random.SeedGenerator) -> int:
        """Return the seed that a generator of the model has throughout the run; its counter depends on the step."""
        return next(stream for state, stream in self._streams if state is generator.state)

    def set_step(self, step: tf.Tensor) -> None:
        """Set every generator for a step (int64 scalar); callable inside a compiled function."""
        for state, stream in self._streams:
            state.assign(tf.stack([tf.cast(stream, state.dtype), tf.cast(step * DRAWS_PER_STEP, state.dtype)]))
