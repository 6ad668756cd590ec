"""What came so far of a download, and how HTTP lets it go on from there."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path

from rdrop_cli.files import sync, write_json

CLOCK_DOUBT = timedelta(seconds=60)  # a Last-Modified so long before Date can be trusted (RFC 9110, 8.8.2.2)


@dataclass(frozen=True)
class Part:
    """The first bytes of a file, and beside them a note of the file they belong to."""

    path: Path

    @property
    def size(self) -> int:
        """The bytes that are on disk."""
        return self.path.stat().st_size if self.path.exists() else 0

    def find_validator(self, url: str) -> str | None:
        """Return what `If-Range` needs to go on from here, or None where only a new beginning is safe."""
        try:
            note = json.loads(self._note_path.read_text(encoding="utf-8"))
            validator = note["validator"] if note["url"] == url else None
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return validator if isinstance(validator, str) else None

    def begin(self, url: str, validator: str | None) -> None:
        """Start from nothing; the old bytes go before the new note comes, so that they never stand together."""
        self.discard()
        write_json(self._note_path, {"url": url, "validator": validator})

    def discard(self) -> None:
        """Remove the bytes and the note."""
        self.path.unlink(missing_ok=True)
        self._note_path.unlink(missing_ok=True)

    def move_to(self, target: Path) -> None:
        """Put the bytes, which must be whole and synced, in the place of `target`."""
        self.path.replace(target)
        sync(target.parent)
        self.discard()

    @property
    def _note_path(self) -> Path:
        return self.path.with_name(f"{self.path.name}.json")


def strong_validator(headers: Mapping[str, str]) -> str | None:
    """Return the ETag or date by which a later request can be sure of the very same bytes (RFC 9110, 8.8)."""
    if "ETag" in headers:
        return headers["ETag"] if headers["ETag"].startswith('"') else None
    try:
        age = parsedate_to_datetime(headers["Date"]) - parsedate_to_datetime(headers["Last-Modified"])
    except (KeyError, ValueError, TypeError):
        return None
    return headers["Last-Modified"] if age >= CLOCK_DOUBT else None


def total_if_rest(headers: Mapping[str, str], offset: int, validator: str) -> int | None:
    """Return the length of the whole file if an answer 206 holds the rest of the same file from byte `offset` on."""
    content_range = re.fullmatch(rf"bytes {offset}-\d+/(\d+)", headers.get("Content-Range", ""))
    same = strong_validator(headers) in (None, validator)
    return int(content_range[1]) if content_range and same else None
