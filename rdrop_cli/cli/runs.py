"""`rdrop runs`: the runs of a folder, with their errors."""

from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rdrop_cli.cli.console import Column, note, print_table
from rdrop_cli.cli.options import (
    DEFAULT_RUNS_DIR,
    AsJson,
    From,
    OfCells,
    OfNames,
    OfStatuses,
    OfTags,
    OfVariants,
    Quiet,
    SavedRunsDir,
    open_runs,
)
from rdrop_cli.files import to_json
from rdrop_cli.study.units import format_count, format_error

if TYPE_CHECKING:
    from rdrop_cli.runs.document import Metrics, Summary
    from rdrop_cli.runs.folder import Told as Listed


class SortKey(StrEnum):
    """The sort keys of `rdrop runs`; errors are of the validation windows, except `test_mae`."""

    CREATED = "created"
    VARIANT = "variant"
    SEED = "seed"
    EPOCHS = "epochs"
    VAL_MAE = "val_mae"
    FINAL = "final"
    TEST_MAE = "test_mae"


def list_runs(
    variants: OfVariants = None,
    cells: OfCells = None,
    statuses: OfStatuses = None,
    names: OfNames = None,
    tags: OfTags = None,
    sort: Annotated[
        SortKey,
        typer.Option(
            "--sort",
            metavar="KEY",
            help=f"Sort by {', '.join(SortKey)}; final is the last epoch's val_mae.",
        ),
    ] = SortKey.CREATED,
    reverse: Annotated[bool, typer.Option("--reverse", "-r", help="Sort in descending order.")] = False,
    limit: Annotated[
        int | None,
        typer.Option(
            "--limit", "-n", metavar="N", min=1, help="List at most N runs. [default: all]", show_default=False
        ),
    ] = None,
    archive: From = None,
    runs_dir: SavedRunsDir = DEFAULT_RUNS_DIR,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """List runs with their errors, oldest first."""
    runs_dir = open_runs(archive, runs_dir)
    from rdrop_cli.runs.comparable import list_summaries
    from rdrop_cli.runs.find import Filter, list_run_folders

    wanted = Filter(
        tuple(variants or ()), tuple(cells or ()), tuple(statuses or ()), tuple(names or ()), tuple(tags or ())
    )
    runs, unreadable = list_summaries(list_run_folders(runs_dir))
    for left in unreadable:
        note(f"skipped: {left}")
    kept = [summary for _, summary in reversed(runs)]
    kept = [summary for summary in kept if wanted.keeps(summary)] if wanted.asks() else kept
    listed = sort_runs(kept, sort, reverse)[:limit]
    if as_json:
        typer.echo(to_json([_list_fields(run) for run in listed]))
    elif listed:
        print_runs(listed)
    elif runs:
        note(f"no run in {runs_dir} matches the filters")
    else:
        note(f"no runs in {runs_dir}; start one with `rdrop train`")


def sort_runs(runs: "Sequence[Listed]", key: SortKey, reverse: bool = False) -> "list[Listed]":
    """Sort runs; equal ones keep their order, and runs without the value come last in either direction."""
    find = KEYS[key]
    known = [run for run in runs if find(run) is not None]
    unknown = [run for run in runs if find(run) is None]
    return sorted(known, key=find, reverse=reverse) + unknown


KEYS: "dict[SortKey, Callable[[Metrics | Summary], Any]]" = {
    SortKey.CREATED: lambda run: run.created_at,
    SortKey.VARIANT: lambda run: run.label,
    SortKey.SEED: lambda run: run.seed,
    SortKey.EPOCHS: lambda run: run.epochs.done,
    SortKey.VAL_MAE: lambda run: run.best.val_mae if run.best else None,
    SortKey.FINAL: lambda run: run.final.val_mae if run.final else None,
    SortKey.TEST_MAE: lambda run: run.test.mae if run.test else None,
}


def print_runs(runs: "Sequence[Metrics | Summary]") -> None:
    """Print one line per run to stdout.

    Some columns are shown only if needed: names if a run has one, rates if runs of one variant differ in them, and the
    number of horizons over which errors are averaged if a run has several.
    """
    extra = {
        Column("name"): (any(run.name for run in runs), lambda run: run.name),
        Column("rates"): (_differ_in_rates(runs), lambda run: str(run.rates)),
        Column("mean of", right=True): (any(run.protocol.earlier_horizon_rows for run in runs), _count_horizons),
    }
    first, *others = COLUMNS.items()
    columns = dict([first, *((column, read) for column, (shown, read) in extra.items() if shown), *others])
    print_table(tuple(columns), [[read(run) for read in columns.values()] for run in runs])


def _count_horizons(run: "Metrics | Summary") -> str:
    return format_count(1 + len(run.protocol.earlier_horizon_rows), "horizon")


def _differ_in_rates(runs: "Sequence[Metrics | Summary]") -> bool:
    return len({(run.variant, run.rates) for run in runs}) > len({run.variant for run in runs})


def _list_fields(summary: "Summary") -> dict[str, Any]:
    """Return the fields of a run in `rdrop runs --json`."""
    import msgspec

    return {**msgspec.to_builtins(summary), "protocol": summary.protocol.name}


def format_run_error(standardised: float, in_unit: float, unit: str) -> str:
    """Render an error, with its value in the target's unit in brackets: `0.2637 (2.33 °C)`."""
    return f"{standardised:.4f} ({format_error(in_unit, unit)})"


def _format_best(run: "Metrics | Summary") -> str:
    return format_run_error(run.best.val_mae, run.best.val_mae_in_unit, run.unit) if run.best else "-"


def _format_test(run: "Metrics | Summary") -> str:
    return format_run_error(run.test.mae, run.test.mae_in_unit, run.unit) if run.test else "-"


COLUMNS: "dict[Column, Callable[[Metrics | Summary], str]]" = {
    Column("run"): lambda run: run.run_id,
    Column("status"): lambda run: run.status,
    Column("epochs", right=True): lambda run: f"{run.epochs.done}/{run.epochs.planned}",
    Column("best val MAE", right=True): _format_best,
    Column("epoch", right=True, optional=True): lambda run: str(run.best.epoch) if run.best else "-",
    Column("test MAE", right=True, optional=True): _format_test,
    Column("last val MAE", right=True, optional=True): lambda run: f"{run.final.val_mae:.4f}" if run.final else "-",
}
"""The columns of `rdrop runs`; `rdrop show` prints the same for one run."""
