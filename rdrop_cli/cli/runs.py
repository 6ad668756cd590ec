"""`rdrop runs` and `rdrop show`: what has been run."""

from collections.abc import Callable, Iterator, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rdrop_cli.cli.console import Column, note, print_lines, print_table
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
    RunsDir,
    complete_run_ids,
    open_runs,
)
from rdrop_cli.files import to_json
from rdrop_cli.study.units import format_error, format_seconds

if TYPE_CHECKING:
    from rdrop_cli.runs.document import Metrics, Summary, Timing
    from rdrop_cli.runs.figures import AtHorizon
    from rdrop_cli.runs.folder import Told as Listed

COLUMNS = (
    Column("run"),
    Column("status"),
    Column("epochs", right=True),
    Column("best val MAE", right=True),
    Column("epoch", right=True, optional=True),
    Column("test MAE", right=True, optional=True),
    Column("last val MAE", right=True, optional=True),
)
HORIZON_COLUMNS = (
    Column("ahead", right=True),
    Column("val MAE", right=True),
    Column("naive", right=True),
    Column("test MAE", right=True),
    Column("naive", right=True),
)
NAME, RATES, HORIZONS = Column("name"), Column("rates"), Column("mean of", right=True)
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
    runs_dir: RunsDir = DEFAULT_RUNS_DIR,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """List runs with their errors, oldest first."""
    runs_dir = open_runs(archive, runs_dir)
    from rdrop_cli.runs.comparable import list_summaries
    from rdrop_cli.runs.find import Filter, list_run_folders
    from rdrop_cli.runs.index import pause_collection

    wanted = Filter(
        tuple(variants or ()), tuple(cells or ()), tuple(statuses or ()), tuple(names or ()), tuple(tags or ())
    )
    with pause_collection():
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
    """Sort runs; those alike keep their order, and those without the figure come last either way."""
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
    """Print a line a run to stdout, with the names of runs and the rates where those of one variant differ.

    Of runs with several horizons it is said over how many of them their errors are means.
    """
    named, differing = any(run.name for run in runs), _differ_in_rates(runs)
    several = any(run.protocol.earlier_horizon_rows for run in runs)
    extra = [
        (column, read)
        for column, shown, read in (
            (NAME, named, _read_name),
            (RATES, differing, _format_rates),
            (HORIZONS, several, _count_horizons),
        )
        if shown
    ]
    rows = [_format_row(run) for run in runs]
    if extra:
        rows = [
            (run_id, *(read(run) for _, read in extra), *cells)
            for run, (run_id, *cells) in zip(runs, rows, strict=True)
        ]
    print_table((COLUMNS[0], *(column for column, _ in extra), *COLUMNS[1:]), rows)


def _count_horizons(run: "Metrics | Summary") -> str:
    horizons = 1 + len(run.protocol.earlier_horizon_rows)
    return f"{horizons} horizon{'s' if horizons > 1 else ''}"


def _format_rates(run: "Metrics | Summary") -> str:
    return str(run.rates)


def _read_name(run: "Metrics | Summary") -> str:
    return run.name


def _differ_in_rates(runs: "Sequence[Metrics | Summary]") -> bool:
    return len({(run.variant, run.rates) for run in runs}) > len({run.variant for run in runs})


def show(
    run: Annotated[
        str, typer.Argument(metavar="RUN", help="Run id, its beginning, or folder.", autocompletion=complete_run_ids)
    ],
    runs_dir: RunsDir = DEFAULT_RUNS_DIR,
    as_json: AsJson = False,
) -> None:
    """Show one run epoch by epoch."""
    from rdrop_cli.runs.find import find_run
    from rdrop_cli.runs.schema import to_builtins

    metrics = find_run(run, runs_dir).read_metrics()
    if as_json:
        typer.echo(to_json(to_builtins(metrics)))
        return
    print_lines(_describe(metrics))
    loss = metrics.protocol.loss
    typer.echo(f"\nepoch    loss  val_loss  train_mae{'' if loss == 'mae' else f'   (loss is {loss})'}")
    history = metrics.history
    for number, row in enumerate(zip(history.loss, history.val_loss, history.train_mae, strict=True), start=1):
        typer.echo(f"{number:>5}  " + "    ".join(f"{value:.4f}" for value in row))
    if metrics.by_horizon:
        typer.echo()
        print_table(HORIZON_COLUMNS, [_format_horizon(at, metrics) for at in metrics.by_horizon])


def _list_fields(summary: "Summary") -> dict[str, Any]:
    """Return what `rdrop runs --json` has of a run."""
    import msgspec

    document = msgspec.to_builtins(summary)
    return {key: document[key] for key in KEYS_LISTED} | {"protocol": summary.protocol.name}


