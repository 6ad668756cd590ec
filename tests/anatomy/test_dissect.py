"""What the anatomy says of every variant is what is in it, and a layer that does something else is found out."""

from dataclasses import replace
from typing import Any

import keras
import numpy as np
import pytest

from rdrop_cli.anatomy import dissect as dissection
from rdrop_cli.anatomy.blocks import capture_blocks, changes_memory
from rdrop_cli.anatomy.dissect import dissect
from rdrop_cli.anatomy.record import Anatomy, MaskRecord
from rdrop_cli.errors import UsageError
from rdrop_cli.nn.layers import DropoutGRU
from rdrop_cli.planning.request import Request, plan_runs
from rdrop_cli.study.methods import CELLS
from rdrop_cli.study.variants import VARIANTS

STUDIED = [variant for variant in VARIANTS.values() if not variant.only_cell]  # the others add no method
CASES = [(cell, variant.name) for cell in CELLS for variant in STUDIED if cell in variant.cells]
B, T, F, N = 32, 12, 5, 8

# By variant, of its rates' masks: argument, target, how many (of a GRU, of an LSTM), shape, over time, between gates.
PER_GATE, ONE = (3, 4), (1, 1)
ON_X_PER_GATE = ("dropout", "x", PER_GATE, (B, F), "constant", "separate")
ON_X = ("dropout", "x", ONE, (B, F), "constant", "shared")
MASKS = {
    "baseline": [],
    "bidirectional": [],
    "dropout": [ON_X_PER_GATE, ("recurrent_dropout", "h", PER_GATE, (B, N), "constant", "separate")],
    "gal": [ON_X_PER_GATE, ("recurrent_dropout", "h", PER_GATE, (B, N), "constant", "separate")],
    "gal-tied": [ON_X, ("recurrent_dropout", "h", ONE, (B, N), "constant", "shared")],
    "moon": [ON_X, ("recurrent_dropout", "state", ONE, (B, N), "constant", None)],
    "semeniuta-step": [ON_X, ("recurrent_dropout", "g", ONE, (B, T, N), "drawn anew", None)],
    "semeniuta-sequence": [ON_X, ("recurrent_dropout", "g", ONE, (B, N), "constant", None)],
    "zoneout": [ON_X, ("recurrent_dropout", "states", (1, 2), (B, T, N), "drawn anew", None)],
    "dropconnect": [ON_X, ("recurrent_dropout", "U", ONE, (N, "gates"), "constant", "separate")],
    "naive-step": [ON_X_PER_GATE, ("recurrent_dropout", "h", PER_GATE, (B, T, N), "drawn anew", "separate")],
    "masked-carry": [ON_X, ("recurrent_dropout", "h", ONE, (B, N), "constant", "shared")],
    "batch-shared": [
        ("dropout", "x", PER_GATE, (1, F), "constant", "separate"),
        ("recurrent_dropout", "h", PER_GATE, (1, N), "constant", "separate"),
    ],
    "dropout-before": [("rate", "x", ONE, (B, T, F), "drawn anew", "shared")],
    "locked-before": [("rate", "x", ONE, (B, F), "constant", "shared")],
    "spatial-before": [("rate", "x", ONE, (B, F), "constant", "shared")],
    "dropout-after": [("rate", "y", ONE, (B, N), "constant", None)],
}
FOLLOWED = {
    **{name: name for name, variant in VARIANTS.items() if variant.method},
    **{"dropout": "gal", "stacked": "gal"},
    **dict.fromkeys(("baseline", "bidirectional"), "none"),
    **dict.fromkeys(("dropout-before", "locked-before", "spatial-before", "dropout-after"), "none"),
}


def look_into(cell: str, name: str, **rates: float) -> Anatomy:
    (config,) = plan_runs(Request(variants=(name,), cell=cell, **rates))  # type: ignore[arg-type]
    return dissect(config)


@pytest.fixture(scope="module")
def anatomies() -> dict[tuple[str, str], Anatomy]:
    return {case: look_into(*case) for case in CASES}


@pytest.mark.thorough
@pytest.mark.parametrize("case", CASES, ids="-".join)
def test_a_variant_follows_its_method_to_rounding_and_no_other(anatomies, case) -> None:
    found = anatomies[case]
    assert found.method == FOLLOWED[found.variant]
    errors = dict(found.max_abs_error)
    assert errors.pop(found.method) < 1e-5
    if any(mask.argument == "recurrent_dropout" for mask in found.masks):
        assert min(errors.values()) > 1e-2, errors


