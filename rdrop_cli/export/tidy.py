"""All runs as one tidy table: each row is one epoch of one run, each column one variable, each cell one value.

Values of a run are repeated in each of its rows, so no second table is needed.
"""

import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence

from rdrop_cli.errors import make_printable
from rdrop_cli.runs.document import Metrics

Cell = str | float | None
# Also the wide characters that East Asian spreadsheets accept instead.
FORMULA_STARTS = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")

# Values of a run, by column.
OF_RUN: dict[str, Callable[[Metrics], Cell]] = {
    "run_id": lambda run: run.run_id,
    "created_at": lambda run: run.created_at,
    "status": lambda run: run.status,
    "variant": lambda run: run.variant,
    "cell": lambda run: run.cell,
    "dropout": lambda run: run.rates.dropout,
    "recurrent_dropout": lambda run: run.rates.recurrent_dropout,
    "seed": lambda run: run.seed,
    "vary": lambda run: run.vary,
    "code_sha256": lambda run: run.code_sha256,
    "engine": lambda run: run.engine,
    "dataset": lambda run: run.dataset.name,
    "dataset_sha256": lambda run: run.dataset.sha256,
    "where": lambda run: run.dataset.where,
    "protocol": lambda run: run.protocol.name,
    "train_start_row": lambda run: run.protocol.train_start_row,
    "target": lambda run: run.protocol.target,
    "unit": lambda run: run.unit,
    "target_std": lambda run: run.target_std,
    "epochs_planned": lambda run: run.epochs.planned,
    "naive_val_mae": lambda run: run.naive.val_mae,
    "naive_val_mae_in_unit": lambda run: run.naive.val_mae_in_unit,
    "test_mae": lambda run: run.test.mae if run.test else None,
    "test_mae_in_unit": lambda run: run.test.mae_in_unit if run.test else None,
}
OF_EPOCH = ("epoch", "loss", "val_loss", "train_mae", "val_mae_in_unit", "epoch_seconds", "is_best")
COLUMNS = (*OF_RUN, *OF_EPOCH)  # in every table


def format_tidy_csv(runs: Sequence[Metrics]) -> str:
    """Render the epochs of runs, in their order, as CSV (RFC 4180) with a header.

    If a run has quantiles or several horizons, their columns come last; see `_list_extra`.

    Numbers have enough digits to read back the same float64, Booleans are TRUE or FALSE, and missing values are empty
    cells. Text that a spreadsheet would read as a formula gets an apostrophe in front.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    extras = [_list_extra(run) for run in runs]
    names = list(dict.fromkeys(name for extra in extras for name in extra))
    writer.writerow([*COLUMNS, *names])
    for run, extra in zip(runs, extras, strict=True):
        for epoch, row in enumerate(_list_rows(run)):
            cells = [*row, *(extra[name][epoch] if name in extra else None for name in names)]
            writer.writerow([_format_cell(cell) for cell in cells])
    return text.getvalue()


def _list_extra(run: Metrics) -> Mapping[str, Sequence[Cell]]:
    """Return the columns that only some runs have, with one cell per epoch.

    `val_pinball` is a value of the epoch. `test_pinball`, and the best epoch's errors at each of several horizons, are
    values of the run; the horizons are named by the rows from the newest reading to the target.
    """
    epochs, quantiles = len(run.history.loss), run.quantiles
    of_run = {"test_pinball": quantiles.test_pinball} if quantiles else {}
    for at in run.by_horizon:
        of_run |= {f"val_mae_lead_{at.lead_rows}": at.val_mae, f"test_mae_lead_{at.lead_rows}": at.test_mae}
    pinball = {"val_pinball": run.history.val_pinball} if run.history.val_pinball else {}
    return pinball | {name: [value] * epochs for name, value in of_run.items()}


def _list_rows(run: Metrics) -> Iterator[list[Cell]]:
    of_run = [look_up(run) for look_up in OF_RUN.values()]
    best_epoch = run.best.epoch if run.best else None
    curves = run.history
    figures = zip(curves.loss, curves.val_loss, curves.train_mae, run.timing.epoch_seconds, strict=True)
    for epoch, (loss, val_loss, train_mae, seconds) in enumerate(figures, start=1):
        in_unit = val_loss * run.target_std
        yield [*of_run, epoch, loss, val_loss, train_mae, in_unit, seconds, epoch == best_epoch]


def _format_cell(value: Cell) -> Cell:
    """Return a value that the `csv` module renders without loss; text may come from a stranger's file or its name."""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"  # read by both R and pandas
    if value is None or isinstance(value, int | float):
        return value
    text = make_printable(str(value))
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text
