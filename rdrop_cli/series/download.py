"""Fetch a file over HTTP: downloads are resumed and retried, and the file is put in place only when it is complete."""

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from email.utils import parsedate_to_datetime
from http.client import responses as phrases
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from rdrop_cli.errors import DataError, RdropError, UsageError
from rdrop_cli.files import sync, write_json
from rdrop_cli.locks import hold_lock

if TYPE_CHECKING:
    import requests

CLOCK_DOUBT = timedelta(seconds=60)  # a Last-Modified this long before Date can be trusted (RFC 9110, 8.8.2.2)


@dataclass(frozen=True)
class Part:
    """The first bytes of a file, with a note next to them that identifies the file."""

    path: Path

    @property
    def size(self) -> int:
        """The number of bytes on disk."""
        return self.path.stat().st_size if self.path.exists() else 0

    def find_validator(self, url: str) -> str | None:
        """Return the validator for `If-Range` to resume the download, or None if only starting over is safe."""
        try:
            note = json.loads(self._note_path.read_text(encoding="utf-8"))
            validator = note["validator"] if note["url"] == url else None
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return validator if isinstance(validator, str) else None

    def begin(self, url: str, validator: str | None) -> None:
        """Start over; old bytes are removed before the new note is written, so the two never coexist."""
        self.discard()
        write_json(self._note_path, {"url": url, "validator": validator})

    def discard(self) -> None:
        """Remove the bytes and the note."""
        self.path.unlink(missing_ok=True)
        self._note_path.unlink(missing_ok=True)

    def move_to(self, target: Path) -> None:
        """Move the bytes, which must be complete and synced, to `target`."""
        self.path.replace(target)
        sync(target.parent)
        self.discard()

    @property
    def _note_path(self) -> Path:
        return self.path.with_name(f"{self.path.name}.json")


def strong_validator(headers: Mapping[str, str]) -> str | None:
    """Return the ETag or date that guarantees identical bytes in a later request (RFC 9110, 8.8), or None."""
    if "ETag" in headers:
        return headers["ETag"] if headers["ETag"].startswith('"') else None
    try:
        age = parsedate_to_datetime(headers["Date"]) - parsedate_to_datetime(headers["Last-Modified"])
    except (KeyError, ValueError, TypeError):
        return None
    return headers["Last-Modified"] if age >= CLOCK_DOUBT else None


def total_if_rest(headers: Mapping[str, str], offset: int, validator: str) -> int | None:
    """Return the length of the complete file if a 206 response continues the same file at byte `offset`, or None."""
    content_range = re.fullmatch(rf"bytes {offset}-\d+/(\d+)", headers.get("Content-Range", ""))
    same = strong_validator(headers) in (None, validator)
    return int(content_range[1]) if content_range and same else None


CHUNK_BYTES = 1 << 16
RETRIED_STATUSES = (408, 429, *range(500, 600))
SHOWN_CHARACTERS = 160  # of an error message, which may come from a server

Progress = Callable[[int, int | None], None]


def fetch(
    urls: Sequence[str],
    target: Path,
    *,
    max_bytes: int,
    check: Callable[[Path], None] | None = None,
    on_progress: Progress | None = None,
    advice: str = "name another source",
    tries: int = 3,
    timeout_seconds: float = 30,
    wait_seconds: float = 1,
) -> str:
    """Download the first address that works to `target`, replacing an existing file, and return that address.

    Bytes are collected in `<target>.part` and survive any interruption. The next call requests the rest from the same
    address (`Range` with `If-Range`, RFC 9110, 13.1.5 and 14.2), or starts over if the file on the server has changed
    or the server does not support ranges. Calls for one target run one at a time, also across processes. Each call
    downloads the file; to reuse a file from another call, check for it under a lock of your own.

    Args:
        urls: http or https addresses of the same file, in order of preference; redirects are followed.
        target: the path of the file, in an existing folder.
        max_bytes: the file size above which an address is given up.
        check: raises DataError if the file is not the expected one; the next address is then tried.
        on_progress: called with the bytes received so far and the total, or None if the server does not send it.
        advice: what the error message suggests if no address works.
        tries: consecutive failures without progress after which an address is given up; an address that reports that
            the file does not exist is given up at once.
        timeout_seconds: the limit to connect, and to wait for the next byte; the total time is not limited.
        wait_seconds: the wait before the second try, doubled before each further one.

    Raises:
        UsageError: an address is neither http nor https.
        DataError: no address works; each is named with its reason.
        RdropError: the file cannot be written; `target` is unchanged.
    """
    for url in urls:
        _require_http(url)
    download = _Download(target, max_bytes, timeout_seconds, check, on_progress or (lambda done, total: None))
    reasons, lock = [], target.with_name(f".{target.name}.lock")
    try:
        with hold_lock(lock, timeout_s=-1):
            for url in urls:
                try:
                    download.bring(url, tries, wait_seconds)
                except _FailedError as failure:
                    reasons.append(f"{url}: {failure}")
                else:
                    return url
    except OSError as error:
        where = error.filename or download.part.path
        if Path(where) == lock:  # the user does not know the lock: name its folder
            where = lock.parent
        raise RdropError(
            f"{where}: cannot be written: {error.strerror or error}; make room or choose another folder, then try again"
        ) from error
    raise DataError(f"{target.name} could not be downloaded ({'; '.join(reasons)}): try again later, or {advice}")


