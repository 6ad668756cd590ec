"""Only what may be judged together is; everything else is named with the reason."""

import json

import numpy as np
import pytest

from rdrop_cli.analysis.collect import collect_runs
from rdrop_cli.analysis.judge import judge_claims
from rdrop_cli.analysis.network import Arm, label_arms
from rdrop_cli.errors import RdropError
from tests.analysis.made_runs import save_daily_errors, save_made_run, save_made_study

OTHER = "6" * 64


def ids(collection):
    return [metrics.run_id for metrics in collection.metrics]


def reasons(collection):
    return {left.run: left.reason for left in collection.left_out}


def test_every_variant_and_seed_is_collected_in_order(tmp_path):
    save_made_study(tmp_path, [2, 0, 1])
    collection = collect_runs([], tmp_path)
    assert {variant: [run.seed for run in runs] for variant, runs in collection.by_variant.items()} == {
        "baseline": [0, 1, 2],
        "dropout": [0, 1, 2],
    }
    assert collection.left_out == collection.notes == ()
    assert collection.describe() == "baseline seeds 0-2, dropout seeds 0-2; jena data, book protocol"


def test_the_curves_are_those_of_the_metrics(tmp_path):
    save_made_run(tmp_path, "run", "dropout", 3, np.linspace(0.3, 0.26, 12), np.linspace(0.31, 0.25, 12))
    (run,) = collect_runs([], tmp_path).curves
    assert (run.variant, run.seed, run.epochs, run.unit) == ("dropout", 3, 12, "°C")
    assert run.val_loss == pytest.approx(np.linspace(0.3, 0.26, 12))
    assert run.train_mae == pytest.approx(np.linspace(0.31, 0.25, 12))
    assert run.loss == pytest.approx(run.val_loss + 0.01)
    assert (run.naive_val_mae, run.test_mae, run.target_std) == (0.29, pytest.approx(0.27), 8.84)


UNFIT = {
    "interrupted": ({"status": "interrupted"}, "interrupted, 20 of 20 epochs are done; go on with: rdrop train"),
    "failed": ({"status": "failed", "failure": "the loss is nan at epoch 3"}, "failed: the loss is nan at epoch 3"),
    "without an epoch": ({"val_loss": []}, "expected at least 1 epochs, received 0"),
    "a loss that was not finite": (
        {"document": {"history": {name: [0.3, None] for name in ("loss", "val_loss", "train_mae")}}},
        "metrics.json: not a run's metrics: history.loss[1]: expected `float`, got `null`, received None",
    ),
    "of another schema": (
        {"document": {"schema_version": 99}},
        "metrics.json: expected schema version 4 or lower, received 99",
    ),
    "without its data": ({"document": {"dataset": {}}}, "metrics.json: not a run's metrics: dataset.name is missing"),
}


@pytest.mark.parametrize(("how", "reason"), UNFIT.values(), ids=UNFIT)
def test_a_run_that_is_unfit_is_named_and_the_others_are_judged(tmp_path, how, reason):
    save_made_study(tmp_path, range(2))
    save_made_run(tmp_path, "unfit", "baseline", 7, day=9, **how)  # the newest: nothing is measured by it
    collection = collect_runs([], tmp_path)
    assert len(collection.metrics) == 4
    assert list(reasons(collection)) == ["unfit"]
    assert reason in reasons(collection)["unfit"]
    assert {verdict.seeds for verdict in judge_claims(collection.by_variant)} == {(0, 1), ()}


@pytest.mark.parametrize(
    ("content", "reason"), [("{", "metrics.json: cannot be read as JSON"), (None, "metrics.json: no such file")]
)
def test_damaged_and_missing_metrics_are_named(tmp_path, content, reason):
    save_made_run(tmp_path, "good")
    path = save_made_run(tmp_path, "bad", seed=1).metrics_path
    path.unlink() if content is None else path.write_text(content)
    collection = collect_runs([], tmp_path)
    assert ids(collection) == ["good"]
    assert reasons(collection)["bad"].startswith(reason)


def test_nothing_to_judge_is_an_empty_collection(tmp_path):
    save_made_run(tmp_path, "begun", status="interrupted")
    collection = collect_runs([], tmp_path)
    assert collection.metrics == ()
    assert list(reasons(collection)) == ["begun"]
    assert collect_runs([], tmp_path / "none").left_out == ()


