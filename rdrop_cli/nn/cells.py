"""One timestep of a GRU and of an LSTM, with the masks of any method applied at its site.

All products share one order of gates: z, r, h for the GRU, and i, f, c, o for the LSTM, as in Keras's weights. Arrays
may be TensorFlow's or JAX's: the code uses only operators on them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from rdrop_cli.study.methods import Site


@dataclass(frozen=True)
class CallMasks:
    """The masks of one call; an empty tuple if nothing is dropped.

    Attributes:
        inputs: for x, each (batch, feature), or (1, feature) if the batch shares it; one for all gates or one per gate.
        recurrent: for the method's site, one for all, or one per gate or state. Each is (batch, units), or (1, units)
            if the batch shares it, or (batch, time, units) if a new one is drawn at every timestep, or for a recurrent
            kernel (units, gates · units).
    """

    inputs: tuple[Any, ...]
    recurrent: tuple[Any, ...]


@dataclass(frozen=True)
class StepMasks:
    """The masks of `recurrent_dropout` at one timestep: none, one, or one per gate or state."""

    site: Site
    masks: Any

    def at(self, site: Site) -> Any:
        """Return the masks if this is their site, else none."""
        return self.masks if site is self.site else ()

    def multiply(self, site: Site, value: Any) -> Any:
        """Multiply a value of shape (batch, units) by the mask, if this is its site."""
        for mask in self.at(site):
            value = value * mask
        return value

    def update(self, old: Sequence[Any], new: Sequence[Any]) -> list[Any]:
        """Replace old states by new ones wherever the masks on state updates are 1."""
        masks = self.at(Site.STATE_UPDATE)
        return [m * n + (1 - m) * o for m, o, n in zip(masks, old, new, strict=True)] if len(masks) else list(new)


@dataclass(frozen=True)
class Recurrence:
    """The weights and activations of a step.

    Attributes:
        kernel: (units, gates · units).
        bias: (gates · units,), added to the products of h; None if there is none (always for the LSTM).
        activation: of the candidate and, in the LSTM, the cell state.
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
        kernel: (n, gates · units), or (gates, n, units) if the masks are one array.
        masks: none, one for all gates, or one per gate; each broadcasts to `values`. Or one array of all masks, whose
            first axis is the gate: then one product computes all gates.
        gates: number of gates.
        bias: (gates · units,) or None.
    """
    if len(kernel.shape) > 2:
        products = list(values * masks @ kernel)
    elif len(masks) > 1:
        columns = split_columns(kernel, gates)
        products = [values * mask @ column for mask, column in zip(masks, columns, strict=True)]
    else:
        for mask in masks:
            values = values * mask
        product = values @ kernel
        return split_columns(product if bias is None else product + bias, gates)
    if bias is None:
        return products
    return [product + b for product, b in zip(products, split_columns(bias, gates), strict=True)]


def split_columns(values: Any, parts: int) -> list[Any]:
    """Split (…, parts · n) into `parts` × (…, n)."""
    size = values.shape[-1] // parts
    return [values[..., part * size : (part + 1) * size] for part in range(parts)]


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
