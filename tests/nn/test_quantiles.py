"""Networks of quantiles: outputs, loss and training, the same by the kernel and by Keras, and what they forecast."""

from dataclasses import replace

import numpy as np
import pytest

from rdrop_cli.nn.trainer import KerasTrainer
from rdrop_cli.study.config import RunConfig
from rdrop_cli.training.measured import measure
from tests.nn.tiny import TINY_PROTOCOL, make_tiny_trainer, make_tiny_windows

LEVELS = (0.1, 0.5, 0.9)
QUANTILES = replace(TINY_PROTOCOL, loss="quantile", quantiles=LEVELS, best_by="pinball")
SEVERAL = replace(QUANTILES, earlier_horizon_rows=(3, 6))


@pytest.mark.thorough
@pytest.mark.parametrize("protocol", [QUANTILES, SEVERAL], ids=["one horizon", "several"])
@pytest.mark.parametrize("engine", ["native", "xla", "keras"])
def test_the_loss_is_the_pinball_loss_of_the_networks_own_outputs(engine, protocol):
    protocol = replace(protocol, sampling="passes", batch_size=10_000, target_scale="unit")
    trainer = make_tiny_trainer(protocol, engine)
    windows = make_tiny_windows(protocol)
    rows = np.asarray(windows.train)
    x = windows.matrix[rows[:, None] + windows.offsets]
    forecasts = trainer.model(x, training=False).numpy().reshape(len(rows), len(protocol.horizons), 3)
    readings = windows.target[rows[:, None] + np.array(protocol.horizons)] * windows.target_std + windows.target_mean
    missed = readings[:, :, None] - forecasts
    expected = np.maximum(np.array(LEVELS) * missed, (np.array(LEVELS) - 1) * missed).mean()
    assert trainer._engine.predict(rows).shape == forecasts.shape
    np.testing.assert_allclose(trainer.measure_errors(rows), -missed / windows.target_std, atol=1e-5)
    assert trainer.train_steps(0, 1, lambda step, loss: None) == pytest.approx(expected, rel=1e-5)


@pytest.mark.thorough
@pytest.mark.parametrize("variant", ["dropout", "bidirectional"])
def test_the_engines_agree_after_training(variant):
    trained = []
    for engine in ("native", "keras"):
        trainer = make_tiny_trainer(SEVERAL, engine, variant)
        loss = trainer.train_steps(0, 4, lambda step, loss: None)
        rows = make_tiny_windows(SEVERAL).test
        trained.append((loss, trainer.measure_errors(rows), trainer._engine.sample(rows[:5], 2)))
    (loss, errors, sample), (keras_loss, keras_errors, keras_sample) = trained
    assert loss == pytest.approx(keras_loss, rel=1e-5)
    np.testing.assert_allclose(errors, keras_errors, atol=2e-5)
    assert sample.shape == (2, 5, 3, 3)
    np.testing.assert_allclose(sample, keras_sample, atol=2e-5)


def test_as_many_readings_lie_below_a_quantile_as_its_level_says():
    """After 1,500 steps on generated weather, six and twelve hours ahead."""
    lengths = {"lookback_rows": 144, "horizon_rows": 72, "train_stop_row": 60_000, "val_stop_row": 80_000}
    training = {"batch_size": 64, "units": 16, "learning_rate": 0.005}
    protocol = replace(QUANTILES, earlier_horizon_rows=(36,), **lengths, **training)
    windows = make_tiny_windows(protocol, rows=90_000)
    config = RunConfig("baseline", 3, 0.0, 0.0, 1, protocol, "made", "0" * 64, engine="native")
    trainer = KerasTrainer(config, windows)
    untrained = measure(trainer.measure_errors(windows.validation[::17]), LEVELS)
    trainer.train_steps(0, 1500, lambda step, loss: None)
    errors = trainer.measure_errors(windows.train[::17])
    below = (errors > 0).mean(axis=0)
    np.testing.assert_allclose(below, np.tile(LEVELS, (2, 1)), atol=0.1)
    trained = measure(trainer.measure_errors(windows.validation[::17]), LEVELS)
    assert trained.pinball < untrained.pinball / 2
    assert trained.crossed < 0.05
    assert measure(trainer.measure_errors(windows.validation[::17])[..., ::-1], LEVELS).crossed > 0.9
