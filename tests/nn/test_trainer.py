"""Training is a function of the configuration alone, and is what Keras itself would compute."""

from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf

from rdrop_cli.errors import RdropError
from rdrop_cli.nn.engines import compute_loss
from rdrop_cli.nn.native.network import load_library
from rdrop_cli.nn.pipeline import WindowPipeline
from rdrop_cli.nn.randomness import MaskSeeds, derive_seed
from rdrop_cli.nn.trainer import KerasTrainer, make_optimizer
from rdrop_cli.study.config import SOURCES, RunConfig
from rdrop_cli.study.protocol import OPTIMIZERS
from tests.nn.tiny import TINY_PROTOCOL, make_tiny_windows


@pytest.fixture(scope="module")
def tiny_windows():
    return make_tiny_windows()


@pytest.fixture(scope="module")
def config() -> RunConfig:
    return RunConfig("dropout", 5, 0.3, 0.3, 3, TINY_PROTOCOL, "made", "0" * 64)


def train(trainer, epochs):
    return [trainer.train_epoch(epoch, lambda step, loss: None) for epoch in epochs]


def assert_same_state(one, other):
    assert one.keys() == other.keys()
    for name in one:
        assert np.array_equal(one[name], other[name]), name


@pytest.fixture(scope="module")
def trained(config, tiny_windows):
    """Losses and state after two epochs with nothing measured between."""
    trainer = KerasTrainer(config, tiny_windows)
    return train(trainer, (1, 2)), trainer.get_state()


def test_the_same_configuration_gives_the_same_bits(config, tiny_windows, trained):
    trainer = KerasTrainer(config, tiny_windows)
    assert train(trainer, (1, 2)) == trained[0]
    assert_same_state(trainer.get_state(), trained[1])


def begin_and_train(config, tiny_windows):
    """Return the state before the first epoch, and the losses of this epoch."""
    trainer = KerasTrainer(config, tiny_windows)
    return trainer.get_state(), train(trainer, (1,))


@pytest.fixture(scope="module", params=["keras", "native"])
def with_engine(request, config) -> RunConfig:
    return replace(config, engine=request.param)


@pytest.fixture(scope="module")
def of_whole_seeds(with_engine, tiny_windows):
    return {seed: begin_and_train(replace(with_engine, seed=seed), tiny_windows) for seed in (0, 7)}


@pytest.mark.thorough
@pytest.mark.parametrize("source", SOURCES)
def test_one_source_of_chance_varies_and_the_others_stand_still(with_engine, tiny_windows, of_whole_seeds, source):
    begun, losses = begin_and_train(replace(with_engine, seed=7, vary=source), tiny_windows)
    begun_with_0 = of_whole_seeds[0][0]
    names = [name for name in begun if "kernel" in name and "rmsprop" not in name]
    assert all(np.array_equal(begun_with_0[name], begun[name]) == (source != "weights") for name in names)
    assert losses not in [whole for _, whole in of_whole_seeds.values()]


def test_measuring_between_epochs_changes_nothing_that_follows(config, tiny_windows, trained):
    trainer = KerasTrainer(config, tiny_windows)
    losses = train(trainer, (1,))
    trainer.measure_errors(tiny_windows.validation)
    trainer.measure_errors(tiny_windows.train)
    assert losses + train(trainer, (2,)) == trained[0]
    assert_same_state(trainer.get_state(), trained[1])


def test_another_process_goes_on_from_the_state_bit_for_bit(config, tiny_windows, trained):
    first, second = KerasTrainer(config, tiny_windows), KerasTrainer(config, tiny_windows)
    train(first, (1,))
    second.set_state(first.get_state())
    assert train(second, (2,)) == trained[0][1:]
    assert_same_state(second.get_state(), trained[1])


@pytest.mark.thorough
def test_without_the_masks_reset_measuring_would_change_what_follows(config, tiny_windows, monkeypatch):
    config = replace(config, engine="keras")
    monkeypatch.setattr(MaskSeeds, "set_step", lambda self, step: None)
    trainer = KerasTrainer(config, tiny_windows)
    losses = train(trainer, (1,))
    trainer.measure_errors(tiny_windows.validation)
    learner_unmeasured = KerasTrainer(config, tiny_windows)
    assert losses + train(trainer, (2,)) != train(learner_unmeasured, (1, 2))


def test_errors_are_those_of_the_model_with_dropout_off(config, tiny_windows):
    trainer = KerasTrainer(config, tiny_windows)
    rows = np.arange(60, 90)
    x = next(iter(WindowPipeline(tiny_windows).stream_rows(rows, len(rows))))
    expected = np.abs(trainer.model(x, training=False).numpy()[:, 0] - tiny_windows.get_labels(rows))
    np.testing.assert_allclose(np.abs(trainer.measure_errors(rows)), expected, atol=1e-6)


