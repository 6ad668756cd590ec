"""The ways to train that the benchmark compares, each at the book's size, on the same series and windows."""

from collections.abc import Callable, Iterator
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Protocol

import keras
import numpy as np
import numpy.typing as npt

from rdrop_cli.nn.models import build_model
from rdrop_cli.nn.native.keras_network import describe_model
from rdrop_cli.nn.native.network import load_library
from rdrop_cli.nn.native.work import Work, count_work
from rdrop_cli.nn.randomness import MaskSeeds
from rdrop_cli.nn.trainer import KerasTrainer
from rdrop_cli.series.windows import Windows
from rdrop_cli.study.config import RunConfig

Batch = tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]


class Implementation(Protocol):
    """A way to train and to measure."""

    def train(self, steps: int) -> None:
        """Train a number of further steps."""
        ...

    def measure(self, windows: int) -> None:
        """Compute the error on this many validation windows."""
        ...


class Book:
    """The book's way (section 6.3): a Python generator cuts every window from a float64 array and feeds `fit`."""

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

    def complete(self, config: RunConfig, path: Path) -> None:
        """Do the book's complete run: every epoch with its validation, the test, and saving the model."""
        validation, test = self._windows.validation, self._windows.test
        self._model.fit(
            self._training,
            steps_per_epoch=config.protocol.steps_per_epoch,
            epochs=config.epochs,
            validation_data=self._validation,
            validation_steps=max(1, len(validation) // self._batch),
            verbose=0,
            shuffle=False,
        )
        generated = self._generate(_span(test), shuffle=False)
        self._model.evaluate(generated, steps=max(1, len(test) // self._batch), verbose=0)
        self._model.save(path)

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
    """The way of Keras's documentation: `fit` on `timeseries_dataset_from_array`.

    All settings are defaults, except `jit_compile` to use XLA, which Keras does not use on a CPU by default, and
    `unroll` to unroll the loop over time.
    """

    def __init__(
        self, config: RunConfig, windows: Windows, jit_compile: bool | str = "auto", unroll: bool = False
    ) -> None:
        self._batch = config.protocol.batch_size
        self._model = _compile_keras_model(config, windows, jit_compile, unroll)
        self._training = self._make_dataset(windows, windows.train, shuffle=True).repeat()
        self._validation = self._make_dataset(windows, _span(windows.validation), shuffle=False).repeat()
        if unroll:  # Keras cannot unroll if the dataset does not state the number of timesteps
            shape = (-1, len(windows.offsets), windows.matrix.shape[1])
            self._training, self._validation = (
                dataset.map(lambda batch, targets: (keras.ops.reshape(batch, shape), targets))
                for dataset in (self._training, self._validation)
            )

    def train(self, steps: int) -> None:
        self._model.fit(self._training, steps_per_epoch=steps, epochs=1, verbose=0, shuffle=False)

    def measure(self, windows: int) -> None:
        self._model.evaluate(self._validation, steps=max(1, windows // self._batch), verbose=0)

    def _make_dataset(self, windows: Windows, rows: range, *, shuffle: bool) -> Any:
        """Make a dataset; a window that ends before row i begins at i + offsets[0], `targets[j]` is for one at j."""
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

        self._config = config

    @property
    def engine(self) -> str:
        return self._trainer.engine

    @cached_property
    def _work(self) -> Work:
        find_stream = MaskSeeds(self._trainer.model, self._config.seed).find_stream
        return count_work(describe_model(self._trainer.model, find_stream), self._config.protocol.batch_size)

    def multiply_and_add(self, steps: int) -> None:
        """Do only the multiply-adds of this many steps."""
        load_library().multiply_and_add(steps * self._work.multiply_adds)

    def activate(self, steps: int) -> None:
        """Compute only the activations of this many steps."""
        load_library().activate(steps * self._work.sigmoids, steps * self._work.tanhs)

    def train(self, steps: int) -> None:
        self._trainer.train_steps(self._step, self._step + steps, lambda step, loss: None)
        self._step += steps

    def measure(self, windows: int) -> None:
        first = int(self._windows.validation[0])
        self._trainer.measure_errors(range(first, first + windows))


IMPLEMENTATIONS: dict[str, Callable[[RunConfig, Windows], Implementation]] = {
    "book": Book,
    "keras": KerasDefaults,
    "keras-unrolled": partial(KerasDefaults, unroll=True),
    "xla": partial(KerasDefaults, jit_compile=True),
    "rdrop": Rdrop,
}


def _compile_keras_model(
    config: RunConfig, windows: Windows, jit_compile: bool | str = "auto", unroll: bool = False
) -> keras.Model:
    model = build_model(config, len(windows.offsets), windows.matrix.shape[1])
    if unroll:
        model = unroll_recurrence(model)
    model.compile(optimizer="rmsprop", loss="mae", jit_compile=jit_compile)
    return model


def unroll_recurrence(model: keras.Model) -> keras.Model:
    """Return the same network with the loop over time of its recurrent layers unrolled, and the same weights."""

    def copy(layer: keras.Layer) -> keras.Layer:
        settings = layer.get_config()
        return layer.from_config(settings | {"unroll": True} if "unroll" in settings else settings)

    unrolled = keras.models.clone_model(model, clone_function=copy)
    unrolled.set_weights(model.get_weights())
    return unrolled


def _span(rows: npt.NDArray[np.int64]) -> range:
    """Return consecutive rows as a range."""
    return range(int(rows[0]), int(rows[-1]) + 1)
