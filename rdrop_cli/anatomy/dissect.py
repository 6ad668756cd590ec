"""Prove what a network's recurrent layers do in training: their masks, and whose equations their output follows."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from rdrop_cli.anatomy.blocks import CapturedBlock, capture_blocks, changes_memory
from rdrop_cli.anatomy.capture import MaskRecord
from rdrop_cli.anatomy.identify import measure_errors, measure_plain_error
from rdrop_cli.anatomy.reference import rectify
from rdrop_cli.errors import UsageError
from rdrop_cli.nn.models import build_model
from rdrop_cli.nn.randomness import MaskSeeds
from rdrop_cli.study.config import RunConfig
from rdrop_cli.study.methods import Lifetime, Site
from rdrop_cli.study.variant import Place
from rdrop_cli.study.variants import find_variant

# Small, and all different, so that a shape says which axes it has. Over more timesteps a masked carry outgrows float32.
BATCH, TIMESTEPS, FEATURES, UNITS = 32, 12, 5, 8
ROUNDING = 1e-5  # of float32 layers against a float64 reference, relative to the largest output (or 1)
PLAIN = "none"  # the name of the cell without masks of its own
ACTIVATIONS = {"tanh": np.tanh, "relu": rectify}


@dataclass(frozen=True, eq=False)
class Anatomy:
    """What a network's recurrent layers did in one training call.

    Attributes:
        variant: its name.
        cell: `gru` or `lstm`.
        max_abs_error: by method, and for the cell without masks of its own: the largest difference between the
            layers' outputs and the reference's under the same masks.
        scale: the largest output, or 1: what an error is to be held against.
        layers: names of the recurrent layers, in their order.
        masks: of all recurrent layers and the dropout layers beside them.
        layers_changing_memory: names of the layers whose masks multiply what the cell carries on.
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
        """The methods whose reference the layers follow to rounding."""
        return tuple(name for name, error in self.max_abs_error.items() if error <= ROUNDING * self.scale)

    @property
    def method(self) -> str | None:
        """The method that the layers follow; None if it is none of them, or masks cannot tell several apart.

        Where no mask of `recurrent_dropout` was drawn, methods with the same masks on x are the same, and the first
        stands for them: the cell without masks if it agrees, then Gal's.
        """
        told_apart = len(self.agreeing) == 1 or not any(m.argument == "recurrent_dropout" for m in self.masks)
        return self.agreeing[0] if self.agreeing and told_apart else None

    def to_json(self) -> dict[str, Any]:
        """Render it for scripts."""
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


def dissect(config: RunConfig) -> Anatomy:
    """Build a run's network and look into its first training step, on random sequences and with random weights.

    The masks are those of the seed generators at that step. Weights and sequences are random because initial biases
    are zero and would hide differences between methods. Of several recurrent layers it is the worst error that counts.

    Raises:
        UsageError: the network has layers that are not recurrent, or a Dropout layer beside masks of the recurrence.
    """
    variant = find_variant(config.variant)
    mixes = variant.recurrent_dropout > 0 and variant.dropout_at is not Place.ARGUMENT
    if mixes or variant.recurrent_layers != variant.stack:
        expected = "a network of recurrent layers alone, which has its dropout in one place"
        raise UsageError(f"expected {expected}, received {variant.name}", field="variants", show_field=False)
    small = replace(config, protocol=replace(config.protocol, units=UNITS))
    model = build_model(small, TIMESTEPS, FEATURES)
    rng = np.random.default_rng(config.seed)
    for variable in model.trainable_variables:
        variable.assign(rng.normal(size=variable.shape) / np.sqrt(variable.shape[0]))
    MaskSeeds(model, config.seed).set_step(0)
    blocks = capture_blocks(model, rng.normal(size=(BATCH, TIMESTEPS, FEATURES)).astype(np.float32))
    errors = [_measure_block(block, config) for block in blocks]
    return Anatomy(
        config.variant,
        config.cell,
        max_abs_error={name: max(error[name] for error in errors) for name in errors[0]},
        scale=max(1.0, *(float(np.abs(block.returned).max()) for block in blocks)),
        layers=tuple(block.layer.name for block in blocks),
        masks=tuple(mask for block in blocks for mask in block.masks),
        layers_changing_memory=tuple(block.layer.name for block in blocks if changes_memory(block.layer)),
    )


def describe_mask(mask: MaskRecord, others: Sequence[MaskRecord], *, changes_memory: bool) -> dict[str, Any]:
    """Say of a mask what was measured of it, in words and numbers for scripts.

    Args:
        mask: the mask.
        others: all masks of the network, among them those of other gates.
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
    """Say whether gates share a mask or have separate ones; None where it multiplies nothing that a gate reads."""
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
    """Whether two masks are one; those that drop nothing tell nothing."""
    return bool((one == 0).any()) and np.array_equal(one, other)


def _measure_block(block: CapturedBlock, config: RunConfig) -> dict[str, float]:
    """Return the error of each method, and of the cell without masks, for one recurrent layer.

    A method gets the masks of a dropout layer before as its masks on x, and those of one after as its own.
    """
    layer = block.layer
    options: dict[str, Any] = {"activation": ACTIVATIONS[layer.activation.__name__]}
    if config.cell == "gru":
        options["reset_after"] = layer.reset_after
    x = _put_in_reading_order(layer, block.given).astype(np.float64)
    before, after = (_select(block, site=site) for site in (Site.GIVEN_SEQUENCE, Site.RETURNED_OUTPUT))
    on_x, own = (_select(block, argument=argument) for argument in ("dropout", "recurrent_dropout"))
    observed = config.cell, x, layer.get_weights(), block.returned
    errors = measure_errors(
        *observed,
        input_masks=[*before, *on_x],
        recurrent_masks=[*own, *after],
        dropout=config.dropout,
        recurrent_dropout=config.dropout if after else config.recurrent_dropout,
        options=options,
    )
    return {PLAIN: measure_plain_error(*observed, before=before, after=after, options=options), **errors}


def _select(block: CapturedBlock, **wanted: Any) -> list[npt.NDArray[Any]]:
    """Return the masks of a block whose fields have the wanted values, in the order in which the layer reads."""
    found = [mask for mask in block.masks if all(getattr(mask, name) == value for name, value in wanted.items())]
    return [_put_in_reading_order(block.layer, mask.array) for mask in found]


def _put_in_reading_order(layer: Any, array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Turn an array's time axis, if it has one, into the order in which the layer reads."""
    return array[:, ::-1] if layer.go_backwards and array.ndim == 3 else array
