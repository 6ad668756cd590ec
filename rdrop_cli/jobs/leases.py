"""Share a machine's cores and GPUs among processes that know nothing of each other.

What a process holds is told by file locks in the machine's temporary folder: the kernel lets go of them when the
process ends, however it ends. Every user has a folder of their own; to keep users apart is the scheduler's work.
"""

import os
import tempfile
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path

from rdrop_cli.cores import list_cores


def hold_free(names: Iterable[str], most: int, held: ExitStack) -> list[str]:
    """Hold what nobody holds of `names`, in their order, up to `most`, until `held` is closed; does not wait.

    Raises:
        OSError: the temporary folder cannot be written.
    """
    from filelock import FileLock, Timeout

    folder = Path(tempfile.gettempdir()) / f"rdrop-leases-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    taken: list[str] = []
    for name in names:
        if len(taken) == most:
            break
        try:
            held.enter_context(FileLock(folder / f"{name.replace('/', '_')}.lock", timeout=0))
        except Timeout:
            continue
        taken.append(name)
    return taken


def hold_cores(count: int, held: ExitStack) -> list[int]:
    """Hold up to `count` of the cores that this process may run on; none where others hold them all."""
    names = {f"core-{core}": core for core in list_cores()}
    return [names[name] for name in hold_free(names, count, held)]
