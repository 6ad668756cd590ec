"""A Keras layer computed by the kernel, against the untouched layer."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf

from rdrop_cli.nn.native.keras_masks import draw_keras_masks
from rdrop_cli.nn.native.kernel import Sequences
from rdrop_cli.nn.native.layer_call import call_gru, compute_states, find_obstacle

SEED = 11


@pytest.fixture(autouse=True, scope="module")
def _cache(tmp_path_factory):
    """Compile into a folder that all tests of one run share."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RDROP_CACHE_DIR", str(tmp_path_factory.getbasetemp() / "kernels"))
        yield


def build_layer(features=14, units=32, **options):
    layer = keras.layers.GRU(units, seed=SEED, use_cudnn=False, **options)
    layer.build((None, None, features))
    rng = np.random.default_rng(5)
    for variable in layer.trainable_variables:
        variable.assign(0.25 * rng.normal(size=variable.shape))
    return layer


def draw_input(size=33, timesteps=9, features=14):
    return tf.constant(np.random.default_rng(6).normal(size=(size, timesteps, features)), tf.float32)


def differentiate(layer, x, compute):
    """Return an output and the gradients, of x and of the weights, of a sum of its elements with random weights."""
    layer.cell.seed_generator.state.assign([SEED, 0])
    variables = [variable.value for variable in layer.trainable_variables]
    with tf.GradientTape() as tape:
        tape.watch(x)
        output = compute(x)
        loss = tf.reduce_sum(output * np.random.default_rng(7).normal(size=output.shape))
    return [output, *tape.gradient(loss, [x, *variables])]


def assert_equals_keras(layer, x):
    def call_natively(x):
        masks = draw_keras_masks(layer, tf.shape(x)[0])
        return call_gru(layer, x, masks, training=True, input_gradient=True, count_threads=lambda: 2)

    expected = differentiate(layer, x, lambda x: layer(x, training=True))
    drawn = layer.cell.seed_generator.state.numpy()
    received = differentiate(layer, x, call_natively)
    assert np.array_equal(layer.cell.seed_generator.state.numpy(), drawn)
    for one, other in zip(received, expected, strict=True):
        assert one.shape == other.shape
        assert np.abs(one - other).max() <= 2e-6 * max(1, np.abs(other).max())


@pytest.mark.parametrize(
    ("dropout", "recurrent_dropout", "implementation", "return_sequences"),
    [
        (dropout, recurrent_dropout, implementation, return_sequences)
        for dropout, recurrent_dropout, (implementation, return_sequences) in itertools.product(
            (0.0, 0.3), (0.0, 0.4), ((1, False), (2, True))
        )
    ],
)
def test_output_gradients_and_draws_are_those_of_keras(dropout, recurrent_dropout, implementation, return_sequences):
    layer = build_layer(
        dropout=dropout,
        recurrent_dropout=recurrent_dropout,
        implementation=implementation,
        return_sequences=return_sequences,
    )
    assert_equals_keras(layer, draw_input())


def test_a_layer_that_reads_backwards_equals_keras():
    layer = build_layer(go_backwards=True, return_sequences=True, recurrent_dropout=0.4)
    assert_equals_keras(layer, draw_input(size=5))


def test_the_masks_do_drop():
    layer = build_layer(dropout=0.3, recurrent_dropout=0.4)
    inputs, recurrent = draw_keras_masks(layer, 50)
    for masks, rate, width in ((inputs.numpy(), 0.3, 14), (recurrent.numpy(), 0.4, 32)):
        assert masks.shape == (3, 50, width)
        assert set(np.unique(masks)) == {0, np.float32(1 / (1 - rate))}
        assert abs((masks == 0).mean() - rate) < 0.05
        assert not np.array_equal(masks[0], masks[1])


def test_gates_share_the_mask_of_an_input_dropped_alone():
    inputs, recurrent = draw_keras_masks(build_layer(dropout=0.3), 5)
    assert recurrent is None
    assert np.array_equal(inputs[0], inputs[1])
    assert np.array_equal(inputs[0], inputs[2])


