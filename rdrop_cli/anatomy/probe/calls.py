"""The calls that make a layer show its masks: weights, sequences, and whether it trains.

Every call starts from the same seed and a new layer, so all calls have the same masks, and each mask can be read from
the call whose weights expose it. Gates and weights are in Keras's order and layout.
"""

from typing import Any, Dict, Optional, Tuple

import numpy as np

BATCH, TIMESTEPS, UNITS = 32, 6, 8
GAIN = 0.5  # from a value to the one gate that shows it
LEVEL = 0.5  # of constant inputs and biases
SHIFTS = 2  # of the features or units that units read
OPEN = 50.0  # with this bias a gate is 1 in float32; with its negative it is 0
LARGEST = 0.7  # of random inputs, because a layer below has to pass them on through two tanh
GATES = {"gru": "zrh", "lstm": "ifco"}
CANDIDATE = {"gru": "h", "lstm": "c"}

Array = Any
Weights = Dict[str, Array]
Call = Tuple[Weights, Array, bool]


class RefusedError(ValueError):
    """A layer that cannot be examined; the message says why."""


def design_calls(cell: str, units: int, reset_after: bool, thorough: bool = False) -> Dict[str, Call]:
    """Return by name the weights, inputs and mode of each call.

    `memory`: the gates read nothing. `x z 0`: only gate z reads x, and each unit reads the feature of its own number;
    `x z 1`: each unit reads the feature before, so a value that one unit hides is shown by another. `h z 0`: only gate
    z reads h. `random`: all gates read everything; `again`: the same call from the same seed; `next`: the second such
    call of one layer; `inference`: the same call without training.

    A thorough design also shows single weights, with a call for each shift, and both states of an LSTM if one hides
    the other. `write 3`: x is 0 except at timestep 3, and c keeps what is written then. `show 3`: c is constant, and
    gate o opens at timestep 3.
    """
    shifts = units if thorough else SHIFTS
    steady = np.full((BATCH, TIMESTEPS, units), LEVEL)
    calls: Dict[str, Call] = {"memory": (make_weights(cell, units), steady, True)}
    for gate in GATES[cell]:
        # If r is seen through h, which is masked itself, all shifts are needed to see r wherever possible.
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
    """Return the calls `write t` and `show t`; every unit reads all features, so that no mask can hide x."""
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
    """Return weights that are 0 except for the candidate's bias and the inputs of one gate.

    All gates are half open except the LSTM's output gate, which is open so that h shows c, unless it is `gate`.
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
    if gate == "r" and reset_after:  # r is seen through what it resets: a separate bias, or h itself
        weights["recurrent_bias"][columns["h"]] = LEVEL
    elif gate == "r":
        weights["recurrent"][:, columns["h"]] = GAIN * np.eye(units)
    return weights


def slice_columns(cell: str, units: int) -> Dict[str, slice]:
    """Return the columns of each gate in a kernel."""
    return {gate: slice(i * units, (i + 1) * units) for i, gate in enumerate(GATES[cell])}
