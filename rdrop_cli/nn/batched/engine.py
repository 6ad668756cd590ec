"""The engine that computes runs of equal networks together; each run gets its own `Engine` object."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import partial

import jax
import jax.numpy as jnp
import keras
import numpy as np

from rdrop_cli.nn.batched.philox import draw_integers
from rdrop_cli.nn.batched.runs import DifferentNetworksError, Runs, merge_descriptions
from rdrop_cli.nn.native.description import Description, Kind
from rdrop_cli.nn.native.keras_network import UnsupportedModelError, describe_model
from rdrop_cli.nn.native.network import FloatArray, IntArray
from rdrop_cli.nn.native.optimizers import UPDATES
from rdrop_cli.nn.randomness import MaskSeeds, Passes, derive_seed
from rdrop_cli.nn.sampling import shares_masks
from rdrop_cli.nn.variables import assign, flatten, list_slots
from rdrop_cli.series.windows import Windows
from rdrop_cli.study.config import RunConfig
from rdrop_cli.study.protocol import MSE, PASSES

STEPS_AT_ONCE = 50  # in one call; a request to stop is noticed between calls


class Batch:
    """Runs that are added one by one, then computed together if their networks allow it."""

    def __init__(self) -> None:
        self._groups: list[_Group] = []

    def add(
        self, config: RunConfig, model: keras.Model, optimizer: keras.optimizers.Optimizer, windows: Windows
    ) -> "BatchedEngine":
        """Return the engine of one run.

        Raises:
            UnsupportedModelError: JAX cannot compute the model.
        """
        described = describe_model(model, MaskSeeds(model, config.seed_of("masks")).find_stream)
        if any(stage.kind != Kind.RECURRENT for stage in described.stages):
            raise UnsupportedModelError("JAX computes recurrent layers alone")
        description = replace(described, squares=config.protocol.loss == MSE, quantiles=config.protocol.quantiles)
        member = _Member(config, model, optimizer, windows, description)
        for group in self._groups:
            if group.takes(member):
                return BatchedEngine(group, group.add(member))
        self._groups.append(_Group([member]))
        return BatchedEngine(self._groups[-1], 0)


class BatchedEngine:
    """One run of a batch, as an `Engine`; the first run to request steps computes them for all.

    Attributes:
        name: the name that a run records.
        instruction_set: None, because TensorFlow and JAX choose it.
        slowness: None.
    """

    name = "jax"
    instruction_set: str | None = None
    slowness: str | None = None

    def __init__(self, group: "_Group", place: int) -> None:
        self._group, self._place = group, place

    @property
    def reason(self) -> str:
        """Why JAX computes the run."""
        count = len(self._group.members)
        return f"{count} runs are computed together" if count > 1 else "engine jax was asked for"

    @property
    def device(self) -> str:
        """The device that JAX computes on."""
        device = jax.devices()[0]
        return "CPU" if device.platform == "cpu" else device.device_kind

    def train_steps(self, first: int, last: int) -> Iterator[float]:
        """Train the steps [first, last), yielding the loss of each; at the end update Keras's variables."""
        return self._group.train_steps(self._place, first, last)

    def predict(self, rows: IntArray | range) -> FloatArray:
        """Return the forecasts of the windows that end before `rows`, see `rdrop_cli.nn.engines.Engine.predict`."""
        return self._group.predict(self._place, np.asarray(rows, np.int64))

    def sample(self, rows: IntArray | range, count: int) -> FloatArray:
        """Return `count` forecasts of each window, with dropout on, see `rdrop_cli.nn.engines.Engine.sample`."""
        return self._group.sample(self._place, np.asarray(rows, np.int64), count)


@dataclass(frozen=True)
class _Member:
    """A run of a batch."""

    config: RunConfig
    model: keras.Model
    optimizer: keras.optimizers.Optimizer
    windows: Windows
    description: Description

    @property
    def variables(self) -> list[list[keras.Variable]]:
        """The run's weights, then the optimizer's slots, kind by kind."""
        return [self.model.trainable_variables, *list_slots(self.model, self.optimizer)]


@dataclass
class _Epoch:
    """Steps [first, last) of all runs of a group, computed as far as requested.

    Attributes:
        state: weights and slots of all runs, (run, parameters) each, after the steps computed so far.
        losses: of the steps computed so far, (step, run).
        taken: the runs that have requested these steps.
    """

    first: int
    last: int
    state: tuple[FloatArray, ...]
    losses: list[FloatArray] = field(default_factory=list)
    taken: set[int] = field(default_factory=set)


