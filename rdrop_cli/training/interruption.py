"""Delay Ctrl-C and SIGTERM until the next moment between two steps.

If a signal handler raises an exception inside TensorFlow (in a callback, a trace or an import), it may be swallowed or
end in a traceback. So while a network is built and trained, the handler only records that the signal arrived.
"""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

CheckSignals = Callable[[], None]


@contextmanager
def delay_signals() -> Iterator[CheckSignals]:
    """Yield a function that runs the handlers of the signals that have arrived; they also run at the end of the block.

    Only handlers in Python of SIGINT and SIGTERM are delayed, and only in the main thread, where they would run.
    """
    pending: list[int] = []
    handlers = {}
    if threading.current_thread() is threading.main_thread():
        numbers = (signal.SIGINT, signal.SIGTERM)
        handlers = {number: handler for number in numbers if callable(handler := signal.getsignal(number))}

    def note(number: int, frame: FrameType | None) -> None:
        pending.append(number)

    def check_signals() -> None:
        while pending:
            number = signal.Signals(pending.pop(0))
            handlers[number](number, None)

    for number in handlers:
        signal.signal(number, note)
    try:
        yield check_signals
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        check_signals()
