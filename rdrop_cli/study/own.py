"""The user's own networks: made by a function that is named `module:function` or registered by a package."""

import hashlib
import importlib.machinery
import re
import sys
from functools import cache
from pathlib import Path

from rdrop_cli.errors import DataError, UsageError

OBJECT = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*:[A-Za-z_]\w*")
GROUP = "rdrop.methods"  # of the entry points that packages register


def names_object(name: str) -> bool:
    """Return whether a name refers to an object in a module: `my_module:make_network`."""
    return bool(OBJECT.fullmatch(name))


@cache
def list_registered() -> dict[str, str]:
    """Return the functions that installed packages register, as `module:function` by name."""
    from importlib.metadata import entry_points

    return {entry.name: entry.value for entry in entry_points(group=GROUP)}


def find_maker(name: str) -> str | None:
    """Return the function that makes a network of this name, as `module:function`, or None if there is none."""
    return name if names_object(name) else list_registered().get(name)


def hash_code(maker: str) -> str:
    """Return the SHA-256 of the file of a maker's module, without importing it.

    Raises:
        UsageError: the module does not exist.
    """
    module = maker.partition(":")[0]
    path = _find_file(module)
    if path is None:
        raise UsageError(f"{maker}: no module {module} in {Path.cwd()}, nor among the installed packages")
    return hashlib.sha256(path.read_bytes()).hexdigest()


def format_code(sha256: str) -> str:
    """Render the checksum of a network's code, as labels show it: `code 1a2b3c4d`."""
    return f"code {sha256[:8] or 'unknown'}"


def check_code(maker: str, sha256: str) -> None:
    """Check that a maker's module is the one that a run was started with.

    Raises:
        DataError: the module has changed.
        UsageError: the module does not exist.
    """
    found = hash_code(maker)
    if found != sha256:
        raise DataError(
            f"{maker}: not the code that the run was started with (SHA-256 {found[:12]}…, "
            f"started with {sha256[:12]}…); bring that code back, or train a new run"
        )


def read_local_module(maker: str) -> dict[str, bytes]:
    """Return the files of a maker's module and of its parent packages, by their paths from the current folder.

    Return no files if the module is not in the current folder: then it is installed.
    """
    parts = maker.partition(":")[0].split(".")
    packages = [Path(*parts[:depth], "__init__.py") for depth in range(1, len(parts) + 1)]
    files = {Path.cwd() / path: path.as_posix() for path in (*packages, Path(*parts).with_suffix(".py"))}
    if _find_file(".".join(parts)) not in files:
        return {}
    return {name: path.read_bytes() for path, name in files.items() if path.is_file()}


def _find_file(module: str) -> Path | None:
    """Return a module's file, searching the current folder first, without importing its parent packages."""
    places = [str(Path.cwd()), *sys.path]
    for part in module.split("."):
        spec = importlib.machinery.PathFinder.find_spec(part, places)
        if spec is None:
            return None
        places = list(spec.submodule_search_locations or [])
    return Path(spec.origin) if spec and spec.origin else None
