"""A network of the user's own trains as rdrop's do: to the bit, or it says why not."""

import importlib
from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf

from rdrop_cli.errors import DataError, RdropError, UsageError
from rdrop_cli.nn.pipeline import WindowPipeline
from rdrop_cli.nn.restore import restore_engine
from rdrop_cli.nn.trainer import KerasTrainer
from rdrop_cli.study.config import RunConfig
from rdrop_cli.study.own import hash_code
from rdrop_cli.study.protocol import DRAWN
from rdrop_cli.study.variants import find_variant
from tests.nn.tiny import TINY_PROTOCOL, make_tiny_windows

MODULE = "tests.nn.own_networks"


@pytest.fixture(scope="module")
def tiny_windows():
    return make_tiny_windows()


def configure(function: str, seed: int = 0, **options) -> RunConfig:
    name = f"{MODULE}:{function}"
    code = {"code_sha256": hash_code(name), **options}
    return RunConfig(name, seed, 0.0, 0.0, 3, TINY_PROTOCOL, "made", "0" * 64, **code)


def train(trainer, *epochs):
    for epoch in epochs:
        trainer.train_epoch(epoch, lambda *_: None)
    return trainer.get_state()


def assert_same(one, other):
    assert one.keys() == other.keys()
    assert all(np.array_equal(one[path], other[path]) for path in one)


@pytest.mark.thorough
def test_a_run_that_is_resumed_has_the_bits_of_one_that_is_not(tiny_windows):
    config = configure("make_timestep_dropout", engine="keras")
    whole = train(KerasTrainer(config, tiny_windows), 1, 2)
    assert any("moving_mean" in path for path in whole)  # what is not trained is state as well
    first = train(KerasTrainer(config, tiny_windows), 1)
    resumed = KerasTrainer(config, tiny_windows)
    resumed.set_state(first)
    resumed.measure_errors(range(100, 120))
    assert_same(train(resumed, 2), whole)
    assert resumed.find_hidden_state() is None


@pytest.mark.thorough
def test_the_saved_network_is_read_again_with_layers_that_keras_does_not_know(tiny_windows, tmp_path):
    config = configure("make_timestep_dropout", engine="keras")
    trainer = KerasTrainer(config, tiny_windows)
    train(trainer, 1)
    trainer.save_model(tmp_path / "model.keras")
    rows = range(100, 110)
    again = restore_engine(config, tmp_path / "model.keras", tiny_windows).predict(rows)
    np.testing.assert_allclose(again, trainer._engine.predict(rows), atol=1e-6)


def test_another_seed_has_other_weights_and_masks(tiny_windows):
    one, other = (KerasTrainer(configure("make_plain", seed), tiny_windows).get_state() for seed in (0, 1))
    assert one.keys() == other.keys()
    assert not any(np.array_equal(one[path], other[path]) for path in one if path.endswith("/kernel"))


def test_the_kernel_computes_it_where_it_can(tiny_windows):
    assert KerasTrainer(configure("make_plain"), tiny_windows)._engine.name == "native"
    reasons = {
        "make_timestep_dropout": "the kernel has no TimestepDropout",
        "make_frozen_cell": "the kernel cannot compute gru because its weights are not trained",
        "make_frozen_biases": "the kernel cannot compute gru because its weights are not trained",
        "make_adapted": "the kernel cannot compute dense because its weights are not trained",
        "make_turned_pair": "the kernel cannot compute bidirectional because of its go_backwards",
        "make_half_precise_dropout": "the kernel cannot compute dropout because of its dtype",
        "make_half_precise_input": "the kernel cannot compute sequential because of the dtype of its input",
        "make_penalised_dropout": "the kernel cannot compute dropout because of its activity_regularizer",
        "make_flattened_by_feature": "the kernel cannot compute flatten because of its data_format",
        "make_uneven_pair": "the two directions of bidirectional have different units",
        "make_doubled": "doubling is a Doubling, not a plain stack of layers",
        "make_halved_pair": "the kernel has no HalvedPair",
        "make_all_dropped": "the kernel cannot compute dropout because of its rate of 1",
        "make_nothing_dropped": "the kernel cannot compute gru_cell because of its rate of 1",
    }
    engines = {name: KerasTrainer(configure(name), tiny_windows)._engine for name in reasons}
    assert {engine.name for engine in engines.values()} == {"xla"}
    assert {name: engine.reason for name, engine in engines.items()} == reasons


