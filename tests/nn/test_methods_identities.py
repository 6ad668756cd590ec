"""What is the same as what: exact relations between methods, and with layers around a plain one."""

import keras
import numpy as np
import pytest

from rdrop_cli.anatomy.capture import capture_call
from rdrop_cli.anatomy.reference import run_gru, run_lstm
from rdrop_cli.study.methods import CELLS


def split_masks(call):
    return [[m.array for m in call.masks if m.argument == argument] for argument in ("dropout", "recurrent_dropout")]


def test_dropping_a_gru_candidate_per_sequence_is_tied_gal_with_a_masked_output(make_layer, sequences):
    semeniuta = capture_call(make_layer("gru", "semeniuta-sequence", recurrent_dropout=0.4), sequences)
    gal = capture_call(make_layer("gru", "gal-tied", recurrent_dropout=0.4), sequences)
    _, (mask,) = split_masks(gal)
    np.testing.assert_array_equal(mask, split_masks(semeniuta)[1][0])  # the same seed draws the same mask
    np.testing.assert_allclose(semeniuta.output, gal.output * mask[:, None], atol=1e-5)


def test_dropping_an_lstm_candidate_per_sequence_silences_the_units_of_its_mask(make_layer, sequences):
    call = capture_call(make_layer("lstm", "semeniuta-sequence", recurrent_dropout=0.4), sequences)
    _, (mask,) = split_masks(call)
    np.testing.assert_array_equal(np.asarray(call.output) == 0, np.broadcast_to((mask == 0)[:, None], (4, 12, 8)))


@pytest.mark.parametrize(("cell", "run"), [("gru", run_gru), ("lstm", run_lstm)])
def test_rnndrop_from_a_zero_state_is_semeniuta_per_sequence_with_unscaled_masks(make_layer, sequences, cell, run):
    layer = make_layer(cell, "moon", recurrent_dropout=0.4)
    call = capture_call(layer, sequences)
    expected = run("semeniuta-sequence", sequences, layer.get_weights(), recurrent_masks=split_masks(call)[1])
    np.testing.assert_allclose(call.output, expected, atol=1e-5)


@pytest.mark.parametrize("cell", CELLS)
def test_masks_that_a_batch_shares_scale_the_rows_of_the_kernels(make_layer, sequences, cell):
    shared = make_layer(cell, "batch-shared", dropout=0.3, recurrent_dropout=0.4)
    call = capture_call(shared, sequences)
    kernel, recurrent_kernel, bias = shared.get_weights()
    rows_of_w, rows_of_u = (np.concatenate([np.tile(m.T, 8) for m in masks], axis=1) for masks in split_masks(call))
    plain = make_layer(cell, None)
    plain.set_weights([kernel * rows_of_w, recurrent_kernel * rows_of_u, bias])
    np.testing.assert_allclose(call.output, plain(sequences), atol=1e-5)


@pytest.mark.parametrize("cell", CELLS)
def test_dropconnect_is_the_plain_layer_with_some_recurrent_weights_missing(make_layer, sequences, cell):
    layer = make_layer(cell, "dropconnect", recurrent_dropout=0.4)
    call = capture_call(layer, sequences)
    kernel, recurrent_kernel, bias = layer.get_weights()
    plain = make_layer(cell, None)
    plain.set_weights([kernel, recurrent_kernel * split_masks(call)[1][0], bias])
    np.testing.assert_allclose(call.output, plain(sequences), atol=1e-5)


@pytest.mark.parametrize(
    ("before", "options"), [(keras.layers.SpatialDropout1D, {}), (keras.layers.Dropout, {"noise_shape": (None, 1, 5)})]
)
@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("method", [None, "gal-tied"])
def test_whole_features_dropped_before_a_layer_are_its_dropout_argument(
    make_layer, sequences, cell, method, before, options
):
    outside = make_layer(cell, None)(before(0.4, seed=7, **options)(sequences, training=True))
    np.testing.assert_allclose(make_layer(cell, method, dropout=0.4)(sequences, training=True), outside, atol=1e-6)


def test_dropout_before_a_layer_drops_single_values_and_is_no_dropout_argument(sequences):
    dropped = np.asarray(keras.layers.Dropout(0.4, seed=7)(sequences, training=True)) == 0
    constant = dropped == dropped[:, :1]
    assert not constant.all()
