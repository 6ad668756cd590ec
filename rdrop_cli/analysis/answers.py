"""Answers to the questions of a page: one number, one test and one interval per question, judged together."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from rdrop_cli.analysis.asked import Asked, Numbers, measure_periods
from rdrop_cli.analysis.claims import RARE
from rdrop_cli.analysis.intervals import (
    Interval,
    bet_against_share,
    bound_means,
    bound_rare_share,
    bound_share,
    clopper_pearson,
)
from rdrop_cli.analysis.joint_test import ALPHA, ALPHA_RARE, Column, Floats, Looks, Plan, take_looks
from rdrop_cli.analysis.period import Origins, Period
from rdrop_cli.analysis.questions import Question


@dataclass(frozen=True)
class Answer:
    """The answer of the seeds to a question; numbers are standardised errors, or 1 and 0 for a share.

    Attributes:
        by_seed: the number of each seed that has one; over several origins the mean, or for a share the majority.
        estimate: the mean over seeds; None if there are none.
        seeds_interval: the interval from the seeds alone, over all looks; None if they bound nothing.
        period: the uncertainty that a single validation period adds; None if it is unknown.
        origins: the answers at several origins; None if there is only one.
        interval: the deciding interval, from seeds and periods together.
        p: by bound, adjusted for every question and every look: a look excludes the bound if p is at most 0.05.
        looked: number of seeds at the last look.
        networks: labels of the networks that the question is about.
    """

    question: Question
    by_seed: Mapping[int, float] = field(default_factory=dict)
    seeds_interval: Interval | None = None
    period: Period | None = None
    origins: Origins | None = None
    interval: Interval | None = None
    p: Mapping[float, float] = field(default_factory=dict)
    looked: int = 0
    networks: tuple[str, ...] = ()

    @property
    def seeds(self) -> tuple[int, ...]:
        return tuple(self.by_seed)

    @property
    def values(self) -> Floats:
        """Shape (seed,)."""
        return np.array(list(self.by_seed.values()), dtype=np.float64)

    @property
    def estimate(self) -> float | None:
        return float(self.values.mean()) if self.by_seed else None

    @property
    def exact_interval(self) -> Interval | None:
        """The exact 95 % interval of a share, as if this were the only question and the only look; None for a mean."""
        return clopper_pearson(self.shown, len(self.seeds)) if self.question.is_share and self.by_seed else None

    @property
    def shown(self) -> int:
        """For a share: the number of seeds that show it."""
        return int(self.values.sum())


def answer_questions(asked: Sequence[Asked], numbers: Sequence[Numbers], plan: Plan) -> list[Answer]:
    """Answer questions together: one test over all of them and over all looks at their seeds."""
    seeds = sorted(set().union(*(each.by_seed for each in numbers)))
    if not seeds:
        return [Answer(each.question) for each in asked]
    table = np.array([[each.by_seed.get(seed, np.nan) for each in numbers] for seed in seeds])
    columns = [Column(index, bound) for index, each in enumerate(asked) for bound in each.bounds]
    centred = [index for index, each in enumerate(asked) if not each.question.is_share]
    looks = take_looks(table[None], columns, plan, centred)
    means = bound_means(looks)[0]
    periods = measure_periods(asked, numbers)
    return [
        _answer(each, found, index, looks, columns, plan, Interval(*map(float, means[index])), periods[index])
        for index, (each, found) in enumerate(zip(asked, numbers, strict=True))
    ]


def _answer(
    asked: Asked,
    numbers: Numbers,
    index: int,
    looks: Looks,
    columns: Sequence[Column],
    plan: Plan,
    mean_interval: Interval,
    periods: Period | Origins | None,
) -> Answer:
    question, by_seed = asked.question, numbers.by_seed
    if not by_seed:
        return Answer(question)
    p = {bound: _adjust_p(looks, place, plan) for place, (of, bound) in enumerate(columns) if of == index}
    interval = _intersect_share(by_seed, looks, index) if question.is_share else mean_interval
    shown, mean = list(numbers.means.values()), float(np.mean(list(by_seed.values())))
    if question.bets_on_rarity:  # upper end: an exact interval is valid at one look, a bet at all looks
        interval = Interval(interval.low, bound_rare_share(shown))
    for bound in [bound for bound in p if p[bound] <= ALPHA]:
        interval = _end_at(interval, bound, mean)
    if question.bets_on_rarity:
        for bound in {*p, RARE}:
            p[bound] = min(p.get(bound, 1.0), ALPHA / ALPHA_RARE / bet_against_share(shown, bound))
    known = interval if _bounds_anything(interval, question.is_share) else None
    return Answer(
        question,
        by_seed,
        seeds_interval=known,
        period=periods if isinstance(periods, Period) else None,
        origins=periods if isinstance(periods, Origins) else None,
        interval=_widen(known, mean, periods) if known else None,
        p=p,
        looked=looks.seeds[-1] if looks.seeds else 0,
        networks=asked.networks,
    )


def _adjust_p(looks: Looks, column: int, plan: Plan) -> float:
    """Return p at the first look that decides, else at the last, relative to the level that the look may spend."""
    relative = [
        min(1.0, float(p) * ALPHA / plan.spend(seeds))
        for seeds, p in zip(looks.seeds, looks.p[0, :, column], strict=True)
        if plan.spend(seeds)
    ]
    return next((p for p in relative if p <= ALPHA), relative[-1] if relative else 1.0)


def _intersect_share(by_seed: Mapping[int, float], looks: Looks, index: int) -> Interval:
    values, low, high = list(by_seed.values()), 0.0, 1.0
    for look, count in enumerate(looks.counts[0, :, index].astype(int)):
        found = bound_share(int(sum(values[:count])), int(count), float(looks.boundaries[0, look]))
        low, high = max(low, found.low), min(high, found.high)
    return Interval(low, high)


def _end_at(interval: Interval, bound: float, mean: float) -> Interval:
    """End an interval at a bound that the test has excluded."""
    if mean > bound:
        return Interval(max(interval.low, bound), max(interval.high, bound))
    return Interval(min(interval.low, bound), min(interval.high, bound))


def _bounds_anything(interval: Interval, is_share: bool) -> bool:
    return interval != (0.0, 1.0) if is_share else math.isfinite(interval.low) and math.isfinite(interval.high)


def _widen(interval: Interval, mean: float, period: Period | Origins | None) -> Interval:
    """Add the uncertainty of periods to that of seeds: the half-widths are independent, so their squares add up.

    A bootstrap crossed over seeds and blocks of days converges to √(seeds² + period²) on either side of the mean (Owen
    2007, Ann. Appl. Stat. 1, 386-411), but its tails are too narrow below ten seeds. The interval of a share is
    extended to the shares of all periods, so it decides nothing on which they disagree.
    """
    if period is None:
        return interval
    if period.half is None:
        return Interval(min(interval.low, *period.estimates), max(interval.high, *period.estimates))
    below, above = max(0.0, mean - interval.low), max(0.0, interval.high - mean)
    return Interval(mean - math.hypot(below, period.half), mean + math.hypot(above, period.half))
