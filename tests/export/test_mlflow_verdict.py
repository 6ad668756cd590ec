"""A verdict in a real MLflow store: every answer with its interval, once."""

import pytest

from rdrop_cli.analysis.looks import judge_runs
from rdrop_cli.cli.app import run_command
from rdrop_cli.export.mlflow_store import log_records
from rdrop_cli.export.mlflow_verdict import describe_verdict
from tests.analysis.made_runs import make_book_curve, save_made_run, save_made_study
from tests.export.conftest import IGNORE_NOLOAD

pytestmark = pytest.mark.filterwarnings(IGNORE_NOLOAD)


def test_every_answer_is_a_metric_with_its_interval_and_every_verdict_a_parameter(tmp_path, uri):
    from mlflow import MlflowClient

    save_made_study(tmp_path / "runs", range(8))
    judged = judge_runs([], tmp_path / "runs")
    (logged,) = log_records([describe_verdict(judged)], uri, "study")
    stored = MlflowClient(uri).get_run(logged.mlflow_run_id)
    assert stored.info.run_name.startswith("verdict-book-8-seeds-")
    for verdict in judged.claims:
        assert stored.data.params[verdict.id] == verdict.verdict
        if verdict.answer.interval:
            assert stored.data.metrics[f"{verdict.id}.estimate"] == pytest.approx(verdict.answer.estimate)
            low, high = verdict.answer.interval
            assert stored.data.metrics[f"{verdict.id}.low"] == pytest.approx(low)
            assert stored.data.metrics[f"{verdict.id}.high"] == pytest.approx(high)
    difference = stored.data.metrics["dropout 0.2/0.2.estimate"]
    assert difference == stored.data.metrics["better-optimum.estimate"]
    (again,) = log_records([describe_verdict(judge_runs([], tmp_path / "runs"))], uri, "study")
    assert (again.state, again.mlflow_run_id) == ("there", logged.mlflow_run_id)


def test_networks_that_differ_in_epochs_alone_are_metrics_of_their_own(tmp_path, uri):
    from mlflow import MlflowClient

    save_made_study(tmp_path / "runs", range(4))
    for seed in range(4):
        curves = make_book_curve("dropout", seed)
        short = {"val_loss": curves[0][:30], "train_mae": curves[1][:30]}
        save_made_run(tmp_path / "runs", f"dropout-s{seed}-short", "dropout", seed, **short)
    judged = judge_runs([], tmp_path / "runs")
    labels = [row.label for row in judged.networks if row.answer]
    assert any("," in label for label in labels), labels
    (logged,) = log_records([describe_verdict(judged)], uri, "study")
    stored = MlflowClient(uri).get_run(logged.mlflow_run_id).data.metrics
    assert {f"{label.replace(',', '')}.estimate" for label in labels} <= set(stored)


def test_the_command_logs_the_runs_and_the_verdict(tmp_path, uri, capsys):
    save_made_study(tmp_path / "runs", range(2))
    arguments = ["export", "--mlflow", uri, "--verdict", "--runs-dir", str(tmp_path / "runs")]
    assert run_command(arguments) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 5
    assert lines[-1].startswith("verdict-book-2-seeds-")
    assert run_command(["export", "--csv", "--verdict", "--runs-dir", str(tmp_path / "runs")]) == 2
