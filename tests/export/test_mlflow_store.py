"""Runs in a real MLflow store, a SQLite file: opened again and read back, also after a kill in the middle."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from msgspec.structs import replace

from rdrop_cli.errors import DataError, RdropError, UsageError
from rdrop_cli.export.mlflow_store import RUN_ID_TAG, describe_run, log_records
from rdrop_cli.runs.comparable import Run
from rdrop_cli.runs.document import Timing
from rdrop_cli.runs.figures import Curves
from tests.analysis.made_runs import save_daily_errors, save_made_run
from tests.export.conftest import IGNORE_NOLOAD

pytestmark = pytest.mark.filterwarnings(IGNORE_NOLOAD)


@pytest.fixture
def client(uri):
    from mlflow import MlflowClient

    return MlflowClient(uri)


@pytest.fixture
def run(tmp_path) -> Run:
    """A complete run with all its files."""
    folder = save_made_run(tmp_path / "runs", "dropout-s1", "dropout", 1)
    save_daily_errors(folder, 0.26, 1)
    folder.plot_path.write_bytes(b"a picture")
    folder.model_path.write_bytes(b"a network")
    folder.history_path.write_text("epoch\n")
    return Run(folder, folder.read_metrics())


def log(run, uri, experiment="rdrop"):
    return list(log_records([describe_run(run)], uri, experiment))


def list_runs(client, experiment="rdrop"):
    return list(client.search_runs([client.get_experiment_by_name(experiment).experiment_id]))


@pytest.mark.thorough
def test_a_run_is_read_back_as_it_was_measured(run, uri, client):
    (logged,) = log(run, uri)
    stored = client.get_run(logged.mlflow_run_id)
    assert (logged.run_id, logged.state) == ("dropout-s1", "logged")
    assert (stored.info.run_name, stored.info.status) == ("dropout-s1", "FINISHED")
    assert stored.data.tags[RUN_ID_TAG] == "dropout-s1"
    assert stored.data.tags["rdrop.environment.keras"] == "3.15.1"
    expected = {"variant": "dropout", "seed": "1", "dropout": "0.2", "engine": "native", "protocol.units": "32"}
    assert expected.items() <= stored.data.params.items()
    metrics = run.metrics
    for name in ("loss", "val_loss", "train_mae"):
        points = client.get_metric_history(logged.mlflow_run_id, name)
        assert [point.step for point in points] == list(range(1, 41))
        assert [point.value for point in points] == getattr(metrics.history, name)
    assert stored.data.metrics["best_val_mae_in_unit"] == metrics.best.val_mae_in_unit
    assert stored.data.metrics["test_mae"] == metrics.test.mae
    assert stored.data.metrics["best_epoch"] == metrics.best.epoch


def test_times_are_the_creation_and_the_seconds_that_the_epochs_took(run, uri, client):
    (logged,) = log(run, uri)
    created_at = 1_767_225_600_000  # 2026-01-01 in UTC
    points = client.get_metric_history(logged.mlflow_run_id, "val_loss")
    assert [point.timestamp - created_at for point in points] == [25_000 * epoch for epoch in range(1, 41)]
    info = client.get_run(logged.mlflow_run_id).info
    assert (info.start_time, info.end_time) == (created_at, created_at + 40 * 25_000)


def test_every_file_comes_along_and_no_link_is_followed(run, uri, client, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("of the user")
    run.folder.plot_path.unlink()
    run.folder.plot_path.symlink_to(secret)
    (logged,) = log(run, uri)
    names = {artifact.path for artifact in client.list_artifacts(logged.mlflow_run_id)}
    assert names == {"metrics.json", "config.json", "history.csv", "daily_errors.csv", "model.keras"}
    copy = client.download_artifacts(logged.mlflow_run_id, "model.keras", str(tmp_path))
    assert Path(copy).read_bytes() == b"a network"


def test_a_run_is_logged_once_and_another_experiment_is_another_matter(run, uri, client):
    (first,) = log(run, uri)
    (second,) = log(run, uri)
    assert (second.state, second.mlflow_run_id) == ("there", first.mlflow_run_id)
    assert log(run, uri, "other")[0].state == "logged"
    assert len(list_runs(client)) == len(list_runs(client, "other")) == 1


STEPS = ("create_run", "log_batch", "log_artifact", "set_terminated")


@pytest.mark.thorough
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("step", STEPS)
def test_a_kill_at_any_step_leaves_nothing_that_the_next_time_does_not_mend(run, uri, client, monkeypatch, step, after):
    from mlflow import MlflowClient

    original = getattr(MlflowClient, step)

    def die(*arguments, **named):
        if after:
            original(*arguments, **named)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(MlflowClient, step, die)
        with pytest.raises(KeyboardInterrupt):
            log(run, uri)
    finished = [stored.info.status for stored in list_runs(client)] == ["FINISHED"]
    assert finished == (step == "set_terminated" and after), "what is half there must not look whole"
    (logged,) = log(run, uri)
    assert logged.state == ("there" if finished else "logged")
    (stored,) = list_runs(client)
    assert stored.info.status == "FINISHED"
    assert len(client.get_metric_history(stored.info.run_id, "val_loss")) == 40
    assert len(client.list_artifacts(stored.info.run_id)) == 6


def test_more_figures_than_a_server_takes_at_once_go_in_several_requests(tmp_path, uri, client, monkeypatch):
    from mlflow import MlflowClient

    sizes = []
    log_batch = MlflowClient.log_batch

    def count(self, run_id, metrics=(), params=()):
        sizes.append(len(metrics) + len(params))
        log_batch(self, run_id, metrics, params)

    monkeypatch.setattr(MlflowClient, "log_batch", count)
    folder = save_made_run(tmp_path / "runs", "long", val_loss=[0.3 - i / 1e4 for i in range(300)])
    (logged,) = log(Run(folder, folder.read_metrics()), uri)
    assert max(sizes) <= 1000 < sum(sizes)
    assert len(client.get_metric_history(logged.mlflow_run_id, "val_mae_in_unit")) == 300


def test_an_id_with_quotation_marks_is_found_again(run, uri, client):
    run = Run(run.folder, replace(run.metrics, run_id="""it's a "run" `with` %s"""))
    assert [log(run, uri)[0].state for _ in range(2)] == ["logged", "there"]


