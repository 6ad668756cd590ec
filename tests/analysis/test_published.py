"""The published curves are there, whole, and say what the book reads in them."""

import subprocess
import sys
from dataclasses import replace

import pytest

from rdrop_cli.analysis.collect import Collection
from rdrop_cli.analysis.joint_test import Plan
from rdrop_cli.analysis.looks import judge_runs
from rdrop_cli.analysis.measures import find_overfit_onset, measure_jitter
from rdrop_cli.analysis.network import Network
from rdrop_cli.analysis.published import find_published, load_published, match_published
from rdrop_cli.analysis.verdict import judge_collection
from rdrop_cli.errors import UsageError
from rdrop_cli.report.words import describe_published
from rdrop_cli.runs.document import Environment
from rdrop_cli.runs.history import History
from rdrop_cli.runs.metrics import Setting, build_metrics
from rdrop_cli.series.table import Source
from rdrop_cli.study.config import RunConfig
from rdrop_cli.study.editions import PROTOCOLS
from tests.analysis.made_runs import save_made_run, save_made_study


@pytest.fixture(scope="module")
def published():
    return load_published()


@pytest.fixture(scope="module")
def verdicts(published):
    claimed = {
        name: Network(name, "gru", rate, rate, published[name].epochs)
        for name, rate in (("baseline", 0.0), ("dropout", 0.2))
    }
    networks = {network: [published[name]] for name, network in claimed.items()}
    judged = judge_collection(Collection(networks=networks, claimed=claimed), Plan())
    return {verdict.id: verdict for verdict in judged.claims}


def test_the_published_runs_are_the_books(published):
    assert {name: run.epochs for name, run in published.items()} == {
        "baseline": 20,
        "dropout": 40,
        "stacked": 40,
        "bidirectional": 40,
        "dense": 20,
        "conv": 20,
        "conv-gru": 20,
        "gru-reversed": 20,
    }
    found = {name: (run.val_loss.min(), run.val_loss.argmin() + 1, run.val_loss[-1]) for name, run in published.items()}
    lowest = {
        "baseline": (0.2644, 6, 0.3034),
        "dropout": (0.2619, 33, 0.2719),
        "stacked": (0.2633, 16, 0.2782),
        "bidirectional": (0.2615, 4, 0.3289),
        "dense": (0.2994, 2, 0.3545),
        "conv": (0.4521, 1, 0.4821),
        "conv-gru": (0.2730, 4, 0.2952),
        "gru-reversed": (0.3990, 11, 0.4261),
    }
    assert found == lowest
    last = (0.2074, 0.2727, 0.2532, 0.1350, 0.1985, 0.2444, 0.2215, 0.2313)
    assert {name: run.loss[-1] for name, run in published.items()} == dict(zip(lowest, last, strict=True))


def test_the_baseline_overfits_after_a_few_epochs_and_dropout_not_within_30(published, verdicts):
    assert find_overfit_onset(published["baseline"].val_loss) == 9
    assert find_overfit_onset(published["dropout"].val_loss) is None
    assert verdicts["baseline-overfits"].answer.estimate == 1.0
    assert verdicts["baseline-overfits"].size[0] == pytest.approx(0.0302, abs=5e-5)
    assert verdicts["dropout-does-not-overfit"].answer.estimate == 0.0
    assert verdicts["dropout-does-not-overfit"].size[0] == pytest.approx(-0.00065, abs=5e-5)


def test_the_undropped_bidirectional_network_overfits_most(published):
    assert find_overfit_onset(published["bidirectional"].val_loss) == 8


def test_the_scores_jump_no_less_with_dropout_which_is_the_reading_that_is_judged(published, verdicts):
    steadier = verdicts["steadier-scores"]
    assert steadier.answer.estimate == pytest.approx(0.0010, abs=5e-5)
    assert steadier.answer.estimate not in steadier.region
    assert measure_jitter(published["dropout"].val_loss) > measure_jitter(published["baseline"].val_loss)
    assert "drift is overfitting" in steadier.claim.other_reading


