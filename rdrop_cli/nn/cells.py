"""One timestep of a GRU and of an LSTM, with the masks of any method multiplied in where its site says.

All products share one order of gates: z, r, h for the GRU, and i, f, c, o for the LSTM, as in Keras's weights.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from keras import ops

from rdrop_cli.nn.masks import CallMasks
from rdrop_cli.study.methods import Method, Site


@dataclass(frozen=True)
class StepMasks:
    """The masks of `recurrent_dropout` at one timestep: none, one, or one per gate or state."""

    site: Site
    masks: tuple[Any, ...]

    def at(self, site: Site) -> tuple[Any, ...]:
        """Return the masks, if this is their site."""
        return self.masks if site is self.site else ()

    def multiply(self, site: Site, value: Any) -> Any:
        """Multiply a value of shape (batch, units) by the mask, if this is its site."""
        for mask in self.at(site):
            value = value * mask
        return value

    def update(self, old: Sequence[Any], new: Sequence[Any]) -> list[Any]:
        """Replace old states by new ones, where the masks on state updates are 1."""
        masks = self.at(Site.STATE_UPDATE)
        return [m * n + (1 - m) * o for m, o, n in zip(masks, old, new, strict=True)] if masks else list(new)


@dataclass(frozen=True)
class Recurrence:
    """What a step needs besides its inputs.

    Attributes:
        kernel: (units, gates · units).
        bias: (gates · units,), added to the products of h; None if there is none (always for the LSTM).
        activation: of the candidate and, in the LSTM, of the cell state.
        gate_activation: of all gates.
        reset_after: whether a GRU resets the product of h rather than h itself.
    """

    kernel: Any
    bias: Any
    activation: Callable[[Any], Any]
    gate_activation: Callable[[Any], Any]
    reset_after: bool = True


def multiply_by_gate(values: Any, kernel: Any, masks: Sequence[Any], gates: int, bias: Any = None) -> list[Any]:
    """Return for each gate (values ∘ mask) times its columns of the kernel, plus bias: `gates` × (…, units).

    Args:
        values: (…, n).
        kernel: (n, gates · units).
        masks: none, one for all gates, or one per gate; each broadcasts to `values`.
        gates: their number.
        bias: (gates · units,) or None.
    """
    if len(masks) > 1:
        columns = ops.split(kernel, gates, axis=-1)
        products = [ops.matmul(values * mask, column) for mask, column in zip(masks, columns, strict=True)]
        if bias is None:
            return products
        return [product + b for product, b in zip(products, ops.split(bias, gates), strict=True)]
    for mask in masks:
        values = values * mask
    product = ops.matmul(values, kernel)
    return list(ops.split(product if bias is None else product + bias, gates, axis=-1))


def fold_masks(
    method: Method, masks: CallMasks, kernel: Any, recurrent_kernel: Any, gates: int
) -> tuple[CallMasks, Any, Any]:
    """Multiply the masks that a whole batch shares into the kernels, once per call instead of at every timestep.

    Returns:
        The masks left over, the kernel, the recurrent kernel.
    """
    if method.site is Site.RECURRENT_KERNEL:
        for mask in masks.recurrent:
            recurrent_kernel = recurrent_kernel * mask
        return CallMasks(masks.inputs, ()), kernel, recurrent_kernel
    if method.per_sample:
        return masks, kernel, recurrent_kernel
    kernel = _scale_rows(kernel, masks.inputs, gates)
    return CallMasks((), ()), kernel, _scale_rows(recurrent_kernel, masks.recurrent, gates)


def _scale_rows(kernel: Any, masks: Sequence[Any], gates: int) -> Any:
    """Scale the rows of each gate's columns of a kernel by its mask, (1, n): x ∘ m times U is x times diag(m) U."""
    if not masks:
        return kernel
    columns = ops.split(kernel, gates, axis=-1)
    return ops.concatenate([column * ops.transpose(m) for m, column in zip(masks, columns, strict=True)], axis=-1)


def advance_gru(
    products: Sequence[Any], states: Sequence[Any], *, recurrence: Recurrence, masks: StepMasks
) -> list[Any]:
    """Advance a GRU (Cho et al. 2014) by one timestep.

    Args:
        products: x W_k + b_k of the gates z, r, h; each (batch, units).
        states: [h], (batch, units).
        recurrence: weights and activations.
        masks: of this timestep.

    Returns:
        [h].
    """
    x_z, x_r, x_h = products
    h = masks.multiply(Site.PREVIOUS_STATE, states[0])
    reads = masks.at(Site.RECURRENT_INPUT)
    kernel, bias = recurrence.kernel, recurrence.bias
    if recurrence.reset_after:
        h_z, h_r, h_h = multiply_by_gate(h, kernel, reads, 3, bias)
        z, r = recurrence.gate_activation(x_z + h_z), recurrence.gate_activation(x_r + h_r)
        h_h = r * h_h
    else:
        units = h.shape[-1]
        h_z, h_r = multiply_by_gate(h, kernel[:, : 2 * units], reads[:2], 2)
        z, r = recurrence.gate_activation(x_z + h_z), recurrence.gate_activation(x_r + h_r)
        (h_h,) = multiply_by_gate(r * h, kernel[:, 2 * units :], reads[-1:], 1)
    g = masks.multiply(Site.CANDIDATE, recurrence.activation(x_h + h_h))
    return masks.update(states, [masks.multiply(Site.NEW_STATE, z * h + (1 - z) * g)])


def advance_lstm(
    products: Sequence[Any], states: Sequence[Any], *, recurrence: Recurrence, masks: StepMasks
) -> list[Any]:
    """Advance an LSTM (Hochreiter and Schmidhuber 1997, with forget gates) by one timestep.

    Args:
        products: x W_k + b_k of the gates i, f, c, o; each (batch, units).
        states: [h, c], each (batch, units).
        recurrence: weights and activations.
        masks: of this timestep.

    Returns:
        [h, c].
    """
    h, c = states
    recurrent = multiply_by_gate(h, recurrence.kernel, masks.at(Site.RECURRENT_INPUT), 4)
    i, f, candidate, o = (x + u for x, u in zip(products, recurrent, strict=True))
    g = masks.multiply(Site.CANDIDATE, recurrence.activation(candidate))
    new_c = masks.multiply(Site.NEW_STATE, recurrence.gate_activation(f) * c + recurrence.gate_activation(i) * g)
    new_h = recurrence.gate_activation(o) * recurrence.activation(new_c)
    return masks.update(states, [new_h, new_c])