DIFFERENT = {
    "data": ({"sha256": OTHER}, "other data than newest (SHA-256 666666666666…, not 555555555555…)"),
    "protocol": ({"protocol": {"horizon_rows": 6}}, "another protocol than newest (horizon_rows)"),
}


@pytest.mark.parametrize(("how", "reason"), DIFFERENT.values(), ids=DIFFERENT)
def test_what_measured_another_thing_than_the_newest_is_never_pooled(tmp_path, how, reason):
    save_made_run(tmp_path, "newest", "baseline", 0, day=3)
    save_made_run(tmp_path, "same", "baseline", 1, day=1)
    save_made_run(tmp_path, "other", "baseline", 2, day=2, **how)
    collection = collect_runs([], tmp_path)
    assert ids(collection) == ["newest", "same"]
    assert reasons(collection) == {"other": reason}


def test_the_first_run_named_says_what_is_judged(tmp_path):
    save_made_run(tmp_path, "old", "baseline", 0, day=1, sha256=OTHER)
    save_made_run(tmp_path, "new", "baseline", 1, day=2)
    save_made_run(tmp_path, "older", "baseline", 2, day=1, sha256=OTHER)
    collection = collect_runs(["old", "new", "older", "old"], tmp_path)
    assert ids(collection) == ["old", "older"]
    assert list(reasons(collection)) == ["new"]


def test_a_run_without_a_word_on_its_cell_has_the_studys(tmp_path):
    save_made_run(tmp_path, "new", "baseline", 0, document={"cell": "gru"}, day=2)
    old = save_made_run(tmp_path, "old", "baseline", 1)
    metrics = json.loads(old.metrics_path.read_bytes())
    del metrics["cell"]
    metrics["schema_version"] = 2
    old.metrics_path.write_text(json.dumps(metrics))
    assert ids(collect_runs([], tmp_path)) == ["new", "old"]


def test_claims_are_judged_on_the_rates_and_epochs_of_most_runs_and_the_others_are_arms(tmp_path):
    save_made_study(tmp_path, range(2))
    save_made_run(tmp_path, "harder", "dropout", 2, rates=(0.5, 0.5), day=2)
    save_made_run(tmp_path, "longer", "baseline", 2, val_loss=np.full(30, 0.3), day=2)
    collection = collect_runs([], tmp_path)
    assert len(collection.metrics) == len(collection.curves) == 4
    assert len(collection.used) == 6
    assert collection.left_out == ()
    assert label_arms(collection.arms) == {
        Arm("baseline", "gru", 0.0, 0.0, 20): "baseline, 20 epochs",
        Arm("baseline", "gru", 0.0, 0.0, 30): "baseline, 30 epochs",
        Arm("dropout", "gru", 0.2, 0.2, 40): "dropout 0.2/0.2",
        Arm("dropout", "gru", 0.5, 0.5, 40): "dropout 0.5/0.5",
    }
    assert [len(runs) for runs in collection.arms.values()] == [2, 1, 2, 1]
    assert {arm.epochs for arm in collection.usual} == {20, 40}
    assert collection.notes == (
        "the claims are judged on baseline, 20 epochs; dropout 0.2/0.2. 2 runs with other rates, epochs or cells: "
        "in the table of networks",
    )


def test_of_settings_with_as_many_runs_the_variants_own_rates_count(tmp_path):
    save_made_run(tmp_path, "own", "dropout", 0, day=1)
    save_made_run(tmp_path, "harder", "dropout", 0, rates=(0.5, 0.2), day=2)
    assert ids(collect_runs([], tmp_path)) == ["own"]


def test_without_the_variants_own_rates_the_newest_count_and_are_told(tmp_path):
    save_made_run(tmp_path, "old", "dropout", 0, rates=(0.1, 0.2), day=1)
    save_made_run(tmp_path, "harder", "dropout", 0, rates=(0.5, 0.2), day=2)
    collection = collect_runs([], tmp_path)
    assert ids(collection) == ["harder"]
    assert collection.notes[0] == "dropout was trained with dropout 0.5: not the rates of the study"


