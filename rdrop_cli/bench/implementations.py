"""The ways to train that the benchmark compares, each at the book's size, on the same series and windows."""

from collections.abc import Callable, Iterator
from typing import Any, Protocol

import keras
import numpy as np
import numpy.typing as npt

from rdrop_cli.nn.trainer import KerasTrainer
from rdrop_cli.series.windows import Windows
from rdrop_cli.study.config import RunConfig

Batch = tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]


class Implementation(Protocol):
    """A way to train and to measure."""

    def train(self, steps: int) -> None:
        """Train some steps more."""
        ...

    def measure(self, windows: int) -> None:
        """Compute the error on that many validation windows."""
        ...


class Book:
    """The book's way (section 6.3): a Python generator cuts every window out of a float64 array, and `fit` eats it."""

    def __init__(self, config: RunConfig, windows: Windows) -> None:
        self._windows, self._batch = windows, config.protocol.batch_size
        self._readings = windows.matrix.astype(np.float64)
        self._target = windows.target.astype(np.float64)
        self._model = _compile_keras_model(config, windows)
        self._training = self._generate(windows.train, shuffle=True)
        self._validation = self._generate(_span(windows.validation), shuffle=False)

    def train(self, steps: int) -> None:
        self._model.fit(self._training, steps_per_epoch=steps, epochs=1, verbose=0, shuffle=False)

    def measure(self, windows: int) -> None:
        self._model.evaluate(self._validation, steps=max(1, windows // self._batch), verbose=0)

    def _generate(self, rows: range, *, shuffle: bool) -> Iterator[Batch]:
        windows, rng, position = self._windows, np.random.default_rng(0), 0
        while True:
            if shuffle:
                ends = rng.integers(rows.start, rows.stop, self._batch)
            else:
                position = 0 if position + self._batch > len(rows) else position
                ends = np.arange(rows.start + position, rows.start + position + self._batch)
                position += self._batch
            samples = np.zeros((self._batch, len(windows.offsets), self._readings.shape[1]))
            targets = np.zeros(self._batch)
            for i, end in enumerate(ends):
                samples[i] = self._readings[end + windows.offsets]
                targets[i] = self._target[end + windows.target_offset]
            yield samples, targets


class KerasDefaults:
    """What Keras's documentation leads to: `timeseries_dataset_from_array` into `fit`, every setting its default."""

    def __init__(self, config: RunConfig, windows: Windows) -> None:
        self._batch = config.protocol.batch_size
        self._model = _compile_keras_model(config, windows)
        self._training = self._make_dataset(windows, windows.train, shuffle=True).repeat()
        self._validation = self._make_dataset(windows, _span(windows.validation), shuffle=False).repeat()

    def train(self, steps: int) -> None:
        self._model.fit(self._training, steps_per_epoch=steps, epochs=1, verbose=0, shuffle=False)

    def measure(self, windows: int) -> None:
        self._model.evaluate(self._validation, steps=max(1, windows // self._batch), verbose=0)

    def _make_dataset(self, windows: Windows, rows: range, *, shuffle: bool) -> Any:
        """Window that ends before row i begins at i + offsets[0]; `targets[j]` belongs to the window beginning at j."""
        first, lead = rows.start + windows.offsets[0], -windows.offsets[0] + windows.target_offset
        return keras.utils.timeseries_dataset_from_array(
            windows.matrix[first : rows.stop],
            windows.target[first + lead : rows.stop + lead],
            sequence_length=len(windows.offsets),
            sampling_rate=windows.step_rows,
            batch_size=self._batch,
            shuffle=shuffle,
            seed=0,
        )


class Rdrop:
    """rdrop's own trainer, as `rdrop train` uses it."""

    def __init__(self, config: RunConfig, windows: Windows) -> None:
        self._trainer, self._windows = KerasTrainer(config, windows), windows
        self._step = 0

    @property
    def engine(self) -> str:
        return self._trainer.engine

    def train(self, steps: int) -> None:
        self._trainer.train_steps(self._step, self._step + steps, lambda step, loss: None)
        self._step += steps

    def measure(self, windows: int) -> None:
        first = int(self._windows.validation[0])
        self._trainer.measure_errors(range(first, first + windows))


IMPLEMENTATIONS: dict[str, Callable[[RunConfig, Windows], Implementation]] = {
    "book": Book,
    "keras": KerasDefaults,
    "rdrop": Rdrop,
}


def _compile_keras_model(config: RunConfig, windows: Windows) -> keras.Model:
    rates = {"dropout": config.dropout, "recurrent_dropout": config.recurrent_dropout}
    layers = [
        keras.Input((len(windows.offsets), windows.matrix.shape[1])),
        keras.layers.GRU(config.protocol.units, **rates),
        keras.layers.Dense(1),
    ]
    model = keras.Sequential(layers)
    model.compile(optimizer="rmsprop", loss="mae")
    return model


def _span(rows: npt.NDArray[np.int64]) -> range:
    """Return rows, of which none is left out, as a range."""
    return range(int(rows[0]), int(rows[-1]) + 1)