def test_variants_of_one_seed_begin_with_the_same_weights(config, tiny_windows):
    baseline = KerasTrainer(replace(config, variant="baseline", dropout=0.0, recurrent_dropout=0.0), tiny_windows)
    dropout = KerasTrainer(config, tiny_windows)
    other_seed = KerasTrainer(replace(config, seed=6), tiny_windows)
    for one, same, other in zip(*(m.model.get_weights() for m in (baseline, dropout, other_seed)), strict=True):
        assert np.array_equal(one, same)
        assert not one.any() or not np.array_equal(one, other)  # biases begin at zero


def test_initial_recurrent_weights_are_orthogonal(config, tiny_windows):
    recurrent_kernel = KerasTrainer(config, tiny_windows).model.get_weights()[1]
    np.testing.assert_allclose(recurrent_kernel @ recurrent_kernel.T, np.eye(len(recurrent_kernel)), atol=1e-5)


@pytest.fixture(scope="module")
def baseline(config) -> RunConfig:
    return replace(config, variant="baseline", dropout=0.0, recurrent_dropout=0.0)


# Editions 2 and 3 in small: every window once an epoch, squared errors in °C.
EDITION_2 = {"sampling": "passes", "target_scale": "unit", "loss": "mse", "batch_size": 64}


@pytest.fixture(scope="module", params=[{}, EDITION_2, {**EDITION_2, "optimizer": "adam"}], ids=["1", "2", "3"])
def edition(request, baseline) -> RunConfig:
    return replace(baseline, protocol=replace(baseline.protocol, **request.param))


@pytest.fixture(scope="module")
def fitted_losses(edition):
    """Losses of two epochs of `fit`, uncompiled, on the batches of a run."""
    windows, protocol = make_tiny_windows(edition.protocol), edition.protocol
    model = KerasTrainer(replace(edition, engine="keras"), windows).model
    model.compile(optimizer=protocol.optimizer, loss=protocol.loss, jit_compile=False)
    steps = protocol.epoch_steps
    batches = WindowPipeline(windows).stream_training(
        edition.seed, 0, 2 * steps, protocol.batch_size, protocol.sampling
    )
    losses = [model.train_on_batch(x, y[:, tf.newaxis], return_dict=True)["loss"] for _, x, y in _reset(model, batches)]
    return [float(np.mean(losses[start : start + steps])) for start in (0, steps)]


def _reset(model, batches):
    """Yield batches; the metrics of `train_on_batch` are means since they were last reset."""
    for batch in batches:
        model.reset_metrics()
        yield batch


@pytest.fixture(scope="module", params=["native", "xla", "keras"])
def with_any_engine(request, edition) -> RunConfig:
    return replace(edition, engine=request.param)


@pytest.fixture(scope="module")
def two_epochs(with_any_engine):
    """Losses of two epochs, and the state after each."""
    trainer = KerasTrainer(with_any_engine, make_tiny_windows(with_any_engine.protocol))
    first = train(trainer, (1,)), trainer.get_state()
    second = train(trainer, (2,)), trainer.get_state()
    return first, second


@pytest.mark.thorough
def test_the_baseline_is_trained_as_keras_trains_it(two_epochs, fitted_losses):
    """Losses equal to rounding over two epochs, of every edition's way to train."""
    np.testing.assert_allclose([loss for losses, _ in two_epochs for loss in losses], fitted_losses, rtol=2e-5)


@pytest.mark.thorough
def test_another_process_goes_on_with_passes_bit_for_bit(with_any_engine, two_epochs):
    (_, state), (losses, final_state) = two_epochs
    resumed = KerasTrainer(with_any_engine, make_tiny_windows(with_any_engine.protocol))
    resumed.set_state(state)
    assert train(resumed, (2,)) == losses
    assert_same_state(resumed.get_state(), final_state)


