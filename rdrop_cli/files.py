"""The only way that anything reaches the disk: whole or not at all."""

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
STEM_CHARACTERS = 40  # of 4 bytes at most: a name has at most 255 bytes, the temporary one too
TEMPORARIES = f".*.{'[0-9a-f]' * 2 * TOKEN_BYTES}.tmp*"


@contextmanager
def replace_atomically(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on a clean exit it is synced and takes `path`'s place.

    A reader sees the old file or the new one, never a part. The temporary name keeps the ending of `path`,
    because writers such as Keras and matplotlib choose the format by it. What killed writers left in the folder
    is removed first.

    Raises:
        OSError: the file cannot be written; `path` is as it was and the temporary file is gone.
    """
    temporary = path.with_name(f".{path.stem[:STEM_CHARACTERS]}.{secrets.token_hex(TOKEN_BYTES)}.tmp{path.suffix}")
    with _work_in(path.parent):
        try:
            yield temporary
            sync(temporary)
            temporary.replace(path)
            sync(path.parent)
        except OSError as error:
            if str(error.filename or temporary) == str(temporary):  # a full disk does not say whose it is
                error.filename = str(path)
            raise
        finally:
            temporary.unlink(missing_ok=True)


@contextmanager
def _work_in(folder: Path) -> Iterator[None]:
    """Hold a folder's lock together with all who write in it; who has it alone first removes what the dead left.

    The kernel lets go of a lock when its holder ends, so that a temporary file in a folder without one is nobody's.
    A folder that cannot be locked is written all the same, and keeps what is left in it.
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
    """Wait while others remove temporary files, but not for a stranger, such as `flock runs rdrop train`."""
    for _ in range(TRIES):
        if lock_now(descriptor, exclusive=False):
            return
        time.sleep(SECONDS_BETWEEN_TRIES)


def remove_temporaries(folder: Path) -> None:
    """Remove the temporary files that killed processes left in a folder; none may be at work in it."""
    for path in folder.glob(TEMPORARIES):
        path.unlink(missing_ok=True)


def is_plain_path(name: str) -> bool:
    """Whether a name is a path within a folder of which no part is hidden or could be read as another."""
    parts = PurePosixPath(name).parts
    plain = all(part.isprintable() and not part.startswith((".", "/")) and "\\" not in part for part in parts)
    return bool(parts) and name == "/".join(parts) and plain


def make_folder(path: Path) -> None:
    """Make a folder and those above it, and bring their names to the disk before anything is written in it."""
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    path.mkdir(parents=True, exist_ok=True)
    for folder in reversed(missing):
        sync(folder.parent)


def sync(path: Path) -> None:
    """Ask the operating system to write a file, or the names in a folder, to the disk.

    Raises:
        OSError: it cannot. A folder on a file system that syncs only files is skipped.
    """
    is_folder = path.is_dir()
    if is_folder and os.name == "nt":  # which cannot open one
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
    """Write UTF-8 text atomically, with the line ends as given; half a pair, as in some paths, as an escape."""
    with replace_atomically(path) as temporary:
        temporary.write_text(text, encoding="utf-8", errors="backslashreplace", newline="")


def write_json(path: Path, value: Any) -> None:
    """Write JSON atomically; a number that is not finite becomes null, which JSON has and NaN it has not."""
    write_text(path, to_json(value) + "\n")


def read_small_text(path: Path) -> str:
    """Return the UTF-8 text of a file that may be a stranger's: a pipe in its place would keep a reader for ever.

    Raises:
        OSError: it cannot be read.
        ValueError: it is no regular file, too large, or no text.
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
    return text.encode(errors="backslashreplace").decode()  # a path need not be Unicode: half a pair, as JSON writes it


def without_nan(value: Any) -> Any:
    """Replace every float that is not finite by None, in nested dicts and lists too."""
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
    """Return the MD5 of a file's bytes: the published checksum of the Jena file is one; it guards no secret."""
    return _digest_file(path, "md5")


def _digest_file(path: Path, algorithm: str) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.new(algorithm, usedforsecurity=False)).hexdigest()
