"""Claims are judged as the runs deserve: settled where they settle it, undecided where they cannot."""

from dataclasses import asdict

import numpy as np
import pytest

from rdrop_cli.analysis.claims import BENEFITS, CLAIMS, SCORE_MARGIN, Claim, Region
from rdrop_cli.analysis.estimates import Estimate, Evidence
from rdrop_cli.analysis.judge import count_more_seeds, judge_claims
from rdrop_cli.analysis.run import RunCurves
from rdrop_cli.errors import DataError
from rdrop_cli.files import to_json
from tests.analysis.made import make_level, make_run, make_settling, make_v

SEEDS = range(9)


def make_study(seeds=SEEDS, dropout_shift=0.0):
    """Runs as the book has them: a baseline that turns up at epoch 6, dropout slower and level at the same best."""
    baseline, dropout = [], []
    for seed in seeds:
        up = make_v(20, 6, noise=0.001, seed=seed, fall=0.004, climb=0.003)
        level = make_settling(40, pace=4, floor=0.26) + make_level(40, noise=0.001, seed=100 + seed) - 0.27
        baseline.append(make_run("baseline", seed, up, up - 0.002 * np.arange(20), test_mae=0.27))
        dropout.append(make_run("dropout", seed, level + dropout_shift, level, test_mae=0.27))
    return {"baseline": baseline, "dropout": dropout}


def judge(runs, claims=CLAIMS):
    return {verdict.id: verdict for verdict in judge_claims(runs, claims)}


@pytest.fixture(scope="module")
def nine_seeds():
    return judge(make_study())


def test_nine_seeds_of_the_books_picture_settle_its_claims(nine_seeds):
    settled = {name: v.verdict for name, v in nine_seeds.items() if v.estimate is not None}
    assert settled == dict.fromkeys(
        [
            "baseline-overfits",
            "dropout-does-not-overfit",
            "steadier-scores",
            "best-not-much-lower",
            "longer-to-converge",
            "beats-naive",
        ],
        "holds",
    )
    rise = nine_seeds["baseline-overfits"]
    assert rise.seeds == tuple(SEEDS)
    assert rise.interval.low < rise.estimate < rise.interval.high
    assert (rise.p, rise.p_holm) == (2 / 2**9, 5 * 2 / 2**9)
    assert rise.more_seeds is None
    assert rise.sentence.startswith("holds: ")


def test_claims_without_their_runs_are_undecided_and_do_not_count_in_holms_correction(nine_seeds):
    missing = nine_seeds["same-mask-matters"]
    assert (missing.verdict, missing.seeds, missing.p, missing.agrees) == ("undecided", (), None, None)
    assert "no seed with finished runs of dropout and naive-step" in missing.sentence


def test_the_opposite_picture_does_not_hold():
    study = make_study()
    swapped = {
        "baseline": [make_run("baseline", r.seed, r.val_loss) for r in study["dropout"]],
        "dropout": [make_run("dropout", r.seed, np.append(r.val_loss, r.val_loss[-1] + np.arange(10) * 0.003))
                    for r in study["baseline"]],
    }  # fmt: skip
    verdicts = judge(swapped)
    for claim in ("baseline-overfits", "dropout-does-not-overfit", "steadier-scores", "longer-to-converge"):
        assert verdicts[claim].verdict == "does-not-hold", claim
        assert verdicts[claim].sentence.startswith("does not hold: ")


def test_a_best_score_beyond_the_margin_is_not_about_the_same():
    assert judge(make_study(dropout_shift=-0.02))["best-not-much-lower"].verdict == "does-not-hold"
    assert judge(make_study(dropout_shift=+0.02))["best-not-much-lower"].verdict == "does-not-hold"


def test_a_network_worse_than_the_naive_forecast_does_not_beat_it():
    assert judge(make_study(dropout_shift=+0.05))["beats-naive"].verdict == "does-not-hold"


def test_five_seeds_cannot_settle_it_and_say_how_many_more_would():
    verdict = judge(make_study(range(5)))["baseline-overfits"]
    assert (verdict.verdict, verdict.agrees, verdict.p) == ("undecided", True, 0.0625)
    assert "5 seeds cannot reach p < 0.05 (at best 0.062)" in verdict.sentence
    assert verdict.more_seeds == 3  # eight seeds: 2 / 2^8 is below 0.05 / 6
    assert "about 3 more seeds would settle it" in verdict.sentence


def test_six_seeds_settle_a_claim_that_is_judged_alone():
    verdict = judge(make_study(range(6)), CLAIMS[:1])["baseline-overfits"]
    assert (verdict.verdict, verdict.p_holm) == ("holds", 2 / 2**6)


