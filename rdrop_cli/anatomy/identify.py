"""Which method a layer follows: its output in training against the reference of every method, under the same masks.

A method that needs more masks than were captured (one per gate, sample or timestep, but the layer had one for all)
gets the captured zeros shifted along the units; a method that needs fewer gets the first ones. So a layer whose masks
are the same for all samples is not mistaken for one whose masks differ.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from rdrop_cli.anatomy.reference import Array, run_gru, run_lstm
from rdrop_cli.study.methods import CELLS, METHODS, Cell, Lifetime, Method, Scaling, Site

Keep = npt.NDArray[np.bool_]


def measure_plain_error(
    cell: str,
    x: Array,
    weights: Sequence[npt.ArrayLike],
    output: npt.ArrayLike,
    *,
    before: Sequence[npt.ArrayLike],
    after: Sequence[npt.ArrayLike],
    options: Mapping[str, Any],
) -> float:
    """Return the largest difference between an output and that of a cell without any mask of its own.

    Args:
        cell: `gru` or `lstm`.
        x: (batch, time, feature), before any dropout layer.
        weights: as in `measure_errors`.
        output: of the last layer.
        before: masks of a dropout layer on x, (batch, feature), or (batch, time, feature) if drawn at every timestep.
        after: masks of a dropout layer on the output, (batch, units), or (batch, time, units).
        options: other arguments of the reference.
    """
    for mask in before:
        array = np.asarray(mask, np.float64)
        x = x * (array if array.ndim == 3 else array[:, None])
    expected = _run_reference(cell, "none", x, weights, (), (), np.ndim(output), options)
    return _largest_difference(output, _multiply(expected, after))


def measure_errors(
    cell: str,
    x: Array,
    weights: Sequence[npt.ArrayLike],
    output: npt.ArrayLike,
    *,
    input_masks: Sequence[npt.ArrayLike],
    recurrent_masks: Sequence[npt.ArrayLike],
    dropout: float,
    recurrent_dropout: float,
    options: Mapping[str, Any],
    after: Sequence[npt.ArrayLike] = (),
) -> dict[str, float]:
    """Return by method the largest difference between a layer's output and the reference's, from a zero state.

    Args:
        cell: `gru` or `lstm`.
        x: (batch, time, feature).
        weights: kernel, recurrent kernel, bias, as the layer's `get_weights` returns them.
        output: of the layer in training: (batch, time, units), or (batch, units) at the last timestep.
        input_masks: those on x, as captured: none, one, or one per gate.
        recurrent_masks: those of `recurrent_dropout`, as captured.
        dropout: rate of the masks on x.
        recurrent_dropout: rate of the recurrent masks.
        options: other arguments of the reference: `activation`, and for a GRU `reset_after`.
        after: masks on the output that belong to no method; as in `measure_plain_error`.
    """
    kind = CELLS[cell]
    shape = (*x.shape[:2], np.shape(output)[-1])
    errors = {}
    for method in METHODS.values():
        if cell not in method.cells:
            continue
        on_x = arrange_input_masks(input_masks, method, kind, len(x), dropout)
        on_site = arrange_recurrent_masks(recurrent_masks, method, kind, shape, recurrent_dropout)
        expected = _run_reference(cell, method.name, x, weights, on_x, on_site, np.ndim(output), options)
        errors[method.name] = _largest_difference(output, _multiply(expected, after))
    return errors


def measure_rested_error(
    cell: str,
    method: str,
    x: Array,
    weights: Sequence[npt.ArrayLike],
    output: npt.ArrayLike,
    *,
    kept: float | None,
    options: Mapping[str, Any],
) -> float:
    """Return the largest difference between an output at inference and that of a method, or of `none`.

    Args:
        cell: `gru` or `lstm`.
        method: its name.
        x: (batch, time, feature).
        weights: as in `measure_errors`.
        output: as in `measure_errors`, but at inference.
        kept: the mean of the masks, if the method uses it in their place; else None.
        options: other arguments of the reference.
    """
    masks = [] if kept is None else [np.asarray(kept)] * METHODS[method].count_recurrent_masks(CELLS[cell])
    return _largest_difference(output, _run_reference(cell, method, x, weights, (), masks, np.ndim(output), options))


def _run_reference(
    cell: str,
    method: str,
    x: Array,
    weights: Sequence[npt.ArrayLike],
    input_masks: Sequence[Array],
    recurrent_masks: Sequence[Array],
    rank: int,
    options: Mapping[str, Any],
) -> Array:
    """Return the reference's outputs at all timesteps if rank is 3, else at the last one."""
    run: Callable[..., Array] = run_gru if cell == "gru" else run_lstm
    outputs = run(method, x, weights, input_masks, recurrent_masks, **options)
    return outputs if rank == 3 else outputs[:, -1]


