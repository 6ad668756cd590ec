"""A reader to try inputs on.

It takes bytes, and raises nothing where they are refused by an RdropError or accepted as what they say; anything else
that comes out of it is a fault.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

from rdrop_cli.errors import RdropError

Value = TypeVar("Value")


@dataclass(frozen=True)
class Target:
    """A reader, good inputs to begin from, and pieces that mean something to it."""

    read: Callable[[bytes], object]
    seeds: Iterable[bytes]
    words: Iterable[bytes] = ()
    is_json: bool = False


def read_or_refuse(read: Callable[[], Value]) -> Value | None:
    """Return what is read; None where it is refused in one line that can be printed."""
    try:
        return read()
    except RdropError as error:
        refusal = str(error)
    assert refusal.isprintable()
    return None
