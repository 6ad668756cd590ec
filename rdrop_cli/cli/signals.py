"""End a command on Ctrl-C or SIGTERM: first print how to resume, then exit.

The first signal raises `KeyboardInterrupt` or `Terminated` in the main thread; `training.interruption` delays that
while TensorFlow is running. A watcher thread receives the signal too and prints the notices at once, which may take up
to five seconds on a busy machine. If the main thread does not end within another second, or if a second signal arrives,
the watcher ends the process. Nothing is lost: every finished epoch is on the disk, and the operating system releases
the lock of a run with its process.
"""

import os
import select
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from rdrop_cli.errors import SchedulerLostError

INTERRUPTED = 128 + signal.SIGINT
TERMINATED = 128 + signal.SIGTERM
READER_GONE = 128 + 13  # SIGPIPE, which not every system defines: the usual code after writing to a closed pipe
ENDING = (signal.SIGINT, signal.SIGTERM)
SECONDS_TO_PRINT = 5.0  # for the notices on a busy machine; a stopped terminal blocks the writer
SECONDS_TO_END = 1.0  # a compiler may run much longer in native code, where no exception can be raised
SECONDS_TO_PRINT_MORE = 0.3  # a run may have begun in the meantime
NOTHING = b"\0"  # no signal has this number


class Terminated(BaseException):
    """The process was asked to end by SIGTERM."""


class _Notices:
    """The lines to print on a signal: each once, those of the innermost block first."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._printed: set[str] = set()
        self.sources: list[tuple[Callable[[], Iterable[str]], Callable[[str], None]]] = []

    def print(self) -> None:
        with self._lock:
            for list_lines, write in reversed(self.sources):
                for line in list_lines():
                    if line not in self._printed:
                        write(line)
                        self._printed.add(line)

    def print_in_time(self, seconds: float) -> None:
        """Print in a separate thread, and wait for it at most `seconds`."""
        printer = threading.Thread(target=self.print, daemon=True)
        printer.start()
        printer.join(seconds)


_notices = _Notices()  # one per process, as signals are


@contextmanager
def notice_on_signal(list_lines: Callable[[], Iterable[str]], write: Callable[[str], None]) -> Iterator[None]:
    """Print lines if a signal, or the loss of the cluster's scheduler, ends the block.

    Args:
        list_lines: called when the signal arrives and again at the end of the block; each line is printed once.
        write: prints a line, from any thread.
    """
    _notices.sources.append((list_lines, write))
    try:
        yield
    except (KeyboardInterrupt, Terminated, SchedulerLostError):
        _notices.print()
        raise
    finally:
        _notices.sources.pop()


@contextmanager
def end_on_signals() -> Iterator[None]:
    """Raise on SIGINT and SIGTERM while the block runs, and end the process if the exception does not get through.

    An ignored signal, such as SIGINT in a background job, stays ignored.
    """
    numbers = [number for number in ENDING if signal.getsignal(number) is not signal.SIG_IGN]
    with _watch_signals(numbers):
        before = {number: signal.signal(number, _raise) for number in numbers}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def _raise(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt if number == signal.SIGINT else Terminated


@contextmanager
def _watch_signals(numbers: list[signal.Signals]) -> Iterator[None]:
    """Watch for signals in a thread; a pipe wakes it even while the main thread runs native code."""
    hearing, telling = os.pipe()
    os.set_blocking(telling, False)
    watcher = threading.Thread(target=_watch, args=(hearing, numbers), daemon=True)
    watcher.start()
    before = signal.set_wakeup_fd(telling)
    try:
        yield
    finally:
        signal.set_wakeup_fd(before)
        os.write(telling, NOTHING)
        watcher.join()
        os.close(hearing)
        os.close(telling)


def _watch(hearing: int, numbers: list[signal.Signals]) -> None:
    number = _wait_for_signal(hearing, numbers, None)
    if not number:
        return
    _notices.print_in_time(SECONDS_TO_PRINT)
    again = _wait_for_signal(hearing, numbers, time.monotonic() + SECONDS_TO_END)
    if again != 0:
        _end(again or number)


def _wait_for_signal(hearing: int, numbers: list[signal.Signals], deadline: float | None) -> int | None:
    """Return the number of the next signal, 0 if there is nothing more to watch, or None at the deadline."""
    while True:
        left = None if deadline is None else max(0.0, deadline - time.monotonic())
        if not select.select([hearing], [], [], left)[0]:
            return None
        byte = os.read(hearing, 1)
        if byte == NOTHING or byte[0] in numbers:
            return byte[0]


def _end(number: int) -> None:
    _notices.print_in_time(SECONDS_TO_PRINT_MORE)
    with suppress(OSError):
        if select.select([], [2], [], 0)[1]:
            os.write(2, f"rdrop: stopped by {signal.Signals(number).name}\n".encode())
    os._exit(128 + number)
