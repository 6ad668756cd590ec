"""The study's claims as data: what each says, which runs it needs, its number for one seed, and where that has to lie.

Two margins say what counts where a claim speaks of a size. They were set with two things known, the published curves
and one run of each network on the same data, and before any runs over seeds.

The number of claim 3 was chosen knowing how its rival comes out: the scatter about the trend (`measure_jitter`) is
larger with dropout than without in the published curves. What is steadier there is the score as a whole, whose
trend is flat; so the claim is judged by the whole scatter, and the jitter always stands beside it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import inf

from rdrop_cli.analysis.curves import (
    LEAST_EPOCHS,
    best_score,
    find_convergence,
    find_overfit_onset,
    fit_slope,
    last_score,
    measure_gap,
    measure_jitter,
    measure_rise,
    measure_spread,
)
from rdrop_cli.analysis.run import RunCurves, count_equal_epochs
from rdrop_cli.errors import DataError

Runs = tuple[RunCurves, ...]
Measure = Callable[[Runs], float]  # of the runs of one seed, in the order of `Claim.needs`; DataError if it has none

# Of a number; two kinds of error and two of time, since a slope is no error and an epoch no number of epochs.
ERROR_UNIT, SLOPE_UNIT, EPOCHS_UNIT, EPOCH_UNIT = "standardised MAE", "standardised MAE an epoch", "epochs", "epoch"


@dataclass(frozen=True)
class Region:
    """Where the mean over seeds has to lie for a claim to hold, the ends left out."""

    low: float = -inf
    high: float = inf

    def __contains__(self, value: float) -> bool:
        return self.low < value < self.high

    def nearest_bound(self, value: float) -> float:
        """Return the end that a mean is nearer to."""
        return self.low if abs(value - self.low) < abs(value - self.high) else self.high

    @property
    def margin(self) -> float | None:
        """Half the width of a region on both sides of zero, None of any other: those are claims of equivalence."""
        return self.high if self.low == -self.high and self.high < inf else None


@dataclass(frozen=True)
class Beside:
    """A further number of a claim, which is told and not judged."""

    name: str
    measure: Measure
    unit: str = ERROR_UNIT


@dataclass(frozen=True)
class Claim:
    """A claim of the study.

    Attributes:
        needs: the variants whose runs of one seed `measure` takes, in its order; two of them make a pair.
        number: what `measure` measures, in words.
        beside: further numbers, told and not judged.
        caveat: one more, without which the number alone would mislead: the sentence has it.
        least_epochs: runs with fewer are not used for it.
        compares_best: whether it speaks of the difference between best networks, whose daily errors are kept.
    """

    id: str
    text: str
    needs: tuple[str, ...]
    number: str
    measure: Measure
    region: Region
    unit: str = ERROR_UNIT
    beside: tuple[Beside, ...] = ()
    caveat: Beside | None = None
    least_epochs: int = LEAST_EPOCHS
    compares_best: bool = False

    @property
    def all_beside(self) -> tuple[Beside, ...]:
        """The further numbers, the caveat first."""
        return (*([self.caveat] if self.caveat else []), *self.beside)


# Standardised error; 0.044 °C in the Jena data. A forecast that is wrong by 2.3 °C is 2 % of that better or worse:
# twice the gain of 0.0025 that the book calls not much.
SCORE_MARGIN = 0.005
# Standardised error. A rise of the validation loss of less than that costs no more than a score may differ; chance
# alone makes a rise of 0.002 to 0.003 where the loss scatters by 0.003 as the published one does.
RISE_MARGIN = SCORE_MARGIN

BASELINE, DROPOUT = "baseline", "dropout"
STEP_MASK, LAYER_BEFORE = "naive-step", "dropout-before"


def _of(index: int, measure: Callable[[RunCurves], float]) -> Measure:
    """Make a measure of one run into one of the runs of a seed."""
    return lambda runs: measure(runs[index])


def _differ(measure: Callable[[RunCurves, int], float]) -> Measure:
    """Second run minus first, over the epochs that both have."""
    return lambda runs: measure(runs[1], count_equal_epochs(runs)) - measure(runs[0], count_equal_epochs(runs))


def differ_as_run(measure: Callable[[RunCurves], float]) -> Measure:
    """Second run minus first, each over all of its own epochs."""
    return lambda runs: measure(runs[1]) - measure(runs[0])


def _best(run: RunCurves, within: int | None = None) -> float:
    return best_score(run.val_loss, within)


def _last(run: RunCurves, within: int | None = None) -> float:
    return last_score(run.val_loss, within)


def read_test_mae(run: RunCurves) -> float:
    """Return the test error of the network of the best validation epoch.

    Raises:
        DataError: it was not measured.
    """
    if run.test_mae is None:
        raise DataError(f"{run}: no test error was measured")
    return run.test_mae


def _gap(run: RunCurves, epoch: int | None = None) -> float:
    if run.train_mae is None:
        raise DataError(f"{run}: no training error without dropout was measured")
    return measure_gap(run.val_loss, run.train_mae, epoch)


def _onset(run: RunCurves, within: int | None = None) -> float:
    onset = find_overfit_onset(run.val_loss[:within])
    if onset is None:
        raise DataError(f"{run}: no onset of overfitting")
    return float(onset)


def _slope_after_settling(run: RunCurves, last_epoch: int | None = None) -> float:
    return fit_slope(run.val_loss, first_epoch=6, last_epoch=last_epoch).per_epoch


def _below_naive(runs: Runs) -> float:
    """Best score minus the naive forecast's error, of the run that does worse."""
    equal = count_equal_epochs(runs)
    return max(_best(run, equal) - run.naive_val_mae for run in runs)


