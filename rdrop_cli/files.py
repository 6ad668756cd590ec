"""Atomic writes: a file reaches the disk completely or not at all."""

import errno
import hashlib
import json
import math
import os
import secrets
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import Any

from rdrop_cli.locks import lock_now

# VirtualBox, CIFS, WSL and several FUSE file systems.
CANNOT_SYNC_FOLDERS = (errno.EINVAL, errno.EBADF, errno.ENOSYS, errno.ENOTSUP)
TRIES, SECONDS_BETWEEN_TRIES = 50, 0.01
MOST_TEXT_BYTES = 64 << 20  # a million epochs
TOKEN_BYTES = 4
STEM_CHARACTERS = 40  # of up to 4 bytes each: names, the temporary one too, have at most 255 bytes
TEMPORARIES = f".*.{'[0-9a-f]' * 2 * TOKEN_BYTES}.tmp*"


@contextmanager
def replace_atomically(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on a clean exit it is synced and replaces `path`.

    A reader sees the old file or the new one, never a part. The temporary name keeps the ending of `path`, because
    writers such as Keras and Matplotlib choose the format by it. Temporary files of killed writers in the folder are
    removed first.

    Raises:
        OSError: the file cannot be written, or `path` is a pipe or a device, such as /dev/null; `path` is unchanged and
            the temporary file is removed.
    """
    _refuse_special(path)
    temporary = path.with_name(f".{path.stem[:STEM_CHARACTERS]}.{secrets.token_hex(TOKEN_BYTES)}.tmp{path.suffix}")
    with _work_in(path.parent):
        try:
            yield temporary
            sync(temporary)
            temporary.replace(path)
            sync(path.parent)
        except OSError as error:
            if str(error.filename or temporary) == str(temporary):  # the error of a full disk has no filename
                error.filename = str(path)
            raise
        finally:
            temporary.unlink(missing_ok=True)


def find_place(path: Path) -> Path:
    """Return the file that a user's path names, a link's target, before there is something to write to it.

    Raises:
        OSError: no file can be written there: its folder is missing or closed, or it is a folder, a pipe or a device.
    """
    _refuse_special(path)
    place = Path(os.path.realpath(path)) if path.is_symlink() else path
    if place.is_dir():
        raise IsADirectoryError(errno.EISDIR, "is a folder; name a file in it", str(path))
    if not place.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, "no such folder", str(place.parent))
    if not os.access(place.parent, os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, "no file can be written in this folder", str(place.parent))
    return place


def _refuse_special(path: Path) -> None:
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise OSError(errno.EINVAL, "is no regular file, and would be replaced by one", str(path))


@contextmanager
def _work_in(folder: Path) -> Iterator[None]:
    """Hold a folder's lock, shared with all its writers; a writer that is alone first removes leftover temporary files.

    The kernel releases a lock when its holder ends, so temporary files in an unlocked folder belong to no process. A
    folder that cannot be locked is written too, but its leftover files are not removed.
    """
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:  # the writer will say what is wrong with the folder
        yield
        return
    try:
        with suppress(OSError):
            if lock_now(descriptor, exclusive=True):
                remove_temporaries(folder)
        with suppress(OSError):
            _share(descriptor)
        yield
    finally:
        os.close(descriptor)


def _share(descriptor: int) -> None:
    """Share the lock; wait a moment while others remove temporary files, but not for `flock runs rdrop train`."""
    for _ in range(TRIES):
        if lock_now(descriptor, exclusive=False):
            return
        time.sleep(SECONDS_BETWEEN_TRIES)


def remove_temporaries(folder: Path) -> None:
    """Remove the temporary files that killed processes left in a folder; no process may be writing there."""
    for path in folder.glob(TEMPORARIES):
        path.unlink(missing_ok=True)


def is_plain_path(name: str) -> bool:
    """Return whether a name is a relative path inside a folder, with no hidden, ambiguous or unprintable part."""
    parts = PurePosixPath(name).parts
    plain = all(part.isprintable() and not part.startswith((".", "/")) and "\\" not in part for part in parts)
    return bool(parts) and name == "/".join(parts) and plain


def make_folder(path: Path) -> None:
    """Create a folder and its parents, and sync their names to the disk before anything is written there."""
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    path.mkdir(parents=True, exist_ok=True)
    for folder in reversed(missing):
        sync(folder.parent)


def sync(path: Path) -> None:
    """Sync a file, or the names in a folder, to the disk; folders are skipped if the file system syncs only files.

    Raises:
        OSError: it cannot be synced.
    """
    is_folder = path.is_dir()
    if is_folder and os.name == "nt":  # Windows cannot open a folder
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if not (is_folder and error.errno in CANNOT_SYNC_FOLDERS):
            raise
    finally:
        os.close(descriptor)


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text atomically, with unchanged line ends; lone surrogates, as in some paths, become escapes."""
    with replace_atomically(path) as temporary:
        temporary.write_text(text, encoding="utf-8", errors="backslashreplace", newline="")


def write_json(path: Path, value: Any) -> None:
    """Write JSON atomically; a number that is not finite becomes null, since JSON has no NaN."""
    write_text(path, to_json(value) + "\n")


def read_small_text(path: Path) -> str:
    """Return the UTF-8 text of a regular file; it may be a stranger's, and reading a pipe would block for ever.

    Raises:
        OSError: it cannot be read.
        ValueError: it is not a regular file, not UTF-8, or too large.
    """
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise ValueError("not a regular file")
    if status.st_size > MOST_TEXT_BYTES:
        raise ValueError(f"{status.st_size} bytes; at most {MOST_TEXT_BYTES} are read")
    return path.read_text(encoding="utf-8")


def to_json(value: Any) -> str:
    """Render a value as indented, strictly valid JSON."""
    text = json.dumps(without_nan(value), indent=2, ensure_ascii=False, allow_nan=False)
    return text.encode(errors="backslashreplace").decode()  # a path need not be Unicode: lone surrogates are escaped


def without_nan(value: Any) -> Any:
    """Replace every float that is not finite by None, also in nested dicts and lists."""
    if isinstance(value, dict):
        return {key: without_nan(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [without_nan(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def sha256_of_file(path: Path) -> str:
    """Return the SHA-256 of a file's bytes in hexadecimal."""
    return _digest_file(path, "sha256")


def md5_of_file(path: Path) -> str:
    """Return the MD5 of a file's bytes, the kind of the Jena file's published checksum; it is not used for security."""
    return _digest_file(path, "md5")


def _digest_file(path: Path, algorithm: str) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.new(algorithm, usedforsecurity=False)).hexdigest()
