"""A small version of `make calibrate`: the whole page, by the code that judges runs."""

import numpy as np
import pytest

from rdrop_cli.analysis.joint_test import ALPHA
from tests.analysis import calibration
from tests.analysis.calibration import SCENARIOS, draw_origins, run_old_rule, run_studies

STUDIES = 192
SCENARIO = {scenario.name: scenario for scenario in SCENARIOS}
PERIODS = ["all alike, period effect 0.0019", "all alike, the same over 5 origins"]
NULLS = [name for name in SCENARIO if "alike" in name]


@pytest.mark.thorough
@pytest.mark.parametrize("name", ["all alike", "all alike, skewed (exponential)", *PERIODS])
def test_a_page_on_which_nothing_is_there_is_seldom_wrong_even_when_peeked_at_every_seed(name):
    tally = run_studies(SCENARIO[name], STUDIES, np.random.default_rng(0), seeds=STUDIES)
    assert tally.false[-1] / STUDIES < ALPHA + 3 * np.sqrt(ALPHA / STUDIES)
    assert tally.covered / STUDIES > 1 - ALPHA - 3 * np.sqrt(ALPHA / STUDIES)


@pytest.mark.thorough
def test_seeds_do_not_stand_for_periods(monkeypatch):
    def forget_periods(*arguments):
        values, half, ends = draw_origins(*arguments)
        return values, half * 0, ends

    monkeypatch.setattr(calibration, "draw_origins", forget_periods)
    tally = run_studies(
        SCENARIO["all alike, the same over 5 origins"], STUDIES, np.random.default_rng(0), seeds=STUDIES
    )
    assert tally.false[-1] / STUDIES > 4 * ALPHA


@pytest.mark.thorough
def test_what_the_published_curves_show_is_found_with_eight_seeds():
    tally = run_studies(
        SCENARIO["published curves, dropout 0.004 lower"], STUDIES, np.random.default_rng(1), seeds=STUDIES
    )
    for question, bound in (("baseline-overfits-early", 0.5), ("end-difference", 0.0), ("below-naive", 0.5)):
        assert tally.found[question, bound][1] > 0.9 * STUDIES
    assert tally.found["level-difference", 0.0][-1] > 0.9 * STUDIES


def test_the_old_rule_is_wrong_more_often_when_it_is_peeked_at():
    rates, _ = run_old_rule(SCENARIO["all alike"], 150, np.random.default_rng(2), seeds=STUDIES)
    assert rates[-1] > 0.08


@pytest.mark.slow
@pytest.mark.parametrize("name", NULLS)
def test_no_null_is_wrong_more_often_than_the_level(name):
    tally = run_studies(SCENARIO[name], 2000, np.random.default_rng(3))
    assert tally.false[-1] / tally.studies < ALPHA + 3 * np.sqrt(ALPHA / tally.studies)
