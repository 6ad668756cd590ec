"""The published study: edition 1 epoch by epoch, editions 2 and 3 number by number, one run of each network.

Source: F. Chollet, Deep Learning with Python, 1st ed. (Manning 2017), sections 6.3 and 6.4, and the outputs stored in
its notebooks. The losses are facts; they were measured with Keras 2.0.8, `loss` with dropout on if there is any.
"""

import csv
from collections.abc import Sequence
from importlib import resources

import numpy as np

from rdrop_cli.analysis.run import RunCurves
from rdrop_cli.errors import UsageError
from rdrop_cli.runs.document import Metrics
from rdrop_cli.study.editions import BOOK, EDITIONS, Edition
from rdrop_cli.study.variants import find_own_cell

JENA = "jena"  # the data of all editions
PUBLISHED_NAIVE_VAL_MAE = 0.29  # as printed: 2.57 °C
PUBLISHED_TARGET_STD = 8.84  # standard deviation of T (degC) over rows 0–199,999 of the Jena data
PUBLISHED_SEED = 0  # no seed was set; the field needs a value
# Fields that may differ without changing the meaning of the error: name, summary, number of epochs, how the training
# error is measured, and how a few wind readings are treated.
FREE_FIELDS = {"name", "summary", "epochs", "epochs_with_dropout", "train_windows_measured", "sentinels"}


# Editions 2 and 3, from the text only: °C, one run of each network. Naive: 2.44 on validation, 2.62 in the test.
NAIVE_VAL_DEGC, NAIVE_TEST_DEGC = 2.44, 2.62
_PRINTED_IN_BOTH = {
    "test-above-1-naive lstm": 2.55 - NAIVE_TEST_DEGC,
    "above-naive conv-average": 2.9 - NAIVE_VAL_DEGC,  # "about 2.9"
    "test-difference lstm-dropout - lstm": 2.45 - 2.55,
    "lowest-above-naive lstm-dropout": 2.27 - NAIVE_VAL_DEGC,
    "test-difference gru-stacked - lstm-dropout": 2.39 - 2.45,
    "test-above-0.9-naive gru-stacked": 2.39 - 0.9 * NAIVE_TEST_DEGC,
}
PRINTED_IN_DEGC = {
    2: _PRINTED_IN_BOTH | {"lowest-above-naive lstm": 2.36 - NAIVE_VAL_DEGC},
    3: _PRINTED_IN_BOTH | {"lowest-above-naive lstm": 2.39 - NAIVE_VAL_DEGC},
}
# What the one run of each network shows, according to the text.
_SHOWN = {"overfits-early lstm": 1.0, "overfits-by-20 lstm-dropout": 0.0, "sooner lstm-bidirectional - lstm": 1.0}
PRINTED_SHARES = {2: _SHOWN, 3: _SHOWN}


def load_published() -> dict[str, RunCurves]:
    """Return the published run of each network, by the name of the same network as a variant here.

    The training error without dropout and the test error were not published: both are None.
    """
    text = resources.files(__package__).joinpath("published.csv").read_text(encoding="utf-8")
    rows = list(csv.DictReader(text.splitlines()))
    models = dict.fromkeys(row["model"] for row in rows)
    return {model: _build_run(model, [row for row in rows if row["model"] == model]) for model in models}


def find_published(runs: Sequence[Metrics]) -> dict[str, RunCurves]:
    """Return the published curves of the variants of some runs of one protocol, at the study's rates.

    Empty if the runs forecast something else than the published runs: the errors could not be compared.
    """
    if _list_unlike_published(runs[0]):
        return {}
    variants = {run.variant for run in runs if run.has_own_rates}
    return {variant: run for variant, run in load_published().items() if variant in variants}


def load_published_like(run: Metrics) -> dict[str, RunCurves]:
    """Return the runs of `load_published`, or none if a run forecasts something else than the published runs."""
    return {} if _list_unlike_published(run) else load_published()


def load_printed_like(run: Metrics) -> dict[str, float]:
    """Return the printed numbers of the edition, standardised, by question; none if a run does something else."""
    edition = EDITIONS.get(run.protocol.name, BOOK)
    if _list_unlike(run, edition) or edition.number not in PRINTED_IN_DEGC:
        return {}
    shares = PRINTED_SHARES[edition.number]
    return shares | {key: degc / run.target_std for key, degc in PRINTED_IN_DEGC[edition.number].items()}


def match_published(runs: Sequence[Metrics]) -> dict[str, RunCurves]:
    """Return the curves of `find_published`.

    Raises:
        UsageError: there are none; the message says why.
    """
    published = find_published(runs)
    if published:
        return published
    if unlike := _list_unlike_published(runs[0]):
        reason = f"{runs[0].run_id} differs from the published runs in {', '.join(unlike)}"
    else:
        reason = f"only {', '.join(load_published())} at the study's rates were published"
    raise UsageError(f"there is no published curve to lay over these runs: {reason}", field="published")


def _list_unlike_published(run: Metrics) -> list[str]:
    """Name the fields in which a run differs from the published runs, so their errors must not be compared."""
    return _list_unlike(run, BOOK)


def _list_unlike(run: Metrics, edition: Edition) -> list[str]:
    book, protocol = edition.protocol.to_json(), run.protocol.to_json()
    unlike = [name for name in book if name not in FREE_FIELDS and protocol[name] != book[name]]
    own_cell, own_data = run.cell == find_own_cell(run.variant), run.dataset.name == JENA
    return [*([] if own_data else ["dataset"]), *([] if own_cell else ["cell"]), *unlike]


def _build_run(model: str, rows: list[dict[str, str]]) -> RunCurves:
    """Build curves from the rows of one network; the file has them in the order of epochs."""
    return RunCurves(
        variant=model,
        seed=PUBLISHED_SEED,
        loss=np.array([float(row["loss"]) for row in rows]),
        val_loss=np.array([float(row["val_loss"]) for row in rows]),
        train_mae=None,
        naive_val_mae=PUBLISHED_NAIVE_VAL_MAE,
        test_mae=None,
        target_std=PUBLISHED_TARGET_STD,
    )
