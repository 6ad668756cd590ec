"""Every variant's network: it begins like the others, trains compiled, is saved, and goes on from its state."""

from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf

from rdrop_cli.anatomy.blocks import list_directions
from rdrop_cli.errors import UsageError
from rdrop_cli.nn.models import build_model
from rdrop_cli.nn.randomness import MaskSeeds
from rdrop_cli.nn.trainer import KerasTrainer
from rdrop_cli.planning.request import Request, plan_runs
from rdrop_cli.study.config import RunConfig
from rdrop_cli.study.editions import PROTOCOLS
from rdrop_cli.study.methods import CELLS
from rdrop_cli.study.variant import Place
from rdrop_cli.study.variants import VARIANTS
from tests.nn.tiny import TINY_PROTOCOL, make_tiny_windows

ONE_STEP = replace(TINY_PROTOCOL, steps_per_epoch=1)
THREE_STEPS = replace(TINY_PROTOCOL, steps_per_epoch=3)
OTHERS = ("dense", "conv", "conv-gru", "conv-average")  # read more than a recurrent layer does
CASES = [
    (cell, variant.name)
    for cell in CELLS
    for variant in VARIANTS.values()
    if cell in variant.cells and variant.name not in OTHERS
]
# Compiling takes seconds each: where time counts, one LSTM is enough, and one GRU of every way that masks enter a step.
QUICK = {("gru", name) for name in ("gal", "zoneout", "naive-step", "dropout-before")}
QUICK |= {("lstm", "zoneout")}
TRAINED = [pytest.param(*case, marks=() if case in QUICK else pytest.mark.slow) for case in CASES]


@pytest.fixture(scope="module")
def tiny_windows():
    return make_tiny_windows()


def configure(cell, name, **changes):
    """Configure a variant with rates at which every mask of a tiny network drops something."""
    variant = VARIANTS[name]
    rates = {rate: 0.4 if getattr(variant, rate) else 0.0 for rate in ("dropout", "recurrent_dropout")}
    how = {"engine": "xla", "cell": cell, "protocol": ONE_STEP, **changes}
    return RunConfig(name, **{"seed": 5, "epochs": 3, "dataset": "made", "dataset_sha256": "0" * 64, **rates, **how})


def build(config):
    return build_model(config, timesteps=config.own_protocol.timesteps, features=14)


def weights_by_name(model):
    """Return weights by the part of their path that variants share."""
    return {v.path.split("/", 1)[1].replace("forward_", ""): v.numpy() for v in model.trainable_variables}


@pytest.fixture(scope="module")
def make_trainer(tiny_windows):
    """Make the trainer of a variant as it begins; each is compiled once."""
    made = {}

    def make(cell, name):
        if (cell, name) not in made:
            trainer = KerasTrainer(configure(cell, name), tiny_windows)
            made[cell, name] = trainer, trainer.get_state()
        trainer, initial = made[cell, name]
        trainer.set_state(initial)
        return trainer

    return make


def train(trainer, epoch):
    return trainer.train_epoch(epoch, lambda step, loss: None)


def call_in_training(model, x, step=0):
    MaskSeeds(model, seed=1).set_step(tf.constant(step, tf.int64))
    return model(x, training=True).numpy()


def assert_same_state(one, other):
    assert one.keys() == other.keys()
    for name in one:
        np.testing.assert_array_equal(one[name], other[name], err_msg=name)


