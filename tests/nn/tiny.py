"""A protocol, windows and a trainer, small enough to train in a second."""

from typing import TYPE_CHECKING

from rdrop_cli.series.synthetic import generate_weather
from rdrop_cli.series.table import WEATHER_COLUMNS, Series, Source
from rdrop_cli.series.windows import Windows, make_windows
from rdrop_cli.study.config import RunConfig
from rdrop_cli.study.protocol import Protocol

if TYPE_CHECKING:
    from rdrop_cli.nn.trainer import KerasTrainer

TINY_PROTOCOL = Protocol(
    name="tiny",
    summary="for tests",
    lookback_rows=30,
    step_rows=6,
    horizon_rows=12,
    train_stop_row=300,
    val_stop_row=500,
    batch_size=8,
    steps_per_epoch=4,
    epochs=3,
    epochs_with_dropout=3,
    units=5,
    train_windows_measured=50,
)


def make_tiny_windows(protocol: Protocol = TINY_PROTOCOL, rows: int = 700) -> Windows:
    """Windows of 14 features over ten-minute readings, of 5 timesteps where no other protocol is given."""
    stamps, values = generate_weather(seed=1, rows=rows)
    return make_windows(Series(stamps, WEATHER_COLUMNS, values, Source("made", "test", "0" * 64, rows, None)), protocol)


def make_tiny_trainer(protocol: Protocol, engine: str = "keras", variant: str = "baseline") -> "KerasTrainer":
    """A trainer of one epoch with seed 3, with the dropout of the study where the variant has some."""
    from rdrop_cli.nn.trainer import KerasTrainer

    rates = (0.2, 0.2) if variant == "dropout" else (0.0, 0.0)
    config = RunConfig(variant, 3, *rates, 1, protocol, "made", "0" * 64, engine=engine)
    return KerasTrainer(config, make_tiny_windows(protocol))
