"""The kernel computes what the Keras layers do: every variant and cell, at odd sizes, and with each instruction set."""

import numpy as np
import pytest
import tensorflow as tf

from rdrop_cli.nn.masks import draw_mask
from rdrop_cli.nn.native import compiler
from rdrop_cli.nn.native.network import load_library
from tests.nn.agreement import (
    ALL_SIZES,
    LARGE_SIZES,
    NETWORKS,
    SOME_SIZES,
    STEP,
    Size,
    measure_agreement,
    take_the_masks_of_another_step,
)

TOLERANCE = 1e-5
SEEN = 1e-3  # what a test has to see of a kernel that computes something else
SIZE = Size(33, 2, 7, 5)


@pytest.fixture
def force(monkeypatch):
    """Return a function that forces an instruction set; the test's end forgets it."""

    def force(instruction_set):
        monkeypatch.setenv(compiler.FORCED, instruction_set)
        load_library.cache_clear()
        assert load_library().instruction_set == instruction_set

    yield force
    load_library.cache_clear()


def name(network):
    return "-".join(network)


@pytest.mark.thorough
@pytest.mark.parametrize("network", NETWORKS, ids=name)
def test_outputs_and_gradients_are_those_of_float64(network):
    assert max(measure_agreement(*network, SIZE)) < TOLERANCE


@pytest.mark.thorough
@pytest.mark.parametrize("size", SOME_SIZES)
@pytest.mark.parametrize("network", [("dropout", "gru"), ("zoneout", "lstm"), ("stacked", "gru")], ids=name)
def test_sizes_that_fill_no_vector_are_no_exception(network, size):
    assert max(measure_agreement(*network, size)) < TOLERANCE


@pytest.mark.thorough
@pytest.mark.parametrize("outputs", [2, 3, 24])
@pytest.mark.parametrize("network", [("dropout", "gru"), ("gal", "lstm"), ("bidirectional", "gru")], ids=name)
def test_several_outputs_are_those_of_float64(network, outputs):
    assert max(measure_agreement(*network, Size(33, 2, 70, 5, outputs))) < TOLERANCE
    assert max(measure_agreement(*network, Size(1, 1, 1, 1, outputs))) < TOLERANCE


@pytest.mark.slow  # Keras in float64 takes gigabytes and minutes
@pytest.mark.parametrize("size", LARGE_SIZES)
@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_thousands_of_units_and_features_are_no_exception(cell, size, record_property):
    errors = measure_agreement("dropout", cell, size)
    record_property("largest error", f"{max(errors):.1e}")
    assert max(errors) < TOLERANCE


@pytest.mark.slow
@pytest.mark.parametrize("network", NETWORKS, ids=name)
def test_outputs_and_gradients_are_those_of_float64_at_every_size(network):
    errors = {size: max(measure_agreement(*network, size)) for size in ALL_SIZES}
    assert {size: error for size, error in errors.items() if not error < TOLERANCE} == {}


@pytest.mark.slow
@pytest.mark.parametrize("instruction_set", list(compiler.LEVELS))
@pytest.mark.parametrize("network", NETWORKS, ids=name)
def test_every_instruction_set_computes_the_same(network, instruction_set, force):
    if instruction_set not in compiler.list_instruction_sets():
        pytest.skip(f"this processor has no {instruction_set}")
    force(instruction_set)
    assert max(measure_agreement(*network, SIZE)) < TOLERANCE


def swap_rates(description, parameters):
    layer = description.stages[0].layers[0]
    layer.input.rate, layer.recurrent.rate = layer.recurrent.rate, layer.input.rate


def swap_scales(description, parameters):
    layer = description.stages[0].layers[0]
    layer.input.kept, layer.recurrent.kept = layer.recurrent.kept, layer.input.kept


def swap_gates(description, parameters):
    columns = parameters[: SIZE.features * 3 * SIZE.units].reshape(SIZE.features, 3, SIZE.units)
    columns[:, [0, 1]] = columns[:, [1, 0]]


@pytest.mark.thorough
@pytest.mark.parametrize("outputs", [3, 6, 24])
@pytest.mark.parametrize("network", [("dropout", "gru"), ("gal", "lstm")], ids=name)
def test_the_pinball_loss_of_quantiles_is_that_of_float64(network, outputs):
    size = Size(33, 2, 70, 5, outputs, quantiles=(0.1, 0.5, 0.8))
    assert max(measure_agreement(*network, size)) < TOLERANCE

    def swap_levels(description, parameters):
        object.__setattr__(description, "quantiles", (0.8, 0.5, 0.1))

    assert measure_agreement(*network, size, swap_levels).gradient > SEEN


def swap_outputs(description, parameters):
    weights = parameters[description.dense :].reshape(-1, description.outputs)
    weights[:, [0, 1]] = weights[:, [1, 0]]


def test_swapped_outputs_are_seen():
    errors = measure_agreement("dropout", "gru", SIZE._replace(outputs=3), swap_outputs)
    assert min(errors) > SEEN


def draw_anew_at_each_timestep(description, parameters):
    description.stages[0].layers[0].per_step = 1


def flip_one_bit(description, parameters):
    """Raise the rate just above the smallest number that was kept of the mask on x for the first gate."""
    masks, shape = description.stages[0].layers[0].input, (SIZE.batch, SIZE.features)
    seed = tf.constant([masks.stream, STEP * 4096 + masks.first], tf.int64)
    rates = masks.rate + 2.0**-23 * np.arange(2**22)
    low, high = 0, len(rates) - 1
    dropped = int((draw_mask(shape, masks.rate, seed, 1.0, "float32").numpy() == 0).sum())
    while high - low > 1:
        middle = (low + high) // 2
        more = int((draw_mask(shape, rates[middle], seed, 1.0, "float32").numpy() == 0).sum()) > dropped
        low, high = (low, middle) if more else (middle, high)
    assert int((draw_mask(shape, rates[high], seed, 1.0, "float32").numpy() == 0).sum()) == dropped + 1
    masks.rate = rates[high]


@pytest.mark.thorough
@pytest.mark.parametrize(
    "spoil",
    [
        swap_rates,
        swap_scales,
        swap_gates,
        take_the_masks_of_another_step,
        draw_anew_at_each_timestep,
        flip_one_bit,
    ],
)
def test_a_kernel_that_computes_something_else_is_seen(spoil):
    errors = measure_agreement("dropout", "gru", SIZE, spoil)
    assert errors.gradient > SEEN
    assert errors.output > 10 * TOLERANCE