@pytest.mark.parametrize("engine", ["auto", "keras"])
def test_penalties_and_constraints_of_weights_count_as_in_keras(tiny_windows, engine):
    """They are in the gradients; the loss that is told is that of the forecasts, as without them."""
    config = configure("make_penalised", engine=engine)
    trainer, by_keras = KerasTrainer(config, tiny_windows), KerasTrainer(config, tiny_windows).model
    by_keras.compile(optimizer=TINY_PROTOCOL.optimizer, loss="mae", metrics=["mae"], jit_compile=False)
    told, expected = list[float](), list[float]()
    trainer.train_epoch(1, lambda _, loss: told.append(loss))
    batches = WindowPipeline(tiny_windows).stream_training(config.seed, 0, 4, TINY_PROTOCOL.batch_size, DRAWN)
    for _, x, y in batches:
        by_keras.reset_metrics()
        figures = by_keras.train_on_batch(x, y[:, tf.newaxis], return_dict=True)
        assert figures["loss"] > figures["mae"] + 0.01
        expected.append(figures["mae"])
    np.testing.assert_allclose(told, expected, rtol=2e-5)
    assert trainer._engine.name == ("xla" if engine == "auto" else "keras")
    for weight, by_fit in zip(trainer.model.get_weights(), by_keras.get_weights(), strict=True):
        np.testing.assert_allclose(weight, by_fit, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("precision", ["half", "double"])
def test_a_network_of_another_dtype_is_trained_and_measured_in_that_of_the_targets(tiny_windows, precision):
    trainer = KerasTrainer(configure(f"make_of_{precision}_precision", engine="keras"), tiny_windows)
    losses = list[float]()
    trainer.train_epoch(1, lambda _, loss: losses.append(loss))
    assert np.isfinite(losses).all()
    forecasts = trainer._engine.predict(tiny_windows.validation), trainer._engine.sample(range(100, 102), 3)
    assert [each.dtype for each in forecasts] == [np.float32] * 2


@pytest.mark.thorough
@pytest.mark.parametrize("function", ["make_stateful_noise", "make_frozen_noise"])
def test_random_state_that_no_seed_reaches_is_found(tiny_windows, function):
    trouble = KerasTrainer(configure(function, engine="keras"), tiny_windows).find_hidden_state()
    assert trouble
    assert "has random state that no seed reaches" in trouble


@pytest.mark.parametrize(
    ("function", "error", "message"),
    [
        ("make_two_outputs", UsageError, r"expected a network from \(None, 5, 14\) to \(None, 1\), received one from"),
        ("make_nothing", UsageError, "expected a function that returns a Keras model, received NoneType"),
        ("make_untrained", UsageError, "expected a network with weights to train, received one without"),
        (
            "make_shapeless",
            UsageError,
            "Keras cannot tell the shapes of its Sequential; return a Sequential or functional",
        ),
        ("make_subclassed", UsageError, "Keras cannot tell the shapes of its Subclassed; return .* from keras.Input"),
        (
            "make_own_step",
            UsageError,
            "its train_step would not be called, as rdrop has its own training step; leave it",
        ),
        ("make_two_of_one_name", UsageError, "2 of its weights are named sequential/twice/scale; name each of them"),
        ("make_own_loss", UsageError, "its compute_loss would not be called"),
        ("fail", RdropError, r"fail\(5, 14\) failed: ValueError: no such weather$"),
        ("missing", UsageError, "missing: cannot be imported: AttributeError: module"),
    ],
)
def test_what_cannot_be_trained_is_refused_in_a_line(tiny_windows, function, error, message):
    with pytest.raises(error, match=message):
        KerasTrainer(configure(function), tiny_windows)


def test_what_fails_in_its_graph_is_told_by_what_tensorflow_and_keras_wrap(tiny_windows):
    trainer = KerasTrainer(configure("make_uneven_pair"), tiny_windows)
    with pytest.raises(RdropError) as caught:
        trainer.find_hidden_state()
    told = str(caught.value)
    assert "cannot be trained by xla: ValueError: Input 0 with name 'None' of layer 'dense' is incompatible" in told
    assert "\x1b" not in told


def test_code_that_changed_is_refused(tiny_windows):
    with pytest.raises(DataError, match="not the code that the run was started with"):
        KerasTrainer(configure("make_plain", code_sha256="0" * 64), tiny_windows)


def test_code_that_changed_since_it_was_imported_is_imported_again(tiny_windows, tmp_path, monkeypatch):
    """As in a notebook: there `train` trained the old code, and recorded the checksum of the new one."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    code = (
        "import keras\n\ndef make(*shape):\n"
        "    return keras.Sequential([keras.Input(shape), keras.layers.GRU({}), keras.layers.Dense(1)])\n"
    )
    for units in (4, 16, 128):  # sizes that differ, as bytecode is taken for current by size and second
        (tmp_path / "changing_network.py").write_text(code.format(units))
        if units == 4:
            importlib.import_module("changing_network")
            continue
        config = replace(configure("make_plain"), variant="changing_network:make")
        config = replace(config, code_sha256=hash_code(config.variant))
        assert KerasTrainer(config, tiny_windows).model.layers[0].units == units


def test_a_module_that_is_not_there_is_named():
    with pytest.raises(UsageError, match="no module nowhere in "):
        hash_code("nowhere:make_network")


def test_a_registered_network_is_found_by_its_name(monkeypatch):
    monkeypatch.setattr("rdrop_cli.study.own.list_registered", lambda: {"lossy": f"{MODULE}:make_plain"})
    assert find_variant("lossy").maker == f"{MODULE}:make_plain"
    with pytest.raises(UsageError, match="no variant 'lossier'"):
        find_variant("lossier")
