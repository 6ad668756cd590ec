"""Convolutions, pooling and dense layers over time: the kernel's numbers are Keras's, wherever dropout stands."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from rdrop_cli.nn.engines import compute_loss
from rdrop_cli.nn.native.keras_network import UnsupportedModelError, describe_model
from rdrop_cli.nn.native.network import Network, Sequences, load_library
from rdrop_cli.nn.randomness import MaskSeeds
from tests.nn.own_networks import stack

SEED, STEP = 5, 3
layers = keras.layers
NETWORKS = {
    "dropout behind a convolution": lambda: [
        *(layers.Conv1D(3, 2, activation="relu"), layers.Dropout(0.3), layers.MaxPooling1D(2)),
        *(layers.SpatialDropout1D(0.3), layers.GRU(4, dropout=0.2, recurrent_dropout=0.2)),
    ],
    "dropout before a convolution": lambda: [
        *(layers.Dropout(0.3), layers.Conv1D(5, 3, activation="relu"), layers.AveragePooling1D(3)),
        *(layers.Conv1D(4, 2, activation="relu"), layers.GlobalMaxPooling1D(), layers.Dropout(0.3)),
    ],
    "behind a recurrent layer": lambda: [
        *(layers.LSTM(3, return_sequences=True, go_backwards=True), layers.Conv1D(9, 4, activation="relu")),
        layers.GlobalAveragePooling1D(),
    ],
    "before a pair": lambda: [
        *(layers.MaxPooling1D(2), layers.Conv1D(2, 1, activation="relu")),
        layers.Bidirectional(layers.GRU(3)),
    ],
    "dense over time": lambda: [layers.SpatialDropout1D(0.3), layers.Flatten(), layers.Dense(7, activation="relu")],
}
REFUSED = {
    "padding": lambda: [layers.Conv1D(3, 2, activation="relu", padding="causal"), layers.GlobalMaxPooling1D()],
    "strides": lambda: [layers.Conv1D(3, 2, activation="relu", strides=2), layers.GlobalMaxPooling1D()],
    "dilation_rate": lambda: [layers.Conv1D(3, 2, activation="relu", dilation_rate=2), layers.GlobalMaxPooling1D()],
    "groups": lambda: [layers.Conv1D(4, 2, activation="relu", groups=2), layers.GlobalMaxPooling1D()],
    "activation": lambda: [layers.Conv1D(3, 2, activation="tanh"), layers.GlobalMaxPooling1D()],
    "use_bias": lambda: [layers.Flatten(), layers.Dense(3, activation="relu", use_bias=False)],
    "kernel_regularizer": lambda: [layers.Flatten(), layers.Dense(3, activation="relu", kernel_regularizer="l2")],
    "keepdims": lambda: [layers.GlobalMaxPooling1D(keepdims=True), layers.GRU(3)],
    "place": lambda: [layers.GRU(3), layers.Reshape((3, 1)), layers.GlobalMaxPooling1D()],
    "where it stands": lambda: [layers.Flatten(), layers.Dropout(0.3), layers.Dense(3, activation="relu")],
}


def build(make, timesteps=12, features=4):
    keras.utils.set_random_seed(1)
    return stack(timesteps, features, *make())


def compute_by_keras(model, masks, x, targets):
    """Return the loss, its gradients and the predictions of Keras's own layers, with the masks of the step."""
    masks.set_step(tf.constant(STEP, tf.int64))
    with tf.GradientTape() as tape:
        loss = compute_loss("mae", model(x, training=True)[:, 0] - targets)
    gradients = tape.gradient(loss, [variable.value for variable in model.trainable_variables])
    return float(loss), np.concatenate([each.numpy().ravel() for each in gradients]), model(x).numpy()[:, 0]


@pytest.mark.thorough
@pytest.mark.parametrize("batch", [1, 37])
@pytest.mark.parametrize("network", NETWORKS)
def test_loss_gradients_and_predictions_are_those_of_keras(network, batch):
    model, rng = build(NETWORKS[network]), np.random.default_rng(0)
    x = rng.normal(size=(batch, 12, 4)).astype(np.float32)
    targets = (4 + rng.normal(size=batch)).astype(np.float32)
    masks = MaskSeeds(model, SEED)
    kernel = Network(load_library(), describe_model(model, masks.find_stream))
    parameters = np.concatenate([weight.numpy().ravel() for weight in model.trainable_variables])
    loss, gradients, predicted = compute_by_keras(model, masks, x, targets)
    for threads in (1, 2):
        found, received = kernel.differentiate(parameters, Sequences.from_batch(x), targets, step=STEP, threads=threads)
        assert found == pytest.approx(loss, rel=1e-5)
        np.testing.assert_allclose(received, gradients, atol=1e-5 * np.abs(gradients).max())
        np.testing.assert_allclose(
            kernel.predict(parameters, Sequences.from_batch(x), threads=threads), predicted, rtol=1e-4, atol=1e-6
        )


@pytest.mark.parametrize("why", REFUSED)
def test_what_the_kernel_does_not_compute_is_refused_by_name(why):
    model = build(REFUSED[why])
    with pytest.raises(UnsupportedModelError, match=why if why != "place" else "no Reshape"):
        describe_model(model, MaskSeeds(model, SEED).find_stream)


def test_pooling_with_other_strides_is_refused():
    model = build(lambda: [layers.MaxPooling1D(3, strides=2), layers.GRU(3)])
    with pytest.raises(UnsupportedModelError, match="strides"):
        describe_model(model, MaskSeeds(model, SEED).find_stream)


@pytest.mark.parametrize(
    "option", [{"activity_regularizer": "l2"}, {"dtype": "float64"}, {"bias_constraint": "max_norm"}]
)
def test_a_last_layer_with_more_than_weights_is_refused(option):
    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.Input((12, 4)), layers.GRU(3), layers.Dense(1, **option)])
    with pytest.raises(UnsupportedModelError, match="dense" + ".*" + next(iter(option))):
        describe_model(model, MaskSeeds(model, SEED).find_stream)
