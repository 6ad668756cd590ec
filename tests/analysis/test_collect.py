"""Only what may be judged together is; everything else is named with the reason."""

import json
import os

import numpy as np
import pytest

from rdrop_cli.analysis.collect import Attempts, collect_runs
from rdrop_cli.analysis.looks import judge_runs
from rdrop_cli.analysis.network import Network, label_networks
from rdrop_cli.analysis.run import pack_daily_errors, read_daily_errors, unpack_daily_errors
from rdrop_cli.errors import DataError, RdropError
from rdrop_cli.report.words import describe_runs
from rdrop_cli.runs import index
from rdrop_cli.study.protocol import QUANTILES
from tests.analysis.made_runs import save_daily_errors, save_made_run, save_made_study
from tests.runs.many import make_runs

OTHER = "6" * 64


def ids(collection):
    return [run.run_id for run in collection.used]


def reasons(collection):
    return {left.run: left.reason for left in collection.skipped}


def test_every_network_and_seed_is_collected_in_order(tmp_path):
    save_made_study(tmp_path, [2, 0, 1])
    collection = collect_runs([], tmp_path)
    assert {network.name: [run.seed for run in runs] for network, runs in collection.networks.items()} == {
        "baseline": [0, 1, 2],
        "dropout 0.2/0.2": [0, 1, 2],
    }
    assert collection.skipped == collection.damaged == ()
    assert {name: network.name for name, network in collection.claimed.items()} == {
        "baseline": "baseline",
        "dropout": "dropout 0.2/0.2",
    }


def test_the_curves_are_those_of_the_metrics(tmp_path):
    save_made_run(tmp_path, "run", "dropout", 3, np.linspace(0.3, 0.26, 12), np.linspace(0.31, 0.25, 12))
    run = collect_runs([], tmp_path).curves
    assert (run.variant, run.seed, run.epochs, run.unit) == ("dropout", 3, 12, "°C")
    assert run.val_loss == pytest.approx(np.linspace(0.3, 0.26, 12))
    assert run.train_mae == pytest.approx(np.linspace(0.31, 0.25, 12))
    assert run.loss == pytest.approx(run.val_loss + 0.01)
    assert (run.naive_val_mae, run.test_mae, run.target_std) == (0.29, pytest.approx(0.27), 8.84)


