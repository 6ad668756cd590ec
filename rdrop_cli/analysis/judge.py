"""Judge claims by the runs that there are.

A claim holds, or does not, only where two things agree: the 95 % interval of the mean over seeds lies wholly inside
the claim's region, or wholly outside; and p, after Holm's correction over all the claims judged together, is below
0.05. The interval says how large, assuming that the seeds' numbers are about normal; p is the exact sign-flip test
against the nearest end of the region and assumes only symmetry (two one-sided tests where equivalence is claimed).
Everything else is undecided.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rdrop_cli.analysis.claims import CLAIMS, Beside, Claim, Measure
from rdrop_cli.analysis.claims_text import Verdict, summarise, write_sentence
from rdrop_cli.analysis.estimates import (
    Evidence,
    RunsBySeed,
    RunsByVariant,
    estimate_over_seeds,
    gather_evidence,
    measure_or_none,
)
from rdrop_cli.analysis.period import OverTime, compare_over_time
from rdrop_cli.analysis.published import load_published
from rdrop_cli.analysis.run import RunCurves
from rdrop_cli.analysis.stats import (
    ALPHA,
    Interval,
    adjust_holm,
    count_pairs_to_reach,
    pairs_needed,
)


@dataclass(frozen=True)
class SideFigure:
    """A number told beside a claim's own and not judged: its mean over the `seeds` that have it, in `unit`."""

    name: str
    unit: str
    seeds: tuple[int, ...]
    estimate: float | None
    interval: Interval | None
    published: float | None


@dataclass(frozen=True)
class Judgement:
    """What is decided of one of `tested` questions that are judged together.

    Attributes:
        p, p_holm: before and after Holm's correction; None of fewer than two seeds.
        more_seeds: about how many more would settle it; None where it is settled, not known, or over 1000.
    """

    verdict: Verdict
    p: float | None
    p_holm: float | None
    tested: int
    more_seeds: int | None


@dataclass(frozen=True)
class ClaimVerdict:
    """What the runs say of a claim. Figures are in `unit`; None where there are too few seeds for them.

    Attributes:
        number: what was measured, in words.
        seeds: those with a finished run, long enough, of every variant that the claim needs.
        estimate: mean over seeds; `interval` is its 95 % t interval.
        agrees: whether the estimate alone lies where the claim wants it, chance left aside.
        p, p_holm: before and after Holm's correction over the claims judged together.
        effect: paired Hedges g of the numbers, from zero.
        published: the same number of the published runs.
        more_seeds: about how many more would settle it; None where it is settled, not known, or over 1000.
        over_time: how much of the difference belongs to this one validation period; None where that was not kept.
        summary: the verdict in a few words; `sentence` has the figures too.
    """

    id: str
    text: str
    verdict: Verdict
    number: str
    unit: str
    seeds: tuple[int, ...]
    estimate: float | None
    interval: Interval | None
    agrees: bool | None
    p: float | None
    p_holm: float | None
    effect: float | None
    published: float | None
    more_seeds: int | None
    beside: tuple[SideFigure, ...]
    over_time: OverTime | None
    summary: str
    sentence: str


def judge_claims(
    runs_by_variant: RunsByVariant,
    claims: Sequence[Claim] = CLAIMS,
    published: Mapping[str, RunCurves] | None = None,
) -> list[ClaimVerdict]:
    """Judge claims together, in their order; variants that no claim needs are not looked at.

    Args:
        runs_by_variant: finished runs of one protocol on one dataset; the same seed makes a pair across variants.
        claims: the family over which Holm's correction goes: `CLAIMS` or `BENEFITS`.
        published: the published run of each variant, to be told beside; by default those of the book.

    Raises:
        DataError: a variant has two runs of one seed, or a run stands under another variant's name.
    """
    evidence = gather_evidence(claims, runs_by_variant)
    published = load_published() if published is None else published
    return [_judge(*found, published) for found in zip(evidence, judge_family(evidence), strict=True)]


