"""Read masks from the outputs of the probe's calls: the equations of a timestep, solved for the mask.

Values are a mask if, wherever they can be seen, they are 0 or one other number. Unseen values are NaN: a unit that is 0
hides its factor. Arrays are (batch, time, units) unless stated otherwise.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from rdrop_cli.anatomy.probe.calls import GAIN, LEVEL
from rdrop_cli.anatomy.reference import Array
from rdrop_cli.study.methods import CELLS, Site

TOLERANCE = 5e-3  # for a mask that is read through a saturating function in float32
LEAST_SEEN = 0.02  # share of values that must be seen for them to count as a mask
MOST_VALUES = 4  # in a message
HALF = 0.5  # value of every gate that reads nothing
CANDIDATE_LEVEL = float(np.tanh(LEVEL))
MEMORY_SITES = (Site.NEW_STATE, Site.CANDIDATE, Site.PREVIOUS_STATE, Site.STATE_UPDATE, Site.RETURNED_OUTPUT)


@dataclass(frozen=True, eq=False)
class Memory:
    """The mask on the memory between one timestep and the next.

    Attributes:
        site: of the mask; None if there is no mask.
        mask: on h of a GRU, or c of an LSTM.
        on_h: the mask on h of an LSTM, if h has its own.
    """

    site: Site | None
    mask: Array
    on_h: Array | None = None


@dataclass(frozen=True, eq=False)
class Step:
    """A timestep with the memory's mask removed.

    Attributes:
        before: the memory that is carried on.
        after: the memory that the equations give.
        read: h as the gates' products read it.
        factor: of the candidate.
    """

    before: Array
    after: Array
    read: Array
    factor: Array


def is_mask(values: Array) -> bool:
    """Whether values are 0 or one other number, wherever they can be seen."""
    seen = values[~np.isnan(values)]
    if len(seen) < LEAST_SEEN * values.size or not np.isfinite(seen).all():
        return False
    kept = seen[np.abs(seen) > TOLERANCE]
    return not len(kept) or float(np.ptp(kept)) <= TOLERANCE * max(1.0, float(np.abs(kept).max()))


def drops_nothing(values: Array) -> bool:
    """Whether values are 1 wherever they can be seen."""
    return bool(np.allclose(values[~np.isnan(values)], 1.0, atol=TOLERANCE))


def list_values(values: Array) -> list[float]:
    """Return the distinct values that can be seen, in ascending order, at most the smallest `MOST_VALUES`.

    Each stands for all values near it.
    """
    seen = np.sort(values[~np.isnan(values)].ravel())
    starts = np.flatnonzero(np.diff(seen, prepend=-np.inf) > TOLERANCE)
    return [round(abs(float(np.median(part))), 3) for part in np.split(seen, starts[1:]) if part.size][:MOST_VALUES]


def find_memories(cell: str, outputs: Array) -> Iterator[Memory]:
    """Yield explanations of the call in which no gate reads anything: no mask, or each mask that explains it.

    Args:
        cell: `gru` or `lstm`.
        outputs: of the call `memory`.
    """
    ones = np.ones_like(outputs)
    for site in (None, *MEMORY_SITES):
        mask = ones if site is None else _solve_memory(cell, outputs, site)
        if site is None:
            expected = _run_clean(cell, outputs.shape[1])[None, :, None]
            if np.allclose(outputs, expected, atol=TOLERANCE / 10):
                yield Memory(None, ones)
                return
        elif is_mask(mask):
            yield Memory(site, _round_mask(mask))


def read_masks(
    cell: str, outputs: Mapping[str, Array], memory: Memory, *, reset_after: bool
) -> tuple[dict[str, Array], dict[str, Array]]:
    """Return by gate the masks through which it reads x, and those through which it reads h.

    Each is (shift, batch, time, units): at shift 0 each unit reads the feature or unit of its own number, at shift 1
    the one before, and so on. All shifts show the same mask unless single weights are masked.

    Args:
        cell: `gru` or `lstm`.
        outputs: by name of the probe's call.
        memory: the mask of the memory, one of `find_memories` or `find_updates`.
        reset_after: whether a GRU resets the product of h rather than h itself.
    """
    on_x: dict[str, Array] = {}
    on_h: dict[str, Array] = {}
    with np.errstate(all="ignore"):
        for gate in reversed(CELLS[cell].gates):  # for a GRU the candidate comes first, because it shows r
            through_h = _hide_zeros(on_h["h"][0]) if gate == "r" and not reset_after else None
            for reads, found in (("h", on_h), ("x", on_x)):
                shifts = sum(name.startswith(f"{reads} {gate} ") for name in outputs)
                each = [_read_mask(cell, outputs, memory, reads, gate, shift, through_h) for shift in range(shifts)]
                found[gate] = np.stack(each)
    return on_x, on_h


def _read_mask(
    cell: str,
    outputs: Mapping[str, Array],
    memory: Memory,
    reads: str,
    gate: str,
    shift: int,
    through_h: Array | None,
) -> Array:
    """Return the mask through which a gate reads x or h; its last axis is the feature or unit that is read."""
    call = outputs[f"{reads} {gate} {shift}"]
    step = _split_step(cell, call, memory, opened=gate != "o")
    value = step.read if reads == "h" else np.full_like(step.read, LEVEL)
    value = np.roll(value, shift, axis=-1)
    if cell == "gru":
        shown = _solve_gru(gate, reads, step, through_h)
    else:
        opened = call / outputs["memory"]
        shown = _solve_lstm(gate, step, opened if memory.on_h is None else np.where(memory.on_h == 1, opened, np.nan))
    mask = np.roll(np.where(np.abs(value) > TOLERANCE, shown / (GAIN * value), np.nan), -shift, axis=-1)
    return np.where(np.isfinite(mask), mask, np.nan)


def _hide_zeros(mask: Array) -> Array:
    """Return a mask with NaN in place of zeros, which hide what they multiply."""
    return np.where(np.abs(mask) > TOLERANCE, mask, np.nan)


def _run_clean(cell: str, timesteps: int) -> Array:
    """Return the output, (time,), of the call `memory` without any mask."""
    memory = CANDIDATE_LEVEL * (1 - HALF ** np.arange(1, timesteps + 1))
    return np.asarray(memory if cell == "gru" else np.tanh(memory))


def _round_mask(mask: Array) -> Array:
    """Return a mask with two exact values, 0 and the mean of the others, and NaN where it cannot be seen."""
    kept = np.abs(mask) > TOLERANCE
    scale = float(np.nanmean(mask[kept])) if kept.any() else 1.0
    return np.where(np.isnan(mask), np.nan, np.where(kept, scale, 0.0))


def _solve_memory(cell: str, outputs: Array, site: Site) -> Array:
    """Return the mask on the memory, assuming that it is at this site."""
    written = HALF * CANDIDATE_LEVEL
    with np.errstate(all="ignore"):
        if site is Site.RETURNED_OUTPUT:
            return np.asarray(outputs / _run_clean(cell, outputs.shape[1])[:, None])
        memory = outputs if cell == "gru" else np.arctanh(outputs)
        before = _shift(memory)
        solved = {
            Site.NEW_STATE: memory / (HALF * before + written),
            Site.CANDIDATE: (memory - HALF * before) / written,
            Site.PREVIOUS_STATE: np.where(np.abs(before) > TOLERANCE, (memory - written) / (HALF * before), np.nan),
            Site.STATE_UPDATE: (memory - before) / (written - HALF * before),
        }[site]
    return np.asarray(solved)


def _split_step(cell: str, outputs: Array, memory: Memory, *, opened: bool) -> Step:
    """Remove the memory's mask from the outputs of a call; `opened` says whether an LSTM's h shows its c."""
    kept, ones = _hide_zeros(memory.mask), np.ones_like(outputs)
    returned = outputs / kept if memory.site is Site.RETURNED_OUTPUT else outputs
    state = returned if cell == "gru" or not opened else np.arctanh(returned)
    kept_on = state
    if memory.on_h is not None:
        state = np.where(memory.on_h == 1, state, np.nan)  # elsewhere h is an old one
        kept_on = np.where(memory.mask == 1, state, np.nan)
    before = _shift(kept_on)
    if memory.site is Site.PREVIOUS_STATE:
        before = before * np.nan_to_num(memory.mask, nan=0.0)
    after = state
    if memory.site is Site.NEW_STATE:
        after = state / kept
    elif memory.site is Site.STATE_UPDATE and memory.on_h is None:
        after = np.where(np.isnan(kept), np.nan, state)
    return Step(
        before,
        after,
        read=before if cell == "gru" else _shift(returned),
        factor=memory.mask if memory.site is Site.CANDIDATE else ones,
    )


def _solve_gru(gate: str, reads: str, step: Step, through_h: Array | None) -> Array:
    """Return a gate's input from the values that it reads: GAIN times the mask times the value.

    `through_h` is the mask through which the candidate reads h, if r is seen through h.
    """
    if gate == "z":
        written = step.factor * CANDIDATE_LEVEL
        return _logit((step.after - written) / (step.before - written))
    got = np.arctanh((step.after - HALF * step.before) / (HALF * step.factor)) - LEVEL
    if gate == "h":
        return np.asarray(got / HALF if reads == "h" else got)  # r is half open, and multiplies what is read from h
    return _logit(got / (LEVEL if through_h is None else GAIN * through_h * step.read))


def _solve_lstm(gate: str, step: Step, opened: Array) -> Array:
    """Return a gate's input from the values that it reads, like `_solve_gru`; `opened`: value of gate o, if read."""
    match gate:
        case "c":
            got = np.arctanh((step.after - HALF * step.before) / (HALF * step.factor)) - LEVEL
            return np.asarray(got)
        case "i":
            return _logit((step.after - HALF * step.before) / (step.factor * CANDIDATE_LEVEL))
        case "f":
            return _logit((step.after - HALF * step.factor * CANDIDATE_LEVEL) / step.before)
    return _logit(opened)


def _shift(values: Array) -> Array:
    """Return the values of the previous timestep; 0 at the first."""
    return np.concatenate([np.zeros_like(values[:, :1]), values[:, :-1]], axis=1)


def _logit(probability: Array) -> Array:
    return np.asarray(np.log(probability / (1 - probability)))
