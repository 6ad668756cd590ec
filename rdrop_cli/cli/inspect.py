"""`rdrop inspect`: how rdrop reads a dataset and cuts it into windows, before anything is trained."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rdrop_cli.cli.console import Column, note, print_lines, print_table, warn_if_unverified
from rdrop_cli.cli.defaults import name_flag
from rdrop_cli.cli.options import (
    DATASETS,
    DEFAULT_DATA_DIR,
    DEFAULT_RUNS_DIR,
    AsJson,
    Calendar,
    DataDir,
    Every,
    Exclude,
    Horizon,
    Inputs,
    Lookback,
    ProtocolName,
    Quiet,
    RunsDir,
    Sentinels,
    Target,
    TrainStop,
    ValStop,
    make_output_option,
)
from rdrop_cli.cli.reading_options import (
    DateFormat,
    Decimal,
    Encoding,
    Keep,
    Missing,
    Resample,
    Separator,
    Sort,
    Time,
    Timezone,
    Where,
    collect_reading,
)
from rdrop_cli.errors import RdropError, name_options
from rdrop_cli.files import to_json
from rdrop_cli.planning.request import Request, plan_runs
from rdrop_cli.study.config import RunConfig
from rdrop_cli.study.protocol import Protocol

if TYPE_CHECKING:
    from rdrop_cli.series.table import Series
    from rdrop_cli.series.windows import Windows

COLUMNS = (
    Column("column"),
    Column("unit"),
    Column("min", right=True),
    Column("mean", right=True),
    Column("max", right=True),
    Column("std", right=True),
    Column("missing", right=True, optional=True),  # the lines below the table show these too
    Column("sentinel", right=True, optional=True),
)
LONGEST_GAPS = 5


@dataclass(frozen=True)
class Plan:
    """What would be trained: the protocol as far as it was fitted, and the windows or the reason why there are none."""

    protocol: Protocol
    windows: "Windows | None" = None
    refusal: str | None = None


def inspect(
    ctx: typer.Context,
    dataset: Annotated[str, typer.Argument(metavar="NAME|CSV", help=DATASETS)] = "jena",
    protocol: ProtocolName = "book",
    target: Target = None,
    time: Time = None,
    lookback: Lookback = None,
    every: Every = None,
    horizon: Horizon = None,
    train_stop: TrainStop = None,
    val_stop: ValStop = None,
    sentinels: Sentinels = None,
    date_format: DateFormat = "",
    timezone: Timezone = "",
    decimal: Decimal = "",
    separator: Separator = "",
    encoding: Encoding = "",
    missing: Missing = None,
    where: Where = None,
    sort: Sort = False,
    resample: Resample = "",
    keep: Keep = None,
    inputs: Inputs = None,
    exclude: Exclude = None,
    calendar: Calendar = False,
    out: Annotated[
        Path | None, make_output_option("The picture; .png, .svg or .pdf. [default: RUNS_DIR/NAME-inspect.png]")
    ] = None,
    runs_dir: RunsDir = DEFAULT_RUNS_DIR,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Show the columns, gaps, periods and naive error of a dataset."""
    from rdrop_cli.plots.style import check_ending
    from rdrop_cli.series.load import load_dataset

    if out:
        check_ending(out)
    request = Request(
        variants=("baseline",),
        dataset=dataset,
        protocol=protocol,
        target=target,
        reading=collect_reading(ctx.params),
        lookback=lookback,
        every=every,
        horizon=horizon,
        train_stop=train_stop,
        val_stop=val_stop,
        sentinels=sentinels,
        inputs=tuple(inputs or ()),
        exclude=tuple(exclude or ()),
        calendar=calendar,
    )
    (planned,) = plan_runs(request)
    series = load_dataset(dataset, data_dir, request.reading)
    plan = _plan(series, request, planned)
    picture = _draw_if_possible(series, plan, out, runs_dir / f"{series.name}-inspect.png")
    if as_json:
        typer.echo(to_json(_report(series, plan, picture)))
    else:
        _print(series, plan, picture)


def _plan(series: "Series", request: Request, config: RunConfig) -> Plan:
    """Do the steps of `rdrop train` before training, up to the first that fails."""
    from rdrop_cli.planning.fit import fit_to_series
    from rdrop_cli.series.quality import check_sampling
    from rdrop_cli.series.windows import make_windows

    try:
        check_sampling(series)
        config = fit_to_series(config, request, series)
        return Plan(config.protocol, windows=make_windows(series, config.protocol))
    except RdropError as error:
        return Plan(config.protocol, refusal=error.describe(name_flag))


def _draw_if_possible(series: "Series", plan: Plan, out: Path | None, usual: Path) -> Path | None:
    """Draw the picture; failing to write it is an error only if the user named the file."""
    if out:
        return _draw(series, plan, out)
    try:
        return _draw(series, plan, usual)
    except OSError as error:
        reason = f"{error.filename or usual}: {error.strerror or error}"
        note(f"no picture: {reason}; name another place with --output")
        return None


