"""The engine that computes a whole training step, and predictions, by the kernel; Keras holds the weights between."""

from collections.abc import Iterator

import keras
import numpy as np
import numpy.typing as npt

from rdrop_cli.nn.environment import count_threads
from rdrop_cli.nn.native.keras_network import describe_model
from rdrop_cli.nn.native.network import FloatArray, IntArray, Network, Sequences, load_library
from rdrop_cli.nn.randomness import MaskSeeds, derive_seed
from rdrop_cli.series.windows import Windows
from rdrop_cli.study.config import RunConfig

BATCH = 8192  # windows between two looks at whether somebody wants to stop


class NativeEngine:
    """Computes a recurrent network by the kernel.

    Attributes:
        name: what a run records.
        reason: why it computes this model.
        slowness: nothing keeps a faster engine away.
        instruction_set: that the kernel was compiled for.
    """

    name = "native"
    reason = "the kernel can compute this network"
    instruction_set: str | None
    slowness: str | None = None

    def __init__(
        self,
        model: keras.Model,
        optimizer: keras.optimizers.RMSprop,
        windows: Windows,
        config: RunConfig,
    ) -> None:
        """Describe the model to the kernel, which is compiled first if need be.

        Raises:
            NativeUnavailableError: the kernel cannot be had on this machine.
            UnsupportedModelError: it cannot compute the model.
        """
        self._library, masks = load_library(), MaskSeeds(model, config.seed_of("masks"))
        self.instruction_set = self._library.instruction_set
        self._network = Network(self._library, describe_model(model, masks.find_stream))
        self._model, self._optimizer, self._windows = model, optimizer, windows
        self._seed, self._batch_size = derive_seed(config.seed_of("windows"), "windows"), config.protocol.batch_size

    def train_steps(self, first: int, last: int) -> Iterator[float]:
        """Train the steps [first, last), yielding the loss of each; the variables are Keras's again at the end."""
        optimizer, windows = self._optimizer, self._windows
        velocities = optimizer.variables[-len(self._model.trainable_variables) :]
        weights, velocity = _flatten(self._model.trainable_variables), _flatten(velocities)
        rate, rho, epsilon = (np.float32(v) for v in (optimizer.learning_rate, optimizer.rho, optimizer.epsilon))
        done = 0
        try:
            for step in range(first, last):
                rows = self._library.draw_integers(self._seed, step, windows.train, self._batch_size)
                targets = windows.get_targets(rows)
                loss, gradients = self._network.differentiate(
                    weights, self._find_sequences(rows), targets, step=step, threads=count_threads()
                )
                # RMSprop, in the order of Keras's operations; a run that diverges is seen by its loss.
                with np.errstate(over="ignore", invalid="ignore"):
                    velocity *= rho
                    velocity += np.float32(1 - optimizer.rho) * np.square(gradients)
                    weights -= rate * gradients / np.sqrt(velocity + epsilon)
                done += 1
                yield loss
        finally:
            _assign(self._model.trainable_variables, weights)
            _assign(velocities, velocity)
            optimizer.iterations.assign_add(done)

    def predict(self, rows: IntArray | range) -> FloatArray:
        """Return the model's output (window,) for the windows that end before `rows`, dropout off."""
        weights = _flatten(self._model.trainable_variables)
        batches = [np.asarray(rows[start : start + BATCH], np.int64) for start in range(0, len(rows), BATCH)]
        outputs = [
            self._network.predict(weights, self._find_sequences(batch), threads=count_threads()) for batch in batches
        ]
        return np.concatenate(outputs)

    def _find_sequences(self, rows: IntArray) -> Sequences:
        windows = self._windows
        return Sequences(windows.matrix, rows + int(windows.offsets[0]), windows.step_rows)


def _flatten(variables: list[keras.Variable]) -> FloatArray:
    return np.concatenate([variable.numpy().ravel() for variable in variables])


def _assign(variables: list[keras.Variable], values: npt.NDArray[np.float32]) -> None:
    position = 0
    for variable in variables:
        size = int(np.prod(variable.shape))
        variable.assign(values[position : position + size].reshape(variable.shape))
        position += size
