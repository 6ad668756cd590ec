"""Networks with several horizons: outputs, errors and the loss, against each horizon computed alone."""

from dataclasses import replace

import numpy as np
import pytest

from rdrop_cli.nn.trainer import KerasTrainer
from rdrop_cli.study.config import RunConfig
from tests.nn.tiny import TINY_PROTOCOL, make_tiny_trainer, make_tiny_windows

SEVERAL = replace(TINY_PROTOCOL, earlier_horizon_rows=(3, 6))
WINDOWS = make_tiny_windows(SEVERAL)
ENGINES = ("native", "xla", "keras")


def read_model(trainer, rows):
    """Return the forecasts of the Keras model itself."""
    x = WINDOWS.matrix[np.asarray(rows)[:, None] + WINDOWS.offsets]
    return trainer.model(x, training=False).numpy()


@pytest.mark.thorough
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("scale", ["standardised", "unit"])
def test_each_output_is_the_forecast_of_its_horizon(engine, scale):
    trainer = make_tiny_trainer(replace(SEVERAL, target_scale=scale), engine)
    assert trainer.model.output_shape == (None, 3)
    rows = WINDOWS.validation[:50]
    errors, forecasts = trainer.measure_errors(rows), read_model(trainer, rows)
    assert errors.shape == (50, 3)
    for place, ahead in enumerate((3, 6, 12)):
        reading = WINDOWS.target[rows + ahead]
        if scale == "unit":
            reading = reading * WINDOWS.target_std + WINDOWS.target_mean
        expected = forecasts[:, place] - reading
        np.testing.assert_allclose(
            errors[:, place], expected / (WINDOWS.target_std if scale == "unit" else 1), atol=2e-5
        )


@pytest.mark.thorough
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("loss", ["mae", "mse"])
def test_the_loss_is_the_mean_over_horizons(engine, loss):
    trainer = make_tiny_trainer(replace(SEVERAL, loss=loss, sampling="passes", batch_size=10_000), engine)
    rows = np.asarray(WINDOWS.train)
    errors = np.abs(
        read_model(trainer, rows) - np.stack([WINDOWS.target[rows + ahead] for ahead in (3, 6, 12)], axis=1)
    )
    expected = float((errors if loss == "mae" else errors**2).mean())
    assert trainer.train_steps(0, 1, lambda step, loss: None) == pytest.approx(expected, rel=1e-5)


@pytest.mark.thorough
@pytest.mark.parametrize("variant", ["dropout", "stacked"])
def test_the_engines_agree_after_training(variant):
    trained = []
    for engine in ("native", "keras"):
        trainer = make_tiny_trainer(SEVERAL, engine, variant)
        loss = trainer.train_steps(0, 4, lambda step, loss: None)
        trained.append((loss, trainer.measure_errors(WINDOWS.test), trainer._engine.sample(WINDOWS.test[:5], 3)))
    (loss, errors, sample), (keras_loss, keras_errors, keras_sample) = trained
    assert loss == pytest.approx(keras_loss, rel=1e-5)
    np.testing.assert_allclose(errors, keras_errors, atol=2e-5)
    assert sample.shape == keras_sample.shape == (3, 5, 3)
    np.testing.assert_allclose(sample, keras_sample, atol=2e-5)


def test_swapped_horizons_are_seen():
    trainer = make_tiny_trainer(SEVERAL)
    rows = WINDOWS.validation[:50]
    right = np.abs(trainer.measure_errors(rows))
    trainer._windows = replace(WINDOWS, earlier_offsets=(6, 3))
    swapped = np.abs(trainer.measure_errors(rows))
    assert np.array_equal(right[:, 2], swapped[:, 2])
    assert not np.allclose(right[:, :2], swapped[:, :2], atol=0.01)


def test_errors_grow_with_the_horizon_and_do_not_where_the_outputs_are_swapped():
    """A day of generated weather ahead, hour by hour, after 1,500 steps: a correlation of ranks."""
    hours = tuple(range(6, 145, 6))
    lengths = {"lookback_rows": 144, "horizon_rows": 144, "train_stop_row": 60_000, "val_stop_row": 80_000}
    training = {"batch_size": 64, "units": 16, "learning_rate": 0.005}
    day = replace(SEVERAL, earlier_horizon_rows=hours[:-1], **lengths, **training)
    windows = make_tiny_windows(day, rows=90_000)
    config = RunConfig("baseline", 3, 0.0, 0.0, 1, day, "made", "0" * 64, engine="native")
    trainer = KerasTrainer(config, windows)
    trainer.train_steps(0, 1500, lambda step, loss: None)
    rows = windows.validation[::17]
    errors = np.abs(trainer.measure_errors(rows)).mean(axis=0)
    assert rank_correlation(hours, errors) > 0.9
    assert errors[-1] > 2 * errors[0]
    reversed_outputs = trainer._engine.predict(rows)[:, ::-1]
    assert rank_correlation(hours, np.abs(windows.measure_errors(reversed_outputs, rows)).mean(axis=0)) < 0.5


def rank_correlation(one, other):
    return float(np.corrcoef(np.argsort(np.argsort(one)), np.argsort(np.argsort(other)))[0, 1])
