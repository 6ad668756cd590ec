"""The masks: their values and shapes, what they depend on, and what they leave alone."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from rdrop_cli.anatomy.capture import capture_call, redraw_masks
from rdrop_cli.nn.masks import draw_mask
from rdrop_cli.study.methods import CELLS, METHODS

CASES = [(cell, method.name) for cell in CELLS for method in METHODS.values() if cell in method.cells]

# By method: number of masks of recurrent_dropout for the GRU and the LSTM, their shape with b samples, t timesteps,
# n units and g gates, and what kept values become at a rate of 0.5.
FORMS = {
    "gal": (3, 4, "bn", 2.0),
    "gal-tied": (1, 1, "bn", 2.0),
    "moon": (1, 1, "bn", 1.0),
    "semeniuta-step": (1, 1, "btn", 2.0),
    "semeniuta-sequence": (1, 1, "bn", 2.0),
    "zoneout": (1, 2, "btn", 1.0),
    "dropconnect": (1, 1, "ng", 2.0),
    "naive-step": (3, 4, "btn", 2.0),
    "masked-carry": (1, 0, "bn", 2.0),
    "batch-shared": (3, 4, "1n", 2.0),
}


def masks_of(records, argument):
    return [record.array for record in records if record.argument == argument]


def draw(layer):
    return redraw_masks(layer, [7, 0], (4, 12, 5))


@pytest.mark.parametrize(("cell", "method"), CASES)
def test_masks_have_the_form_of_their_method(make_layer, cell, method):
    *counts, form, kept = FORMS[method]
    sizes = {"b": 4, "t": 12, "n": 8, "1": 1, "g": 8 * len(CELLS[cell].gates)}
    masks = masks_of(draw(make_layer(cell, method, recurrent_dropout=0.5)), "recurrent_dropout")
    assert len(masks) == counts[list(CELLS).index(cell)]
    for mask in masks:
        assert mask.shape == tuple(sizes[axis] for axis in form)
        np.testing.assert_array_equal(np.unique(mask), np.float32([0, kept]))
    assert len({mask.tobytes() for mask in masks}) == len(masks)


@pytest.mark.parametrize(("cell", "method"), CASES)
def test_input_masks_are_constant_over_time_and_per_gate_where_the_method_is(make_layer, cell, method):
    masks = masks_of(draw(make_layer(cell, method, dropout=0.2)), "dropout")
    per_gate = method in ("gal", "naive-step", "batch-shared")
    assert len(masks) == (len(CELLS[cell].gates) if per_gate else 1)
    for mask in masks:
        assert mask.shape == (1 if method == "batch-shared" else 4, 5)
        assert set(np.unique(mask)) <= {np.float32(0), np.float32(1.25)}


@pytest.mark.parametrize(("cell", "method"), CASES)
def test_neither_rate_changes_the_masks_of_the_other(make_layer, cell, method):
    both = draw(make_layer(cell, method, dropout=0.3, recurrent_dropout=0.4))
    first = draw(make_layer(cell, method, dropout=0.3))
    second = draw(make_layer(cell, method, recurrent_dropout=0.4))
    np.testing.assert_equal([m.array for m in both], [m.array for m in (*first, *second)])


@pytest.mark.parametrize("cell", CELLS)
def test_every_training_call_has_new_masks(make_layer, sequences, cell):
    layer = make_layer(cell, "gal", dropout=0.3, recurrent_dropout=0.4)
    calls = [capture_call(layer, sequences).masks for _ in range(2)]
    seen = {mask.array.tobytes() for masks in calls for mask in masks}
    assert len(seen) == 2 * 2 * len(CELLS[cell].gates)


@pytest.mark.thorough
@pytest.mark.parametrize(("cell", "method"), CASES)
def test_inference_moves_no_seed(make_layer, sequences, cell, method):
    layer = make_layer(cell, method, dropout=0.3, recurrent_dropout=0.4)
    layer(sequences, training=False)
    layer(sequences)
    assert layer.seed_generator.state.numpy().tolist() == [7, 0]
    layer(sequences, training=True)
    assert layer.seed_generator.state.numpy().tolist() == [7, layer.sampler.seeds_per_call]


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_masks_average_to_1(rate):
    draws = 400_000
    mask = draw_mask((draws,), rate, tf.constant([7, 0], tf.int64), 1 / (1 - rate), "float32").numpy()
    standard_error = np.sqrt(rate / (1 - rate) / draws)
    assert abs(mask.mean(dtype=np.float64) - 1) < 4 * standard_error


def test_masks_of_neighbouring_seeds_and_counters_are_independent():
    seeds = [[seed, counter] for seed in (7, 8) for counter in range(3)]
    masks = [draw_mask((100_000,), 0.5, tf.constant(s, tf.int64), 2.0, "float32").numpy() for s in seeds]
    correlations = np.corrcoef(masks)[np.triu_indices(len(masks), 1)]
    assert np.abs(correlations).max() < 5 / np.sqrt(100_000)


@pytest.mark.parametrize("jit_compile", [False, True])
def test_masks_do_not_depend_on_compilation(jit_compile):
    def sample(state):
        return draw_mask((3, 33, 5), 0.3, state, 1.0, "float32")

    state = tf.constant([2**40 + 7, 3], tf.int64)
    np.testing.assert_array_equal(tf.function(sample, jit_compile=jit_compile)(state), sample(state))


def test_masks_do_not_depend_on_the_precision(make_layer):
    kept = [
        [mask.array != 0 for mask in draw(make_layer("gru", "gal", recurrent_dropout=0.4, dtype=dtype))]
        for dtype in ("float32", "float64", "mixed_bfloat16")
    ]
    np.testing.assert_array_equal(kept[0], kept[1])
    np.testing.assert_array_equal(kept[0], kept[2])


@pytest.mark.parametrize(("cell", "method"), CASES)
def test_the_directions_of_bidirectional_have_different_masks(make_layer, cell, method):
    both = keras.layers.Bidirectional(make_layer(cell, method, dropout=0.3, recurrent_dropout=0.4))
    forward, backward = ([m.array for m in draw(d)] for d in (both.forward_layer, both.backward_layer))
    assert all((f != b).any() for f, b in zip(forward, backward, strict=True))


@pytest.mark.parametrize("rates", [(0.3, 0.4), (0.3, 0.0), (0.0, 0.4)])
@pytest.mark.parametrize("cell", CELLS)
def test_masks_redrawn_for_keras_layer_are_those_its_cell_held(make_layer, sequences, cell, rates):
    layer = make_layer(cell, None, dropout=rates[0], recurrent_dropout=rates[1])
    held = []
    reset = layer.cell.reset_recurrent_dropout_mask

    def reset_and_keep():
        for masks in (layer.cell._dropout_mask, layer.cell._recurrent_dropout_mask):
            held.extend(masks if isinstance(masks, list) else [] if masks is None else [masks])
        reset()

    layer.cell.reset_dropout_mask = lambda: None  # else the first are gone when the second are reset
    layer.cell.reset_recurrent_dropout_mask = reset_and_keep
    redrawn = capture_call(layer, sequences).masks
    np.testing.assert_array_equal([m.tobytes() for m in map(np.asarray, held)], [m.array.tobytes() for m in redrawn])


@pytest.mark.thorough
def test_masks_of_keras_layer_under_xla_can_be_redrawn(make_layer, sequences):
    keras_own = make_layer("gru", None, dropout=0.3, recurrent_dropout=0.4)
    output = tf.function(keras_own, jit_compile=True)(sequences, training=True)
    redrawn = redraw_masks(keras_own, [7, 0], sequences.shape, jit_compile=True)
    masks = {m.target: [r.array for r in redrawn if r.target == m.target] for m in redrawn}
    keras_own.cell._dropout_mask, keras_own.cell._recurrent_dropout_mask = masks["x"], masks["h"]
    np.testing.assert_allclose(keras_own(sequences, training=True), output, atol=1e-6)


def test_other_layers_have_no_masks_to_capture(sequences):
    with pytest.raises(TypeError, match="expected a GRU or an LSTM, received Dense"):
        capture_call(keras.layers.Dense(1), sequences)
