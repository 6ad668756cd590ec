"""Several origins: the period is measured, by itself and together with the seeds."""

from itertools import repeat

import numpy as np
import pytest
from scipy import stats

from rdrop_cli.analysis.asked import Asked, measure_numbers
from rdrop_cli.analysis.intervals import bet_against_share
from rdrop_cli.analysis.looks import judge_runs
from rdrop_cli.analysis.period import Layout, measure_origins
from rdrop_cli.analysis.questions import BASELINE, BELOW_NAIVE, DROPOUT, LEVEL
from rdrop_cli.report.periods import describe_periods
from rdrop_cli.report.text import write_page
from rdrop_cli.runs.comparable import choose_newest
from tests.analysis.made import make_run
from tests.analysis.made_runs import save_later_origins, save_made_run, save_made_study


def judge_origins(folder, moves, seeds=range(8)):
    save_made_study(folder, range(8), noise_of_seeds=0.0005)
    save_later_origins(folder, seeds, moves, noise_of_seeds=0.0005)
    return judge_runs([], folder)


def test_periods_that_agree_decide_and_periods_that_do_not_leave_it_open(tmp_path):
    agree = judge_origins(tmp_path / "agree", [0.0001, -0.0001, 0.0, 0.0001])
    differ = judge_origins(tmp_path / "differ", [0.006, -0.006, 0.003, -0.003])
    assert agree.find("best-not-much-lower").verdict == "holds"
    found = differ.find("best-not-much-lower")
    assert (found.verdict, found.reason, found.outlook.kind) == ("undecided", "period", "period")
    assert len(found.answer.origins.estimates) == 5
    assert found.answer.period is None  # it is measured, so no blocks are needed
    assert found.answer.estimate == pytest.approx(np.mean(found.answer.origins.estimates))


def test_the_interval_over_origins_is_students_over_their_means():
    estimates = np.array([0.001, 0.003, 0.002, 0.0, 0.004])
    apart = measure_origins(estimates[:, None], Layout((0, 10, 20, 30, 40), 10), compared=2)
    error = np.std(estimates, ddof=1) / np.sqrt(5)
    assert (apart.overlap, apart.error) == pytest.approx((0.0, error))
    assert apart.half == pytest.approx(stats.t.ppf(1 - 0.02 / 4, 4) * error)


def test_periods_that_agree_by_chance_are_no_surer_than_their_seeds():
    numbers = np.random.default_rng(3).normal(size=(2, 9))
    numbers -= numbers.mean(axis=1, keepdims=True)  # both periods have the same mean
    left = numbers - numbers.mean(axis=0)
    agreed = measure_origins(numbers, Layout((0, 10), 10), compared=1)
    assert agreed.error == pytest.approx(np.sqrt((left**2).sum() / 8 / 9 / 2))
    apart = measure_origins(np.stack([numbers[0], numbers[1] + 9]), Layout((0, 10), 10), compared=1)
    assert apart.error == pytest.approx(4.5)


def test_periods_that_overlap_count_as_fewer():
    layout = Layout((0, 50, 100), 100)
    weather = np.random.default_rng(1).normal(size=(40_000, 200))
    means = np.stack([weather[:, start : start + 100].mean(axis=1) for start in layout.starts], axis=1)
    spread = means.var(axis=1, ddof=1)
    assert layout.scale(spread.mean()) == pytest.approx(means.mean(axis=1).var(), rel=0.03)
    assert layout.freedom == pytest.approx(2 * spread.mean() ** 2 / spread.var(), rel=0.05)
    assert layout.freedom < Layout((0, 100, 200), 100).freedom == pytest.approx(2)


def make_level(errors):
    curves = {seed: np.full(12, error) for seed, error in enumerate(errors)}
    return {seed: (make_run(BASELINE, seed, curve), make_run(DROPOUT, seed, curve)) for seed, curve in curves.items()}


def test_a_share_is_of_most_periods_and_a_seed_on_which_they_are_split_says_nothing():
    low, high = 0.2, 0.4  # below and above the naive error
    split = Asked(BELOW_NAIVE, {0: make_level([low, low, high]), 9: make_level([low, high, high])}, (0.5,), (), 9)
    assert measure_numbers(split).by_seed == {0: 1.0, 2: 0.0}
    three = {0: make_level([low, high]), 9: make_level([low, high]), 18: make_level([high, low])}
    most = measure_numbers(Asked(BELOW_NAIVE, three, (0.5,), (), 9))
    assert most.by_seed == {0: 1.0, 1: 0.0}
    assert most.means == pytest.approx({0: 2 / 3, 1: 1 / 3})


