"""`rdrop plot`: a picture of runs: curves, errors over the rates, forecasts, calibration, claims, or cost."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from rdrop_cli.cli.console import note, show_stage
from rdrop_cli.cli.options import (
    DEFAULT_RUNS_DIR,
    From,
    Quiet,
    SavedRunsDir,
    complete_run_ids,
    make_output_option,
    open_runs,
)
from rdrop_cli.errors import RdropError, UsageError

TOO_MANY = "not drawn, too many for one picture; pass their ids to draw them"


class Unit(StrEnum):
    """The unit of the error axis."""

    TARGET = "target"
    STANDARDISED = "standardised"


def plot(
    runs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="RUN",
            help="Run ids, their beginnings, or folders. [default: the newest of each variant and seed]",
            autocompletion=complete_run_ids,
        ),
    ] = None,
    output: Annotated[
        Path | None,
        make_output_option("Picture to write: .png, .svg or .pdf. [default: RUNS_DIR/comparison.png, rates.png, …]"),
    ] = None,
    unit: Annotated[
        Unit, typer.Option("--unit", metavar="UNIT", help="Unit of the error: target (its own) or standardised.")
    ] = Unit.TARGET,
    published: Annotated[bool, typer.Option("--published", help="Add the published validation curves.")] = False,
    rates: Annotated[
        bool,
        typer.Option("--rates", help="Draw a heat map of the error over the two dropout rates instead."),
    ] = False,
    forecast: Annotated[
        bool, typer.Option("--forecast", help="Draw what a network forecast in the test, with intervals.")
    ] = False,
    calibration: Annotated[
        bool, typer.Option("--calibration", help="Draw the calibration of these intervals, by source.")
    ] = False,
    claims: Annotated[
        bool, typer.Option("--claims", help="Draw the interval of each claim, and where the claim holds.")
    ] = False,
    cost: Annotated[bool, typer.Option("--cost", help="Draw the test error against what the training costs.")] = False,
    archive: From = None,
    runs_dir: SavedRunsDir = DEFAULT_RUNS_DIR,
    quiet: Quiet = False,
) -> None:
    """Plot curves, errors over the rates, forecasts, claims, or cost.

    Seeds of one variant are drawn as their mean, with the error of the naive forecast beside them.
    """
    from rdrop_cli.plots.style import check_ending

    wanted = {"rates": rates, "forecast": forecast, "calibration": calibration, "claims": claims, "cost": cost}
    chosen = [name for name, asked in wanted.items() if asked]
    if published and chosen:
        raise UsageError(f"--published adds published curves, and --{chosen[0]} draws none; pass one of them")
    if len(chosen) > 1:
        raise UsageError(f"--{chosen[0]} and --{chosen[1]} are two pictures; pass one of them")
    path = output or (Path() if archive else runs_dir) / f"{chosen[0] if chosen else 'comparison'}.png"
    check_ending(path)
    runs_dir = open_runs(archive, runs_dir)
    in_unit = unit is Unit.TARGET
    if forecast or calibration:
        _plot_forecasts(runs or [], runs_dir, path, calibration)
    elif rates:
        _plot_rates(runs or [], runs_dir, path, in_unit)
    elif claims:
        _plot_claims(runs or [], runs_dir, path)
    elif cost:
        _plot_cost(runs or [], runs_dir, path, in_unit)
    else:
        _plot_curves(runs or [], runs_dir, path, in_unit, published)
    typer.echo(str(path))


def _plot_curves(names: list[str], runs_dir: Path, path: Path, in_unit: bool, published: bool) -> None:
    from rdrop_cli.analysis.published import match_published
    from rdrop_cli.plots.groups import keep_legible
    from rdrop_cli.plots.loss import draw_comparison
    from rdrop_cli.runs.comparable import choose_named, choose_newest

    if names:
        chosen, warnings = choose_named(names, runs_dir)
    else:
        newest = choose_newest(runs_dir)
        chosen, too_many = keep_legible(newest.runs)
        warnings = [*newest.notes, *(["to compare rates: rdrop plot --rates"] if newest.both_rates_vary else [])]
        if too_many:
            warnings = [
                *warnings,
                f"{TOO_MANY}: {', '.join(too_many)}",
            ]
    _note(warnings)
    draw_comparison(chosen, path, in_unit, match_published(chosen) if published else {})


def _plot_rates(names: list[str], runs_dir: Path, path: Path, in_unit: bool) -> None:
    from rdrop_cli.analysis.collect import collect_runs
    from rdrop_cli.analysis.joint_test import Plan
    from rdrop_cli.analysis.rate_grid import list_left_out, require_rate_grids
    from rdrop_cli.analysis.verdict import judge_collection
    from rdrop_cli.plots.rates import MOST_PANELS, draw_rates
    from rdrop_cli.runs.comparable import describe_skipped

    collection = collect_runs(names, runs_dir)
    _note(describe_skipped(collection.skipped))
    if not collection.used:
        raise RdropError(f"no run in {runs_dir} is complete; start one with `rdrop train`")
    networks = judge_collection(collection, Plan()).networks
    grids = require_rate_grids(networks)
    if left_out := list_left_out(networks, grids):
        _note([f"not on the map: {', '.join(left_out)}: not with two values of both rates at the same epochs"])
    if too_many := [grid.network for grid in grids[MOST_PANELS:]]:
        _note([f"{TOO_MANY}: {', '.join(too_many)}"])
    draw_rates(grids, collection.used[0], path, in_unit)


def _plot_claims(names: list[str], runs_dir: Path, path: Path) -> None:
    from rdrop_cli.analysis.looks import judge_runs
    from rdrop_cli.plots.loss import describe_setting
    from rdrop_cli.report.pictures import draw_forest
    from rdrop_cli.runs.comparable import describe_skipped

    judged = judge_runs(names, runs_dir)
    _note(describe_skipped(judged.collection.skipped))
    if not any(claim.has_answer for claim in judged.claims):
        raise RdropError(f"no claim can be judged by the runs in {runs_dir}; `rdrop verdict` says why")
    draw_forest(judged, path, title=describe_setting(judged.collection.used))


def _plot_cost(names: list[str], runs_dir: Path, path: Path, in_unit: bool) -> None:
    from rdrop_cli.plots.cost import draw_cost, list_costs
    from rdrop_cli.runs.comparable import choose_named, choose_newest
    from rdrop_cli.runs.find import find_run

    if names:
        runs, notes = choose_named(names, runs_dir)
    else:
        newest = choose_newest(runs_dir)
        runs, notes = newest.runs, newest.notes
    named = zip(runs, names or [run.run_id for run in runs], strict=True)
    configs = {run.run_id: find_run(name, runs_dir).read_config() for run, name in named}
    costs, missing = list_costs(runs, configs, in_unit)
    _note([*notes, *(f"not drawn, {why}: {', '.join(networks)}" for why, networks in missing.items())])
    if not costs:
        raise RdropError(f"no run in {runs_dir} has a test error and a known cost; start one with `rdrop train`")
    draw_cost(costs, runs, path, in_unit)


def _plot_forecasts(names: list[str], runs_dir: Path, path: Path, calibration: bool) -> None:
    from rdrop_cli.forecast.pictures import choose_one, forecast_test, measure_test
    from rdrop_cli.plots.calibration import draw_calibration
    from rdrop_cli.plots.forecast import draw_forecast

    with show_stage("forecasting …"):
        ensemble = choose_one(names, runs_dir)
        if calibration:
            measured, named = measure_test(ensemble)
            draw_calibration(measured.found, measured.references, measured.judged, named, path)
        else:
            draw_forecast(*forecast_test(ensemble), path)


def _note(notes: list[str]) -> None:
    for line in notes:
        note(f"note: {line}")
