"""The questions of a page: the number measured for each seed, and what is reported without being judged."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from rdrop_cli.analysis.by_day import ByDay
from rdrop_cli.analysis.measures import (
    LEAST_EPOCHS,
    count_epochs_to_reach,
    find_overfit_onset,
    measure_end,
    measure_gap,
    measure_jitter,
)
from rdrop_cli.analysis.run import RunCurves, count_equal_epochs
from rdrop_cli.errors import DataError

BOOK_EPOCHS = 30
BASELINE, DROPOUT, STEP_MASK, LAYER_BEFORE = "baseline", "dropout", "naive-step", "dropout-before"

Runs = tuple[RunCurves, ...]
Measure = Callable[[Runs], float]  # of the runs of one seed, in the order of `needs`; DataError if there is no number
Kind = Literal["share", "error", "points"]  # share of seeds; standardised error; share of targets minus another
MeasureByDay = Callable[[Runs], ByDay]  # the same by day


@dataclass(frozen=True)
class Question:
    """A question to the seeds.

    Attributes:
        needs: the variants whose runs of one seed `measure` takes, in its order; two variants make a pair.
        number: description of the measured number.
        measure: the number of a seed; for a share: 1.0 if the seed shows it, else 0.0.
        is_share: whether the answer is the share of seeds that show it; else it is the mean over seeds.
        in_points: whether the mean is a share of targets minus another, in percentage points, and not an error.
        size: for a share: the size of the effect in a seed, as a description and a measure; reported, not judged.
        size_is_error: whether the size is an error, and not a number of epochs.
        onset: for a share: the first epoch at which a seed shows it, as a measure; reported, not judged.
        by_day: for a mean: the same by day, which shows how much depends on the period; None if there is no such data.
        bets_on_rarity: whether the share may be shown to be small.
        least_epochs: there is no answer if a run has fewer.
        needs_turn: whether a run that was still improving at its end is too short to answer no.
    """

    id: str
    needs: tuple[str, ...]
    number: str
    measure: Measure
    is_share: bool = False
    in_points: bool = False
    size: tuple[str, Measure] | None = None
    size_is_error: bool = True
    onset: Measure | None = None
    by_day: MeasureByDay | None = None
    bets_on_rarity: bool = False
    least_epochs: int = LEAST_EPOCHS
    needs_turn: bool = False

    @property
    def kind(self) -> Kind:
        """The kind of its answer."""
        return "share" if self.is_share else "points" if self.in_points else "error"

    @property
    def is_error(self) -> bool:
        """Whether the answer is a mean error."""
        return self.kind == "error"

    @property
    def in_period(self) -> bool:
        """Whether the uncertainty from the period can be measured by day."""
        return self.by_day is not None


def differ_in_level(runs: Runs) -> float:
    """Return the second run's level minus the first's, over the epochs that both have."""
    equal = count_equal_epochs(runs)
    return runs[1].measure_level(equal).error - runs[0].measure_level(equal).error


def differ_by_day(runs: Runs) -> ByDay:
    """Return the second run's validation error minus the first's, by day, each network at its best epoch."""
    one, other = runs[0].daily, runs[1].daily
    if one is None or other is None or one.days != other.days:
        raise DataError(f"{runs[0]}: no daily errors of the days that {runs[1]} has")
    return ByDay(one.days, one.windows, other.mae - one.mae)


def find_onset(within: int | None = None) -> Measure:
    """Return a measure of the epoch at which a seed's first run starts to overfit; other seeds have no number."""

    def measure(runs: Runs) -> float:
        onset = find_overfit_onset(runs[0].val_loss[:within])
        if onset is None:
            raise DataError(f"{runs[0]}: its validation error does not turn up for good")
        return float(onset)

    return measure


def overfits_early(runs: Runs) -> float:
    """Return whether the first run overfits, with its turn in the first half of its epochs."""
    found = runs[0].overfitting
    return float(found.shown and found.turn <= runs[0].epochs / 2)


def _differ_at_end(measure: Callable[[RunCurves, int], float]) -> Measure:
    """Return a measure: second run minus first, over the epochs that both have."""
    return lambda runs: measure(runs[1], count_equal_epochs(runs)) - measure(runs[0], count_equal_epochs(runs))


def _count_further_epochs(runs: Runs) -> float:
    """Return how many more epochs the second run takes to come within the margin of the first one's level.

    A run that never does counts as if it did so in the epoch after its last.
    """
    target = runs[0].level.error + runs[0].margin
    first, second = (count_epochs_to_reach(run.val_loss, target) or run.epochs + 1 for run in runs)
    return float(second - first)


