"""Cases in which an earlier verdict was wrong, each with its right answer.

The numbers are those of the audit that they come from; the faults of its first section stand beneath.
"""

import shutil

import numpy as np
import pytest

from rdrop_cli.analysis.claims import CLAIMS
from rdrop_cli.analysis.collect import Attempts, collect_runs
from rdrop_cli.analysis.confirm import confirm_best
from rdrop_cli.analysis.joint_test import Plan
from rdrop_cli.analysis.looks import judge_runs
from rdrop_cli.analysis.questions import LEVEL
from rdrop_cli.analysis.verdict import judge_collection
from rdrop_cli.errors import UsageError
from rdrop_cli.report.summary import summarise, write_notes
from rdrop_cli.report.text import write_page
from rdrop_cli.report.words import explain_claim
from tests.analysis.made import make_collection, make_level, make_settling, make_v
from tests.analysis.made_runs import save_made_run, save_made_study


def overfit(seed, epochs=20, noise=0.002, turn=6):
    return make_v(epochs, turn, noise=noise, seed=seed)


def flat(seed, epochs=40, level=0.262, noise=0.002):
    return make_settling(epochs, pace=1.5, floor=level) + make_level(epochs, noise, 500 + seed) - 0.27


def study(seeds, **networks):
    networks = networks or {"baseline": overfit, "dropout": flat}
    return {name.replace("_", "-"): {seed: make(seed) for seed in seeds} for name, make in networks.items()}


def judge(studies, plan=None, attempts=None):
    return judge_collection(make_collection(studies, attempts), plan or Plan())


def test_1_a_claim_about_some_rates_is_not_judged_on_others_that_most_runs_have():
    studies = study(range(8)) | {"dropout 0.5/0.5": {seed: flat(seed) for seed in range(8)}}
    studies["dropout"] = {seed: overfit(seed, 40) for seed in range(7)}  # at 0.2/0.2 it overfits
    verdict = judge(studies).find("dropout-does-not-overfit")
    assert verdict.answer.seeds == tuple(range(7))
    assert verdict.answer.shown == 7
    assert verdict.verdict == "does-not-hold"
    del studies["dropout"]
    assert judge(studies).find("dropout-does-not-overfit").reason == "no-runs"


def test_2_one_question_has_one_answer_wherever_it_stands():
    judged = judge(study(range(12), baseline=overfit, dropout=lambda seed: flat(seed, level=0.252)))
    row = next(row for row in judged.networks if row.answer)
    claim = judged.find("better-optimum")
    assert row.answer is claim.answer is judged.find("best-not-much-lower").answer
    assert (row.effect, claim.verdict) == ("lower", "holds")
    document = judged.to_json()
    (question,) = [each for each in document["questions"] if each["id"] == LEVEL.id]
    (network,) = [each for each in document["networks"] if each["question"] == LEVEL.id]
    (listed,) = [each for each in document["claims"] if each["id"] == "better-optimum"]
    assert question["interval"] == network["interval"] == listed["interval"] == claim.answer.interval
    assert len({each["id"] for each in document["questions"]}) == len(document["questions"])


def test_3_four_variants_and_eight_seeds_decide_a_large_effect():
    judged = judge(study(range(8), baseline=overfit, dropout=flat, naive_step=flat, dropout_before=flat))
    assert judged.find("baseline-overfits").verdict == "holds"
    assert judged.find("resists-over-training").verdict == "holds"
    assert judged.find("beats-naive").verdict == "holds"


def test_4_networks_are_ranked_by_what_they_are_compared_by():
    """A network that goes on to fall after the baseline's last epoch is not ranked by those epochs."""
    slow = {seed: np.linspace(0.32, 0.2549, 80) + make_level(80, 0.001, seed) - 0.27 for seed in range(8)}
    judged = judge(study(range(8)) | {"zoneout": slow})
    assert [row.label for row in judged.networks][-1] == "zoneout 0.2/0.2"
    assert judged.networks[-1].effect == "higher"


def test_5_copies_of_one_seed_do_not_outvote_seeds(tmp_path):
    save_made_study(tmp_path, range(8))
    for copy in range(9):
        save_made_run(tmp_path, f"copy-{copy}", "dropout", 0, rates=(0.5, 0.2), day=2 + copy)
    judged = judge_runs([], tmp_path)
    assert judged.find("most-seeds-do-not-overfit").answer.seeds == tuple(range(8))
    row = next(row for row in judged.networks if row.label == "dropout 0.5/0.2")
    assert (row.seeds, row.attempts.tried) == ((0,), 1)


