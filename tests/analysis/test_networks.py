"""Every network over its seeds and beside its reference: told as it was made, and no surer than the seeds allow."""

import json

import numpy as np
import pytest

from rdrop_cli.analysis.network import Arm
from rdrop_cli.analysis.networks import ArmVerdict, judge_arms
from rdrop_cli.analysis.networks_text import ARMS_HEADS, Scale, describe_row, describe_table
from rdrop_cli.analysis.stats import adjust_holm, sign_flip_p, t_interval
from rdrop_cli.files import to_json
from tests.analysis.made import make_run, make_settling, make_v

BASELINE = Arm("baseline", "gru", 0.0, 0.0, 20)
SCALE = Scale(8.84, "°C")


def dropout(rate, recurrent=0.2, cell="gru"):
    return Arm("dropout", cell, rate, recurrent, 40)


def make_arm(arm, best, seeds, noise=0.001, epochs=20, test=True):
    """Runs whose best scores lie about `best`, each off by what its seed does to every arm and by noise of its own."""
    runs = []
    for seed in seeds:
        own = np.random.default_rng([int(1000 * arm.dropout), int(1000 * arm.recurrent_dropout), len(arm.cell), seed])
        score = best + 0.004 * np.sin(seed) + own.normal(0, noise)
        curve = make_settling(epochs, pace=2, floor=score)
        runs.append(make_run(arm.variant, seed, curve, curve, test_mae=score + 0.01 if test else None))
    return runs


def judge(arms, usual=None):
    rows = judge_arms(arms, frozenset(usual or arms))
    return {row.label: row for row in rows}


@pytest.fixture(scope="module")
def nine_seeds() -> dict[str, ArmVerdict]:
    """A baseline, two networks that are better and worse by 0.006, and one that is no better, over nine seeds."""
    made = {BASELINE: 0.270, dropout(0.1): 0.264, dropout(0.2): 0.276, dropout(0.5): 0.270}
    return judge({arm: make_arm(arm, best, range(9)) for arm, best in made.items()})


def test_what_is_really_better_helps_and_what_is_really_worse_harms(nine_seeds):
    effects = {label: row.comparison.effect for label, row in nine_seeds.items() if row.comparison}
    assert effects == {"dropout 0.1/0.2": "helps", "dropout 0.2/0.2": "harms", "dropout 0.5/0.2": "undecided"}
    better = nine_seeds["dropout 0.1/0.2"].comparison
    assert better.difference.mean == pytest.approx(-0.006, abs=0.001)
    assert better.reference == "baseline"


def test_the_interval_of_a_difference_covers_what_was_made():
    covered = 0
    for study in range(100):
        noise = np.random.default_rng(study).normal(0, 0.001, (2, 5))
        arms = {
            arm: [make_run(arm.variant, seed, np.full(10, best + noise[place, seed])) for seed in range(5)]
            for place, (arm, best) in enumerate(((BASELINE, 0.27), (dropout(0.1), 0.26)))
        }
        low, high = judge(arms)["dropout 0.1/0.2"].comparison.difference.interval
        covered += low < -0.01 < high
    assert 89 <= covered <= 99


def test_three_seeds_settle_nothing_however_large_the_difference():
    rows = judge({arm: make_arm(arm, best, range(3)) for arm, best in ((BASELINE, 0.27), (dropout(0.1), 0.20))})
    comparison = rows["dropout 0.1/0.2"].comparison
    assert comparison.effect == "undecided"
    assert comparison.difference.interval.high < -0.05
    assert comparison.more_seeds == 3


def test_the_best_comes_first(nine_seeds):
    assert next(iter(nine_seeds)) == "dropout 0.1/0.2"
    assert list(nine_seeds)[-1] == "dropout 0.2/0.2"
    means = [row.best.mean for row in nine_seeds.values()]
    assert means == sorted(means)


def test_the_figures_are_the_means_of_the_runs_with_their_t_intervals(nine_seeds):
    runs = make_arm(dropout(0.1), 0.264, range(9))
    scores = [run.val_loss.min() for run in runs]
    row = nine_seeds["dropout 0.1/0.2"]
    assert row.best.mean == pytest.approx(np.mean(scores))
    assert row.best.interval == pytest.approx(t_interval(scores))
    assert row.test.mean == pytest.approx(np.mean(scores) + 0.01 - 0.04 * np.exp(-9.5), abs=1e-5)
    assert (row.best.seeds, row.best_epoch) == (tuple(range(9)), 20)


def test_a_pair_takes_away_what_a_seed_does_to_every_network(nine_seeds):
    row = nine_seeds["dropout 0.1/0.2"]
    alone, paired = row.best.interval, row.comparison.difference.interval
    assert paired.high - paired.low < 0.6 * (alone.high - alone.low)


def test_holms_correction_goes_over_all_arms_of_the_table(nine_seeds):
    compared = [row for row in nine_seeds.values() if row.comparison]
    raw = [row.comparison.p for row in compared]
    assert [row.comparison.p_holm for row in compared] == pytest.approx(adjust_holm(raw))
    assert {row.comparison.tested for row in compared} == {3}
    base = {run.seed: run.val_loss.min() for run in make_arm(BASELINE, 0.27, range(9))}
    values = [run.val_loss.min() - base[run.seed] for run in make_arm(dropout(0.5), 0.27, range(9))]
    assert nine_seeds["dropout 0.5/0.2"].comparison.p == pytest.approx(sign_flip_p(values))


