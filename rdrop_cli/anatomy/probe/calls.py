"""The calls by which a layer shows its masks: weights, sequences, and whether it trains.

Every call starts from the same seed and a new layer, so that all calls have the same masks, and a mask can be read
where the weights of one call lay it open. Gates and weights are in Keras's order and layout.
"""

from typing import Any, Dict, Optional, Tuple

import numpy as np

BATCH, TIMESTEPS, UNITS = 32, 6, 8
GAIN = 0.5  # from a value to the one gate that shows it
LEVEL = 0.5  # of constant inputs and biases
SHIFTS = 2  # of what a unit reads
OPEN = 50.0  # a gate's bias at which it is 1 in float32; at its negative it is 0
LARGEST = 0.7  # of random inputs, which a layer below has to pass on through two tanh
GATES = {"gru": "zrh", "lstm": "ifco"}
CANDIDATE = {"gru": "h", "lstm": "c"}

Array = Any
Weights = Dict[str, Array]
Call = Tuple[Weights, Array, bool]


class RefusedError(ValueError):
    """A layer that cannot be examined; the message says why."""


def design_calls(cell: str, units: int, reset_after: bool, thorough: bool = False) -> Dict[str, Call]:
    """Return by name the weights, inputs and mode of each call.

    `memory`: the gates read nothing. `x z 0`: gate z alone reads x, and each unit reads the feature of its number;
    `x z 1`: that before it, so that what one unit hides another shows. `h z 0`: gate z alone reads h. `random`: all
    read all; `again`: that call once more, from the same seed; `next`: the call after it, of the same layer;
    `inference`: that call without training.

    A thorough design shows single weights, by a call for each shift, and both states of an LSTM where one hides the
    other. `write 3`: x is 0 but at timestep 3, and c keeps what is written there. `show 3`: c is constant, and gate o
    opens at timestep 3.
    """
    shifts = units if thorough else SHIFTS
    steady = np.full((BATCH, TIMESTEPS, units), LEVEL)
    calls: Dict[str, Call] = {"memory": (make_weights(cell, units), steady, True)}
    for gate in GATES[cell]:
        # Where h shows r it is masked itself, and has to show r wherever it can.
        for shift in range(units if gate == "r" and not reset_after else shifts):
            matrix = np.roll(np.eye(units), shift, axis=1)
            for reads, name in (("x", "kernel"), ("h", "recurrent")):
                weights = make_weights(cell, units, gate, reset_after, **{name: matrix})
                calls[f"{reads} {gate} {shift}"] = (weights, steady, True)
    if thorough and cell == "lstm":
        calls.update(_design_state_calls(units))
    rng = np.random.RandomState(0)
    columns = len(GATES[cell]) * units
    shapes: Dict[str, Any] = dict.fromkeys(("kernel", "recurrent"), (units, columns))
    shapes.update(dict.fromkeys(("bias", "recurrent_bias"), columns))
    drawn = {name: rng.normal(size=shape) / units**0.5 for name, shape in shapes.items()}
    if cell == "lstm" or not reset_after:
        drawn["recurrent_bias"][:] = 0.0
    sequences = rng.uniform(-LARGEST, LARGEST, (BATCH, TIMESTEPS, units))
    for name in ("random", "again", "next"):
        calls[name] = (drawn, sequences, True)
    calls["inference"] = (drawn, sequences, False)
    return calls


def _design_state_calls(units: int) -> Dict[str, Call]:
    """Return the calls `write t` and `show t` for each timestep; every unit reads all features, lest a mask hide x."""
    calls: Dict[str, Call] = {}
    every, columns = np.ones((units, units)), slice_columns("lstm", units)
    for t in range(TIMESTEPS):
        sequences = np.zeros((BATCH, TIMESTEPS, units))
        sequences[:, t] = LEVEL
        write = make_weights("lstm", units, "c", kernel=every)
        show = make_weights("lstm", units, "o", kernel=every)
        write["bias"][columns["c"]] = 0.0
        for weights, forget in ((write, OPEN), (show, -OPEN)):
            weights["bias"][columns["i"]], weights["bias"][columns["f"]] = OPEN, forget
        calls["write {}".format(t)], calls["show {}".format(t)] = (write, sequences, True), (show, sequences, True)
    return calls


def make_weights(
    cell: str,
    units: int,
    gate: str = "",
    reset_after: bool = True,
    kernel: Optional[Array] = None,
    recurrent: Optional[Array] = None,
) -> Weights:
    """Return weights that are 0 but for the candidate's bias and for what one gate reads.

    All gates are half open, but for the LSTM's output gate: it is open, so that h shows c, unless it is the one read.
    """
    columns = slice_columns(cell, units)
    size = len(columns) * units
    weights = {
        "kernel": np.zeros((units, size)),
        "recurrent": np.zeros((units, size)),
        "bias": np.zeros(size),
        "recurrent_bias": np.zeros(size),
    }
    weights["bias"][columns[CANDIDATE[cell]]] = LEVEL
    if cell == "lstm" and gate != "o":
        weights["bias"][columns["o"]] = OPEN
    if kernel is not None:
        weights["kernel"][:, columns[gate]] = GAIN * kernel
    if recurrent is not None:
        weights["recurrent"][:, columns[gate]] = GAIN * recurrent
    if gate == "r" and reset_after:  # r is seen by what it resets: a bias of its own, or h itself
        weights["recurrent_bias"][columns["h"]] = LEVEL
    elif gate == "r":
        weights["recurrent"][:, columns["h"]] = GAIN * np.eye(units)
    return weights


def slice_columns(cell: str, units: int) -> Dict[str, slice]:
    """Return by gate its columns in a kernel."""
    return {gate: slice(i * units, (i + 1) * units) for i, gate in enumerate(GATES[cell])}