UNFIT = {
    "interrupted": ({"status": "interrupted"}, "interrupted, 20 of 20 epochs are done; `rdrop train` resumes it"),
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
    assert len(collection.used) == 4
    assert list(reasons(collection)) == ["unfit"]
    assert reason in reasons(collection)["unfit"]


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
    assert collection.used == ()
    assert list(reasons(collection)) == ["begun"]
    assert collect_runs([], tmp_path / "none").skipped == ()


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


def test_claims_are_judged_on_the_studys_rates_and_the_epochs_of_most_seeds_and_all_are_networks(tmp_path):
    save_made_study(tmp_path, range(2))
    for seed in range(4):
        save_made_run(tmp_path, f"harder-{seed}", "dropout", seed, rates=(0.5, 0.5), day=2)
    save_made_run(tmp_path, "longer", "baseline", 2, val_loss=np.full(30, 0.3), day=2)
    collection = collect_runs([], tmp_path)
    assert len(collection.used) == 9
    assert collection.skipped == ()
    assert label_networks(collection.networks) == {
        Network("baseline", "gru", 0.0, 0.0, 20): "baseline, 20 epochs",
        Network("baseline", "gru", 0.0, 0.0, 30): "baseline, 30 epochs",
        Network("dropout", "gru", 0.2, 0.2, 40): "dropout 0.2/0.2",
        Network("dropout", "gru", 0.5, 0.5, 40): "dropout 0.5/0.5",
    }
    assert [len(runs) for runs in collection.networks.values()] == [2, 1, 2, 4]
    assert [(each.name, each.epochs) for each in collection.claimed.values()] == [
        ("baseline", 20),
        ("dropout 0.2/0.2", 40),
    ]


def test_networks_of_ones_own_with_other_code_are_others(tmp_path):
    for code, seed in (("6", 0), ("6", 1), ("7", 0)):
        own = {"variant": "my_network:make", "code_sha256": code * 64, "epochs": {"done": 20, "planned": 20}}
        save_made_run(tmp_path, f"{code}-s{seed}", seed=seed, document=own)
    networks = collect_runs([], tmp_path).networks
    assert {label: len(networks[network]) for network, label in label_networks(networks).items()} == {
        "my_network:make, code 66666666": 2,
        "my_network:make, code 77777777": 1,
    }


def test_without_the_studys_rates_there_is_nothing_that_a_claim_is_judged_on(tmp_path):
    save_made_run(tmp_path, "harder", "dropout", 0, rates=(0.5, 0.2))
    collection = collect_runs([], tmp_path)
    assert ids(collection) == ["harder"]
    assert collection.claimed == {}


def test_every_run_is_counted_by_what_became_of_it_and_a_seed_once(tmp_path):
    save_made_study(tmp_path, range(2))
    save_made_run(tmp_path, "failed", "dropout", 2, status="failed", failure="the loss is nan at epoch 3")
    save_made_run(tmp_path, "begun", "dropout", 3, status="interrupted")
    save_made_run(tmp_path, "begun-again", "dropout", 0, status="interrupted", day=5)
    save_made_run(tmp_path, "elsewhere", "dropout", 7, status="failed", sha256=OTHER)
    attempts = {network.variant: found for network, found in collect_runs([], tmp_path).attempts.items()}
    assert attempts["dropout"] == Attempts(2, 1, 1, ("the loss is nan at epoch 3",))
    assert attempts["dropout"].tried == 4
    assert attempts["baseline"] == Attempts(2)


def test_another_cell_is_another_network_and_never_judged_in_a_claim(tmp_path):
    save_made_study(tmp_path, range(2), day=2)
    for variant in ("baseline", "dropout"):
        save_made_run(tmp_path, f"{variant}-lstm", variant, 0, document={"cell": "lstm"}, day=1)
    collection = collect_runs([], tmp_path)
    assert [network.name for network in collection.networks] == [
        "baseline",
        "baseline-lstm",
        "dropout 0.2/0.2",
        "dropout-lstm 0.2/0.2",
    ]
    assert {network.cell for network in collection.claimed.values()} == {"gru"}
    assert collection.skipped == ()


def test_of_two_runs_of_one_network_and_seed_the_newer_is_used_whether_a_rate_is_a_whole_number_or_not(tmp_path):
    save_made_run(tmp_path, "old", "dropout", 0, rates=(0, 0.5), day=1)
    save_made_run(tmp_path, "new", "dropout", 0, rates=(0.0, 0.5), day=2)
    collection = collect_runs([], tmp_path)
    assert [len(runs) for runs in collection.networks.values()] == [1]
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


@pytest.mark.parametrize("verified", [True, False, None])
def test_whether_the_data_are_the_published_ones_is_known(tmp_path, verified):
    save_made_run(tmp_path, "run", verified=verified)
    assert collect_runs([], tmp_path).is_published_data is verified


def test_daily_errors_are_read_where_they_are_and_not_missed_where_not(tmp_path):
    save_daily_errors(save_made_run(tmp_path, "with"), 0.27, 0)
    save_made_run(tmp_path, "without", seed=1)
    collection = collect_runs([], tmp_path)
    (runs,) = collection.networks.values()
    assert [run.daily is not None for run in runs] == [True, False]
    assert collection.damaged == ()


def test_damaged_daily_errors_are_told_and_the_run_is_judged_without_them(tmp_path):
    save_made_run(tmp_path, "run").daily_errors_path.write_text("day,windows,val_mae\n2012-10-20,144\n")
    collection = collect_runs([], tmp_path)
    assert collection.curves.daily is None
    assert str(collection.damaged[0]).startswith("run: daily_errors.csv: line 2: expected a day, windows and an error")


def test_another_target_has_its_own_unit(tmp_path):
    for run_id, seed, target in (("p", 0, "p (mbar)"), ("price", 1, "price")):
        save_made_run(tmp_path / run_id, run_id, "baseline", seed, protocol={"target": target})
    assert collect_runs([], tmp_path / "p").curves.unit == "mbar"
    assert collect_runs([], tmp_path / "price").curves.unit == ""


def test_seeds_with_gaps_are_described_as_they_are(tmp_path):
    for seed in (0, 1, 2, 5, 8, 9):
        save_made_run(tmp_path, f"run-{seed}", "baseline", seed)
    assert describe_runs(collect_runs([], tmp_path)).startswith("baseline seeds 0-2, 5, 8-9; ")


def test_what_was_changed_of_a_protocol_is_told_with_its_name(tmp_path):
    changes = {"units": 16, "steps_per_epoch": 170}
    save_made_run(tmp_path / "changed", "run", "baseline", 0, protocol=changes)
    save_made_run(tmp_path / "whole", "run", "baseline", 0)
    assert describe_runs(collect_runs([], tmp_path / "changed")).endswith(
        "book protocol (units 16, steps per epoch 170)"
    )
    assert describe_runs(collect_runs([], tmp_path / "whole")).endswith("book protocol")


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"target": "p (mbar)"}, ", target p (mbar)"),
        ({"horizon_rows": 72}, ", windows of 1440 rows, every 6, target 78 after the newest reading"),
        (
            {"earlier_horizon_rows": (6, 12, 18, 24)},
            ", windows of 1440 rows, every 6, 5 targets, 12 to 150 after the newest reading",
        ),
        ({"val_stop_row": 290_000}, ", training to row 200000, validation to row 290000"),
        ({"inputs": ("T (degC)",), "calendar": True}, ", inputs T (degC), the calendar as input"),
        ({"sentinels": "fill"}, ", sentinels fill"),
        ({"loss": "quantile", "quantiles": QUANTILES}, " (loss quantile)"),
        ({"loss": "quantile", "quantiles": (0.1, 0.5, 0.9)}, " (loss quantile), quantiles 0.1, 0.5, 0.9"),
    ],
)
def test_what_is_forecast_is_told_where_it_is_not_what_the_edition_forecasts(tmp_path, changes, told):
    save_made_run(tmp_path, "run", "baseline", 0, protocol=changes)
    assert describe_runs(collect_runs([], tmp_path)) == f"baseline seed 0; jena data, book protocol{told}"


