"""How a layer differs from its own rates, from the behaviour expected at inference, and from Gal's method."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np

from rdrop_cli.anatomy.examine import ROUNDED, Examination
from rdrop_cli.anatomy.readout import TOLERANCE
from rdrop_cli.anatomy.record import MaskRecord
from rdrop_cli.study.methods import CELLS, METHODS, Lifetime, Site

DOCUMENTED = METHODS["gal"]  # the method that Keras's arguments `dropout` and `recurrent_dropout` stand for


def render_examination(found: Examination) -> dict[str, Any]:
    """Render an examination as a dictionary for scripts."""
    return {
        **found.anatomy.to_json(),
        "asked": dict(found.asked),
        "measured": found.measured,
        "active_in_training": found.active,
        "inactive_at_inference": found.clean_at_inference,
        "inference_error": found.inference_error,
        "repeats_from_a_seed": found.repeats,
        "redraws_each_call": found.redraws,
        "units": found.units,
        "trainable_parameters": found.trainable,
        "fused_kernel": dict(found.fused),
        "differences": list(list_differences(found)),
    }


def describe_fused(fused: Mapping[str, bool | None]) -> str:
    """Describe how a layer uses its library's fused kernel; empty if that is unknown."""
    if fused["taken"]:
        return "used, given dropped inputs at inference too" if fused["drops"] else "used"
    return {True: "asked for; the backend has none", False: "not asked for", None: ""}[fused["asked"]]


def list_shared(found: Sequence[Examination]) -> Iterator[str]:
    """Yield a sentence for each pair of layers of a network that have the same masks."""
    for one, other in combinations(found, 2):
        targets = {
            mask.target
            for mask in one.anatomy.masks
            for same in other.anatomy.masks
            if mask.target == same.target and (mask.array == 0).any() and np.array_equal(mask.array, same.array)
        }
        if targets:
            names = f"{one.anatomy.variant} and {other.anatomy.variant}"
            yield f"{names} have the same masks on {', '.join(sorted(targets))}"


def list_differences(found: Examination) -> Iterator[str]:
    """Yield a sentence for each difference of a layer from its rates or from Gal's method."""
    yield from found.unread
    yield from _compare_rates(found)
    if not found.repeats:
        yield "its masks are others from the same seed: it has random state that no seed reaches"
    if found.redraws is False:
        yield "a second training call has the masks of the first"
    if found.inference_error > TOLERANCE:
        yield f"it differs by {found.inference_error:.1e} from its method at inference, where nothing is to be dropped"
    if found.fused["drops"]:
        what = "cuDNN's kernel, on a GPU, would be given" if found.fused["taken"] else "the fused kernel is asked with"
        yield f"at inference {what} dropped inputs"
    for argument in ("dropout", "recurrent_dropout"):
        yield from _compare_masks([m for m in found.anatomy.masks if m.argument == argument], found.anatomy.cell)


def _compare_rates(found: Examination) -> Iterator[str]:
    """Yield each argument whose masks have a rate other than the argument."""
    for argument, other in (("dropout", "recurrent_dropout"), ("recurrent_dropout", "dropout")):
        asked, measured = found.asked.get(argument, 0.0), found.measured[argument]
        if abs(asked - measured) < ROUNDED:
            continue
        if not measured:
            if not found.unread:
                yield f"{argument}={asked:g} drops nothing"
        elif not asked:
            yield f"no {argument} was asked for, and its masks have a rate of {measured:.3g}"
        elif abs(found.asked.get(other, 0.0) - measured) < ROUNDED:
            yield f"the masks of {argument}={asked:g} have the rate of {other}, {measured:g}"
        else:
            yield f"the masks of {argument}={asked:g} have a rate of {measured:.3g}"


def _compare_masks(masks: Sequence[MaskRecord], cell: str) -> Iterator[str]:
    """Yield how the masks of one argument differ from those of Gal's method, each difference once."""
    dropping = [mask for mask in masks if (mask.array != 1).any()]
    idle = [gate for mask in masks if (mask.array == 1).all() for gate in mask.gates]
    if dropping and idle:
        yield f"{', '.join(idle)} read {masks[0].target} through no mask; {DOCUMENTED.name} draws one for each gate"
    yield from dict.fromkeys(line for mask in dropping for line in _compare_mask(mask, CELLS[cell].gates))
    scales = sorted({round(float(mask.array.max()), 3) for mask in dropping})
    if len(scales) > 1:
        yield f"masks on {masks[0].target} keep values times {' or '.join(map(str, scales))}, by gate"


def _compare_mask(mask: MaskRecord, gates: Sequence[str]) -> Iterator[str]:
    """Yield how a mask differs from those of Gal's method."""
    name = DOCUMENTED.name
    expected = Site.LAYER_INPUT if mask.argument == "dropout" else DOCUMENTED.site
    if mask.site not in (expected, Site.GIVEN_SEQUENCE):
        yield f"masks of {mask.argument} multiply {mask.target} ({mask.site}); {name} masks {expected}"
    if mask.lifetime is not Lifetime.SEQUENCE:
        yield f"masks on {mask.target} are drawn anew at every timestep; {name} keeps them for the sequence"
    if len(mask.gates) > 1 and mask.site is not Site.RECURRENT_KERNEL:
        readers = "all gates" if len(mask.gates) == len(gates) else ", ".join(mask.gates)
        yield f"one mask on {mask.target} for {readers}; {name} draws one for each"
    if mask.site is Site.RECURRENT_KERNEL or (len(mask.array) == 1 and np.ptp(mask.array)):
        yield f"the batch shares its masks on {mask.target}; {name} draws them for each sample"
    if abs(float(mask.array.max()) - 1) < ROUNDED and mask.site is not Site.STATE_UPDATE:
        yield f"what masks on {mask.target} keep is not scaled; {name} divides it by 1 − rate"
