"""`rdrop show`: the results of one run, and its epochs."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from rdrop_cli.cli.console import Column, print_lines, print_table
from rdrop_cli.cli.options import DEFAULT_RUNS_DIR, AsJson, SavedRunsDir, complete_run_ids
from rdrop_cli.cli.runs import COLUMNS, format_run_error
from rdrop_cli.files import to_json
from rdrop_cli.study.editions import describe_changes
from rdrop_cli.study.units import format_digits, format_seconds

if TYPE_CHECKING:
    from rdrop_cli.runs.document import Metrics, Timing
    from rdrop_cli.runs.figures import AtHorizon

HORIZON_COLUMNS = (
    Column("ahead", right=True),
    Column("val MAE", right=True),
    Column("naive", right=True),
    Column("test MAE", right=True),
    Column("naive", right=True),
)


def show(
    run: Annotated[
        str, typer.Argument(metavar="RUN", help="Run id, its beginning, or folder.", autocompletion=complete_run_ids)
    ],
    runs_dir: SavedRunsDir = DEFAULT_RUNS_DIR,
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


def _describe(metrics: "Metrics") -> Iterator[str]:
    """Yield the lines on a run's settings and results."""
    data, naive, environment = metrics.dataset, metrics.naive, metrics.environment
    rates = f"dropout {metrics.rates.dropout:g}, recurrent dropout {metrics.rates.recurrent_dropout:g}"
    checked = {None: "no published checksum", True: "verified", False: "NOT the published file"}[data.verified]
    versions = f"keras {environment.keras or '?'}, tensorflow {environment.tensorflow or '?'}"
    called = {"name": metrics.name, "tags": ", ".join(metrics.tags), "note": metrics.note}
    yield from (f"{name:<12}  {text}" for name, text in called.items() if text)
    yield from (f"{column.name:<12}  {read(metrics)}" for column, read in COLUMNS.items())
    yield f"naive error   {format_run_error(naive.val_mae, naive.val_mae_in_unit, metrics.unit)} on validation"
    if metrics.failure:
        yield f"failure       {metrics.failure}"
    seed = f"seed {metrics.seed}{f' ({metrics.vary} alone)' if metrics.vary else ''}"
    yield f"variant       {metrics.variant}, {seed}, {rates}"
    if metrics.code_sha256:
        yield f"code          SHA-256 {metrics.code_sha256[:12]}"
    yield f"data          {data.label}, {data.rows} rows, SHA-256 {data.sha256[:12]} ({checked})"
    start = metrics.protocol.train_start_row
    origin = f", training from row {start}" if start else ""
    horizons = len(metrics.protocol.horizons)
    mean = f", errors are means over {horizons} horizons" if horizons > 1 else ""
    protocol = f"{metrics.protocol.name}{describe_changes(metrics.protocol)}"
    yield f"protocol      {protocol}, target {metrics.protocol.target}{origin}{mean}"
    yield f"training      {_describe_training(metrics)}"
    if metrics.protocol.quantiles:
        yield f"quantiles     {_describe_quantiles(metrics)}"
    yield f"time          {_describe_speed(metrics.timing)}"
    yield f"environment   {versions}, {environment.device or '?'}, engine {metrics.engine or '?'}"
    if metrics.still_improving:
        yield "warning       validation was still improving at the end: too few epochs to judge overfitting"


def _describe_quantiles(metrics: "Metrics") -> str:
    """Describe which quantiles are forecast and how good they are; the run's MAEs are errors of the median."""
    levels, found = ", ".join(f"{level:g}" for level in metrics.protocol.quantiles), metrics.quantiles
    if not metrics.is_network:
        return f"none, {metrics.variant} forecasts one value and has no intervals to judge"
    if found is None:
        return f"{levels}, not yet judged: the run is not complete"
    losses = (
        format_run_error(loss, loss * metrics.target_std, metrics.unit)
        for loss in (found.val_pinball, found.test_pinball)
    )
    crossed = " and ".join(format_digits(100 * share, 2) for share in (found.val_crossed, found.test_crossed))
    return f"{levels}; pinball loss {' on validation, '.join(losses)} on test; {crossed} % crossed and were sorted"


def _describe_training(metrics: "Metrics") -> str:
    protocol = metrics.protocol
    clipped = f", gradients of norm {protocol.clip_norm:g} at most" if protocol.clip_norm else ""
    patience = f", patience {protocol.patience}" if protocol.patience else ""
    optimizer = f"{protocol.optimizer} {protocol.learning_rate:g} on {protocol.loss}"
    return f"{optimizer}{clipped}{patience}; {metrics.epochs}"


def _describe_speed(timing: "Timing") -> str:
    return f"{timing.seconds:.0f} s, {timing.train_windows_per_second or 0:.0f} training windows a second"


def _format_horizon(at: "AtHorizon", metrics: "Metrics") -> tuple[str, ...]:
    errors = at.val_mae, at.naive_val_mae, at.test_mae, at.naive_test_mae
    in_unit = (format_run_error(error, error * metrics.target_std, metrics.unit) for error in errors)
    return format_seconds(at.lead_seconds), *in_unit
