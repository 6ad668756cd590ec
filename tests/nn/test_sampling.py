"""Predictions with dropout on: masks are active, the same at every timestep, and a function of the seed alone."""

from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf

from rdrop_cli.anatomy.capture import redraw_masks
from rdrop_cli.anatomy.reference import run_gru, run_lstm
from rdrop_cli.errors import RdropError
from rdrop_cli.nn.randomness import MaskSeeds
from rdrop_cli.nn.sampling import shares_masks
from rdrop_cli.nn.trainer import KerasTrainer
from rdrop_cli.study.config import RunConfig
from rdrop_cli.study.methods import Lifetime
from rdrop_cli.study.own import hash_code
from rdrop_cli.study.variants import VARIANTS
from tests.nn.agreement import NETWORKS
from tests.nn.tiny import TINY_PROTOCOL, make_tiny_windows

WINDOWS = make_tiny_windows()
LONG = replace(TINY_PROTOCOL, lookback_rows=120)  # as a convolution needs
LONG_WINDOWS = make_tiny_windows(LONG)
ROWS = WINDOWS.validation[:9]
COUNT = 6
DROPPING = [network for network in NETWORKS if VARIANTS[network[0]].drops]
REFERENCES = {"gru": run_gru, "lstm": run_lstm}


def make_trainer(variant: str, cell: str = "gru", engine: str = "native", seed: int = 5) -> KerasTrainer:
    rates = (0.3 if VARIANTS[variant].dropout else 0.0), (0.4 if VARIANTS[variant].recurrent_dropout else 0.0)
    is_long = VARIANTS[variant].least_timesteps > TINY_PROTOCOL.timesteps
    protocol, windows = (LONG, LONG_WINDOWS) if is_long else (TINY_PROTOCOL, WINDOWS)
    config = RunConfig(variant, seed, *rates, 1, protocol, "made", "0" * 64, engine=engine, cell=cell)
    return KerasTrainer(config, windows)


def make_own(function: str, engine: str = "keras") -> KerasTrainer:
    name = f"tests.nn.own_networks:{function}"
    config = RunConfig(
        name, 5, 0.0, 0.0, 1, TINY_PROTOCOL, "made", "0" * 64, engine=engine, code_sha256=hash_code(name)
    )
    return KerasTrainer(config, WINDOWS)


def sample(trainer: KerasTrainer, rows=ROWS, count: int = COUNT) -> np.ndarray:
    return trainer._engine.sample(rows, count)


@pytest.mark.thorough
@pytest.mark.parametrize("network", DROPPING, ids="-".join)
def test_the_kernel_samples_as_keras_does(network):
    trainers = [make_trainer(*network, engine=engine) for engine in ("native", "keras")]
    rows = trainers[0]._windows.validation[: len(ROWS)]
    native, by_keras = (sample(trainer, rows) for trainer in trainers)
    assert native.shape == (COUNT, len(ROWS))
    assert np.abs(native - by_keras).max() < 1e-5
    assert native.std(axis=0).min() > 1e-3  # of two samples with other masks


@pytest.mark.parametrize("variant", ["dropout", "naive-step", "dropconnect", "batch-shared", "stacked"])
def test_a_sample_has_its_masks_whatever_is_asked_for_beside_it(variant):
    trainer = make_trainer(variant)
    together = sample(trainer)
    assert np.array_equal(sample(trainer, ROWS[4:5], 3), together[:3, 4:5])


def test_another_seed_has_other_masks():
    one, other = make_trainer("dropout"), make_trainer("dropout", seed=6)
    other.model.set_weights(one.model.get_weights())
    assert np.array_equal(one._engine.predict(ROWS), other._engine.predict(ROWS))
    assert not np.array_equal(sample(one), sample(other))


@pytest.mark.parametrize("cell", ["gru", "lstm"])
@pytest.mark.parametrize("method", ["gal", "gal-tied", "semeniuta-sequence", "moon"])
def test_masks_are_active_and_constant_as_the_equations_have_it(method, cell):
    """The anatomy's reference, in NumPy, gives the samples when it applies the same masks at every timestep."""
    trainer = make_trainer(method, cell)
    layer, dense = trainer.model.layers
    stream = MaskSeeds(trainer.model, 5).find_stream(layer.seed_generator)
    masks = redraw_masks(layer, [stream, 0], (COUNT, len(WINDOWS.offsets), WINDOWS.matrix.shape[1]))
    assert {mask.lifetime for mask in masks} == {Lifetime.SEQUENCE}
    given = [[mask.array for mask in masks if mask.argument == name] for name in ("dropout", "recurrent_dropout")]
    window = WINDOWS.matrix[ROWS[2] + WINDOWS.offsets]
    weights = [weight.numpy() for weight in layer.weights[:3]]
    states = REFERENCES[cell](method, np.repeat(window[None], COUNT, axis=0), weights, *given)
    kernel, bias = (weight.numpy() for weight in dense.weights)
    assert sample(trainer)[:, 2] == pytest.approx((states[:, -1] @ kernel + bias)[:, 0], abs=1e-5)


def test_without_dropout_all_samples_are_the_forecast():
    trainer = make_trainer("dropout")
    config = replace(trainer._config, dropout=0.0, recurrent_dropout=0.0)
    plain = KerasTrainer(config, WINDOWS)
    assert np.array_equal(sample(plain), np.tile(plain._engine.predict(ROWS), (COUNT, 1)))


@pytest.mark.parametrize("shared", ["dropout", "nested", "back", "own"])
def test_where_a_batch_shares_masks_each_sample_has_those_of_a_step(shared):
    trainer = make_own(f"make_shared_{shared}")
    window = WINDOWS.matrix[ROWS[2] + WINDOWS.offsets][None]
    seeds, expected = MaskSeeds(trainer.model, 5), list[float]()
    for step in range(COUNT):
        seeds.set_step(tf.constant(step, tf.int64))
        expected.append(trainer.model(window, training=True).numpy().item())
    assert sample(trainer, ROWS[2:3])[:, 0] == pytest.approx(expected, abs=1e-6)
    assert np.std(expected) > 1e-3


@pytest.mark.parametrize("layer", [keras.layers.SpatialDropout1D(0.3), keras.layers.Dropout(0.3, (None, 1, 14))])
def test_masks_of_each_sample_are_told_from_shared_ones(layer):
    assert not shares_masks(keras.Sequential([keras.Input((5, 14)), layer, keras.layers.GRU(3), keras.layers.Dense(1)]))


def test_batch_normalisation_is_that_of_inference_under_masks_and_learns_nothing_of_them():
    trainer = make_own("make_normalised")
    trainer.train_steps(0, 3, lambda *_: None)
    before = trainer.get_state()
    gru, nested, dense = trainer.model.layers
    dropout, norm = nested.layers
    x = np.repeat(WINDOWS.matrix[ROWS[2] + WINDOWS.offsets][None], COUNT, axis=0)
    drawn = sample(trainer)[:, 2]
    MaskSeeds(trainer.model, 5).set_step(tf.constant(0, tf.int64))
    expected = dense(norm(dropout(gru(x), training=True), training=False)).numpy()[:, 0]
    assert drawn == pytest.approx(expected, abs=1e-6)
    assert norm.trainable
    after = trainer.get_state()
    assert all(np.array_equal(after[path], value) for path, value in before.items())


def test_a_layer_that_changes_whenever_dropout_is_on_is_named_and_keeps_its_state():
    trainer = make_own("make_counter")
    with pytest.raises(RdropError, match="counter/calls: its layer changes it whenever dropout is on"):
        sample(trainer)
    assert trainer.model.layers[1].calls == 0
