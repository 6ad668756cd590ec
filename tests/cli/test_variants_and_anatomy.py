"""`rdrop variants`, `rdrop anatomy`, and training with a method and a cell of one's choice."""

import json

import pytest

from rdrop_cli.errors import UsageError
from rdrop_cli.planning.request import Request, plan_runs
from rdrop_cli.study.editions import EDITIONS
from rdrop_cli.study.variants import REFERENCES, VARIANTS, label_network
from tests.cli.conftest import SMALL


def test_every_variant_is_listed_on_a_line_with_its_paper(rdrop):
    lines = [line.strip() for line in rdrop("variants").out.splitlines()[2:]]
    for line, variant in zip(lines, (VARIANTS | REFERENCES).values(), strict=True):
        assert line.split()[0] == variant.name
        assert line.endswith(f"[{variant.paper}]")
    assert "; gru only [" in next(line for line in lines if line.startswith("masked-carry"))


def test_variants_are_listed_for_scripts(rdrop):
    listed = {entry["name"]: entry for entry in json.loads(rdrop("variants", "--json").out)}
    assert set(listed) == {*VARIANTS, *REFERENCES}
    assert listed["dropout"]["method"] is None
    assert listed["zoneout"]["method"] == "zoneout"
    assert listed["stacked"]["recurrent_dropout"] == 0.5
    assert listed["masked-carry"]["cells"] == ["gru"]


def test_all_methods_of_the_issue_and_the_studys_claims_are_variants():
    assert {
        "baseline", "dropout", "gal", "gal-tied", "moon", "semeniuta-step", "semeniuta-sequence", "zoneout",
        "dropconnect", "naive-step", "masked-carry", "batch-shared", "dropout-before", "locked-before",
        "spatial-before", "dropout-after", "stacked", "bidirectional",
    } == {name for name, variant in VARIANTS.items() if not variant.only_cell}  # fmt: skip


@pytest.mark.parametrize("edition", EDITIONS)
def test_the_networks_of_an_edition_are_listed_with_their_epochs(rdrop, edition):
    lines = [line.split() for line in rdrop("variants", "--protocol", edition).out.splitlines()[2:]]
    assert {line[0]: int(line[2]) for line in lines if line[0] in VARIANTS} == dict(EDITIONS[edition].networks)
    listed = json.loads(rdrop("variants", "--protocol", edition, "--json").out)
    assert {entry["name"]: entry["epochs"] for entry in listed} == dict(EDITIONS[edition].networks)


def test_a_cell_of_its_own_is_part_of_a_networks_name_already():
    assert label_network("lstm-dropout", "lstm", (0.5, 0.25)) == "lstm-dropout 0.5/0.25"
    with pytest.raises(UsageError, match="cell: lstm has no gru cell, only lstm"):
        plan_runs(Request(variants=("lstm",), cell="gru"))


def test_the_book_trains_its_other_networks_for_twice_the_epochs():
    epochs = {plan.variant: plan.epochs for plan in plan_runs(Request(variants=tuple(VARIANTS)))}
    assert {name for name, number in epochs.items() if number == 20} == {
        "baseline", "gru-reversed", "dense", "conv", "conv-gru", "conv-average", "lstm", "lstm-bidirectional"
    }  # fmt: skip
    assert {epochs["bidirectional"], epochs["dropout"], epochs["stacked"], epochs["zoneout"]} == {40}
    assert set(epochs.values()) == {20, 40}


def test_registered_networks_are_listed(rdrop, monkeypatch):
    for module in ("study.own", "cli.variants"):
        monkeypatch.setattr(f"rdrop_cli.{module}.list_registered", lambda: {"lossy": "my_package:make_lossy"})
    last = rdrop("variants").out.splitlines()[-1]
    assert last.split() == ["lossy", "-/-", "a", "network", "of", "your", "own", "[my_package:make_lossy]"]


def test_anatomy_says_which_method_keras_layer_follows(rdrop):
    result = rdrop("anatomy", "dropout")
    assert result.code == 0
    assert result.err == ""
    assert result.out.startswith("dropout, gru: follows gal (Gal and Ghahramani 2016) and no other\n")
    words = " ".join(result.out.split())
    assert "gru.recurrent_dropout: 3 × (32, 8) on h (recurrent input), constant over time, one for each gate" in words
    assert "carried state: not touched" in words
    assert all(f" {name}=" in words for name in VARIANTS if VARIANTS[name].method)


def test_anatomy_prints_json_with_an_error_for_each_method_of_the_cell(rdrop):
    found = json.loads(rdrop("anatomy", "moon", "dropout-before", "--cell", "lstm", "--json").out)
    assert [(entry["variant"], entry["cell"], entry["method"]) for entry in found] == [
        ("moon", "lstm", "moon"),
        ("dropout-before", "lstm", "none"),
    ]
    methods = {name for name, variant in VARIANTS.items() if variant.method and "lstm" in variant.cells}
    for entry in found:
        assert set(entry) == {"variant", "cell", "method", "max_abs_error", "masks"}
        assert set(entry["max_abs_error"]) == methods | {"none"}
    memory = found[0]["masks"][1]
    assert (memory["multiplies"], memory["carried_state_touched"], memory["scale_of_kept"]) == ("c", True, 1.0)


