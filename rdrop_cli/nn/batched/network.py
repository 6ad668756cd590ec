"""The networks that the kernel computes, as JAX functions from one run's weights to its output or loss.

`vmap` extends them to many runs. The masks have the same bits as those of Keras's layers and the kernel.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from rdrop_cli.nn.batched.philox import draw_bits
from rdrop_cli.nn.cells import Recurrence, StepMasks, advance_gru, advance_lstm, multiply_by_gate, split_columns
from rdrop_cli.nn.native.description import Activation, Cell, Description, Layer, Masks, MaskSite, Stage
from rdrop_cli.study.methods import Site

MANTISSA = np.uint32((1 << 23) - 1)
SITES = {
    MaskSite.READ: Site.RECURRENT_INPUT,
    MaskSite.PREVIOUS: Site.PREVIOUS_STATE,
    MaskSite.CANDIDATE: Site.CANDIDATE,
    MaskSite.WRITTEN: Site.NEW_STATE,
    MaskSite.UPDATE: Site.STATE_UPDATE,
}
ACTIVATIONS = {Activation.TANH: jnp.tanh, Activation.RELU: jax.nn.relu}
NOTHING = Masks()


def list_masks(description: Description) -> list[Masks]:
    """Return all masks of a network, including empty ones, in the order in which `Draws` uses them."""
    layers = [layer for stage in description.stages for layer in stage.layers[: stage.directions]]
    of_layers = [masks for layer in layers for masks in (layer.input, layer.recurrent)]
    return [*(stage.given for stage in description.stages), *of_layers, description.returned]


def list_uses(description: Description) -> list[tuple[int, ...]]:
    """Return for each entry of `list_masks` what its masks multiply, and which values share them."""
    layers = [layer for stage in description.stages for layer in stage.layers[: stage.directions]]
    of_layers = [use for layer in layers for use in ((layer.shared,), (layer.site, layer.per_step, layer.shared))]
    return [*((stage.given_per_step,) for stage in description.stages), *of_layers, ()]


@dataclass
class Draws:
    """The masks of one run at one step, or their replacement at inference.

    Attributes:
        seeds: uint32 of shape (mask, 2), for all masks of `list_masks` in order; None at inference.
        scales: of shape (`list_masks`, 3): the rate, the factor of kept values, and the average at inference.
        specs: the network's `list_masks`, with the counts that all runs share.
    """

    seeds: Any
    scales: Any
    specs: Sequence[Masks]
    _used: int = field(default=0, init=False)

    @property
    def training(self) -> bool:
        return self.seeds is not None

    def draw(self, shape: tuple[int, ...]) -> tuple[Any, ...]:
        """Return the masks of the next entry of `specs`, each of this shape; at inference their averages, or none."""
        place, spec = self._used, self.specs[self._used]
        self._used += 1
        rate, kept, average = self.scales[place]
        if not self.training:
            return (average,) * spec.count if spec.average != 1 else ()
        first = sum(each.count for each in self.specs[:place])
        seeds = self.seeds[first : first + spec.count]
        bits = draw_bits(seeds[:, 0], seeds[:, 1], int(np.prod(shape)), jnp)
        uniform = (bits & MANTISSA).astype(jnp.float32) * 2.0**-23
        return tuple(jnp.where(uniform >= rate, kept, 0.0).reshape(spec.count, *shape))


def compute_output(description: Description, parameters: Any, x: Any, draws: Draws) -> Any:
    """Return the outputs of one run, (batch,) or (batch, outputs).

    Args:
        description: of the network.
        parameters: (parameters,).
        x: (batch, time, feature).
        draws: the masks.
    """
    samples, timesteps, features = x.shape
    given = []
    for stage in description.stages:
        given.append(draws.draw((samples, timesteps if stage.given_per_step else 1, features)))
        features = sum(layer.units for layer in stage.layers[: stage.directions])
    for stage, masks in zip(description.stages, given, strict=True):
        for mask in masks:
            x = x * mask
        x = _run_stage(stage, parameters, x, draws)
    for mask in draws.draw((samples, features)):
        x = x * mask
    ends = description.dense + features * description.outputs
    weight = parameters[description.dense : ends].reshape(features, description.outputs)
    output = x @ weight + parameters[ends : ends + description.outputs]
    return output.reshape(samples, *description.output_shape)


def _run_stage(stage: Stage, parameters: Any, x: Any, draws: Draws) -> Any:
    """Return all states (batch, time, units) of a layer or a pair, or the last state (batch, units)."""
    outputs = [_run_layer(layer, stage.every_state, parameters, x, draws) for layer in stage.layers[: stage.directions]]
    return jnp.concatenate(outputs, axis=-1)


def _run_layer(layer: Layer, every_state: bool, parameters: Any, x: Any, draws: Draws) -> Any:
    samples, timesteps, _ = x.shape
    gates, biases, states, advance = (3, 2, 1, advance_gru) if layer.cell == Cell.GRU else (4, 1, 2, advance_lstm)
    kernel, recurrent_kernel, bias = _find_weights(layer, gates, biases, parameters)
    inputs, recurrent = _draw_masks(layer, gates, samples, timesteps, draws)
    in_kernel = layer.site == MaskSite.WEIGHTS
    if in_kernel:
        for mask in recurrent:
            recurrent_kernel = recurrent_kernel * mask
    elif layer.shared:
        kernel, recurrent_kernel = _scale_rows(kernel, inputs), _scale_rows(recurrent_kernel, recurrent)
        inputs = ()
    if layer.backwards:
        x = x[:, ::-1]
    # The masks on x do not change over time, so all timesteps are projected at once.
    products = multiply_by_gate(x, kernel, [mask[:, None] for mask in inputs], gates, bias[0])
    anew = bool(layer.per_step) and draws.training
    if anew:
        recurrent = tuple(jnp.moveaxis(mask[:, ::-1] if layer.backwards else mask, 1, 0) for mask in recurrent)
    masks: Any = () if layer.shared or in_kernel else recurrent
    if layer.site == MaskSite.READ and len(masks) == gates:  # one product instead of one per gate
        masks = jnp.stack(masks, axis=1 if anew else 0)
        recurrent_kernel = jnp.stack(split_columns(recurrent_kernel, gates))
    recurrence = Recurrence(
        recurrent_kernel, bias[1] if biases > 1 else None, ACTIVATIONS[layer.activation], jax.nn.sigmoid
    )
    site = SITES.get(layer.site, Site.RECURRENT_KERNEL)

    def step(carried: list[Any], now: Any) -> tuple[list[Any], Any]:
        gate_products, drawn = now
        masks_now = StepMasks(site, drawn if anew else masks)
        new = advance(gate_products, carried, recurrence=recurrence, masks=masks_now)
        return new, new[0] if every_state else None

    steps = [jnp.moveaxis(product, 1, 0) for product in products]
    first = [jnp.zeros((samples, layer.units), x.dtype)] * states
    last, every = jax.lax.scan(step, first, (steps, masks if anew else ()))
    if not every_state:
        return last[0]
    turned = layer.backwards and not layer.in_reading_order
    return jnp.moveaxis(every[::-1] if turned else every, 0, 1)


def _find_weights(layer: Layer, gates: int, biases: int, parameters: Any) -> tuple[Any, Any, Any]:
    """Return a layer's kernel, recurrent kernel and bias (biases, gates · units)."""
    columns, position, found = gates * layer.units, layer.weights, []
    for rows in (layer.features, layer.units, biases):
        found.append(parameters[position : position + rows * columns].reshape(rows, columns))
        position += rows * columns
    return found[0], found[1], found[2]


