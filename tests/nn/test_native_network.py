"""The compiled kernel on arrays: what it refuses, what changes no bit, and numbers at the edge."""

import threading
from dataclasses import replace

import numpy as np
import pytest

from rdrop_cli.nn.native.description import Cell, Description, Layer, Masks, MaskSite, Stage
from rdrop_cli.nn.native.network import Network, Sequences, load_library

STACK_BYTES = 256 * 1024  # the gates of a thousand units, for a block of sequences, take more


def describe(cell=Cell.GRU, units=32, features=14, timesteps=9, masked=True, squares=True, outputs=1):
    gates, biases = (3, 2) if cell == Cell.GRU else (4, 1)
    masks = [Masks(stream=3, first=first, count=gates, rate=0.3, kept=1 / 0.7) for first in (0, gates)]
    layer = Layer(cell=cell, features=features, units=units)
    if masked:
        layer.site, layer.input, layer.recurrent = MaskSite.READ, *masks
    stage = Stage(directions=1)
    stage.layers[0] = layer
    weights = gates * units * (features + units + biases)
    return Description([stage], timesteps, weights + outputs * (units + 1), weights, squares=squares, outputs=outputs)


def draw_case(description, size, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(size, description.timesteps, description.features)).astype(np.float32)
    parameters = (0.25 * rng.normal(size=description.parameters)).astype(np.float32)
    return parameters, x, rng.normal(size=(size, *description.output_shape)).astype(np.float32)


def differentiate(description, parameters, x, targets, threads=1):
    network = Network(load_library(), description)
    return network.differentiate(parameters, Sequences.from_batch(x), targets, step=2, threads=threads)


def predict(description, parameters, x, threads=1):
    return Network(load_library(), description).predict(parameters, Sequences.from_batch(x), threads=threads)


@pytest.mark.parametrize("cell", Cell)
def test_the_number_of_threads_changes_no_bit(cell):
    description = describe(cell, timesteps=33)
    parameters, x, targets = draw_case(description, 200)
    loss, gradients = differentiate(description, parameters, x, targets)
    output = predict(description, parameters, x)
    for threads in (2, 3, 16):
        other_loss, other = differentiate(description, parameters, x, targets, threads)
        assert loss == other_loss
        assert np.array_equal(gradients, other)
        assert np.array_equal(output, predict(description, parameters, x, threads))


@pytest.mark.parametrize("squares", [False, True])
@pytest.mark.parametrize("cell", Cell)
def test_of_two_outputs_alike_each_has_the_bits_of_one_alone(cell, squares):
    one, two = (describe(cell, squares=squares, outputs=outputs) for outputs in (1, 2))
    parameters, x, targets = draw_case(one, 70)
    twice = np.concatenate([parameters[: one.dense], np.repeat(parameters[one.dense :], 2)])
    outputs = predict(two, twice, x)
    assert outputs.shape == (70, 2)
    assert np.array_equal(outputs, np.repeat(predict(one, parameters, x)[:, None], 2, axis=1))
    loss, gradients = differentiate(one, parameters, x, targets)
    loss_of_both, of_both = differentiate(two, twice, x, np.repeat(targets[:, None], 2, axis=1))
    assert loss_of_both == pytest.approx(loss, rel=1e-14)  # the losses are added up in another order
    assert np.array_equal(of_both[: one.dense], gradients[: one.dense])
    assert np.array_equal(of_both[one.dense :], np.repeat(gradients[one.dense :] / 2, 2))


def test_outputs_that_the_parameters_have_no_room_for_are_refused():
    with pytest.raises(ValueError, match=r"3 outputs, .* do not fit"):
        replace(describe(outputs=2), outputs=3).check()
    with pytest.raises(ValueError, match="0 outputs"):
        replace(describe(), outputs=0).check()
    with pytest.raises(ValueError, match="4 outputs are not 3 quantiles of each target"):
        replace(describe(outputs=4), quantiles=(0.1, 0.5, 0.9)).check()
    description = describe(outputs=3)
    parameters, x, targets = draw_case(description, 4)
    with pytest.raises(ValueError, match=r"expected float32 of shape \(4, 3\)"):
        differentiate(description, parameters, x, targets[:, 0].copy())


def test_what_a_network_computed_before_changes_no_bit():
    description = describe()
    parameters, x, targets = draw_case(description, 70)
    fresh = differentiate(description, parameters, x, targets)
    network = Network(load_library(), description)
    network.differentiate(parameters, Sequences.from_batch(np.full_like(x, np.nan)), targets, step=1, threads=2)
    network.predict(parameters, Sequences.from_batch(x[:3]), threads=1)
    again = network.differentiate(parameters, Sequences.from_batch(x), targets, step=2, threads=1)
    assert again[0] == fresh[0]
    assert np.array_equal(again[1], fresh[1])


def test_a_sample_alone_is_computed_as_in_a_batch():
    description = describe(masked=False)
    parameters, x, _ = draw_case(description, 70)
    assert np.array_equal(predict(description, parameters, x)[40:41], predict(description, parameters, x[40:41]))