def _format_row(metrics: "Metrics | Summary") -> tuple[str, ...]:
    best, final, test, unit = metrics.best, metrics.final, metrics.test, metrics.unit
    return (
        metrics.run_id,
        metrics.status,
        f"{metrics.epochs.done}/{metrics.epochs.planned}",
        _format_error(best.val_mae, best.val_mae_in_unit, unit) if best else "-",
        str(best.epoch) if best else "-",
        _format_error(test.mae, test.mae_in_unit, unit) if test else "-",
        f"{final.val_mae:.4f}" if final else "-",
    )


def _format_horizon(at: "AtHorizon", metrics: "Metrics") -> tuple[str, ...]:
    errors = at.val_mae, at.naive_val_mae, at.test_mae, at.naive_test_mae
    in_unit = (_format_error(error, error * metrics.target_std, metrics.unit) for error in errors)
    return format_seconds(at.lead_seconds), *in_unit


def _format_error(standardised: float, in_unit: float, unit: str) -> str:
    """Render an error, and in brackets what it is in the target's unit: `0.2637 (2.33 °C)`."""
    return f"{standardised:.4f} ({format_error(in_unit, unit)})"


def _describe(metrics: "Metrics") -> Iterator[str]:
    """Yield what a run is and measured, a line each."""
    data, naive, environment = metrics.dataset, metrics.naive, metrics.environment
    rates = f"dropout {metrics.rates.dropout:g}, recurrent dropout {metrics.rates.recurrent_dropout:g}"
    checked = {None: "no published checksum", True: "verified", False: "NOT the published file"}[data.verified]
    versions = f"keras {environment.keras or '?'}, tensorflow {environment.tensorflow or '?'}"
    called = {"name": metrics.name, "tags": ", ".join(metrics.tags), "note": metrics.note}
    yield from (f"{name:<12}  {text}" for name, text in called.items() if text)
    for column, cell in zip(COLUMNS, _format_row(metrics), strict=True):
        yield f"{column.name:<12}  {cell}"
    yield f"naive error   {_format_error(naive.val_mae, naive.val_mae_in_unit, metrics.unit)} on validation"
    if metrics.failure:
        yield f"failure       {metrics.failure}"
    seed = f"seed {metrics.seed}{f' ({metrics.vary} alone)' if metrics.vary else ''}"
    yield f"variant       {metrics.variant}, {seed}, {rates}"
    yield f"data          {data.label}, {data.rows} rows, SHA-256 {data.sha256[:12]} ({checked})"
    start = metrics.protocol.train_start_row
    origin = f", training from row {start}" if start else ""
    horizons = len(metrics.protocol.horizons)
    mean = f", errors are means over {horizons} horizons" if horizons > 1 else ""
    yield f"protocol      {metrics.protocol.name}, target {metrics.protocol.target}{origin}{mean}"
    yield f"training      {_describe_training(metrics)}"
    if metrics.protocol.quantiles:
        yield f"quantiles     {_describe_quantiles(metrics)}"
    yield f"time          {_describe_speed(metrics.timing)}"
    yield f"environment   {versions}, {environment.device or '?'}, engine {metrics.engine or '?'}"
    if metrics.still_improving:
        yield "warning       validation was still improving at the end: too few epochs to judge overfitting"


def _describe_quantiles(metrics: "Metrics") -> str:
    """Say which quantiles are forecast, and how good they are; MAEs are those of the median."""
    levels, found = ", ".join(f"{level:g}" for level in metrics.protocol.quantiles), metrics.quantiles
    if not metrics.is_network:
        return f"none, {metrics.variant} forecasts one value and has no intervals to judge"
    if found is None:
        return f"{levels}, not yet judged: the run is not complete"
    losses = (
        _format_error(loss, loss * metrics.target_std, metrics.unit) for loss in (found.val_pinball, found.test_pinball)
    )
    crossed = f"{100 * found.val_crossed:.2g} and {100 * found.test_crossed:.2g} %"
    return f"{levels}; pinball loss {' on validation, '.join(losses)} on test; {crossed} crossed and were sorted"


def _describe_training(metrics: "Metrics") -> str:
    protocol = metrics.protocol
    clipped = f", gradients of norm {protocol.clip_norm:g} at most" if protocol.clip_norm else ""
    patience = f", patience {protocol.patience}" if protocol.patience else ""
    optimizer = f"{protocol.optimizer} {protocol.learning_rate:g} on {protocol.loss}"
    return f"{optimizer}{clipped}{patience}; {metrics.epochs}"


def _describe_speed(timing: "Timing") -> str:
    return f"{timing.seconds:.0f} s, {timing.train_windows_per_second or 0:.0f} training windows a second"