def test_another_cell_is_another_arm_and_never_judged_in_a_claim(tmp_path):
    save_made_study(tmp_path, range(2), day=2)
    for variant in ("baseline", "dropout"):
        save_made_run(tmp_path, f"{variant}-lstm", variant, 0, document={"cell": "lstm"}, day=1)
    collection = collect_runs([], tmp_path)
    assert [arm.name for arm in collection.arms] == [
        "baseline",
        "baseline-lstm",
        "dropout 0.2/0.2",
        "dropout-lstm 0.2/0.2",
    ]
    assert {run.cell for run in collection.metrics} == {"gru"}
    assert collection.left_out == ()
    assert collection.notes == (
        "the claims are judged on baseline; dropout 0.2/0.2. 2 runs with other rates, epochs or cells: "
        "in the table of networks",
    )


def test_of_two_runs_of_one_arm_and_seed_the_newer_is_used_whether_a_rate_is_a_whole_number_or_not(tmp_path):
    save_made_run(tmp_path, "old", "dropout", 0, rates=(0, 0.5), day=1)
    save_made_run(tmp_path, "new", "dropout", 0, rates=(0.0, 0.5), day=2)
    collection = collect_runs([], tmp_path)
    assert [len(runs) for runs in collection.arms.values()] == [1]
    assert reasons(collection) == {"old": "new is a newer run of dropout, seed 0"}


def test_rates_that_are_none_are_unfit(tmp_path):
    save_made_run(tmp_path, "good")
    save_made_run(tmp_path, "odd", "dropout", document={"rates": {"dropout": 1.0, "recurrent_dropout": 0.2}})
    collection = collect_runs([], tmp_path)
    assert ids(collection) == ["good"]
    assert reasons(collection)["odd"].endswith("rates.dropout: expected `float` < 1.0, received 1.0")


def test_of_two_runs_of_one_seed_the_newest_complete_one_counts(tmp_path):
    save_made_run(tmp_path, "oldest", day=1)
    save_made_run(tmp_path, "new", day=2)
    save_made_run(tmp_path, "begun", day=3, status="interrupted")
    collection = collect_runs([], tmp_path)
    assert ids(collection) == ["new"]
    assert reasons(collection)["oldest"] == "new is a newer run of baseline, seed 0"


def test_a_name_of_no_run_is_refused(tmp_path):
    with pytest.raises(RdropError, match="no run 'nothing'"):
        collect_runs(["nothing"], tmp_path)


def test_data_that_are_not_the_published_ones_are_told(tmp_path):
    save_made_run(tmp_path, "run", verified=False)
    collection = collect_runs([], tmp_path)
    assert "not the published readings" in collection.notes[0]
    assert "jena data (not the published file)" in collection.describe()


def test_daily_errors_are_read_where_they_are_and_not_missed_where_not(tmp_path):
    save_daily_errors(save_made_run(tmp_path, "with"), 0.27, 0)
    save_made_run(tmp_path, "without", seed=1)
    collection = collect_runs([], tmp_path)
    assert [run.daily is not None for run in collection.curves] == [True, False]
    assert collection.notes == ()


def test_damaged_daily_errors_are_told_and_the_run_is_judged_without_them(tmp_path):
    save_made_run(tmp_path, "run").daily_errors_path.write_text("day,windows,val_mae\n2012-10-20,144\n")
    collection = collect_runs([], tmp_path)
    assert collection.curves[0].daily is None
    assert collection.notes[0].startswith("run: daily_errors.csv: line 2: expected a day, windows and an error")


def test_another_target_has_its_own_unit(tmp_path):
    for run_id, seed, target in (("p", 0, "p (mbar)"), ("price", 1, "price")):
        save_made_run(tmp_path / run_id, run_id, "baseline", seed, protocol={"target": target})
    assert collect_runs([], tmp_path / "p").curves[0].unit == "mbar"
    assert collect_runs([], tmp_path / "price").curves[0].unit == ""


def test_seeds_with_gaps_are_described_as_they_are(tmp_path):
    for seed in (0, 1, 2, 5, 8, 9):
        save_made_run(tmp_path, f"run-{seed}", "baseline", seed)
    assert collect_runs([], tmp_path).describe().startswith("baseline seeds 0-2, 5, 8-9; ")
