"""`rdrop runs` and `rdrop show`: what has been run."""

from typing import Annotated, Any

import typer

from rdrop_cli.cli.options import DEFAULT_RUNS_DIR, AsJson, RunsDir, complete_run_ids
from rdrop_cli.errors import make_printable
from rdrop_cli.files import to_json
from rdrop_cli.runs.upgrade import SCHEMA_VERSION
from rdrop_cli.study.target import format_error, name_target

COLUMNS = ("run", "status", "epochs", "best val MAE", "unscaled", "at epoch", "last val MAE", "test MAE", "unscaled")
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


def list_runs(runs_dir: RunsDir = DEFAULT_RUNS_DIR, as_json: AsJson = False) -> None:
    """List the runs, oldest first."""
    from rdrop_cli.cli.console import make_console
    from rdrop_cli.runs.find import list_run_folders
    from rdrop_cli.runs.select import read_runs

    runs, unreadable = read_runs(list_run_folders(runs_dir))
    readable = [run.metrics for run in reversed(runs)]
    for left in unreadable:
        make_console().print(f"left out: {left}", markup=False)
    if as_json:
        listed = [{key: metrics.get(key) for key in KEYS_LISTED} | _name_data(metrics) for metrics in readable]
        typer.echo(to_json(listed))
    elif not readable:
        make_console().print(f"no runs in {runs_dir}; `rdrop train` makes some", markup=False)
    else:
        print_table(readable)


def print_table(runs: list[dict[str, Any]]) -> None:
    """Print one line a run to stdout."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from rdrop_cli.cli.console import make_console

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in COLUMNS:
        table.add_column(column, justify="left" if column in ("run", "status") else "right", no_wrap=True)
    for metrics in runs:
        table.add_row(*(Text(cell) for cell in _format_row(metrics)))
    make_console(stderr=False).print(table)


def show(
    run: Annotated[
        str, typer.Argument(help="Its id, a beginning of it, or its folder.", autocompletion=complete_run_ids)
    ],
    runs_dir: RunsDir = DEFAULT_RUNS_DIR,
    as_json: AsJson = False,
) -> None:
    """Print one run: what it was, what it measured, epoch by epoch."""
    from rdrop_cli.runs.find import find_run

    metrics = find_run(run, runs_dir).read_metrics()
    if as_json:
        typer.echo(to_json({"schema_version": SCHEMA_VERSION, **metrics}))
        return
    print_table([metrics])
    typer.echo(_describe(metrics))
    typer.echo("epoch    loss  val_loss  train_mae")
    history = metrics["history"]
    for number, row in enumerate(zip(history["loss"], history["val_loss"], history["train_mae"], strict=True), start=1):
        typer.echo(f"{number:>5}  " + "    ".join(f"{value:.4f}" for value in row))


def _name_data(metrics: dict[str, Any]) -> dict[str, Any]:
    return {"dataset": metrics["dataset"], "protocol": metrics["protocol"]["name"]}


def _format_row(metrics: dict[str, Any]) -> tuple[str, ...]:
    best, final, test = (metrics.get(key) or {} for key in ("best", "final", "test"))
    epochs, unit = metrics["epochs"], name_target(metrics["protocol"]["target"])[1]
    return (
        metrics["run_id"],
        metrics["status"],
        f"{epochs['done']}/{epochs['planned']}",
        _number(best.get("val_mae"), 4),
        _format_unscaled(best.get("val_mae_unscaled"), unit),
        _number(best.get("epoch"), 0),
        _number(final.get("val_mae"), 4),
        _number(test.get("mae"), 4),
        _format_unscaled(test.get("mae_unscaled"), unit),
    )


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _format_unscaled(error: float | None, unit: str) -> str:
    return "-" if error is None else format_error(error, unit)


def _describe(metrics: dict[str, Any]) -> str:
    """Render what a run was; what `find_fault` does not ask for may be missing, or be anything."""
    data, naive, target = metrics["dataset"], metrics["naive"], metrics["protocol"]["target"]
    unit = name_target(target)[1]
    timing, environment = (_get_object(metrics, key) for key in ("timing", "environment"))
    rates = "".join(f", {name.replace('_', ' ')} {rate}" for name, rate in metrics["rates"].items())
    verified = data.get("verified")
    checked = "no published checksum" if verified is None else "verified" if verified else "NOT the published file"
    versions = "".join(f"{name} {environment.get(name)}, " for name in ("keras", "tensorflow"))
    lines = [
        f"variant    {metrics['variant']}, seed {metrics['seed']}{rates}",
        f"data       {data['name']}, {data.get('rows')} rows, SHA-256 {data['sha256'][:12]}… ({checked})",
        f"protocol   {metrics['protocol']['name']}, target {target}",
        f"naive      {naive['val_mae']:.4f} ({_format_unscaled(naive['val_mae_unscaled'], unit)}) on validation",
        f"time       {_describe_speed(timing)}",
        f"computed   {versions}{environment.get('device')}, engine {metrics.get('engine')}",
    ]
    if metrics.get("failure"):
        lines.insert(0, f"failure    {metrics['failure']}")
    return "\n".join(make_printable(line) for line in lines)


def _get_object(metrics: dict[str, Any], key: str) -> dict[str, Any]:
    value = metrics.get(key)
    return value if isinstance(value, dict) else {}


def _describe_speed(timing: dict[str, Any]) -> str:
    seconds, speed = timing.get("seconds"), timing.get("train_windows_per_second")
    known = [number if isinstance(number, float) else 0.0 for number in (seconds, speed)]
    return "{:.0f} s, {:.0f} training windows a second".format(*known)
