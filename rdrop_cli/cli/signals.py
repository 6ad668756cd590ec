"""SIGTERM, what a scheduler sends before it kills, ends a command as Ctrl-C does, with a code of its own, and soon."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

INTERRUPTED = 128 + signal.SIGINT
TERMINATED = 128 + signal.SIGTERM
SECONDS_TO_END = 1.0  # a compiler may be at work in native code, where no exception can be raised, for much longer
ENDING = (signal.SIGINT, signal.SIGTERM)
NOTHING = b"\0"  # no signal has this number


class Terminated(BaseException):
    """The process was asked to end by SIGTERM."""


@contextmanager
def end_on_sigterm() -> Iterator[None]:
    """Raise `Terminated` in the main thread when SIGTERM comes, and end the process if that does not get through."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise Terminated

    before = signal.signal(signal.SIGTERM, stop)
    try:
        with _insist_on_the_end():
            yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _insist_on_the_end() -> Iterator[None]:
    """End the process when the block has not ended a while after SIGTERM or SIGINT.

    Nothing is lost by it: what a run has finished is on the disk, and its lock goes with the process. The signal is
    heard by a thread through a pipe, which the kernel's side of a signal fills even while native code is at work.
    """
    hearing, telling = os.pipe()
    os.set_blocking(telling, False)
    ended = threading.Event()
    watcher = threading.Thread(target=_watch, args=(hearing, ended), daemon=True)
    watcher.start()
    before = signal.set_wakeup_fd(telling)
    try:
        yield
    finally:
        signal.set_wakeup_fd(before)
        ended.set()
        os.write(telling, NOTHING)
        watcher.join()
        os.close(hearing)
        os.close(telling)


def _watch(hearing: int, ended: threading.Event) -> None:
    while (number := os.read(hearing, 1)) != NOTHING:
        if number[0] in ENDING and not ended.wait(SECONDS_TO_END):
            os.write(2, f"rdrop: stopped by {signal.Signals(number[0]).name}\n".encode())
            os._exit(128 + number[0])
