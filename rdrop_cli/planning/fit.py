"""Fit a planned run to a series: lengths, splits and target; protocols count rows of the Jena data."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from itertools import count
from math import ceil

from rdrop_cli.errors import DataError, UsageError, ValueRefusedError
from rdrop_cli.planning.lengths import (
    count_rows,
    describe_extent,
    parse_fraction,
    parse_horizons,
    parse_rows,
    parse_split,
)
from rdrop_cli.planning.origins import roll_origins
from rdrop_cli.planning.request import Request, plan_together
from rdrop_cli.series.load import locate_dataset
from rdrop_cli.series.quality import check_sampling
from rdrop_cli.series.table import Series
from rdrop_cli.series.windows import find_target_fault
from rdrop_cli.study.config import RunConfig
from rdrop_cli.study.protocol import LENGTHS, NEWEST_READING, SAMPLING_SECONDS, Protocol
from rdrop_cli.study.units import format_seconds

TRAIN_STOP, VAL_STOP = "50%", "75%"  # if the user names no split


def plan_on_series(requests: Sequence[Request], series: Series) -> list[RunConfig]:
    """Return the requested configurations, fitted to the series that all requests share.

    Raises:
        UsageError: see `plan_together` and `fit_to_series`.
        DataError: the series is too short, or is not sampled regularly.
    """
    planned = zip(requests, plan_together(requests), strict=True)
    check_sampling(series)
    fitted = [(request, [fit_to_series(config, request, series) for config in configs]) for request, configs in planned]
    repeated = (config for request, configs in fitted for config in _repeat(configs, request.origins, series))
    return list(dict.fromkeys(repeated))  # if only masks vary, all seeds of a network without masks are the same run


def _repeat(configs: Sequence[RunConfig], origins: int, series: Series) -> Iterator[RunConfig]:
    """Yield configurations one origin after another, so an interrupted study has complete origins."""
    at_origins = [roll_origins(config.protocol, origins, series) for config in configs]
    for protocols in zip(*at_origins, strict=True):
        for config, protocol in zip(configs, protocols, strict=True):
            yield replace(config, protocol=protocol)


def fit_to_series(config: RunConfig, request: Request, series: Series) -> RunConfig:
    """Return a planned configuration with its lengths and splits in rows of the series, and the series' checksum.

    On a user's series, the protocol's lengths are times, the horizon counts from the newest reading, splits are
    fractions, and if there is only one column, it is the target.

    Raises:
        UsageError: a length is not a whole number of rows, a split is outside the series, or the target is unclear.
        DataError: the user's series is too short.
    """
    own_file, dataset = bool(series.time_column), config.dataset
    protocol = replace(config.protocol, **_fit_lengths(config.protocol, request, series))  # type: ignore[arg-type]
    if own_file:
        protocol = replace(protocol, horizon_from=NEWEST_READING)
    if own_file and request.target is None:
        protocol = replace(protocol, target=_choose_target(protocol.target, series))
    if fault := find_target_fault(series, protocol.target):
        raise UsageError(fault, field="target")
    protocol = _fit_splits(protocol, request, series)
    if own_file:
        dataset = locate_dataset(dataset)
        protocol = replace(protocol, summary=f"the {protocol.name} protocol's lengths in time, on {series.source.name}")
    protocol = replace(protocol, inputs=choose_inputs(protocol.target, request, series.columns))
    if own_file:
        config = _fit_own_windows(config, series)
    return replace(config, protocol=protocol, dataset=dataset, dataset_sha256=series.source.sha256)


def _fit_lengths(protocol: Protocol, request: Request, series: Series) -> dict[str, int | tuple[int, ...]]:
    """Return the lengths, in rows by protocol field, that the user or the user's series changes."""
    rows: dict[str, int | tuple[int, ...]] = {}
    for field in ("lookback", "every", "horizon"):
        text, protocol_rows = getattr(request, field), getattr(protocol, LENGTHS[field])
        if text is not None and field == "horizon":
            *nearer, rows["horizon_rows"] = parse_horizons(text, series.sampling_seconds)
            rows["earlier_horizon_rows"] = tuple(nearer)
        elif text is not None:
            rows[LENGTHS[field]] = parse_rows(field, text, series.sampling_seconds)
        elif series.time_column:
            rows[LENGTHS[field]] = _scale_length(field, protocol_rows, series.sampling_seconds)
    return rows