def _draw_masks(layer: Layer, gates: int, samples: int, timesteps: int, draws: Draws) -> tuple[Any, Any]:
    """Return a layer's masks on its input, and those at its site, in the shapes in which they are drawn."""
    drawn = 1 if layer.shared else samples
    inputs = draws.draw((drawn, layer.features))
    if layer.site == MaskSite.WEIGHTS:
        return inputs, draws.draw((layer.units, gates * layer.units))
    return inputs, draws.draw((drawn, timesteps, layer.units) if layer.per_step else (drawn, layer.units))


def _scale_rows(kernel: Any, masks: Sequence[Any]) -> Any:
    """Scale the rows of each gate's columns by its mask (1, n), which the batch shares."""
    if not masks:
        return kernel
    units = kernel.shape[1] // len(masks)
    return kernel * jnp.concatenate([jnp.repeat(mask.T, units, axis=1) for mask in masks], axis=1)


def compute_loss(description: Description, parameters: Any, x: Any, labels: Any, weights: Any, draws: Draws) -> Any:
    """Return the loss of one run on a batch; `weights`, (batch,), are 0 for samples that pad the batch, else 1."""
    outputs = compute_output(description, parameters, x, draws)
    if description.quantiles:
        levels = jnp.asarray(description.quantiles, jnp.float32)
        errors = outputs.reshape(len(x), -1, len(levels)) - labels.reshape(len(x), -1, 1)
        losses = jnp.where(errors > 0, 1 - levels, -levels) * errors
    else:
        errors = outputs - labels
        losses = errors * errors if description.squares else jnp.abs(errors)
    by_sample = losses.reshape(len(x), -1).mean(axis=1)
    return jnp.sum(by_sample * weights) / jnp.sum(weights)
