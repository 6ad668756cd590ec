"""Every method for GRU and LSTM in plain float64 NumPy: a second implementation to compare the layers with.

It shares no code and no table with the layers: each method's change to the plain equations is written out at the
equation. Gates are in Keras's order, z, r, h and i, f, c, o. Masks include their scale.

    gal, batch-shared, naive-step   m_k ∘ h in the product of each gate k             Gal and Ghahramani 2016
    gal-tied                        m ∘ h in the product of every gate                Gal and Ghahramani 2016
    moon                            LSTM c ← m ∘ (f ∘ c + i ∘ g), GRU h ← m ∘ h_new   Moon et al. 2015
    semeniuta-step, -sequence       m ∘ g in place of g                               Semeniuta et al. 2016
    zoneout                         h ← m ∘ h_new + (1 − m) ∘ h_old, same for c       Krueger et al. 2017
    dropconnect                     M ∘ U in place of U                               Merity et al. 2018
    masked-carry                    m ∘ h in place of h, even in z ∘ h                the GRU of Keras 3.0 to 3.7
"""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Activation = Callable[[Array], Array]


def rectify(a: Array) -> Array:
    """Return the ReLU: a where it is positive, else 0."""
    return np.maximum(a, 0.0)


ACTIVATIONS: dict[str, Activation] = {"tanh": np.tanh, "relu": rectify}


def run_gru(
    method: str,
    x: Array,
    weights: Sequence[npt.ArrayLike],
    input_masks: Sequence[npt.ArrayLike] = (),
    recurrent_masks: Sequence[npt.ArrayLike] = (),
    *,
    initial_h: npt.ArrayLike = 0.0,
    reset_after: bool = True,
    activation: Activation = np.tanh,
) -> Array:
    """Return the states of a GRU at all timesteps: (batch, time, units).

    Args:
        method: a name from the table above.
        x: (batch, time, feature).
        weights: kernel (feature, 3·units), recurrent kernel (units, 3·units), bias (2, 3·units), or (3·units,) if not
            `reset_after`.
        input_masks: for x, constant over time: none, one for all gates or one per gate; broadcast to (batch, feature).
        recurrent_masks: of the method: none, one, or one per gate, as in its equation; they broadcast to (batch,
            units), or to (batch, time, units) if they have a time axis, or are (units, 3·units) for U.
        initial_h: broadcasts to (batch, units).
        reset_after: Keras's default, in which r multiplies the product of h; else r multiplies h.
        activation: of the candidate.
    """
    kernel, recurrent_kernel, bias = (np.asarray(w, np.float64) for w in weights)
    units = recurrent_kernel.shape[0]
    if method == "dropconnect" and recurrent_masks:
        recurrent_kernel = recurrent_kernel * np.asarray(recurrent_masks[0])
        recurrent_masks = ()
    u_z, u_r, u_h = np.split(recurrent_kernel, 3, axis=1)
    b_z, b_r, b_h = np.split(bias[0] if reset_after else bias, 3)
    b_uz, b_ur, b_uh = np.split(bias[1] if reset_after else np.zeros(3 * units), 3)
    x_z, x_r, x_h = _project(x, kernel, input_masks, gates=3)
    h = np.broadcast_to(np.asarray(initial_h, np.float64), (len(x), units))
    states = []
    for t in range(x.shape[1]):
        m = _masks_at(recurrent_masks, t)
        if m and method == "masked-carry":
            h = h * m[0]
        h_z, h_r, h_h = _read_state(method, h, m, gates=3)
        z = _sigmoid(x_z[:, t] + b_z + h_z @ u_z + b_uz)
        r = _sigmoid(x_r[:, t] + b_r + h_r @ u_r + b_ur)
        recurrent = r * (h_h @ u_h + b_uh) if reset_after else (r * h_h) @ u_h
        g = _drop_candidate(method, activation(x_h[:, t] + b_h + recurrent), m)
        new_h = z * h + (1 - z) * g
        if m and method == "moon":
            new_h = m[0] * new_h
        if m and method == "zoneout":
            new_h = m[0] * new_h + (1 - m[0]) * h
        h = new_h
        states.append(h)
    return np.stack(states, axis=1)


