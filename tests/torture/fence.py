"""A fence around a folder: for this process nothing outside it can be removed or renamed."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

REMOVING = {"os.remove", "os.rmdir", "os.rename", "shutil.rmtree", "shutil.move"}
_fences: list[Path] = []
_hooked: list[Any] = []


class TrespassError(BaseException):
    """Something outside the fence was about to be changed; nothing that catches errors shall catch this one."""


@contextmanager
def fenced(folder: Path) -> Iterator[None]:
    """Stop whoever is about to change a name outside `folder`, before it is done."""
    if _hear not in _hooked:
        sys.addaudithook(_hear)
        _hooked.append(_hear)
    _fences.append(folder.resolve())
    try:
        yield
    finally:
        _fences.pop()


def _hear(event: str, arguments: tuple[Any, ...]) -> None:
    if not _fences or event not in REMOVING:
        return
    for path in arguments[: 2 if event in ("os.rename", "shutil.move") else 1]:
        if isinstance(path, str | bytes | os.PathLike) and not _is_inside(Path(os.fsdecode(path)), arguments):
            raise TrespassError(f"{event} {path!r}")


def _is_inside(path: Path, arguments: tuple[Any, ...]) -> bool:
    """Whether a name is in the folder; one relative to a folder that is open was checked when its tree was entered."""
    if any(isinstance(descriptor, int) and descriptor >= 0 for descriptor in arguments[1:]) and not path.is_absolute():
        return len(path.parts) == 1 and path.name != ".."
    return (path.parent.resolve() / path.name).is_relative_to(_fences[-1]) and path.name not in ("", "..")