def _fit_own_windows(config: RunConfig, series: Series) -> RunConfig:
    """Return the configuration with the lengths of the network's own windows converted to rows of the user's series."""
    lengths = {"lookback": config.lookback_rows, "every": config.step_rows}
    rows = {name: own and _scale_length(name, own, series.sampling_seconds) for name, own in lengths.items()}
    return replace(config, lookback_rows=rows["lookback"], step_rows=rows["every"])


def _scale_length(field: str, protocol_rows: int, sampling_seconds: float) -> int:
    """Return a protocol's length in rows of the user's series; a step is at least one row."""
    seconds = protocol_rows * SAMPLING_SECONDS
    if field == "every" and seconds < sampling_seconds:
        return 1
    return count_rows(field, f"the protocol's {format_seconds(seconds)}", seconds, sampling_seconds)


def _fit_splits(protocol: Protocol, request: Request, series: Series) -> Protocol:
    """Return the protocol with the splits that the user or the user's series changes."""
    own_file = bool(series.time_column)
    if not own_file and request.train_stop is None and request.val_stop is None:
        return protocol
    rows = (str(protocol.train_stop_row), str(protocol.val_stop_row))
    train_default, val_default = (TRAIN_STOP, VAL_STOP) if own_file else rows
    train_stop = train_default if request.train_stop is None else request.train_stop
    val_stop = val_default if request.val_stop is None else request.val_stop
    train_row, val_row = parse_split("train_stop", train_stop, series), parse_split("val_stop", val_stop, series)
    protocol = replace(protocol, train_stop_row=train_row, val_stop_row=val_row)
    _check_room(protocol, series, train_stop, val_stop)
    if train_row >= val_row:
        raise UsageError(
            f"training stops at {train_stop} (row {train_row}), not before validation stops at {val_stop} "
            f"(row {val_row}); {series.source.name} has {describe_extent(series)}",
            field="train_stop",
            change=("train_stop", "val_stop"),
        )
    return protocol


def _check_room(protocol: Protocol, series: Series, train_stop: str, val_stop: str) -> None:
    """Check that a series split by fractions is long enough; other splits are checked with the windows."""
    train, val, rows = parse_fraction(train_stop), parse_fraction(val_stop), len(series.timestamps)
    if train is None or val is None or train >= val or protocol.has_room(rows):
        return

    def has_room(rows: int) -> bool:
        train_stop_row, val_stop_row = int(rows * train), int(rows * val)
        return replace(protocol, train_stop_row=train_stop_row, val_stop_row=val_stop_row).has_room(rows)

    lookback, offset = protocol.lookback_rows, protocol.target_offset
    span = lookback - protocol.step_rows
    least = ceil(max(span / train, span / (val - train), (span + offset) / (1 - val)))
    needed = next(rows for rows in count(least) if has_room(rows))
    raise DataError(
        f"{series.source.name}: too short: it has {rows} rows, and windows of {lookback} rows with the target "
        f"{protocol.lead_rows} rows after the newest reading need {needed} when split at {train_stop} and {val_stop}",
        change=("lookback", "horizon", "train_stop", "val_stop"),
    )


def _choose_target(protocol_target: str, series: Series) -> str:
    """Return the only column, or the protocol's target."""
    if len(series.columns) == 1:
        return series.columns[0]
    if protocol_target in series.columns:
        return protocol_target
    columns = ", ".join(series.columns)
    raise UsageError(f"name the column of {series.source.name} to predict, one of {columns}", field="target")


def choose_inputs(target: str, request: Request, columns: tuple[str, ...]) -> tuple[str, ...]:
    """Return the columns that are inputs, in the order of the series; empty if all columns are inputs.

    So the calendar alone cannot be the input. The target is an input unless a pattern in `exclude` matches it.

    Raises:
        UsageError: a pattern matches no column, or no input is left.
    """
    wanted = {*_match_columns("inputs", request.inputs or ("*",), columns), target}
    excluded = _match_columns("exclude", request.exclude, columns)
    inputs = tuple(name for name in columns if name in wanted and name not in excluded)
    if not inputs:
        raise UsageError(
            f"excludes every input, {', '.join(name for name in columns if name in wanted)}", field="exclude"
        )
    return () if inputs == columns else inputs


def _match_columns(field: str, patterns: Sequence[str], columns: tuple[str, ...]) -> set[str]:
    """Return the columns that match any of the patterns: complete names, or names with the wildcards `*` and `?`."""
    found: set[str] = set()
    for pattern in patterns:
        matches = {
            name for name in columns if fnmatchcase(name, pattern.replace("[", "[[]"))
        }  # a unit may have brackets
        if not matches:
            raise ValueRefusedError(field, pattern, f"columns of {', '.join(columns)}, wildcards allowed")
        found |= matches
    return found