def test_as_many_seeds_as_were_said_do_settle_it():
    more = judge(make_study(range(5)))["baseline-overfits"].more_seeds
    assert judge(make_study(range(5 + more)))["baseline-overfits"].verdict == "holds"
    assert judge(make_study(range(5 + more - 1)))["baseline-overfits"].verdict == "undecided"


ABOVE_ZERO = Region(low=0.0)


def make_evidence(values, region=ABOVE_ZERO):
    claim = Claim("x", "x", ("baseline",), "x", lambda runs: 0.0, region)
    return Evidence(claim, {}, Estimate(dict(enumerate(values))))


def test_the_seeds_still_needed_follow_from_the_spread():
    one_sd_away = make_evidence([0.0, 2.0, 1.0 - np.sqrt(0.5), 1.0 + np.sqrt(0.5)])  # mean 1, sd 1
    assert count_more_seeds(one_sd_away, tested=1) == 10 - 4
    assert count_more_seeds(make_evidence([1.0, -1.0, 0.01]), tested=1) is None
    assert count_more_seeds(make_evidence([1.0, -1.0]), tested=1) is None
    assert count_more_seeds(make_evidence([2.0, 2.0, 2.0]), tested=1) == 6 - 3


def test_equivalence_needs_no_sign_flips():
    close = make_evidence([0.001, -0.001, 0.0012], Region(-1, 1))
    assert count_more_seeds(close, tested=6) == 1


def test_noise_alone_settles_hardly_anything():
    wrong = 0
    for study in range(60):
        runs = {
            variant: [make_run(variant, seed, make_level(40, seed=[study, seed, i])) for seed in range(8)]
            for i, variant in enumerate(("baseline", "dropout"))
        }
        wrong += any(v.verdict != "undecided" for v in judge_claims(runs, BENEFITS))
    assert wrong <= 7  # 3 of 60 expected at most


def judge_values(values, region=ABOVE_ZERO):
    """Judge one claim whose number for a seed is the test error of its run."""
    claim = Claim("x", "x", ("baseline",), "x", lambda runs: runs[0].test_mae, region)
    runs = [make_run("baseline", seed, make_level(10), test_mae=value) for seed, value in enumerate(values)]
    return judge_claims({"baseline": runs}, [claim])[0]


def test_a_small_p_alone_settles_nothing_where_the_interval_reaches_across_the_bound():
    verdict = judge_values([0.1, 0.1, 0.1, 0.2, 0.1, 0.1, 0.1, 0.1, 9.0])
    assert verdict.p_holm < 0.05
    assert verdict.interval.low < 0
    assert verdict.verdict == "undecided"


def test_an_interval_alone_settles_nothing_where_p_cannot_be_small():
    verdict = judge_values([0.1, 0.11, 0.09, 0.1])
    assert verdict.interval.low > 0
    assert verdict.verdict == "undecided"


def test_a_claim_with_a_margin_is_tested_against_the_margin():
    above_margin = Region(low=0.005)
    assert judge_values([0.004, 0.006, 0.0045, 0.0055, 0.0048, 0.0052], above_margin).p > 0.5
    assert judge_values([0.001, 0.002, 0.003, 0.001, 0.002, 0.003], above_margin).verdict == "does-not-hold"


def test_seeds_are_paired_and_a_seed_without_its_partner_is_left_out():
    study = make_study(range(4))
    uneven = {"baseline": study["baseline"][::-1], "dropout": study["dropout"][1:]}
    verdicts = judge(uneven)
    assert verdicts["best-not-much-lower"].seeds == (1, 2, 3)
    assert verdicts["baseline-overfits"].seeds == (0, 1, 2, 3)
    best = [d.val_loss[:20].min() - b.val_loss.min() for b, d in zip(study["baseline"], study["dropout"], strict=True)]
    assert verdicts["best-not-much-lower"].estimate == pytest.approx(np.mean(best[1:]))


def test_the_longer_run_has_no_advantage():
    level = make_level(20)
    longer = np.append(level, [0.1] * 20)
    runs = {"baseline": [make_run("baseline", 0, level)], "dropout": [make_run("dropout", 0, longer)]}
    best = judge(runs)["best-not-much-lower"]
    assert best.estimate == 0
    assert best.beside[0].estimate == pytest.approx(0.1 - level.min())


def test_the_naive_forecast_is_compared_with_the_worse_network_at_equal_epochs():
    level = make_level(20)
    worse_but_longer = np.append(level + 0.05, [0.1] * 20)
    runs = {"baseline": [make_run("baseline", 0, level)], "dropout": [make_run("dropout", 0, worse_but_longer)]}
    assert judge(runs)["beats-naive"].estimate == pytest.approx(level.min() + 0.05 - 0.29)


