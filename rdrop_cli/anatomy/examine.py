"""Find the masks and the method of a layer of any library from its outputs in the probe's calls."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from rdrop_cli.anatomy.identify import measure_errors, measure_plain_error, measure_rested_error
from rdrop_cli.anatomy.mask_records import is_one, merge, record_memory, record_reads, record_weights
from rdrop_cli.anatomy.probe.calls import design_calls
from rdrop_cli.anatomy.readout import (
    TOLERANCE,
    Memory,
    drops_nothing,
    find_memories,
    is_mask,
    list_values,
    read_masks,
)
from rdrop_cli.anatomy.record import PLAIN, Anatomy, MaskRecord
from rdrop_cli.anatomy.reference import ACTIVATIONS, Array
from rdrop_cli.anatomy.updates import find_updates
from rdrop_cli.study.methods import CELLS, METHODS, Scaling, Site

Outputs = Mapping[str, Array]
SIGMAS = 4
KERNELS = {"x": "kernel", "h": "recurrent kernel"}
ROUNDED = 1e-3  # tolerance for a rate that is read from a mask
MEMORY_MASKED = "something multiplies the memory that is no mask"
WEIGHTS_MASKED = {
    "x": "single weights of the kernel are masked",
    "h": "single weights of the recurrent kernel are masked",
}


@dataclass(frozen=True, eq=False)
class Reading:
    """What a layer did, assuming a given mask of its memory.

    Attributes:
        anatomy: its masks, and its distance from each method under them.
        unread: descriptions of what no mask explains.
        untested: the number of masks whose zeros are in none of the samples that were compared.
    """

    anatomy: Anatomy
    unread: tuple[str, ...]
    untested: int = 0

    @property
    def rank(self) -> tuple[int, bool, int, float]:
        """Lower if the reading explains more; errors come last, because in readings that agree they are rounding."""
        errors = self.anatomy.max_abs_error.values()
        return len(self.unread), not self.anatomy.agreeing, self.untested, min(errors)


@dataclass(frozen=True, eq=False)
class Examination:
    """What a layer did in the probe's calls.

    Attributes:
        anatomy: its masks, and its distance from each method under them.
        asked: the rates that it was made with.
        unread: descriptions of effects that are not masks.
        repeats: whether the same seed gives the same masks again.
        redraws: whether a second training call draws other masks; None if nothing is dropped.
        inference_error: distance from the method's equations without masks, or from the plain cell if it follows none.
        units: number of units, and of features that it reads.
        trainable: the number of its trainable parameters at that size.
        fused: about its library's fused kernel (cuDNN's): whether it is `asked` for, whether on a GPU it would be
            `taken`, and whether at inference it `drops`; None if unknown.
    """

    anatomy: Anatomy
    asked: Mapping[str, float]
    unread: tuple[str, ...]
    repeats: bool
    redraws: bool | None
    inference_error: float
    units: int
    trainable: int
    fused: Mapping[str, bool | None]

    @property
    def active(self) -> bool:
        """Whether the layer drops anything in training."""
        return bool(self.anatomy.masks or self.unread)

    @property
    def clean_at_inference(self) -> bool:
        """Whether nothing is dropped at inference."""
        return self.inference_error <= TOLERANCE and not self.fused_drops

    @property
    def fused_drops(self) -> bool:
        """Whether something would be dropped at inference on a GPU."""
        return bool(self.fused["taken"] and self.fused["drops"])

    @property
    def measured(self) -> dict[str, float]:
        """The rate of each argument's masks."""
        return {name: measure_rate(self.anatomy.masks, name, self.asked) for name in ("dropout", "recurrent_dropout")}


