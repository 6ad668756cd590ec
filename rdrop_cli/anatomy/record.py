"""The findings about a layer: its masks, and the distance of its output from each method's."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from rdrop_cli.study.methods import Lifetime, Site

ROUNDING = 1e-5  # error of float32 layers against a float64 reference, relative to the largest output (or 1)
PLAIN = "none"  # name of the cell without masks of its own


@dataclass(frozen=True)
class MaskRecord:
    """A mask of one training call.

    Attributes:
        layer: name of the layer that drew it.
        argument: the rate it belongs to: `dropout` or `recurrent_dropout`, or `rate` of a dropout layer.
        site: the kind of value that it multiplies.
        target: that value: x, h, c, g (the candidate), U (the recurrent kernel) or y (the layer's output).
        gates: the gates whose product it changes; empty if it multiplies no gate's input.
        lifetime: how long it stays the same.
        array: (batch, feature) or (batch, units), with batch 1 if all samples share it; (batch, time, units) if drawn
            at every timestep; (units, gates · units) for U.
    """

    layer: str
    argument: str
    site: Site
    target: str
    gates: tuple[str, ...]
    lifetime: Lifetime
    array: npt.NDArray[np.floating[Any]]


@dataclass(frozen=True, eq=False)
class Anatomy:
    """What a network's recurrent layers did in one training call.

    Attributes:
        variant: its name.
        cell: `gru` or `lstm`.
        max_abs_error: by method, and for the cell without masks of its own: the largest difference between the
            layers' outputs and the reference's under the same masks.
        scale: the largest output, or 1 if that is larger: errors are relative to it.
        layers: names of the recurrent layers, in order.
        masks: of all recurrent layers and the adjacent dropout layers.
        layers_changing_memory: names of the layers whose masks multiply the state that the cell carries on.
    """

    variant: str
    cell: str
    max_abs_error: dict[str, float]
    scale: float
    layers: tuple[str, ...]
    masks: tuple[MaskRecord, ...]
    layers_changing_memory: tuple[str, ...]

    @property
    def agreeing(self) -> tuple[str, ...]:
        """The methods whose reference the layers follow up to rounding."""
        return tuple(name for name, error in self.max_abs_error.items() if error <= ROUNDING * self.scale)

    @property
    def method(self) -> str | None:
        """The method that the layers follow; None if they follow none, or several that their masks do not separate.

        If no mask of `recurrent_dropout` was drawn, methods with the same masks on x are equal, and the first stands
        for all: the cell without masks if it agrees, then Gal's.
        """
        told_apart = len(self.agreeing) == 1 or not any(m.argument == "recurrent_dropout" for m in self.masks)
        return self.agreeing[0] if self.agreeing and told_apart else None

    def to_json(self) -> dict[str, Any]:
        """Render the anatomy as a dictionary for scripts."""
        return {
            "variant": self.variant,
            "cell": self.cell,
            "method": self.method,
            "max_abs_error": self.max_abs_error,
            "masks": [
                describe_mask(mask, self.masks, changes_memory=mask.layer in self.layers_changing_memory)
                for mask in self.masks
            ],
        }


def describe_mask(mask: MaskRecord, others: Sequence[MaskRecord], *, changes_memory: bool) -> dict[str, Any]:
    """Return the measurements of a mask, as words and numbers for scripts.

    Args:
        mask: the mask.
        others: all masks of the network, including those of other gates.
        changes_memory: whether the masks of its layer change the memory.
    """
    kept = mask.array[mask.array != 0]
    return {
        "layer": mask.layer,
        "argument": mask.argument,
        "multiplies": mask.target,
        "site": str(mask.site),
        "shape": list(mask.array.shape),
        "over_time": "constant" if mask.lifetime is Lifetime.SEQUENCE else "drawn anew",
        "gates": list(mask.gates),
        "between_gates": _compare_gates(mask, others),
        "between_samples": "shared" if _is_shared_by_samples(mask) else "separate",
        "share_of_zeros": float((mask.array == 0).mean()),
        "scale_of_kept": float(kept.mean()) if kept.size else None,
        "carried_state_touched": changes_memory and mask.argument == "recurrent_dropout",
    }


def _compare_gates(mask: MaskRecord, others: Sequence[MaskRecord]) -> str | None:
    """Return whether gates share a mask or have separate ones; None if it multiplies no gate's input."""
    if not mask.gates:
        return None
    if mask.site is Site.RECURRENT_KERNEL:
        first, *rest = np.split(mask.array, len(mask.gates), axis=1)
        return "shared" if all(np.array_equal(first, other) for other in rest) else "separate"
    of_other_gates = [
        other for other in others if (other.layer, other.argument) == (mask.layer, mask.argument) and other is not mask
    ]
    same = len(mask.gates) > 1 or any(_drop_the_same(mask.array, other.array) for other in of_other_gates)
    return "shared" if same else "separate"


def _is_shared_by_samples(mask: MaskRecord) -> bool:
    return (
        mask.site is Site.RECURRENT_KERNEL
        or len(mask.array) == 1
        or all(_drop_the_same(mask.array[0], sample) for sample in mask.array[1:])
    )


def _drop_the_same(one: npt.NDArray[Any], other: npt.NDArray[Any]) -> bool:
    """Whether two masks are equal and drop some values; masks that drop nothing or everything prove nothing."""
    return bool((one == 0).any() and one.any()) and np.array_equal(one, other)
