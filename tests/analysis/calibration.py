"""Simulate the whole page: how often it decides wrongly, covers, and finds what is there.

`make calibrate` prints the table of docs/verdict.md; tests/analysis/test_calibration.py runs a small version.

A scenario makes curves of many seeds, of which the real measures take the numbers of the page: a population
whose true answers are known. A study draws its seeds from it, and is judged at every look by the code that judges
runs. A decision about a
bound is false where the truth lies on the other side of it, or on it.
"""

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache

import numpy as np
from scipy import stats

from rdrop_cli.analysis.asked import measure_or_none
from rdrop_cli.analysis.claims import CLAIMS, RARE, SIGN_BOUND
from rdrop_cli.analysis.intervals import RARE_SHARE, bound_means
from rdrop_cli.analysis.joint_test import ALPHA_PERIOD, ALPHA_RARE, Column, Plan, make_signs, take_looks
from rdrop_cli.analysis.period import Layout
from rdrop_cli.analysis.questions import Question, compare_with
from rdrop_cli.analysis.run import RunCurves

NAIVE, MARGIN = 0.29, 0.0058
POPULATION = 1500  # seeds; twice as many where networks are alike, since each pair is taken both ways
EPOCHS = {"baseline": 20, "dropout": 30, "naive-step": 30, "dropout-before": 30}
EXACT_SIGNS = 10  # 512 assignments
SEEDS = 32
SIZES = (6, 8, 12, 16, 30)
BATCH = 64
PERIOD_BLOCKS = 40
SHOWN = 0.02  # of the studies: what is found less often is not listed
FAMILY: tuple[Question, ...] = (
    *dict.fromkeys(claim.question for claim in CLAIMS),
    compare_with("baseline", "naive-step"),
)
Noise = Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]