def examine(entry: Mapping[str, Any], outputs: Outputs) -> Examination:
    """Examine a layer.

    Args:
        entry: the probe's facts about the layer.
        outputs: (batch, time, units), by name of call.

    Raises:
        ValueError: the layer has an activation for which there are no equations.
    """
    cell = str(entry["cell"])
    if entry["activation"] != "tanh" or entry["gate_activation"] != "sigmoid":
        raise ValueError(
            f"expected tanh and sigmoid as activations, received {entry['activation']} and {entry['gate_activation']}"
        )
    outputs = {name: np.asarray(array, np.float64) for name, array in outputs.items()}
    repeats = bool(np.allclose(outputs["random"], outputs["again"], atol=1e-6))
    memories = [*find_memories(cell, outputs["memory"])] or [*find_updates(outputs)]
    readings = [_read(entry, outputs, memory) for memory in memories] if repeats else []
    if not readings:
        what = MEMORY_MASKED if repeats else "its masks cannot be drawn again"
        readings = [Reading(_compare(entry, outputs, (), np.ones(len(outputs["random"]), bool)), (what,))]
    best = min(readings, key=lambda reading: reading.rank)
    anatomy, unread = best.anatomy, best.unread
    return Examination(
        anatomy,
        asked=entry["asked"],
        unread=unread,
        repeats=repeats,
        redraws=not np.allclose(outputs["random"], outputs["next"], atol=1e-6) if anatomy.masks or unread else None,
        inference_error=_measure_inference(entry, outputs, anatomy),
        units=entry["units"],
        trainable=entry["trainable"],
        fused=entry["fused"],
    )


def measure_rate(masks: Sequence[MaskRecord], argument: str, asked: Mapping[str, float]) -> float:
    """Return the rate of an argument's masks: from the scale of kept values, or from the zeros if those are not scaled.

    If the number of zeros agrees with the requested rate, it is that rate.
    """
    arrays = [mask.array for mask in masks if mask.argument == argument]
    if not arrays:
        return 0.0
    scale = max(float(array.max()) for array in arrays)
    if not scale:
        return 1.0
    if scale > 1 + TOLERANCE:
        return 1 - 1 / scale
    zeros, count = float(np.mean([(array == 0).mean() for array in arrays])), sum(array.size for array in arrays)
    rate = asked.get(argument, 0.0)
    return rate if abs(zeros - rate) < SIGMAS * (rate * (1 - rate) / count) ** 0.5 else zeros


def _read(entry: Mapping[str, Any], outputs: Outputs, memory: Memory) -> Reading:
    """Read the masks, given the mask of the memory, and compare every method under them."""
    cell, name, asked = entry["cell"], entry["name"], entry["asked"]
    gates = CELLS[cell].gates
    on_x, on_h = read_masks(cell, outputs, memory, reset_after=entry["reset_after"])
    records, unread = list(record_memory(name, cell, memory, asked)), []
    seen = np.ones(len(outputs["random"]), bool)
    for target, by_gate in (("x", on_x), ("h", on_h)):
        odd = [gate for gate, mask in by_gate.items() if not is_mask(mask)]
        if odd:
            values = " or ".join(f"{value:g}" for value in list_values(np.stack([by_gate[gate] for gate in odd])))
            what = f"{values}, which no mask does" if values else "what cannot be seen"
            unread.append(f"{', '.join(sorted(odd, key=gates.index))} read {target} multiplied by {what}")
        elif all(is_one(mask, axis=0) for mask in by_gate.values()):
            merged = {gate: merge(mask, axis=0) for gate, mask in by_gate.items()}
            plain = all(drops_nothing(mask) for mask in merged.values())
            if target == "x" or (memory.site is Site.RETURNED_OUTPUT and not plain):
                seen &= _find_whole(merged)
            if not plain:
                records += record_reads(name, cell, target, merged, asked)
        elif target == "h" and all(len(mask) == entry["units"] for mask in by_gate.values()):
            records.append(record_weights(name, cell, by_gate, asked))
        else:
            unread.append(WEIGHTS_MASKED[target])
    dropping = [mask for mask in records if (mask.array == 0).any()]
    untested = sum(not (_pick(mask, seen).array == 0).any() for mask in dropping)
    if not seen.any() or (dropping and untested == len(dropping)):
        # If nothing is dropped, every reading is that of a plain cell, and agrees.
        unread.append("no sample that drops anything shows all of its masks")
        seen[:] = True
    return Reading(_compare(entry, outputs, tuple(records), seen), tuple(unread), untested)


