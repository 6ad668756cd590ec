"""The expected effect of more seeds on an undecided question: a range if the difference is real, or none."""

import math
from dataclasses import dataclass
from typing import Literal

from rdrop_cli.analysis.answers import Answer
from rdrop_cli.analysis.claims import Region
from rdrop_cli.analysis.distributions import exceed_t, find_t
from rdrop_cli.analysis.intervals import RARE_SHARE
from rdrop_cli.analysis.joint_test import ALPHA_RARE, Plan

NORMAL_80 = 0.8416  # 80 % quantile of the standard normal distribution
# The boundary of S for ten questions of one page at 12 seeds and more, within a tenth: see `joint_test`.
USUAL_BOUNDARY = 3.1


@dataclass(frozen=True)
class Outlook:
    """The expected effect of more seeds.

    Attributes:
        kind: `first-look`: nothing can be decided before `fewest` seeds; `range`: if the difference is real, `fewest`
            to `most` seeds in all decide it in four of five studies; `no-difference`: none larger than the margin is
            likely; `period`: more seeds do not help, another period would; `unlikely`: not within the plan.
        most: None if it is more than the plan has.
    """

    kind: Literal["first-look", "range", "no-difference", "period", "unlikely"]
    fewest: int | None = None
    most: int | None = None


def foresee(answer: Answer, region: Region, margin: float, plan: Plan) -> Outlook:
    """Estimate the effect of more seeds on an undecided claim.

    The distance from the nearest bound is taken at the ends of its central 80 %, under Student's t, on the side of the
    bound where the seeds lie. So the range assumes that the difference is real and has this direction.
    """
    seeds, last = len(answer.by_seed), plan.looks[-1]
    if answer.question.bets_on_rarity and region.high < 0.5:
        return _foresee_rarity(answer.shown, seeds, region.high, last)
    first = plan.can_decide or last
    if seeds < first or answer.estimate is None:
        return Outlook("first-look", first)
    by_seeds = answer.seeds_interval
    if (
        (answer.period or answer.origins)
        and by_seeds
        and any(not by_seeds.low < bound < by_seeds.high for bound in region.bounds)
    ):
        return Outlook("period")
    spread = float(answer.values.std(ddof=1)) or 1e-12
    error = spread / math.sqrt(seeds)
    if not answer.question.is_share:
        half = find_t(0.9, seeds - 1) * error
        if abs(answer.estimate) + half < margin and 0.0 in region.bounds:
            return Outlook("no-difference")
    bound = min(region.bounds, key=lambda each: abs(each - float(answer.estimate or 0.0)))
    far = abs(answer.estimate - bound) / error
    above = exceed_t(-far, seeds - 1)  # the probability of this side
    near, wide = (far + find_t(1 - above * (1 - share), seeds - 1) for share in (0.1, 0.9))
    fewest, most = (_count_seeds(each * error / spread, first, last) for each in (wide, near))
    if fewest is None:
        return Outlook("unlikely")
    return Outlook("range", max(fewest, seeds + 1), most if most is None else max(most, seeds + 1))


def _count_seeds(effect: float, first: int, last: int) -> int | None:
    """Return the number of seeds at which four of five studies exclude a bound `effect` standard deviations away."""
    for seeds in range(first, last + 1):
        boundary = min(USUAL_BOUNDARY, math.sqrt(seeds) * 0.97)
        t = boundary * math.sqrt((seeds - 1) / (seeds - boundary**2))
        if math.sqrt(seeds) * effect - t >= NORMAL_80:
            return seeds
    return None


def _foresee_rarity(shown: int, seeds: int, share: float, last: int) -> Outlook:
    """Count the seeds after which a bet on rarity is won if no further seed shows it."""
    win, loss = math.log((1 - RARE_SHARE) / (1 - share)), math.log(share / RARE_SHARE)
    fewest = shown + math.ceil((shown * loss - math.log(ALPHA_RARE)) / win)
    return Outlook("range", fewest, None) if fewest <= last else Outlook("unlikely")