class _Group:
    """Runs whose networks are equal except for seeds and rates."""

    def __init__(self, members: list[_Member]) -> None:
        self.members = members
        self._runs: Runs | None = None
        self._epoch: _Epoch | None = None
        self._passes: list[Passes] = []
        self._predicted: FloatArray | None = None  # the weights that `_outputs` belong to
        self._outputs: dict[bytes, FloatArray] = {}

    def takes(self, member: _Member) -> bool:
        """Whether a run can be computed with these."""
        first = self.members[0]
        try:
            merge_descriptions([*(each.description for each in self.members), member.description])
        except DifferentNetworksError:
            return False
        return first.windows is member.windows and first.config.protocol == member.config.protocol

    def add(self, member: _Member) -> int:
        """Add a run and return its index."""
        self.members.append(member)
        return len(self.members) - 1

    def train_steps(self, place: int, first: int, last: int) -> Iterator[float]:
        epoch = self._epoch
        if epoch is None or (epoch.first, epoch.last) != (first, last) or place in epoch.taken:
            epoch = self._epoch = _Epoch(first, last, self._collect_state())
        epoch.taken.add(place)
        for step in range(last - first):
            if step == len(epoch.losses):
                self._compute_more(epoch)
            yield float(epoch.losses[step][place])
        member = self.members[place]
        for variables, values in zip(member.variables, epoch.state, strict=True):
            assign(variables, values[place])
        member.optimizer.iterations.assign(last)

    def predict(self, place: int, rows: IntArray) -> FloatArray:
        weights = flatten(self.members[place].model.trainable_variables)
        if self._predicted is None or not np.array_equal(self._predicted[place], weights):
            self._predicted, self._outputs = self._find_weights(place, weights), {}
        key = rows.tobytes()
        if key not in self._outputs:
            self._outputs[key] = self._provide_runs().predict(self._predicted, rows)
        return self._shape(self._outputs[key][place])

    def sample(self, place: int, rows: IntArray, count: int) -> FloatArray:
        member, runs = self.members[place], self._provide_runs()
        weights = flatten(member.model.trainable_variables)
        if shares_masks(member.model):  # a batch shares one mask, so each sample uses the mask of another step
            return self._shape(np.concatenate([runs.sample(weights, place, rows, step, 1) for step in range(count)]))
        return self._shape(runs.sample(weights, place, rows, 0, count))

    def _shape(self, outputs: FloatArray) -> FloatArray:
        """Reshape outputs: the axes of samples and windows, then those of the protocol."""
        last, leading = (
            self.members[0].config.protocol.output_shape,
            outputs.ndim - len(self._provide_runs().network.output_shape),
        )
        return outputs.reshape(*outputs.shape[:leading], *last)

    def _find_weights(self, place: int, weights: FloatArray) -> FloatArray:
        """Return the weights of all runs: those after the epoch if this run has them already, else the current ones."""
        epoch = self._epoch
        if epoch and len(epoch.losses) == epoch.last - epoch.first and np.array_equal(epoch.state[0][place], weights):
            return epoch.state[0]
        return self._collect_state()[0]

    def _provide_runs(self) -> Runs:
        if self._runs is None:
            first = self.members[0]
            update = partial(UPDATES[first.config.protocol.optimizer], first.optimizer, sqrt=jnp.sqrt)
            windows = first.windows
            descriptions = [member.description for member in self.members]
            self._runs = Runs(descriptions, windows.matrix, windows.offsets, update)
        return self._runs

    def _collect_state(self) -> tuple[FloatArray, ...]:
        states = [[flatten(variables) for variables in member.variables] for member in self.members]
        return tuple(np.stack(part) for part in zip(*states, strict=True))

    def _compute_more(self, epoch: _Epoch) -> None:
        """Compute the next steps of an epoch, for all runs."""
        first = epoch.first + len(epoch.losses)
        steps = np.arange(first, min(first + STEPS_AT_ONCE, epoch.last), dtype=np.int64)
        rows, weights = self._find_rows(steps)
        labels = self.members[0].windows.get_labels(rows)
        runs = self._provide_runs()
        epoch.state, losses = runs.train(epoch.state, rows, labels, weights, steps, at_once=STEPS_AT_ONCE)
        epoch.losses += list(losses)

    def _find_rows(self, steps: IntArray) -> tuple[IntArray, FloatArray]:
        """Return the rows before which windows end, (step, run, batch), and sample weights (step, batch), 0 or 1."""
        protocol, train = self.members[0].config.protocol, self.members[0].windows.train
        seeds = [member.config.seed_of("windows") for member in self.members]
        if protocol.sampling != PASSES:
            drawn = [draw_integers(derive_seed(seed, "windows"), steps, train, protocol.batch_size) for seed in seeds]
            return np.stack(drawn, axis=1), np.ones((len(steps), protocol.batch_size), np.float32)
        if not self._passes:
            self._passes = [Passes(seed, train, protocol.batch_size) for seed in seeds]
        batches = [[passes.find_rows(int(step)) for step in steps] for passes in self._passes]
        sizes = np.array([len(rows) for rows in batches[0]])
        filled = [[np.resize(rows, protocol.batch_size) for rows in run] for run in batches]
        weights = (np.arange(protocol.batch_size) < sizes[:, None]).astype(np.float32)
        return np.swapaxes(np.array(filled), 0, 1), weights
