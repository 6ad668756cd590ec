"""Read which timesteps an LSTM skips in h and in c separately: the zoneout of both.

When h keeps an old value it hides c, so no single call shows both masks. The calls `show t` show the masks on h: c is
rewritten at each timestep, and gate o opens only at t, so h changes at t unless it is masked. The calls `write t` show
the masks on c: only timestep t writes, and the next update of h shows whether c kept it.
"""

from collections.abc import Iterator, Mapping

import numpy as np

from rdrop_cli.anatomy.probe.calls import TIMESTEPS
from rdrop_cli.anatomy.readout import CANDIDATE_LEVEL, HALF, TOLERANCE, Memory
from rdrop_cli.anatomy.reference import Array
from rdrop_cli.study.methods import Site


def find_updates(outputs: Mapping[str, Array]) -> Iterator[Memory]:
    """Yield the masks on the updates of h and c, if they explain what an LSTM returned.

    A mask on c that h never shows has no effect, and is NaN.

    Args:
        outputs: by name of the probe's call.
    """
    if "show 0" not in outputs:
        return
    closed = HALF * np.tanh(CANDIDATE_LEVEL)  # value of h while gate o reads nothing
    updated = np.stack([outputs[f"show {t}"][:, t] > closed + TOLERANCE for t in range(TIMESTEPS)], axis=1)
    on_c = np.full(updated.shape, np.nan)
    for t in range(TIMESTEPS - 1):
        later = updated[:, t + 1 :]
        written = (later & (np.abs(outputs[f"write {t}"][:, t + 1 :]) > TOLERANCE)).any(axis=1)
        on_c[:, t] = np.where(later.any(axis=1), written, np.nan)
    on_h = updated.astype(float)
    if np.allclose(_run_memory(on_h, on_c), outputs["memory"], atol=TOLERANCE):
        yield Memory(Site.STATE_UPDATE, on_c, on_h)


def _run_memory(on_h: Array, on_c: Array) -> Array:
    """Return the outputs of the call `memory` under these masks."""
    h, c, returned = np.zeros_like(on_h[:, 0]), np.zeros_like(on_c[:, 0]), []
    for t in range(TIMESTEPS):
        new_c = HALF * (c + CANDIDATE_LEVEL)
        h = np.where(on_h[:, t] == 1, np.tanh(new_c), h)
        c = np.where(on_c[:, t] == 1, new_c, c)
        returned.append(h)
    return np.stack(returned, axis=1)
