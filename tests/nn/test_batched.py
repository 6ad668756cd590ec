"""JAX computes what the Keras layers do, and of runs together what each is alone."""

import sys
from dataclasses import replace
from itertools import combinations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tensorflow as tf

from rdrop_cli.errors import RdropError
from rdrop_cli.nn.batched.philox import draw_bits, draw_integers
from rdrop_cli.nn.batched.runs import DifferentNetworksError, Runs, merge_descriptions
from rdrop_cli.nn.engines import choose_engine, make_batch
from rdrop_cli.nn.models import build_model
from rdrop_cli.nn.native.keras_network import describe_model
from rdrop_cli.nn.randomness import MaskSeeds
from rdrop_cli.nn.trainer import KerasTrainer, make_optimizer
from rdrop_cli.study.config import RunConfig
from rdrop_cli.study.methods import METHODS
from rdrop_cli.study.protocol import PASSES
from tests.nn.agreement import RECURRENT, STEP, Size, measure_agreement, take_the_masks_of_another_step
from tests.nn.tiny import TINY_PROTOCOL, make_tiny_windows

TOLERANCE = 1e-5
SIZE = Size(33, 2, 7, 5)
SEEDS = ((1, 2), (123_456, 7_890_123), (2**31 - 3, 5))
# Masks per gate drawn at every timestep, and a pair of layers that read in both directions.
SOME_NETWORKS = (("naive-step", "lstm"), ("bidirectional", "gru"))


def compute_by_jax(description, parameters, x, targets):
    """Return loss, gradients and outputs of one run, with an update that only subtracts the gradients."""
    samples, timesteps, features = x.shape
    matrix = x.reshape(-1, features)
    starts = np.arange(samples) * timesteps
    offsets = np.arange(timesteps, dtype=np.int32)
    runs = Runs([description], matrix, offsets, lambda step, weights, gradients: (gradients,))
    weights, steps = np.ones((1, samples), np.float32), np.array([STEP])
    (gradients,), losses = runs.train(
        (parameters[None],), starts[None, None], targets[None, None], weights, steps, at_once=1
    )
    return float(losses[0, 0]), gradients[0], runs.predict(parameters[None], starts)[0]


@pytest.mark.thorough
@pytest.mark.parametrize("seed", SEEDS)
def test_the_bits_are_those_of_tensorflow(seed):
    expected = tf.random.stateless_uniform((37,), seed, minval=None, maxval=None, dtype=tf.uint32, alg="philox")
    words = [np.array([word], np.uint32) for word in seed]
    assert np.array_equal(draw_bits(*words, 37)[0], expected)
    compiled = jax.jit(lambda first, second: draw_bits(first, second, 37, jnp))
    assert np.array_equal(compiled(*words)[0], expected)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_windows_are_those_of_tensorflow(seed):
    expected = tf.random.stateless_uniform((9,), seed, minval=5, maxval=100_000, dtype=tf.int64, alg="philox")
    assert np.array_equal(draw_integers(seed[0], np.array(seed[1:]), range(5, 100_000), 9)[0], expected)


@pytest.mark.thorough
@pytest.mark.parametrize("network", SOME_NETWORKS, ids="-".join)
def test_outputs_and_gradients_are_those_of_float64(network):
    assert max(measure_agreement(*network, SIZE, compute=compute_by_jax)) < TOLERANCE


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("network", RECURRENT, ids="-".join)
def test_outputs_and_gradients_of_every_network_are_those_of_float64(network):
    assert max(measure_agreement(*network, SIZE, compute=compute_by_jax)) < TOLERANCE


@pytest.mark.thorough
def test_the_masks_of_another_run_would_be_seen():
    errors = measure_agreement("dropout", "gru", SIZE, take_the_masks_of_another_step, compute_by_jax)
    assert max(errors) > 1e-3


def train(trainer):
    losses: list[float] = []
    for epoch in (1, 2):
        trainer.train_epoch(epoch, lambda step, loss: losses.append(loss))
    return losses


