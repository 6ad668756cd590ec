"""Masks are read out of outputs as they are, whatever the method, and what a layer does differently is named."""

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from rdrop_cli.anatomy.differences import list_differences
from rdrop_cli.anatomy.examine import MEMORY_MASKED, Examination, examine
from rdrop_cli.anatomy.identify import arrange_input_masks, arrange_recurrent_masks
from rdrop_cli.anatomy.probe.calls import BATCH, TIMESTEPS, UNITS, design_calls
from rdrop_cli.anatomy.reference import Array, run_gru, run_lstm
from rdrop_cli.cli.anatomy_words import describe_evidence
from rdrop_cli.study.methods import CELLS, METHODS, Lifetime, Method, Scaling, Site

ASKED = {"dropout": 0.25, "recurrent_dropout": 0.4}
THOROUGH = ("lstm", "zoneout")  # h and c keep old values each for itself, and h hides c where it does
CASES = [(cell, method) for method in METHODS.values() for cell in method.cells if method.name != "dropconnect"]
Layer = Callable[[dict[str, Array], Array, bool], Array]


def make_layer(
    cell: str,
    method: Method,
    rates: dict[str, float] = ASKED,
    *,
    reset_after: bool = True,
    seed: int = 0,
    change: Callable[[list[Array]], list[Array]] = lambda masks: masks,
) -> Layer:
    """Make a layer out of the reference: what it returns for weights, sequences and mode, always with its masks."""
    kind, rng = CELLS[cell], np.random.default_rng(seed)

    def draw(count: int, *shape: int, rate: float) -> list[Array]:
        return [(rng.random(shape) >= rate) / (1 - rate) for _ in range(count)] if rate else []

    on_x = draw(method.count_input_masks(kind), BATCH, UNITS, rate=rates["dropout"])
    steps = (TIMESTEPS,) if method.lifetime is Lifetime.STEP else ()
    own = draw(method.count_recurrent_masks(kind), BATCH, *steps, UNITS, rate=rates["recurrent_dropout"])
    on_x = arrange_input_masks(on_x, method, kind, BATCH, rates["dropout"])
    shape = (BATCH, TIMESTEPS, UNITS)
    own = change(arrange_recurrent_masks(own, method, kind, shape, rates["recurrent_dropout"]))
    rested = [np.asarray(1 - rates["recurrent_dropout"])] * len(own) if method.scaling is Scaling.EXPECTED else []

    def call(weights: dict[str, Array], sequences: Array, training: bool) -> Array:
        bias = weights["bias"]
        options: dict[str, Any] = {}
        if cell == "gru":
            options["reset_after"] = reset_after
            bias = np.stack([bias, weights["recurrent_bias"]]) if reset_after else bias
        run = run_gru if cell == "gru" else run_lstm
        masks = (on_x, own) if training else ((), rested)
        return run(method.name, sequences, [weights["kernel"], weights["recurrent"], bias], *masks, **options)

    return call


def look_into(
    cell: str,
    layer: Layer,
    *,
    reset_after: bool = True,
    asked: dict[str, float] = ASKED,
    thorough: bool = False,
    **replaced: Layer,
) -> Examination:
    """Examine a layer; another may take its place in a call."""
    calls = design_calls(cell, UNITS, reset_after, thorough)
    outputs = {name: replaced.get(name, layer)(*call) for name, call in calls.items()}
    entry = {
        "name": "made", "cell": cell, "units": UNITS, "reset_after": reset_after, "asked": asked, "backwards": False,
        "activation": "tanh", "gate_activation": "sigmoid", "trainable": 0,
        "fused": {"asked": None, "taken": None, "drops": None},
    }  # fmt: skip
    return examine(entry, outputs)


def other(cell: str, method: Method) -> Layer:
    return make_layer(cell, method, seed=1)