def test_a_rate_of_one_drops_nothing_as_in_keras():
    assert draw_keras_masks(build_layer(dropout=1.0, recurrent_dropout=1.0), 5) == (None, None)


def test_stacked_layers_train_as_keras_trains_them():
    def build():
        first = build_layer(dropout=0.2, recurrent_dropout=0.2, return_sequences=True)
        second = build_layer(features=32, dropout=0.2, recurrent_dropout=0.2)
        return first, second

    def train(layers, call):
        variables = [variable for layer in layers for variable in layer.trainable_variables]
        optimizer = keras.optimizers.RMSprop()
        optimizer.build(variables)
        x = draw_input(size=40, timesteps=12)

        @tf.function
        def step():
            with tf.GradientTape() as tape:
                h = x
                for i, layer in enumerate(layers):
                    h = call(layer, h, i > 0)
                loss = tf.reduce_mean(tf.abs(h - 0.3))
            optimizer.apply(tape.gradient(loss, [v.value for v in variables]), variables)
            return loss

        return [float(step()) for _ in range(5)]

    def call_natively(layer, h, input_gradient):
        masks = draw_keras_masks(layer, tf.shape(h)[0])
        return call_gru(layer, h, masks, training=True, input_gradient=input_gradient)

    expected = train(build(), lambda layer, h, _: layer(h, training=True))
    received = train(build(), call_natively)
    assert received == pytest.approx(expected, rel=2e-6)
    assert expected[-1] < expected[0]


def test_a_graph_may_leave_batch_and_time_open():
    layer = build_layer(return_sequences=True)
    spec = tf.TensorSpec((None, None, 14), tf.float32)
    graph = tf.function(lambda x: call_gru(layer, x, training=False), input_signature=[spec])
    assert graph.get_concrete_function().output_shapes == tf.TensorShape((None, None, 32))
    for size, timesteps in ((2, 3), (40, 5)):
        x = draw_input(size, timesteps)
        assert np.abs(graph(x) - layer(x)).max() < 2e-6


def test_the_gradient_of_the_input_is_none_unless_asked_for():
    layer, x = build_layer(), draw_input()
    with tf.GradientTape() as tape:
        tape.watch(x)
        output = call_gru(layer, x, training=True)
    assert tape.gradient(output, x) is None


def test_windows_of_a_matrix_give_the_states_of_keras():
    layer = build_layer(dropout=0.3, recurrent_dropout=0.4)
    matrix = draw_input(1, 300)[0].numpy()
    starts = np.arange(0, 240, 3)
    x = matrix[starts[:, None] + 6 * np.arange(10)]
    states = compute_states(layer, Sequences(matrix, starts, 6, 10), threads=2)
    assert np.abs(states - layer(x, training=False)).max() < 2e-6


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"activation": "relu"}, "activation"),
        ({"recurrent_activation": "hard_sigmoid"}, "recurrent_activation"),
        ({"reset_after": False}, "reset_after"),
        ({"use_bias": False}, "use_bias"),
        ({"stateful": True}, "stateful"),
        ({"return_state": True}, "return_state"),
        ({"activity_regularizer": "l2"}, "activity_regularizer"),
        ({"dtype": "mixed_float16"}, "dtype"),
    ],
)
def test_a_layer_that_the_kernel_cannot_compute_is_refused_by_name(options, named):
    obstacle = find_obstacle(keras.layers.GRU(4, **options))
    assert obstacle.endswith(f"because of its {named}")


def test_other_layers_are_refused_and_the_book_s_are_not():
    assert find_obstacle(keras.layers.LSTM(4)) == "LSTM is not Keras's GRU"
    assert find_obstacle(keras.layers.GRU(32, dropout=0.2, recurrent_dropout=0.2, unroll=True)) is None
    assert find_obstacle(keras.layers.GRU(32, return_sequences=True, go_backwards=True)) is None
