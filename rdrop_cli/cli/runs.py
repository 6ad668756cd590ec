"""`rdrop runs` and `rdrop show`: what has been run."""

from collections.abc import Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rdrop_cli.cli.options import (
    DEFAULT_RUNS_DIR,
    AsJson,
    OfCells,
    OfNames,
    OfStatuses,
    OfTags,
    OfVariants,
    RunsDir,
    complete_run_ids,
)
from rdrop_cli.files import to_json
from rdrop_cli.study.units import format_error

if TYPE_CHECKING:
    from rdrop_cli.runs.document import Metrics, Timing

WIDEST = 1000  # columns of a terminal: more than any table takes
COLUMNS = ("run", "status", "epochs", "best val MAE", "in unit", "at epoch", "last val MAE", "test MAE", "in unit")
KEYS_LISTED = (
    "run_id",
    "name",
    "tags",
    "note",
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
    "dataset",
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
    names: OfNames = None,
    tags: OfTags = None,
    sort: Annotated[
        SortKey, typer.Option("--sort", help="Smallest first; val_mae is the best epoch's, final the last's.")
    ] = SortKey.CREATED,
    reverse: Annotated[bool, typer.Option("--reverse", "-r", help="Largest, or newest, first.")] = False,
    limit: Annotated[
        int | None, typer.Option("--limit", "-n", min=1, help="List the first so many only. [all]", show_default=False)
    ] = None,
    runs_dir: RunsDir = DEFAULT_RUNS_DIR,
    as_json: AsJson = False,
) -> None:
    """List the runs, oldest first."""
    from rdrop_cli.cli.console import make_console
    from rdrop_cli.runs.comparable import read_runs
    from rdrop_cli.runs.find import Filter, list_run_folders

    wanted = Filter(
        tuple(variants or ()), tuple(cells or ()), tuple(statuses or ()), tuple(names or ()), tuple(tags or ())
    )
    runs, unreadable = read_runs(list_run_folders(runs_dir))
    for run in unreadable:
        make_console().print(f"skipped: {run}", markup=False)
    kept = [run.metrics for run in reversed(runs) if wanted.keeps(run.metrics)]
    listed = sort_runs(kept, sort, reverse)[:limit]
    if as_json:
        typer.echo(to_json([_list_fields(run) for run in listed]))
    elif listed:
        print_table(listed)
    elif runs:
        make_console().print(f"none of the {len(runs)} runs in {runs_dir} is such a one", markup=False)
    else:
        make_console().print(f"no runs in {runs_dir}; `rdrop train` makes some", markup=False)


def sort_runs(runs: "Sequence[Metrics]", key: SortKey, reverse: bool = False) -> "list[Metrics]":
    """Sort runs; those alike keep their order, and those without the figure come last either way."""
    known = [run for run in runs if _find_key(run, key) is not None]
    unknown = [run for run in runs if _find_key(run, key) is None]
    return sorted(known, key=lambda run: _find_key(run, key), reverse=reverse) + unknown


def _find_key(run: "Metrics", key: SortKey) -> Any:
    return {
        SortKey.CREATED: run.created_at,
        SortKey.VARIANT: run.label,
        SortKey.SEED: run.seed,
        SortKey.EPOCHS: run.epochs.done,
        SortKey.VAL_MAE: run.best.val_mae if run.best else None,
        SortKey.FINAL: run.final.val_mae if run.final else None,
        SortKey.TEST_MAE: run.test.mae if run.test else None,
    }[key]


def print_table(runs: "Sequence[Metrics]") -> None:
    """Print one line a run to stdout, with the rates where runs of one variant differ in them.

    No cell is cut, however narrow the terminal: an id or a figure without its end is of no use.
    """
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from rdrop_cli.cli.console import make_console

    show_rates, show_names = _differ_in_rates(runs), any(run.name for run in runs)
    extra = [name for name, shown in (("name", show_names), ("rates", show_rates)) if shown]
    columns = ("run", *extra, *COLUMNS[1:])
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        table.add_column(
            column, justify="left" if column in ("run", "name", "rates", "status") else "right", no_wrap=True
        )
    for metrics in runs:
        run_id, *cells = _format_row(metrics)
        texts = {"name": metrics.name, "rates": str(metrics.rates)}
        table.add_row(*(Text(cell) for cell in (run_id, *(texts[name] for name in extra), *cells)))
    console = make_console(stderr=False)
    console.width = WIDEST
    console.print(table)


