"""What a claim is: a number for one seed, and a region in which its mean over seeds has to lie."""

from collections.abc import Callable
from dataclasses import dataclass
from math import inf

from rdrop_cli.analysis.curves import LEAST_EPOCHS
from rdrop_cli.analysis.run_curves import RunCurves

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
