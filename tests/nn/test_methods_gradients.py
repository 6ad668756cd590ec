"""Gradients against finite differences, in double precision and under fixed masks."""

import numpy as np
import pytest
import tensorflow as tf

from rdrop_cli.study.methods import CELLS, METHODS

CASES = [(cell, method.name) for cell in CELLS for method in METHODS.values() if cell in method.cells]
STEP = 1e-5


@pytest.mark.thorough
@pytest.mark.parametrize(("cell", "method"), CASES)
def test_gradients_are_those_of_finite_differences(make_layer, sequences, cell, method):
    layer = make_layer(cell, method, dtype="float64", dropout=0.3, recurrent_dropout=0.25)
    rng = np.random.default_rng(2)
    points = [tf.constant(sequences[:, :5], tf.float64), *(tf.constant(w) for w in layer.get_weights())]
    readout = tf.constant(rng.normal(size=(4, 5, 8)))

    @tf.function
    def compute_loss(x, *weights):
        layer.seed_generator.state.assign([7, 0])
        for variable, weight in zip(layer.trainable_variables, weights, strict=True):
            variable.assign(weight)
        return tf.reduce_sum(readout * layer(x, training=True))

    with tf.GradientTape() as tape:
        tape.watch([points[0], *(w.value for w in layer.trainable_variables)])
        layer.seed_generator.state.assign([7, 0])
        loss = tf.reduce_sum(readout * layer(points[0], training=True))
    gradients = tape.gradient(loss, [points[0], *(w.value for w in layer.trainable_variables)])

    for i, gradient in enumerate(gradients):
        direction = rng.normal(size=gradient.shape)
        ends = [[*points[:i], points[i] + sign * STEP * direction, *points[i + 1 :]] for sign in (1, -1)]
        slope = (compute_loss(*ends[0]) - compute_loss(*ends[1])) / (2 * STEP)
        np.testing.assert_allclose(np.sum(gradient * direction), slope, rtol=1e-6)
