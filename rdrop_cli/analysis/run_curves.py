"""What the analysis needs of one run, and no more."""

import math
from dataclasses import dataclass

from rdrop_cli.analysis.curves import Curve, check_curve
from rdrop_cli.analysis.daily import DailyErrors
from rdrop_cli.errors import DataError


@dataclass(frozen=True, eq=False)
class RunCurves:
    """The curves of one finished run; errors are standardised mean absolute errors.

    Attributes:
        loss: training loss, dropout on, shape (epoch,).
        val_loss: validation error, shape (epoch,).
        train_mae: training error without dropout, shape (epoch,); None where nobody measured it (published runs).
        naive_val_mae: error of the naive forecast on the same validation windows.
        test_mae: test error of the model of the best validation epoch; None where it was not measured.
        target_std: one standardised unit of the target in its own `unit`: °C for temperature.
        unit: the target's; empty where its name tells none.
        daily: validation errors of the best network by day; None where they were not kept.

    Raises:
        DataError: a curve is empty, of another length than the others, or not finite; or a figure is not finite.
    """

    variant: str
    seed: int
    loss: Curve
    val_loss: Curve
    train_mae: Curve | None
    naive_val_mae: float
    test_mae: float | None
    target_std: float
    unit: str = "°C"
    daily: DailyErrors | None = None

    def __post_init__(self) -> None:
        for name in ("val_loss", "loss", "train_mae"):  # the others are measured by the first
            curve = getattr(self, name)
            if curve is not None:
                # The arrays are frozen with the rest: object.__setattr__ is how a frozen dataclass converts a field.
                object.__setattr__(self, name, self._check(name, curve))
        for name in ("naive_val_mae", "test_mae", "target_std"):
            figure = getattr(self, name)
            if figure is not None and not math.isfinite(figure):
                raise DataError(f"{self}: {name} is {figure}: leave this run out")

    def __str__(self) -> str:
        return f"{self.variant}, seed {self.seed}"

    @property
    def epochs(self) -> int:
        """The number of epochs."""
        return len(self.val_loss)

    def _check(self, name: str, values: Curve) -> Curve:
        curve = check_curve(f"{self}: {name}", values, least_epochs=1).copy()
        if len(curve) != len(self.val_loss):
            raise DataError(f"{self}: {name} has {len(curve)} epochs, val_loss has {len(self.val_loss)}")
        curve.flags.writeable = False
        return curve


def count_equal_epochs(runs: tuple[RunCurves, ...]) -> int:
    """Return the number of epochs that all of the runs have: more epochs alone make a lower best score."""
    return min(run.epochs for run in runs)
