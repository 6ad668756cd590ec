"""The windows of editions 2 and 3 are those of Keras's own function, called as the notebooks call it."""

from dataclasses import replace

import keras
import numpy as np
import pytest

from rdrop_cli.nn.pipeline import WindowPipeline
from rdrop_cli.nn.randomness import Passes
from rdrop_cli.series.synthetic import generate_weather
from rdrop_cli.series.table import WEATHER_COLUMNS, Series, Source
from rdrop_cli.series.windows import make_windows
from rdrop_cli.study.editions import PROTOCOLS, find_edition
from rdrop_cli.study.protocol import Protocol

ROWS = 1000
SMALL = replace(PROTOCOLS["book2"], lookback_rows=60, horizon_rows=24, train_stop_row=500, val_stop_row=750)
PUBLISHED_ROWS = 420_451  # as the notebook counts them


@pytest.fixture(scope="module")
def series() -> Series:
    stamps, values = generate_weather(seed=3, rows=ROWS)
    return Series(stamps, WEATHER_COLUMNS, values, Source("made", "test", "0" * 64, ROWS, None))


def cut_by_keras(series: Series, protocol: Protocol, start: int | None, end: int | None):
    """Call the function as the notebooks do, but in order: inputs and targets of a period."""
    temperature = series.values[:, series.columns.index("T (degC)")]
    training = series.values[: protocol.train_stop_row]
    raw = (series.values - training.mean(axis=0)) / training.std(axis=0)
    sequence_length = protocol.lookback_rows // protocol.step_rows
    delay = protocol.step_rows * (sequence_length + protocol.horizon_rows // protocol.step_rows - 1)
    dataset = keras.utils.timeseries_dataset_from_array(
        raw[:-delay],
        targets=temperature[delay:],
        sampling_rate=protocol.step_rows,
        sequence_length=sequence_length,
        shuffle=False,
        batch_size=64,
        start_index=start,
        end_index=end,
    )
    inputs, targets = zip(*dataset, strict=True)
    return np.concatenate(inputs), np.concatenate(targets)


@pytest.mark.parametrize("step", [6, 2])
@pytest.mark.parametrize("period", ["train", "validation", "test"])
def test_every_window_and_its_target_are_those_of_keras(series: Series, period: str, step: int) -> None:
    protocol = replace(SMALL, step_rows=step)
    windows = make_windows(series, protocol)
    train_stop, val_stop = protocol.train_stop_row, protocol.val_stop_row
    bounds = {"train": (0, train_stop), "validation": (train_stop, val_stop), "test": (val_stop, None)}
    inputs, targets = cut_by_keras(series, protocol, *bounds[period])
    rows = np.asarray(getattr(windows, period))
    assert len(rows) == len(targets)
    np.testing.assert_allclose(windows.matrix[rows[:, np.newaxis] + windows.offsets], inputs, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(windows.get_labels(rows), targets, rtol=1e-6)


def test_the_periods_of_the_published_file_have_the_notebooks_windows() -> None:
    protocol = find_edition("book2").protocol
    assert (protocol.lookback_rows + protocol.target_offset, protocol.timesteps, protocol.lead_rows) == (858, 120, 144)
    rows = [protocol.train_rows, protocol.validation_rows, protocol.find_test_rows(PUBLISHED_ROWS)]
    starts = [range(each.start - 720, each.stop - 720) for each in rows]
    assert starts[0] == range(210_225 - 714)
    assert starts[1] == range(210_225, 315_337 - 714)
    assert starts[2] == range(315_337, PUBLISHED_ROWS - 858 - 714)


def test_an_epoch_is_one_pass_in_another_order_and_any_step_can_be_had_alone(series: Series) -> None:
    windows = make_windows(series, replace(SMALL, batch_size=32))
    pipeline = WindowPipeline(windows)
    steps = replace(SMALL, batch_size=32).epoch_steps

    def read(seed: int, first: int, last: int) -> list[tuple[int, np.ndarray, np.ndarray]]:
        batches = pipeline.stream_training(seed, first, last, 32, "passes")
        return [(int(step), x.numpy(), y.numpy()) for step, x, y in batches]

    two_epochs = read(0, 0, 2 * steps)
    first, second = (np.concatenate([y for _, _, y in two_epochs[at : at + steps]]) for at in (0, steps))
    everything = np.sort(windows.get_labels(windows.train))
    assert len(windows.train) % 32  # the last batch is smaller
    assert len(two_epochs[steps - 1][2]) == len(windows.train) % 32
    for epoch in (first, second):
        assert np.array_equal(np.sort(epoch), everything)
    assert not np.array_equal(first, second)
    assert not np.array_equal(first, np.concatenate([y for _, _, y in read(1, 0, steps)]))
    (step, x, y) = read(0, steps + 2, steps + 3)[0]
    assert step == steps + 2
    assert np.array_equal(y, two_epochs[steps + 2][2])
    assert np.array_equal(x, two_epochs[steps + 2][1])


def test_naive_errors_are_the_same_in_whichever_scale_the_network_learns(series: Series) -> None:
    inputs, targets = cut_by_keras(series, SMALL, SMALL.train_stop_row, SMALL.val_stop_row)
    windows, column = make_windows(series, SMALL), WEATHER_COLUMNS.index("T (degC)")
    forecast = inputs[:, -1, column] * windows.target_std + windows.target_mean
    errors = np.abs(windows.measure_errors(forecast.astype(np.float32), windows.validation))
    assert errors.mean() * windows.target_std == pytest.approx(np.abs(forecast - targets).mean(), rel=1e-5)
    standardised = make_windows(series, replace(SMALL, target_scale="standardised"))
    same = np.abs(standardised.measure_errors(inputs[:, -1, column].astype(np.float32), windows.validation))
    np.testing.assert_allclose(errors, same, atol=1e-5)


def test_the_order_of_a_pass_is_the_same_bits_on_every_machine_and_version() -> None:
    passes = Passes(0, range(20, 32), 5)
    steps = [passes.find_rows(step).tolist() for step in range(4)]
    assert steps == [[26, 23, 24, 25, 28], [22, 21, 27, 31, 29], [20, 30], [20, 27, 21, 23, 22]]
    assert Passes(0, range(20, 32), 5).find_rows(3).tolist() == steps[3]
