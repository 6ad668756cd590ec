"""File locks, which the operating system releases when their holder ends, even if it is killed."""

import errno
import hashlib
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rdrop_cli.errors import RdropError
from rdrop_cli.system import find_base_folder

# Network and FUSE file systems without a lock service. ENOLCK: NFS without a lock daemon; ENOSYS: Lustre without flock.
UNSUPPORTED = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP)
WITHOUT_WAITING = getattr(os, "O_NONBLOCK", 0)  # in case someone has put a pipe in the lock's place
LOCK_FLAGS = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | WITHOUT_WAITING  # does not follow a link
SECONDS_BETWEEN_TRIES = 0.02


class LockedError(RdropError):
    """Another process holds the lock."""


@contextmanager
def hold_lock(path: Path, timeout_s: float) -> Iterator[None]:
    """Hold the lock of a file, which is created if it is missing; its folder must exist.

    On a file system without locks, a file in the user's own folder is locked instead, which works only between
    processes of this machine.

    Args:
        timeout_s: how long to wait for another holder; negative to wait without limit.

    Raises:
        LockedError: another process still holds it after `timeout_s`.
        RdropError: neither the file system nor the user's own folder has locks.
        FileNotFoundError: the folder is missing, or the previous holder has removed it.
        OSError: the file cannot be written.
    """
    with _hold_flock(path, timeout_s) if _has_flock() else _hold_other(path, timeout_s):
        yield


@contextmanager
def _hold_flock(path: Path, timeout_s: float) -> Iterator[None]:
    try:
        descriptor = _open_locked(path, timeout_s)
    except OSError as error:
        if error.errno not in UNSUPPORTED:
            raise
        descriptor = _open_substitute(path, timeout_s)
    try:
        yield
    finally:
        os.close(descriptor)  # and with it the lock


@contextmanager
def _hold_other(path: Path, timeout_s: float) -> Iterator[None]:
    """Hold the lock that filelock provides on an operating system without flock."""
    from filelock import FileLock, Timeout

    if not path.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path.parent))
    lock = FileLock(path, timeout=timeout_s)
    try:
        lock.acquire()
    except Timeout as error:
        raise LockedError(f"{path}: another process holds this lock") from error
    try:
        yield
    finally:
        lock.release()


def _open_substitute(path: Path, timeout_s: float) -> int:
    substitute = find_substitute(path)
    try:
        return _open_locked(substitute, timeout_s)
    except OSError as error:
        if error.errno not in UNSUPPORTED:
            raise
        raise RdropError(
            f"{path.parent}: no file locks there, nor in {substitute.parent} ({error.strerror}); "
            "set XDG_RUNTIME_DIR to a folder of yours on a local disk"
        ) from error


def _open_locked(path: Path, timeout_s: float) -> int:
    """Open and lock a file; return its descriptor once the locked file is the one at `path`.

    The previous holder may have removed the file, and a lock on a removed file excludes nobody.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        descriptor = os.open(path, LOCK_FLAGS, 0o666)
        try:
            is_locked = lock_now(descriptor, exclusive=True)
            if is_locked and _is_at(path, descriptor):
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)
        if not is_locked and timeout_s >= 0 and deadline <= time.monotonic():
            raise LockedError(f"{path}: another process holds this lock")
        time.sleep(SECONDS_BETWEEN_TRIES)


def _is_at(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.lstat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def is_lock_held(path: Path) -> bool:
    """Return whether a process holds the lock of a file, which may belong to another user and be read-only."""
    if not _has_flock():
        return path.exists() and _cannot_acquire(path)
    try:
        descriptor = os.open(path, os.O_RDONLY | WITHOUT_WAITING)
    except OSError:  # the file is missing, or cannot be opened
        return False
    try:
        return not lock_now(descriptor, exclusive=False)
    except OSError as error:
        return error.errno in UNSUPPORTED and _cannot_acquire(find_substitute(path))
    finally:
        os.close(descriptor)


def lock_now(descriptor: int, exclusive: bool) -> bool:
    """Lock an open file or folder without waiting, until it is closed; return whether that succeeded.

    Raises:
        OSError: the file system or the operating system has no such locks.
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
    """Return whether the operating system has flock; Windows has other locks, which filelock uses."""
    try:
        import fcntl  # noqa: F401
    except ImportError:
        return False
    return True


def find_holder(path: Path) -> int | None:
    """Return the id of the process that holds a file's lock; None if none does or it cannot be determined."""
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
    """Return the file to lock instead, if a file system has no locks; the same for all of the user's processes."""
    return find_lock_folder() / f"{hashlib.sha256(os.fsencode(path.resolve())).hexdigest()[:32]}.lock"


def find_lock_folder() -> Path:
    """Create and return the user's own folder for locks, in which nobody else can create or hold a lock.

    Raises:
        RdropError: the folder belongs to another user.
    """
    if runtime := find_base_folder("XDG_RUNTIME_DIR"):
        folder = runtime / "rdrop"
    else:
        user = os.getuid() if hasattr(os, "getuid") else os.environ.get("USERNAME", "user")
        folder = Path(tempfile.gettempdir()) / f"rdrop-{user}"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if hasattr(os, "getuid"):
        status = folder.lstat()
        if status.st_uid != os.getuid() or folder.is_symlink():
            raise RdropError(f"{folder}: belongs to another user; set XDG_RUNTIME_DIR to a folder of yours")
    return folder
