"""Remove runs: nothing but runs of the runs folder, none that is at work, and none by half."""

import os
import secrets
import shutil
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from rdrop_cli.errors import RdropError
from rdrop_cli.files import sync
from rdrop_cli.locks import LockedError, hold_lock
from rdrop_cli.runs.folder import LOOK_SECONDS, RunFolder

PREFIX = ".removed-"  # of a folder that is no run any more; `list_run_folders` passes over it


@dataclass(frozen=True)
class Size:
    """What a folder holds, links counted as themselves."""

    files: int
    size_bytes: int


def measure_size(folder: RunFolder) -> Size:
    """Count a run's files and their bytes."""
    sizes = [(Path(place) / name).lstat().st_size for place, _, names in os.walk(folder.path) for name in sorted(names)]
    return Size(len(sizes), sum(sizes))


def check_removable(folder: RunFolder, runs_dir: Path) -> None:
    """Check that a run may be removed.

    Raises:
        RdropError: it is not in the runs folder, is a link, or a process is at work on it.
    """
    if folder.path.is_symlink():
        raise RdropError(f"{folder.path}: is a link to {folder.path.resolve()}; delete the run where it is")
    if folder.path.resolve().parent != runs_dir.resolve():
        parent = folder.path.resolve().parent
        raise RdropError(f"{folder.path}: not in {runs_dir}", change=[("runs_dir", str(parent))])
    if folder.is_locked():
        raise _refuse_busy(folder)


def remove_runs(folders: Sequence[RunFolder], runs_dir: Path) -> None:
    """Remove runs, all checked before the first goes, and then what a killed removal has left.

    A run is renamed under its lock before anything in it is touched: whenever this is killed, a run is whole or gone.

    Raises:
        RdropError: as `check_removable` does; nothing is removed then, unless a process began on a run meanwhile.
        OSError: a folder cannot be removed.
    """
    for folder in folders:
        check_removable(folder, runs_dir)
    for folder in folders:
        _remove(folder)
    for left in _list_leftovers(runs_dir):
        _delete(left)


def _remove(folder: RunFolder) -> None:
    doomed = folder.path.with_name(f"{PREFIX}{folder.run_id}-{secrets.token_hex(4)}")
    with ExitStack() as held:
        try:
            # Not `folder.lock()`: that writes, and a full disk is why runs are removed.
            held.enter_context(hold_lock(folder.lock_path, LOOK_SECONDS))
        except LockedError as error:
            raise _refuse_busy(folder) from error
        except FileNotFoundError as error:
            raise folder.refuse_gone() from error
        folder.path.rename(doomed)
        sync(doomed.parent)  # or a power cut could bring the name back after its files have gone
        _delete(doomed)


def _refuse_busy(folder: RunFolder) -> RdropError:
    return RdropError(f"{folder.run_id}: run is locked by another process; wait for it or stop it")


def _list_leftovers(runs_dir: Path) -> list[Path]:
    return [path for path in runs_dir.glob(f"{PREFIX}*") if path.is_dir() and not path.is_symlink()]


def _delete(doomed: Path) -> None:
    """Delete a folder and what is in it; of a link in it only the link goes, which is how `rmtree` works."""
    while doomed.exists():
        try:
            shutil.rmtree(doomed)
        except FileNotFoundError:  # another process deletes the same leftover
            continue
