"""The engine that computes training steps and predictions with the kernel; between calls Keras holds the weights."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import keras
import numpy as np

from rdrop_cli.nn.environment import count_threads
from rdrop_cli.nn.native.keras_network import describe_model
from rdrop_cli.nn.native.network import FloatArray, IntArray, Network, Sequences, load_library
from rdrop_cli.nn.native.optimizers import UPDATES
from rdrop_cli.nn.randomness import MaskSeeds, Passes, derive_seed
from rdrop_cli.nn.sampling import shares_masks
from rdrop_cli.nn.variables import assign, flatten, list_slots
from rdrop_cli.series.windows import Windows
from rdrop_cli.study.config import RunConfig
from rdrop_cli.study.protocol import MSE, PASSES

BATCH = 8192  # windows in one call; a request to stop is noticed between calls


class NativeEngine:
    """Computes a recurrent network with the kernel.

    Attributes:
        name: the name that a run records.
        reason: why this engine was chosen.
        device: `CPU`.
        slowness: None.
        instruction_set: the one that the kernel was compiled for.
    """

    name = "native"
    reason = "the kernel can compute this network"
    device = "CPU"
    instruction_set: str | None
    slowness: str | None = None

    def __init__(
        self, config: RunConfig, model: keras.Model, optimizer: keras.optimizers.Optimizer, windows: Windows
    ) -> None:
        """Describe the model to the kernel, which is compiled first if necessary.

        Raises:
            NativeUnavailableError: the kernel is unavailable on this machine.
            UnsupportedModelError: the kernel cannot compute the model.
        """
        self._library, masks = load_library(), MaskSeeds(model, config.seed_of("masks"))
        self.instruction_set = self._library.instruction_set
        protocol, description = config.protocol, describe_model(model, masks.find_stream)
        description = replace(description, squares=protocol.loss == MSE, quantiles=protocol.quantiles)
        self._network = Network(self._library, description)
        self._model, self._optimizer, self._windows = model, optimizer, windows
        self._output_shape = protocol.output_shape
        self._update = UPDATES[protocol.optimizer]
        self._find_rows = self._choose_sampling(config)

    def _choose_sampling(self, config: RunConfig) -> Callable[[int], IntArray]:
        """Return the function from a step to the rows before which its windows end."""
        seed, rows, batch_size = config.seed_of("windows"), self._windows.train, config.protocol.batch_size
        if config.protocol.sampling == PASSES:
            return Passes(seed, rows, batch_size).find_rows
        seed = derive_seed(seed, "windows")
        return lambda step: self._library.draw_integers(seed, step, rows, batch_size)

    def train_steps(self, first: int, last: int) -> Iterator[float]:
        """Train the steps [first, last), yielding the loss of each; at the end update Keras's variables."""
        optimizer, windows = self._optimizer, self._windows
        slots = list_slots(self._model, optimizer)
        weights, moments = flatten(self._model.trainable_variables), [flatten(variables) for variables in slots]
        before, done = int(optimizer.iterations), 0
        try:
            for step in range(first, last):
                rows = self._find_rows(step)
                loss, gradients = self._network.differentiate(
                    weights, self._find_sequences(rows), windows.get_labels(rows), step=step, threads=count_threads()
                )
                with np.errstate(over="ignore", invalid="ignore"):  # its loss shows that a run diverges
                    self._update(optimizer, np.float32(before + done), weights, gradients, *moments)
                done += 1
                yield loss
        finally:
            assign(self._model.trainable_variables, weights)
            for variables, moment in zip(slots, moments, strict=True):
                assign(variables, moment)
            optimizer.iterations.assign_add(done)

    def predict(self, rows: IntArray | range) -> FloatArray:
        """Return the forecasts of the windows that end before `rows`, see `rdrop_cli.nn.engines.Engine.predict`."""
        return self._predict(np.asarray(rows, np.int64))

    def sample(self, rows: IntArray | range, count: int) -> FloatArray:
        """Return `count` forecasts of each window, with dropout on, see `rdrop_cli.nn.engines.Engine.sample`."""
        rows = np.asarray(rows, np.int64)
        if shares_masks(self._model):  # a batch shares one mask, so each sample uses the mask of another step
            same = np.zeros(len(rows), np.int64)
            return np.stack([self._predict(rows, same, step) for step in range(count)])
        draws = np.repeat(np.arange(count, dtype=np.int64), len(rows))
        return self._predict(np.tile(rows, count), draws).reshape(count, len(rows), *self._output_shape)

    def _predict(self, rows: IntArray, draws: IntArray | None = None, step: int = 0) -> FloatArray:
        weights, threads = flatten(self._model.trainable_variables), count_threads()
        outputs = []
        for start in range(0, len(rows), BATCH):
            batch = slice(start, start + BATCH)
            drawn = None if draws is None else draws[batch]
            sequences = self._find_sequences(rows[batch])
            outputs.append(self._network.predict(weights, sequences, threads=threads, step=step, draws=drawn))
        return np.concatenate(outputs).reshape(-1, *self._output_shape)

    def _find_sequences(self, rows: IntArray) -> Sequences:
        windows = self._windows
        return Sequences(windows.matrix, rows + int(windows.offsets[0]), windows.step_rows)
