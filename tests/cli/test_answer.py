"""The sentence and the command that training ends with."""

from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

from rdrop_cli.cli.answer import answer, describe_quantiles, name_next_step
from rdrop_cli.cli.options import DEFAULT_RUNS_DIR
from rdrop_cli.runs.document import Rates
from rdrop_cli.runs.figures import QuantileErrors
from tests.analysis.made_runs import save_made_run

FALLING = np.linspace(0.40, 0.25, 20)
RISING = np.concatenate((np.linspace(0.40, 0.26, 8), np.linspace(0.27, 0.40, 12)))


@pytest.fixture
def make(tmp_path):
    """Return the metrics of runs of variants with these validation curves, one a seed."""

    def save(**curves):
        folder = tmp_path / f"runs-{len(list(tmp_path.iterdir()))}"
        return [
            save_made_run(
                folder, f"{variant}-s{seed}", variant, seed, curve, np.linspace(0.4, 0.1, len(curve))
            ).read_metrics()
            for variant, of_variant in curves.items()
            for seed, curve in enumerate(of_variant)
        ]

    return save


def test_one_run_is_told_with_its_error_the_naive_one_and_whether_it_overfits(make):
    # 0.25 and 0.29 standardised are 2.21 and 2.56 °C at 8.84 °C a unit.
    assert answer(make(baseline=[FALLING])) == (
        "validation MAE: baseline 2.21 °C (does not overfit); naive forecast 2.56 °C"
    )
    assert "baseline 2.30 °C (overfits)" in answer(make(baseline=[RISING]))


def test_seeds_are_averaged_and_the_best_network_comes_first(make):
    runs = make(baseline=[RISING, RISING, FALLING + 0.2], dropout=[FALLING, FALLING + 0.02])
    assert answer(runs) == (
        "validation MAE: dropout 0.2/0.2 2.30 °C (mean of 2 seeds, overfits in 0), "
        "baseline 2.86 °C (mean of 3 seeds, overfits in 2); naive forecast 2.56 °C"
    )


def test_a_network_is_told_with_its_rates_where_they_are_not_its_variants_own(make):
    (run,) = make(dropout=[FALLING])
    without = replace(run, rates=Rates(dropout=0.0, recurrent_dropout=0.0))
    assert "dropout 0/0 2.21 °C" in answer([without])


def test_quantiles_that_always_cross_are_told_as_such(make):
    (run,) = make(baseline=[FALLING])
    errors = QuantileErrors(val_pinball=0.1, test_pinball=0.1, val_crossed=1.0, test_crossed=0.999)
    assert "; 100 % of the forecasts had quantiles that crossed" in describe_quantiles([replace(run, quantiles=errors)])


def test_runs_of_several_origins_are_not_called_seeds(make):
    first, later = make(baseline=[FALLING, FALLING]), make(baseline=[FALLING, FALLING])
    assert "(mean of 2 seeds, overfits in 0)" in answer(first)
    assert "(mean of 4 runs, overfits in 0)" in answer([*first, *later])


def test_a_curve_of_two_epochs_says_nothing_about_overfitting(make):
    assert "(too few epochs to tell whether it overfits)" in answer(make(baseline=[[0.30, 0.28]]))


def test_of_many_networks_the_best_three_are_named(make):
    runs = make(baseline=[FALLING], dropout=[FALLING + 0.01], gal=[FALLING + 0.02], moon=[FALLING + 0.03])
    assert ", gal 0.2/0.2 2.39 °C (does not overfit) and 1 more; naive forecast" in answer(runs)
    assert "moon" not in answer(runs)


def test_the_next_command_depends_on_the_seeds(make):
    few = make(baseline=[FALLING])
    assert name_next_step(few, DEFAULT_RUNS_DIR) == ("next: repeat with seeds 0-7, then", "rdrop verdict")
    many = make(dropout=[FALLING] * 8)
    assert name_next_step(many, Path("a b")) == (
        "next: test the book's claims with",
        "rdrop verdict --runs-dir 'a b'",
    )