def test_6_published_curves_are_cut_to_the_epochs_of_the_runs_and_are_not_there_at_other_rates(tmp_path):
    for seed in range(8):
        save_made_run(tmp_path, f"b-{seed}", "baseline", seed, overfit(seed)[:10])
        save_made_run(tmp_path, f"d-{seed}", "dropout", seed, flat(seed)[:10], rates=(0.5, 0.5))
    judged = judge_runs([], tmp_path)
    assert judged.find("baseline-overfits").published == 0.0  # after ten epochs the published one had not risen much
    assert judged.find("best-not-much-lower").published is None
    save_made_study(tmp_path / "long", range(8))
    assert judge_runs([], tmp_path / "long").find("baseline-overfits").published == 1.0


def test_7_runs_that_failed_are_counted_and_told(tmp_path):
    save_made_study(tmp_path, range(8))
    for seed in range(8, 12):
        save_made_run(
            tmp_path, f"failed-{seed}", "dropout", seed, status="failed", failure="the loss is nan at epoch 3"
        )
    judged = judge_runs([], tmp_path)
    row = next(row for row in judged.networks if row.network.variant == "dropout")
    assert row.attempts == Attempts(8, 4, 0, ("the loss is nan at epoch 3",) * 4)
    page = " ".join(" ".join(write_page(judged)).split())
    assert "8 of 12" in page
    assert "8 of 12 seeds are judged; 4 failed (the loss is nan at epoch 3)" in page


def test_8_a_network_below_the_baseline_at_every_epoch_does_not_take_longer():
    below = {seed: overfit(seed) - 0.01 for seed in range(8)}
    below = {seed: np.concatenate([curve, np.full(20, curve[5] - 0.002)]) for seed, curve in below.items()}
    judged = judge(study(range(8)) | {"dropout": below})
    assert judged.find("longer-to-converge").verdict == "does-not-hold"
    for first in (0.3526, 0.5):  # nor does the first epoch of the baseline, however bad, make it
        studies = study(range(8)) | {"dropout": below}
        for curve in studies["baseline"].values():
            curve[0] = first
        assert judge(studies).find("longer-to-converge").answer == judged.find("longer-to-converge").answer


def test_9_networks_are_ranked_over_the_seeds_that_both_have():
    """Seeds 0 to 2 are bad ones, which the worse network was not trained on."""
    hard = {seed: 0.03 * (seed < 3) for seed in range(9)}
    studies = {
        "baseline": {seed: flat(seed, 20) + hard[seed] for seed in range(9)},
        "dropout": {seed: flat(seed, 40, level=0.264) for seed in range(3, 9)},
        "zoneout": {seed: flat(seed, 40, level=0.261) + hard[seed] for seed in range(9)},
    }
    judged = judge(studies)
    assert [row.network.variant for row in judged.networks] == ["zoneout", "baseline", "dropout"]
    assert judged.networks[2].answer.seeds == tuple(range(3, 9))


@pytest.mark.parametrize("scale", [1.0, 0.02 / 0.26])
def test_10_margins_are_of_the_size_of_the_errors(scale):
    studies = {
        name: {seed: scale * curve for seed, curve in by_seed.items()} for name, by_seed in study(range(8)).items()
    }
    collection = make_collection(studies)
    for runs in collection.networks.values():
        for run in runs:
            object.__setattr__(run, "naive_val_mae", scale * run.naive_val_mae)
    judged = judge_collection(collection, Plan())
    assert judged.margin == pytest.approx(0.0058 * scale)
    assert judged.find("baseline-overfits").verdict == "holds"
    worse = judged.collection.networks[judged.collection.claimed["dropout"]]
    for run in worse:
        object.__setattr__(run, "val_loss", 1.19 * run.val_loss)
    assert judge_collection(judged.collection, Plan()).find("best-not-much-lower").verdict == "does-not-hold"


def test_11_none_of_what_only_looks_like_it():
    steady = {seed: np.linspace(0.30, 0.262, 40) + 1e-5 * seed for seed in range(8)}
    judged = judge(study(range(8), baseline=lambda seed: flat(seed, 20)) | {"dropout": steady})
    assert judged.find("steadier-scores").verdict == "holds"  # a descent without noise is steadier than a noisy plateau
    late = judge({"baseline": {seed: overfit(seed, 40, turn=36) for seed in range(8)}})
    assert late.find("baseline-overfits").verdict == "does-not-hold"
    collection = make_collection(study(range(8)))
    for run in collection.networks[collection.claimed["dropout"]]:  # worse on training and validation
        object.__setattr__(run, "val_loss", run.val_loss + 0.05)
        object.__setattr__(run, "train_mae", run.val_loss - 0.001)
    assert judge_collection(collection, Plan()).find("smaller-gap").verdict == "does-not-hold"