_BOOK_EPOCHS = 30
_BEST_BESIDE = (
    Beside("each over all of its epochs", differ_as_run(_best)),
    Beside("on the test period, epoch chosen on validation", differ_as_run(read_test_mae)),
)

CLAIMS: tuple[Claim, ...] = (
    Claim(
        id="baseline-overfits",
        text="Without dropout, training and validation loss part after a few epochs: it overfits",
        needs=(BASELINE,),
        number="rise of the validation loss from its lowest to its end",
        measure=_of(0, lambda run: measure_rise(run.val_loss)),
        region=Region(low=RISE_MARGIN),
        beside=(
            Beside("epoch of the onset", _of(0, _onset), EPOCH_UNIT),
            Beside("slope from epoch 6 on", _of(0, _slope_after_settling), SLOPE_UNIT),
            Beside("gap between validation and training at the end", _of(0, _gap)),
        ),
    ),
    Claim(
        id="dropout-does-not-overfit",
        text="With dropout and recurrent dropout 0.2 there is no overfitting in the first 30 epochs",
        needs=(DROPOUT,),
        number="rise of the validation loss from its lowest to epoch 30",
        measure=_of(0, lambda run: measure_rise(run.val_loss[:_BOOK_EPOCHS])),
        region=Region(high=RISE_MARGIN),
        beside=(
            Beside("epoch of an onset up to epoch 30", _of(0, lambda run: _onset(run, _BOOK_EPOCHS)), EPOCH_UNIT),
            Beside(
                "slope from epoch 6 to 30", _of(0, lambda run: _slope_after_settling(run, _BOOK_EPOCHS)), SLOPE_UNIT
            ),
            Beside("gap between validation and training at epoch 30", _of(0, lambda run: _gap(run, _BOOK_EPOCHS))),
        ),
        least_epochs=_BOOK_EPOCHS,
    ),
    Claim(
        id="steadier-scores",
        text="With dropout the evaluation scores are more stable",
        needs=(BASELINE, DROPOUT),
        number="difference in the scatter of the validation loss from epoch 6 on, at equal epochs",
        measure=_differ(lambda run, equal: measure_spread(run.val_loss, equal)),
        region=Region(high=0.0),
        caveat=Beside(
            "difference in the jitter about the trend",
            _differ(lambda run, equal: measure_jitter(run.val_loss[:equal])),
        ),
    ),
    Claim(
        id="best-not-much-lower",
        text="With dropout the best score is about the baseline's, not much lower",
        needs=(BASELINE, DROPOUT),
        number="difference in the best score at equal epochs",
        measure=_differ(_best),
        region=Region(-SCORE_MARGIN, SCORE_MARGIN),
        beside=_BEST_BESIDE,
        compares_best=True,
    ),
    Claim(
        id="longer-to-converge",
        text="With dropout a network takes longer to converge",
        needs=(BASELINE, DROPOUT),
        number="difference in the epoch of convergence at equal epochs",
        measure=_differ(lambda run, equal: float(find_convergence(run.val_loss[:equal]))),
        region=Region(low=0.0),
        unit=EPOCHS_UNIT,
        beside=(
            Beside(
                "each over all of its epochs",
                differ_as_run(lambda run: float(find_convergence(run.val_loss))),
                EPOCHS_UNIT,
            ),
        ),
    ),
    Claim(
        id="same-mask-matters",
        text="A mask drawn anew at every timestep harms learning, against the same mask at every timestep",
        needs=(DROPOUT, STEP_MASK),
        number="difference in the best score at equal epochs",
        measure=_differ(_best),
        region=Region(low=0.0),
        beside=_BEST_BESIDE,
        compares_best=True,
    ),
    Claim(
        id="layer-before-hinders",
        text="A dropout layer before a recurrent layer hinders learning instead of helping",
        needs=(BASELINE, LAYER_BEFORE),
        number="difference in the best score at equal epochs",
        measure=_differ(_best),
        region=Region(low=0.0),
        beside=_BEST_BESIDE,
        compares_best=True,
    ),
    Claim(
        id="beats-naive",
        text="Both networks beat the naive forecast",
        needs=(BASELINE, DROPOUT),
        number="best score minus the naive forecast's error, of the worse of the two",
        measure=_below_naive,
        region=Region(high=0.0),
    ),
)

# What the book runs together under "dropout helps", apart: judged as a family of their own.
BENEFITS: tuple[Claim, ...] = (
    Claim(
        id="better-optimum",
        text="Dropout finds a better optimum: its best score is lower",
        needs=(BASELINE, DROPOUT),
        number="difference in the best score at equal epochs",
        measure=_differ(_best),
        region=Region(high=0.0),
        beside=_BEST_BESIDE,
        compares_best=True,
    ),
    Claim(
        id="resists-over-training",
        text="Dropout resists over-training: its last score is lower",
        needs=(BASELINE, DROPOUT),
        number="difference in the last score at equal epochs",
        measure=_differ(_last),
        region=Region(high=0.0),
        beside=(Beside("each at its own last epoch", differ_as_run(_last)),),
    ),
    Claim(
        id="smaller-gap",
        text="Dropout narrows the gap between training, measured without dropout, and validation",
        needs=(BASELINE, DROPOUT),
        number="difference in the gap at the last equal epoch",
        measure=_differ(_gap),
        region=Region(high=0.0),
        beside=(Beside("each at its own last epoch", differ_as_run(_gap)),),
    ),
)
