"""`rdrop runs` and `rdrop show`: what has been run."""

from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import Annotated, Any

import typer

from rdrop_cli.cli.console import Column, note, print_lines, print_table
from rdrop_cli.cli.options import (
    DEFAULT_RUNS_DIR,
    AsJson,
    OfCells,
    OfStatuses,
    OfVariants,
    Quiet,
    RunsDir,
    complete_run_ids,
)
from rdrop_cli.errors import make_printable
from rdrop_cli.files import to_json
from rdrop_cli.runs.schema import SCHEMA_VERSION, get_object, read_cell
from rdrop_cli.study.units import format_error, name_target
from rdrop_cli.study.variants import label_network

Metrics = dict[str, Any]
COLUMNS = (
    Column("run"),
    Column("status"),
    Column("epochs", right=True),
    Column("best val MAE", right=True),
    Column("epoch", right=True, optional=True),
    Column("test MAE", right=True, optional=True),
    Column("last val MAE", right=True, optional=True),
)
RATES = Column("rates")
KEYS_LISTED = (
    "run_id",
    "created_at",
    "variant",
    "cell",
    "status",
    "seed",
    "rates",
    "epochs",
    "best",
    "final",
    "test",
    "unit",
)


class SortKey(StrEnum):
    """What `rdrop runs` sorts by; errors are those on the validation windows, and the test windows for the last."""

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
    runs_dir: RunsDir = DEFAULT_RUNS_DIR,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """List runs with their errors, oldest first."""
    from rdrop_cli.runs.comparable import read_runs
    from rdrop_cli.runs.find import Filter, list_run_folders

    wanted = Filter(tuple(variants or ()), tuple(cells or ()), tuple(statuses or ()))
    runs, unreadable = read_runs(list_run_folders(runs_dir))
    for left in unreadable:
        note(f"skipped: {left}")
    kept = [run.metrics for run in reversed(runs) if wanted.keeps(run.metrics)]
    listed = sort_runs(kept, sort, reverse)[:limit]
    if as_json:
        typer.echo(to_json([{key: run.get(key) for key in KEYS_LISTED} | _name_data(run) for run in listed]))
    elif listed:
        print_runs(listed)
    elif runs:
        note(f"no run in {runs_dir} matches the filters")
    else:
        note(f"no runs in {runs_dir}; start one with `rdrop train`")


def sort_runs(runs: Sequence[Metrics], key: SortKey, reverse: bool = False) -> list[Metrics]:
    """Sort runs; those alike keep their order, and those without the figure come last either way."""
    known = [run for run in runs if _find_key(run, key) is not None]
    unknown = [run for run in runs if _find_key(run, key) is None]
    return sorted(known, key=lambda run: _find_key(run, key), reverse=reverse) + unknown


def _find_key(run: Metrics, key: SortKey) -> Any:
    best, final, test = (run.get(part) or {} for part in ("best", "final", "test"))
    return {
        SortKey.CREATED: run["created_at"],
        SortKey.VARIANT: label_network(run["variant"], read_cell(run)),
        SortKey.SEED: run["seed"],
        SortKey.EPOCHS: run["epochs"]["done"],
        SortKey.VAL_MAE: best.get("val_mae"),
        SortKey.FINAL: final.get("val_mae"),
        SortKey.TEST_MAE: test.get("mae"),
    }[key]


def print_runs(runs: Sequence[Metrics]) -> None:
    """Print a line a run to stdout, with the rates where runs of one variant differ in them."""
    if not _differ_in_rates(runs):
        print_table(COLUMNS, [_format_row(run) for run in runs])
        return
    rows = [(run_id, _format_rates(run), *cells) for run in runs for run_id, *cells in [_format_row(run)]]
    print_table((COLUMNS[0], RATES, *COLUMNS[1:]), rows)


def _differ_in_rates(runs: Sequence[Metrics]) -> bool:
    return len({(run["variant"], _format_rates(run)) for run in runs}) > len({run["variant"] for run in runs})