def judge_family(evidence: Sequence[Evidence]) -> list[Judgement]:
    """Judge together, with Holm's correction over all that have the seeds for a test."""
    p_values = [item.measure_p() for item in evidence]
    tested = [p for p in p_values if p is not None]
    adjusted = iter(adjust_holm(tested))
    p_holm = [None if p is None else next(adjusted) for p in p_values]
    return [_settle(*found, len(tested)) for found in zip(evidence, p_values, p_holm, strict=True)]


def _settle(evidence: Evidence, p: float | None, p_holm: float | None, tested: int) -> Judgement:
    verdict = _decide(evidence, p_holm)
    more_seeds = count_more_seeds(evidence, tested) if verdict == "undecided" and p is not None else None
    return Judgement(verdict, p, p_holm, tested, more_seeds)


def _judge(evidence: Evidence, judgement: Judgement, published: Mapping[str, RunCurves]) -> ClaimVerdict:
    """Put together the verdict on a claim."""
    claim, estimate = evidence.claim, evidence.estimate
    verdict, p_holm, more_seeds = judgement.verdict, judgement.p_holm, judgement.more_seeds
    over_time = compare_over_time(evidence.runs) if claim.compares_best else None
    return ClaimVerdict(
        id=claim.id,
        text=claim.text,
        verdict=verdict,
        number=claim.number,
        unit=claim.unit,
        seeds=estimate.seeds,
        estimate=estimate.mean,
        interval=estimate.interval,
        agrees=evidence.agrees,
        p=judgement.p,
        p_holm=p_holm,
        effect=estimate.effect,
        published=_measure_published(claim, claim.measure, published),
        more_seeds=more_seeds,
        beside=tuple(_measure_beside(claim, beside, evidence.runs, published) for beside in claim.all_beside),
        over_time=over_time,
        summary=summarise(evidence, verdict, p_holm, more_seeds),
        sentence=write_sentence(evidence, verdict, p_holm, judgement.tested, more_seeds, over_time),
    )


def _decide(evidence: Evidence, p_holm: float | None) -> Verdict:
    interval, region = evidence.estimate.interval, evidence.claim.region
    if interval is None or p_holm is None or p_holm >= ALPHA:
        return "undecided"
    if interval.low > region.low and interval.high < region.high:
        return "holds"
    if interval.high < region.low or interval.low > region.high:
        return "does-not-hold"
    return "undecided"


def count_more_seeds(evidence: Evidence, tested: int) -> int | None:
    """Return about how many more seeds settle a claim if they are like those seen; None if over 1000 in all.

    The larger of two numbers: what the observed spread asks for at power 0.8, and what the sign-flip test needs to
    reach 0.05 in the first step of Holm's correction over `tested` claims. At least two seeds have to be there.
    """
    alpha = ALPHA / tested
    values = evidence.estimate.values
    mean, spread = float(values.mean()), float(values.std(ddof=1))
    distance = abs(mean - evidence.claim.region.nearest_bound(mean))
    if distance == 0:
        return None
    by_power = pairs_needed(distance / spread, alpha) if spread else len(values)
    by_sign_flips = count_pairs_to_reach(alpha)
    if by_power is None or by_sign_flips is None:
        return None
    needed = by_power if evidence.tests_equivalence else max(by_power, by_sign_flips)
    return max(1, needed - len(values))


def _measure_published(claim: Claim, measure: Measure, published: Mapping[str, RunCurves]) -> float | None:
    if not all(variant in published for variant in claim.needs):
        return None
    return measure_or_none(measure, tuple(published[variant] for variant in claim.needs))


def _measure_beside(claim: Claim, beside: Beside, runs: RunsBySeed, published: Mapping[str, RunCurves]) -> SideFigure:
    estimate = estimate_over_seeds(beside.measure, runs)
    return SideFigure(
        name=beside.name,
        unit=beside.unit,
        seeds=estimate.seeds,
        estimate=estimate.mean,
        interval=estimate.interval,
        published=_measure_published(claim, beside.measure, published),
    )
