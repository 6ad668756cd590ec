"""Save and load checkpoints: each file holds the complete state of a run after an epoch, and its own checksum.

A file is the SHA-256 of the rest, then an uncompressed `.npz` (no pickle): one array per variable under `state/`, the
variables of the best epoch under `best/`, and the history as JSON. The previous file is kept, so a damaged newest file
costs an epoch, not the run.
"""

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from rdrop_cli.errors import DataError
from rdrop_cli.files import replace_atomically
from rdrop_cli.runs.history import History
from rdrop_cli.runs.schema import parse_history

KEPT = 2
DIGEST_BYTES = 32
State = Mapping[str, npt.NDArray[np.generic]]


@dataclass(frozen=True)
class Checkpoint:
    """A run after an epoch: the current variables, the variables of the best epoch, and the history."""

    state: State
    best: State
    history: History


def save_checkpoint(folder: Path, checkpoint: Checkpoint) -> None:
    """Write the checkpoint of the last epoch and remove all but the newest two.

    Raises:
        OSError: it cannot be written; earlier checkpoints stay unchanged.
    """
    folder.mkdir(exist_ok=True)
    arrays = {f"state/{name}": value for name, value in checkpoint.state.items()}
    arrays |= {f"best/{name}": value for name, value in checkpoint.best.items()}
    history = json.dumps(checkpoint.history.to_json()).encode()
    buffer = io.BytesIO()
    np.savez(buffer, history=np.frombuffer(history, np.uint8), **arrays)  # type: ignore[arg-type]
    payload = buffer.getvalue()
    with replace_atomically(folder / name_checkpoint(checkpoint.history.last.epoch)) as temporary:
        temporary.write_bytes(hashlib.sha256(payload).digest() + payload)
    remove_old_checkpoints(folder)


def name_checkpoint(epoch: int) -> str:
    """Return the name of the file of an epoch's checkpoint."""
    return f"epoch-{epoch:04d}.ckpt"


def remove_old_checkpoints(folder: Path) -> None:
    """Remove all checkpoints except the newest two."""
    for old in list_checkpoints(folder)[KEPT:]:
        old.unlink(missing_ok=True)


def load_checkpoint(folder: Path) -> tuple[Checkpoint | None, list[str]]:
    """Load the newest intact checkpoint, if any; also return a message for each damaged one that was skipped.

    Raises:
        DataError: there are checkpoints, but all of them are damaged.
    """
    damaged: list[str] = []
    for path in list_checkpoints(folder):
        try:
            return read_checkpoint(path), damaged
        except Exception as error:  # NumPy, zipfile and json raise exceptions of many kinds; the file is untrusted
            damaged.append(f"{path}: {error}")
    if damaged:
        raise DataError(f"no readable checkpoint ({damaged[0]}); start a new run")
    return None, []


def list_checkpoints(folder: Path) -> list[Path]:
    """Return the checkpoints of a run, newest first."""
    return sorted(folder.glob("epoch-*.ckpt"), key=lambda path: (len(path.name), path.name), reverse=True)


def read_checkpoint(path: Path) -> Checkpoint:
    """Read one checkpoint.

    Raises:
        Exception: it is damaged; the type depends on what NumPy, zipfile or json raises.
    """
    if not path.is_file():
        raise ValueError("not a regular file")
    content = path.read_bytes()
    digest, payload = content[:DIGEST_BYTES], content[DIGEST_BYTES:]
    if hashlib.sha256(payload).digest() != digest:
        raise ValueError("its checksum does not match")
    with zipfile.ZipFile(io.BytesIO(payload)) as archive:
        if any(member.compress_type != zipfile.ZIP_STORED for member in archive.infolist()):
            raise ValueError("it is compressed, as rdrop's own are not: it could unpack to any size")
    with np.load(io.BytesIO(payload), allow_pickle=False) as arrays:
        if foreign := [name for name in arrays if not isinstance(arrays[name], np.ndarray)]:  # NumPy returns bytes
            raise ValueError(f"its {foreign[0][:40]!r} is not an array")
        state = {name.removeprefix("state/"): arrays[name] for name in arrays if name.startswith("state/")}
        best = {name.removeprefix("best/"): arrays[name] for name in arrays if name.startswith("best/")}
        history = parse_history(arrays["history"].tobytes())
    return Checkpoint(state, best, history)
