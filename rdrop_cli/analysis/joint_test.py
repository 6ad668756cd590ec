"""One test for all questions of a page, which stays valid however often seeds are added.

The test. Each question has one number per seed. Under the null hypothesis, a seed's numbers are as likely to lie on one
side of their bounds as on the other, all of them together. So the signs of whole seeds are flipped, the same flips for
every question, and an observed statistic has to exceed the largest statistic of any question (Westfall and Young 1993,
Resampling-Based Multiple Testing; Romano and Wolf 2005, JASA 100, 94-108). The statistic is Student's t in the form

    S(b) = |Σ (x_i - b)| / √Σ (x_i - b)²        t = S √((n - 1) / (n - S²))

in which flips change only the numerator. For a yes or no per seed (x = 1 or 0, b = 1/2) it is the sign test.

Looks. Seeds are taken in ascending order, and the test is made at every look of a plan that does not depend on the
data. A spending rule gives each look its part of the level (Lan and DeMets 1983, Biometrika 70, 659-663). Flips that
exceeded an earlier boundary are spent: over all looks together, the share of flips that exceed a boundary is at most
the level. This is exact if all questions are null, since the boundaries depend on the numbers only through their
distances from the bounds.

Intervals (`intervals`) are simultaneous too. If every question is far from its bounds, flips of the distances from the
bounds say little about how far apart the means may lie by chance. So the boundary of the intervals is computed from the
distances from the means and from the bounds together.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from rdrop_cli.errors import ValueRefusedError

ALPHA = 0.05  # chance of any false decision on a page
ALPHA_RARE = 0.01  # part of ALPHA, for claims that something is rare, which signs cannot show
ALPHA_SIGNS = ALPHA - ALPHA_RARE
ALPHA_PERIOD = ALPHA_SIGNS / 2  # the chance that the period exceeds its part of an interval
FIRST_LOOK, MAX_SEEDS = 8, 32
FIRST_FLIPS, FIRST_SHARE = 3, 0.8  # limits of the first look: see `Plan.spend`
EXACT_SEEDS = 14  # up to this many, all assignments of signs are tried; signs of later seeds are drawn
TIES = 1e-9  # relative difference below which statistics are equal
_EQUAL = 1e-14  # relative size below which squares are rounding

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Plan:
    """The numbers of seeds at which the page is judged, fixed before the first seed is trained.

    Raises:
        UsageError: the looks are not ascending numbers of seeds.
    """

    looks: tuple[int, ...] = tuple(range(FIRST_LOOK, MAX_SEEDS + 1))

    def __post_init__(self) -> None:
        if not self.looks or self.looks[0] < 1 or list(self.looks) != sorted(set(self.looks)):
            raise ValueRefusedError("looks", self.looks, "ascending numbers of seeds such as 8,16,32")

    def spend(self, seeds: int) -> float:
        """Return the level that all looks up to `seeds` seeds may spend together: α · n / last.

        The first look gets at least three times 2 / 2^n, as far as four fifths of α allow: 2 / 2^n is the lowest level
        at which n seeds can decide anything; the rest is for two questions of the page on which the seeds disagree.
        """
        first, last = self.looks[0], self.looks[-1]
        reached = max((look for look in self.looks if look <= seeds), default=0)
        if not reached:
            return 0.0
        if first == last:
            return ALPHA_SIGNS
        least = 2.0 ** (1 - first)
        wanted = least * min(FIRST_FLIPS, math.floor(FIRST_SHARE * ALPHA_SIGNS / least))
        at_first = max(ALPHA_SIGNS * first / last, wanted)
        return at_first + (ALPHA_SIGNS - at_first) * (reached - first) / (last - first)

    @property
    def can_decide(self) -> int | None:
        """The fewest seeds at which anything can be decided; None if no look can."""
        return next((n for n in self.looks if self.spend(n) >= 2.0 ** (1 - min(n, EXACT_SEEDS))), None)


class Column(NamedTuple):
    """A test: the distances of a question's numbers from a bound."""

    question: int
    bound: float


