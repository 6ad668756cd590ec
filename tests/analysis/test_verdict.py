"""The verdict on the runs of a folder, for people and for scripts."""

import json

import numpy as np
import pytest

from rdrop_cli.analysis.claims import BENEFITS, CLAIMS
from rdrop_cli.analysis.claims_text import format_estimate, format_number
from rdrop_cli.analysis.judge import judge_claims
from rdrop_cli.analysis.verdict import CLAIM_IDS, check_claim_ids, judge_runs
from rdrop_cli.errors import UsageError
from rdrop_cli.files import to_json
from tests.analysis.made import make_level, make_run, make_settling
from tests.analysis.made_runs import save_made_run, save_made_study


def test_nine_seeds_settle_the_books_picture(tmp_path):
    save_made_study(tmp_path, range(9))
    judged = judge_runs([], tmp_path)
    undecided = {verdict.id for verdict in judged.claims if verdict.verdict != "holds"}
    assert undecided == {"same-mask-matters", "layer-before-hinders"}
    assert judged.find("resists-over-training").verdict == "holds"


def test_the_json_has_every_claim_with_its_figures(tmp_path):
    save_made_study(tmp_path, range(3))
    save_made_run(tmp_path, "begun", status="interrupted", day=2)
    document = json.loads(to_json(judge_runs([], tmp_path).to_json()))
    assert list(document) == ["claims", "benefits", "arms", "runs", "left_out", "notes"]
    assert [claim["id"] for claim in document["claims"]] == [claim.id for claim in CLAIMS]
    assert [claim["id"] for claim in document["benefits"]] == [claim.id for claim in BENEFITS]
    rise, missing = document["claims"][0], document["claims"][5]
    assert (rise["verdict"], rise["seeds"]) == ("undecided", [0, 1, 2])
    assert rise["interval"][0] < rise["estimate"] < rise["interval"][1]
    assert (missing["seeds"], missing["estimate"], missing["interval"]) == ([], None, None)
    assert document["claims"][3]["over_time"]["seeds"] == [0, 1, 2]
    assert len(document["runs"]) == 6
    assert document["left_out"][0]["run"] == "begun"
    assert document["left_out"][0]["reason"].startswith("interrupted")


def test_every_id_is_known_and_others_are_refused():
    check_claim_ids(CLAIM_IDS)
    with pytest.raises(UsageError, match=r"expected one of baseline-overfits, .*received 'overfits'"):
        check_claim_ids(["baseline-overfits", "overfits"])


def steadier(spread, jitter, seeds):
    """Judge claim 3 on a network whose scores rise by `spread` and jump from epoch to epoch by `jitter`."""
    runs = {"baseline": [], "dropout": []}
    trend = np.linspace(0, 1, 20)
    for seed in range(seeds):
        noise = np.random.default_rng(seed).normal(0, 1, (2, 20))
        runs["baseline"].append(make_run("baseline", seed, 0.27 + 0.03 * trend + 0.001 * noise[0]))
        runs["dropout"].append(make_run("dropout", seed, 0.27 + spread * trend + jitter * noise[1]))
    return judge_claims(runs)[2]


@pytest.mark.parametrize("seeds", [1, 4, 9])
def test_the_jitter_about_the_trend_always_stands_beside_the_scatter(seeds):
    against, neither = steadier(0.0, 0.004, seeds), steadier(0.0, 0.001, seeds)
    for verdict in (against, neither):
        assert "difference in the jitter about the trend" in verdict.sentence
        assert "difference in the jitter about the trend" in verdict.summary
        assert verdict.beside[0].name == "difference in the jitter about the trend"
    assert ": not as claimed)" in against.sentence
    assert seeds == 1 or ": either way)" in neither.sentence
    assert ": as claimed)" in steadier(0.0, 0.0001, seeds).sentence


def test_the_summary_is_short_and_says_what_is_waited_for(tmp_path):
    save_made_study(tmp_path, range(1))
    save_made_study(tmp_path / "three", range(3))
    one, three = judge_runs([], tmp_path), judge_runs([], tmp_path / "three")
    assert one.find("beats-naive").summary == "undecided: one seed decides nothing"
    assert one.find("same-mask-matters").summary == "undecided: no seed with dropout and naive-step"
    assert three.find("beats-naive").summary == "undecided: about 5 more seeds would settle it"
    assert three.find("best-not-much-lower").summary == "holds"


@pytest.mark.parametrize(
    ("target", "told"), [("T (degC)", "°C)"), ("p (mbar)", "mbar)"), ("price", None)], ids=["°C", "mbar", "no unit"]
)
def test_an_error_is_told_in_the_targets_own_unit(tmp_path, target, told):
    save_made_study(tmp_path, range(2), protocol={"target": target})
    sentence = judge_runs([], tmp_path).find("beats-naive").sentence
    assert ("°C" in sentence) == (told == "°C)")
    assert told is None or told in sentence
    assert told or "of the two -0.0" in sentence


def test_numbers_have_the_digits_of_their_unit_and_no_minus_zero():
    assert format_number(-0.00001, "standardised MAE") == "+0.0000"
    assert format_number(-0.0123, "standardised MAE") == "-0.0123"
    assert format_number(9.0, "epoch") == "9.0"
    assert format_estimate(None, None, "epochs") == "-"
    assert format_estimate(7.0, None, "epochs") == "+7.0 epochs"
    assert format_estimate(0.003, None, "standardised MAE an epoch") == "+0.00300 an epoch"


def test_a_longer_second_network_is_compared_at_equal_epochs_beside_its_own():
    level = make_settling(20, pace=4)
    longer = np.append(level, np.full(20, 0.2))
    runs = {
        "baseline": [make_run("baseline", seed, level) for seed in range(2)],
        "dropout": [make_run("dropout", seed, longer + make_level(40, 0) - 0.27) for seed in range(2)],
    }
    optimum = judge_claims(runs, BENEFITS)[0]
    assert optimum.estimate == pytest.approx(0)
    assert optimum.beside[0].estimate == pytest.approx(0.2 - level.min())
