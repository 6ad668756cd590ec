"""Daily errors tell how much of a difference belongs to the one period on which it was measured."""

import numpy as np
import pytest

from rdrop_cli.analysis.claims import BENEFITS, CLAIMS
from rdrop_cli.analysis.judge import judge_claims
from rdrop_cli.analysis.period import compare_over_time
from rdrop_cli.analysis.run import DailyErrors, RunCurves, read_daily_errors
from rdrop_cli.analysis.stats import bootstrap_over_time
from rdrop_cli.errors import DataError
from tests.analysis.made import make_level

HEAD = "day,windows,val_mae\n"
DAYS = tuple(str(day) for day in np.datetime64("2012-10-20") + np.arange(60))


def make_daily(val_mae, windows=None, days=DAYS):
    return DailyErrors(days, np.full(len(days), 144.0) if windows is None else windows, np.asarray(val_mae))


def make_run(variant, seed, daily):
    level = make_level(40)
    return RunCurves(variant, seed, level, level, level, 0.29, 0.27, 8.84, daily=daily)


def make_pair(seed, difference, windows=None):
    """A baseline whose errors vary with the weather, and a second network that differs from it by `difference`."""
    weather = 0.27 + np.random.default_rng(seed).normal(0, 0.05, 60)
    daily = [make_daily(errors, windows) for errors in (weather, weather + difference)]
    return make_run("baseline", seed, daily[0]), make_run("dropout", seed, daily[1])


def test_daily_errors_are_read(tmp_path):
    path = tmp_path / "daily_errors.csv"
    path.write_text(HEAD + "2012-10-20,30,0.25\n2012-10-21,144,0.3\n")
    daily = read_daily_errors(path)
    assert daily.days == ("2012-10-20", "2012-10-21")
    assert daily.windows.tolist() == [30, 144]
    assert daily.val_mae.tolist() == [0.25, 0.3]
    assert read_daily_errors(tmp_path / "none.csv") is None


@pytest.mark.parametrize(
    "content",
    [
        "",
        HEAD,
        "day,val_mae\n2012-10-20,0.3\n",
        HEAD + "2012-10-20,144\n",
        HEAD + "2012-10-20,144,0.3,7\n",
        HEAD + "2012-13-20,144,0.3\n",
        HEAD + "2012-10-20,0,0.3\n",
        HEAD + "2012-10-20,144,nan\n",
        HEAD + "2012-10-20,144,warm\n",
        HEAD + "2012-10-21,144,0.3\n2012-10-20,144,0.3\n",
        HEAD + "2012-10-20,144,0.3\n2012-10-20,144,0.3\n",
        HEAD + '"2012-10-20,144,0.3\n',
    ],
)
def test_a_damaged_file_is_refused_by_name_in_one_line(tmp_path, content):
    path = tmp_path / "daily_errors.csv"
    path.write_text(content)
    with pytest.raises(DataError, match=r"^daily_errors.csv: .*$"):
        read_daily_errors(path)


def test_bytes_that_are_no_text_are_refused(tmp_path):
    path = tmp_path / "daily_errors.csv"
    path.write_bytes(b"\xff\xfe\0")
    with pytest.raises(DataError, match=r"daily_errors.csv: cannot be read"):
        read_daily_errors(path)


def test_the_estimate_is_the_difference_of_the_scores_over_all_windows():
    windows = np.where(np.arange(60) < 5, 10.0, 144.0)
    difference = np.where(np.arange(60) < 5, 0.5, -0.01)
    over_time = compare_over_time({0: make_pair(0, difference, windows)})
    assert over_time.estimate == pytest.approx((difference * windows).sum() / windows.sum())
    assert (over_time.seeds, over_time.days) == ((0,), 60)


def test_days_with_few_windows_count_little_in_the_interval_too():
    windows = np.tile([130.0, 14.0], 30)
    low, high = compare_over_time({0: make_pair(0, np.tile([0.1, 0.0], 30), windows)}).interval
    assert 0.08 < low <= high < 0.1


def test_a_difference_that_is_the_same_every_day_belongs_to_no_period():
    over_time = compare_over_time({seed: make_pair(seed, -0.01) for seed in range(3)})
    assert over_time.interval == pytest.approx((-0.01, -0.01))
    assert over_time.seeds == (0, 1, 2)


def test_a_difference_made_in_one_fortnight_belongs_to_that_period():
    one_fortnight = np.where(np.arange(60) < 14, -0.04, 0.0)
    low, high = compare_over_time({0: make_pair(0, one_fortnight)}).interval
    assert low < -0.015
    assert high > -0.001


def test_seeds_that_kept_nothing_or_other_days_are_left_out_of_it():
    pairs = {seed: make_pair(seed, -0.01) for seed in range(4)}
    pairs[1] = (pairs[1][0], make_run("dropout", 1, None))
    other_days = tuple(str(day) for day in np.datetime64("2013-10-20") + np.arange(60))
    pairs[2] = (pairs[2][0], make_run("dropout", 2, make_daily(np.full(60, 0.3), days=other_days)))
    assert compare_over_time(pairs).seeds == (0, 3)


def test_nothing_is_told_of_too_short_a_period_or_of_none():
    days = DAYS[:27]
    short = [make_run(variant, 0, make_daily(np.full(27, 0.3), days=days)) for variant in ("baseline", "dropout")]
    assert compare_over_time({0: tuple(short)}) is None
    assert compare_over_time({}) is None
    assert compare_over_time({0: (make_run("baseline", 0, None), make_run("dropout", 0, None))}) is None


def judge(pairs, claims):
    runs = {"baseline": [pair[0] for pair in pairs.values()], "dropout": [pair[1] for pair in pairs.values()]}
    return {verdict.id: verdict for verdict in judge_claims(runs, claims)}


def test_claims_about_the_best_score_say_what_another_period_might_show():
    steady = judge({seed: make_pair(seed, -0.01) for seed in range(3)}, BENEFITS)["better-optimum"]
    assert "is -0.0100 [-0.0100, -0.0100]: another such period would probably show it too" in steady.sentence
    by_chance = np.random.default_rng(1).normal(-0.001, 0.05, 60)
    fickle = judge({seed: make_pair(seed, by_chance) for seed in range(3)}, BENEFITS)["better-optimum"]
    assert fickle.sentence.endswith("another such period might not show it")
    worse = judge({0: make_pair(0, 0.01)}, BENEFITS)["better-optimum"]
    assert worse.sentence.endswith("another such period would probably not show it")


def test_only_claims_about_the_best_score_speak_of_another_period():
    verdicts = judge({0: make_pair(0, -0.01)}, CLAIMS) | judge({0: make_pair(0, -0.01)}, BENEFITS)
    assert {name for name, verdict in verdicts.items() if verdict.over_time} == {
        "best-not-much-lower",
        "better-optimum",
    }
    assert {name for name, verdict in verdicts.items() if "another such period" in verdict.sentence} == {
        "best-not-much-lower",
        "better-optimum",
    }


def test_days_count_by_their_windows_in_the_bootstrap():
    daily = np.tile([1.0, 0.0], 30)
    windows = np.tile([3.0, 1.0], 30)
    assert bootstrap_over_time(daily, seed=0, windows=windows, block_days=2) == pytest.approx((0.75, 0.75))


@pytest.mark.parametrize("windows", [np.ones(59), np.zeros(60), np.full(60, np.nan)])
def test_windows_that_fit_no_day_are_refused(windows):
    with pytest.raises(DataError):
        bootstrap_over_time(np.zeros(60), seed=0, windows=windows)