@pytest.mark.parametrize(("cell", "method"), CASES, ids=lambda case: getattr(case, "name", case))
def test_every_method_is_read_out_of_outputs_and_no_other_fits(cell: str, method: Method) -> None:
    thorough = (cell, method.name) == THOROUGH
    found = look_into(cell, make_layer(cell, method), thorough=thorough, next=other(cell, method))
    assert found.anatomy.method == method.name
    errors = dict(found.anatomy.max_abs_error)
    assert errors.pop(method.name) < 1e-6
    assert min(errors.values()) > 1e-2
    assert (found.unread, found.repeats, found.redraws, found.clean_at_inference) == ((), True, True, True)
    assert found.measured == pytest.approx(ASKED)
    own = [mask for mask in found.anatomy.masks if mask.argument == "recurrent_dropout"]
    assert {mask.site for mask in own} == {method.site}
    assert {mask.lifetime for mask in own} == {method.lifetime}
    assert len(own) == method.count_recurrent_masks(CELLS[cell])


@pytest.mark.parametrize(("cell", "name"), [("lstm", "moon"), ("gru", "semeniuta-sequence"), ("gru", "moon")])
@pytest.mark.parametrize("dropout", [0.0, 0.3])
@pytest.mark.parametrize("seed", range(3))
def test_the_memory_is_not_taken_for_the_output_by_samples_that_drop_nothing(
    cell: str, name: str, dropout: float, seed: int
) -> None:
    rates = {"dropout": dropout, "recurrent_dropout": 0.3}
    layer = make_layer(cell, METHODS[name], rates, seed=seed)
    found = look_into(cell, lambda *call: layer(*call).astype("float32"), asked=rates)
    assert (found.anatomy.method, found.unread) == (name, ())


@pytest.mark.parametrize("recurrent_dropout", [0.0, 0.3])
def test_a_mask_on_what_the_layer_returned_is_still_told_from_one_on_the_memory(recurrent_dropout: float) -> None:
    rates = {"dropout": 0.0, "recurrent_dropout": recurrent_dropout}
    layer = make_layer("gru", METHODS["gal"], rates)
    after = (np.random.default_rng(5).random((BATCH, 1, UNITS)) >= 0.2) / 0.8
    found = look_into("gru", lambda *call: layer(*call) * after, asked=rates)
    assert (found.anatomy.method, found.unread) == ("gal" if recurrent_dropout else "none", ())
    assert Site.RETURNED_OUTPUT in {mask.site for mask in found.anatomy.masks}


def test_a_gru_that_resets_before_the_product_is_read_as_well() -> None:
    layer = make_layer("gru", METHODS["gal"], reset_after=False)
    found = look_into("gru", layer, reset_after=False)
    assert (found.anatomy.method, found.unread) == ("gal", ())


def test_an_lstm_whose_h_hides_its_c_is_not_guessed_without_the_calls_that_show_both() -> None:
    found = look_into("lstm", make_layer("lstm", METHODS["zoneout"]))
    assert found.anatomy.method is None
    assert found.unread == (MEMORY_MASKED,)


def test_the_zoneout_of_both_states_is_read_each_for_itself() -> None:
    drawn: list[list[Array]] = []
    layer = make_layer("lstm", METHODS["zoneout"], change=lambda masks: drawn.append(masks) or masks)
    found = look_into("lstm", layer, thorough=True)
    on_h, on_c = (mask for mask in found.anatomy.masks if mask.argument == "recurrent_dropout")
    assert (on_h.target, on_c.target) == ("h", "c")
    assert np.array_equal(on_h.array, drawn[0][0])
    seen_later = np.flip(np.logical_or.accumulate(np.flip(on_h.array[:, 1:] == 1, axis=1), axis=1), axis=1)
    assert np.array_equal(on_c.array[:, :-1][seen_later], drawn[0][1][:, :-1][seen_later])
    assert seen_later.mean() > 0.7