@pytest.mark.parametrize("seeds", [1, 2, 5])
def test_12_few_seeds_decide_nothing_and_nothing_is_said_of_another_period(tmp_path, seeds):
    save_made_study(tmp_path, range(seeds))
    judged = judge_runs([], tmp_path)
    assert {verdict.verdict for verdict in judged.claims} == {"undecided"}
    text = " ".join(write_page(judged, explain=True))
    assert "another" not in summarise(judged)
    assert "periods like this one" not in text


def test_13_what_is_missing_is_named_and_nothing_is_promised():
    judged = judge(study(range(5)))
    assert "Nothing can be decided before 8 seeds." in explain_claim(judged.find("resists-over-training"), judged)
    short = judge({"baseline": {0: overfit(0)}, "dropout": {0: flat(0, 20)}})
    words = explain_claim(short.find("dropout-does-not-overfit"), short)
    assert words == "undecided: a run of dropout has fewer than 30 epochs."
    question = next(each for each in judged.to_json()["questions"] if each["id"] == LEVEL.id)
    assert {each["bound"] for each in question["p"]} == {-judged.margin, 0.0, judged.margin}


def test_14_about_the_same_and_better_may_both_hold_and_are_told_together():
    studies = study(range(16), baseline=lambda seed: flat(seed, 20, noise=0.0005))
    studies["dropout"] = {seed: flat(seed, level=0.2597, noise=0.0005) for seed in range(16)}
    judged = judge(studies)
    assert judged.find("better-optimum").verdict == judged.find("best-not-much-lower").verdict == "holds"
    assert "Its best error is lower than the baseline's, by less than the margin: -0.002" in summarise(judged)


def test_a_noisier_network_does_not_find_a_better_optimum():
    """The published jitters and one level: a verdict on best epochs called this better in 0.89 of studies."""
    rng, decided = np.random.default_rng(6), 0
    for _ in range(10):
        networks = {"baseline": (0.0020, 20), "dropout": (0.0036, 40)}
        studies = {
            name: {s: make_settling(n, 1.5, 0.2655) + rng.normal(0, jitter, n) for s in range(30)}
            for name, (jitter, n) in networks.items()
        }
        decided += judge(studies).find("better-optimum").verdict == "holds"
    assert decided <= 1


def test_networks_at_the_naive_error_do_not_beat_it():
    rng = np.random.default_rng(7)
    studies = {
        name: {s: make_settling(n, 1.5, 0.29) + rng.normal(0, 0.002, n) for s in range(30)}
        for name, n in (("baseline", 20), ("dropout", 40))
    }
    assert judge(studies).find("beats-naive").verdict != "holds"


@pytest.mark.thorough
@pytest.mark.parametrize("seeds", [8, 16, 30])
def test_bad_seeds_are_not_hidden_by_a_mean(seeds):
    rng, held = np.random.default_rng(100 + seeds), 0
    for _ in range(30):
        bad = rng.random(seeds) < 0.15
        studies = {"dropout": {s: overfit(s, 40) if bad[s] else flat(s) for s in range(seeds)}}
        judged = judge(studies)
        held += judged.find("dropout-does-not-overfit").verdict == "holds"
        assert f"{bad.sum()} of {seeds} seed" in summarise(judged)
    assert held <= 3


def test_a_winner_is_called_chosen_until_fresh_seeds_confirm_it():
    seeds = range(16)
    studies = {"baseline": {s: flat(s, 20) for s in seeds}} | {
        f"dropout {rates}": {s: flat(1000 * place + s, level=level) for s in seeds}
        for place, (rates, level) in enumerate({"0.1/0.1": 0.262, "0.2/0.5": 0.262, "0.5/0.5": 0.255}.items())
    }
    judged = judge(studies)
    assert [row.label for row in judged.networks if row.is_chosen] == ["dropout 0.5/0.5"]
    assert any("judge both on those seeds alone" in note for note in write_notes(judged))
    confirmed = confirm_best(judged.collection, Plan(), 8)
    assert [row.label for row in confirmed.networks] == ["dropout 0.5/0.5", "baseline"]
    assert confirmed.networks[0].answer.seeds == tuple(range(8, 16))
    assert not confirmed.networks[0].is_chosen
    assert confirmed.networks[0].effect == "lower"
    best = "dropout 0.5/0.5, the best of 4 networks on the seeds below 8, has a lower error than baseline on those"
    assert summarise(confirmed).startswith(best)


