"""File locks that the operating system releases when their holder ends, however it ends."""

import errno
import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rdrop_cli.errors import RdropError

if TYPE_CHECKING:
    from filelock import BaseFileLock

# Network and FUSE file systems without a lock service. ENOLCK: NFS without a lock daemon; ENOSYS: Lustre without flock.
UNSUPPORTED = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP)


class LockedError(RdropError):
    """Another process holds the lock."""


@contextmanager
def hold_lock(path: Path, timeout_s: float) -> Iterator[None]:
    """Hold the lock of a file that is made where it is missing.

    On a file system without locks, a file in the user's own folder stands for it, which separates the processes of
    this machine only.

    Args:
        timeout_s: how long to wait for another holder; negative for as long as it takes.

    Raises:
        LockedError: another process still holds it after `timeout_s`.
        RdropError: neither the file system nor the user's own folder has locks.
        OSError: the file cannot be written.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(path, timeout=timeout_s, fallback_to_soft=False)
    try:
        try:
            lock.acquire()
        except OSError as error:
            if error.errno not in UNSUPPORTED:
                raise
            lock = FileLock(find_substitute(path), timeout=timeout_s, fallback_to_soft=False)
            _acquire_substitute(lock, path)
    except Timeout as error:
        raise LockedError(f"{path}: another process holds this lock") from error
    try:
        yield
    finally:
        lock.release()


def _acquire_substitute(lock: "BaseFileLock", path: Path) -> None:
    try:
        lock.acquire()
    except OSError as error:
        if error.errno not in UNSUPPORTED:  # filelock's Timeout among them
            raise
        raise RdropError(
            f"{path.parent}: no file locks there, nor in {Path(lock.lock_file).parent} ({error.strerror}); "
            "set XDG_RUNTIME_DIR to a folder of yours on a local disk"
        ) from error


def is_lock_held(path: Path) -> bool:
    """Tell whether a live process holds the lock of a file, which may belong to another user and be read-only."""
    if not _has_flock():
        return path.exists() and _cannot_acquire(path)
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:  # it is not there, or nothing tells
        return False
    try:
        return not lock_now(descriptor, exclusive=False)
    except OSError as error:
        return error.errno in UNSUPPORTED and _cannot_acquire(find_substitute(path))
    finally:
        os.close(descriptor)


def lock_now(descriptor: int, exclusive: bool) -> bool:
    """Lock an open file or folder without waiting, until it is closed; tell whether that succeeded.

    Raises:
        OSError: this file system or operating system has no such locks.
    """
    if not _has_flock():
        raise OSError(errno.ENOTSUP, "no flock on this operating system")
    import fcntl

    try:
        fcntl.flock(descriptor, (fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _has_flock() -> bool:
    """Whether the operating system has flock; Windows has locks of another kind, which filelock uses."""
    try:
        import fcntl  # noqa: F401
    except ImportError:
        return False
    return True


def find_holder(path: Path) -> int | None:
    """Return the process that holds a file's lock; None where none does or the operating system does not tell."""
    try:
        status, lines = path.stat(), Path("/proc/locks").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    place = f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}:{status.st_ino}"
    words = (line.split() for line in lines)
    return next((int(each[4]) for each in words if each[1] == "FLOCK" and each[5] == place), None)


def _cannot_acquire(path: Path) -> bool:
    try:
        with hold_lock(path, timeout_s=0):
            return False
    except LockedError:
        return True
    except OSError:
        return False


def find_substitute(path: Path) -> Path:
    """Return the file that stands for a lock on a file system without locks, the same for every process of the user."""
    return find_lock_folder() / f"{hashlib.sha256(os.fsencode(path.resolve())).hexdigest()[:32]}.lock"


def find_lock_folder() -> Path:
    """Make and return the user's own folder for locks: nobody else can create or hold what is in it.

    Raises:
        RdropError: the folder in the shared temporary directory belongs to somebody else.
    """
    if runtime := os.environ.get("XDG_RUNTIME_DIR"):
        folder = Path(runtime) / "rdrop"
    else:
        user = os.getuid() if hasattr(os, "getuid") else os.environ.get("USERNAME", "user")
        folder = Path(tempfile.gettempdir()) / f"rdrop-{user}"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if hasattr(os, "getuid"):
        status = folder.lstat()
        if status.st_uid != os.getuid() or folder.is_symlink():
            raise RdropError(f"{folder}: belongs to another user; set XDG_RUNTIME_DIR to a folder of yours")
    return folder
