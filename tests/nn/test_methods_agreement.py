"""Each layer computes its own method and no other; Keras's layer is one of them."""

import numpy as np
import pytest

from rdrop_cli.anatomy.capture import capture_call
from rdrop_cli.anatomy.identify import measure_errors
from rdrop_cli.anatomy.reference import run_gru, run_lstm
from rdrop_cli.study.methods import CELLS, METHODS, Site

CASES = [(cell, method.name) for cell in CELLS for method in METHODS.values() if cell in method.cells]
GRU_CASES = [method for cell, method in CASES if cell == "gru"]
KEPT = 0.75  # keep of the rates used here, at which masked-carry's growth stays within float32


def identify(layer, cell, sequences):
    call = capture_call(layer, sequences)
    return measure_errors(
        cell,
        sequences.astype(np.float64),
        layer.get_weights(),
        call.output,
        input_masks=[mask.array for mask in call.masks if mask.argument == "dropout"],
        recurrent_masks=[mask.array for mask in call.masks if mask.argument == "recurrent_dropout"],
        dropout=layer.dropout,
        recurrent_dropout=layer.recurrent_dropout,
        options={"reset_after": layer.reset_after} if cell == "gru" else {},
    )


def assert_follows(errors, method):
    assert errors.pop(method) < 1e-5
    assert min(errors.values()) > 1e-2, errors


@pytest.mark.thorough
@pytest.mark.parametrize(("cell", "method"), CASES)
def test_at_rate_0_a_method_is_keras_layer(make_layer, sequences, cell, method):
    plain = make_layer(cell, None)(sequences)
    np.testing.assert_allclose(make_layer(cell, method)(sequences, training=True), plain, atol=1e-6)


@pytest.mark.thorough
@pytest.mark.parametrize("method", GRU_CASES)
def test_at_rate_0_a_method_is_keras_layer_with_the_reset_before(make_layer, sequences, method):
    plain = make_layer("gru", None, reset_after=False)(sequences)
    layer = make_layer("gru", method, reset_after=False)
    np.testing.assert_allclose(layer(sequences, training=True), plain, atol=1e-6)


@pytest.mark.thorough
@pytest.mark.parametrize(("cell", "method"), CASES)
def test_a_layer_follows_its_method_and_no_other(make_layer, sequences, cell, method):
    layer = make_layer(cell, method, dropout=0.3, recurrent_dropout=1 - KEPT)
    assert_follows(identify(layer, cell, sequences), method)


@pytest.mark.parametrize("method", GRU_CASES)
def test_a_layer_with_the_reset_before_follows_its_method_and_no_other(make_layer, sequences, method):
    layer = make_layer("gru", method, dropout=0.3, recurrent_dropout=1 - KEPT, reset_after=False)
    assert_follows(identify(layer, "gru", sequences), method)


@pytest.mark.parametrize(("cell", "options"), [("gru", {}), ("gru", {"reset_after": False}), ("lstm", {})])
def test_keras_follows_gal_with_a_mask_per_gate_and_no_other(make_layer, sequences, cell, options):
    layer = make_layer(cell, None, dropout=0.3, recurrent_dropout=1 - KEPT, **options)
    assert_follows(identify(layer, cell, sequences), "gal")


@pytest.mark.parametrize("cell", CELLS)
def test_gal_and_keras_have_the_same_masks_from_the_same_seed(make_layer, sequences, cell):
    ours, keras_own = (make_layer(cell, m, dropout=0.3, recurrent_dropout=0.5) for m in ("gal", None))
    np.testing.assert_allclose(ours(sequences, training=True), keras_own(sequences, training=True), atol=1e-6)


@pytest.mark.parametrize("cell", CELLS)
def test_without_recurrent_dropout_keras_has_one_input_mask_for_all_gates(make_layer, sequences, cell):
    errors = identify(make_layer(cell, None, dropout=0.3), cell, sequences)
    assert errors["gal-tied"] < 1e-5
    assert errors["gal"] > 1e-2


@pytest.mark.parametrize("cell", CELLS)
def test_without_recurrent_dropout_gal_keeps_an_input_mask_per_gate(make_layer, sequences, cell):
    errors = identify(make_layer(cell, "gal", dropout=0.3), cell, sequences)
    assert errors["gal"] < 1e-5
    assert errors["gal-tied"] > 1e-2


@pytest.mark.parametrize(("cell", "method"), CASES)
def test_inference_is_the_plain_layer_or_has_the_mean_of_the_masks(make_layer, sequences, cell, method):
    layer = make_layer(cell, method, dropout=0.3, recurrent_dropout=1 - KEPT)
    run = run_gru if cell == "gru" else run_lstm
    # The two papers whose masks are 0 or 1 put their mean in at inference.
    mean = [np.full((1, layer.units), KEPT)] * 2 if method in ("moon", "zoneout") else []
    expected = run(method, sequences.astype(np.float64), layer.get_weights(), recurrent_masks=mean)
    np.testing.assert_allclose(layer(sequences, training=False), expected, atol=1e-6)


@pytest.mark.parametrize(("cell", "method"), CASES)
def test_memory_that_no_gate_lets_go_of_is_kept_unless_the_method_scales_it(make_layer, sequences, cell, method):
    layer = make_layer(cell, method, recurrent_dropout=0.5)
    kernel, recurrent_kernel, bias = (np.zeros_like(w) for w in layer.get_weights())
    bias[..., : layer.units] = 50 if cell == "gru" else -50  # z = 1, or i = 0
    if cell == "lstm":
        bias[layer.units : 2 * layer.units] = 50  # f = 1
    layer.set_weights([kernel, recurrent_kernel, bias])
    layer.return_state = True
    initial = [np.full((len(sequences), layer.units), 0.5, np.float32)] * len(CELLS[cell].states)
    memory = np.asarray(layer(sequences, training=True, initial_state=initial)[-1])
    scales_memory = METHODS[method].site in (Site.PREVIOUS_STATE, Site.NEW_STATE)
    assert bool(np.allclose(memory, 0.5)) is not scales_memory
