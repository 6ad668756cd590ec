"""Where the spread of a forecast comes from, and what is added to it."""

import numpy as np
import pytest

from rdrop_cli.errors import UsageError
from rdrop_cli.uncertainty.sources import Sources, parse_sources
from rdrop_cli.uncertainty.spread import (
    DRAWS,
    INTERVALS,
    LEVELS,
    draw_evenly,
    find_centre,
    find_interval,
    find_quantiles,
    fit_noise,
    split_variance,
)

RNG = np.random.default_rng(1)


def draw_members(seeds=4, masks=50, windows=300, between_seeds=1.0, between_masks=0.5):
    middle = between_seeds * RNG.normal(size=(seeds, 1, 1, windows))
    return 10 + middle + between_masks * RNG.normal(size=(seeds, masks, 1, windows))


def test_the_parts_are_the_variance():
    members, noise = draw_members(), RNG.normal(size=1000)
    parts = split_variance(members, noise)
    whole = members.reshape(-1, members.shape[3]).var(axis=0)
    assert parts.masks + parts.seeds == pytest.approx(whole, rel=1e-12)
    assert parts.masks.mean() == pytest.approx(0.25, rel=0.1)
    assert parts.residual[0] == pytest.approx(noise.var())


def test_noise_is_what_members_leave_unexplained():
    members = draw_members(windows=4000)
    observed = find_centre(members) + 2 * RNG.normal(size=4000)
    noise = fit_noise(members, observed)
    parts = split_variance(members, noise)
    total = (parts.masks + parts.seeds + parts.residual).mean()
    assert total == pytest.approx(np.square(observed - find_centre(members)).mean(), rel=0.01)
    apart = find_centre(members) + 100 * (members - find_centre(members))
    assert not fit_noise(apart, observed).any()  # they vary by more than they are wrong


def test_quantiles_are_those_of_members_and_noise_together():
    members, noise = np.zeros((1, 1, 1, 2)), RNG.normal(size=5000)
    assert find_quantiles(members, noise)[:, 1] == pytest.approx(np.quantile(noise, LEVELS), abs=0.03)
    members = 3 * RNG.normal(size=(1, 5000, 1, 1))
    spread = find_quantiles(members, noise)
    expected = np.quantile(np.hypot(3, 1) * RNG.normal(size=500_000), LEVELS)
    assert spread[4:-4, 0] == pytest.approx(expected[4:-4], abs=0.2)
    assert np.array_equal(spread, find_quantiles(members, noise))


def test_draws_from_quantiles_are_their_distribution():
    levels = np.array([0.025, 0.1, 0.25, 0.5, 0.75, 0.9, 0.975])
    draws = draw_evenly(np.stack([levels, levels[::-1] + 5]), levels)  # of the uniform distribution; the second cross
    assert draws.shape == (2, DRAWS)
    assert draws[0] == pytest.approx((np.arange(DRAWS) + 0.5) / DRAWS, abs=0.501 / DRAWS)
    assert (draws[0, 0], draws[0, -1]) == (0.025, 0.975)  # nothing is known beyond
    assert draws[1] == pytest.approx(draws[0] + 5)


def test_the_intervals_and_the_variance_are_those_of_the_quantiles_that_a_network_forecasts():
    levels = np.array([0.025, 0.1, 0.25, 0.5, 0.75, 0.9, 0.975])
    quantiles = np.array([-5.0, -2.0, -1.0, 0.0, 0.5, 3.0, 4.0])
    members = draw_evenly(quantiles, levels)[None, None, :, None]
    distribution = np.interp((np.arange(100_000) + 0.5) / 100_000, levels, quantiles)
    found = find_quantiles(members, None)[:, 0]
    assert [found[end] for level in INTERVALS for end in find_interval(level)] == pytest.approx([-1, 0.5, -2, 3, -5, 4])
    assert find_centre(members) == pytest.approx(distribution.mean(), abs=0.02)
    parts = split_variance(members, None)
    assert parts.quantiles == pytest.approx(distribution.var(), rel=0.03)
    assert not parts.masks.any()


def test_the_intervals_of_many_networks_of_quantiles_are_those_of_their_mixture():
    levels = np.array([0.025, 0.1, 0.25, 0.5, 0.75, 0.9, 0.975])
    quantiles = 2 * levels + RNG.normal(size=(300, 1))
    members = draw_evenly(quantiles, levels)[None, :, :, None]
    fine = (np.arange(1000) + 0.5) / 1000
    mixture = np.concatenate([np.interp(fine, levels, each) for each in quantiles])
    assert find_quantiles(members, None)[:, 0] == pytest.approx(np.quantile(mixture, LEVELS), abs=0.03)


def test_sources_are_read_by_name():
    assert parse_sources("masks, residual") == Sources(masks=True, residual=True)
    assert str(parse_sources("residual,conformal,seeds")) == "seeds,residual,conformal"
    assert str(parse_sources("none")) == "none"
    with pytest.raises(UsageError, match="no source 'mask'; did you mean 'masks'"):
        parse_sources("mask")
    with pytest.raises(UsageError, match="exclude each other"):
        parse_sources("conformal,adaptive-conformal")
    with pytest.raises(UsageError, match="none excludes all others; received 'none,residual'"):
        parse_sources("none,residual")
