"""Log complete runs in an MLflow tracking store: each once, even if logging is repeated or was stopped.

A run becomes FINISHED only when it is completely logged. A run that was logged in part before a kill is logged again
under the same MLflow id: parameters, metrics and files depend only on the run, so the part already logged stays valid.
"""

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import asdict

from rdrop_cli.errors import DataError, RdropError, UsageError, ValueRefusedError, tell_extra
from rdrop_cli.runs.comparable import Run
from rdrop_cli.runs.document import Metrics

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run as StoredRun

RUN_ID_TAG = "rdrop.run_id"
DATABASES = ("sqlite", "postgresql", "mysql", "mssql")
ARTIFACTS = (
    "metrics.json",
    "config.json",
    "history.csv",
    "daily_errors.csv",
    "daily_test_errors.csv",
    "daily_coverage.csv",
    "loss.png",
    "model.keras",
    "forecast.npz",
)
METRICS_PER_BATCH = 1000  # MLflow's limit for one request
RUNS_PER_PAGE = 1000
# Set during the call, unless the user has set them: give up a missing store after seconds instead of minutes, show no
# progress bars or notes between rdrop's lines, and send no telemetry.
SETTINGS = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_LOGGING_LEVEL": "ERROR",
    "MLFLOW_DISABLE_TELEMETRY": "true",
}


@dataclass(frozen=True)
class Record:
    """The data of a run to log in MLflow; times are milliseconds since 1970.

    Attributes:
        metrics: tuples (name, value, time, step); the step is the epoch.
    """

    run_id: str
    start_ms: int
    end_ms: int
    params: dict[str, str]
    tags: dict[str, str]
    metrics: list[tuple[str, float, int, int]]
    artifacts: list[Path]


@dataclass(frozen=True)
class Logged:
    """The outcome for a run: its state is `logged`, or `there` if the store already had it completely."""

    run_id: str
    mlflow_run_id: str
    state: str


def describe_run(run: Run) -> Record:
    """Collect the data of a complete run to log.

    An epoch's time is the creation of the run plus the seconds of all epochs up to it, without pauses.

    Raises:
        DataError: the run is not complete, or its configuration or creation time cannot be read.
    """
    metrics = run.metrics
    if metrics.status != "completed" or not metrics.has_epochs:
        raise DataError(f"{metrics.run_id}: {metrics.status}; only complete runs are logged")
    created_at = metrics.created_at
    try:
        start_ms = round(datetime.fromisoformat(created_at).timestamp() * 1000)
    except (ValueError, OverflowError) as error:
        raise DataError(f"{metrics.run_id}: created_at is {created_at!r:.40}, not a time") from error
    seconds = accumulate(metrics.timing.epoch_seconds)
    times = [start_ms + round(1000 * each) for each in seconds]
    return Record(
        run_id=metrics.run_id,
        start_ms=start_ms,
        end_ms=times[-1],
        params=_describe_params(run),
        tags={RUN_ID_TAG: metrics.run_id, **_describe_versions(metrics)},
        metrics=[*_list_curves(metrics, times), *_list_measured(metrics, times)],
        # Links are not followed: in a stranger's folder, a link could point to any file of the user.
        artifacts=[path for name in ARTIFACTS if (path := run.folder.path / name).is_file() and not path.is_symlink()],
    )


def log_records(records: Sequence[Record], uri: str, experiment: str) -> Iterator[Logged]:
    """Log runs one after another, and yield the outcome of each.

    Raises:
        UsageError: the extra is not installed, or the URI or the experiment is not valid; RdropError: the store fails.
    """
    with _set_unless_set(), _raise_own_errors(uri):
        client = _connect(uri)
        experiment_id = _find_or_create_experiment(client, experiment)
        there = _find_logged_runs(client, experiment_id)
        for record in records:
            stored = there.get(record.run_id)
            if stored is None:
                tags = record.tags
                stored = client.create_run(experiment_id, record.start_ms, tags=tags, run_name=record.run_id)
            elif stored.info.status == "FINISHED":
                yield Logged(record.run_id, stored.info.run_id, "there")
                continue
            there[record.run_id] = _log(client, stored.info.run_id, record)
            yield Logged(record.run_id, stored.info.run_id, "logged")


def _log(client: "MlflowClient", mlflow_run_id: str, record: Record) -> "StoredRun":
    from mlflow.entities import Metric, Param

    client.log_batch(mlflow_run_id, params=[Param(key, value) for key, value in record.params.items()])
    metrics = [Metric(*each) for each in record.metrics]
    for start in range(0, len(metrics), METRICS_PER_BATCH):
        client.log_batch(mlflow_run_id, metrics=metrics[start : start + METRICS_PER_BATCH])
    for path in record.artifacts:
        client.log_artifact(mlflow_run_id, str(path))
    client.set_terminated(mlflow_run_id, "FINISHED", record.end_ms)
    return client.get_run(mlflow_run_id)


