"""Prove what a network's recurrent layers do in training: their masks, and which equations their output follows."""

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from rdrop_cli.anatomy.blocks import CapturedBlock, capture_blocks, changes_memory
from rdrop_cli.anatomy.identify import measure_errors, measure_plain_error
from rdrop_cli.anatomy.record import PLAIN, Anatomy
from rdrop_cli.anatomy.reference import ACTIVATIONS
from rdrop_cli.errors import UsageError
from rdrop_cli.nn.models import build_model
from rdrop_cli.nn.randomness import MaskSeeds
from rdrop_cli.study.config import RunConfig
from rdrop_cli.study.methods import Site
from rdrop_cli.study.variant import Place
from rdrop_cli.study.variants import find_variant

# Small, and all different, so that a shape identifies its axes. Over more timesteps a masked carry outgrows float32.
BATCH, TIMESTEPS, FEATURES, UNITS = 32, 12, 5, 8


def dissect(config: RunConfig) -> Anatomy:
    """Build a run's network and examine its first training step, on random sequences and with random weights.

    The masks are those of the seed generators at that step. Weights are random because initial biases are zero and
    would hide differences between methods. If there are several recurrent layers, the largest error counts.

    Raises:
        UsageError: the network has layers that are not recurrent, or both a Dropout layer and recurrent masks.
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


def _measure_block(block: CapturedBlock, config: RunConfig) -> dict[str, float]:
    """Return the error of each method, and of the cell without masks, for one recurrent layer.

    The masks of a dropout layer before the recurrent one serve as a method's masks on x, those of one after as its own.
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
    """Return the masks of a block whose fields have the given values, with time in the layer's order of reading."""
    found = [mask for mask in block.masks if all(getattr(mask, name) == value for name, value in wanted.items())]
    return [_put_in_reading_order(block.layer, mask.array) for mask in found]


def _put_in_reading_order(layer: Any, array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Put an array's time axis, if it has one, into the layer's order of reading."""
    return array[:, ::-1] if layer.go_backwards and array.ndim == 3 else array
