"""Describe how a series was read and will be used, for `rdrop inspect`, and for `rdrop train` before it trains."""

from dataclasses import dataclass

import numpy as np

from rdrop_cli.series.table import Series
from rdrop_cli.series.windows import Windows
from rdrop_cli.study.protocol import Protocol
from rdrop_cli.study.units import format_count, format_digits, format_seconds, format_stamp, name_target


@dataclass(frozen=True)
class Period:
    """The rows of the training, validation or test period, and the number of its windows.

    Attributes:
        rows: rows of the series; a window and its target may extend beyond the end.
        first, last: timestamps of the first and the last row.
    """

    name: str
    rows: range
    first: np.datetime64
    last: np.datetime64
    windows: int


def list_periods(protocol: Protocol, windows: Windows) -> list[Period]:
    """Return the training, validation and test periods in time order."""
    stops = (protocol.train_start_row, protocol.train_stop_row, protocol.val_stop_row, len(windows.timestamps))
    ends = {"training": windows.train, "validation": windows.validation, "test": windows.test}
    return [
        Period(name, range(start, stop), windows.timestamps[start], windows.timestamps[stop - 1], len(rows))
        for (name, rows), start, stop in zip(ends.items(), stops, stops[1:], strict=False)
    ]


def describe_series(series: Series) -> list[str]:
    """Describe the extent and sampling of a series, its time column, the columns used, and how it was interpreted."""
    regular = series.sampling.find_regular(series.timestamps)
    share = float(regular.mean()) if len(regular) else 0.0
    time = f" (time column {series.time_column!r})" if series.time_column else ""
    excluded = ", ".join(f"{name} ({why})" for name, why in series.excluded.items())
    return [
        f"{series}, {series.sampling} apart in {_format_share(share)} of the steps{time}",
        f"columns: {', '.join(series.columns)}" + (f"; excluded: {excluded}" if excluded else ""),
        *series.notes,
    ]


def describe_plan(protocol: Protocol, windows: Windows, sampling_seconds: float) -> list[str]:
    """Describe the target, the inputs, the windows of each period, and the length of an epoch."""
    quantity, unit = name_target(protocol.target)
    lookback, step = (format_seconds(rows * sampling_seconds) for rows in (protocol.lookback_rows, protocol.step_rows))
    periods = ", ".join(
        f"{period.name} to {format_stamp(period.last)} ({format_count(period.windows, 'window')})"
        for period in list_periods(protocol, windows)
    )
    seen = protocol.epoch_windows
    constant = ", ".join(windows.excluded)
    return [
        f"target: {protocol.target}, read as {quantity} in {unit or 'a unit that its name does not tell'}; "
        f"{protocol.describe_horizon(sampling_seconds)}, from {lookback} before, a timestep every {step}",
        *([f"inputs: {', '.join(windows.columns)}"] if protocol.inputs or protocol.calendar else []),
        f"periods: {periods}",
        *([f"constant in training, excluded: {constant}; ‹keep› COLUMN keeps one"] if constant else []),
        *(
            [
                f"not counted: {format_count(windows.unmeasured, 'window')} of validation and test, whose target or "
                "newest reading was filled and not measured"
            ]
            if windows.unmeasured
            else []
        ),
        f"an epoch: {format_count(protocol.epoch_steps, 'step')} of {format_count(protocol.batch_size, 'window')}, "
        f"{seen} in all: {format_digits(seen / len(windows.train), 3)} times the {len(windows.train)} of training",
    ]


def _format_share(share: float) -> str:
    """Render a share as a percentage of at most 99.99 %, or as `all` if it is exactly 1."""
    return "all" if share == 1 else f"{min(100 * share, 99.99):.4g} %"
