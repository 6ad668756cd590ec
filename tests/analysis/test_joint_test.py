"""The joint test against brute force, its error over all looks, and its intervals."""

from itertools import product

import numpy as np
import pytest
from scipy import stats

from rdrop_cli.analysis.intervals import (
    bet_against_share,
    bound_means,
    bound_rare_share,
    bound_share,
    clopper_pearson,
)
from rdrop_cli.analysis.joint_test import ALPHA_RARE, ALPHA_SIGNS, Column, Plan, make_signs, take_looks
from rdrop_cli.errors import UsageError

EVERY = [Column(question, 0.0) for question in range(3)]


def draw(seeds, questions=3, seed=0, studies=1):
    return np.random.default_rng(seed).normal(size=(studies, seeds, questions))


def flip_by_hand(values, column, signs):
    distances = values[:, column.question] - column.bound
    return abs(sum(s * d for s, d in zip(signs, distances, strict=True))) / np.sqrt((distances**2).sum())


@pytest.mark.parametrize("seed", range(4))
def test_p_of_one_look_is_the_share_of_all_flips_whose_largest_statistic_is_as_large(seed):
    values, columns = draw(7, seed=seed), [Column(0, 0.0), Column(1, 0.3), Column(2, -1.0)]
    looks = take_looks(values, columns, Plan((7,)))
    flips = list(product((1, -1), repeat=7))
    largest = [max(flip_by_hand(values[0], column, signs) for column in columns) for signs in flips]
    for column, p in zip(columns, looks.p[0, 0], strict=True):
        observed = flip_by_hand(values[0], column, (1,) * 7)
        assert p == pytest.approx(np.mean([each >= observed - 1e-9 for each in largest]))


def test_the_smallest_p_is_two_flips_of_all_whatever_the_number_of_questions():
    values = 1 + 1e-3 * draw(8, questions=12)
    looks = take_looks(values, [Column(question, 0.0) for question in range(12)], Plan((8,)))
    assert looks.p[0, 0] == pytest.approx([2 / 2**8] * 12)


def test_the_looks_together_spend_at_most_the_level():
    values = draw(14, seed=3)
    looks = take_looks(values, EVERY, Plan())
    flips, spent = make_signs(14), np.zeros(2**13, bool)
    for n, boundary in zip(looks.seeds, looks.boundaries[0], strict=True):
        largest = np.max(
            [np.abs(flips[:, :n] @ values[0, :n, q]) / np.linalg.norm(values[0, :n, q]) for q in range(3)], axis=0
        )
        spent |= largest > boundary * (1 + 1e-9)
        assert spent.mean() <= Plan().spend(n)
    assert spent.mean() > 0.8 * Plan().spend(14)


@pytest.mark.parametrize("noise", ["normal", "cauchy", "exponential differences"])
def test_peeking_at_every_seed_decides_wrongly_in_at_most_the_level(noise):
    rng = np.random.default_rng(5)
    values = {
        "normal": rng.normal(size=(1500, 24, 4)),
        "cauchy": rng.standard_cauchy((1500, 24, 4)),
        "exponential differences": rng.exponential(size=(1500, 24, 4)) - rng.exponential(size=(1500, 24, 4)),
    }[noise]
    columns = [Column(question, 0.0) for question in range(4)]
    looks = take_looks(values, columns, Plan(), range(4), make_signs(24, 8), measure_p=False)
    wrong = looks.excluded.any(axis=(1, 2)).mean()
    assert 0.3 * ALPHA_SIGNS < wrong < ALPHA_SIGNS + 3 * np.sqrt(ALPHA_SIGNS / 1500)


def test_without_the_spending_rule_peeking_would_decide_wrongly_far_more_often():
    """The negative control: every look at the whole level."""
    values = draw(24, questions=4, seed=5, studies=400)
    columns = [Column(question, 0.0) for question in range(4)]
    wrong = np.zeros(400, bool)
    for n in range(8, 25):
        looks = take_looks(values[:, :n], columns, Plan((n,)), (), make_signs(n, 8), measure_p=False)
        wrong |= looks.excluded.any(axis=(1, 2))
    assert wrong.mean() > 2.5 * ALPHA_SIGNS


def test_more_seeds_change_no_earlier_look():
    values = draw(16, seed=7)
    few, many = (take_looks(values[:, :n], EVERY, Plan(), range(3)) for n in (12, 16))
    assert many.seeds[: len(few.seeds)] == few.seeds
    for name in ("boundaries", "wide_boundaries", "p", "means"):
        assert getattr(many, name)[:, : len(few.seeds)] == pytest.approx(getattr(few, name)), name


def test_seeds_without_a_number_count_for_the_other_questions():
    values = draw(10, seed=8) + 3
    values[0, 4:, 1] = np.nan
    looks = take_looks(values, EVERY, Plan(), range(3))
    assert looks.counts[0, -1].tolist() == [10, 4, 10]
    assert looks.excluded[0].any(axis=0).tolist() == [True, False, True]  # four seeds reach 2 / 2^4 at best
    assert np.isinf(bound_means(looks)[0, 1]).all()


