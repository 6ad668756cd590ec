"""What the runs that there are give for a claim: its number for each seed, and the statistics of these."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from rdrop_cli.analysis.claims import Claim, Measure, Runs
from rdrop_cli.analysis.run import RunCurves
from rdrop_cli.analysis.stats import Interval, Values, equivalence_p, paired_hedges_g, sign_flip_p, t_interval
from rdrop_cli.errors import DataError

RunsByVariant = Mapping[str, Sequence[RunCurves]]
RunsBySeed = Mapping[int, Runs]


@dataclass(frozen=True)
class Estimate:
    """A measure over seeds: by seed, in their order, for those that have it."""

    by_seed: Mapping[int, float]

    @property
    def seeds(self) -> tuple[int, ...]:
        return tuple(self.by_seed)

    @property
    def values(self) -> Values:
        """Shape (seed,)."""
        return np.array(list(self.by_seed.values()), dtype=np.float64)

    @property
    def mean(self) -> float | None:
        return float(self.values.mean()) if self.by_seed else None

    @property
    def interval(self) -> Interval | None:
        """The 95 % t interval of the mean; None of fewer than two seeds."""
        return t_interval(self.values) if len(self.by_seed) > 1 else None

    @property
    def effect(self) -> float | None:
        """Paired Hedges g, from zero; None of fewer than three seeds or where all are equal."""
        return paired_hedges_g(self.values) if len(self.by_seed) > 2 else None


@dataclass(frozen=True)
class Evidence:
    """A claim, the runs that speak to it, and its number for each seed."""

    claim: Claim
    runs: RunsBySeed
    estimate: Estimate

    @property
    def agrees(self) -> bool | None:
        """Whether the mean lies where the claim wants it, chance left aside; None of no seeds."""
        mean = self.estimate.mean
        return None if mean is None else mean in self.claim.region

    @property
    def tests_equivalence(self) -> bool:
        """Whether it is equivalence that the figures could show; if not, a distance from a bound."""
        return self.claim.region.margin is not None and self.agrees is True

    @property
    def scale(self) -> tuple[float, str]:
        """One standardised unit of the target in its own, and what that is called: the same for all runs judged."""
        return next(((runs[0].target_std, runs[0].unit) for runs in self.runs.values()), (1.0, ""))

    def measure_p(self) -> float | None:
        """Test against the nearest bound of the claim's region, or for equivalence; None of fewer than two seeds."""
        mean, margin = self.estimate.mean, self.claim.region.margin
        if mean is None or len(self.estimate.seeds) < 2:
            return None
        if self.tests_equivalence and margin is not None:
            return equivalence_p(self.estimate.values, margin)
        return sign_flip_p(self.estimate.values, self.claim.region.nearest_bound(mean))


def gather_evidence(claims: Sequence[Claim], runs_by_variant: RunsByVariant) -> list[Evidence]:
    """Bring together for each claim the runs of every seed that all its variants have.

    Runs with fewer epochs than the claim asks for are left out of it.

    Raises:
        DataError: a variant has two runs of one seed, or a run stands under another variant's name.
    """
    by_seed = {variant: _index_by_seed(variant, runs) for variant, runs in runs_by_variant.items()}
    return [_gather(claim, by_seed) for claim in claims]


def estimate_over_seeds(measure: Measure, runs: RunsBySeed) -> Estimate:
    """Measure every seed; those that have no such number are left out."""
    values = {seed: measure_or_none(measure, runs_of_seed) for seed, runs_of_seed in runs.items()}
    return Estimate({seed: value for seed, value in values.items() if value is not None})


def measure_or_none(measure: Measure, runs: Runs) -> float | None:
    """Measure, or return None where there is no such number: an onset that does not come, a test never made."""
    try:
        return measure(runs)
    except DataError:
        return None


def _index_by_seed(variant: str, runs: Sequence[RunCurves]) -> dict[int, RunCurves]:
    by_seed: dict[int, RunCurves] = {}
    for run in runs:
        if run.variant != variant:
            raise DataError(f"runs of {variant}: received a run of {run.variant}: sort runs by their variant")
        if run.seed in by_seed:
            raise DataError(f"runs of {variant}: received two of seed {run.seed}: choose one")
        by_seed[run.seed] = run
    return by_seed


def _gather(claim: Claim, by_seed: Mapping[str, Mapping[int, RunCurves]]) -> Evidence:
    per_variant = [by_seed.get(variant, {}) for variant in claim.needs]
    shared = sorted(set.intersection(*(set(runs) for runs in per_variant)))
    pairs = {seed: tuple(runs[seed] for runs in per_variant) for seed in shared}
    long_enough = {seed: runs for seed, runs in pairs.items() if min(r.epochs for r in runs) >= claim.least_epochs}
    return Evidence(claim, long_enough, estimate_over_seeds(claim.measure, long_enough))
