"""What a run has measured, epoch by epoch."""

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Epoch:
    """One epoch's figures; errors are standardised mean absolute errors.

    Attributes:
        epoch: counted from 1.
        loss: mean over the epoch's steps of the loss that the protocol names, with dropout on: no measure of
            overfitting, and an MAE only where that is the loss.
        val_loss: error on every validation window, dropout off.
        train_mae: error on the fixed sample of training windows, dropout off.
        train_seconds, seconds: time for the steps, and for the whole epoch with its measurements.
    """

    epoch: int
    loss: float
    val_loss: float
    train_mae: float
    train_seconds: float
    seconds: float


LATE_SHARE = 0.1  # of the epochs, that count as a run's end


def is_still_improving(val_loss: Sequence[float]) -> bool:
    """Whether a validation curve was still falling at its end: its lowest is among the last tenth of the epochs.

    The last epoch always counts as the end. Such a run was trained too little to say whether its network overfits.
    """
    if not val_loss:
        return False
    best = min(range(len(val_loss)), key=val_loss.__getitem__)
    return best >= len(val_loss) - max(1, round(LATE_SHARE * len(val_loss)))


@dataclass
class History:
    """The epochs of a run so far."""

    epochs: list[Epoch] = field(default_factory=list)

    @property
    def best(self) -> Epoch:
        """The epoch with the lowest validation error, the first of equals."""
        return min(self.epochs, key=lambda epoch: epoch.val_loss)

    @property
    def last(self) -> Epoch:
        return self.epochs[-1]

    @property
    def epochs_since_best(self) -> int:
        """Epochs since validation was at its lowest."""
        return len(self.epochs) - self.best.epoch if self.epochs else 0

    def curve(self, name: str) -> list[float]:
        """Return one figure of every epoch, by its field's name."""
        return [getattr(epoch, name) for epoch in self.epochs]

    def to_csv(self, target_std: float) -> str:
        """Render one line an epoch, with the validation error in the target's own unit as well."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["epoch", "loss", "val_loss", "train_mae", "val_mae_in_unit", "train_seconds", "seconds"])
        for e in self.epochs:
            times = f"{e.train_seconds:.3f}", f"{e.seconds:.3f}"
            writer.writerow([e.epoch, e.loss, e.val_loss, e.train_mae, e.val_loss * target_std, *times])
        return text.getvalue()

    def to_json(self) -> list[dict[str, Any]]:
        return [asdict(epoch) for epoch in self.epochs]