def test_an_lstm_that_skips_timesteps_in_one_state_only_is_not_taken_for_zoneout() -> None:
    layer = make_layer("lstm", METHODS["zoneout"], change=lambda masks: [masks[0], np.ones_like(masks[1])])
    found = look_into("lstm", layer, thorough=True)
    (own,) = (mask for mask in found.anatomy.masks if mask.argument == "recurrent_dropout")
    assert (own.target, found.unread, found.anatomy.method) == ("h", (), None)
    assert (own.array == 0).mean() == pytest.approx(0.4, abs=0.05)


def name_differences(layer: Layer, cell: str = "gru", **how: Any) -> list[str]:
    return list(list_differences(look_into(cell, layer, next=other(cell, METHODS["gal"]), **how)))


def test_a_layer_that_does_what_its_arguments_say_differs_in_nothing() -> None:
    for cell in CELLS:
        assert name_differences(make_layer(cell, METHODS["gal"]), cell) == []


def test_masks_that_are_drawn_anew_are_named() -> None:
    (difference,) = name_differences(make_layer("gru", METHODS["naive-step"]))
    assert difference == "masks on h are drawn anew at every timestep; gal keeps them for the sequence"


def test_exchanged_rates_are_named() -> None:
    layer = make_layer("gru", METHODS["gal"], {"dropout": 0.4, "recurrent_dropout": 0.25})
    assert name_differences(layer) == [
        "the masks of dropout=0.25 have the rate of recurrent_dropout, 0.4",
        "the masks of recurrent_dropout=0.4 have the rate of dropout, 0.25",
    ]


def test_a_rate_that_does_nothing_is_named() -> None:
    layer = make_layer("lstm", METHODS["gal"], {"dropout": 0.25, "recurrent_dropout": 0.0})
    assert name_differences(layer, "lstm") == ["recurrent_dropout=0.4 drops nothing"]


def test_a_rate_of_the_layers_own_is_not_told_as_an_argument() -> None:
    asked = {"dropout": 0.25, "recurrent_dropout": 0.0}
    assert name_differences(make_layer("gru", METHODS["gal"]), asked=asked) == [
        "no recurrent_dropout was asked for, and its masks have a rate of 0.4"
    ]


def test_kept_values_that_are_not_scaled_are_named_and_follow_nothing() -> None:
    layer = make_layer("gru", METHODS["gal"], change=lambda masks: [np.sign(mask) for mask in masks])
    assert look_into("gru", layer).anatomy.method is None
    assert "what masks on h keep is not scaled; gal divides it by 1 − rate" in name_differences(layer)


def test_a_second_call_with_the_same_masks_is_named() -> None:
    found = look_into("gru", make_layer("gru", METHODS["gal"]))
    assert found.redraws is False
    assert list(list_differences(found)) == ["a second training call has the masks of the first"]


def test_dropping_at_inference_is_named() -> None:
    layer = make_layer("gru", METHODS["gal"])
    (difference,) = name_differences(layer, inference=lambda weights, sequences, _: layer(weights, sequences, True))
    assert "at inference, where nothing is to be dropped" in difference


def test_random_state_that_no_seed_reaches_is_named() -> None:
    found = look_into("gru", make_layer("gru", METHODS["gal"]), again=other("gru", METHODS["gal"]))
    assert not found.repeats
    assert "its masks cannot be drawn again" in list(list_differences(found))


def test_two_scales_in_one_mask_are_no_mask_and_its_values_are_told() -> None:
    def scale_first_step(masks: list[Array]) -> list[Array]:
        every = [np.repeat(mask[:, None], TIMESTEPS, axis=1) for mask in masks]
        for mask in every:
            mask[:, 2] *= 2
        return every

    differences = name_differences(make_layer("gru", METHODS["gal"], change=scale_first_step))
    assert "z, r, h read h multiplied by 0 or 1.667 or 3.333, which no mask does" in differences