def run_lstm(
    method: str,
    x: Array,
    weights: Sequence[npt.ArrayLike],
    input_masks: Sequence[npt.ArrayLike] = (),
    recurrent_masks: Sequence[npt.ArrayLike] = (),
    *,
    initial_h: npt.ArrayLike = 0.0,
    initial_c: npt.ArrayLike = 0.0,
    activation: Activation = np.tanh,
) -> Array:
    """Return the outputs h of an LSTM at all timesteps: (batch, time, units).

    Args:
        method: a name from the table above except `masked-carry`: an LSTM carries c, and h is only read.
        x: (batch, time, feature).
        weights: kernel (feature, 4·units), recurrent kernel (units, 4·units), bias (4·units,).
        input_masks: as in `run_gru`.
        recurrent_masks: as in `run_gru`; zoneout has two, for h and for c.
        initial_h: broadcasts to (batch, units).
        initial_c: the same.
        activation: of the candidate and of c.
    """
    kernel, recurrent_kernel, bias = (np.asarray(w, np.float64) for w in weights)
    units = recurrent_kernel.shape[0]
    if method == "dropconnect" and recurrent_masks:
        recurrent_kernel = recurrent_kernel * np.asarray(recurrent_masks[0])
        recurrent_masks = ()
    u_i, u_f, u_c, u_o = np.split(recurrent_kernel, 4, axis=1)
    b_i, b_f, b_c, b_o = np.split(bias, 4)
    x_i, x_f, x_c, x_o = _project(x, kernel, input_masks, gates=4)
    h, c = (np.broadcast_to(np.asarray(s, np.float64), (len(x), units)) for s in (initial_h, initial_c))
    outputs = []
    for t in range(x.shape[1]):
        m = _masks_at(recurrent_masks, t)
        h_i, h_f, h_c, h_o = _read_state(method, h, m, gates=4)
        i = _sigmoid(x_i[:, t] + h_i @ u_i + b_i)
        f = _sigmoid(x_f[:, t] + h_f @ u_f + b_f)
        o = _sigmoid(x_o[:, t] + h_o @ u_o + b_o)
        g = _drop_candidate(method, activation(x_c[:, t] + h_c @ u_c + b_c), m)
        new_c = f * c + i * g
        if m and method == "moon":
            new_c = m[0] * new_c
        new_h = o * activation(new_c)
        if m and method == "zoneout":
            new_h, new_c = m[0] * new_h + (1 - m[0]) * h, m[1] * new_c + (1 - m[1]) * c
        h, c = new_h, new_c
        outputs.append(h)
    return np.stack(outputs, axis=1)


def _project(x: Array, kernel: Array, masks: Sequence[npt.ArrayLike], gates: int) -> list[Array]:
    """Return (x ∘ m_k) W_k for each gate k: (batch, time, units)."""
    columns = np.split(kernel, gates, axis=1)
    if not masks:
        return [x @ w for w in columns]
    each = [np.asarray(m, np.float64)[:, None] for m in masks]
    return [(x * m) @ w for m, w in zip(each if len(each) > 1 else each * gates, columns, strict=True)]


def _masks_at(masks: Sequence[npt.ArrayLike], t: int) -> list[Array]:
    """Return the masks of a timestep; those with a time axis have one for each."""
    arrays = [np.asarray(m, np.float64) for m in masks]
    return [m[:, t] if m.ndim == 3 else m for m in arrays]


def _read_state(method: str, h: Array, m: list[Array], gates: int) -> list[Array]:
    """Return h as the product of each gate reads it."""
    if m and method in ("gal", "batch-shared", "naive-step"):
        return [m_k * h for m_k in m]
    if m and method == "gal-tied":
        return [m[0] * h] * gates
    return [h] * gates


def _drop_candidate(method: str, g: Array, m: list[Array]) -> Array:
    return m[0] * g if m and method in ("semeniuta-step", "semeniuta-sequence") else g


def _sigmoid(a: Array) -> Array:
    return 0.5 * (1 + np.tanh(a / 2))  # never overflows