def test_a_boundary_that_no_statistic_exceeds_bounds_no_mean():
    """Shares on which the seeds disagree, each in its own way, reach √n under as many assignments of signs."""
    shown = [[(pattern >> seed) & 1 for pattern in range(1, 9)] for seed in range(8)]
    for scale in (1.0, 0.1, 0.3, 0.7):
        means = scale * draw(8, questions=2, seed=3)[0]
        values = np.concatenate([means, np.array(shown, float)], axis=1)[None]
        columns = [Column(0, 0.0), Column(1, 0.0), *(Column(2 + share, 0.5) for share in range(8))]
        looks = take_looks(values, columns, Plan(), [0, 1])
        assert np.isinf(bound_means(looks)[0, :2]).all()


def test_numbers_that_are_all_on_the_bound_decide_nothing():
    looks = take_looks(np.zeros((1, 12, 3)), EVERY, Plan(), range(3))
    assert not looks.excluded.any()


@pytest.mark.parametrize("away", [0.0, 8.0])
def test_intervals_are_simultaneous_near_the_bounds_and_far_from_them(away):
    values = draw(16, questions=6, seed=9, studies=800) + away
    columns = [Column(question, 0.0) for question in range(6)]
    looks = take_looks(values, columns, Plan(), range(6), make_signs(16, 8), measure_p=False)
    ends = bound_means(looks)
    covered = ((ends[..., 0] <= away) & (away <= ends[..., 1])).all(axis=1).mean()
    assert covered > 1 - ALPHA_SIGNS - 3 * np.sqrt(ALPHA_SIGNS / 800)


def test_the_interval_of_one_look_is_students_at_the_boundary():
    values = draw(9, questions=1, seed=2) + 1
    looks = take_looks(values, [Column(0, 0.0)], Plan((9,)), [0])
    low, high = bound_means(looks)[0, 0]
    for end in (low, high):
        statistic = abs((values - end).sum()) / np.sqrt(((values - end) ** 2).sum())
        assert statistic == pytest.approx(looks.wide_boundaries[0, 0])


def test_a_share_excludes_a_half_exactly_where_the_sign_test_does():
    for shown in range(13):
        for boundary in (1.0, 2.0, 2.5, 3.0, np.inf):
            interval = bound_share(shown, 12, boundary)
            decided = interval.low >= 0.5 - 1e-9 or interval.high <= 0.5 + 1e-9
            assert decided == (abs(2 * shown - 12) / np.sqrt(12) > boundary * (1 + 1e-9))


@pytest.mark.parametrize(("shown", "seeds"), [(0, 8), (3, 12), (20, 20)])
def test_the_exact_interval_is_that_of_scipy(shown, seeds):
    expected = stats.binomtest(shown, seeds).proportion_ci(0.95, "exact")
    assert clopper_pearson(shown, seeds) == pytest.approx((expected.low, expected.high))


def test_rarity_takes_seeds():
    assert bound_rare_share([False] * 22) > 0.2 > bound_rare_share([False] * 23)
    assert bound_rare_share([False] * 6) > 0.5 > bound_rare_share([False] * 7)
    assert bound_rare_share([True] * 9) == pytest.approx(1.0)
    assert bound_rare_share([False] * 23 + [True] * 5) == bound_rare_share([False] * 23)  # it was decided then


@pytest.mark.parametrize("share", [0.2, 0.35])
def test_a_bet_on_rarity_is_seldom_won_where_nothing_is_rare_however_long_it_goes_on(share):
    rng = np.random.default_rng(4)
    won = [bet_against_share(rng.random(60) < share, 0.2) >= 1 / ALPHA_RARE for _ in range(4000)]
    assert np.mean(won) < ALPHA_RARE + 3 * np.sqrt(ALPHA_RARE / 4000)


def test_the_signs_are_all_of_the_first_seeds_and_drawn_later():
    signs = make_signs(20, 6)
    assert signs.shape == (32, 20)
    assert len({tuple(row) for row in signs[:, :6].tolist()}) == 32
    assert (signs[0] == 1).all()
    assert (signs[:, 0] == 1).all()
    assert abs(make_signs(20)[:, 14:].mean()) < 0.01
    assert make_signs(20)[:, :14].tolist() == make_signs(14).tolist()


def test_the_plan_spends_what_its_seeds_are_worth():
    assert Plan().spend(7) == 0
    assert Plan().spend(8) == 3 * 2 / 2**8
    assert Plan().spend(32) == Plan().spend(100) == ALPHA_SIGNS
    assert Plan((6, 12, 24)).spend(6) == 2 / 2**6
    assert (Plan().can_decide, Plan((6, 12, 24)).can_decide, Plan((3, 4)).can_decide) == (8, 6, None)
    assert Plan((10,)).spend(10) == ALPHA_SIGNS


@pytest.mark.parametrize("looks", [(), (8, 8), (12, 8), (0, 8)])
def test_what_is_no_plan_is_refused(looks):
    with pytest.raises(UsageError, match="expected ascending numbers of seeds"):
        Plan(looks)
