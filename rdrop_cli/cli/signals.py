"""SIGTERM, what a scheduler sends before it kills, ends a command as Ctrl-C does, with a code of its own."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Terminated(BaseException):
    """The process was asked to end by SIGTERM."""


@contextmanager
def end_on_sigterm() -> Iterator[None]:
    """Raise `Terminated` in the main thread when SIGTERM comes."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise Terminated

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