@pytest.mark.thorough
def test_anatomy_without_a_name_takes_every_variant_that_the_cell_has(rdrop):
    found = [entry["variant"] for entry in json.loads(rdrop("anatomy", "--cell", "lstm", "--json").out)]
    expected = [name for name, variant in VARIANTS.items() if name != "masked-carry" and not variant.only_cell]
    assert found == expected


def test_keras_input_masks_change_with_the_rate_of_the_other_ones(rdrop):
    out = rdrop("anatomy", "dropout", "--recurrent-dropout", "0").out
    assert out.startswith("dropout, gru: follows gal-tied (Gal and Ghahramani 2016); with these masks the same as moon")


def test_rates_too_small_to_tell_methods_apart_are_told(rdrop):
    out = " ".join(rdrop("anatomy", "zoneout", "--dropout", "0.3", "--recurrent-dropout", "1e-7").out.split())
    assert "zoneout, gru: cannot be distinguished from" in out
    assert "try a larger rate" in out


def test_anatomy_draws_the_cells(rdrop, tmp_path):
    picture = tmp_path / "cells.svg"
    result = rdrop("anatomy", "gal", "naive-step", "--output", picture)
    assert result.err == f"picture: {picture}\n"
    text = picture.read_text()
    assert "naive-step" in text
    assert "Gal and Ghahramani 2016" in text
    assert list(tmp_path.iterdir()) == [picture]


WRONG_USAGE = [
    ("anatomy frobnicate", "no variant 'frobnicate'"),
    ("anatomy zone-out", "did you mean 'zoneout'?"),
    ("anatomy dropout --dropout 1", "--dropout: expected a rate in [0, 1), received 1"),
    ("anatomy gal --recurrent-dropout -0.1", "--recurrent-dropout: expected a rate in [0, 1), received -0.1"),
    ("anatomy baseline --dropout 0.5", "--dropout: baseline has no such rate"),
    ("anatomy masked-carry --cell lstm", "--cell: masked-carry has no lstm cell, only gru"),
    ("anatomy --cell rnn", "--cell: expected one of gru, lstm, received 'rnn'"),
    ("anatomy gal --output cells.gif", "expected a name ending in .png, .svg, .pdf, received '.gif'"),
    ("train masked-carry --cell lstm", "--cell: masked-carry has no lstm cell, only gru"),
    (
        "train tests.nn.own_networks:make_plain --cell lstm",
        "--cell: tests.nn.own_networks:make_plain is your own network, whose cells are in its code",
    ),
    ("train --cell rnn", "--cell: expected one of gru, lstm, received 'rnn'"),
    ("train zoneout --recurrent-dropout 1", "--recurrent-dropout: expected a rate in [0, 1), received 1"),
    ("train dropout-before --recurrent-dropout 0.5", "--recurrent-dropout: dropout-before has no such rate"),
    ("train dropout-after --dropout -1", "--dropout: expected a rate in [0, 1), received -1"),
]


@pytest.mark.parametrize(("command", "message"), WRONG_USAGE)
def test_wrong_usage_is_one_line_and_code_2(rdrop, tmp_path, monkeypatch, command, message):
    monkeypatch.chdir(tmp_path)
    result = rdrop(*command.split())
    assert result.code == 2
    assert result.out == ""
    (line,) = result.err.splitlines()
    assert line.startswith("rdrop: ")
    assert message in line
    assert list(tmp_path.iterdir()) == []


def test_a_method_is_trained_with_the_other_cell_and_says_so(rdrop, weather_csv, tmp_path):
    runs = tmp_path / "runs"
    where = ["--runs-dir", str(runs), "--data-dir", str(tmp_path)]
    result = rdrop("train", "gal-tied", "--cell", "lstm", "--dataset", str(weather_csv), *SMALL, *where, "--json")
    assert result.code == 0, result.err
    (metrics,) = json.loads(result.out)
    assert (metrics["variant"], metrics["cell"], metrics["status"]) == ("gal-tied", "lstm", "completed")
    assert metrics["rates"] == {"dropout": 0.2, "recurrent_dropout": 0.2}
    assert metrics["run_id"].startswith("gal-tied-lstm-s0-")
    assert json.loads((runs / metrics["run_id"] / "config.json").read_text())["cell"] == "lstm"


def test_the_studys_cell_is_not_mentioned_in_a_runs_name():
    assert label_network("dropout", "gru") == "dropout"
    assert label_network("dropout", "lstm") == "dropout-lstm"


@pytest.mark.thorough
def test_anatomy_lets_tensorflow_write_nothing_to_stderr(start):
    process = start("anatomy", "baseline")
    out, err = process.communicate(timeout=120)
    assert (process.returncode, err) == (0, "")
    assert out.startswith("baseline, gru: no dropout")
