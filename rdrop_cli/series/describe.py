"""What rdrop has made of a series, in lines for people: for `rdrop train` before it trains, and `rdrop inspect`."""

from dataclasses import dataclass

import numpy as np

from rdrop_cli.series.table import Series
from rdrop_cli.series.windows import Windows
from rdrop_cli.study.protocol import Protocol
from rdrop_cli.study.units import format_seconds, format_stamp, name_target


@dataclass(frozen=True)
class Period:
    """The rows that belong to training, validation or test, and how many windows lie in them.

    Attributes:
        rows: of the series; a window and its target may reach beyond the end.
        first, last: stamps of the first and the last row.
    """

    name: str
    rows: range
    first: np.datetime64
    last: np.datetime64
    windows: int


def list_periods(protocol: Protocol, windows: Windows) -> list[Period]:
    """Return training, validation and test, in the order of time."""
    stops = (0, protocol.train_stop_row, protocol.val_stop_row, len(windows.stamps))
    ends = {"training": windows.train, "validation": windows.validation, "test": windows.test}
    return [
        Period(name, range(start, stop), windows.stamps[start], windows.stamps[stop - 1], len(rows))
        for (name, rows), start, stop in zip(ends.items(), stops, stops[1:], strict=False)
    ]


def describe_series(series: Series) -> list[str]:
    """Say where the stamps come from, how far they reach, and which columns are used."""
    steps = np.diff(series.stamps).astype(np.int64)
    usual, regular = series.sampling_seconds, float((steps == series.sampling_seconds).mean()) if len(steps) else 0.0
    time = f" (time column {series.time_column!r})" if series.time_column else ""
    left_out = ", ".join(f"{name} ({why})" for name, why in series.left_out.items())
    return [
        f"{len(series.stamps)} rows from {format_stamp(series.stamps[0])} to {format_stamp(series.stamps[-1])}, "
        f"{format_seconds(usual)} apart in {_format_share(regular)} of the steps{time}",
        f"columns: {', '.join(series.columns)}" + (f"; left out: {left_out}" if left_out else ""),
    ]


def describe_plan(protocol: Protocol, windows: Windows, sampling_seconds: int) -> list[str]:
    """Say what is predicted from what, which windows belong to which period, and how long an epoch is."""
    quantity, unit = name_target(protocol.target)
    lookback, step = (format_seconds(rows * sampling_seconds) for rows in (protocol.lookback_rows, protocol.step_rows))
    periods = ", ".join(
        f"{period.name} to {format_stamp(period.last)} ({period.windows} windows)"
        for period in list_periods(protocol, windows)
    )
    seen = protocol.steps_per_epoch * protocol.batch_size
    return [
        f"target: {protocol.target}, read as {quantity} in {unit or 'a unit that its name does not tell'}; "
        f"{protocol.describe_horizon(sampling_seconds)}, from {lookback} before, a timestep every {step}",
        *([f"inputs: {', '.join(windows.columns)}"] if protocol.inputs or protocol.calendar else []),
        f"periods: {periods}",
        f"an epoch: {protocol.steps_per_epoch} steps of {protocol.batch_size} windows, {seen} in all: "
        f"{seen / len(windows.train):.3g} times the {len(windows.train)} of training",
    ]


def _format_share(share: float) -> str:
    """Render a share so that only all of them are 100 %."""
    return "all" if share == 1 else f"{min(100 * share, 99.99):.4g} %"