def test_windows_of_a_matrix_are_the_windows_gathered():
    description = describe(timesteps=40)
    parameters, matrix, _ = draw_case(replace(description, timesteps=500), 1)
    starts = np.random.default_rng(1).integers(0, 500 - 39 * 6, 77)
    gathered = matrix[0][starts[:, None] + 6 * np.arange(40)]
    windows = Network(load_library(), description).predict(parameters, Sequences(matrix[0], starts, 6), threads=2)
    assert np.array_equal(windows, predict(description, parameters, gathered))
    assert len(np.unique(windows)) == len(np.unique(starts))


@pytest.mark.parametrize(("start", "stride"), [(-1, 1), (492, 1), (0, 63), (7, -1)])
def test_a_window_that_leaves_the_matrix_is_refused(start, stride):
    description = describe()
    parameters, matrix, _ = draw_case(replace(description, timesteps=500), 1)
    with pytest.raises(ValueError, match="leave their matrix of 500 rows"):
        Network(load_library(), description).predict(
            parameters, Sequences(matrix[0], np.array([start, 8]), stride), threads=1
        )


def test_arrays_of_a_wrong_shape_or_type_are_refused():
    description = describe()
    parameters, x, targets = draw_case(description, 4)
    for wrong in (parameters[:-1], parameters.astype(np.float64), np.repeat(parameters, 2)[::2]):
        with pytest.raises(ValueError, match="expected float32 of shape"):
            predict(description, wrong, x)
    with pytest.raises(ValueError, match="expected float32 of shape"):
        differentiate(description, parameters, x, targets[:3])


def test_sizes_that_do_not_fit_each_other_are_refused():
    good = describe()
    for wrong in ({"parameters": good.parameters - 1}, {"dense": good.dense + 1}, {"timesteps": 0}, {"dense": -1}):
        with pytest.raises(ValueError, match="fit"):
            Network(load_library(), replace(good, **wrong))
    good.stages[0].every_state = 1
    with pytest.raises(ValueError, match="give every state"):
        Network(load_library(), good)


@pytest.mark.parametrize("cell", Cell)
def test_nan_stays_in_its_sequence_and_reaches_loss_and_gradients(cell):
    description = describe(cell, timesteps=20)
    parameters, x, targets = draw_case(description, 40)
    x[35, 10, 3] = np.nan
    output = predict(description, parameters, x)
    assert np.isnan(output[35])
    assert np.isfinite(np.delete(output, 35)).all()
    for loss_of in ({"squares": False}, {"squares": True}, {"squares": False, "quantiles": (0.5,)}):
        loss, gradients = differentiate(replace(description, **loss_of), parameters, x, targets)
        assert np.isnan(loss)
        assert np.isnan(gradients).any()


@pytest.mark.parametrize("cell", Cell)
def test_infinite_input_saturates_the_gates(cell):
    description = describe(cell, timesteps=6, masked=False)
    parameters, x, _ = draw_case(description, 33)
    x[0, 2, 1], x[1, 2, 1] = np.inf, -np.inf
    limit = x.copy()
    limit[0, 2, 1], limit[1, 2, 1] = 1e20, -1e20
    output = predict(description, parameters, x)
    assert np.isfinite(output).all()
    assert np.array_equal(output, predict(description, parameters, limit))


def test_the_activations_are_those_of_float32():
    value = np.concatenate([np.linspace(-20, 20, 50_001), np.geomspace(1e-30, 1, 10_001)]).astype(np.float32)
    description = describe(units=1, features=1, timesteps=1, masked=False)

    def step(input_weights, bias):
        parameters = np.float32([*input_weights, 0, 0, 0, *bias, 0, 0, 0, 1, 0])  # the dense unit gives the state
        return np.float64(predict(description, parameters, value[:, None, None], threads=2))

    expected = np.tanh(np.float64(value))
    tanh = step([0, 0, 1], [-200, 0, 0])  # z = 0, so that h' = g
    assert np.all(np.abs(tanh - expected) <= 3 * np.spacing(np.abs(expected).astype(np.float32)))
    sigmoid = 1 - step([1, 0, 0], [0, 0, 200])  # g = 1, so that h' = 1 - z
    assert np.abs(sigmoid - 1 / (1 + np.exp(-np.float64(value)))).max() < 1.5e-7


def test_denormal_numbers_are_flushed_in_the_kernel_alone():
    description = describe()
    differentiate(description, *draw_case(description, 40), threads=2)
    smallest = np.full(64, np.finfo(np.float32).tiny)
    assert np.all(smallest / 4 > 0)
    assert np.all(smallest / 4 * 4 == smallest)


@pytest.mark.parametrize("cell", Cell)
def test_a_layer_of_thousands_of_units_and_features_is_computed(cell):
    description = describe(cell, units=5000, features=5000, timesteps=2, masked=False)
    parameters = np.zeros(description.parameters, np.float32)
    parameters[description.dense :] = 1  # a state of zeros gives the bias of the dense unit
    assert np.array_equal(predict(description, parameters, np.ones((1, 2, 5000), np.float32)), [1])


@pytest.mark.parametrize("cell", Cell)
def test_units_and_features_take_no_room_on_the_stack(cell):
    description, losses = describe(cell, units=1000, features=1000, timesteps=2), []
    case = draw_case(description, 3)
    before = threading.stack_size(STACK_BYTES)
    try:
        thread = threading.Thread(target=lambda: losses.append(differentiate(description, *case)[0]))
        thread.start()
    finally:
        threading.stack_size(before)
    thread.join()
    assert len(losses) == 1
    assert np.isfinite(losses).all()