def _find_whole(by_gate: Mapping[str, Array]) -> npt.NDArray[np.bool_]:
    """Return for each sample, (batch,), whether its masks can be seen completely.

    A unit that is always 0 hides part of a mask on x. The part of a mask on h that it hides has no effect, unless only
    the returned output is 0.
    """
    every = np.stack(list(by_gate.values()))
    if is_one(every, axis=0):
        every = merge(every, axis=0)[None]
    # At the first timestep h is 0 and shows nothing.
    every = merge(every, axis=2)[:, :, None] if is_one(every, axis=2) else every[:, :, 1:]
    return np.asarray(~np.isnan(every).any(axis=(0, 2, 3)))


def _pick(mask: MaskRecord, seen: npt.NDArray[np.bool_]) -> MaskRecord:
    """Return a mask for the selected samples, (batch,); unchanged if all samples share it."""
    return replace(mask, array=mask.array[seen]) if len(mask.array) == len(seen) else mask


def _compare(
    entry: Mapping[str, Any], outputs: Outputs, masks: tuple[MaskRecord, ...], seen: npt.NDArray[np.bool_]
) -> Anatomy:
    """Compare the call with random weights to every method under these masks, for the selected samples, (batch,)."""
    x, weights, options = _prepare(entry)
    returned, x, whole = outputs["random"][seen], x[seen], masks
    masks = tuple(_pick(mask, seen) for mask in masks)
    before, after = (_select(masks, site=site) for site in (Site.GIVEN_SEQUENCE, Site.RETURNED_OUTPUT))
    for mask in before:
        x = x * mask
    on_x = [mask.array for mask in masks if mask.site is Site.LAYER_INPUT]
    site = next((mask.site for mask in masks if mask.argument == "recurrent_dropout"), None)
    own = [mask.array for mask in masks if mask.site is site]
    observed = entry["cell"], x, weights, returned
    errors = measure_errors(
        *observed,
        input_masks=on_x,
        recurrent_masks=own,
        dropout=measure_rate(masks, "dropout", entry["asked"]),
        recurrent_dropout=measure_rate(masks, "recurrent_dropout", entry["asked"]),
        options=options,
        after=after,
    )
    return Anatomy(
        entry["name"],
        entry["cell"],
        max_abs_error={PLAIN: measure_plain_error(*observed, before=(), after=after, options=options), **errors},
        scale=max(1.0, float(np.abs(returned).max())),
        layers=(entry["name"],),
        masks=whole,
        layers_changing_memory=(entry["name"],)
        if any(mask.site in (Site.NEW_STATE, Site.PREVIOUS_STATE) for mask in masks)
        else (),
    )


def _measure_inference(entry: Mapping[str, Any], outputs: Outputs, anatomy: Anatomy) -> float:
    """Return the distance of the output at inference from the layer's method, which may use the mean of its masks."""
    x, weights, options = _prepare(entry)
    method = METHODS.get(anatomy.method or "")
    expected = method is not None and method.scaling is Scaling.EXPECTED
    kept = 1 - measure_rate(anatomy.masks, "recurrent_dropout", entry["asked"]) if expected else None
    return measure_rested_error(
        entry["cell"], anatomy.method or PLAIN, x, weights, outputs["inference"], kept=kept, options=options
    )


def _prepare(entry: Mapping[str, Any]) -> tuple[Array, list[Array], dict[str, Any]]:
    """Return the inputs of the call with random weights, its weights, and the options of the reference."""
    drawn, sequences, _ = design_calls(entry["cell"], entry["units"], entry["reset_after"])["random"]
    x = sequences[:, ::-1] if entry["backwards"] else sequences
    bias, options = drawn["bias"], {"activation": ACTIVATIONS[entry["activation"]]}
    if entry["cell"] == "gru":
        options["reset_after"] = entry["reset_after"]
        bias = np.stack([bias, drawn["recurrent_bias"]]) if entry["reset_after"] else bias
    return x, [drawn["kernel"], drawn["recurrent"], bias], options


def _select(masks: Sequence[MaskRecord], *, site: Site) -> list[npt.NDArray[Any]]:
    return [mask.array for mask in masks if mask.site is site]