def _format_rates(run: Metrics) -> str:
    """Render the rates in their order, dropout first: `0.2 0.5`."""
    return make_printable(" ".join(str(rate) for rate in run["rates"].values()))


def show(
    run: Annotated[
        str, typer.Argument(metavar="RUN", help="Run id, its beginning, or folder.", autocompletion=complete_run_ids)
    ],
    runs_dir: RunsDir = DEFAULT_RUNS_DIR,
    as_json: AsJson = False,
) -> None:
    """Show one run epoch by epoch."""
    from rdrop_cli.runs.find import find_run

    metrics = find_run(run, runs_dir).read_metrics()
    if as_json:
        typer.echo(to_json({"schema_version": SCHEMA_VERSION, **metrics}))
        return
    print_lines(_describe(metrics))
    typer.echo("\nepoch    loss  val_loss  train_mae")
    history = metrics["history"]
    for number, row in enumerate(zip(history["loss"], history["val_loss"], history["train_mae"], strict=True), start=1):
        typer.echo(f"{number:>5}  " + "    ".join(f"{value:.4f}" for value in row))


def _name_data(metrics: Metrics) -> Metrics:
    return {"dataset": metrics["dataset"], "protocol": metrics["protocol"]["name"]}


def _format_row(metrics: Metrics) -> tuple[str, ...]:
    best, final, test = (metrics.get(key) or {} for key in ("best", "final", "test"))
    epochs, unit = metrics["epochs"], name_target(metrics["protocol"]["target"])[1]
    return (
        metrics["run_id"],
        metrics["status"],
        f"{epochs['done']}/{epochs['planned']}",
        _format_error(best.get("val_mae"), best.get("val_mae_unscaled"), unit),
        "-" if best.get("epoch") is None else f"{best['epoch']}",
        _format_error(test.get("mae"), test.get("mae_unscaled"), unit),
        _format_error(final.get("val_mae"), None, unit),
    )


def _format_error(standardised: float | None, unscaled: float | None, unit: str) -> str:
    """Render an error, and in brackets what it is in the target's unit: `0.2637 (2.33 °C)`."""
    if standardised is None:
        return "-"
    return f"{standardised:.4f}" + ("" if unscaled is None else f" ({format_error(unscaled, unit)})")


def _describe(metrics: Metrics) -> Iterator[str]:
    """Yield what a run is and measured, a line each; what `find_fault` does not ask for may be missing or anything."""
    data, naive, target = metrics["dataset"], metrics["naive"], metrics["protocol"]["target"]
    unit = name_target(target)[1]
    timing, environment = (get_object(metrics, key) for key in ("timing", "environment"))
    rates = "".join(f", {name.replace('_', ' ')} {rate}" for name, rate in metrics["rates"].items())
    verified = data.get("verified")
    checked = "no published checksum" if verified is None else "verified" if verified else "NOT the published file"
    versions = "".join(f"{name} {environment.get(name)}, " for name in ("keras", "tensorflow"))
    for column, cell in zip(COLUMNS, _format_row(metrics), strict=True):
        yield f"{column.name:<12}  {cell}"
    yield f"naive error   {_format_error(naive['val_mae'], naive['val_mae_unscaled'], unit)} on validation"
    if metrics.get("failure"):
        yield f"failure       {metrics['failure']}"
    yield f"variant       {metrics['variant']}, seed {metrics['seed']}{rates}"
    yield f"data          {data['name']}, {data.get('rows')} rows, SHA-256 {data['sha256'][:12]} ({checked})"
    yield f"protocol      {metrics['protocol']['name']}, target {target}"
    yield f"time          {_describe_speed(timing)}"
    yield f"environment   {versions}{environment.get('device')}, engine {metrics.get('engine')}"


def _describe_speed(timing: Metrics) -> str:
    seconds, speed = timing.get("seconds"), timing.get("train_windows_per_second")
    known = [number if isinstance(number, float) else 0.0 for number in (seconds, speed)]
    return "{:.0f} s, {:.0f} training windows a second".format(*known)