def test_what_seven_seeds_settle_alone_they_do_not_settle_among_many():
    few = {BASELINE: make_arm(BASELINE, 0.27, range(7)), dropout(0.1): make_arm(dropout(0.1), 0.26, range(7))}
    many = few | {dropout(rate): make_arm(dropout(rate), 0.27, range(7)) for rate in (0.3, 0.4, 0.5)}
    assert judge(few)["dropout 0.1/0.2"].comparison.effect == "helps"
    assert judge(many)["dropout 0.1/0.2"].comparison.effect == "undecided"


def test_seeds_that_only_one_of_both_has_make_no_pair():
    arms = {BASELINE: make_arm(BASELINE, 0.27, range(6)), dropout(0.1): make_arm(dropout(0.1), 0.26, range(4, 12))}
    row = judge(arms)["dropout 0.1/0.2"]
    assert row.comparison.difference.seeds == row.comparison.test_difference.seeds == (4, 5)
    assert row.best.seeds == tuple(range(4, 12))
    arms[dropout(0.1)] = arms[dropout(0.1)][2:]
    row = judge(arms)["dropout 0.1/0.2"]
    assert (row.comparison.difference, row.comparison.p, row.comparison.effect) == (None, None, "undecided")
    assert describe_row(row)[-1] == "undecided: no seed in common with baseline"


def test_differences_are_over_equal_epochs_and_best_scores_over_all():
    falling = [np.linspace(0.30, 0.25, 40) + seed / 1e4 for seed in range(2)]
    arms = {
        BASELINE: [make_run("baseline", seed, curve[:20]) for seed, curve in enumerate(falling)],
        dropout(0.1): [make_run("dropout", seed, curve) for seed, curve in enumerate(falling)],
    }
    row = judge(arms)["dropout 0.1/0.2"]
    assert row.best.mean == pytest.approx(0.25005)
    assert row.comparison.difference.mean == 0


def test_the_reference_is_the_usual_baseline_of_the_same_cell():
    longer = Arm("baseline", "gru", 0.0, 0.0, 60)
    lstm, lstm_dropout = Arm("baseline", "lstm", 0.0, 0.0, 20), dropout(0.2, cell="lstm")
    arms = {arm: make_arm(arm, 0.27, range(2)) for arm in (BASELINE, longer, lstm, dropout(0.2), lstm_dropout)}
    rows = judge(arms, usual=set(arms) - {longer})
    assert {label: row.comparison and row.comparison.reference for label, row in rows.items()} == {
        "baseline, 20 epochs": None,
        "baseline, 60 epochs": "baseline, 20 epochs",
        "dropout 0.2/0.2": "baseline, 20 epochs",
        "baseline-lstm": None,
        "dropout-lstm 0.2/0.2": "baseline-lstm",
    }
    rows = judge(arms, usual=set(arms) - {BASELINE})
    assert rows["dropout 0.2/0.2"].comparison.reference == "baseline, 60 epochs"


def test_without_a_baseline_the_first_network_with_usual_settings_is_the_reference():
    arms = {arm: make_arm(arm, 0.27, range(2)) for arm in (dropout(0.1), dropout(0.2), dropout(0.5))}
    rows = judge(arms, usual={dropout(0.2)})
    assert rows["dropout 0.2/0.2"].comparison is None
    assert rows["dropout 0.1/0.2"].comparison.reference == "dropout 0.2/0.2"


def test_what_turns_up_overfits_and_what_stays_level_does_not():
    up = [make_run("baseline", seed, make_v(20, 6, noise=0.0005, seed=seed)) for seed in range(8)]
    level = make_arm(dropout(0.2), 0.26, range(8))
    rows = judge({BASELINE: up, dropout(0.2): level})
    assert rows["baseline"].overfitting.verdict == "holds"
    assert describe_row(rows["baseline"])[5].startswith("yes, +0.03")
    assert rows["dropout 0.2/0.2"].overfitting.verdict == "does-not-hold"
    assert describe_row(rows["dropout 0.2/0.2"])[5] == "no, +0.0000"
    rows = judge({BASELINE: up[:3], dropout(0.2): level[:3]})
    assert describe_row(rows["baseline"])[5].startswith("undecided, +0.03")


def test_too_few_epochs_show_no_overfitting():
    rows = judge({BASELINE: make_arm(BASELINE, 0.27, range(2), epochs=5)})
    assert (rows["baseline"].overfitting.rise, rows["baseline"].overfitting.verdict) == (None, "undecided")
    assert describe_row(rows["baseline"])[5] == "too few epochs"