def _draw(series: "Series", plan: Plan, path: Path) -> Path | None:
    """Draw the series; return None if it has no target column, or all timestamps are equal."""
    from rdrop_cli.plots.series import draw_series

    target = series.columns[0] if len(series.columns) == 1 else plan.protocol.target
    if target not in series.columns or series.timestamps.min() == series.timestamps.max():
        return None
    path.parent.mkdir(parents=True, exist_ok=True)
    draw_series(series, target, path, plan.protocol, plan.windows)
    return path


def _report(series: "Series", plan: Plan, picture: Path | None) -> dict[str, Any]:
    """Return the findings as plain data, with lengths in rows and times in ISO 8601."""
    from rdrop_cli.series.describe import list_periods
    from rdrop_cli.series.quality import assess_quality, find_gaps, summarise_columns

    quality, gaps = assess_quality(series), find_gaps(series)
    periods = list_periods(plan.protocol, plan.windows) if plan.windows else []
    return {
        "dataset": series.source.to_json(),
        "time_column": series.time_column or None,
        "notes": [name_options(note, name_flag) for note in series.notes],
        "sampling_seconds": series.sampling_seconds,
        "first": str(series.timestamps[0]),
        "last": str(series.timestamps[-1]),
        "columns": [asdict(column) for column in summarise_columns(series)],
        "excluded": {name: name_options(why, name_flag) for name, why in series.excluded.items()}
        | (plan.windows.excluded if plan.windows else {}),
        "sentinels": quality.sentinel_values,
        "gaps": quality.gaps,
        "longest_gaps": [
            {"before": str(gap.before), "after": str(gap.after), "seconds": gap.seconds} for gap in gaps[:LONGEST_GAPS]
        ],
        "repeated_timestamps": quality.repeated_timestamps,
        "backward_timestamps": quality.backward_timestamps,
        "protocol": plan.protocol.to_json(),
        "periods": {
            period.name: {
                "first_row": period.rows.start,
                "stop_row": period.rows.stop,
                "first": str(period.first),
                "last": str(period.last),
                "windows": period.windows,
            }
            for period in periods
        },
        "unmeasured_windows": plan.windows.unmeasured if plan.windows else None,
        "naive": _measure_naively(plan.windows) if plan.windows else None,
        "refusal": plan.refusal,
        "picture": str(picture) if picture else None,
    }


def _measure_naively(windows: "Windows") -> dict[str, float]:
    """Return the naive forecast's error, standardised and in the target's unit."""
    from rdrop_cli.series.forecast_errors import measure_naive_mae

    val, test = measure_naive_mae(windows, windows.validation), measure_naive_mae(windows, windows.test)
    std = windows.target_std
    return {"val_mae": val, "val_mae_in_unit": val * std, "test_mae": test, "test_mae_in_unit": test * std}


def _print(series: "Series", plan: Plan, picture: Path | None) -> None:
    warn_if_unverified(series.source)
    _print_columns(series)
    print_lines(name_options(line, name_flag) for line in _describe(series, plan))
    if picture:
        print_lines([f"picture: {picture}"])


def _print_columns(series: "Series") -> None:
    from rdrop_cli.series.quality import summarise_columns

    rows = []
    for column in summarise_columns(series):
        figures = (column.minimum, column.mean, column.maximum, column.std)
        counts = (str(column.missing or "-"), str(column.sentinels or "-"))
        rows.append((column.name, column.unit or "-", *(f"{figure:.5g}" for figure in figures), *counts))
    print_table(COLUMNS, rows)


def _describe(series: "Series", plan: Plan) -> Iterator[str]:
    """Yield the lines below the table."""
    from rdrop_cli.series.describe import describe_plan, describe_series
    from rdrop_cli.series.quality import assess_quality, find_gaps
    from rdrop_cli.study.units import format_error, format_seconds, format_stamp, name_target

    yield from describe_series(series)
    yield from assess_quality(series).describe(plan.protocol.sentinels)
    for gap in find_gaps(series)[:LONGEST_GAPS]:
        before, after = format_stamp(gap.before), format_stamp(gap.after)
        yield f"  {format_seconds(gap.seconds)} from {before} to {after}"
    if plan.windows:
        yield from describe_plan(plan.protocol, plan.windows, series.sampling_seconds)
        naive, (_, unit) = _measure_naively(plan.windows), name_target(plan.protocol.target)
        val, test = (format_error(naive[f"{period}_mae_in_unit"], unit) for period in ("val", "test"))
        yield (
            f"naive forecast, later as now: MAE {naive['val_mae']:.4f} standardised ({val}) in validation, "
            f"{naive['test_mae']:.4f} ({test}) in test"
        )
    if plan.refusal:
        yield f"cannot be trained on: {plan.refusal}"