def test_what_older_runs_have_not_measured_is_no_figure(run):
    naive = replace(run.metrics.naive, test_mae=None, test_mae_in_unit=None)
    record = describe_run(Run(run.folder, replace(run.metrics, naive=naive)))
    names = {name for name, *_ in record.metrics}
    assert "naive_val_mae" in names
    assert "naive_test_mae" not in names


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"status": "interrupted"}, "dropout-s1: interrupted; only complete runs"),
        ({"created_at": "yesterday"}, "created_at is 'yesterday', not a time"),
        (
            {
                "history": Curves(loss=[], val_loss=[], train_mae=[]),
                "timing": Timing(seconds=0.0, epoch_seconds=[], train_windows_per_second=None),
            },
            "only complete runs",
        ),
    ],
)
def test_a_run_that_cannot_be_logged_is_named(run, change, message):
    with pytest.raises(DataError, match=message):
        describe_run(Run(run.folder, replace(run.metrics, **change)))


@pytest.mark.parametrize(
    ("uri", "kind", "message"),
    [
        ("", UsageError, "expected a tracking URI such as sqlite:///mlflow.db"),
        ("./mlruns", UsageError, "sqlite:///mlflow.db"),
        ("foo://bar", UsageError, "unsupported URI 'foo://bar'"),
        ("sqlite:", UsageError, "Could not parse"),
        ("http:/nowhere", UsageError, "Invalid url"),
        ("sqlite:////proc/none/mlflow.db", RdropError, "unable to open database file"),
        ("http://user:secret@127.0.0.1:9", RdropError, r"mlflow: http://\*\*\*@127.0.0.1:9: API request to http"),
    ],
)
def test_a_store_that_is_none_or_not_there_is_told_in_one_line(uri, kind, message, monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(RdropError, match=message) as caught:
        list(log_records([], uri, "rdrop"))
    assert isinstance(caught.value, UsageError) is (kind is UsageError)
    assert "\n" not in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_file_that_is_no_database_is_told(tmp_path):
    (tmp_path / "mlflow.db").write_text("no database at all, but long enough to be looked at" * 20)
    with pytest.raises(RdropError, match="file is not a database"):
        list(log_records([], f"sqlite:///{tmp_path / 'mlflow.db'}", "rdrop"))


def test_what_the_user_has_set_stays_set_and_nothing_else_does(uri, monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "7")
    before = dict(os.environ)
    list(log_records([], uri, "rdrop"))
    assert dict(os.environ) == before


def test_the_store_is_an_ordinary_one(run, uri, tmp_path):
    log(run, uri)
    with closing(sqlite3.connect(tmp_path / "mlflow.db")) as database:
        assert database.execute("SELECT name, status FROM runs").fetchall() == [("dropout-s1", "FINISHED")]