@pytest.mark.thorough
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras's, with NumPy 2.4
@pytest.mark.parametrize(("cell", "name"), TRAINED)
def test_a_variant_trains_under_xla_is_saved_and_goes_on_bit_for_bit(tmp_path, make_trainer, tiny_windows, cell, name):
    trainer = make_trainer(cell, name)
    losses = [train(trainer, 1)]
    state = trainer.get_state()
    losses.append(train(trainer, 2))
    assert np.isfinite(losses).all()
    end = trainer.get_state()
    assert not all(np.array_equal(state[key], end[key]) for key in state)

    trainer.set_state(state)  # its seed generators stand elsewhere by now
    assert train(trainer, 2) == losses[1]
    assert_same_state(trainer.get_state(), end)

    other = KerasTrainer(configure(cell, name), tiny_windows)  # the same names: another process can read it
    other.set_state(end)
    x = tiny_windows.matrix[:15].reshape(3, 5, 14)
    trainer.save_model(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    expected = trainer.model(x)
    np.testing.assert_array_equal(loaded(x), expected)
    np.testing.assert_array_equal(other.model(x), expected)
    np.testing.assert_array_equal(call_in_training(loaded, x), call_in_training(trainer.model, x))


@pytest.mark.parametrize(
    ("cell", "name"), [("gru", "dropout-before"), pytest.param("lstm", "zoneout", marks=pytest.mark.slow)]
)
def test_another_trainer_goes_on_bit_for_bit(make_trainer, tiny_windows, cell, name):
    first, second = make_trainer(cell, name), KerasTrainer(configure(cell, name), tiny_windows)
    train(first, 1)
    second.set_state(first.get_state())
    assert train(second, 2) == train(first, 2)
    assert_same_state(second.get_state(), first.get_state())


@pytest.mark.parametrize(("cell", "name"), CASES)
def test_variants_of_one_seed_begin_with_the_same_weights_wherever_shapes_agree(cell, name):
    baseline, other = (weights_by_name(build(configure(cell, variant))) for variant in ("baseline", name))
    shared = [part for part in baseline if part in other or part.startswith(cell)]
    assert len(shared) >= 3
    for part in shared:
        found = other[part if part in other else f"bidirectional_{cell}/{part}"]
        if found.shape == baseline[part].shape:
            np.testing.assert_array_equal(found, baseline[part], err_msg=part)
    assert not np.array_equal(
        baseline[f"{cell}/{cell}_cell/kernel"], build(configure(cell, name, seed=6)).trainable_variables[0]
    )


@pytest.mark.parametrize("cell", CELLS)
def test_layers_of_one_network_do_not_begin_alike(cell):
    for name in ("stacked", "bidirectional"):
        recurrent = [v.numpy() for v in build(configure(cell, name)).trainable_variables if "recurrent" in v.path]
        assert len(recurrent) == 2
        assert not np.array_equal(recurrent[0][:5, :5], recurrent[1][:5, :5])


@pytest.mark.parametrize(("cell", "name"), CASES)
def test_every_layer_has_a_name_that_does_not_count_what_was_built_before(cell, name):
    one, other = (build(configure(cell, name)) for _ in range(2))
    assert [v.path for v in one.trainable_variables] == [v.path for v in other.trainable_variables]
    assert [layer.name for layer in one.layers] == [layer.name for layer in other.layers]


@pytest.mark.thorough
@pytest.mark.parametrize(("cell", "name"), CASES)
def test_masks_are_a_function_of_seed_and_step_whatever_draws_them(cell, name):
    model = build(configure(cell, name))
    x = np.random.default_rng(0).normal(size=(8, 5, 14)).astype(np.float32)
    first, second = (call_in_training(model, x, step) for step in (0, 1))
    np.testing.assert_array_equal(call_in_training(model, x, 0), first)
    assert np.array_equal(first, second) is not VARIANTS[name].drops


@pytest.mark.parametrize(("cell", "name"), CASES)
def test_rates_are_where_the_variant_has_them(cell, name):
    config = configure(cell, name)
    layers = [part for layer in build(config).layers for part in list_directions(layer)]
    around = [layer.rate for layer in layers if isinstance(layer, keras.layers.Dropout)]
    recurrent = [layer for layer in layers if isinstance(layer, keras.layers.RNN)]
    in_argument = VARIANTS[name].dropout_at is Place.ARGUMENT
    assert around == ([] if in_argument else [config.dropout])
    assert {layer.dropout for layer in recurrent} == {config.dropout if in_argument else 0.0}
    assert {layer.recurrent_dropout for layer in recurrent} == {config.recurrent_dropout}


def test_the_books_other_networks_have_its_sizes_and_activations():
    book = replace(ONE_STEP, units=32)
    first, second, dense = build(configure("gru", "stacked", protocol=book)).layers
    assert (first.units, first.activation.__name__, first.return_sequences) == (32, "tanh", True)
    assert (second.units, second.activation.__name__, second.return_sequences) == (64, "relu", False)
    assert dense.input.shape == (None, 64)
    both, _ = build(configure("gru", "bidirectional", protocol=book)).layers
    assert (both.forward_layer.units, both.backward_layer.units) == (32, 32)
    assert both.backward_layer.go_backwards


BOOK, BOOK2 = PROTOCOLS["book"], PROTOCOLS["book2"]


@pytest.mark.parametrize(
    ("name", "protocol", "layers"),
    [
        ("dense", BOOK, ["Flatten (3360,)", "Dense (32,)", "Dense (1,)"]),
        ("dense", BOOK2, ["Flatten (1680,)", "Dense (16,)", "Dense (1,)"]),
        (
            "conv",
            BOOK,
            [
                *("Conv1D (236, 32)", "MaxPooling1D (78, 32)", "Conv1D (74, 32)", "MaxPooling1D (24, 32)"),
                *("Conv1D (20, 32)", "GlobalMaxPooling1D (32,)", "Dense (1,)"),
            ],
        ),
        (
            "conv-gru",
            BOOK,
            ["Conv1D (236, 32)", "MaxPooling1D (78, 32)", "Conv1D (74, 32)", "GRU (32,)", "Dense (1,)"],
        ),
        (
            "conv-average",
            BOOK2,
            [
                *("Conv1D (97, 8)", "MaxPooling1D (48, 8)", "Conv1D (37, 8)", "MaxPooling1D (18, 8)"),
                *("Conv1D (13, 8)", "GlobalAveragePooling1D (8,)", "Dense (1,)"),
            ],
        ),
        ("lstm", BOOK2, ["LSTM (16,)", "Dense (1,)"]),
        ("lstm-dropout", BOOK2, ["LSTM (32,)", "Dropout (32,)", "Dense (1,)"]),
        ("gru-stacked", BOOK2, ["GRU (120, 32)", "GRU (32,)", "Dropout (32,)", "Dense (1,)"]),
        ("lstm-bidirectional", BOOK2, ["Bidirectional (32,)", "Dense (1,)"]),
        ("gru-reversed", BOOK, ["GRU (32,)", "Dense (1,)"]),
    ],
)
def test_the_networks_of_the_editions_have_the_books_layers(name, protocol, layers):
    model = build(plan_one(name, protocol.name))
    assert [f"{type(layer).__name__} {layer.output.shape[1:]}" for layer in model.layers] == layers
    assert model.layers[0].get_config().get("go_backwards", False) is (name == "gru-reversed")


def plan_one(name, protocol):
    (config,) = plan_runs(Request(variants=(name,), protocol=protocol))
    return config


@pytest.mark.thorough
@pytest.mark.parametrize("name", OTHERS)
def test_a_network_that_is_not_recurrent_alone_trains_by_the_kernel(name):
    protocol = replace(ONE_STEP, lookback_rows=480, train_stop_row=800, val_stop_row=1400)
    windows = make_tiny_windows(protocol, rows=2200)
    config = configure("gru", name, engine="auto", protocol=protocol)
    trainer, other = KerasTrainer(config, windows), KerasTrainer(replace(config, seed=6), windows)
    assert trainer.engine == "native"
    assert np.isfinite(train(trainer, 1))
    assert not np.array_equal(trainer.model.get_weights()[0], other.model.get_weights()[0])


def test_windows_too_short_for_a_network_are_refused():
    needed = VARIANTS["conv"].least_timesteps
    protocol = replace(BOOK, lookback_rows=6 * needed)
    assert build(configure("gru", "conv", protocol=protocol)).layers[-2].input.shape == (None, 1, 32)
    with pytest.raises(UsageError, match=f"lookback: conv needs windows of {needed} timesteps, received {needed - 1}"):
        configure("gru", "conv", protocol=replace(protocol, lookback_rows=6 * (needed - 1)))


def assert_native_trains_as_keras(tiny_windows, cell, name):
    native, uncompiled = (
        KerasTrainer(configure(cell, name, engine=engine, protocol=THREE_STEPS), tiny_windows)
        for engine in ("auto", "keras")
    )
    assert (native.engine, uncompiled.engine) == ("native", "keras")
    losses = [trainer.train_epoch(1, lambda step, loss: None) for trainer in (native, uncompiled)]
    assert losses[0] == pytest.approx(losses[1], rel=2e-5)
    errors = [trainer.measure_errors(tiny_windows.validation) for trainer in (native, uncompiled)]
    np.testing.assert_allclose(*errors, atol=2e-5)


@pytest.mark.thorough
@pytest.mark.parametrize(("cell", "name"), [("lstm", "zoneout"), ("gru", "stacked"), ("gru", "dropout-before")])
def test_the_kernel_trains_a_network_as_keras_does(tiny_windows, cell, name):
    assert_native_trains_as_keras(tiny_windows, cell, name)


@pytest.mark.slow
@pytest.mark.parametrize(("cell", "name"), CASES)
def test_the_kernel_trains_every_network_as_keras_does(tiny_windows, cell, name):
    assert_native_trains_as_keras(tiny_windows, cell, name)
