"""The user's cache folder: what rdrop can make again, kept where nobody else can put anything."""

import os
import stat
from pathlib import Path

from rdrop_cli.errors import RdropError
from rdrop_cli.system import expand_home, find_base_folder


def find_cache_folder() -> Path:
    """Return RDROP_CACHE_DIR, else the folder `rdrop` in XDG_CACHE_HOME or ~/.cache.

    Raises:
        RdropError: none is set and the user has no home.
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
    """Let Keras and Matplotlib keep their own files in the cache folder, where the user has none of theirs."""
    try:
        cache, home = find_cache_folder(), Path.home()
    except (RdropError, RuntimeError):
        return
    theirs = {
        "KERAS_HOME": (home / ".keras", "keras"),
        "MPLCONFIGDIR": (_find_user_cache() / "matplotlib", "matplotlib"),
    }
    for variable, (folder, name) in theirs.items():
        if not os.path.exists(folder):  # noqa: PTH110 -- False, too, where this user may not look
            os.environ.setdefault(variable, str(cache / name))


def make_cache_folder() -> Path:
    """Return the cache folder, made where it is missing, in which no other user can put what this process reads.

    Raises:
        RdropError: there is none, or others can write there.
        OSError: it cannot be made.
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
    """Whether only this user, or root, could have written a file.

    Raises:
        FileNotFoundError: it is not there.
    """
    if os.name != "posix":
        return True
    status = path.stat()
    return status.st_uid in (os.getuid(), 0) and not status.st_mode & 0o022
