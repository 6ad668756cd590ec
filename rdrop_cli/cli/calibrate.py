"""`rdrop calibrate`: the calibration of forecast intervals."""

from collections.abc import Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from rdrop_cli.cli.console import Column, note, print_lines, print_table, show_stage
from rdrop_cli.cli.forecast import ForecastData, ForecastRuns, Samples
from rdrop_cli.cli.options import DEFAULT_DATA_DIR, DEFAULT_RUNS_DIR, AsJson, DataDir, Quiet, SavedRunsDir
from rdrop_cli.study.units import format_count, name_target

if TYPE_CHECKING:
    from rdrop_cli.forecast.calibrate import Judgement
    from rdrop_cli.uncertainty.calibration import Calibration, Part


class By(StrEnum):
    """The parts into which a period is divided."""

    MONTH = "month"
    HOUR = "hour"


def calibrate(
    runs: ForecastRuns = None,
    dataset: ForecastData = None,
    period: Annotated[str, typer.Option(metavar="PERIOD", help="test, validation or FROM..TO.")] = "test",
    uncertainty: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SOURCES", help="Sources as in `rdrop forecast`; repeatable. [default: alone and together]"
        ),
    ] = None,
    samples: Samples = 100,
    by: Annotated[By | None, typer.Option("--by", metavar="PART", help="Also by month or hour of the day.")] = None,
    runs_dir: SavedRunsDir = DEFAULT_RUNS_DIR,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Measure the calibration of forecast intervals.

    On the test period: how often they hold, how wide they are, and their scores, against naive and climatology.
    """
    from rdrop_cli.files import to_json
    from rdrop_cli.forecast.calibrate import calibrate_runs

    with show_stage("forecasting …"):
        found, notes = calibrate_runs(
            runs or [], runs_dir, data_dir, period, dataset, uncertainty or (), samples, keep=True
        )
    for line in notes:
        note(f"note: {line}")
    if as_json:
        typer.echo(to_json([each.calibration.to_json() for each in found]))
        return
    _print_page(found, period)
    if by is not None:
        _print_parts(found, by)


def _print_page(found: Sequence["Judgement"], period: str) -> None:
    metrics, first = found[0].ensemble.metrics, found[0].calibration
    quantity, unit = name_target(metrics.protocol.target)
    measured = f"{format_count(first.targets, 'target')} on {format_count(first.days, 'day')} ({period})"
    print_lines(
        [
            f"{quantity}{f' in {unit}' if unit else ''}: {measured}",
            "± is a 95 % interval that knows that errors stay alike for days",
        ]
    )
    heads = [f"{coverage.level * 100:.0f} % hold" for coverage in first.coverage]
    columns = [
        Column("forecast"),
        Column("sources"),
        *(Column(head, right=True) for head in heads),
        Column("80 % are"),
        Column("width", right=True),
        Column("CRPS", right=True),
        Column("to climatology", right=True),
        Column("MAE", right=True, optional=True),
    ]
    print_table(columns, [_list_cells(each.calibration) for each in found])


def _list_cells(measured: "Calibration") -> list[str]:
    middle = measured.coverage[1]
    compared = "–"
    if measured.crps_difference is not None:
        compared = f"{measured.crps_difference:+.3f}"
        compared += f" ± {measured.crps_half:.3f}" if measured.crps_half is not None else ""
    return [
        measured.label,
        measured.sources,
        *(coverage.describe() for coverage in measured.coverage),
        middle.verdict,
        f"{middle.width:.2f}",
        f"{measured.crps:.3f}",
        compared,
        f"{measured.mae:.3f}",
    ]


def _print_parts(found: Sequence["Judgement"], by: By) -> None:
    """Print a table for each network and its sources."""
    for each in found:
        measured = each.calibration
        parts = measured.months if by is By.MONTH else measured.hours
        heads = [f"{coverage.level * 100:.0f} % hold" for coverage in measured.coverage]
        print_lines(["", f"{measured.label}, {measured.sources}"])
        zone = " (UTC)" if each.ensemble.metrics.dataset.utc else ""
        columns = [
            Column(f"{by.value}{zone}"),
            *(Column(head, right=True) for head in ("targets", *heads, "CRPS", "MAE")),
        ]
        print_table(columns, [_list_part(part) for part in parts])


def _list_part(part: "Part") -> list[str]:
    held = (f"{share * 100:.0f} %" for share in part.coverage)
    return [part.name, str(part.targets), *held, f"{part.crps:.3f}", f"{part.mae:.3f}"]
