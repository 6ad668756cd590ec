"""How many inputs are made, how long one may take, and what must come of it."""

import os
import random
import signal
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

INPUTS = int(os.environ.get("RDROP_FUZZ", "60"))
SEED = int(os.environ.get("RDROP_FUZZ_SEED", "0"))
SECONDS_FOR_ONE = 20
SECONDS_IN_ALL = 60 + INPUTS


@contextmanager
def limited(made: object) -> Iterator[None]:
    """Name the input that takes too long, or that anything but a refusal comes of."""

    def hang(*_: object) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, hang)
    left, _ = signal.setitimer(signal.ITIMER_REAL, SECONDS_FOR_ONE)
    try:
        yield
    except Exception:
        raise AssertionError(f"{repr(made)[:2000]}\n{traceback.format_exc()[-2000:]}") from None
    finally:
        signal.setitimer(signal.ITIMER_REAL, left and max(left - SECONDS_FOR_ONE, 1))
        signal.signal(signal.SIGALRM, before)


def make(name: str) -> Iterator[random.Random]:
    """Yield a source of randomness for each input of a reader."""
    for number in range(INPUTS):
        yield random.Random(f"{name} {SEED} {number}")


def assert_tame(result, made):
    """A command that ends well or in one line, and sends the terminal nothing but text."""
    assert result.code in (0, 1, 2) or (result.code == 3 and "--require" in made), made
    for stream in (result.out, result.err):
        assert all(c.isprintable() or c == "\n" for c in stream), made
    failures = [line for line in result.err.splitlines() if line.startswith("rdrop: ")]
    assert len(failures) == (1 if result.code else 0) or (result.code == 3 and failures), (made, result)
