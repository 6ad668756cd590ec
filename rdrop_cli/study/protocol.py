"""How a study is set up: which rows are windows, what is predicted, how long is trained."""

from dataclasses import asdict, dataclass
from typing import Annotated, Any

from rdrop_cli.errors import UsageError, ValueRefusedError

SENTINEL_TREATMENTS = ("keep", "fill")
# The options that change a length, and the protocol's fields, in rows.
LENGTHS = {
    "lookback": "lookback_rows",
    "every": "step_rows",
    "horizon": "horizon_rows",
    "train_stop": "train_stop_row",
    "val_stop": "val_stop_row",
}
SAMPLING_SECONDS = 600  # from row to row of the Jena data, in whose rows the protocols are written


@dataclass(frozen=True)
class Protocol:
    """A named set-up; rows are readings of the series as they come (ten minutes apart in the Jena data).

    A window that ends before row i holds rows i - lookback, i - lookback + step, …, i - step, and its target is
    the target column at row i + horizon. Rows below `train_stop_row` are for training and give the mean and the
    standard deviation; validation starts one lookback after them, and the test after `val_stop_row` likewise.

    The text of each annotation documents the field in the JSON Schema of a run's files.
    """

    name: Annotated[str, "`book`, `demo`, or what the user calls it"]
    summary: Annotated[str, "one line"]
    target: Annotated[str, "column that is predicted"] = "T (degC)"
    lookback_rows: Annotated[int, "length of a window, in rows"] = 1440
    step_rows: Annotated[int, "rows from one timestep of a window to the next"] = 6
    horizon_rows: Annotated[int, "rows from the end of a window to its target"] = 144
    train_stop_row: Annotated[int, "first row after training"] = 200_000
    val_stop_row: Annotated[int, "first row after validation"] = 300_000
    batch_size: Annotated[int, "windows in a training step"] = 128
    steps_per_epoch: Annotated[int, "training steps in an epoch"] = 500
    epochs: Annotated[int, "default epochs of a network without dropout"] = 20
    epochs_with_dropout: Annotated[int, "default epochs of a network with dropout"] = 40
    units: Annotated[int, "units of the recurrent layer"] = 32
    train_windows_measured: Annotated[int, "training windows, evenly spaced, in the sample for `train_mae`"] = 10_240
    sentinels: Annotated[str, "`keep` or `fill` -9999 readings; missing ones can only be filled"] = "keep"

    def __post_init__(self) -> None:
        for field, value in asdict(self).items():
            if isinstance(value, int) and value < 1:
                option = next((option for option, rows in LENGTHS.items() if rows == field), field)
                raise ValueRefusedError(option, value, "at least 1 row" if option != field else "at least 1")
        if self.sentinels not in SENTINEL_TREATMENTS:
            raise ValueRefusedError("sentinels", self.sentinels, f"one of {', '.join(SENTINEL_TREATMENTS)}")

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
        """Tell whether each period of a series of `rows` rows has room for a window."""
        return bool(self.train_rows and self.validation_rows and self.find_test_rows(rows))

    @property
    def train_rows(self) -> range:
        """Rows before which training windows end, as the book's generators have them."""
        return range(self.lookback_rows, self.train_stop_row)

    @property
    def validation_rows(self) -> range:
        """Rows before which validation windows end, likewise."""
        return range(self.train_stop_row + 1 + self.lookback_rows, self.val_stop_row)

    def find_test_rows(self, rows: int) -> range:
        """Return the rows before which test windows end in a series of `rows` rows, likewise."""
        return range(self.val_stop_row + 1 + self.lookback_rows, rows - self.horizon_rows - 1)

    @property
    def least_rows(self) -> int:
        """Rows of the shortest series that has a test window."""
        return self.find_test_rows(0).start + 1 - self.find_test_rows(0).stop

    @property
    def timesteps(self) -> int:
        """Timesteps in a window."""
        return self.lookback_rows // self.step_rows

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


PROTOCOLS = {
    protocol.name: protocol
    for protocol in (
        Protocol(name="book", summary="the study: ten days of hourly weather, 500 steps an epoch, 20 and 40 epochs"),
        Protocol(
            name="demo",
            summary="small enough for minutes: two days of hourly weather, less than two years to train on",
            lookback_rows=288,
            train_stop_row=90_000,
            val_stop_row=150_000,
            steps_per_epoch=100,
        ),
    )
}


def find_protocol(name: str) -> Protocol:
    """Return a protocol by name.

    Raises:
        UsageError: there is none of that name.
    """
    if name not in PROTOCOLS:
        raise ValueRefusedError("protocol", name, f"one of {', '.join(PROTOCOLS)}")
    return PROTOCOLS[name]
