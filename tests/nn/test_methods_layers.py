"""The layers as Keras layers: saving, padding, states, wrappers, compilation, bad arguments."""

from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf

from rdrop_cli.anatomy.capture import capture_call
from rdrop_cli.nn.layers import DropoutGRU, DropoutLSTM
from rdrop_cli.nn.native.keras_network import UnsupportedModelError, describe_model
from rdrop_cli.nn.randomness import MaskSeeds
from rdrop_cli.study.methods import CELLS, METHODS, Lifetime, Method, Site

LAYERS = {"gru": DropoutGRU, "lstm": DropoutLSTM}
CASES = [(cell, method.name) for cell in CELLS for method in METHODS.values() if cell in method.cells]
# Every way that masks enter a step: constant, anew at each timestep, and folded into the kernels.
KINDS = [("gru", "gal"), ("lstm", "zoneout"), ("gru", "dropconnect")]
RATES = {"dropout": 0.3, "recurrent_dropout": 0.4}

PADDING = np.array([[0, 0, 1, 1, 1, 0], [1, 1, 1, 1, 1, 1], [1, 0, 1, 0, 1, 1], [1, 1, 1, 0, 0, 0]], bool)


def test_the_table_is_complete():
    assert all(method.name == name and method.paper and method.description for name, method in METHODS.items())
    assert len({(m.site, m.lifetime, m.per_gate, m.per_sample) for m in METHODS.values()}) == len(METHODS)


@pytest.mark.parametrize(
    "shared",
    [
        Method("made", "no paper", "shared", Site.CANDIDATE),
        Method("made", "no paper", "shared", Site.RECURRENT_INPUT),
        Method("made", "no paper", "shared", Site.RECURRENT_INPUT, Lifetime.STEP, per_gate=True),
    ],
    ids=["no rows of a kernel", "one for all gates", "anew at each timestep"],
)
def test_a_method_that_no_layer_can_compute_is_refused(shared):
    with pytest.raises(ValueError, match="made: masks that the batch shares"):
        replace(shared, per_sample=False)


def test_a_method_at_a_new_place_is_left_to_keras(monkeypatch):
    monkeypatch.setitem(METHODS, "made", Method("made", "no paper", "after the layer", Site.RETURNED_OUTPUT))
    layer = DropoutGRU(3, "made", **RATES)
    model = keras.Sequential([keras.Input((6, 5)), layer, keras.layers.Dense(1)])
    with pytest.raises(UnsupportedModelError, match="the kernel has no masks on the returned output"):
        describe_model(model, MaskSeeds(model, 0).find_stream)


@pytest.mark.thorough
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras's, with NumPy 2.4
@pytest.mark.parametrize(("cell", "method"), CASES)
def test_a_saved_model_is_loaded_with_padding_in_safe_mode(tmp_path, sequences, cell, method):
    model = keras.Sequential(
        [
            keras.Input((None, 5)),
            keras.layers.Masking(),
            LAYERS[cell](3, method, seed=5, **RATES),
            keras.layers.Dense(1),
        ]
    )
    x = sequences.copy()
    x[:, 8:] = 0
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    assert loaded.layers[1].get_config() == model.layers[1].get_config()
    np.testing.assert_array_equal(loaded(x), model(x))
    np.testing.assert_array_equal(loaded(x, training=True), model(x, training=True))


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"go_backwards": True},
        {"return_sequences": False},
        {"zero_output_for_mask": True},
        {"unroll": True},
        {"use_bias": False},
        {"activation": "relu", "recurrent_activation": "hard_sigmoid"},
    ],
    ids=str,
)
@pytest.mark.parametrize("cell", CELLS)
def test_padding_states_and_options_are_keras_own(make_layer, sequences, cell, options):
    initial = [np.full((4, 8), v, np.float32) for v in (0.3, -0.2)][: len(CELLS[cell].states)]
    call = {"mask": PADDING, "initial_state": initial}
    plain = make_layer(cell, None, return_state=True, **options)(sequences[:, :6], **call)
    ours = make_layer(cell, "gal", return_state=True, **options)(sequences[:, :6], training=True, **call)
    assert len(ours) == 1 + len(initial)
    for a, b in zip(ours, plain, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


@pytest.mark.thorough
@pytest.mark.parametrize(("cell", "method"), CASES)
def test_padded_timesteps_change_nothing(make_layer, sequences, cell, method):
    layer = make_layer(cell, method, return_sequences=False, **RATES)
    padded = sequences.copy()
    padded[:, 6:] = 99
    first = capture_call(layer, sequences, mask=np.arange(12)[None].repeat(4, 0) < 6)
    layer.seed_generator.state.assign([7, 0])
    second = capture_call(layer, padded, mask=np.arange(12)[None].repeat(4, 0) < 6)
    np.testing.assert_array_equal(first.output, second.output)


@pytest.mark.parametrize(("cell", "method"), KINDS)
def test_a_layer_that_reads_backwards_reads_the_reversed_sequence(make_layer, sequences, cell, method):
    backwards = make_layer(cell, method, go_backwards=True, **RATES)
    call = capture_call(backwards, sequences)
    forwards = make_layer(cell, method, **RATES)
    forwards.go_backwards = True  # for its masks only
    masks = forwards.sampler.draw(tf.constant([7, 0], tf.int64), 4, 12, 5, "float32")
    if method == "zoneout":
        masks = type(masks)(masks.inputs, tuple(m[:, ::-1] for m in masks.recurrent))
    forwards.go_backwards = False
    forwards._find_masks = lambda *_: masks
    np.testing.assert_allclose(call.output, forwards(sequences[:, ::-1], training=True), atol=1e-6)


@pytest.mark.thorough
@pytest.mark.parametrize(("cell", "method"), KINDS)
def test_a_layer_can_be_wrapped_in_bidirectional(make_layer, sequences, cell, method):
    both = keras.layers.Bidirectional(make_layer(cell, method, **RATES))
    output = both(sequences, training=True, mask=np.ones((4, 12), bool))
    assert output.shape == (4, 12, 16)
    parts = [d.call(tf.constant(sequences), training=False) for d in (both.forward_layer, both.backward_layer)]
    np.testing.assert_allclose(
        both(sequences, training=False), np.concatenate([parts[0], np.flip(parts[1], 1)], -1), atol=1e-6
    )


@pytest.mark.thorough
@pytest.mark.parametrize(("cell", "method"), KINDS)
def test_compiled_and_uncompiled_training_agree_masks_included(make_layer, sequences, cell, method):
    layer = make_layer(cell, method, **RATES)

    def compute_gradient(x):
        with tf.GradientTape() as tape:
            output = layer(x, training=True)
            loss = tf.reduce_sum(output**2)
        return [output, *tape.gradient(loss, [w.value for w in layer.trainable_variables])]

    eager = compute_gradient(sequences)
    for jit_compile in (False, True):
        layer.seed_generator.state.assign([7, 0])
        for a, b in zip(tf.function(compute_gradient, jit_compile=jit_compile)(sequences), eager, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4)


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("cell", "method", "jit_compile"), [("gru", "zoneout", True), ("lstm", "gal", False), ("gru", "dropconnect", False)]
)
def test_fit_trains_a_layer_and_evaluation_moves_no_seed(sequences, cell, method, jit_compile):
    layer = LAYERS[cell](3, method, seed=1, **RATES)
    model = keras.Sequential([layer, keras.layers.Dense(1)])
    model.compile("rmsprop", "mae", jit_compile=jit_compile)
    y = np.ones((4, 1), np.float32)
    model.fit(sequences, y, batch_size=2, epochs=2, verbose=0)
    assert layer.seed_generator.state.numpy().tolist() == [1, 4 * layer.sampler.seeds_per_call]
    model.evaluate(sequences, y, verbose=0)
    assert layer.seed_generator.state.numpy().tolist() == [1, 4 * layer.sampler.seeds_per_call]