@pytest.mark.parametrize("case", [case for case in CASES if case[1] != "stacked"], ids="-".join)
def test_masks_are_described_as_they_are(anatomies, case) -> None:
    cell, name = case
    kind = CELLS[cell]
    targets = {"state": kind.states[-1:], "states": kind.states}
    expected: list[tuple[Any, ...]] = []
    for argument, target, counts, shape, over_time, gates in MASKS[name]:
        count = counts[list(CELLS).index(cell)]
        sizes = [N * len(kind.gates) if size == "gates" else size for size in shape]
        of = targets.get(target, (target,) * count)
        expected += [(argument, of[i], sizes, over_time, gates) for i in range(count)]
    masks = anatomies[case].to_json()["masks"]
    fields = ("argument", "multiplies", "shape", "over_time", "between_gates")
    assert [tuple(mask[field] for field in fields) for mask in masks] == expected


@pytest.mark.parametrize("case", CASES, ids="-".join)
def test_zeros_and_scales_are_those_of_the_rates(anatomies, case) -> None:
    variant = VARIANTS[case[1]]
    for mask in anatomies[case].to_json()["masks"]:
        rate = variant.recurrent_dropout if mask["argument"] == "recurrent_dropout" else variant.dropout
        drawn = np.prod(mask["shape"])
        assert abs(mask["share_of_zeros"] - rate) < 4 * np.sqrt(rate * (1 - rate) / drawn)
        unscaled = variant.name in ("moon", "zoneout") and mask["argument"] == "recurrent_dropout"
        assert mask["scale_of_kept"] == pytest.approx(1.0 if unscaled else 1 / (1 - rate))
        shared = variant.name == "batch-shared" or mask["multiplies"] == "U"
        assert (mask["between_samples"] == "shared") is shared


@pytest.mark.parametrize("case", CASES, ids="-".join)
def test_the_carried_state_is_touched_by_the_two_methods_that_lose_memory(anatomies, case) -> None:
    touched = {mask["argument"] for mask in anatomies[case].to_json()["masks"] if mask["carried_state_touched"]}
    assert touched == ({"recurrent_dropout"} if case[1] in ("moon", "masked-carry") else set())


@pytest.mark.parametrize("cell", CELLS)
def test_keras_input_masks_change_when_recurrent_dropout_is_switched_on(cell) -> None:
    alone, with_recurrent = look_into(cell, "dropout", recurrent_dropout=0.0), look_into(cell, "dropout")
    assert (alone.method, with_recurrent.method) == ("gal-tied", "gal")
    assert look_into(cell, "gal", recurrent_dropout=0.0).method == "gal"  # ours do not


def test_a_feature_dropped_before_the_layer_is_the_argument_with_one_mask_for_all_gates(anatomies) -> None:
    for name in ("locked-before", "spatial-before"):
        assert {"none", "gal-tied"} <= set(anatomies["gru", name].agreeing)
    for name in ("dropout-before", "dropout-after"):
        assert anatomies["gru", name].agreeing == ("none",)


def test_a_layer_that_does_not_do_what_its_masks_say_follows_nothing(monkeypatch) -> None:
    def capture_others(model, sequences):
        return [replace(block, masks=tuple(map(turn, block.masks))) for block in capture_blocks(model, sequences)]

    def turn(mask: MaskRecord) -> MaskRecord:
        return replace(mask, array=np.roll(mask.array, 1, axis=-1))

    monkeypatch.setattr(dissection, "capture_blocks", capture_others)
    found = look_into("gru", "dropout")
    assert (found.method, found.agreeing) == (None, ())


def test_of_several_layers_the_worst_counts(monkeypatch) -> None:
    def capture_one_wrong(model, sequences):
        first, second = capture_blocks(model, sequences)
        return [first, replace(second, returned=second.returned + 0.01)]

    assert look_into("gru", "stacked").method == "gal"
    monkeypatch.setattr(dissection, "capture_blocks", capture_one_wrong)
    assert look_into("gru", "stacked").method is None


def test_a_pair_is_captured_in_both_directions() -> None:
    pair = keras.layers.Bidirectional(DropoutGRU(3, "naive-step", dropout=0.4, recurrent_dropout=0.4, name="gru"))
    model = keras.Sequential([keras.Input((4, 2)), pair, keras.layers.Dense(1)])
    forward, backward = capture_blocks(model, np.ones((2, 4, 2), np.float32))
    assert not forward.layer.go_backwards
    assert backward.layer.go_backwards
    assert forward.returned.shape == backward.returned.shape == (2, 3)
    assert len(forward.masks) == len(backward.masks) == 6


@pytest.mark.parametrize(("cell", "layer"), [("gru", keras.layers.GRU), ("lstm", keras.layers.LSTM)])
def test_keras_own_layer_carries_its_memory_whole(cell, layer) -> None:
    assert not changes_memory(layer(6, dropout=0.5, recurrent_dropout=0.5))


@pytest.mark.parametrize("name", ["dense", "conv", "conv-gru", "conv-average", "lstm-dropout", "gru-stacked"])
def test_a_network_with_other_layers_is_refused(name):
    (config,) = plan_runs(Request(variants=(name,)))
    with pytest.raises(UsageError, match=f"received {name}"):
        dissect(config)