def test_errors_of_a_network_that_learns_the_unit_are_standardised(baseline):
    protocol = replace(baseline.protocol, **EDITION_2)
    windows = make_tiny_windows(protocol)
    trainer = KerasTrainer(replace(baseline, protocol=protocol), windows)
    rows = windows.validation
    x = next(iter(WindowPipeline(windows).stream_rows(rows, len(rows))))
    forecast = np.asarray(trainer.model(x, training=False))[:, 0]  # in °C
    readings = windows.target[rows + windows.target_offset] * windows.target_std + windows.target_mean
    expected = np.abs(forecast - readings) / windows.target_std
    np.testing.assert_allclose(np.abs(trainer.measure_errors(rows)), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.thorough
def test_the_kernel_trains_the_dropout_model_as_keras_does_uncompiled(config, tiny_windows):
    native, keras_default = (
        KerasTrainer(replace(config, engine=engine), tiny_windows) for engine in ("native", "keras")
    )
    np.testing.assert_allclose(train(native, (1, 2)), train(keras_default, (1, 2)), rtol=2e-5)
    rows = tiny_windows.validation
    np.testing.assert_allclose(native.measure_errors(rows), keras_default.measure_errors(rows), atol=2e-5)


@pytest.fixture
def no_compiler(monkeypatch, tmp_path):
    monkeypatch.setenv("CXX", "no-such-compiler")
    monkeypatch.setenv("RDROP_CACHE_DIR", str(tmp_path))
    load_library.cache_clear()
    yield
    load_library.cache_clear()


def test_auto_is_the_kernel(config, tiny_windows):
    trainer = KerasTrainer(config, tiny_windows)
    assert trainer.engine == "native"
    assert trainer.describe_environment().instruction_set == load_library().instruction_set
    assert trainer.find_slowness() is None


def test_without_a_compiler_auto_is_xla_and_says_what_to_do(config, tiny_windows, no_compiler):
    trainer = KerasTrainer(config, tiny_windows)
    assert trainer.engine == "xla"
    assert "CXX=no-such-compiler: no such compiler" in trainer.describe_environment().engine_reason
    assert "CXX=no-such-compiler: no such compiler" in trainer.find_slowness()
    assert KerasTrainer(replace(config, engine="xla"), tiny_windows).find_slowness() is None
    with pytest.raises(RdropError, match="engine native: CXX=no-such-compiler: no such compiler"):
        KerasTrainer(replace(config, engine="native"), tiny_windows)


def test_a_method_is_not_mistaken_for_the_layer_that_it_derives_from(config, baseline, tiny_windows):
    method, plain = (
        KerasTrainer(replace(config, variant="naive-step"), tiny_windows),
        KerasTrainer(baseline, tiny_windows),
    )
    assert (method.engine, plain.engine) == ("native", "native")
    assert train(method, (1,)) != train(plain, (1,))


def test_a_run_that_goes_on_with_another_engine_goes_on_alike(config, tiny_windows, trained):
    """The optimizer's variables are Keras's for every engine, the count of steps among them."""
    first, second = KerasTrainer(config, tiny_windows), KerasTrainer(replace(config, engine="keras"), tiny_windows)
    train(first, (1,))
    second.set_state(first.get_state())
    np.testing.assert_allclose(train(second, (2,)), trained[0][1:], rtol=2e-5)
    for name, value in second.get_state().items():
        np.testing.assert_allclose(value, trained[1][name], atol=2e-5, err_msg=name)


def test_masks_differ_between_steps_and_between_layers_of_one_seed(tiny_windows):
    layers = [keras.layers.GRU(4, recurrent_dropout=0.5, seed=7, return_sequences=True) for _ in range(2)]
    model = keras.Sequential([keras.Input((6, 3)), *layers])
    seeds = MaskSeeds(model, seed=1)
    states = []
    for step in (0, 1):
        seeds.set_step(tf.constant(step, tf.int64))
        states += [tuple(layer.cell.seed_generator.state.numpy()) for layer in layers]
    assert len(set(states)) == 4


def test_purposes_and_seeds_get_unrelated_streams():
    seeds = {derive_seed(seed, purpose) for seed in range(50) for purpose in ("windows", "masks 0", "masks 1")}
    assert len(seeds) == 150
    assert all(0 <= seed < 2**31 for seed in seeds)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_an_optimizer_is_keras_own_with_its_rate_and_its_clipping(name):
    made = make_optimizer(replace(TINY_PROTOCOL, optimizer=name, learning_rate=0.5, clip_norm=2.0))
    assert made.__class__.__name__.lower() == name
    assert float(made.learning_rate) == 0.5
    assert made.global_clipnorm == 2.0


def test_without_an_option_the_optimizer_is_the_studys_to_the_bit():
    weights, gradient = tf.constant([1.0, -2.0, 3.0]), tf.constant([0.3, -0.01, 7.0])
    states = []
    for optimizer in (make_optimizer(TINY_PROTOCOL), keras.optimizers.RMSprop(name="rmsprop")):
        variable = keras.Variable(weights, name="w")
        for _ in range(3):
            optimizer.apply([gradient], [variable])
        states.append([variable.numpy(), *(slot.numpy() for slot in optimizer.variables)])
    for one, other in zip(*states, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("name", "of_keras"),
    [
        ("mae", keras.losses.mean_absolute_error),
        ("mse", keras.losses.mean_squared_error),
        ("huber", keras.losses.huber),
    ],
)
def test_a_loss_is_that_of_keras(name, of_keras):
    y, predicted = tf.constant([0.0, 1.0, -3.0]), tf.constant([0.5, 3.5, -3.0])
    assert float(compute_loss(name, predicted - y)) == pytest.approx(float(of_keras(y, predicted)))


@pytest.mark.thorough
def test_what_is_trained_with_changes_the_training_and_errors_stay_absolute(config, tiny_windows, trained):
    for other in ({"optimizer": "adam"}, {"learning_rate": 0.01}, {"loss": "mse"}, {"clip_norm": 0.01}):
        changed = replace(config, protocol=replace(TINY_PROTOCOL, **other))
        trainer = KerasTrainer(changed, tiny_windows)
        losses = train(trainer, (1, 2))
        assert losses != trained[0], other
        resumed = KerasTrainer(changed, tiny_windows)
        resumed.set_state(trainer.get_state())
        rows = tiny_windows.validation
        x = tiny_windows.matrix[np.asarray(rows)[:, np.newaxis] + tiny_windows.offsets]
        errors = np.abs(np.asarray(resumed.model(x))[:, 0] - tiny_windows.get_labels(rows))
        np.testing.assert_allclose(np.abs(trainer.measure_errors(rows)), errors, atol=1e-5)