@pytest.mark.parametrize(("cell", "method"), KINDS)
def test_a_layer_computes_in_half_precision(make_layer, sequences, cell, method):
    rough, exact = (make_layer(cell, method, dtype=d, **RATES) for d in ("mixed_bfloat16", "float32"))
    output = rough(sequences, training=True)
    assert output.dtype == "bfloat16"
    np.testing.assert_allclose(tf.cast(output, "float32"), exact(sequences, training=True), atol=0.1)


@pytest.mark.parametrize("argument", ["dropout", "recurrent_dropout"])
@pytest.mark.parametrize("rate", [1, 1.0, 1.5, -0.1, float("nan"), float("inf"), "0.2", None, True, [0.2]], ids=repr)
def test_a_rate_that_is_none_is_refused_by_name(argument, rate):
    with pytest.raises(ValueError, match=rf"^{argument}=.*: expected a rate in \[0, 1\)"):
        DropoutGRU(3, "gal", **{argument: rate})


def test_a_rate_may_be_any_real_number():
    assert DropoutGRU(3, "gal", dropout=np.float32(0.5), recurrent_dropout=0).dropout == 0.5


@pytest.mark.parametrize(
    ("layer", "method", "message"),
    [
        (DropoutLSTM, "masked-carry", r"^method='masked-carry': lstm does not have it, only gru$"),
        (DropoutGRU, "zone-out", r"^method='zone-out': did you mean 'zoneout'\?$"),
        (DropoutGRU, "?", r"^method='\?': expected one of gal, gal-tied, moon,"),
        (DropoutGRU, None, r"^method=None: expected one of"),
    ],
)
def test_a_method_that_the_cell_does_not_have_is_refused(layer, method, message):
    with pytest.raises(ValueError, match=message):
        layer(3, method)


@pytest.mark.parametrize(
    ("cell", "shape", "call", "message"),
    [
        ("gru", (4, 5), {}, r"expected ndim=3, found ndim=2. Full shape received: \(4, 5\)"),
        ("gru", (4, 6, 5), {"initial_state": np.zeros((4, 7))}, r"initial_state: expected .*, 8\), received \(4, 7\)"),
        ("gru", (4, 6, 5), {"initial_state": np.zeros(8)}, r"initial_state: expected .*, 8\), received \(8,\)"),
        ("lstm", (4, 6, 5), {"initial_state": np.zeros((4, 8))}, "initial_state: expected 2 of .* received 1"),
        ("gru", (4, 6, 5), {"mask": np.ones((4, 6, 1), bool)}, r"mask: expected .* received \(4, 6, 1\)"),
    ],
)
def test_a_tensor_of_another_rank_is_refused(make_layer, cell, shape, call, message):
    with pytest.raises(ValueError, match=message):
        make_layer(cell, "gal")(np.zeros(shape, np.float32), **call)
