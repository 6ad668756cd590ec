"""Which network does best: every arm over its seeds, and beside the reference of its cell.

The table asks of every arm what two of the claims ask of the study's networks, in the same numbers: does it overfit
(`baseline-overfits`), and is its best score lower than the reference's (`better-optimum`)? Each question is a family
of its own, with Holm's correction over all arms that are asked.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from rdrop_cli.analysis.claims import BENEFITS, CLAIMS, Claim, differ_as_run, read_test_mae
from rdrop_cli.analysis.claims_text import Verdict
from rdrop_cli.analysis.curves import best_score
from rdrop_cli.analysis.estimates import Estimate, Evidence, RunsBySeed, estimate_over_seeds
from rdrop_cli.analysis.judge import judge_family
from rdrop_cli.analysis.network import Arm, label_arms
from rdrop_cli.analysis.run import RunCurves
from rdrop_cli.analysis.stats import Interval

OVERFITS = next(claim for claim in CLAIMS if claim.id == "baseline-overfits")
HELPS = next(claim for claim in BENEFITS if claim.id == "better-optimum")
_TEST_DIFFERENCE = differ_as_run(read_test_mae)
Effect = Literal["helps", "harms", "undecided"]
_EFFECTS: dict[Verdict, Effect] = {"holds": "helps", "does-not-hold": "harms", "undecided": "undecided"}


@dataclass(frozen=True)
class Figure:
    """A mean over the seeds that have it, with its 95 % t interval; None of one seed."""

    mean: float
    interval: Interval | None
    seeds: tuple[int, ...]


@dataclass(frozen=True)
class Overfitting:
    """Whether an arm overfits: its validation loss ends above its lowest by more than the margin.

    Attributes:
        rise: None where the runs are too short to have one.
        p, p_holm, tested: before and after Holm's correction over so many arms.
        more_seeds: about how many more would settle it; None where it is settled, not known, or over 1000.
    """

    rise: Figure | None
    verdict: Verdict
    p: float | None
    p_holm: float | None
    tested: int
    more_seeds: int | None


@dataclass(frozen=True)
class Comparison:
    """An arm beside the reference, over the seeds that both have; differences are arm − reference.

    Attributes:
        reference: its label.
        difference: of the best scores at equal epochs; None where no seed is in both.
        test_difference: of the errors on the test period, of networks chosen on validation over all of their epochs.
        p, p_holm, tested, more_seeds: as in `Overfitting`.
    """

    reference: str
    difference: Figure | None
    test_difference: Figure | None
    effect: Effect
    p: float | None
    p_holm: float | None
    tested: int
    more_seeds: int | None


@dataclass(frozen=True)
class ArmVerdict:
    """What the seeds of an arm say; errors are standardised mean absolute errors.

    Attributes:
        best: validation error of the best epoch, over all epochs of the arm.
        best_epoch: mean over seeds, counted from 1.
        test: error on the test period of the network of the best validation epoch; None where none was measured.
        comparison: None of the reference itself.
    """

    label: str
    arm: Arm
    best: Figure
    best_epoch: float
    test: Figure | None
    overfitting: Overfitting
    comparison: Comparison | None

    def to_json(self) -> dict[str, Any]:
        verdict = asdict(self)
        return {"label": verdict.pop("label"), **verdict.pop("arm"), **verdict}


def judge_arms(arms: Mapping[Arm, Sequence[RunCurves]], usual: frozenset[Arm]) -> list[ArmVerdict]:
    """Judge every arm; the one with the lowest mean best validation error comes first.

    Args:
        arms: finished runs, one a seed; the arms in the order of the study.
        usual: those with the settings that most runs of their variant have, at least one of each cell. The first of
            a cell, its baseline if there is one, is what the others of that cell are compared with.
    """
    labels = label_arms(arms)
    references = {arm.cell: arm for arm in reversed(list(arms)) if arm in usual}
    compared = {arm: references[arm.cell] for arm in arms if arm != references[arm.cell]}
    pairs = {arm: _pair(arms[reference], arms[arm]) for arm, reference in compared.items()}
    comparisons = dict(
        zip(compared, _compare(pairs.values(), [labels[each] for each in compared.values()]), strict=True)
    )
    rises = _judge_rises(arms.values())
    rows = [
        _describe(labels[arm], arm, runs, overfitting, comparisons.get(arm))
        for (arm, runs), overfitting in zip(arms.items(), rises, strict=True)
    ]
    return sorted(rows, key=lambda row: row.best.mean)


def _pair(reference: Sequence[RunCurves], runs: Sequence[RunCurves]) -> RunsBySeed:
    """Return (reference, arm) of every seed that both have."""
    by_seed = {run.seed: run for run in reference}
    return {run.seed: (by_seed[run.seed], run) for run in runs if run.seed in by_seed}


def _gather(claim: Claim, runs: Iterable[RunsBySeed]) -> list[Evidence]:
    return [Evidence(claim, of_arm, estimate_over_seeds(claim.measure, of_arm)) for of_arm in runs]


def _compare(pairs: Iterable[RunsBySeed], references: Sequence[str]) -> list[Comparison]:
    evidence = _gather(HELPS, pairs)
    return [
        Comparison(
            reference=reference,
            difference=_summarise(found.estimate),
            test_difference=_summarise(estimate_over_seeds(_TEST_DIFFERENCE, found.runs)),
            effect=_EFFECTS[judgement.verdict],
            p=judgement.p,
            p_holm=judgement.p_holm,
            tested=judgement.tested,
            more_seeds=judgement.more_seeds,
        )
        for reference, found, judgement in zip(references, evidence, judge_family(evidence), strict=True)
    ]


def _judge_rises(arms: Iterable[Sequence[RunCurves]]) -> list[Overfitting]:
    evidence = _gather(OVERFITS, map(_index, arms))
    return [
        Overfitting(
            rise=_summarise(found.estimate),
            verdict=judgement.verdict,
            p=judgement.p,
            p_holm=judgement.p_holm,
            tested=judgement.tested,
            more_seeds=judgement.more_seeds,
        )
        for found, judgement in zip(evidence, judge_family(evidence), strict=True)
    ]


def _describe(
    label: str, arm: Arm, runs: Sequence[RunCurves], overfitting: Overfitting, comparison: Comparison | None
) -> ArmVerdict:
    best = Estimate({run.seed: best_score(run.val_loss) for run in runs})
    best_epochs = [int(run.val_loss.argmin()) + 1 for run in runs]
    return ArmVerdict(
        label=label,
        arm=arm,
        best=Figure(float(best.values.mean()), best.interval, best.seeds),
        best_epoch=sum(best_epochs) / len(best_epochs),
        test=_summarise(estimate_over_seeds(lambda one: read_test_mae(one[0]), _index(runs))),
        overfitting=overfitting,
        comparison=comparison,
    )


def _index(runs: Sequence[RunCurves]) -> RunsBySeed:
    return {run.seed: (run,) for run in runs}


def _summarise(estimate: Estimate) -> Figure | None:
    """Return the mean with its interval; None where no seed has the number."""
    return None if estimate.mean is None else Figure(estimate.mean, estimate.interval, estimate.seeds)
