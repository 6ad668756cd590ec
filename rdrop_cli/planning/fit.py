"""What the protocols mean on a series of the user's: their rows become times, fractions and one pass over the data."""

from dataclasses import replace
from itertools import count
from math import ceil

from rdrop_cli.errors import DataError, UsageError
from rdrop_cli.planning.splits import parse_fraction
from rdrop_cli.study.duration import count_rows, format_seconds
from rdrop_cli.study.extent import Extent
from rdrop_cli.study.protocol import SAMPLING_SECONDS, Protocol

TRAIN_STOP, VAL_STOP = "50%", "75%"  # where the user names no split


def scale_length(option: str, protocol_rows: int, extent: Extent) -> int:
    """Return a protocol's length in rows of the user's series; its step is at least one row.

    Raises:
        UsageError: it is no whole number of them.
    """
    seconds = protocol_rows * SAMPLING_SECONDS
    if option == "--every" and seconds < extent.sampling_seconds:
        return 1
    return count_rows(option, f"the protocol's {format_seconds(seconds)}", seconds, extent.sampling_seconds)


def choose_target(protocol_target: str, extent: Extent) -> str:
    """Return the only column, or the protocol's target.

    Raises:
        UsageError: there are several columns, and none of that name.
    """
    if len(extent.columns) == 1:
        return extent.columns[0]
    if protocol_target in extent.columns:
        return protocol_target
    raise UsageError(f"--target: name the column of {extent.name} to predict, one of {', '.join(extent.columns)}")


def limit_steps(protocol: Protocol) -> int:
    """Return the protocol's steps an epoch, or fewer: at most one pass over the training windows, at least one step."""
    windows = len(protocol.train_rows)
    return max(1, min(protocol.steps_per_epoch, windows // protocol.batch_size))


def check_room(protocol: Protocol, extent: Extent, train_stop: str, val_stop: str) -> None:
    """Check that a series split by fractions is long enough; other splits are checked with the windows.

    Raises:
        DataError: it is not; with the least number of rows that would do.
    """
    train, val = parse_fraction(train_stop), parse_fraction(val_stop)
    if train is None or val is None or train >= val or protocol.has_room(extent.rows):
        return

    def has_room(rows: int) -> bool:
        train_stop_row, val_stop_row = int(rows * train), int(rows * val)
        return replace(protocol, train_stop_row=train_stop_row, val_stop_row=val_stop_row).has_room(rows)

    lookback, horizon = protocol.lookback_rows, protocol.horizon_rows
    least = ceil(max(lookback / train, lookback / (val - train), (lookback + horizon) / (1 - val)))
    needed = next(rows for rows in count(least) if has_room(rows))
    raise DataError(
        f"{extent.name}: too short: it has {extent.rows} rows, and windows of {lookback} rows (--lookback) with the "
        f"target {horizon} rows ahead (--horizon) need {needed} when split at {train_stop} and {val_stop}; shorten "
        "these or move --train-stop and --val-stop"
    )
