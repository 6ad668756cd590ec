"""Train a network epoch by epoch, measure its errors on any windows, and exchange its state as plain arrays."""

import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import keras
import numpy as np
import numpy.typing as npt

from rdrop_cli.errors import RdropError, describe_exception
from rdrop_cli.nn.engines import MakeEngine, choose_engine
from rdrop_cli.nn.environment import describe_environment
from rdrop_cli.nn.models import build_model
from rdrop_cli.nn.randomness import is_seed_state
from rdrop_cli.runs.checkpoint import State
from rdrop_cli.runs.document import Environment
from rdrop_cli.runs.folder import MODEL_NAME
from rdrop_cli.series.windows import Windows
from rdrop_cli.study.config import RunConfig
from rdrop_cli.study.protocol import Protocol
from rdrop_cli.study.variants import find_variant

ZIP_YEARS = range(1980, 2108)


def make_optimizer(protocol: Protocol) -> keras.optimizers.Optimizer:
    """Make the protocol's optimizer, with Keras's defaults for everything that a protocol does not set."""
    kinds = {
        "rmsprop": keras.optimizers.RMSprop,
        "adam": keras.optimizers.Adam,
        "nadam": keras.optimizers.Nadam,
        "sgd": keras.optimizers.SGD,
    }
    return kinds[protocol.optimizer](
        learning_rate=protocol.learning_rate, global_clipnorm=protocol.clip_norm, name=protocol.optimizer
    )


class KerasTrainer:
    """Trains a Keras model with the protocol's optimizer and loss: in the study RMSprop on the mean absolute error.

    All randomness is a function of the seed and the step (`randomness`), so the variables are the complete state.
    """

    def __init__(self, config: RunConfig, windows: Windows, make_engine: MakeEngine = choose_engine) -> None:
        self._config = config
        self._windows = windows
        self.model = build_model(config, len(windows.offsets), windows.matrix.shape[1])
        self._optimizer = make_optimizer(config.protocol)
        self._optimizer.build(self.model.trainable_variables)
        self._engine = make_engine(config, self.model, self._optimizer, windows)

    model_name = MODEL_NAME

    @property
    def engine(self) -> str:
        """The engine that computes the network: `native`, `jax`, `xla` or `keras`."""
        return self._engine.name

    def describe_environment(self) -> Environment:
        """Return versions, device, threads and instruction set, which affect last digits, and the engine's reason."""
        engine = self._engine
        return describe_environment(
            jax=version("jax") if engine.name == "jax" else None,
            device=engine.device,
            instruction_set=engine.instruction_set,
            engine_reason=engine.reason,
        )

    def find_slowness(self) -> str | None:
        """Return why the compiled kernel is unavailable and how to get it, or None if that does not slow the run."""
        return self._engine.slowness

    def find_hidden_state(self) -> str | None:
        """Return why the runs of a user's own network cannot be repeated, or None if they can.

        Two steps are trained twice from the same state, and once by a second instance of the network. If the weights
        differ, there is random state that neither the variables nor the seed hold.

        Raises:
            RdropError: the network cannot be trained.
        """
        name = self._config.variant
        if not find_variant(name).maker:
            return None
        try:
            first, second = (KerasTrainer(self._config, self._windows) for _ in range(2))
            start = first.get_state()
            ends = [first._train_two_steps(start), first._train_two_steps(start), second._train_two_steps(start)]
        except Exception as error:
            raise RdropError(f"{name}: cannot be trained by {self.engine}: {describe_exception(error)}") from error
        if all(np.array_equal(value, end[path], equal_nan=True) for end in ends for path, value in ends[0].items()):
            return None
        return (
            f"{name} has random state that no seed reaches: the same two steps gave other weights; "
            "its runs cannot be repeated, and a resumed run goes on differently"
        )

    def _train_two_steps(self, start: State) -> State:
        """Return the state after training the first two steps from a given state."""
        self.set_state(start)
        self.train_steps(0, 2, lambda *_: None)
        return self.get_state()

    def train_epoch(self, epoch: int, on_step: Callable[[int, float], None]) -> float:
        """Train the steps of an epoch, counted from 1; return their mean loss, with dropout on.

        `on_step` receives the step within the epoch, from 1, and its loss.
        """
        steps = self._config.own_protocol.epoch_steps
        return self.train_steps((epoch - 1) * steps, epoch * steps, on_step)

    def train_steps(self, first: int, last: int, on_step: Callable[[int, float], None]) -> float:
        """Train the steps [first, last), counted from 0 over the run; return their mean loss, with dropout on."""
        total = 0.0
        for i, loss in enumerate(self._engine.train_steps(first, last), start=1):
            total += loss
            on_step(i, loss)
        return total / (last - first)

    def measure_errors(self, rows: npt.NDArray[np.int64] | range) -> npt.NDArray[np.float32]:
        """Return forecasts minus targets, standardised, with dropout off, in the shape of the forecasts."""
        return self._windows.measure_errors(self._engine.predict(rows), rows)

    def get_state(self) -> State:
        """Return weights and optimizer slots by path."""
        return {variable.path: variable.numpy() for variable in self._stateful_variables()}

    def set_state(self, state: State) -> None:
        """Restore a state that `get_state` returned, here or in another process.

        Raises:
            KeyError: a variable is missing; ValueError: a shape differs.
        """
        for variable in self._stateful_variables():
            variable.assign(state[variable.path])

    def save_model(self, path: Path) -> None:
        """Write the model as a `.keras` file.

        Raises:
            RdropError: the clock shows a year that the file, a zip archive, cannot record.
        """
        year = time.localtime().tm_year
        if year not in ZIP_YEARS:
            raise RdropError(
                f"the clock says {year}, which {path.suffix} files cannot record; set it and resume the run"
            )
        self.model.save(path)

    def _stateful_variables(self) -> list[keras.Variable]:
        others = [variable for variable in self.model.non_trainable_variables if not is_seed_state(variable)]
        return [*self.model.trainable_variables, *others, *self._optimizer.variables]