def test_one_seed_has_no_interval_and_decides_nothing():
    rows = judge({BASELINE: make_arm(BASELINE, 0.27, [3]), dropout(0.1): make_arm(dropout(0.1), 0.26, [3])})
    row = rows["dropout 0.1/0.2"]
    assert row.best.interval is row.comparison.difference.interval is None
    cells = dict(zip(ARMS_HEADS, describe_row(row), strict=True))
    assert (cells["seeds"], cells["verdict"]) == ("1", "undecided: one seed decides nothing")
    assert "[" not in cells["best error"] + cells["difference"]


def test_a_row_has_the_figures_with_their_signs_and_intervals(nine_seeds):
    cells = describe_row(nine_seeds["dropout 0.1/0.2"])
    row = nine_seeds["dropout 0.1/0.2"]
    low, high = row.comparison.difference.interval
    assert cells[6] == f"{row.comparison.difference.mean:+.4f} [{low:+.4f}, {high:+.4f}]"
    assert cells[2].startswith(f"{row.best.mean:.4f} [{row.best.interval.low:.4f}, ")
    assert cells[7] == "helps"
    assert describe_row(nine_seeds["baseline"])[6:] == ("-", "reference")


def test_the_best_of_more_than_two_is_called_so_with_its_test_error(nine_seeds):
    text = " ".join(describe_table(list(nine_seeds.values()), SCALE))
    best = nine_seeds["dropout 0.1/0.2"]
    assert "dropout 0.1/0.2 is the best of 4, and the best of many is partly so by chance" in text
    assert f"its error is {best.test.mean:.4f} [" in text
    assert f"({best.test.mean * 8.84:.2f} °C), {best.comparison.test_difference.mean:+.4f} [" in text
    assert "beside baseline: lower there too" in text
    two = [nine_seeds["dropout 0.1/0.2"], nine_seeds["baseline"]]
    assert "chance" not in " ".join(describe_table(two, SCALE))


def test_a_lead_that_the_test_period_does_not_show_is_told():
    arms = {arm: make_arm(arm, best, range(4)) for arm, best in ((BASELINE, 0.27), (dropout(0.5), 0.28))}
    arms[dropout(0.1)] = [
        make_run("dropout", run.seed, run.val_loss - 0.01, test_mae=run.test_mae + 0.0001 * (-1) ** run.seed)
        for run in arms[BASELINE]
    ]
    text = " ".join(describe_table(list(judge(arms).values()), SCALE))
    assert "dropout 0.1/0.2 is the best of 3" in text
    assert "beside baseline: no clear difference there" in text


def test_a_table_without_test_errors_warns_all_the_same():
    arms = {arm: make_arm(arm, 0.27, range(2), test=False) for arm in (BASELINE, dropout(0.1), dropout(0.2))}
    text = " ".join(describe_table(list(judge(arms).values()), SCALE))
    assert "partly so by chance" in text
    assert "test period" not in text


@pytest.mark.parametrize(("seeds", "told"), [(5, True), (9, False)])
def test_it_says_where_no_difference_could_have_been_settled(seeds, told):
    arms = {arm: make_arm(arm, 0.27, range(seeds)) for arm in (BASELINE, dropout(0.1), dropout(0.2), dropout(0.5))}
    text = " ".join(describe_table(list(judge(arms).values()), SCALE))
    limit = (
        "5 seeds cannot settle any of 3 comparisons, corrected by Holm, by sign flips, whatever they show: it takes 7."
    )
    assert (limit in text) == told
    assert ("cannot settle" in text) == told


@pytest.mark.parametrize(
    ("scale", "told"),
    [
        (SCALE, "0.01 is 0.0884 °C;"),
        (Scale(5120.0, "MW"), "0.01 is 51.20 MW;"),
        (Scale(3.0, ""), "0.01 is 0.03 in the target's own unit;"),
    ],
)
def test_errors_are_told_in_the_targets_own_unit(scale, told):
    rows = list(judge({BASELINE: make_arm(BASELINE, 0.27, range(2))}).values())
    text = describe_table(rows, scale)[0]
    assert told.rstrip(";") in text
    assert ("°C" in text) == (scale.unit == "°C")


def test_it_can_be_written_as_json(nine_seeds):
    row = json.loads(to_json(nine_seeds["dropout 0.1/0.2"].to_json()))
    assert list(row)[:6] == ["label", "variant", "cell", "dropout", "recurrent_dropout", "epochs"]
    assert row["best"]["seeds"] == list(range(9))
    assert row["comparison"]["effect"] == "helps"
    assert row["comparison"]["difference"]["interval"][1] < 0
    assert row["overfitting"]["verdict"] == "does-not-hold"


@pytest.mark.parametrize(
    ("variant", "cell", "rates", "name"),
    [
        ("baseline", "gru", (0.0, 0.0), "baseline"),
        ("dropout", "lstm", (0.25, 0.5), "dropout-lstm 0.25/0.5"),
        ("dropout", "gru", (0.0, 0.0), "dropout 0/0"),
        ("dropout-before", "gru", (0.2, 0.0), "dropout-before 0.2/0"),
        ("unheard-of", "gru", (0.0, 0.0), "unheard-of"),
    ],
)
def test_an_arm_is_named_by_its_network_and_where_it_drops_its_rates(variant, cell, rates, name):
    assert Arm(variant, cell, *rates, 40).name == name
