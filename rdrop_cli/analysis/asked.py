"""One number per seed from the runs that answer a question, over one period or several."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np

from rdrop_cli.analysis.claims import SIGN_BOUND
from rdrop_cli.analysis.period import Layout, Origins, Period, measure_origins, measure_period
from rdrop_cli.analysis.questions import Measure, Question, Runs
from rdrop_cli.errors import DataError

RunsBySeed = Mapping[int, Runs]
Found = TypeVar("Found")


@dataclass(frozen=True)
class Asked:
    """A question with the runs that answer it, by seed, and the bounds of the claims about it.

    Attributes:
        origins: the runs of every seed, by the rows from the first origin to theirs; the same seeds at each origin.
        validation_rows: length of the validation period, which determines how far origins overlap.
        networks: labels of the networks of a seed's runs, in the same order.
    """

    question: Question
    origins: Mapping[int, RunsBySeed]
    bounds: tuple[float, ...]
    networks: tuple[str, ...] = ()
    validation_rows: int = 0

    @property
    def runs(self) -> RunsBySeed:
        """The runs of the first origin."""
        return next(iter(self.origins.values()), {})

    @property
    def has_short_runs(self) -> bool:
        """Whether a run has too few epochs; the others alone would be a choice of runs by their outcome.

        Runs of a network differ in length only if patience ended those that got worse.
        """
        runs = (run for by_seed in self.origins.values() for of_seed in by_seed.values() for run in of_seed)
        return any(run.epochs < self.question.least_epochs for run in runs)


@dataclass(frozen=True)
class Numbers:
    """The numbers of the seeds.

    Attributes:
        at_origins: numbers of the seeds that all origins have, by origin; origins without any number are left out.
        means: mean of each seed over its origins, ascending; for a share: the share of origins that show it.
        by_seed: the same; for a share: whether most origins show it. A seed with an even split has no number: so with
            two origins, the share of seeds lies on the same side of one half as the share of all runs.
    """

    at_origins: Mapping[int, Mapping[int, float]] = field(default_factory=dict)
    means: Mapping[int, float] = field(default_factory=dict)
    by_seed: Mapping[int, float] = field(default_factory=dict)

    @property
    def estimates(self) -> list[float]:
        """The mean over seeds at each origin."""
        return [float(np.mean(list(numbers.values()))) for numbers in self.at_origins.values()]


def measure_numbers(asked: Asked) -> Numbers:
    """Measure every seed at every origin; there are no numbers if a run is too short."""
    if asked.has_short_runs:
        return Numbers()
    measured = {start: measure_seeds(asked.question.measure, runs) for start, runs in asked.origins.items()}
    return combine(asked.question.is_share, {start: numbers for start, numbers in measured.items() if numbers})


def combine(is_share: bool, found: Mapping[int, Mapping[int, float]]) -> Numbers:
    """Combine the numbers of seeds over origins."""
    if not found:
        return Numbers()
    shared = sorted(set.intersection(*map(set, found.values())))
    at_origins = {start: {seed: numbers[seed] for seed in shared} for start, numbers in found.items()}
    table = np.array([list(numbers.values()) for numbers in at_origins.values()])  # (origin, seed)
    means = dict(zip(shared, table.mean(axis=0).tolist(), strict=True))
    if not is_share:
        return Numbers(at_origins, means, means)
    return Numbers(at_origins, means, {seed: float(x > SIGN_BOUND) for seed, x in means.items() if x != SIGN_BOUND})


def measure_periods(asked: Sequence[Asked], numbers: Sequence[Numbers]) -> list[Period | Origins | None]:
    """Measure the uncertainty that the period adds to each answer, simultaneously for all answers that allow it."""

    def is_compared(question: Question, found: Numbers) -> bool:
        return bool(found.by_seed) and not question.is_share and (len(found.at_origins) > 1 or question.in_period)

    compared = sum(is_compared(each.question, found) for each, found in zip(asked, numbers, strict=True))
    return [_measure_one(each, found, compared) for each, found in zip(asked, numbers, strict=True)]


def _measure_one(asked: Asked, found: Numbers, compared: int) -> Period | Origins | None:
    if not found.by_seed:
        return None
    if len(found.at_origins) > 1:
        layout = Layout(tuple(found.at_origins), asked.validation_rows)
        if asked.question.is_share:
            return Origins(tuple(found.estimates), layout.overlap)
        numbers = np.array([list(of_seed.values()) for of_seed in found.at_origins.values()])
        return measure_origins(numbers, layout, compared)
    by_day = asked.question.by_day
    if by_day is None:
        return None
    return measure_period([measure_or_none(by_day, asked.runs[seed]) for seed in found.by_seed], compared)


def measure_seeds(measure: Measure, runs: RunsBySeed) -> dict[int, float]:
    """Measure every seed, in ascending order; seeds without a number are skipped."""
    numbers = {seed: measure_or_none(measure, of_seed) for seed, of_seed in sorted(runs.items())}
    return {seed: number for seed, number in numbers.items() if number is not None}


def measure_or_none(measure: Callable[[Runs], Found], runs: Runs) -> Found | None:
    """Measure, or return None if there is no number: too few epochs, or a test error that was not measured."""
    try:
        return measure(runs)
    except DataError:
        return None
