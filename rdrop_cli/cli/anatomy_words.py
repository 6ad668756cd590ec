"""Text about an anatomy: the equations that a layer follows, its masks, and the error of each method."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from rdrop_cli.study.methods import CELLS, METHODS

if TYPE_CHECKING:
    from rdrop_cli.anatomy.record import Anatomy


def describe_anatomy(found: "Anatomy") -> Iterator[str]:
    """Yield the lines about one variant."""
    yield f"{found.variant}, {found.cell}: {conclude(found)}"
    yield from describe_evidence(found)


def describe_evidence(found: "Anatomy") -> Iterator[str]:
    """Yield the lines about the masks that were found, and about each method's error with these masks."""
    masks = found.to_json()["masks"]
    alike: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for mask in masks:
        alike.setdefault(_list_facts(mask), []).append(mask)
    for group in alike.values():
        yield f"  {_describe_masks(group, CELLS[found.cell].gates)}"
    if masks:
        touched = any(mask["carried_state_touched"] for mask in masks)
        yield f"  carried state: {'multiplied by a mask at every timestep' if touched else 'not touched'}"
    ranked = sorted(found.max_abs_error.items(), key=lambda item: item[1])
    yield "  largest error: " + ", ".join(f"{name}={error:.1e}" for name, error in ranked)


def conclude(found: "Anatomy", unread: Sequence[str] = ()) -> str:
    """Return a sentence on whose equations the output follows; no method is named if something is `unread`."""
    others = ", ".join(name for name in found.agreeing if name != found.method)
    if unread:
        return "cannot be identified: it drops something in training that cannot be read as masks"
    if not found.masks:
        return "no dropout"
    if found.method is None:
        return f"cannot be distinguished from {others}; try a larger rate" if others else "follows none of the methods"
    if found.method in METHODS:
        follows = f"follows {found.method} ({METHODS[found.method].paper})"
        return f"{follows}; with these masks the same as {others}" if others else f"{follows} and no other"
    plain = "a cell without masks of its own, beside a dropout layer"
    return f"{plain}; the same as the argument `dropout` of {others}" if others else plain


def _list_facts(mask: dict[str, Any]) -> tuple[Any, ...]:
    """Return the facts that masks have in common if they are described together."""
    names = ("layer", "argument", "multiplies", "over_time", "between_gates", "between_samples")
    return (*(mask[name] for name in names), tuple(mask["shape"]), round(mask["scale_of_kept"] or 0, 3))


def _describe_masks(masks: Sequence[dict[str, Any]], gates: Sequence[str]) -> str:
    """Describe the masks that one layer draws for one rate and one tensor; only their gates differ."""
    first = masks[0]
    zeros = sum(mask["share_of_zeros"] for mask in masks) / len(masks)
    scale = first["scale_of_kept"]
    readers = [gate for mask in masks for gate in mask["gates"]]
    sharing = {"separate": "one for each gate", "shared": "one for all gates", None: ""}[first["between_gates"]]
    facts = (
        f"{len(masks)} × ({', '.join(map(str, first['shape']))}) on {first['multiplies']} ({first['site']})",
        f"{first['over_time']} over time",
        f"for {', '.join(readers)}" if 0 < len(readers) < len(gates) else sharing,
        "shared by the batch" if first["between_samples"] == "shared" and (zeros or scale != 1) else "",
        f"{zeros:.0%} zeros",
        "nothing kept" if scale is None else f"kept × {scale:.4g}",
    )
    return f"{first['layer']}.{first['argument']}: {', '.join(filter(None, facts))}"
