"""All runs as one tidy table: a row is one epoch of one run, a column is one variable, and every cell stands alone.

What is true of a whole run is repeated in each of its rows, so that a table reads without a second one.
"""

import csv
import io
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from rdrop_cli.errors import make_printable
from rdrop_cli.runs.comparable import Metrics

Cell = str | float | None
LONGEST_EPOCH_SECONDS = 1e9  # thirty years
FORMULA_STARTS = ("=", "+", "-", "@")

# What is true of the whole run, by column.
OF_RUN: dict[str, Callable[[Metrics], Any]] = {
    "run_id": lambda run: run["run_id"],
    "created_at": lambda run: run["created_at"],
    "status": lambda run: run["status"],
    "variant": lambda run: run["variant"],
    "cell": lambda run: run.get("cell"),
    "dropout": lambda run: run["rates"].get("dropout"),
    "recurrent_dropout": lambda run: run["rates"].get("recurrent_dropout"),
    "seed": lambda run: run["seed"],
    "engine": lambda run: run.get("engine"),
    "dataset": lambda run: run["dataset"]["name"],
    "dataset_sha256": lambda run: run["dataset"]["sha256"],
    "protocol": lambda run: run["protocol"]["name"],
    "target": lambda run: run["protocol"]["target"],
    "unit": lambda run: run.get("unit"),
    "target_std": lambda run: run["target_std"],
    "epochs_planned": lambda run: run["epochs"]["planned"],
    "naive_val_mae": lambda run: run["naive"]["val_mae"],
    "naive_val_mae_unscaled": lambda run: run["naive"]["val_mae_unscaled"],
    "test_mae": lambda run: (run["test"] or {}).get("mae"),
    "test_mae_unscaled": lambda run: (run["test"] or {}).get("mae_unscaled"),
}
OF_EPOCH = ("epoch", "loss", "val_loss", "train_mae", "val_mae_unscaled", "epoch_seconds", "is_best")
COLUMNS = (*OF_RUN, *OF_EPOCH)


def format_tidy_csv(runs: Iterable[Metrics]) -> str:
    """Render the epochs of runs, in their order, as CSV (RFC 4180) with a header.

    A number stands with as many digits as give the same float64 back, a truth as TRUE or FALSE, and what there is not
    as an empty cell. A text that a spreadsheet would take for a formula begins with an apostrophe.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for run in runs:
        writer.writerows([_format_cell(cell) for cell in row] for row in _list_rows(run))
    return text.getvalue()


def read_epoch_seconds(run: Metrics) -> list[float | None]:
    """Return the seconds that each epoch took; None where the document, which need not have them, does not tell."""
    timing = run.get("timing")
    seconds = timing.get("epoch_seconds") if isinstance(timing, dict) else None
    epochs = len(run["history"]["loss"])
    known = seconds if isinstance(seconds, list) and len(seconds) == epochs else [None] * epochs
    return [_as_seconds(each) for each in known]


def _as_seconds(value: Any) -> float | None:
    known = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= LONGEST_EPOCH_SECONDS
    return value if known else None


def _list_rows(run: Metrics) -> Iterator[list[Any]]:
    of_run = [look_up(run) for look_up in OF_RUN.values()]
    best_epoch = run["best"]["epoch"] if run["best"] else None
    curves = (run["history"][name] for name in ("loss", "val_loss", "train_mae"))
    figures = zip(*curves, read_epoch_seconds(run), strict=True)
    for epoch, (loss, val_loss, train_mae, seconds) in enumerate(figures, start=1):
        unscaled = val_loss * run["target_std"]
        yield [*of_run, epoch, loss, val_loss, train_mae, unscaled, seconds, epoch == best_epoch]


def _format_cell(value: Any) -> Cell:
    """Return what the `csv` module renders without loss; a text may come from a stranger's file or its name."""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"  # as R and pandas both read it
    if value is None or isinstance(value, int | float):
        return value
    text = make_printable(str(value))
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text
