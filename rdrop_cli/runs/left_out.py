"""Runs that are not used, and how they are told: by name while they are few, by what they have in common when not."""

from collections.abc import Sequence
from dataclasses import dataclass

MOST_LINES = 5
MOST_NAMES = 3


@dataclass(frozen=True)
class LeftOut:
    """A run that is not used, by name, and why; `kind` says it of many: `that cannot be read`."""

    run: str
    reason: str
    kind: str

    def __str__(self) -> str:
        return f"{self.run}: {self.reason}"


def tell_left_out(left_out: Sequence[LeftOut]) -> list[str]:
    """Name runs that are left out, a line each; beyond five, a line for those left out for one kind of reason."""
    if len(left_out) <= MOST_LINES:
        return [str(left) for left in left_out]
    by_kind: dict[str, list[LeftOut]] = {}
    for left in left_out:
        by_kind.setdefault(left.kind, []).append(left)
    return [str(alike[0]) if len(alike) == 1 else _name_together(kind, alike) for kind, alike in by_kind.items()]


def _name_together(kind: str, alike: Sequence[LeftOut]) -> str:
    names, more = ", ".join(left.run for left in alike[:MOST_NAMES]), len(alike) - MOST_NAMES
    return f"{len(alike)} runs {kind}: {names}{f' and {more} more' if more > 0 else ''}"
