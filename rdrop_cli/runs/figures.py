"""The figures of a run in `metrics.json`: curves, best and last epoch, test, and the naive forecast."""

from typing import Annotated

from msgspec import Meta, field

from rdrop_cli.runs.fields import Fields

Count = Annotated[int, Meta(ge=0)]


class Curves(Fields, frozen=True, kw_only=True):
    """Standardised MAE by epoch, that of the median where quantiles are forecast; all of one length.

    Raises:
        ValueError: the curves have different lengths.
    """

    loss: Annotated[
        list[float],
        Meta(
            description="training loss by epoch, `protocol.loss`, dropout on; in the scale of `protocol.target_scale`"
        ),
    ]
    val_loss: Annotated[list[float], Meta(description="MAE on all validation windows by epoch; standardised")]
    train_mae: Annotated[
        list[float], Meta(description="MAE on a fixed sample of training windows by epoch, dropout off; standardised")
    ]
    val_mse: Annotated[
        list[float],
        Meta(description="mean squared error on all validation windows by epoch; standardised; empty in older runs"),
    ] = field(default_factory=list)
    val_pinball: Annotated[
        list[float],
        Meta(
            description="mean pinball loss of the quantiles on all validation windows by epoch; standardised; empty "
            "where there are none"
        ),
    ] = field(default_factory=list)

    def __post_init__(self) -> None:
        epochs = len(self.loss)
        if not (
            len(self.val_loss) == len(self.train_mae) == epochs
            and len(self.val_mse) in (0, epochs)
            and len(self.val_pinball) in (0, epochs)
        ):
            raise ValueError("expected curves of equal length")


class Best(Fields, frozen=True, kw_only=True):
    """The epoch with the lowest validation error, by `protocol.best_by`, the first of equals."""

    epoch: Annotated[Count, Meta(description="counted from 1")]
    val_mae: Annotated[float, Meta(description="MAE on the validation windows; standardised")]
    val_mae_in_unit: Annotated[float, Meta(description="the same in `unit`")]


class Final(Fields, frozen=True, kw_only=True):
    """The last epoch."""

    loss: Annotated[
        float, Meta(description="training loss, `protocol.loss`, dropout on; in the scale of `protocol.target_scale`")
    ]
    train_mae: Annotated[float, Meta(description="MAE on the sample of training windows, dropout off; standardised")]
    val_mae: Annotated[float, Meta(description="MAE on the validation windows; standardised")]
    val_mae_in_unit: Annotated[float, Meta(description="the same in `unit`")]


class Test(Fields, frozen=True, kw_only=True):
    """The best epoch's network on the test windows."""

    mae: Annotated[float, Meta(description="MAE; standardised")]
    mae_in_unit: Annotated[float, Meta(description="the same in `unit`")]


class Naive(Fields, frozen=True, kw_only=True):
    """The naive forecast: the target will be what it was at the newest reading."""

    val_mae: Annotated[float, Meta(description="MAE on the validation windows; standardised")]
    val_mae_in_unit: Annotated[float, Meta(description="the same in `unit`")]
    test_mae: Annotated[float | None, Meta(description="MAE on the test windows; standardised; null in older runs")] = (
        None
    )
    test_mae_in_unit: Annotated[float | None, Meta(description="the same in `unit`")] = None


class AtHorizon(Fields, frozen=True, kw_only=True):
    """The best epoch's network, and the naive forecast, at one of several horizons."""

    lead_rows: Annotated[Count, Meta(description="rows from the newest reading of a window to this target")]
    lead_seconds: Annotated[float, Meta(description="the same in seconds, by the usual time between readings")]
    val_mae: Annotated[float, Meta(description="MAE on the validation windows; standardised")]
    test_mae: Annotated[float, Meta(description="MAE on the test windows; standardised")]
    naive_val_mae: Annotated[float, Meta(description="naive MAE on the validation windows; standardised")]
    naive_test_mae: Annotated[float, Meta(description="naive MAE on the test windows; standardised")]


class QuantileErrors(Fields, frozen=True, kw_only=True):
    """The quantiles that the best epoch's network forecasts, sorted where they cross."""

    val_pinball: Annotated[
        float,
        Meta(description="mean pinball loss over horizons and quantiles, on the validation windows; standardised"),
    ]
    test_pinball: Annotated[float, Meta(description="the same on the test windows; standardised")]
    val_crossed: Annotated[
        float, Meta(description="share of the forecasts on the validation windows whose quantiles crossed")
    ]
    test_crossed: Annotated[float, Meta(description="the same on the test windows")]
