"""The kernel draws TensorFlow's bits."""

import numpy as np
import pytest
import tensorflow as tf

from rdrop_cli.nn.masks import draw_mask
from rdrop_cli.nn.native.description import Masks
from rdrop_cli.nn.native.network import load_library
from rdrop_cli.nn.randomness import DRAWS_PER_STEP, derive_seed, draw_rows


def draw_natively(masks, step, shape):
    size, *timesteps, units = shape
    return load_library().draw_masks(masks, step, size, timesteps[0] if timesteps else 1, units)


@pytest.mark.parametrize(
    "shape", [(1, 1), (7, 3), (33, 32), (129, 31), (2, 240, 32), (40, 5, 1), (33, 6, 5), (3, 2, 7)]
)
@pytest.mark.parametrize(("stream", "step", "first"), [(5, 0, 0), (derive_seed(3, "masks 0"), 19_999, 11)])
def test_masks_are_those_of_tensorflow(shape, stream, step, first):
    masks = Masks(stream=stream, first=first, count=2, rate=0.3)
    drawn = draw_natively(masks, step, shape)
    for i in range(2):
        seed = tf.constant([stream, step * DRAWS_PER_STEP + first + i], tf.int64)
        assert np.array_equal(drawn[i].reshape(shape), draw_mask(shape, 0.3, seed, 1.0, "float32"))


def test_masks_are_those_of_keras():
    seed, step, rate, shape = derive_seed(3, "masks 0"), 12_345, 0.2, (50, 32)
    state = [seed % (2**31 - 2), step * DRAWS_PER_STEP % (2**31 - 2)]
    dropped = tf.nn.experimental.stateless_dropout(tf.ones(shape), rate, tf.constant(state, tf.int32))
    drawn = draw_natively(Masks(stream=seed, count=1, rate=rate), step, shape)
    assert np.array_equal(drawn.reshape(shape), dropped.numpy() > 0)


def test_a_counter_beyond_31_bits_is_reduced_as_keras_reduces_it():
    step = 2**20
    seed = tf.constant([2**31 - 1, step * DRAWS_PER_STEP], tf.int64)
    drawn = draw_natively(Masks(stream=2**31 - 1, count=1, rate=0.5), step, (4, 9))
    assert np.array_equal(drawn.reshape(4, 9), draw_mask((4, 9), 0.5, seed, 1.0, "float32"))


@pytest.mark.parametrize("rate", [1e-9, 0.1, 0.25, 0.999])
def test_the_rate_is_compared_as_float32(rate):
    drawn = draw_natively(Masks(stream=9, count=1, rate=rate), 1, (300, 100))
    seed = tf.constant([9, DRAWS_PER_STEP], tf.int64)
    assert np.array_equal(drawn.reshape(300, 100), draw_mask((300, 100), rate, seed, 1.0, "float32"))


def test_windows_are_those_of_tensorflow():
    for rows, step in ((range(1440, 200_001), 0), (range(30, 300), 19_999), (range(5, 6), 3)):
        expected = draw_rows(4, tf.constant(step, tf.int64), rows, 129)
        drawn = load_library().draw_integers(derive_seed(4, "windows"), step, rows, 129)
        assert np.array_equal(drawn, expected)


def test_other_steps_seeds_and_masks_are_other_bits():
    first = Masks(stream=5, count=2, rate=0.5)
    one, two = draw_natively(first, 0, (64, 32))
    assert not np.array_equal(one, two)
    assert not np.array_equal(one, draw_natively(first, 1, (64, 32))[0])
    assert not np.array_equal(one, draw_natively(Masks(stream=6, count=1, rate=0.5), 0, (64, 32))[0])
    assert abs(one.mean() - 0.5) < 0.05
