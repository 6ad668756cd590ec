"""`rdrop verdict`: a line a claim for people, JSON for scripts, exit codes for Makefiles."""

import json
import re

import pytest

from rdrop_cli.analysis.verdict import CLAIM_IDS
from tests.analysis.made_runs import save_made_run, save_made_study


@pytest.fixture(scope="module")
def eight_seeds(tmp_path_factory):
    """A runs folder that settles most claims."""
    folder = tmp_path_factory.mktemp("eight")
    save_made_study(folder, range(8))
    return folder


@pytest.fixture(scope="module")
def one_seed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("one")
    save_made_study(folder, range(1))
    return folder


def test_every_claim_has_one_line_with_its_figures_and_verdict(rdrop, eight_seeds):
    result = rdrop("verdict", "--runs-dir", eight_seeds)
    assert (result.code, result.err) == (0, "")
    lines = [line.split() for line in result.out.splitlines()]
    rows = {line[0]: line[1:] for line in lines if line and line[0] in CLAIM_IDS}
    assert list(rows) == list(CLAIM_IDS)
    assert rows["baseline-overfits"][0] == "+0.0319"
    assert rows["baseline-overfits"][-2:] == ["8", "holds"]
    assert re.fullmatch(r"\+0\.03\d\d \[\+0\.03\d\d, \+0\.03\d\d\]", " ".join(rows["baseline-overfits"][1:4]))
    assert rows["longer-to-converge"][:2] == ["+7.0", "epochs"]


def test_it_says_what_was_judged_and_every_verdict_in_words(rdrop, eight_seeds):
    out = rdrop("verdict", "--runs-dir", eight_seeds).out
    assert out.startswith("baseline seeds 0-7, dropout seeds 0-7; jena data, book protocol\n")
    assert "beats-naive: Both networks beat the naive forecast.\n    holds: " in out
    assert "after Holm's correction over 6" in out
    assert out.index("What the book runs together") < out.index("better-optimum") < out.index("resists-over-training")
    assert "another such period would probably show it too" in out


def test_one_seed_says_what_it_saw_and_that_it_decides_nothing(rdrop, one_seed):
    out = rdrop("verdict", "--runs-dir", one_seed).out
    assert "baseline seed 0, dropout seed 0; " in out
    assert "undecided: seed 0 shows rise of the validation loss from its lowest to its end +0.03" in out
    assert out.count("one seed decides nothing") == 2 * 9
    assert "holds" not in re.sub("does not hold", "", out)


def test_json_is_json_alone(rdrop, eight_seeds):
    document = json.loads(rdrop("verdict", "--runs-dir", eight_seeds, "--json").out)
    claims = {claim["id"]: claim for claim in document["claims"]}
    assert claims["baseline-overfits"]["verdict"] == "holds"
    assert claims["baseline-overfits"]["seeds"] == list(range(8))
    assert claims["same-mask-matters"]["estimate"] is None
    assert document["left_out"] == []


def test_what_is_left_out_is_named_on_stderr_and_in_the_json(rdrop, tmp_path):
    save_made_study(tmp_path, range(2))
    save_made_run(tmp_path, "begun", seed=5, status="interrupted", day=2)
    save_made_run(tmp_path, "other", seed=6, sha256="6" * 64)
    result = rdrop("verdict", "--runs-dir", tmp_path, "--json")
    assert result.code == 0
    assert [left["run"] for left in json.loads(result.out)["left_out"]] == ["begun", "other"]
    assert "left out: begun: interrupted" in result.err
    assert "left out: other: other data than" in result.err


def test_runs_may_be_named(rdrop, eight_seeds):
    out = rdrop("verdict", "baseline-s3", "dropout-s3", "dropout-s4", "--runs-dir", eight_seeds).out
    assert out.startswith("baseline seed 3, dropout seeds 3-4; ")


def test_data_that_are_not_the_published_ones_are_told(rdrop, tmp_path):
    save_made_run(tmp_path, "run", verified=False)
    result = rdrop("verdict", "--runs-dir", tmp_path)
    assert "note: jena: the data have the published structure" in result.err
    assert "jena data (not the published file)" in result.out


@pytest.mark.parametrize(
    ("required", "code"),
    [
        (["baseline-overfits"], 0),
        (["baseline-overfits", "resists-over-training"], 0),
        (["same-mask-matters"], 3),
        (["baseline-overfits", "better-optimum"], 3),
    ],
)
def test_a_required_claim_that_does_not_hold_ends_with_code_3(rdrop, eight_seeds, required, code):
    options = [word for claim in required for word in ("--require", claim)]
    result = rdrop("verdict", "--runs-dir", eight_seeds, *options)
    assert result.code == code
    assert result.out.startswith("baseline")
    assert result.err.startswith(f"rdrop: --require {required[-1]}: undecided: ") == (code == 3)


def test_a_required_claim_that_is_refuted_ends_with_code_3(rdrop, tmp_path):
    for seed in range(8):
        save_made_run(tmp_path, f"level-{seed}", "baseline", seed, val_loss=[0.27 + seed / 1e5] * 20)
    result = rdrop("verdict", "--runs-dir", tmp_path, "--require", "baseline-overfits", "--json")
    assert result.code == 3
    assert json.loads(result.out)["claims"][0]["verdict"] == "does-not-hold"
    assert "rdrop: --require baseline-overfits: does not hold" in result.err


def test_an_unknown_claim_is_wrong_usage_and_the_known_are_named(rdrop, one_seed):
    result = rdrop("verdict", "--runs-dir", one_seed, "--require", "overfits")
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith("rdrop: --require: expected one of baseline-overfits, ")
    assert result.err.rstrip().endswith("received 'overfits'")


def test_without_a_run_that_can_be_judged_there_is_no_verdict(rdrop, tmp_path):
    save_made_run(tmp_path, "begun", status="interrupted")
    result = rdrop("verdict", "--runs-dir", tmp_path)
    assert (result.code, result.out) == (1, "")
    first, last = result.err.splitlines()
    assert first.startswith("left out: begun: interrupted")
    assert last == f"rdrop: no run in {tmp_path} can be judged; `rdrop train --seeds 0-7` makes some"


def test_a_name_of_no_run_is_a_failure(rdrop, one_seed):
    result = rdrop("verdict", "nothing", "--runs-dir", one_seed)
    assert (result.code, result.out) == (1, "")
    assert "no run 'nothing'" in result.err


def test_the_help_tells_the_exit_code(rdrop):
    assert "exit code 3" in " ".join(rdrop("verdict", "--help").out.split())


def test_plot_draws_seeds_and_the_published_curves(rdrop, eight_seeds, tmp_path):
    picture = tmp_path / "curves.svg"
    assert rdrop("plot", "--runs-dir", eight_seeds, "--out", picture, "--published").code == 0
    text = picture.read_text()
    for words in ("baseline, 8 seeds", "dropout, 8 seeds", "baseline, published", "lowest to highest seed"):
        assert words in text


def test_plot_refuses_published_curves_of_another_quantity(rdrop, tmp_path):
    save_made_run(tmp_path, "run", protocol={"target": "p (mbar)"})
    result = rdrop("plot", "--runs-dir", tmp_path, "--published")
    assert (result.code, result.out) == (2, "")
    assert "no published curve to lay over these runs: run differs from the published runs in target" in result.err
    assert not (tmp_path / "comparison.png").exists()