def test_the_claim_of_30_epochs_is_not_judged_by_20():
    runs = {"dropout": [make_run("dropout", seed, make_level(20, seed=seed)) for seed in range(9)]}
    verdict = judge(runs)["dropout-does-not-overfit"]
    assert (verdict.verdict, verdict.seeds) == ("undecided", ())
    assert "at least 30 epochs" in verdict.sentence


def test_the_two_benefits_come_apart():
    verdicts = judge(make_study(), BENEFITS)
    assert verdicts["resists-over-training"].verdict == verdicts["smaller-gap"].verdict == "holds"
    assert abs(verdicts["better-optimum"].estimate) < SCORE_MARGIN
    assert verdicts["resists-over-training"].estimate == pytest.approx(-0.042, abs=0.003)


def test_a_gap_needs_a_training_error_without_dropout():
    study = make_study(range(3))
    blind = [make_run("baseline", run.seed, run.val_loss) for run in study["baseline"]]
    assert judge({**study, "baseline": blind}, BENEFITS)["smaller-gap"].seeds == ()


def test_step_masks_and_layers_before_are_judged_by_their_best_score():
    study = make_study()
    for variant, worse_than in (("naive-step", "dropout"), ("dropout-before", "baseline")):
        study[variant] = [make_run(variant, run.seed, run.val_loss + 0.01) for run in study[worse_than]]
    verdicts = judge(study)
    for claim in ("same-mask-matters", "layer-before-hinders"):
        assert verdicts[claim].verdict == "holds"
        assert verdicts[claim].estimate == pytest.approx(0.01)
        assert verdicts[claim].effect is None or verdicts[claim].effect > 100


def test_the_test_error_stands_beside_where_it_was_measured():
    side = judge(make_study(range(3)))["best-not-much-lower"].beside[1]
    assert (side.seeds, side.estimate) == ((0, 1, 2), 0.0)


def test_errors_are_told_in_degrees_too(nine_seeds):
    rise = nine_seeds["baseline-overfits"]
    assert f"{rise.estimate:+.4f} ({rise.estimate * 8.84:+.3f} °C)" in rise.sentence
    assert "epochs [" in nine_seeds["longer-to-converge"].sentence


def test_a_verdict_is_strict_json(nine_seeds):
    assert '"verdict": "holds"' in to_json([asdict(v) for v in nine_seeds.values()])


def test_no_runs_at_all_leave_every_claim_undecided():
    assert {verdict.verdict for verdict in judge_claims({})} == {"undecided"}


def test_two_runs_of_one_seed_and_a_run_in_the_wrong_place_are_refused():
    run = make_run("baseline", 3, make_level(20))
    with pytest.raises(DataError, match="two of seed 3"):
        judge_claims({"baseline": [run, run]})
    with pytest.raises(DataError, match="runs of dropout: received a run of baseline"):
        judge_claims({"dropout": [run]})


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"val_loss": np.array([0.3, np.nan])}, "dropout, seed 5: val_loss: epoch 2 is nan"),
        ({"loss": np.array([0.3])}, "dropout, seed 5: loss has 1 epochs, val_loss has 2"),
        ({"val_loss": np.array([])}, "dropout, seed 5: val_loss: expected at least 1 epochs"),
        ({"train_mae": np.array([np.inf, 0.3])}, "dropout, seed 5: train_mae: epoch 1 is inf"),
        ({"test_mae": np.nan}, "dropout, seed 5: test_mae is nan"),
        ({"naive_val_mae": np.inf}, "dropout, seed 5: naive_val_mae is inf"),
    ],
)
def test_a_run_that_cannot_be_judged_is_named(change, named):
    good = {"loss": np.array([0.3, 0.2]), "val_loss": np.array([0.3, 0.2]), "train_mae": None, "test_mae": None}
    with pytest.raises(DataError, match=named):
        RunCurves(**{"variant": "dropout", "seed": 5, "naive_val_mae": 0.29, "target_std": 8.84, **good, **change})


def test_the_curves_of_a_run_cannot_be_changed():
    values = make_level(12)
    run = make_run("baseline", 0, values)
    values[0] = 9
    assert run.val_loss[0] < 1
    with pytest.raises(ValueError, match="read-only"):
        run.val_loss[0] = 9


def test_the_claims_are_eight_and_every_id_is_its_own():
    ids = [claim.id for claim in (*CLAIMS, *BENEFITS)]
    assert len(CLAIMS) == 8
    assert len(set(ids)) == len(ids)
