"""Remove runs: only runs of the runs folder, none that a process is working on, and each completely or not at all."""

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

PREFIX = ".removed-"  # of a folder that is no longer a run; `list_run_folders` skips it


@dataclass(frozen=True)
class Size:
    """The number and size of the files in a folder; links count as themselves."""

    files: int
    size_bytes: int


def measure_size(folder: RunFolder) -> Size:
    """Count a run's files and their bytes."""
    sizes = [(Path(place) / name).lstat().st_size for place, _, names in os.walk(folder.path) for name in sorted(names)]
    return Size(len(sizes), sum(sizes))


def check_removable(folder: RunFolder, runs_dir: Path) -> None:
    """Check that a run may be removed.

    Raises:
        RdropError: it is not in the runs folder, is a link, or a process is working on it.
    """
    if folder.path.is_symlink():
        raise RdropError(f"{folder.path}: is a link to {folder.path.resolve()}; delete the run where it is")
    if not folder.is_in(runs_dir):
        parent = folder.path.resolve().parent
        raise RdropError(f"{folder.path}: not in {runs_dir}", change=[("runs_dir", str(parent))])
    if folder.is_locked():
        raise _refuse_busy(folder)


def remove_runs(folders: Sequence[RunFolder], runs_dir: Path) -> None:
    """Remove runs after checking all of them, then remove the leftovers of removals that were killed.

    A run is renamed under its lock before any of its files is touched, so after a kill every run is intact or gone.

    Raises:
        RdropError: as for `check_removable`; nothing is removed then, unless a process locked a run in the meantime.
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
            # Not `folder.lock()`, which writes: a full disk is a reason to remove runs.
            held.enter_context(hold_lock(folder.lock_path, LOOK_SECONDS))
        except LockedError as error:
            raise _refuse_busy(folder) from error
        except FileNotFoundError as error:
            raise folder.refuse_gone() from error
        folder.path.rename(doomed)
        sync(doomed.parent)  # else a power failure could bring the name back without its files
        _delete(doomed)


def _refuse_busy(folder: RunFolder) -> RdropError:
    return RdropError(f"{folder.run_id}: run is locked by another process; wait for it or stop it")


def _list_leftovers(runs_dir: Path) -> list[Path]:
    return [path for path in runs_dir.glob(f"{PREFIX}*") if path.is_dir() and not path.is_symlink()]


def _delete(doomed: Path) -> None:
    """Delete a folder and its contents; links in it are deleted but not followed, which is how `rmtree` works."""
    while doomed.exists():
        try:
            shutil.rmtree(doomed)
        except FileNotFoundError:  # another process deletes the same leftover
            continue
