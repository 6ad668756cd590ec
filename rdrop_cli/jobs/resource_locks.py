"""Share a machine's cores and GPUs among processes that do not know each other.

Each core or GPU is a file lock in the user's own folder. The operating system releases the lock when its holder ends,
however it ends. Separating users is the job of the batch system.
"""

import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from itertools import takewhile
from pathlib import Path

from rdrop_cli.locks import LockedError, find_holder, find_lock_folder, hold_lock
from rdrop_cli.system import list_cores

VISIBLE = "CUDA_VISIBLE_DEVICES"
DEVICE = re.compile(r"\d+|(GPU|MIG)-\S+")  # as CUDA names them in that variable
LISTED = re.compile(r"^GPU (\d+): .*\(UUID: (GPU-[^)]+)\)", re.MULTILINE)
SECONDS_TO_LIST = 30
SECONDS_BETWEEN_LOOKS = 0.5


def lock_free(names: Iterable[str], most: int, held: ExitStack) -> list[str]:
    """Lock up to `most` of the `names` that no process holds, in order, until `held` is closed; do not wait.

    Raises:
        RdropError: the folder for locks belongs to another user; OSError: it cannot be written.
    """
    taken: list[str] = []
    for name in names:
        if len(taken) == most:
            break
        try:
            held.enter_context(hold_lock(_find_lock_file(name), timeout_s=0))
        except LockedError:
            continue
        taken.append(name)
    return taken


def _find_lock_file(name: str) -> Path:
    return find_lock_folder() / f"{name.replace('/', '_')}.lock"


def lock_cores(count: int, held: ExitStack) -> list[int]:
    """Lock up to `count` of the cores that this process may run on; return none if others hold them all."""
    names = {f"core-{core}": core for core in list_cores()}
    return [names[name] for name in lock_free(names, count, held)]


def list_gpus() -> dict[str, str]:
    """Return the GPUs that this process may use: CUDA's name of each, and a name that is shared across the machine.

    These are the GPUs in CUDA_VISIBLE_DEVICES up to the first entry that is not a device, as CUDA reads it, or if it is
    not set, those that `nvidia-smi -L` lists. In a batch job every GPU may be number 0, so the shared name is the UUID.
    """
    uuids = _list_uuids()
    visible = os.environ.get(VISIBLE)
    if visible is None:
        return {uuid: uuid for uuid in uuids.values()}
    names = takewhile(DEVICE.fullmatch, (name.strip() for name in visible.split(",")))
    return {name: uuids.get(name, f"GPU-{name}" if name.isdigit() else name) for name in names}


def _list_uuids() -> dict[str, str]:
    """Return the UUID of each GPU by its number; empty if no driver reports them."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return {}
    try:
        listed = subprocess.run([program, "-L"], capture_output=True, text=True, timeout=SECONDS_TO_LIST, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return {}
    return dict(LISTED.findall(listed.stdout))


def lock_gpu(held: ExitStack, note: Callable[[str], None]) -> str | None:
    """Wait until one of the GPUs is free and lock it; return CUDA's name of it, or None if there are no GPUs.

    `note` receives once, while waiting, which processes use the GPUs.
    """
    names = {shared: name for name, shared in list_gpus().items()}
    if not names:
        return None
    is_first = True
    while not (taken := lock_free(names, 1, held)):
        if is_first:
            note(f"waiting for a GPU: {', '.join(map(_describe_use, names))}")
        is_first = False
        time.sleep(SECONDS_BETWEEN_LOOKS)
    return names[taken[0]]


def _describe_use(gpu: str) -> str:
    holder = find_holder(_find_lock_file(gpu))
    return f"{gpu} is used by {f'process {holder}' if holder else 'another process'}"