def test_a_bet_on_rarity_is_fair_where_seeds_show_it_in_some_periods():
    shares = np.random.default_rng(2).binomial(5, 0.2, 200_000) / 5
    paid = [bet_against_share([share], 0.2) for share in np.unique(shares)]
    once = dict(zip(np.unique(shares), [x * 0.02 / 0.2 + (1 - x) * 0.98 / 0.8 for x in np.unique(shares)], strict=True))
    assert np.mean([once[share] for share in shares]) == pytest.approx(1, abs=0.01)
    assert paid == pytest.approx([max(1, payment) for payment in once.values()])


def test_a_share_on_which_the_periods_disagree_is_undecided(tmp_path):
    everywhere = judge_origins(tmp_path / "same", [0.0, 0.0])
    assert everywhere.find("beats-naive").verdict == "holds"
    not_in_one = judge_origins(tmp_path / "other", [0.05, 0.0])  # above the naive error in one period of three
    found = not_in_one.find("beats-naive")
    assert found.answer.shown == 8
    assert (found.verdict, found.reason) == ("undecided", "period")


def test_only_seeds_of_every_period_count_and_the_others_are_named(tmp_path):
    judged = judge_origins(tmp_path, [0.0, 0.0], seeds=range(6))
    assert judged.find("best-not-much-lower").answer.seeds == tuple(range(6))
    assert (
        "baseline: not trained on every period, and therefore not counted: seeds 6-7." in describe_periods(judged).notes
    )


def test_a_network_of_the_first_period_alone_is_judged_on_it_beside_the_others(tmp_path):
    save_made_study(tmp_path, range(8), ("naive-step",), noise_of_seeds=0.0005)
    judged = judge_origins(tmp_path, [0.0, 0.0])
    levels = {answer.question.id: answer for answer in judged.answers.values() if answer.question.in_period}
    alone, measured = levels.pop("step-mask-level-difference"), levels.pop(LEVEL.id)
    assert (alone.origins, len(measured.origins.estimates), measured.period) == (None, 3, None)
    assert alone.period is not None
    notes = describe_periods(judged).notes
    assert any(
        note.startswith("Estimated from blocks of two weeks of the first period: step-mask-level") for note in notes
    )


def test_errors_of_another_origin_are_in_the_unit_of_the_first(tmp_path):
    at_origin = {"train_start_row": 9, "train_stop_row": 200_009, "val_stop_row": 300_009}
    save_made_run(tmp_path, "first", "baseline", 0, [0.3] * 12)
    save_made_run(
        tmp_path, "later", "baseline", 0, [0.3] * 12, protocol=at_origin, document={"target_std": 4.42}, day=2
    )
    ((start, later),) = judge_runs([], tmp_path).collection.later.items()
    ((run,),) = later.values()
    assert (start, run.val_loss[0], run.naive_val_mae, run.target_std) == pytest.approx((9, 0.15, 0.145, 8.84))


def test_the_first_origin_is_drawn_though_a_later_one_is_newer(tmp_path):
    save_made_study(tmp_path, range(2))
    save_later_origins(tmp_path, range(2), [0.0], day=2)
    assert {run.protocol.train_start_row for run in choose_newest(tmp_path).runs} == {0}


def test_what_failed_at_any_origin_is_counted(tmp_path):
    save_made_study(tmp_path, range(3), ("baseline",))
    save_later_origins(tmp_path, range(2), [0.0], variants=("baseline",))
    at_origin = {"train_start_row": 80_000, "train_stop_row": 280_000, "val_stop_row": 380_000}
    save_made_run(tmp_path, "bad", "baseline", 2, status="failed", failure="diverged", protocol=at_origin)
    (attempts,) = judge_runs([], tmp_path).collection.attempts.values()
    assert (attempts.completed, attempts.failed, attempts.failures) == (2, 1, ("diverged",))


@pytest.mark.parametrize("periods", [5, 8])
def test_the_page_tells_what_every_period_shows_in_80_columns(tmp_path, periods):
    judged = judge_origins(tmp_path, list(repeat(0.001, periods - 1)))
    lines = list(write_page(judged, explain=True))
    assert max(map(len, lines)) <= 80
    rows = [line.split() for line in lines if line.startswith(f"{LEVEL.id}  ")]
    assert [len(row) for row in rows] == ([7] if periods == 5 else [7, 5])  # name, periods, and how much they differ
    assert f"{periods} periods" in " ".join(lines[:2])
    assert f"Measured over {periods} periods: " in " ".join(" ".join(lines).split())
