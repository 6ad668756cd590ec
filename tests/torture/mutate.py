"""Make bad inputs out of good ones, the same ones for the same seed."""

import copy
import json
import random
from typing import Any

HOSTILE_TEXTS = (
    "",
    " ",
    "\x1b]0;owned\x07\x1b[2J",
    "\r\x1b[1A",
    "\u202eevil",
    "\ud800",
    "\0",
    "../../x",
    "a" * 5000,
    "[red]x",
)
HOSTILE_VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2**31, 2**63, -(2**200), 10**400, 0.0, -0.0, 1e308, -1e308, 1e101, 1e-320, 0.5,
    float("nan"), float("inf"), float("-inf"), [], {}, [[]], [{}], {"": {}}, ["x"], [1, "x"], [float("nan")],
    [1e308, 0], "0.3", "1", *HOSTILE_TEXTS,
)  # fmt: skip
PIECES = [
    *(bytes([byte]) for byte in b"0123456789.,;:-+eET \t\r\n\"'#\0{}[]\\/"), b"nan", b"inf", b"\xff", b"\xef\xbb\xbf",
    "°".encode(), "\u2028".encode(), b"1e999", b"01.01.2009 00:10:00,", b"2009-01-01,", b",,", b'""', b"\r\n", b"null",
]  # fmt: skip


DEEP = "lists in lists"
DEPTHS = (5, 50, 600, 100_000)


def choose_hostile_value(rng: random.Random) -> Any:
    return DEEP if rng.random() < 0.05 else copy.deepcopy(rng.choice(HOSTILE_VALUES))


def mutate_json(document: Any, rng: random.Random) -> bytes:
    """Return a document's text after one to three values were replaced, removed, moved or doubled."""
    document = copy.deepcopy(document)
    for _ in range(rng.randint(1, 3)):
        _change_one(document, rng)
    depth = rng.choice(DEPTHS)
    text = json.dumps(document).replace(json.dumps(DEEP), "[" * depth + "]" * depth)
    return mutate_bytes(text.encode(), rng) if rng.random() < 0.1 else text.encode()


def _change_one(document: Any, rng: random.Random) -> None:
    parts = _list_containers(document)
    part = rng.choice(parts)
    keys = list(part) if isinstance(part, dict) else list(range(len(part)))
    if not keys:
        return
    key, kind = rng.choice(keys), rng.random()
    if kind < 0.6:
        part[key] = choose_hostile_value(rng)
    elif kind < 0.8:
        del part[key]
    elif kind < 0.9:
        part[key] = copy.deepcopy(rng.choice(parts))
    elif isinstance(part, dict):
        part[rng.choice(HOSTILE_TEXTS)] = choose_hostile_value(rng)
    else:
        part.insert(key, choose_hostile_value(rng))


def _list_containers(value: Any) -> list[Any]:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return ([value] if isinstance(value, dict | list) else []) + [
        part for item in inner for part in _list_containers(item)
    ]


def mutate_bytes(content: bytes, rng: random.Random) -> bytes:
    """Return bytes after one to four pieces were put in, cut out, doubled, or a bit was flipped."""
    changed = bytearray(content)
    for _ in range(rng.randint(1, 4)):
        start = rng.randint(0, len(changed))
        stop = min(len(changed), start + rng.choice((0, 1, 2, 5, 40)))
        kind = rng.random()
        if kind < 0.5:
            changed[start:stop] = rng.choice(PIECES)
        elif kind < 0.7:
            del changed[start:stop]
        elif kind < 0.8:
            changed[start:start] = changed[start:stop] * rng.randint(1, 3)
        elif kind < 0.9 and start < len(changed):
            changed[start] ^= 1 << rng.randint(0, 7)
        else:
            del changed[start:]
    return bytes(changed)