def _differ_in_rates(runs: "Sequence[Metrics]") -> bool:
    return len({(run.variant, run.rates) for run in runs}) > len({run.variant for run in runs})


def show(
    run: Annotated[
        str, typer.Argument(help="Its id, a beginning of it, or its folder.", autocompletion=complete_run_ids)
    ],
    runs_dir: RunsDir = DEFAULT_RUNS_DIR,
    as_json: AsJson = False,
) -> None:
    """Print one run: what it was, what it measured, epoch by epoch."""
    from rdrop_cli.runs.find import find_run
    from rdrop_cli.runs.schema import to_builtins

    metrics = find_run(run, runs_dir).read_metrics()
    if as_json:
        typer.echo(to_json(to_builtins(metrics)))
        return
    print_table([metrics])
    typer.echo(_describe(metrics))
    loss = metrics.protocol.loss
    typer.echo(f"epoch    loss  val_loss  train_mae{'' if loss == 'mae' else f'   (loss is {loss})'}")
    history = metrics.history
    for number, row in enumerate(zip(history.loss, history.val_loss, history.train_mae, strict=True), start=1):
        typer.echo(f"{number:>5}  " + "    ".join(f"{value:.4f}" for value in row))


def _list_fields(metrics: "Metrics") -> dict[str, Any]:
    """Return what `rdrop runs --json` has of a run."""
    from rdrop_cli.runs.schema import to_builtins

    document = to_builtins(metrics)
    return {key: document[key] for key in KEYS_LISTED} | {"protocol": metrics.protocol.name}


def _format_row(metrics: "Metrics") -> tuple[str, ...]:
    best, final, test = metrics.best, metrics.final, metrics.test
    return (
        metrics.run_id,
        metrics.status,
        f"{metrics.epochs.done}/{metrics.epochs.planned}",
        _number(best.val_mae if best else None, 4),
        _format_in_unit(best.val_mae_in_unit if best else None, metrics.unit),
        _number(best.epoch if best else None, 0),
        _number(final.val_mae if final else None, 4),
        _number(test.mae if test else None, 4),
        _format_in_unit(test.mae_in_unit if test else None, metrics.unit),
    )


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _format_in_unit(error: float | None, unit: str) -> str:
    return "-" if error is None else format_error(error, unit)


def _describe(metrics: "Metrics") -> str:
    """Render what a run was."""
    data, naive, environment = metrics.dataset, metrics.naive, metrics.environment
    rates = f"dropout {metrics.rates.dropout:g}, recurrent dropout {metrics.rates.recurrent_dropout:g}"
    checked = {None: "no published checksum", True: "verified", False: "NOT the published file"}[data.verified]
    versions = f"keras {environment.keras or '?'}, tensorflow {environment.tensorflow or '?'}"
    naive_in_unit = _format_in_unit(naive.val_mae_in_unit, metrics.unit)
    lines = [
        f"variant    {metrics.variant}, seed {metrics.seed}, {rates}",
        f"data       {data.name}, {data.rows} rows, SHA-256 {data.sha256[:12]}… ({checked})",
        f"protocol   {metrics.protocol.name}, target {metrics.protocol.target}",
        f"training   {_describe_training(metrics)}",
        f"naive      {naive.val_mae:.4f} ({naive_in_unit}) on validation",
        f"time       {_describe_speed(metrics.timing)}",
        f"computed   {versions}, {environment.device or '?'}, engine {metrics.engine or '?'}",
    ]
    if metrics.still_improving:
        lines.append("note       validation was still improving at the end: more epochs before a word on overfitting")
    called = {"name": metrics.name, "tags": ", ".join(metrics.tags), "note": metrics.note}
    lines[:0] = [f"{name:<11}{text}" for name, text in called.items() if text]
    if metrics.failure:
        lines.insert(0, f"failure    {metrics.failure}")
    return "\n".join(lines)


def _describe_training(metrics: "Metrics") -> str:
    protocol = metrics.protocol
    clipped = f", gradients of norm {protocol.clip_norm:g} at most" if protocol.clip_norm else ""
    patience = f", patience {protocol.patience}" if protocol.patience else ""
    optimizer = f"{protocol.optimizer} {protocol.learning_rate:g} on {protocol.loss}"
    return f"{optimizer}{clipped}{patience}; {metrics.epochs}"


def _describe_speed(timing: "Timing") -> str:
    return f"{timing.seconds:.0f} s, {timing.train_windows_per_second or 0:.0f} training windows a second"
