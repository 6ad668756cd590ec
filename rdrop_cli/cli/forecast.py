"""`rdrop forecast`: forecasts of finished networks, with intervals."""

from collections.abc import Sequence
from enum import StrEnum
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rdrop_cli.cli.console import Column, note, print_lines, print_table, show_stage
from rdrop_cli.cli.options import (
    DATASETS,
    DEFAULT_DATA_DIR,
    DEFAULT_RUNS_DIR,
    DataDir,
    Quiet,
    SavedRunsDir,
    complete_run_ids,
    make_output_option,
)
from rdrop_cli.errors import RdropError, UsageError, tell_extra
from rdrop_cli.study.units import format_count, format_reading, format_stamp, name_target

if TYPE_CHECKING:
    import pandas as pd

    from rdrop_cli.forecast.forecast import Forecast

ForecastRuns = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="RUN",
        help="Runs, or a variant for its newest run of each seed. [default: the newest network, all seeds]",
        autocompletion=complete_run_ids,
    ),
]
ForecastData = Annotated[
    str | None,
    typer.Option(
        "--dataset", metavar="DATA", help=f"Forecast from other data: {DATASETS} [default: what the run keeps]"
    ),
]
Samples = Annotated[int, typer.Option(metavar="N", help="Masks of dropout for each window and run.")]


class Format(StrEnum):
    """The format in which forecasts are written."""

    TEXT = "text"
    CSV = "csv"
    PARQUET = "parquet"
    JSON = "json"


def forecast(
    runs: ForecastRuns = None,
    dataset: ForecastData = None,
    at: Annotated[
        str | None, typer.Option(metavar="DATE", help="Forecast from the readings until then. [default: the newest]")
    ] = None,
    period: Annotated[
        str | None,
        typer.Option(
            metavar="PERIOD",
            help="Forecast a whole period: test, validation or FROM..TO; or backtest, the tests of all --origins.",
        ),
    ] = None,
    every: Annotated[
        str | None, typer.Option(metavar="LENGTH", help="Time between the forecasts of a period, such as 1d.")
    ] = None,
    uncertainty: Annotated[
        str | None,
        typer.Option(
            metavar="SOURCES",
            help="Of quantiles, masks, seeds, residual, and conformal or adaptive-conformal, by commas; or none. "
            "[default: seeds,residual; of quantile networks quantiles,seeds]",
        ),
    ] = None,
    samples: Samples = 100,
    output_format: Annotated[
        Format | None,
        typer.Option("--format", help="text, csv, parquet or json. [default: by FILE; else text, of a period csv]"),
    ] = None,
    output: Annotated[Path | None, make_output_option("File to write. [default: stdout]")] = None,
    runs_dir: SavedRunsDir = DEFAULT_RUNS_DIR,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    quiet: Quiet = False,
) -> None:
    """Forecast with finished networks, with intervals.

    The run folder is enough: it keeps the newest readings. Of several seeds the forecast is their mean.
    """
    from rdrop_cli.forecast.forecast import When, forecast_runs
    from rdrop_cli.forecast.frame import build_frame

    chosen = _choose_format(output_format, output, period is not None)
    if chosen is Format.PARQUET:
        _check_parquet()
    with show_stage("forecasting …"):
        when = When(at, period, every)
        forecasts, notes = forecast_runs(runs or [], runs_dir, data_dir, when, dataset, uncertainty, samples)
    for line in notes:
        note(f"note: {line}")
    if chosen is Format.TEXT:
        _print_page(forecasts)
        return
    _write(build_frame(forecasts), chosen, output)
    if output:
        typer.echo(str(output))


def _choose_format(named: Format | None, output: Path | None, many: bool) -> Format:
    by_ending = {f".{each}": each for each in (Format.CSV, Format.PARQUET, Format.JSON)}
    if named is None and output is not None:
        if output.suffix.lower() not in by_ending:
            raise UsageError(f"{output}: expected a name ending in .csv, .parquet or .json, or --format")
        return by_ending[output.suffix.lower()]
    chosen = named or (Format.CSV if many else Format.TEXT)
    if chosen is Format.PARQUET and output is None:
        raise UsageError("--format parquet needs a file; name it with --output")
    if chosen is Format.TEXT and output is not None:
        raise UsageError("--format text is for the terminal; write csv, parquet or json with --output")
    return chosen


def _check_parquet() -> None:
    """Check that Parquet can be written, before forecasting."""
    try:
        import_module("pyarrow")
    except ImportError as error:
        raise RdropError(f"Parquet needs pyarrow: {tell_extra('files')}") from error


def _write(frame: "pd.DataFrame", chosen: Format, output: Path | None) -> None:
    from rdrop_cli.files import replace_atomically, to_json, write_text

    if chosen is Format.PARQUET and output is not None:
        with replace_atomically(output) as temporary:
            frame.to_parquet(temporary, index=False)
        return
    stamped = frame.assign(**{name: frame[name].map(format_stamp_of) for name in ("cutoff", "ds")})
    if chosen is Format.JSON:
        text = to_json(stamped.to_dict("records")) + "\n"
    else:
        text = stamped.to_csv(index=False, lineterminator="\n")
    if output:
        write_text(output, text)
    else:
        typer.echo(text, nl=False)


def format_stamp_of(stamp: "pd.Timestamp") -> str:
    """Render a time as `2016-12-31 23:10:00`, which other libraries can read."""
    return stamp.isoformat(sep=" ")


def _print_page(forecasts: Sequence["Forecast"]) -> None:
    """Print a line for each target, with its intervals, and the sources of the spread."""
    from rdrop_cli.uncertainty.spread import INTERVALS, find_interval

    for number, each in enumerate(forecasts):
        metrics, found = each.ensemble.metrics, each.distribution
        quantity, unit = name_target(metrics.protocol.target)
        runs = format_count(len(each.ensemble.runs), "run")
        head = f"{each.ensemble.label}, {runs}: {quantity}{f' in {unit}' if unit else ''}"
        levels = () if found.quantiles is None else INTERVALS
        heads = [f"{level * 100:.0f} %" for level in levels]
        rows = []
        for window in range(len(found.rows)):
            for step in range(found.times.shape[1]):
                cells = [format_stamp(found.times[window, step]), format_reading(found.centre[window, step])]
                if found.quantiles is not None:
                    ends = found.quantiles[step, :, window]
                    pairs = [ends[list(find_interval(level))] for level in levels]
                    cells += [f"{format_reading(low)} to {format_reading(high)}" for low, high in pairs]
                rows.append(cells)
        newest, zone = format_stamp(found.origins[-1]), " (UTC)" if metrics.dataset.utc else ""
        print_lines([*([""] if number else []), f"{head}; newest reading {newest}{zone}"])
        print_table(
            [Column(f"time{zone}"), Column("forecast", right=True), *(Column(h, right=True) for h in heads)], rows
        )
        print_lines(_describe_spread(each, unit))


def _describe_spread(forecast: "Forecast", unit: str) -> list[str]:
    """Return a line on how much each source adds, as standard deviations averaged over the targets; [] if none does."""
    parts, sources = forecast.distribution.parts, forecast.sources
    named = [name for name in parts[0]._fields if getattr(sources, name)]
    if not named:
        return []
    sizes = {name: float(sum(getattr(each, name).mean() for each in parts) / len(parts)) ** 0.5 for name in named}
    listed = ", ".join(f"{name} {format_reading(size)}{f' {unit}' if unit else ''}" for name, size in sizes.items())
    made = "; then made conformal" if sources.conformal or sources.adaptive else ""
    return [f"spread (standard deviations): {listed}{made}"]
