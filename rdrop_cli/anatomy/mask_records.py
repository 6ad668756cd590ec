"""Record the masks that were read from a layer's outputs: each in its smallest shape, and what it multiplies."""

import warnings
from collections.abc import Iterator, Mapping

import numpy as np

from rdrop_cli.anatomy.readout import TOLERANCE, Memory, drops_nothing
from rdrop_cli.anatomy.record import MaskRecord
from rdrop_cli.anatomy.reference import Array
from rdrop_cli.study.methods import CELLS, Lifetime, Site


def record_weights(name: str, cell: str, by_gate: Mapping[str, Array], asked: Mapping[str, float]) -> MaskRecord:
    """Return the mask on the recurrent kernel, (units, gates · units), from what each unit shows of every other."""
    gates = CELLS[cell].gates
    columns = []
    for gate in gates:
        shown = merge(merge(by_gate[gate], axis=1), axis=1)  # (shift, unit that is read)
        reader = (np.arange(len(shown)) - np.arange(len(shown))[:, None]) % len(shown)
        columns.append(np.take_along_axis(shown, reader.T, axis=0).T)
    weights = np.concatenate(columns, axis=1)
    # `_condense` merges equal rows into one.
    array = np.broadcast_to(_condense(weights[:, None], asked)[0], weights.shape)
    return MaskRecord(name, "recurrent_dropout", Site.RECURRENT_KERNEL, "U", gates, Lifetime.SEQUENCE, array)


def record_memory(name: str, cell: str, memory: Memory, asked: Mapping[str, float]) -> Iterator[MaskRecord]:
    """Yield the masks that multiply the memory: none, one, or one for each state of an LSTM."""
    if memory.site is None:
        return
    kind = CELLS[cell]
    target = {Site.CANDIDATE: "g", Site.RETURNED_OUTPUT: "y"}.get(memory.site, kind.states[-1])
    gates = kind.gates if memory.site is Site.PREVIOUS_STATE else ()
    argument = "rate" if memory.site is Site.RETURNED_OUTPUT else "recurrent_dropout"
    masks = {target: memory.mask} if memory.on_h is None else {"h": memory.on_h, target: memory.mask}
    for multiplied, mask in masks.items():
        if memory.on_h is not None and drops_nothing(mask):
            continue  # only the other state keeps old values
        array, lifetime = _condense(_fill_unseen(mask), asked)
        yield MaskRecord(name, argument, memory.site, multiplied, gates, lifetime, array)


def _fill_unseen(mask: Array) -> Array:
    """Fill the unseen values of a mask of 0 and 1, which have no effect, with as many zeros as the seen ones have."""
    unseen = np.isnan(mask)
    if set(np.unique(mask[~unseen])) != {0.0, 1.0}:
        return mask
    drawn = np.random.default_rng(0).random(mask.shape) < mask[~unseen].mean()
    return np.where(unseen, drawn, mask)


def record_reads(
    name: str, cell: str, target: str, by_gate: Mapping[str, Array], asked: Mapping[str, float]
) -> Iterator[MaskRecord]:
    """Yield the masks through which gates read x or h, one for each group of gates with the same mask."""
    groups = _group_gates(CELLS[cell].gates, by_gate)
    for readers, mask in groups:
        array, lifetime = _condense(mask, asked)
        site = Site.RECURRENT_INPUT if target == "h" else Site.LAYER_INPUT
        if target == "x" and lifetime is Lifetime.STEP and len(groups) == 1:
            site = Site.GIVEN_SEQUENCE
        argument = "recurrent_dropout" if target == "h" else "dropout"
        yield MaskRecord(name, argument, site, target, readers, lifetime, array)


def _group_gates(gates: tuple[str, ...], by_gate: Mapping[str, Array]) -> list[tuple[tuple[str, ...], Array]]:
    """Return the groups of gates that have the same mask, each with its mask, (batch, time, units).

    A group of only some gates needs a mask that differs between samples: a few values may be equal by chance.
    """
    every = np.stack([by_gate[gate] for gate in gates])
    if is_one(every, axis=0):
        return [(gates, merge(every, axis=0))]
    groups: list[tuple[tuple[str, ...], Array]] = []
    for gate, mask in zip(gates, every, strict=True):
        for i, (readers, other) in enumerate(groups):
            pair = np.stack([other, mask])
            if is_one(pair, axis=0) and not is_one(mask, axis=0):
                groups[i] = (*readers, gate), merge(pair, axis=0)
                break
        else:
            groups.append(((gate,), mask))
    return groups


def _condense(mask: Array, asked: Mapping[str, float]) -> tuple[Array, Lifetime]:
    """Return a mask (batch, time, units) in its smallest shape, with its two values exact, and its lifetime.

    Unseen values have no effect, and count as kept.
    """
    lifetime = Lifetime.SEQUENCE if is_one(mask, axis=1) else Lifetime.STEP
    if lifetime is Lifetime.SEQUENCE:
        mask = merge(mask, axis=1)
    proves = drops_nothing(mask) or np.nanmin(mask) <= TOLERANCE < np.nanmax(mask)  # if all is kept, samples are alike
    if proves and is_one(mask, axis=0):
        mask = merge(mask, axis=0)[None]
    kept = mask[mask > TOLERANCE]
    scale = float(kept.mean()) if kept.size else 1.0
    exact = [1.0, *(1 / (1 - rate) for rate in asked.values() if 0 < rate < 1)]
    scale = (
        min(exact, key=lambda value: abs(value - scale)) if min(abs(v - scale) for v in exact) < TOLERANCE else scale
    )
    return np.where(mask <= TOLERANCE, 0.0, scale), lifetime


def is_one(masks: Array, axis: int) -> bool:
    """Whether the masks along an axis are equal wherever they can be seen."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # NumPy warns where no mask can be seen
        apart = np.nanmax(masks, axis) - np.nanmin(masks, axis)
    return not bool((apart > TOLERANCE).any())


def merge(masks: Array, axis: int) -> Array:
    """Merge equal masks along an axis into one, which is seen wherever any of them is."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return np.asarray(np.nanmax(masks, axis))
