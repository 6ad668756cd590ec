"""Runs of one network side by side on JAX's device: many steps or predictions in one call."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt

from rdrop_cli.nn.batched.network import Draws, compute_loss, compute_output, list_masks, list_uses
from rdrop_cli.nn.native.description import Description
from rdrop_cli.nn.native.network import FloatArray, IntArray
from rdrop_cli.nn.randomness import DRAWS_PER_STEP

SEED_MODULUS = 2**31 - 2  # by which Keras reduces its 64-bit states
WINDOWS_AT_ONCE = 16384  # predicted in one call, over all runs together

Update = Callable[..., tuple[Any, ...]]


class DifferentNetworksError(Exception):
    """Runs whose networks differ in more than seeds and rates."""


def merge_descriptions(descriptions: Sequence[Description]) -> tuple[Description, FloatArray, IntArray]:
    """Merge the networks of runs into one whose masks each run scales in its own way.

    A run that lacks masks which others have gets masks of rate 0, which are all ones.

    Returns:
        The network; the rate, the factor of kept values and the average at inference of each run's masks, (run, masks,
        3); the stream of the masks, and the number of the first in it, (run, masks, 2).

    Raises:
        DifferentNetworksError: the networks differ in more than the rates and the seeds of their masks.
    """
    merged = max(descriptions, key=lambda each: sum(masks.count for masks in list_masks(each)))
    template, uses = list_masks(merged), list_uses(merged)
    scales = np.ones((len(descriptions), len(template), 3), np.float32)
    starts = np.zeros((len(descriptions), len(template), 2), np.int64)
    for run, description in enumerate(descriptions):
        if _describe_structure(description) != _describe_structure(merged):
            raise DifferentNetworksError
        own = zip(list_masks(description), list_uses(description), template, uses, strict=True)
        for place, (masks, use, shared, shared_use) in enumerate(own):
            if masks.count and (masks.count, use) != (shared.count, shared_use):
                raise DifferentNetworksError
            scales[run, place] = (masks.rate, masks.kept, masks.average) if masks.count else (0, 1, 1)
            starts[run, place] = masks.stream, masks.first
    return merged, scales, starts


def _describe_structure(description: Description) -> list[Any]:
    layers = [layer for stage in description.stages for layer in stage.layers[: stage.directions]]
    names = ("cell", "features", "units", "activation", "backwards", "in_reading_order", "weights")
    names_of_all = ("timesteps", "parameters", "dense", "squares", "outputs", "quantiles")
    shape = [getattr(description, name) for name in names_of_all]
    return [*shape, *(getattr(layer, name) for layer in layers for name in names)]


class Runs:
    """The runs of one network, in float32; each gets the same numbers as when computed alone, up to rounding."""

    def __init__(
        self, descriptions: Sequence[Description], matrix: FloatArray, offsets: npt.NDArray[np.int32], update: Update
    ) -> None:
        """Load the runs' networks onto the device.

        Args:
            descriptions: of the runs' networks.
            matrix: the readings of all windows, (row, feature).
            offsets: rows of a window relative to the row before which it ends, (time,).
            update: function from (done, weights, gradients, *slots) to (weights, *slots), arrays of (parameters,).

        Raises:
            DifferentNetworksError: the runs cannot be computed together.
        """
        self.network, self._scales, self._starts = merge_descriptions(descriptions)
        self._specs = list_masks(self.network)
        self._update = update
        self._matrix = jnp.asarray(matrix)
        self._offsets = jnp.asarray(offsets, jnp.int32)
        self._train = jax.jit(self._scan_steps)
        self._forward = jax.jit(self._predict_once)
        self._drop = jax.jit(self._sample_once, static_argnums=4)

    def train(
        self,
        state: tuple[FloatArray, ...],
        rows: IntArray,
        labels: FloatArray,
        weights: FloatArray,
        steps: IntArray,
        at_once: int,
    ) -> tuple[tuple[FloatArray, ...], FloatArray]:
        """Train a number of steps in one call.

        Args:
            state: the weights and the optimizer's slots, (run, parameters) each.
            rows: the rows before which the windows end, (step, run, batch).
            labels: the targets of the windows, (step, run, batch) or (step, run, batch, target).
            weights: of the samples, (step, batch): 0 for samples that pad the batch, else 1.
            steps: numbers of the steps over the whole run, from 0, (step,).
            at_once: number of steps that the call is compiled for, at least `len(steps)`.

        Returns:
            The new state, and the losses (step, run).
        """
        parts = (steps.astype(np.float32), rows.astype(np.int32), labels, weights, self._find_seeds(steps))
        padding = at_once - len(steps)
        filled = [np.pad(part, [(0, padding), *[(0, 0)] * (part.ndim - 1)], mode="edge") for part in parts]
        real = np.arange(at_once) < len(steps)
        with jax.default_matmul_precision("highest"):
            state, losses = self._train(state, (real, *filled), self._scales)
        return tuple(np.array(part) for part in state), np.asarray(losses)[: len(steps)]

    def predict(self, parameters: FloatArray, rows: IntArray) -> FloatArray:
        """Return the outputs (run, window) or (run, window, output) for the windows of `rows`, without dropout."""
        at_once = max(WINDOWS_AT_ONCE // len(parameters), 1)
        filled = np.pad(rows, (0, -len(rows) % at_once), mode="edge").astype(np.int32)
        with jax.default_matmul_precision("highest"):
            outputs = [
                np.asarray(self._forward(parameters, filled[first : first + at_once], self._scales))
                for first in range(0, len(filled), at_once)
            ]
        return np.concatenate(outputs, axis=1)[:, : len(rows)]

    def sample(self, parameters: FloatArray, run: int, rows: IntArray, step: int, count: int) -> FloatArray:
        """Return `count` outputs of each window for one run with dropout on, (count, window) or (…, output).

        Output i has the masks of sample i of the training step `step`.
        """
        seeds, at_once = self._find_seeds(np.array([step]))[0, run], max(WINDOWS_AT_ONCE // count, 1)
        filled = np.pad(rows, (0, -len(rows) % at_once), mode="edge").astype(np.int32)
        with jax.default_matmul_precision("highest"):
            outputs = [
                np.asarray(self._drop(parameters, filled[first : first + at_once], seeds, self._scales[run], count))
                for first in range(0, len(filled), at_once)
            ]
        return np.swapaxes(np.concatenate(outputs), 0, 1)[:, : len(rows)]

    def _find_seeds(self, steps: IntArray) -> npt.NDArray[np.uint32]:
        """Return the seeds of all masks: (step, run, mask, 2)."""
        counts = [masks.count for masks in self._specs]
        streams, firsts = np.moveaxis(np.repeat(self._starts, counts, axis=1), -1, 0)
        numbers = firsts + np.concatenate([np.arange(count) for count in counts])
        counters = steps[:, None, None] * DRAWS_PER_STEP + numbers
        seeds = np.stack(np.broadcast_arrays(streams, counters), axis=-1) % SEED_MODULUS
        return seeds.astype(np.uint32)

    def _gather(self, rows: Any) -> Any:
        return self._matrix[rows[:, None] + self._offsets]

    def _draws(self, seeds: Any, scales: Any) -> Draws:
        return Draws(seeds, scales, self._specs)

    def _measure_loss(self, parameters: Any, rows: Any, labels: Any, weights: Any, seeds: Any, scales: Any) -> Any:
        draws = self._draws(seeds, scales)
        return compute_loss(self.network, parameters, self._gather(rows), labels, weights, draws)

    def _scan_steps(self, state: Any, steps: Any, scales: Any) -> Any:
        differentiate = jax.vmap(jax.value_and_grad(self._measure_loss), in_axes=(0, 0, 0, None, 0, 0))

        def step(before: Any, now: Any) -> tuple[Any, Any]:
            real, number, rows, labels, weights, seeds = now
            losses, gradients = differentiate(before[0], rows, labels, weights, seeds, scales)
            after = self._update(number, before[0], gradients, *before[1:])
            kept = tuple(jnp.where(real, new, old) for new, old in zip(after, before, strict=True))
            return kept, losses

        return jax.lax.scan(step, state, steps)

    def _predict_once(self, parameters: Any, rows: Any, scales: Any) -> Any:
        x = self._gather(rows)

        def predict(one: Any, scale: Any) -> Any:
            return compute_output(self.network, one, x, self._draws(None, scale))

        return jax.vmap(predict)(parameters, scales)

    def _sample_once(self, parameters: Any, rows: Any, seeds: Any, scales: Any, count: int) -> Any:
        def sample(x: Any) -> Any:
            draws = self._draws(seeds, scales)
            return compute_output(self.network, parameters, jnp.broadcast_to(x, (count, *x.shape)), draws)

        return jax.vmap(sample)(self._gather(rows))