@dataclass(frozen=True)
class Looks:
    """The results of a test for studies at their looks.

    Attributes:
        seeds: number of seeds at each look, shape (look,).
        boundaries: the value that a statistic has to exceed, shape (study, look); infinite if nothing can be decided.
        wide_boundaries: the same for intervals.
        excluded: whether a look excludes the bound of a column, shape (study, look, column).
        p: of every column, adjusted for all columns and looks, shape (study, look, column); NaN if not requested.
        counts, means, deviations: of every question's numbers, shape (study, look, question).
    """

    seeds: tuple[int, ...]
    boundaries: Floats
    wide_boundaries: Floats
    excluded: Bools
    p: Floats
    counts: Floats
    means: Floats
    deviations: Floats


def make_signs(seeds: int, exact: int = EXACT_SEEDS) -> Floats:
    """Return assignments of signs, shape (assignment, seed): all for the first `exact` seeds, drawn for later ones.

    The first seed keeps its sign, since S does not change if all signs are flipped; the first assignment flips nothing.
    Drawn signs are the lowest bits of SplitMix64 (Steele, Lea and Flood 2014) at 64 · assignment + seed: the same on
    every machine.
    """
    rows = np.arange(2 ** (min(seeds, exact) - 1), dtype=np.uint64)
    signs = np.ones((len(rows), seeds))
    for seed in range(1, seeds):
        bits = (rows >> np.uint64(seed - 1)) & np.uint64(1) if seed < exact else _draw_bits(rows, seed)
        signs[:, seed] -= 2.0 * bits
    signs[0] = 1.0
    return signs


def _draw_bits(rows: npt.NDArray[np.uint64], seed: int) -> npt.NDArray[np.uint64]:
    mixed = (rows * np.uint64(64) + np.uint64(seed + 1)) * np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return (mixed ^ (mixed >> np.uint64(31))) & np.uint64(1)


@dataclass
class _Spending:
    """Assignments of signs that exceeded a boundary at an earlier look: their share of the level is spent."""

    alive: Bools
    spent: npt.NDArray[np.int64]

    def measure_p(self, largest: Floats, observed: Floats) -> Floats:
        """Return, for each observed statistic, the share of assignments that are spent or reach it."""
        living = np.where(self.alive, largest, -1.0)
        reach = (living[:, :, None] >= observed[:, None] * (1 - TIES)).sum(axis=1)
        p: Floats = (self.spent[:, None] + reach) / largest.shape[1]
        return p

    def find_boundary(self, largest: Floats, level: float) -> Floats:
        """Return the boundary that at most `level` of all assignments exceed by this look, and spend those that do."""
        rows = largest.shape[1]
        largest = np.where(self.alive, largest, -1.0)
        allowed = np.floor(level * rows + TIES).astype(int) - self.spent
        ranked = np.sort(largest, axis=1)[:, ::-1]
        boundary = np.take_along_axis(ranked, np.clip(allowed, 0, rows - 1)[:, None], 1)[:, 0]
        boundary = np.where(allowed > 0, boundary, np.inf)
        crossed = largest > boundary[:, None] * (1 + TIES)
        self.spent = self.spent + crossed.sum(axis=1)
        self.alive = self.alive & ~crossed
        return boundary


