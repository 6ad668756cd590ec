"""The set-up of a study: its windows and periods, its target, and its training."""

from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from math import ceil, isfinite
from typing import Annotated, Any

from rdrop_cli.errors import UsageError, ValueRefusedError
from rdrop_cli.study.units import format_seconds

SENTINEL_TREATMENTS = ("keep", "fill")
WINDOW_END, NEWEST_READING = "window end", "newest reading"
OPTIMIZERS = ("rmsprop", "adam", "nadam", "sgd")
QUANTILE = "quantile"
LOSSES = ("mae", "mse", "huber", QUANTILE)
MEDIAN = 0.5
QUANTILES = (0.025, 0.1, 0.25, MEDIAN, 0.75, 0.9, 0.975)  # intervals of 50, 80 and 95 %
GENERATOR, DATASET = "generator", "dataset"
STANDARDISED, IN_UNIT = "standardised", "unit"
DRAWN, PASSES = "drawn", "passes"
MAE, MSE, PINBALL = "mae", "mse", "pinball"
# The options that change a length, and the protocol's fields, in rows.
LENGTHS = {
    "lookback": "lookback_rows",
    "every": "step_rows",
    "horizon": "horizon_rows",
    "train_stop": "train_stop_row",
    "val_stop": "val_stop_row",
}
MOST_NAMED = 4  # horizons; more are named as a range
SAMPLING_SECONDS = 600  # between rows of the Jena data, in which the protocols give lengths


