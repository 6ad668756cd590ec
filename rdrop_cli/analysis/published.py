"""The published study: what the book's first edition printed, epoch by epoch, one run of each network.

Source: F. Chollet, Deep Learning with Python, 1st ed. (Manning 2017), section 6.3, and the outputs stored in its
notebook. The losses are facts; they were measured with Keras 2.0.8, and `loss` with dropout on where there is any.
"""

import csv
from importlib import resources

import numpy as np

from rdrop_cli.analysis.run_curves import RunCurves

PUBLISHED_NAIVE_VAL_MAE = 0.29  # as printed: 2.57 °C
PUBLISHED_DEGC_PER_UNIT = 8.84  # standard deviation of T (degC) over rows 0–199,999 of the Jena data
PUBLISHED_SEED = 0  # no seed was set; a place has to be filled


def load_published() -> dict[str, RunCurves]:
    """Return the published run of each network, by the name that the same network has as a variant here.

    The training error without dropout and the test error were not published: both are None.
    """
    text = resources.files(__package__).joinpath("published.csv").read_text(encoding="utf-8")
    rows = list(csv.DictReader(text.splitlines()))
    models = dict.fromkeys(row["model"] for row in rows)
    return {model: _build_run(model, [row for row in rows if row["model"] == model]) for model in models}


def _build_run(model: str, rows: list[dict[str, str]]) -> RunCurves:
    """Put the rows of one network into curves; the file has them in the order of their epochs."""
    return RunCurves(
        variant=model,
        seed=PUBLISHED_SEED,
        loss=np.array([float(row["loss"]) for row in rows]),
        val_loss=np.array([float(row["val_loss"]) for row in rows]),
        train_mae=None,
        naive_val_mae=PUBLISHED_NAIVE_VAL_MAE,
        test_mae=None,
        degc_per_unit=PUBLISHED_DEGC_PER_UNIT,
    )