def _require_http(url: str) -> None:
    try:
        parts = urlsplit(url)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UsageError(f"expected an address such as https://host/file.zip, received {url!r}")


class _FailedError(Exception):
    """A failed try; `final` if the same address would fail again in the same way."""

    def __init__(self, reason: str, *, final: bool = False) -> None:
        super().__init__(reason)
        self.final = final


@dataclass(frozen=True)
class _Download:
    """The download of one file to `target`, from any of its addresses."""

    target: Path
    max_bytes: int
    timeout_seconds: float
    check: Callable[[Path], None] | None
    on_progress: Progress

    @property
    def part(self) -> Part:
        return Part(self.target.with_name(f"{self.target.name}.part"))

    def bring(self, url: str, tries: int, wait_seconds: float) -> None:
        """Try an address until the file is in place, or until `tries` consecutive tries have made no progress."""
        failures, furthest = 0, self.part.size
        while True:
            try:
                self._try(url)
                return
            except _FailedError as failure:
                failures = 1 if self.part.size > furthest else failures + 1
                furthest = max(furthest, self.part.size)
                if failure.final or failures >= tries:
                    raise
            time.sleep(wait_seconds * 2 ** (failures - 1))

    def _try(self, url: str) -> None:
        import requests

        try:
            resumed = self._receive(url)
        except (requests.ConnectionError, requests.Timeout) as error:
            raise _FailedError(self._explain(error)) from error
        except (requests.RequestException, ValueError) as error:  # requests raises ValueError for some addresses
            raise _FailedError(self._explain(error), final=True) from error
        sync(self.part.path)
        self._check(resumed)
        self.part.move_to(self.target)

    def _receive(self, url: str) -> bool:
        """Append the missing bytes to the part; return whether an earlier try was resumed."""
        import requests

        validator, offset = self.part.find_validator(url), self.part.size
        headers = {"Accept-Encoding": "identity"}  # lengths and ranges then count bytes of the file
        if validator:
            headers |= {"Range": f"bytes={offset}-", "If-Range": validator}
        hooks = {"response": _leave_redirect_body}
        with requests.get(url, headers=headers, stream=True, timeout=self.timeout_seconds, hooks=hooks) as response:
            status = response.status_code
            if status == 200:
                self.part.begin(url, strong_validator(response.headers))
                self._append(response, 0, response.raw.length_remaining)
                return False
            if validator and status == 206 and (total := total_if_rest(response.headers, offset, validator)):
                self._append(response, offset, total)
                return True
        if validator and status in (206, 416):  # not the requested range
            self.part.discard()
            return self._receive(url)
        raise _FailedError(f"{status} {phrases.get(status, '')}".strip(), final=status not in RETRIED_STATUSES)

    def _append(self, response: "requests.Response", received: int, total: int | None) -> None:
        """Append the body to the `received` bytes of the part; `total` is the expected size, if known."""
        _refuse_encoded(response)
        if total is not None and total > self.max_bytes:
            raise self._too_large(f"{total} bytes are")
        with self.part.path.open("ab") as file:
            self.on_progress(received, total)
            for chunk in self._read(response):
                received += len(chunk)
                if received > self.max_bytes:
                    raise self._too_large("what comes is")
                file.write(chunk)
                self.on_progress(received, total)
        if total is not None and received != total:
            if received > total:
                self.part.discard()
            raise _FailedError(f"{received} bytes came, {total} were announced")

    def _read(self, response: "requests.Response") -> Iterator[bytes]:
        """Yield the body as it arrives; `iter_content` would lose up to one chunk if the connection breaks."""
        from urllib3.exceptions import HTTPError

        try:
            while chunk := response.raw.read1(CHUNK_BYTES, decode_content=False):
                yield chunk
        except HTTPError as error:
            raise _FailedError(self._explain(error)) from error

    def _too_large(self, what: str) -> _FailedError:
        self.part.discard()
        return _FailedError(f"{what} more than the limit of {self.max_bytes} bytes", final=True)

    def _check(self, resumed: bool) -> None:
        """Discard a file that is not the expected one; if it was resumed, the download may start over."""
        if not self.part.size:
            self.part.discard()
            raise _FailedError("the answer is empty", final=True)
        try:
            if self.check:
                self.check(self.part.path)
        except DataError as error:
            self.part.discard()
            raise _FailedError(str(error), final=not resumed) from error

    def _explain(self, error: BaseException) -> str:
        """Describe briefly the root cause of an error of requests, without control characters for the terminal."""
        while cause := error.__cause__ or error.__context__:
            error = cause
        if isinstance(error, TimeoutError):
            return f"nothing came for {self.timeout_seconds:g} s"
        text = "".join(character if character.isprintable() else "?" for character in str(error))
        return text[:SHOWN_CHARACTERS] or type(error).__name__


def _leave_redirect_body(response: "requests.Response", **_: object) -> None:
    """Keep requests from reading the body of a redirect, which is not needed and has no size limit, into memory."""
    if response.is_redirect:
        response.close()


def _refuse_encoded(response: "requests.Response") -> None:
    encoding = response.headers.get("Content-Encoding", "identity")
    if encoding != "identity":
        raise _FailedError(f"the body is encoded as {encoding[:20]!r}, which was not asked for", final=True)