def _multiply(outputs: Array, masks: Sequence[npt.ArrayLike]) -> Array:
    """Return outputs times masks, (batch, units), or (batch, time, units) if drawn at every timestep."""
    for mask in masks:
        array = np.asarray(mask, np.float64)
        outputs = outputs * (array if array.ndim == outputs.ndim else array[:, None])
    return outputs


def _largest_difference(output: npt.ArrayLike, expected: Array) -> float:
    return float(np.abs(np.asarray(output, np.float64) - expected).max())


def arrange_input_masks(
    masks: Sequence[npt.ArrayLike], method: Method, cell: Cell, batch: int, rate: float
) -> list[Array]:
    """Return a method's masks on x, each (batch, feature) or (1, feature), with the zeros of the captured masks.

    If the captured masks change over time, (batch, time, feature), the first timestep is used: no method's masks on x
    change.
    """
    if not masks:
        return []
    keep = np.stack(np.broadcast_arrays(*[m != 0 if m.ndim == 2 else m[:, 0] != 0 for m in map(np.asarray, masks)]))
    keep = _spread(_spread(keep, 0, method.count_input_masks(cell)), 1, batch if method.per_sample else 1)
    return list(keep * _scale_kept(rate))


def arrange_recurrent_masks(
    masks: Sequence[npt.ArrayLike], method: Method, cell: Cell, shape: tuple[int, int, int], rate: float
) -> list[Array]:
    """Return a method's masks of `recurrent_dropout` with the zeros of the captured masks.

    Args:
        masks: as captured, of any method.
        method: determines the number and shapes of the masks.
        cell: of the layer.
        shape: batch, time, units.
        rate: determines the kept values if the method scales them.
    """
    if not masks:
        return []
    batch, timesteps, units = shape
    gates = len(cell.gates)
    scale = _scale_kept(rate) if method.scaling is Scaling.INVERTED else 1.0
    keep = [np.asarray(m) != 0 for m in masks]
    if keep[0].shape == (units, gates * units):
        if method.site is Site.RECURRENT_KERNEL:
            return [keep[0] * scale]
        keep = [keep[0][None, :, gate * units] for gate in range(gates)]
    # (mask, sample, time, units)
    every = np.stack(np.broadcast_arrays(*[k if k.ndim == 3 else k[:, None] for k in keep]))
    if method.site is Site.RECURRENT_KERNEL:
        columns = _spread(_spread(_spread(every, 0, gates), 1, 1), 2, 1)[:, 0, 0]
        return [np.concatenate([_spread(column[None], 0, units).T for column in columns], axis=1) * scale]
    every = _spread(every, 0, method.count_recurrent_masks(cell))
    every = _spread(every, 1, batch if method.per_sample else 1)
    every = _spread(every, 2, timesteps if method.lifetime is Lifetime.STEP else 1)
    return list((every if every.shape[2] > 1 else every[:, :, 0]) * scale)


def _scale_kept(rate: float) -> float:
    """Return the factor of kept values; 1 at a rate of 1, which keeps none."""
    return 1 / (1 - rate) if rate < 1 else 1.0


def _spread(keep: Keep, axis: int, size: int) -> Keep:
    """Resize an axis: take its first entries, or all of them and then copies shifted along the units."""
    had = keep.shape[axis]
    return np.stack([np.roll(keep.take(i % had, axis), i // had, axis=-1) for i in range(size)], axis)
