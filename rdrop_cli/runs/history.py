"""The figures of a run, epoch by epoch."""

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any

from rdrop_cli.study.protocol import MAE, MSE, PINBALL

COLUMNS = ("epoch", "loss", "val_loss", "train_mae", "val_mae_in_unit", "train_seconds", "seconds")  # for every network
RANKED_BY = {MAE: "val_loss", MSE: "val_mse", PINBALL: "val_pinball"}  # an epoch's figure, by `protocol.best_by`


@dataclass(frozen=True)
class Epoch:
    """One epoch's figures; errors are standardised mean absolute errors.

    Attributes:
        epoch: counted from 1.
        loss: mean of the protocol's loss over the epoch's steps, in the scale that the network learns, with dropout on:
            not a measure of overfitting, and an MAE only if the protocol's loss is.
        val_loss: error on all validation windows, dropout off.
        train_mae: error on the fixed sample of training windows, dropout off.
        train_seconds, seconds: time for the steps, and for the complete epoch including its measurements.
        val_mse: mean squared error on all validation windows, standardised, dropout off; None if an older version did
            not measure it.
        val_pinball: mean pinball loss of the quantiles on all validation windows, standardised, dropout off; None if
            there are no quantiles.
        val_maes: error at each horizon on all validation windows, the nearest first; empty if there is only one.

    Raises:
        ValueError: a duration is negative.
    """

    epoch: int
    loss: float
    val_loss: float
    train_mae: float
    train_seconds: float
    seconds: float
    val_mse: float | None = None
    val_pinball: float | None = None
    val_maes: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if min(self.train_seconds, self.seconds) < 0:
            raise ValueError("expected durations of at least 0")

    def list_extra_figures(self, leads: Sequence[int]) -> dict[str, float]:
        """Return the extra figures of networks with quantiles or several horizons, by name.

        Args:
            leads: rows from the newest reading of a window to each target.
        """
        figures = {} if self.val_pinball is None else {"val_pinball": self.val_pinball}
        at_leads = zip(leads, self.val_maes, strict=True) if self.val_maes else ()
        return figures | {f"val_mae_lead_{lead}": mae for lead, mae in at_leads}


# The share of the naive forecast's error that counts as a difference. In the Jena data it is 0.0058 standardised, or
# 0.051 °C: twice the gain of 0.0025 that the book calls not much, and more than the rise of 0.002 to 0.003 that occurs
# by chance if the loss scatters as the published one does.
MARGIN_SHARE = 0.02


def is_still_improving(val_loss: Sequence[float], naive_val_mae: float) -> bool:
    """Whether a validation curve was still falling at its end; such a run is too short to rule out overfitting.

    It was if the median of the last quarter of the epochs (at most five) is below the median of the same number of
    epochs before them by more than 2 % of the naive forecast's error, and the last epoch is not above the later median.
    A single epoch shows nothing, so it counts as improving.
    """
    late = min(5, max(1, len(val_loss) // 4))
    if len(val_loss) < 2 * late:
        return len(val_loss) > 0
    end = median(val_loss[-late:])
    fall = median(val_loss[-2 * late : -late]) - end
    return fall > MARGIN_SHARE * naive_val_mae and val_loss[-1] <= end


@dataclass
class History:
    """The epochs of a run so far, and the validation error that selects the best one (a key of `RANKED_BY`)."""

    epochs: list[Epoch] = field(default_factory=list)
    best_by: str = MAE

    @property
    def best(self) -> Epoch:
        """The epoch with the lowest validation error; in a tie, the first."""
        return min(self.epochs, key=self._rank)

    def _rank(self, epoch: Epoch) -> float:
        figure: float | None = getattr(epoch, RANKED_BY[self.best_by])
        return epoch.val_loss if figure is None else figure

    @property
    def last(self) -> Epoch:
        return self.epochs[-1]

    @property
    def epochs_since_best(self) -> int:
        """The number of epochs after the best one."""
        return len(self.epochs) - self.best.epoch if self.epochs else 0

    def has_ended(self, planned: int, patience: int | None) -> bool:
        """Whether all planned epochs are done, or validation has not improved for `patience` epochs."""
        return len(self.epochs) >= planned or (patience is not None and self.epochs_since_best >= patience)

    def curve(self, name: str) -> list[Any]:
        """Return one figure of every epoch, given the name of its field."""
        return [getattr(epoch, name) for epoch in self.epochs]

    def to_csv(self, target_std: float, leads: Sequence[int]) -> str:
        """Render one line per epoch, with the validation error also in the target's own unit.

        Columns that only some networks have come last (see `Epoch.list_extra_figures`). They are included if every
        epoch has them; older versions may not have measured them.
        """
        text, extra = io.StringIO(), [epoch.list_extra_figures(leads) for epoch in self.epochs]
        names = [name for name in (extra[0] if extra else ()) if all(name in figures for figures in extra)]
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow([*COLUMNS, *names])
        for e, figures in zip(self.epochs, extra, strict=True):
            times = f"{e.train_seconds:.3f}", f"{e.seconds:.3f}"
            common = e.epoch, e.loss, e.val_loss, e.train_mae, e.val_loss * target_std, *times
            writer.writerow([*common, *(figures[name] for name in names)])
        return text.getvalue()

    def to_json(self) -> list[dict[str, Any]]:
        return [asdict(epoch) for epoch in self.epochs]