def test_the_options_of_reading_and_other_origins_are_told(tmp_path):
    save_made_study(tmp_path, range(1), ("baseline",), reading="resample=1h")
    save_made_study(tmp_path, range(1), ("baseline",), origin=80_000, reading="resample=1h")
    told = "baseline seed 0; jena data read with resample=1h, book protocol, 2 periods"
    assert describe_runs(collect_runs([], tmp_path)) == told


def test_daily_errors_come_out_of_the_index_as_they_are_in_the_file(tmp_path):
    path = tmp_path / "daily_errors.csv"
    path.write_text("day,windows,val_mae\n2011-12-31,144,0.1\n2012-01-01,143,0.30000000000000004\n2012-03-01,7,1e-7\n")
    daily = read_daily_errors(path)
    assert daily
    again = unpack_daily_errors(pack_daily_errors(daily))
    assert again.days == daily.days == ("2011-12-31", "2012-01-01", "2012-03-01")
    assert again.windows.tolist() == daily.windows.tolist() == [144.0, 143.0, 7.0]
    assert again.mae.tolist() == daily.mae.tolist() == [0.1, 0.30000000000000004, 1e-7]


def test_a_pipe_in_the_place_of_daily_errors_is_refused(tmp_path):
    os.mkfifo(tmp_path / "daily_errors.csv")
    with pytest.raises(DataError, match=r"daily_errors.csv: cannot be read \(not a regular file\)"):
        read_daily_errors(tmp_path / "daily_errors.csv")


def test_the_index_changes_nothing_of_what_is_judged(tmp_path, monkeypatch):
    make_runs(tmp_path / "runs", 40)
    (tmp_path / "runs" / "baseline-s1-20260101-000010-000a" / "daily_errors.csv").write_text("day")
    (tmp_path / "runs" / "baseline-s2-20260101-000020-0014" / "daily_errors.csv").unlink()
    expected = judge_runs([], tmp_path / "runs").to_json()
    monkeypatch.setenv("RDROP_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(index, "FEWEST_RUNS", 2)
    monkeypatch.setattr(index, "SETTLED_NS", 0)
    for _ in range(2):
        assert judge_runs([], tmp_path / "runs").to_json() == expected
    assert list((tmp_path / "cache").iterdir())