def test_what_was_chosen_but_not_trained_on_fresh_seeds_is_told(tmp_path):
    for place, (variant, level) in enumerate({"baseline": 0.27, "dropout": 0.26, "naive-step": 0.28}.items()):
        for cell in ("gru", "lstm"):
            for seed in range(2 if (variant, cell) == ("dropout", "lstm") else 4):
                curve = flat(10 * seed + place, level=level)
                save_made_run(tmp_path, f"{variant}-{cell}-{seed}", variant, seed, curve, document={"cell": cell})
    told = summarise(confirm_best(judge_runs([], tmp_path).collection, Plan(), 2))
    assert "dropout-lstm 0.2/0.2, the best of 3 networks on the seeds below 2, shares none from 2 on with its" in told
    for seed in (2, 3):
        shutil.rmtree(tmp_path / f"dropout-gru-{seed}")
    with pytest.raises(UsageError, match=r"train dropout 0\.2/0\.2 and baseline and dropout-lstm .* from seed 2 on"):
        confirm_best(judge_runs([], tmp_path).collection, Plan(), 2)


def test_a_note_says_that_the_input_mask_is_another_without_a_recurrent_rate():
    studies = {f"dropout {rates}": {s: flat(s) for s in range(4)} for rates in ("0.2/0", "0.2/0.2", "0/0.2")}
    (note,) = [note for note in write_notes(judge(studies)) if "input mask" in note]
    assert note.startswith("dropout: as in Keras, all gates share an input mask where the recurrent rate is 0")
    del studies["dropout 0.2/0"]
    assert not [note for note in write_notes(judge(studies)) if "input mask" in note]


def test_the_best_of_each_cell_is_chosen_from_those_of_its_cell(tmp_path):
    for place, (variant, level) in enumerate({"baseline": 0.27, "dropout": 0.26, "naive-step": 0.28}.items()):
        for cell in ("gru", "lstm"):
            for seed in range(4):
                curve = flat(10 * seed + place, level=level - 0.03 * (cell == "lstm"))
                save_made_run(tmp_path, f"{variant}-{cell}-{seed}", variant, seed, curve, document={"cell": cell})
    judged = judge_runs([], tmp_path)
    chosen = {row.label: row.chosen_from for row in judged.networks if row.is_chosen}
    assert chosen == {"dropout 0.2/0.2": 3, "dropout-lstm 0.2/0.2": 3}
    assert {row.label for row in confirm_best(judged.collection, Plan(), 2).networks if row.reference} == set(chosen)


def test_seeds_beyond_the_plan_decide_what_is_rare_and_the_page_says_so():
    judged = judge(study(range(40)))
    assert any(note.endswith("but decide no more than whether a share is rare.") for note in write_notes(judged))


def test_every_reading_that_is_not_judged_is_named():
    readings = {claim.id for claim in CLAIMS if claim.other_reading}
    assert {"dropout-does-not-overfit", "steadier-scores", "best-not-much-lower"} <= readings


def test_a_period_effect_is_not_decided_by_more_seeds(tmp_path):
    """All seeds agree on a difference that the blocks of the period do not: more of them do not decide it."""
    rng = np.random.default_rng(3)
    blocks = np.repeat(rng.normal(0.0, 0.02, 12), 14)
    for seed in range(12):
        for variant, level in (("baseline", 0.262), ("dropout", 0.2595)):
            folder = save_made_run(tmp_path, f"{variant}-{seed}", variant, seed, flat(seed, 40, level, noise=0.0005))
            daily = 0.26 + (blocks if variant == "dropout" else 0 * blocks)
            lines = [f"{np.datetime64('2012-01-01') + day},144,{error!r}" for day, error in enumerate(daily.tolist())]
            folder.daily_errors_path.write_text("\n".join(["day,windows,val_mae", *lines]) + "\n")
    judged = judge_runs([], tmp_path)
    claim = judged.find("better-optimum")
    assert claim.answer.seeds_interval.high < 0
    assert (claim.verdict, claim.reason, claim.outlook.kind) == ("undecided", "period", "period")
    for folder in tmp_path.glob("*/daily_errors.csv"):
        folder.unlink()
    assert judge_runs([], tmp_path).find("better-optimum").verdict == "holds"
    assert collect_runs([], tmp_path).damaged == ()


def improve(seed, epochs=40):
    """A run whose validation error falls to its last epoch."""
    return 0.3 - 0.002 * np.arange(epochs) + 1e-6 * seed


def test_that_a_network_does_not_overfit_is_not_said_of_runs_that_still_improve():
    seeds = range(30)
    trained = study(seeds, baseline=lambda seed: flat(seed, 20), dropout=flat)
    assert judge(trained).find("baseline-overfits").verdict == "does-not-hold"
    trained["baseline"][3] = improve(3, 20)
    judged = judge(trained)
    claim = judged.find("baseline-overfits")
    assert (claim.verdict, claim.reason, claim.improving) == ("undecided", "still-improving", (3,))
    assert "baseline was still improving at its end with seed 3" in explain_claim(claim, judged)
    overfitting = study(seeds, baseline=lambda seed: improve(seed, 20) if seed == 3 else overfit(seed), dropout=flat)
    assert judge(overfitting).find("baseline-overfits").verdict == "holds", "what overfits is seen all the same"