@pytest.mark.thorough
@pytest.mark.parametrize(
    "changed",
    [
        {"loss": "quantile", "quantiles": (0.1, 0.5, 0.9), "earlier_horizon_rows": (6,)},
        {"optimizer": "adam", "loss": "mse", "sampling": PASSES, "batch_size": 60, "steps_per_epoch": None},
    ],
    ids=["quantiles at two horizons", "full passes by Adam on the squared error"],
)
def test_runs_together_are_the_runs_alone(changed):
    protocol = replace(TINY_PROTOCOL, **changed)
    windows = make_tiny_windows(protocol)
    rates = (("baseline", 0, 0.0, 0.0), ("dropout", 1, 0.2, 0.5), ("dropout", 2, 0.4, 0.1), ("dropout", 3, 0.0, 0.5))
    configs = [RunConfig(*each, 2, protocol, "made", "0" * 64) for each in rates]
    add = make_batch()
    together = [KerasTrainer(config, windows, add) for config in configs]
    losses = [train(trainer) for trainer in together]
    for config, trainer, received in zip(configs, together, losses, strict=True):
        alone = KerasTrainer(replace(config, engine="native"), windows)
        assert received == pytest.approx(train(alone), rel=1e-5)
        errors, expected = (each.measure_errors(windows.validation) for each in (trainer, alone))
        assert errors == pytest.approx(expected, abs=1e-5)
        state, theirs = trainer.get_state(), alone.get_state()
        assert state.keys() == theirs.keys()
        assert all(np.allclose(state[name], theirs[name], atol=1e-4) for name in state)
    assert losses[0] != pytest.approx(losses[1], rel=1e-3)


@pytest.mark.thorough
@pytest.mark.parametrize("variant", ["dropout", "batch-shared"])
def test_samples_with_dropout_on_are_those_of_the_kernel(variant):
    windows = make_tiny_windows()
    config = RunConfig(variant, 3, 0.3, 0.4, 1, TINY_PROTOCOL, "made", "0" * 64)
    engines = [choose_engine(*make_parts(replace(config, engine=engine)), windows) for engine in ("jax", "native")]
    one, other = (engine.sample(windows.validation[:9], 4) for engine in engines)
    assert one.shape == (4, 9)
    assert one == pytest.approx(other, abs=1e-5)
    assert one.std(axis=0).min() > 1e-3, "every sample has masks of its own"


def make_parts(config):
    model = build_model(config, 5, 14)
    optimizer = make_optimizer(config.protocol)
    optimizer.build(model.trainable_variables)
    return config, model, optimizer


@pytest.mark.thorough
def test_networks_of_two_kinds_in_a_batch_are_computed_apart():
    windows, add = make_tiny_windows(), make_batch()
    configs = [RunConfig(name, 0, 0.0, 0.0, 1, TINY_PROTOCOL, "made", "0" * 64) for name in ("baseline", "stacked")]
    together = [KerasTrainer(config, windows, add) for config in configs]
    for trainer, config in zip(together, configs, strict=True):
        alone = KerasTrainer(replace(config, engine="native"), windows)
        assert train(trainer) == pytest.approx(train(alone), rel=1e-5)


def describe(variant, dropout, recurrent_dropout):
    model = build_model(RunConfig(variant, 0, dropout, recurrent_dropout, 1, TINY_PROTOCOL, "made", "0" * 64), 5, 14)
    return describe_model(model, MaskSeeds(model, 0).find_stream)


def test_networks_whose_masks_differ_in_more_than_the_rate_are_not_merged():
    """Masks of one number and shape may multiply something else, last for a timestep, or serve the whole batch."""
    networks = [describe(name, 0.2, 0.3) for name in METHODS]
    networks += [describe(name, 0.2, 0.0) for name in ("dropout-before", "locked-before", "dropout-after")]
    for pair in combinations(networks, 2):
        with pytest.raises(DifferentNetworksError):
            merge_descriptions(pair)
    merge_descriptions([describe("moon", 0.2, 0.3), describe("moon", 0.0, 0.5), describe("gal", 0.0, 0.0)])


@pytest.mark.thorough
def test_a_run_that_lags_behind_is_resumed_beside_the_others():
    windows, add = make_tiny_windows(), make_batch()
    configs = [RunConfig("dropout", seed, 0.2, 0.2, 2, TINY_PROTOCOL, "made", "0" * 64) for seed in (0, 1)]
    first, second = (KerasTrainer(config, windows, add) for config in configs)
    alone = [KerasTrainer(replace(config, engine="native"), windows) for config in configs]
    expected = [train(trainer) for trainer in alone]
    received = [train(first), train(second)]  # one goes through both epochs before the other begins
    assert received[0] == pytest.approx(expected[0], rel=1e-5)
    assert received[1] == pytest.approx(expected[1], rel=1e-5)


def test_what_the_kernel_cannot_compute_jax_refuses_by_name():
    config = RunConfig("dense", 0, 0.0, 0.0, 1, TINY_PROTOCOL, "made", "0" * 64, engine="jax")
    with pytest.raises(RdropError, match=r"engine jax: .*use auto or xla"):
        KerasTrainer(config, make_tiny_windows())


def test_without_jax_the_message_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "rdrop_cli.nn.batched.engine", None)
    with pytest.raises(RdropError, match=r"pip install 'jax>="):
        make_batch()