def _find_or_create_experiment(client: "MlflowClient", name: str) -> str:
    experiment = client.get_experiment_by_name(name)
    return str(experiment.experiment_id if experiment else client.create_experiment(name))


def _find_logged_runs(client: "MlflowClient", experiment_id: str) -> dict[str, "StoredRun"]:
    """Return the experiment's runs by rdrop's id; if several have the same id, a finished one."""
    found: dict[str, StoredRun] = {}
    token = None
    while True:
        # Compared here instead of by a filter: an id from a stranger's file may contain quotation marks.
        page = client.search_runs([experiment_id], max_results=RUNS_PER_PAGE, page_token=token)
        for stored in page:
            run_id = stored.data.tags.get(RUN_ID_TAG)
            if run_id is not None and (run_id not in found or stored.info.status == "FINISHED"):
                found[run_id] = stored
        token = page.token
        if not token:
            return found


def _describe_params(run: Run) -> dict[str, str]:
    """Flatten the configuration; the engine is the one that computed the run, not the requested one."""
    config = run.folder.read_config().to_json()
    protocol = {f"protocol.{name}": value for name, value in config.pop("protocol").items()}
    computed = {"engine": run.metrics.engine, "unit": run.metrics.unit}
    params = {**config, **protocol, **computed, "target_std": run.metrics.target_std}
    return {name: str(value) for name, value in params.items() if value not in (None, "")}


def _describe_versions(metrics: Metrics) -> dict[str, str]:
    return {f"rdrop.environment.{name}": str(value) for name, value in metrics.environment.known().items()}


def _list_curves(metrics: Metrics, times: list[int]) -> Iterator[tuple[str, float, int, int]]:
    history = metrics.history
    curves = {"loss": history.loss, "val_loss": history.val_loss, "train_mae": history.train_mae}
    curves["val_mae_in_unit"] = [value * metrics.target_std for value in history.val_loss]
    for name, curve in curves.items():
        for epoch, (value, time_ms) in enumerate(zip(curve, times, strict=True), start=1):
            yield name, float(value), time_ms, epoch


def _list_measured(metrics: Metrics, times: list[int]) -> Iterator[tuple[str, float, int, int]]:
    """Yield the results that are measured once, at the last epoch, such as `best_val_mae` and `test_mae`."""
    parts = {"best": metrics.best, "final": metrics.final, "test": metrics.test, "naive": metrics.naive}
    for part, figures in parts.items():
        for name, value in asdict(figures).items() if figures else ():
            if value is not None:  # None for the naive test errors of older runs
                yield f"{part}_{name}", float(value), times[-1], len(times)


def _connect(uri: str) -> "MlflowClient":
    """Return a client of a store.

    Raises:
        UsageError: MLflow or a dependency is not installed, or the URI is empty.
    """
    try:
        import sqlalchemy  # noqa: F401 -- mlflow-skinny does not install it, and then supports no database
        from mlflow import MlflowClient
    except ModuleNotFoundError as error:
        raise UsageError(f"needs the mlflow extra: {tell_extra('mlflow')}", field="mlflow") from error
    if not uri:
        raise ValueRefusedError("mlflow", uri, "a tracking URI such as sqlite:///mlflow.db")
    if re.split(r"[+:]", uri)[0] in DATABASES:
        _try_database(uri)
    return MlflowClient(uri)


def _try_database(uri: str) -> None:
    """Connect once: MLflow itself would try for minutes before it reports that a database cannot be reached."""
    import sqlalchemy

    engine = sqlalchemy.create_engine(uri)
    try:
        engine.connect().close()
    finally:
        engine.dispose()


@contextmanager
def _raise_own_errors(uri: str) -> Iterator[None]:
    """Raise the libraries' errors as one line; exceptions are compared by name, as the libraries may not be installed.

    Raises:
        UsageError: the URI or the experiment's name is not valid; RdropError: any other error of the store.
    """
    try:
        yield
    except Exception as error:
        origin, name = type(error).__module__.split(".")[0], type(error).__name__
        if origin not in ("mlflow", "sqlalchemy", "requests") and not isinstance(error, ModuleNotFoundError):
            raise
        invalid = getattr(error, "error_code", "") == "INVALID_PARAMETER_VALUE"
        wrong = invalid or name in ("ArgumentError", "InvalidUrlException")
        raise (UsageError if wrong else RdropError)(_describe(uri, error), field="mlflow") from error


def _describe(uri: str, error: Exception) -> str:
    """Render an error in one line, with the user and password of a URI hidden."""
    hint = "; install what it lacks" if isinstance(error, ModuleNotFoundError) else ""
    line = " ".join(f"{uri}: {error}{hint}".split())
    return re.sub(r"://[^/\s]*@", "://***@", line)


@contextmanager
def _set_unless_set() -> Iterator[None]:
    """Set MLflow's environment variables during the block, unless the user has set them."""
    added = {name: value for name, value in SETTINGS.items() if name not in os.environ}
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            os.environ.pop(name, None)