def normal(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return rng.normal(size=shape)


def heavy_tails(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return rng.standard_t(3, size=shape) / np.sqrt(3)


def skewed(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return rng.exponential(size=shape) - 1


def lognormal(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return (np.exp(rng.normal(size=shape)) - np.exp(0.5)) / 2.16


@dataclass(frozen=True)
class Scenario:
    """How the curves of a seed are made; errors are standardised.

    Attributes:
        level: of each network's curve, relative to 0.262.
        jitter: standard deviation from epoch to epoch.
        climb: what the baseline's error rises by, per epoch from the seventh on.
        bad: share of dropout seeds that climb like the published baseline.
        seed_spread: standard deviation over seeds.
        memory: correlation of the jitter from epoch to epoch.
        alike: whether both networks are the same: each seed then makes two pairs.
        period: standard deviation of what the period adds to every difference in level; with several origins, to
            every difference.
        origins: where each origin's validation begins, in validation periods; of one alone the period is estimated from
            blocks.
        crossed: whether a seed shows the same at every origin, but for what the period adds.
    """

    name: str
    level: dict[str, float] = field(default_factory=dict)
    jitter: dict[str, float] = field(default_factory=dict)
    climb: dict[str, float] = field(default_factory=dict)
    bad: float = 0.0
    base: float = 0.262
    seeds: Noise = normal
    seed_spread: dict[str, float] = field(default_factory=dict)
    memory: float = 0.0
    alike: bool = False
    period: float = 0.0
    origins: tuple[float, ...] = (0.0,)
    crossed: bool = False


PUBLISHED = {"climb": {"baseline": 0.0024}, "jitter": {"baseline": 0.0016, "dropout": 0.0028}}
MOVED = {"alike": True, "period": 0.0019}
SCENARIOS = (
    Scenario("all alike", alike=True),
    Scenario("all alike, heavy tails", alike=True, seeds=heavy_tails),
    Scenario("all alike, skewed (exponential)", alike=True, seeds=skewed),
    Scenario("all alike, skewed (lognormal)", alike=True, seeds=lognormal),
    Scenario("all alike, jitter correlated 0.8", alike=True, memory=0.8),
    Scenario("all alike, at the naive error", alike=True, base=NAIVE),
    Scenario("all alike, all climb by about the margin", alike=True, climb=dict.fromkeys(EPOCHS, 0.00035)),
    Scenario("alike but in spread (1 : 3)", seed_spread={"baseline": 0.001, "dropout": 0.003}),
    Scenario("alike but in jitter (published)", jitter={"baseline": 0.0016, "dropout": 0.0028}),
    Scenario("15 % of dropout seeds overfit", bad=0.15),
    Scenario("all alike, period effect 0.0019", **MOVED),
    Scenario("all alike, the same over 5 origins", **MOVED, origins=(0, 1, 2, 3, 4)),
    Scenario("all alike, the same, seeds alike at each", **MOVED, origins=(0, 1, 2, 3, 4), crossed=True),
    Scenario("all alike, the same over 3 that overlap", **MOVED, origins=(0, 0.5, 1)),
    Scenario("all alike, the same over 2 origins", **MOVED, origins=(0, 1)),
    Scenario("published curves, same level", **PUBLISHED),
    Scenario("published curves, dropout 0.002 lower", level={"dropout": -0.002}, **PUBLISHED),
    Scenario("published curves, dropout 0.004 lower", level={"dropout": -0.004}, **PUBLISHED),
    Scenario("variants 0.004 higher, published", level={"naive-step": 0.004, "dropout-before": 0.004}, **PUBLISHED),
)

COMPARED = tuple(  # scenarios that the rule of 0.1 is shown on too
    number
    for number, scenario in enumerate(SCENARIOS)
    if number in (0, 2) or ("published" in scenario.name and "jitter" not in scenario.name)
)


def make_curves(scenario: Scenario, variant: str, count: int, rng: np.random.Generator) -> np.ndarray:
    """Return validation errors of shape (seed, epoch)."""
    epochs = np.arange(1, EPOCHS[variant] + 1)
    jitter = rng.normal(size=(count, len(epochs)))
    if scenario.memory:
        for epoch in range(1, len(epochs)):
            fresh = np.sqrt(1 - scenario.memory**2) * jitter[:, epoch]
            jitter[:, epoch] = scenario.memory * jitter[:, epoch - 1] + fresh
    own = scenario.seeds(rng, (count, 1)) * scenario.seed_spread.get(variant, 0.002)
    climb = np.full((count, 1), scenario.climb.get(variant, 0.0))
    if variant == "dropout" and scenario.bad:
        climb[rng.random(count) < scenario.bad] = 0.0024
    level = scenario.base + scenario.level.get(variant, 0.0)
    shape = 0.04 * np.exp(-epochs / 1.5) + climb * np.maximum(0, epochs - 6)
    return level + own + shape + scenario.jitter.get(variant, 0.002) * jitter


def make_population(scenario: Scenario, count: int, rng: np.random.Generator) -> np.ndarray:
    """Return the numbers of the page for many seeds, shape (seed, question)."""
    variants = list(EPOCHS)
    curves = {variant: make_curves(scenario, variant, count, rng) for variant in variants}
    rows = [_measure(dict(zip(variants, of_seed, strict=True))) for of_seed in zip(*curves.values(), strict=True)]
    if scenario.alike:  # either of two networks that are alike might have been the other
        swapped = make_swaps(curves)
        rows += [_measure(dict(zip(variants, of_seed, strict=True))) for of_seed in zip(*swapped.values(), strict=True)]
    return np.array(rows)


def make_swaps(curves: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Exchange the noise of baseline and the others; the longer ones keep their later epochs."""
    shared = EPOCHS["baseline"]
    swapped = {name: curve.copy() for name, curve in curves.items()}
    swapped["baseline"] = curves["dropout"][:, :shared].copy()
    swapped["dropout"][:, :shared] = curves["baseline"]
    swapped["naive-step"][:, :shared], swapped["dropout-before"][:, :shared] = (
        curves["dropout-before"][:, :shared],
        curves["naive-step"][:, :shared],
    )
    return swapped


def _measure(curves: dict[str, np.ndarray]) -> list[float]:
    runs = {}
    for variant, val_loss in curves.items():
        training = 0.25 - 0.001 * np.arange(len(val_loss))
        runs[variant] = RunCurves(variant, 0, training, val_loss, training, NAIVE, None, 8.84)
    values = [measure_or_none(each.measure, tuple(runs[name] for name in each.needs)) for each in FAMILY]
    return [np.nan if value is None else value for value in values]


@cache
def list_bounds() -> tuple[tuple[float, ...], ...]:
    bounds = []
    for question in FAMILY:
        regions = [claim.region(MARGIN) for claim in CLAIMS if claim.question is question]
        found = {bound for region in regions for bound in region.bounds if not question.is_share or bound == SIGN_BOUND}
        bounds.append(tuple(sorted(found or {0.0})))
    return tuple(bounds)


@dataclass
class Tally:
    """What became of the studies of a scenario, as counts at each number of seeds of `SIZES`, and at the last.

    Attributes:
        false: studies with any false decision by then.
        rare: studies in which overfitting was called rare by then.
        found: decisions by bound, of those that are true: {(question, bound): counts}.
        covered: studies in which all intervals of means hold the truth, at the last look.
    """

    studies: int = 0
    false: np.ndarray = field(default_factory=lambda: np.zeros(len(SIZES) + 1))
    rare: np.ndarray = field(default_factory=lambda: np.zeros(len(SIZES) + 1))
    found: dict[tuple[str, float], np.ndarray] = field(default_factory=dict)
    covered: int = 0


def run_studies(
    scenario: Scenario, studies: int, rng: np.random.Generator, plan: Plan | None = None, seeds: int = POPULATION
) -> Tally:
    """Judge studies of 32 seeds at every look; they are drawn from a population of so many `seeds`."""
    plan, signs = plan or Plan(), make_signs(SEEDS, EXACT_SIGNS)
    population = make_population(scenario, seeds, rng)
    truth = population.mean(axis=0)
    if scenario.alike:
        truth[[not question.is_share for question in FAMILY]] = 0.0
        means = [not question.is_share for question in FAMILY]
        population[:, means] -= population[:, means].mean(axis=0)
    columns = [Column(q, bound) for q, bounds in enumerate(list_bounds()) for bound in bounds]
    tally = Tally()
    while tally.studies < studies:
        count = min(BATCH, studies - tally.studies)
        if len(scenario.origins) > 1:
            values, half, ends = draw_origins(scenario, population, count, rng)
        else:
            shift, half = draw_period(scenario, count, rng)
            values, ends = population[rng.integers(len(population), size=(count, SEEDS))] + shift[:, None], None
        _count(tally, values, truth, columns, plan, signs, half, ends)
        tally.studies += count
    return tally


def draw_period(scenario: Scenario, count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return what a study's period adds to every question, and half the width of its interval as estimated."""
    moved = np.array([question.in_period for question in FAMILY])
    shift = rng.normal(size=(count, len(FAMILY))) * scenario.period * moved
    estimated = scenario.period * np.sqrt(rng.chisquare(PERIOD_BLOCKS - 1, size=shift.shape) / (PERIOD_BLOCKS - 1))
    t = stats.t.ppf(1 - ALPHA_PERIOD / (2 * moved.sum()), PERIOD_BLOCKS - 1)
    return shift, np.repeat((t * estimated * moved)[:, None], SEEDS, axis=1)


def draw_origins(
    scenario: Scenario, population: np.ndarray, count: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return what studies over several origins see.

    Returns:
        The seeds' numbers over all origins (study, seed, question); half the width of the interval over origins, with
        so many seeds (study, seed, question); and the lowest and highest answer of an origin, with so many seeds, and
        each seed's mean over origins (which, study, seed, question).
    """
    origins, is_share = len(scenario.origins), np.array([question.is_share for question in FAMILY])
    rows = rng.integers(len(population), size=(count, SEEDS, 1 if scenario.crossed else origins))
    values = np.broadcast_to(population[rows], (count, SEEDS, origins, len(FAMILY))).copy()
    values += draw_overlapping(scenario, count, rng)[:, None] * ~is_share
    means = values.mean(axis=2)
    numbers = np.where(is_share, np.where(means == SIGN_BOUND, np.nan, means > SIGN_BOUND), means)
    seen = np.cumsum(values, axis=1) / np.arange(1, SEEDS + 1)[:, None, None]
    layout = Layout(tuple(round(100 * start) for start in scenario.origins), 100)
    t = stats.t.ppf(1 - ALPHA_PERIOD / (2 * (~is_share).sum()), layout.freedom)
    variance = np.maximum(seen.var(axis=2, ddof=1), measure_residuals(values) / np.arange(1, SEEDS + 1)[:, None])
    half = t * np.sqrt(layout.scale(1.0) * variance) * ~is_share
    return numbers, half, np.stack([seen.min(axis=2), seen.max(axis=2), np.broadcast_to(means, half.shape)])


def measure_residuals(values: np.ndarray) -> np.ndarray:
    """Return `measure_residual` of numbers (study, seed, origin, question) with so many seeds: 0 of one."""
    seeds, origins = np.arange(1, SEEDS + 1)[:, None], values.shape[2]
    whole = np.cumsum((values**2).sum(axis=2), axis=1)
    of_seeds = origins * np.cumsum(values.mean(axis=2) ** 2, axis=1)
    of_origins = seeds * ((np.cumsum(values, axis=1) / seeds[..., None]) ** 2).sum(axis=2)
    of_all = seeds * origins * (np.cumsum(values.mean(axis=2), axis=1) / seeds) ** 2
    left = np.maximum(whole - of_seeds - of_origins + of_all, 0.0)
    return left / ((origins - 1) * np.maximum(seeds - 1, 1))


def draw_overlapping(scenario: Scenario, count: int, rng: np.random.Generator) -> np.ndarray:
    """Return what each period adds, (study, origin, question): a mean over its days, which periods may share."""
    days = 40  # of a validation period: a stretch of it within which errors are alike
    starts = [round(start * days) for start in scenario.origins]
    weather = rng.normal(size=(count, max(starts) + days, len(FAMILY))) * scenario.period * np.sqrt(days)
    return np.stack([weather[:, start : start + days].mean(axis=1) for start in starts], axis=1)


def _count(
    tally: Tally,
    values: np.ndarray,
    truth: np.ndarray,
    columns: Sequence[Column],
    plan: Plan,
    signs: np.ndarray,
    half: np.ndarray,
    ends: np.ndarray | None,
) -> None:
    means = [q for q, each in enumerate(FAMILY) if not each.is_share]
    looks = take_looks(values, columns, plan, means, signs, measure_p=False)
    question, bound = np.array([c.question for c in columns]), np.array([c.bound for c in columns])
    crossed = looks.excluded
    above = looks.means[:, :, question] > bound
    if half.any():
        crossed = _decide_with_period(looks, crossed, question, bound, half)
    if ends is not None:
        low, high = ends[:2, :, np.array(looks.seeds) - 1][..., question]
        crossed &= (low > bound) | (high < bound) | ~np.array([FAMILY[q].is_share for q in question])
    is_true = np.where(above, truth[question] > bound, truth[question] < bound)
    false = (crossed & ~is_true).any(axis=2)
    right = np.maximum.accumulate(crossed & is_true, axis=1)
    rare = _bet_on_rarity(values if ends is None else ends[2])
    if ends is not None:
        rare &= np.maximum.accumulate(ends[1, :, :, _rare_question()] < RARE, axis=1)
    truly_rare = truth[_rare_question()] < RARE
    reached = [max((i for i, n in enumerate(looks.seeds) if n <= size), default=-1) for size in (*SIZES, SEEDS)]
    ever_false = np.maximum.accumulate(false, axis=1)
    for place, look in enumerate(reached):
        seeds = (*SIZES, SEEDS)[place]
        rarely = rare[:, :seeds].any(axis=1)
        wrong = rarely & (not truly_rare)
        tally.rare[place] += rarely.sum()
        tally.false[place] += (wrong | (ever_false[:, look] if look >= 0 else False)).sum()
        for column, each in enumerate(columns):
            key = FAMILY[each.question].id, each.bound
            counts = tally.found.setdefault(key, np.zeros(len(SIZES) + 1))
            counts[place] += right[:, look, column].sum() if look >= 0 else 0
    intervals = bound_means(looks)[:, means]
    middle = values[:, : looks.seeds[-1], means].mean(axis=1)
    low = middle - np.hypot(np.maximum(middle - intervals[..., 0], 0), half[:, -1, means])
    high = middle + np.hypot(np.maximum(intervals[..., 1] - middle, 0), half[:, -1, means])
    tally.covered += ((low <= truth[means]) & (truth[means] <= high)).all(axis=1).sum()


def _decide_with_period(looks, crossed, question, bound, half) -> np.ndarray:  # type: ignore[no-untyped-def]
    """Return decisions by intervals of seeds and period together, at every look."""
    decided = crossed.copy()
    for look in range(len(looks.seeds)):
        so_far = looks.__class__(
            looks.seeds[: look + 1],
            looks.boundaries[:, : look + 1],
            looks.wide_boundaries[:, : look + 1],
            *(each[:, : look + 1] for each in (looks.excluded, looks.p, looks.counts, looks.means, looks.deviations)),
        )
        ends, middle = bound_means(so_far)[:, question], looks.means[:, look, question]
        now = half[:, looks.seeds[look] - 1][:, question]
        low = middle - np.hypot(np.maximum(middle - ends[..., 0], 0), now)
        high = middle + np.hypot(np.maximum(ends[..., 1] - middle, 0), now)
        with_period = (low > bound) | (high < bound)
        moved = now[0] > 0
        decided[:, look, moved] = with_period[:, moved]
    return decided


def _rare_question() -> int:
    return next(q for q, question in enumerate(FAMILY) if question.bets_on_rarity)


def _bet_on_rarity(values: np.ndarray) -> np.ndarray:
    """Return after how many seeds overfitting has been called rare, shape (study, seed)."""
    shown = values[:, :, _rare_question()]
    paid = np.cumprod(shown * RARE_SHARE / RARE + (1 - shown) * (1 - RARE_SHARE) / (1 - RARE), axis=1)
    return np.maximum.accumulate(paid, axis=1) >= 1 / ALPHA_RARE


def run_old_rule(
    scenario: Scenario, studies: int, rng: np.random.Generator, seeds: int = POPULATION
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Judge as rdrop 0.1 did: Holm over sign flips of each family apart, and Student's interval; at one look each.

    Returns:
        Studies with any false decision, at each of `SIZES` and peeking at every seed from 6 to 30; and
        decisions that are true by question.
    """
    population = make_population(scenario, seeds, rng)
    truth = population.mean(axis=0)
    means = [q for q, question in enumerate(FAMILY) if not question.is_share]
    if scenario.alike:
        population[:, means] -= population[:, means].mean(axis=0)
        truth[means] = 0.0
    false, found, peeked = np.zeros(len(SIZES)), {FAMILY[q].id: np.zeros(len(SIZES)) for q in means}, 0
    signs = make_signs(30, EXACT_SIGNS)
    for _ in range(studies):
        values = population[rng.integers(len(population), size=30)][:, means]
        ever = False
        for seen in range(6, 31):
            sample = values[:seen]
            flipped = np.abs(signs[:, :seen] @ sample)
            p = (flipped >= flipped[0] * (1 - 1e-9)).mean(axis=0)
            order = np.argsort(p)
            holm = np.empty_like(p)
            holm[order] = np.minimum(1, np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)))
            t = np.abs(sample.mean(axis=0)) / (sample.std(axis=0, ddof=1) / np.sqrt(seen))
            decided = (holm < 0.05) & (t > stats.t.ppf(0.975, seen - 1))
            right = np.sign(sample.mean(axis=0)) == np.sign(truth[means])
            wrong = bool((decided & ~right).any())
            ever |= wrong
            if seen in SIZES:
                false[SIZES.index(seen)] += wrong
                for place, q in enumerate(means):
                    found[FAMILY[q].id][SIZES.index(seen)] += decided[place] and right[place]
        peeked += ever
    return np.append(false, peeked) / studies, {name: counts / studies for name, counts in found.items()}


def format_head() -> Iterator[str]:
    """Yield the head of the table of docs/verdict.md."""
    heads = " | ".join(f"{size} seeds" for size in SIZES)
    yield f"| scenario | studies | {heads} | 32, peeked at every seed | intervals cover |"
    yield "|---|---|" + "---|" * (len(SIZES) + 2)


def format_scenario(number: int, studies: int, seed: int) -> Iterator[str]:
    """Yield the lines of a scenario: false decisions by then, and decisions that are true."""
    scenario = SCENARIOS[number]
    tally = run_studies(scenario, studies, np.random.default_rng([seed, number]))
    rates = " | ".join(f"{rate:.3f}" for rate in tally.false / tally.studies)
    yield f"| {scenario.name} | {tally.studies:,} | {rates} | {tally.covered / tally.studies:.3f} |"
    for (name, bound), counts in tally.found.items():
        if counts[-1] > SHOWN * tally.studies:
            power = " | ".join(f"{rate:.2f}" for rate in counts / tally.studies)
            yield f"|   found: {name} vs {bound:g} | | {power} | |"
    rare = " | ".join(f"{rate:.3f}" for rate in tally.rare / tally.studies)
    yield f"|   overfitting called rare | | {rare} | |"


def format_old(studies: int, seed: int) -> Iterator[str]:
    yield "| scenario, rule of 0.1 | " + " | ".join(f"{size} seeds" for size in SIZES) + " | peeked, 6 to 30 |"
    yield "|---|" + "---|" * (len(SIZES) + 1)
    for number in COMPARED:
        rates, found = run_old_rule(SCENARIOS[number], studies, np.random.default_rng([seed, number]))
        yield f"| {SCENARIOS[number].name} | " + " | ".join(f"{rate:.3f}" for rate in rates) + " |"
        for name, counts in found.items():
            if counts[-1] > SHOWN:
                yield f"|   found: {name} | " + " | ".join(f"{rate:.2f}" for rate in counts) + " | |"


def write(lines: Iterator[str]) -> None:
    """Write lines to stdout as they come."""
    for line in lines:
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=4000, help="of each scenario")
    parser.add_argument("--headline", type=int, default=100_000, help="of the first scenario: nothing is there")
    parser.add_argument("--old", type=int, default=400, help="of the rule of rdrop 0.1, for comparison; 0 for none")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", type=int, nargs="*", default=range(len(SCENARIOS)), help="scenarios, by number")
    options = parser.parse_args()
    write(format_head())
    for chosen in options.only:
        studied = options.studies if chosen else options.headline
        write(format_scenario(chosen, studied, options.seed))
    if options.old:
        write(format_old(options.old, options.seed))
