"""What a disk may have lost when the power fails: bytes that were not synced, and names in folders that were not."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path


class Journal:
    """Notes every change until it is brought to the disk, to take back what was not."""

    def __init__(self) -> None:
        self._written: set[Path] = set()
        self._changes: list[tuple[Path, Callable[[], None]]] = []  # a folder, and how to undo a change of its names

    def note_writing(self, path: Path) -> None:
        self._written.add(path)

    def note_sync(self, path: Path) -> None:
        self._written.discard(path)
        self._changes = [(folder, undo) for folder, undo in self._changes if folder != path]

    def note_rename(self, source: Path, target: Path) -> None:
        """Keep what `target` is before it is replaced."""
        before = target.read_bytes() if target.exists() else None

        def undo() -> None:
            target.rename(source)
            if before is not None:
                target.write_bytes(before)

        self._changes.append((target.parent, undo))

    def note_removal(self, path: Path) -> None:
        content = path.read_bytes()
        self._changes.append((path.parent, lambda: path.write_bytes(content) and None))

    def note_folder(self, path: Path) -> None:
        self._changes.append((path.parent, lambda: shutil.rmtree(path)))

    def lose(self) -> None:
        """Leave the disk as the power's end may leave it: half of what was not synced, and none of the new names."""
        written, changes = list(self._written), list(reversed(self._changes))
        for path in written:
            if path.exists():
                os.truncate(path, path.stat().st_size // 2)
        for _, undo in changes:
            undo()
