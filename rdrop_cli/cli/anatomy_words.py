"""An anatomy in words: whose equations a layer follows, its masks, and the error of each method."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

from rdrop_cli.study.methods import METHODS

if TYPE_CHECKING:
    from rdrop_cli.anatomy.record import Anatomy


def describe_anatomy(found: "Anatomy") -> Iterator[str]:
    """Yield the lines about one variant."""
    yield f"{found.variant}, {found.cell}: {conclude(found)}"
    yield from describe_evidence(found)


def describe_evidence(found: "Anatomy") -> Iterator[str]:
    """Yield the lines about the masks that were found, and the error of each method under them."""
    masks = found.to_json()["masks"]
    for _, group in groupby(masks, key=lambda mask: (mask["layer"], mask["argument"], mask["multiplies"])):
        yield f"  {_describe_masks(list(group))}"
    if masks:
        touched = any(mask["carried_state_touched"] for mask in masks)
        yield f"  carried state: {'multiplied by a mask at every timestep' if touched else 'not touched'}"
    ranked = sorted(found.max_abs_error.items(), key=lambda item: item[1])
    yield "  largest error: " + ", ".join(f"{name}={error:.1e}" for name, error in ranked)


def conclude(found: "Anatomy", unread: Sequence[str] = ()) -> str:
    """Say in words whose equations the output follows; none where something is `unread`."""
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


def _describe_masks(masks: Sequence[dict[str, Any]]) -> str:
    """Describe the masks that one layer draws for one rate and one tensor; they differ in their gates only."""
    first = masks[0]
    zeros = sum(mask["share_of_zeros"] for mask in masks) / len(masks)
    kept = [mask["scale_of_kept"] for mask in masks if mask["scale_of_kept"] is not None]
    facts = (
        f"{len(masks)} × ({', '.join(map(str, first['shape']))}) on {first['multiplies']} ({first['site']})",
        f"{first['over_time']} over time",
        {"separate": "one for each gate", "shared": "one for all gates", None: ""}[first["between_gates"]],
        "shared by the batch" if first["between_samples"] == "shared" else "",
        f"{zeros:.0%} zeros",
        f"kept × {kept[0]:.4g}" if kept else "nothing kept",
    )
    return f"{first['layer']}.{first['argument']}: {', '.join(filter(None, facts))}"
