"""Networks of the user's own: made by a function, which is named `module:function` or registered by a package."""

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
    """Whether a name is that of an object in a module: `my_module:make_network`."""
    return bool(OBJECT.fullmatch(name))


@cache
def list_registered() -> dict[str, str]:
    """Return by name the functions, as `module:function`, that installed packages register."""
    from importlib.metadata import entry_points

    return {entry.name: entry.value for entry in entry_points(group=GROUP)}


def find_maker(name: str) -> str | None:
    """Return, as `module:function`, what makes a network of this name; None where nothing does."""
    return name if names_object(name) else list_registered().get(name)


def hash_code(maker: str) -> str:
    """Return the SHA-256 of the file of the module that a maker is in, without importing it.

    Raises:
        UsageError: there is no such module.
    """
    module = maker.partition(":")[0]
    path = _find_file(module)
    if path is None:
        raise UsageError(f"{maker}: no module {module} in {Path.cwd()}, nor among the installed packages")
    return hashlib.sha256(path.read_bytes()).hexdigest()


def check_code(maker: str, sha256: str) -> None:
    """Check that a maker's module is what a run was started with.

    Raises:
        DataError: it is another.
        UsageError: there is no such module.
    """
    found = hash_code(maker)
    if found != sha256:
        raise DataError(
            f"{maker}: not the code that the run was started with (SHA-256 {found[:12]}…, "
            f"started with {sha256[:12]}…); start a new run"
        )


def read_local_module(maker: str) -> dict[str, bytes]:
    """Return the file of a maker's module and those of the packages it is in, by their paths from the current folder.

    Nothing where the module is not of the current folder: it is installed.
    """
    parts = maker.partition(":")[0].split(".")
    packages = [Path(*parts[:depth], "__init__.py") for depth in range(1, len(parts) + 1)]
    files = {Path.cwd() / path: path.as_posix() for path in (*packages, Path(*parts).with_suffix(".py"))}
    if _find_file(".".join(parts)) not in files:
        return {}
    return {name: path.read_bytes() for path, name in files.items() if path.is_file()}


def _find_file(module: str) -> Path | None:
    """Return a module's file, first in the current folder, without importing the packages that it is in."""
    places = [str(Path.cwd()), *sys.path]
    for part in module.split("."):
        spec = importlib.machinery.PathFinder.find_spec(part, places)
        if spec is None:
            return None
        places = list(spec.submodule_search_locations or [])
    return Path(spec.origin) if spec and spec.origin else None
