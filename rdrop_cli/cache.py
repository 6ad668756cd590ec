"""The user's cache folder: files that rdrop can make again, in a place where no other user can write."""

import os
import stat
from pathlib import Path

from rdrop_cli.errors import RdropError
from rdrop_cli.system import expand_home, find_base_folder


def find_cache_folder() -> Path:
    """Return RDROP_CACHE_DIR, or else the folder `rdrop` in XDG_CACHE_HOME or ~/.cache.

    Raises:
        RdropError: neither variable is set and the user has no home folder.
    """
    if chosen := os.environ.get("RDROP_CACHE_DIR"):
        return expand_home(Path(chosen))
    try:
        return _find_user_cache() / "rdrop"
    except RuntimeError as error:
        raise RdropError("no home folder for a cache; set RDROP_CACHE_DIR") from error


def _find_user_cache() -> Path:
    return find_base_folder("XDG_CACHE_HOME") or Path.home() / ".cache"


def house_libraries() -> None:
    """Let Keras and Matplotlib keep their files in the cache folder, unless the user already has folders of theirs."""
    try:
        cache, home = find_cache_folder(), Path.home()
    except (RdropError, RuntimeError):
        return
    theirs = {
        "KERAS_HOME": (home / ".keras", "keras"),
        "MPLCONFIGDIR": (_find_user_cache() / "matplotlib", "matplotlib"),
    }
    for variable, (folder, name) in theirs.items():
        if not os.path.exists(folder):  # noqa: PTH110 -- also False if this user may not look there
            os.environ.setdefault(variable, str(cache / name))


def make_cache_folder() -> Path:
    """Return the cache folder, which is created if it is missing; no other user can write there.

    Raises:
        RdropError: there is no place for it, or other users can write there.
        OSError: it cannot be created.
    """
    folder = find_cache_folder()
    folder.mkdir(parents=True, exist_ok=True)
    if os.name == "posix":
        _keep_others_out(folder)
    return folder


def _keep_others_out(folder: Path) -> None:
    status = folder.stat()
    open_to_others = status.st_mode & 0o022 and not status.st_mode & stat.S_ISVTX
    if status.st_uid == os.getuid():
        if open_to_others:
            folder.chmod(status.st_mode & ~0o022)
    elif status.st_uid != 0 or open_to_others:
        raise RdropError(
            f"{folder}: other users can write there, so nothing is loaded from it; "
            "set RDROP_CACHE_DIR to a folder of your own"
        )


def is_own(path: Path) -> bool:
    """Return whether only this user or root could have written a file.

    Raises:
        FileNotFoundError: the file is missing.
    """
    if os.name != "posix":
        return True
    status = path.stat()
    return status.st_uid in (os.getuid(), 0) and not status.st_mode & 0o022
