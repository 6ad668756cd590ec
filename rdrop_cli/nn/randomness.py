"""Every random number as a function of the run's seed, its purpose, and the step."""

import zlib

import keras
import numpy as np
import tensorflow as tf

DRAWS_PER_STEP = 1 << 12  # more than any layer draws in one call, so that no two steps share a counter


def derive_seed(seed: int, purpose: str) -> int:
    """Return a seed in [0, 2³¹) for one purpose of a run; different purposes get unrelated streams."""
    words = np.random.SeedSequence([seed, zlib.crc32(purpose.encode())]).generate_state(1)
    return int(words[0]) & 0x7FFF_FFFF


def draw_rows(seed: int, step: tf.Tensor, rows: range, batch_size: int) -> tf.Tensor:
    """Draw the rows before which the windows of a step end, uniformly from `rows`: int64 of shape (batch,).

    The algorithm is named, so that every machine draws the same windows for the same seed and step.
    """
    return tf.random.stateless_uniform(
        (batch_size,),
        seed=tf.stack([tf.constant(derive_seed(seed, "windows"), tf.int64), step]),
        minval=rows.start,
        maxval=rows.stop,
        dtype=tf.int64,
        alg="philox",
    )


class MaskSeeds:
    """Sets the state of every seed generator in a model from the run's seed and the step.

    Keras's recurrent layers keep a counter that every call advances, those in inference too, and that no weights
    file holds. Set anew before each training step, it is no state at all: evaluating more or fewer windows moves
    nothing, and a resumed run draws what an uninterrupted one does. Each generator has a stream of its own, also
    where layers were given the same seed (both directions of `Bidirectional` are).
    """

    def __init__(self, model: keras.Model, seed: int) -> None:
        states = [v for v in model.non_trainable_variables if v.path.endswith("seed_generator_state")]
        self._streams = [(state, derive_seed(seed, f"masks {i}")) for i, state in enumerate(states)]

    def find_stream(self, generator: keras.random.SeedGenerator) -> int:
        """Return the seed that a generator of the model has throughout the run; its counter tells the step."""
        return next(stream for state, stream in self._streams if state is generator.state)

    def set_step(self, step: tf.Tensor) -> None:
        """Set every generator for a step (int64 scalar); callable inside a compiled function."""
        for state, stream in self._streams:
            state.assign(tf.stack([tf.cast(stream, state.dtype), tf.cast(step * DRAWS_PER_STEP, state.dtype)]))
