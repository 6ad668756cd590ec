"""The floor counts what a network's arithmetic is, and is measured in turns with the step. Nothing here is timed."""

import numpy as np
import pytest

from rdrop_cli.bench import floor
from rdrop_cli.bench.compare import Team
from rdrop_cli.nn.native.description import Activation, Cell, Description, Layer, Stage
from rdrop_cli.nn.native.network import load_library
from rdrop_cli.nn.native.work import Work, count_work


def describe(*stages, timesteps=10):
    """Describe stages of layers (cell, features, units, activation)."""
    described = []
    for i, layers in enumerate(stages):
        stage = Stage(directions=len(layers), every_state=int(i + 1 < len(stages)))
        for j, (cell, features, units, activation) in enumerate(layers):
            stage.layers[j] = Layer(cell=cell, features=features, units=units, activation=activation)
        described.append(stage)
    return Description(described, timesteps, 0, 0)


def test_the_work_of_the_studys_network_is_that_of_its_products_and_gates():
    gru = (Cell.GRU, 14, 32, Activation.TANH)
    work = count_work(describe([gru], timesteps=240), 128)
    products = 3 * 32 * (14 + 32)  # of a timestep; again for the weights' gradients; those of the state go back
    assert work == Work(128 * 240 * (2 * products + 3 * 32 * 32), 128 * 240 * 64, 128 * 240 * 32)


def test_a_second_layer_goes_back_to_its_input_and_relu_costs_nothing():
    first, second = (Cell.LSTM, 5, 4, Activation.TANH), (Cell.LSTM, 4, 8, Activation.RELU)
    alone, stacked = count_work(describe([first]), 7), count_work(describe([first], [second]), 7)
    assert stacked.multiply_adds - alone.multiply_adds == 70 * 4 * 8 * (2 * (4 + 8) + 8 + 4)
    assert (stacked.sigmoids - alone.sigmoids, stacked.tanhs - alone.tanhs) == (70 * 3 * 8, 0)


def test_a_pair_of_layers_is_twice_the_work():
    gru = (Cell.GRU, 3, 6, Activation.TANH)
    one, two = count_work(describe([gru]), 2), count_work(describe([gru, gru]), 2)
    assert np.array_equal(2 * np.array(list(vars(one).values())), list(vars(two).values()))


def test_the_library_does_bare_arithmetic():
    load_library().multiply_and_add(1000)
    load_library().activate(1000, 1000)


def test_a_convolution_is_the_work_of_its_windows_and_pooling_is_none():
    convolution, pooling = (Stage(kind=kind, taps=3, directions=1, every_state=1) for kind in (1, 2))
    convolution.layers[0], pooling.layers[0] = Layer(features=5, units=7), Layer(features=7, units=7)
    gru = Stage(directions=1, layers=(Layer * 2)(Layer(cell=Cell.GRU, features=7, units=4)))
    work = count_work(Description([convolution, pooling, gru], 11, 0, 0), 2)
    alone = count_work(describe([(Cell.GRU, 7, 4, Activation.TANH)], timesteps=3), 2)  # of 11: 9, then 3
    first = 2 * 9 * 3 * 5 * 7 * 2  # forward, and for the gradients of the weights
    back_to_pooling = 2 * 3 * 3 * 4 * 7
    assert work == Work(alone.multiply_adds + first + back_to_pooling, alone.sigmoids, alone.tanhs)


def test_every_network_is_compared():
    networks = {(config.variant, config.cell) for config in floor.list_all_networks()}
    assert {("dropout", "gru"), ("dropout", "lstm"), ("stacked", "gru"), ("bidirectional", "lstm")} <= networks
    assert {"dense", "conv", "conv-gru", "conv-average"} <= {variant for variant, _ in networks}


def test_each_round_has_its_own_ratio(monkeypatch):
    """A machine that is slower in one round is so for both."""
    speeds = iter([1.0, 3.0, 1.0])
    seconds = {"train": 8.0, "multiply_and_add": 3.0, "activate": 1.0}

    class Fake(Team):
        def spend(self, action, amount):
            if action == "train":
                self.speed = next(speeds)
            return seconds[action] * self.speed

    class Ready:
        def __init__(self, *arguments):
            pass

        def __enter__(self):
            return Fake("rdrop", [], [{"engine": "native"}])

        def __exit__(self, *error):
            pass

    monkeypatch.setattr(floor, "make_ready", Ready)
    notes = []
    config = floor.list_all_networks()[0]
    (measured,) = floor.measure_floors([config], None, 0, 3, 40, notes.append).values()
    assert measured["times_the_floor"] == {"median": 2.0, "low": 2.0, "high": 2.0}
    assert measured["step_ms"]["median"] == 8000
    assert measured["floor_ms"]["high"] == pytest.approx(8000)
    assert notes == [f"{config.label}: 2.00 times the floor"]