def test_the_best_score_is_about_the_baselines(verdicts):
    best = verdicts["best-not-much-lower"]
    assert best.answer.estimate == pytest.approx(-0.0005, abs=1e-4)
    assert best.answer.estimate in best.region
    assert verdicts["better-optimum"].answer is best.answer


def test_dropout_takes_longer_to_converge_and_both_beat_the_naive_forecast(verdicts):
    assert verdicts["longer-to-converge"].answer.estimate == 1.0
    assert verdicts["beats-naive"].answer.estimate == 1.0
    assert verdicts["beats-naive"].size[0] == pytest.approx(-0.0228, abs=5e-4)


def test_resistance_to_over_training_is_large(verdicts):
    assert verdicts["resists-over-training"].answer.estimate == pytest.approx(-0.0312, abs=5e-5)


def test_the_page_says_which_claims_the_published_runs_agree_with(tmp_path):
    save_made_study(tmp_path, [0])
    judged = judge_runs([], tmp_path)
    (line,) = describe_published(judged)
    fits, differs = line.split("; they disagree with ")
    for claim in ("baseline-overfits", "dropout-does-not-overfit", "best-not-much-lower", "longer-to-converge"):
        assert claim in fits
    assert differs == "steadier-scores."


def test_one_seed_decides_nothing(verdicts):
    assert {verdict.verdict for verdict in verdicts.values()} == {"undecided"}
    assert verdicts["baseline-overfits"].outlook.kind == "first-look"


def test_the_analysis_needs_neither_tensorflow_nor_pandas_and_scipy_only_to_judge():
    heavy = {"tensorflow", "keras", "pandas", "scipy"}
    code = f"import sys, rdrop_cli.analysis.verdict; print(sorted({heavy} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def book_run(variant="dropout", rates=(0.2, 0.2), cell="gru", **protocol):
    """Metrics of a run as the published ones: the fields that are compared."""
    config = RunConfig(variant, 0, *rates, 40, replace(PROTOCOLS["book"], **protocol), "jena", "5" * 64, cell=cell)
    setting = Setting(Source("jena", "made", "5" * 64, 420_551, True), 8.84, 0.29, 64_000, Environment(), "native")
    return build_metrics("run", "2026-01-01T00:00:00+00:00", config, setting, History(), "interrupted")


def test_the_published_curves_of_the_variants_at_hand_are_found():
    assert list(match_published([book_run("baseline", (0.0, 0.0)), book_run()])) == ["baseline", "dropout"]
    assert list(match_published([book_run()])) == ["dropout"]


@pytest.mark.parametrize(
    ("other", "named"),
    [
        ({"target": "p (mbar)"}, "in target"),
        (
            {"lookback_rows": 288, "train_stop_row": 90_000, "val_stop_row": 150_000, "steps_per_epoch": 100},
            "in lookback_rows, train_stop_row, val_stop_row, steps_per_epoch",
        ),
        ({"cell": "lstm"}, "in cell"),
        ({"variant": "naive-step"}, "only baseline, dropout"),
        ({"rates": (0.5, 0.2)}, "at the study's rates"),
    ],
)
def test_runs_that_are_not_like_the_published_ones_are_not_compared_with_them(other, named):
    assert find_published([book_run(**other)]) == {}
    with pytest.raises(UsageError, match=named):
        match_published([book_run(**other)])


def test_sentinels_and_epochs_may_differ_from_the_published_ones():
    assert list(match_published([book_run(sentinels="fill", epochs=5, name="mine")])) == ["dropout"]


def test_nothing_was_published_of_other_data_and_of_other_cells(tmp_path):
    save_made_study(tmp_path / "weather", range(2), dataset="synthetic")
    assert {claim.published for claim in judge_runs([], tmp_path / "weather").claims} == {None}
    for cell, day in (("gru", 1), ("lstm", 2)):  # the claims are about the newest run's cell
        for variant in ("baseline", "dropout"):
            save_made_run(tmp_path / "cells", f"{variant}-{cell}", variant, day=day, document={"cell": cell})
    judged = judge_runs([], tmp_path / "cells")
    assert {network.cell for network in judged.collection.claimed.values()} == {"lstm"}
    assert {claim.published for claim in judged.claims} == {None}