def _measure_worse_level(runs: Runs) -> float:
    """Return the level minus the naive forecast's error, for the run that does worse."""
    equal = count_equal_epochs(runs)
    return max(run.measure_level(equal).error - run.naive_val_mae for run in runs)


def _gap(run: RunCurves, epochs: int | None = None) -> float:
    if run.train_mae is None:
        raise DataError(f"{run}: no training error without dropout was measured")
    return measure_gap(run.val_loss[:epochs], run.train_mae[:epochs])


_differ_in_end = _differ_at_end(lambda run, epochs: measure_end(run.val_loss[:epochs]))
_differ_in_gap = _differ_at_end(_gap)


def ask_early_overfitting(variant: str) -> Question:
    """Ask whether a network overfits after a turn in the first half of its epochs."""
    return Question(
        f"overfits-early {variant}",
        (variant,),
        f"{variant}'s validation error rises by more than the margin after a turn in the first half, while training "
        "falls",
        overfits_early,
        is_share=True,
        size=("rise of the validation error", lambda runs: runs[0].overfitting.rise),
        onset=find_onset(),
        needs_turn=True,
    )


def ask_rare_overfitting(variant: str, within: int) -> Question:
    """Ask whether a network overfits by epoch `within`, which is claimed to be rare."""
    return Question(
        f"overfits-by-{within} {variant}",
        (variant,),
        f"{variant}'s validation error rises by more than the margin by epoch {within}, while training falls",
        lambda runs: float(runs[0].examine_overfitting(within).shown),
        is_share=True,
        size=("rise of the validation error", lambda runs: runs[0].examine_overfitting(within).rise),
        onset=find_onset(within),
        bets_on_rarity=True,
        least_epochs=within,
        needs_turn=True,
    )


OVERFITS_EARLY = replace(ask_early_overfitting(BASELINE), id="baseline-overfits-early")
OVERFITS_WITH_DROPOUT = replace(ask_rare_overfitting(DROPOUT, BOOK_EPOCHS), id="dropout-overfits")
JITTER = Question(
    "jitter-difference",
    (BASELINE, DROPOUT),
    "dropout's jitter from epoch to epoch minus the baseline's",
    _differ_at_end(lambda run, epochs: measure_jitter(run.val_loss[:epochs])),
)
LEVEL = Question(
    "level-difference",
    (BASELINE, DROPOUT),
    "dropout's level minus the baseline's, at equal epochs",
    differ_in_level,
    by_day=differ_by_day,
)
LONGER = Question(
    "takes-longer",
    (BASELINE, DROPOUT),
    "dropout takes more epochs to come within the margin of the baseline's level",
    lambda runs: float(_count_further_epochs(runs) > 0),
    is_share=True,
    size=("further epochs", _count_further_epochs),
    size_is_error=False,
)
STEP_MASK_LEVEL = Question(
    "step-mask-level-difference",
    (DROPOUT, STEP_MASK),
    "naive-step's level minus dropout's, at equal epochs",
    differ_in_level,
    by_day=differ_by_day,
)
LAYER_BEFORE_LEVEL = Question(
    "layer-before-level-difference",
    (BASELINE, LAYER_BEFORE),
    "dropout-before's level minus the baseline's, at equal epochs",
    differ_in_level,
    by_day=differ_by_day,
)
BELOW_NAIVE = Question(
    "below-naive",
    (BASELINE, DROPOUT),
    "the levels of both networks lie below the naive forecast's error",
    lambda runs: float(_measure_worse_level(runs) < 0),
    is_share=True,
    size=("level of the worse one minus the naive error", _measure_worse_level),
)
END = Question(
    "end-difference",
    (BASELINE, DROPOUT),
    "dropout's error at the end minus the baseline's, at equal epochs",
    _differ_in_end,
)
NARROWER_GAP = Question(
    "narrower-gap",
    (BASELINE, DROPOUT),
    "dropout's gap between validation and training is narrower at the end, and its validation error is not higher",
    lambda runs: float(_differ_in_gap(runs) < 0 and _differ_in_end(runs) <= 0),
    is_share=True,
    size=("difference in the gap", _differ_in_gap),
)


def compare_with(reference: str, variant: str) -> Question:
    """Return the question of the table of networks: the level of a network minus its reference's."""
    return Question(
        f"level-difference {variant} - {reference}",
        (reference, variant),
        f"{variant}'s level minus {reference}'s, at equal epochs",
        differ_in_level,
        by_day=differ_by_day,
    )