def test_a_mask_that_some_gates_share_is_named_and_is_not_gal() -> None:
    layer = make_layer("gru", METHODS["gal"], change=lambda masks: [masks[0], masks[0], masks[2]])
    found = look_into("gru", layer, next=other("gru", METHODS["gal"]))
    own = [mask for mask in found.anatomy.masks if mask.argument == "recurrent_dropout"]
    assert ([mask.gates for mask in own], found.anatomy.method) == ([("z", "r"), ("h",)], None)
    assert list(list_differences(found)) == ["one mask on h for z, r; gal draws one for each"]
    said = [line for line in describe_evidence(found.anatomy) if "recurrent_dropout" in line]
    assert [re.findall(r"over time, for ([a-z, ]+), ", line) for line in said] == [["z, r"], ["h"]]


def test_gates_without_a_mask_are_told_from_those_with_one() -> None:
    ones = np.ones((BATCH, UNITS))
    found = look_into("gru", make_layer("gru", METHODS["gal"], change=lambda masks: [ones, ones, masks[2]]))
    assert "z, r read h through no mask; gal draws one for each gate" in list(list_differences(found))
    first, second = (line for line in describe_evidence(found.anatomy) if "recurrent_dropout" in line)
    assert first.endswith("2 × (1, 8) on h (recurrent input), constant over time, for z, r, 0% zeros, kept × 1")
    assert "1 × (32, 8) on h (recurrent input), constant over time, for h, " in second
    assert second.endswith("kept × 1.667")


def test_rates_that_differ_by_gate_are_told_by_gate() -> None:
    def draw(_: list[Array]) -> list[Array]:
        rng = np.random.default_rng(0)
        return [(rng.random((BATCH, UNITS)) >= rate) / (1 - rate) for rate in (0.1, 0.3, 0.5)]

    found = look_into("gru", make_layer("gru", METHODS["gal"], change=draw))
    said = [line for line in describe_evidence(found.anatomy) if "recurrent_dropout" in line]
    assert [line.rpartition(" ")[2] for line in said] == ["1.111", "1.429", "2"]
    assert "masks on h keep values times 1.111 or 1.429 or 2.0, by gate" in list(list_differences(found))


def test_masks_that_drop_nothing_are_not_told_as_shared_by_the_batch() -> None:
    layer = make_layer("gru", METHODS["gal"], change=lambda masks: [np.full_like(mask, mask.max()) for mask in masks])
    found = look_into("gru", layer)
    assert {mask.array.shape for mask in found.anatomy.masks} == {(BATCH, UNITS)}
    assert not any("shared by the batch" in line for line in describe_evidence(found.anatomy))


@pytest.mark.parametrize("name", ["gal", "moon"])
def test_masks_that_drop_everything_are_described(name: str) -> None:
    layer = make_layer("gru", METHODS[name], change=lambda masks: [np.zeros_like(mask) for mask in masks])
    found = look_into("gru", layer)
    assert found.measured["recurrent_dropout"] == 1
    assert "nan" not in " ".join(list_differences(found))


def test_a_mask_on_whole_columns_of_the_recurrent_kernel_is_read() -> None:
    rates = {"dropout": 0.0, "recurrent_dropout": 0.4}
    columns = (np.random.default_rng(0).random(3 * UNITS) >= 0.4) / 0.6
    on_weights = np.broadcast_to(columns, (UNITS, 3 * UNITS))
    layer = make_layer("gru", METHODS["dropconnect"], rates, change=lambda _: [on_weights])
    found = look_into("gru", layer, asked=rates, thorough=True)
    (own,) = found.anatomy.masks
    assert (own.array.shape, found.anatomy.method) == ((UNITS, 3 * UNITS), "dropconnect")


def test_activations_without_equations_are_refused() -> None:
    with pytest.raises(ValueError, match="expected tanh and sigmoid"):
        examine({"cell": "gru", "activation": "relu", "gate_activation": "sigmoid"}, {})