@dataclass(frozen=True)
class Protocol:
    """A named set-up; rows are readings of the series as they come (ten minutes apart in the Jena data).

    A window that ends before row i holds rows i - lookback, i - lookback + step, …, i - step. Its target is the
    target column at row i + horizon if the horizon counts from the window's end, as in edition 1, and at row
    i - step + horizon if it counts from the newest reading, as in editions 2 and 3 and on a user's own data. If there
    are several horizons, the largest determines where windows end, so each window has all of its targets. Rows from
    `train_start_row` to below `train_stop_row` are for training and give the mean and the standard deviation;
    validation starts one lookback after them, and the test one lookback after `val_stop_row`.

    The text of each annotation documents the field in the JSON Schema of a run's files.
    """

    name: Annotated[str, "of an edition, such as `book` or `demo2`, or what the user calls it"]
    summary: Annotated[str, "one line"]
    target: Annotated[str, "column that is predicted"] = "T (degC)"
    lookback_rows: Annotated[int, "length of a window, in rows"] = 1440
    step_rows: Annotated[int, "rows from one timestep of a window to the next"] = 6
    horizon_rows: Annotated[int, "rows to the target, counted from `horizon_from`"] = 144
    train_start_row: Annotated[int, "first row of training; above 0 where a study is repeated on later rows"] = 0
    train_stop_row: Annotated[int, "first row after training"] = 200_000
    val_stop_row: Annotated[int, "first row after validation"] = 300_000
    batch_size: Annotated[int, "windows in a training step"] = 128
    steps_per_epoch: Annotated[int, "training steps in an epoch, where windows are `drawn`"] = 500
    epochs: Annotated[int, "default epochs of a network without dropout"] = 20
    epochs_with_dropout: Annotated[int, "default epochs of a network with dropout"] = 40
    units: Annotated[int, "units of the recurrent layer"] = 32
    train_windows_measured: Annotated[int, "training windows, evenly spaced, in the sample for `train_mae`"] = 10_240
    sentinels: Annotated[str, "`keep` or `fill` -9999 readings; missing ones can only be filled"] = "keep"
    horizon_from: Annotated[
        str, "`window end`, one step after the newest reading (the book), or `newest reading` (own data)"
    ] = WINDOW_END
    inputs: Annotated[tuple[str, ...], "columns that are inputs, in their order; all where empty"] = ()
    calendar: Annotated[bool, "whether hour of day and day of year are inputs, as sine and cosine"] = False
    optimizer: Annotated[str, "`rmsprop`, `adam`, `nadam` or `sgd`"] = "rmsprop"
    learning_rate: Annotated[float, "of the optimizer"] = 0.001
    loss: Annotated[
        str, "what training minimises: `mae`, `mse`, `huber` or `quantile`; every reported error is an MAE"
    ] = "mae"
    clip_norm: Annotated[float | None, "largest norm of all gradients together; null for no limit"] = None
    patience: Annotated[int | None, "training ends after so many epochs without a better one; null: never"] = None
    layout: Annotated[
        str, "which windows a period has: `generator` as in edition 1, or `dataset` as in Keras's timeseries dataset"
    ] = GENERATOR
    target_scale: Annotated[str, "what the network learns: the target `standardised`, or in its own `unit`"] = (
        STANDARDISED
    )
    sampling: Annotated[
        str, "an epoch's windows: `drawn` with replacement, or `passes`, every training window once, shuffled"
    ] = DRAWN
    best_by: Annotated[
        str, "`mae`, `mse` or `pinball` on validation: the epoch with the lowest is the best, and is tested"
    ] = MAE
    earlier_horizon_rows: Annotated[
        tuple[int, ...], "rows to nearer targets that the network forecasts too, ascending; empty: `horizon_rows` alone"
    ] = ()
    quantiles: Annotated[
        tuple[float, ...], "of the target that a network with the loss `quantile` forecasts, ascending; else empty"
    ] = ()

    def __post_init__(self) -> None:
        for field, value in vars(self).items():
            if type(value) is int and value < (0 if field == "train_start_row" else 1):
                option = next((option for option, rows in LENGTHS.items() if rows == field), field)
                raise ValueRefusedError(option, value, "at least 1 row" if option != field else "at least 1")
        if not all(nearer < further for nearer, further in pairwise((0, *self.horizons))):
            raise ValueRefusedError("horizon", self.horizons, "rows that ascend from 1")
        for field, known in _CHOICES.items():
            if getattr(self, field) not in known:
                raise ValueRefusedError(field, getattr(self, field), f"one of {', '.join(known)}")
        self._check_quantiles()
        for field in ("learning_rate", "clip_norm"):
            value = getattr(self, field)
            if value is not None and not (value > 0 and isfinite(value)):
                raise ValueRefusedError(field, value, "a number above 0")

    def _check_quantiles(self) -> None:
        levels = self.quantiles
        if bool(levels) != (self.loss == QUANTILE):
            received = f"loss {self.loss} and {len(levels)} quantiles" if levels else f"loss {self.loss} and none"
            raise UsageError(f"belong to the loss quantile, received {received}", field="quantiles")
        if levels and not (all(a < b for a, b in pairwise((0.0, *levels, 1.0))) and MEDIAN in levels):
            raise ValueRefusedError("quantiles", levels, "levels that ascend between 0 and 1, with 0.5 among them")
        if self.best_by == PINBALL and not levels:
            raise UsageError("only quantiles have a pinball loss", field="best_by", change=[("loss", QUANTILE)])

    def check_layout(self) -> None:
        """Check that the periods have room for the windows.

        Raises:
            UsageError: the lengths do not fit each other.
        """
        if self.lookback_rows % self.step_rows:
            raise UsageError(
                f"a window of {self.lookback_rows} rows is not a multiple of the step of {self.step_rows} rows",
                field="lookback",
                change=("lookback", "every"),
            )
        if not self.train_rows:
            raise UsageError(
                f"training stops at row {self.train_stop_row}, before the first window of {self.lookback_rows} rows "
                "ends",
                field="train_stop",
                change=("train_stop", "lookback"),
            )
        if not self.validation_rows:
            raise UsageError(
                f"validation stops at row {self.val_stop_row}; the first window after training "
                f"ends before row {self.validation_rows.start}",
                field="val_stop",
                change=("val_stop", "lookback"),
            )

    def has_room(self, rows: int) -> bool:
        """Return whether each period of a series of `rows` rows has room for a window."""
        return bool(self.train_rows and self.validation_rows and self.find_test_rows(rows))

    @property
    def horizons(self) -> tuple[int, ...]:
        """Rows to each target, ascending, counted from `horizon_from`."""
        return (*self.earlier_horizon_rows, self.horizon_rows)

    @property
    def output_shape(self) -> tuple[int, ...]:
        """Shape of a network's forecast for one window.

        It is () for one horizon and (horizon,) for several, or (horizon, quantile) if the network forecasts quantiles.
        """
        if self.quantiles:
            return len(self.horizons), len(self.quantiles)
        return (len(self.horizons),) if self.earlier_horizon_rows else ()

    @property
    def target_offsets(self) -> tuple[int, ...]:
        """Rows from the row that a window ends before to each target; negative for a target within the last step."""
        last_step = self.step_rows if self.horizon_from == NEWEST_READING else 0
        return tuple(rows - last_step for rows in self.horizons)

    @property
    def target_offset(self) -> int:
        """Rows from the row that a window ends before to its last target."""
        return self.target_offsets[-1]

    @property
    def leads(self) -> tuple[int, ...]:
        """Rows from the newest reading of a window to each target."""
        return tuple(offset + self.step_rows for offset in self.target_offsets)

    @property
    def lead_rows(self) -> int:
        """Rows from the newest reading of a window to its last target."""
        return self.leads[-1]

    @property
    def train_rows(self) -> range:
        """Rows before which training windows end.

        The generators of edition 1 begin one row after the first that fits, except for training, and windows end before
        a row of the period. `timeseries_dataset_from_array` begins at the first that fits, and the newest reading of a
        window lies in the period. In both cases targets may lie beyond the period.
        """
        return self._lay_out(self.train_start_row, self.train_stop_row, gap=0)

    @property
    def validation_rows(self) -> range:
        """Rows before which validation windows end; see `train_rows`."""
        return self._lay_out(self.train_stop_row, self.val_stop_row)

    def find_test_rows(self, rows: int) -> range:
        """Return the rows before which test windows end in a series of `rows` rows; see `train_rows`.

        The dataset receives the readings without the last ones, which are only targets, so it omits another lookback of
        windows.
        """
        unused = self.lookback_rows if self.layout == DATASET else 1
        return self._lay_out(self.val_stop_row, rows - self.target_offset - unused)

    def _lay_out(self, start: int, stop: int, gap: int = 1) -> range:
        if self.layout == DATASET:
            return range(start + self.lookback_rows, stop + self.step_rows)
        return range(start + gap + self.lookback_rows, stop)

    @property
    def least_rows(self) -> int:
        """Rows of the shortest series that has a test window."""
        return self.find_test_rows(0).start + 1 - self.find_test_rows(0).stop

    def shift(self, rows: int) -> "Protocol":
        """Return the protocol with training and validation `rows` rows later: another origin of the study."""
        bounds = ("train_start_row", "train_stop_row", "val_stop_row")
        return replace(self, **{field: getattr(self, field) + rows for field in bounds})

    @property
    def at_first_origin(self) -> "Protocol":
        """The protocol with training from row 0, which is the same for all origins of a study."""
        return self.shift(-self.train_start_row) if self.train_start_row else self

    @property
    def timesteps(self) -> int:
        """Timesteps in a window."""
        return self.lookback_rows // self.step_rows

    @property
    def epoch_steps(self) -> int:
        """Training steps in an epoch; the last one of a pass has the remaining windows."""
        return ceil(len(self.train_rows) / self.batch_size) if self.sampling == PASSES else self.steps_per_epoch

    @property
    def epoch_windows(self) -> int:
        """Windows that an epoch trains on, counting repetitions among drawn ones."""
        return len(self.train_rows) if self.sampling == PASSES else self.steps_per_epoch * self.batch_size

    def with_windows(self, lookback_rows: int | None, step_rows: int | None) -> "Protocol":
        """Return the protocol with the windows of a network that has its own; None keeps the protocol's."""
        return replace(self, lookback_rows=lookback_rows or self.lookback_rows, step_rows=step_rows or self.step_rows)

    def describe_horizon(self, sampling_seconds: float) -> str:
        """Return how far ahead the targets are, and from where, as times in a series with this sampling interval.

        The book's 24 hours count from the window's end, one step after its newest reading: both are named.
        """
        lead, horizon = (_list_lengths(rows, sampling_seconds) for rows in (self.leads, self.horizons))
        count = f"{len(self.horizons)} horizons, " if len(self.horizons) > MOST_NAMED else ""
        from_newest = f"{lead} after the newest reading"
        from_end = "" if self.horizon_from == NEWEST_READING else f"{horizon} after the window, "
        return f"{count}{from_end}{from_newest}"

    @property
    def described_windows(self) -> str:
        """The windows and targets in rows: `windows of 1440 rows, every 6, target 150 after the newest reading`."""
        leads = self.leads
        several = f"{len(leads)} targets, {leads[0]} to {leads[-1]}"
        targets = several if len(leads) > MOST_NAMED else f"target {', '.join(map(str, leads))}"
        return f"windows of {self.lookback_rows} rows, every {self.step_rows}, {targets} after the newest reading"

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def _list_lengths(rows: tuple[int, ...], sampling_seconds: float) -> str:
    """Render a few lengths one by one, and many as a range: `6 h, 12 h, 24 h`, `1 h to 24 h`."""
    lengths = [format_seconds(each * sampling_seconds) for each in rows]
    return ", ".join(lengths) if len(rows) <= MOST_NAMED else f"{lengths[0]} to {lengths[-1]}"


_CHOICES = {
    "sentinels": SENTINEL_TREATMENTS,
    "horizon_from": (WINDOW_END, NEWEST_READING),
    "optimizer": OPTIMIZERS,
    "loss": LOSSES,
    "layout": (GENERATOR, DATASET),
    "target_scale": (STANDARDISED, IN_UNIT),
    "sampling": (DRAWN, PASSES),
    "best_by": (MAE, MSE, PINBALL),
}
