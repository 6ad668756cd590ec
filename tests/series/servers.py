"""A real HTTP server on 127.0.0.1 that behaves, or misbehaves, as told for each request."""

import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from unittest.mock import patch

SLICE_BYTES = 4096


@dataclass(frozen=True)
class Reply:
    """What goes over the wire; no header is added to the named ones but Content-Length."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    length: int | str | None = None  # the Content-Length to claim; that of `body` when None, none at all when ""
    cut_after: int | None = None  # bytes of the body after which the connection is closed
    stall_after: int | None = None  # bytes of the body after which nothing more comes; -1: not even a header
    pause_seconds: float = 0  # after every slice
    endless: bool = False  # the body again and again
    raw: bytes | None = None  # all that is sent, in place of an answer


Answer = Callable[[Message], Reply]


class Server(ThreadingHTTPServer):
    """Answers the first request by the first answer, and so on; the last answer serves all later requests."""

    daemon_threads = False  # so that closing waits for them

    def __init__(self, answers: tuple[Answer, ...]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers = answers
        self.requests: list[Message] = []
        self.sent_bytes = 0
        self.busy = 0
        self.most_at_once = 0
        self.closing = threading.Event()
        self.state = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/file.zip"

    def take(self, request: Message) -> Reply:
        with self.state:
            self.requests.append(request)
            self.busy += 1
            self.most_at_once = max(self.most_at_once, self.busy)
            return self.answers[min(len(self.requests), len(self.answers)) - 1](request)

    def leave(self) -> None:
        with self.state:
            self.busy -= 1


class Handler(BaseHTTPRequestHandler):
    """Writes a reply byte by byte as it says, correct or not."""

    server: Server

    def do_GET(self) -> None:
        self.close_connection = True
        reply = self.server.take(self.headers)
        try:
            with suppress(BrokenPipeError, ConnectionResetError):
                self._write(reply)
        finally:
            self.server.leave()

    def _write(self, reply: Reply) -> None:
        if reply.stall_after == -1:
            self.server.closing.wait()
            return
        if reply.raw is not None:
            self.wfile.write(reply.raw)
            return
        length = len(reply.body) if reply.length is None else reply.length
        headers = {"Content-Length": str(length), **reply.headers} if length != "" else reply.headers
        lines = [f"HTTP/1.1 {reply.status} Whatever", *(f"{name}: {value}" for name, value in headers.items())]
        self.wfile.write("\r\n".join([*lines, "Connection: close", "", ""]).encode("latin-1"))
        ends = [end for end in (reply.cut_after, reply.stall_after) if end is not None]
        body = reply.body[: min(ends, default=None)]
        while not self.server.closing.is_set():
            self._write_slices(body, reply.pause_seconds)
            if not reply.endless:
                break
        if reply.stall_after is not None:
            self.server.closing.wait()

    def _write_slices(self, body: bytes, pause_seconds: float) -> None:
        for start in range(0, len(body), SLICE_BYTES):
            piece = body[start : start + SLICE_BYTES]
            self.wfile.write(piece)
            self.server.sent_bytes += len(piece)
            if pause_seconds and self.server.closing.wait(pause_seconds):
                return

    def log_message(self, *_: object) -> None:
        """Keep the tests' output to the tests."""


def offer(body: bytes, etag: str = '"1"', *, cut_after: int | None = None, pause_seconds: float = 0) -> Answer:
    """Serve a file as a good server does, ranges included."""

    def answer(request: Message) -> Reply:
        headers, start = {"ETag": etag}, 0
        if "Range" in request and request["If-Range"] == etag:
            start = int(request["Range"].removeprefix("bytes=").removesuffix("-"))
            if start >= len(body):
                return Reply(416, headers={"Content-Range": f"bytes */{len(body)}"})
            headers["Content-Range"] = f"bytes {start}-{len(body) - 1}/{len(body)}"
        status = 206 if start else 200
        return Reply(status, body[start:], headers, cut_after=cut_after, pause_seconds=pause_seconds)

    return answer


def say(status: int = 200, body: bytes = b"", **how: object) -> Answer:
    """Answer the same whatever is asked; `how` are further fields of Reply."""
    reply = Reply(status, body, **how)  # type: ignore[arg-type]
    return lambda request: reply


@contextmanager
def serve(*answers: Answer) -> Iterator[Server]:
    """Run a server for the length of a test, past any proxy that the environment names."""
    server = Server(answers)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    with server, patch.dict(os.environ, {"no_proxy": "127.0.0.1"}):
        thread.start()
        try:
            yield server
        finally:
            server.closing.set()
            server.shutdown()
            thread.join()