def take_looks(
    values: Floats,
    columns: Sequence[Column],
    plan: Plan,
    centred: Sequence[int] = (),
    signs: Floats | None = None,
    measure_p: bool = True,
) -> Looks:
    """Make the test at every look that the seeds reach.

    Args:
        values: shape (study, seed, question), seeds in ascending order; NaN if a seed has no number.
        columns: every bound to test.
        centred: the questions whose intervals are of means.
        signs: from `make_signs`.
        measure_p: whether to compute p.
    """
    studies, seeds, questions = values.shape
    signs = make_signs(seeds) if signs is None else signs
    present = np.isfinite(values)
    filled = np.where(present, values, 0.0)
    counts, sums, squares = (np.cumsum(each, axis=1) for each in (present.astype(float), filled, filled**2))
    means = sums / np.maximum(counts, 1)
    tested, middles = np.array([each.question for each in columns], dtype=int), np.array(centred, dtype=int)
    bounds = np.broadcast_to([each.bound for each in columns], (studies, len(columns)))
    flipped_sum, flipped_count = (np.zeros((studies, len(signs), questions)) for _ in range(2))
    test, wide = (_Spending(np.ones((studies, len(signs)), bool), np.zeros(studies, int)) for _ in range(2))
    reached = [look for look in plan.looks if look <= seeds]
    boundaries, wide_boundaries, excluded, p_values = list[Floats](), list[Floats](), list[Bools](), list[Floats]()
    for seed in range(max(reached, default=0)):
        flipped_sum += signs[:, seed, None] * filled[:, None, seed]
        flipped_count += signs[:, seed, None] * present[:, None, seed]
        if seed + 1 not in reached:
            continue

        level, moments = plan.spend(seed + 1), (counts[:, seed], sums[:, seed], squares[:, seed])
        statistics = _measure_flips(flipped_sum, flipped_count, moments, tested, bounds)
        largest = statistics.max(axis=2, initial=0.0)
        observed = statistics[:, 0]
        p_values.append(test.measure_p(largest, observed) if measure_p else np.full(observed.shape, np.nan))
        boundaries.append(test.find_boundary(largest, level))
        excluded.append(observed > boundaries[-1][:, None] * (1 + TIES))
        centres = means[:, seed, middles]
        around = _measure_flips(flipped_sum, flipped_count, moments, middles, centres).max(axis=2, initial=0.0)
        wide_boundaries.append(wide.find_boundary(np.maximum(largest, around), level))
    at = np.array(reached, dtype=int) - 1
    return Looks(
        seeds=tuple(reached),
        boundaries=_stack(boundaries, (studies,)),
        wide_boundaries=_stack(wide_boundaries, (studies,)),
        excluded=_stack(excluded, (studies, len(columns))).astype(bool),
        p=_stack(p_values, (studies, len(columns))),
        counts=counts[:, at],
        means=means[:, at],
        deviations=_measure_deviations(counts, means, squares)[:, at],
    )


def _measure_deviations(counts: Floats, means: Floats, squares: Floats) -> Floats:
    """Return standard deviations from the counts, the means and the sums of squares."""
    variances = np.maximum(squares - counts * means**2, 0.0) / np.maximum(counts - 1, 1)
    variances[variances <= _EQUAL * squares] = 0.0  # rounding
    deviations: Floats = np.sqrt(variances)
    return deviations


def _measure_flips(
    flipped_sum: Floats,
    flipped_count: Floats,
    moments: tuple[Floats, Floats, Floats],
    question: npt.NDArray[np.int64],
    centres: Floats,
) -> Floats:
    """Return S of every assignment of signs, shape (study, assignment, column).

    Args:
        flipped_sum, flipped_count: sums of the flipped numbers, and of the signs alone.
        moments: count, sum and sum of squares of each question's numbers.
        question, centres: for each column, the question and the value from which distances are measured.
    """
    n, total, square = (each[:, question] for each in moments)
    norms = np.maximum(square - 2 * centres * total + n * centres**2, 0.0)
    norms[norms <= _EQUAL * (square + n * centres**2)] = np.inf  # all equal the centre: on neither side
    distances = flipped_sum[..., question] - centres[:, None] * flipped_count[..., question]
    flipped: Floats = np.abs(distances) / np.sqrt(norms)[:, None]
    return flipped


def _stack(per_look: Sequence[npt.NDArray[Any]], shape: tuple[int, ...]) -> npt.NDArray[Any]:
    return np.stack(per_look, axis=1) if per_look else np.empty((shape[0], 0, *shape[1:]))
