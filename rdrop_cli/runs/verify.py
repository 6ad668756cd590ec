"""Verify a run: its files against their record, and its derived files against its checkpoint.

Nothing is written, and no network is computed; `training.replay` computes networks.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from msgspec.structs import asdict

from rdrop_cli.errors import DataError
from rdrop_cli.files import read_small_text, sha256_of_file
from rdrop_cli.runs.checkpoint import Checkpoint, list_checkpoints, read_checkpoint
from rdrop_cli.runs.document import Metrics
from rdrop_cli.runs.folder import RunFolder
from rdrop_cli.runs.history import History
from rdrop_cli.runs.metrics import Setting, build_metrics
from rdrop_cli.runs.record import RECORD, list_files, read_record
from rdrop_cli.runs.schema import read_metrics
from rdrop_cli.series.table import Source
from rdrop_cli.study.config import RunConfig

# Fields that the first versions did not record or counted differently.
NOT_IN_OLDER = ("epochs", "timing", "unit", "engine", "cell")


@dataclass(frozen=True)
class Fault:
    """A file that is not as it should be, and the problem."""

    file: str
    problem: str

    def __str__(self) -> str:
        return f"{self.file}: {self.problem}"


@dataclass
class Verification:
    """The result of verifying a run.

    Attributes:
        files: number of files that match their record.
        faults: files that are not as they should be.
        notes: what could not be checked, and why.
        lacks_record: whether the run lacks a record that it should have, because an earlier version completed it.
        replayed: how the run compares with its replay, as text.
    """

    run_id: str
    files: int = 0
    faults: list[Fault] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    lacks_record: bool = False
    replayed: str | None = None

    @property
    def is_whole(self) -> bool:
        return not self.faults

    def blame(self, file: str, problem: str) -> None:
        """Add a fault, unless the file already has one: the first is the most informative."""
        if file not in {fault.file for fault in self.faults}:
            self.faults.append(Fault(file, problem))


def verify_run(folder: RunFolder) -> Verification:
    """Verify a run that no process is working on.

    A complete run is compared with its record. For every run, the documents are checked, the checkpoints are compared
    with their own checksums, and history and metrics are made again from the newest checkpoint and compared.
    """
    found = Verification(folder.run_id)
    config = metrics = None
    try:
        config = folder.read_config()
    except DataError as error:
        found.blame(folder.config_path.name, _shorten(folder, error))
    was_recorded = (folder.path / RECORD).exists()
    if not (was_recorded or folder.metrics_path.exists() or list_checkpoints(folder.checkpoints_path)):
        found.notes.append(f"has no {folder.metrics_path.name} yet: it was stopped before its first epoch ended")
        return found
    try:
        metrics = read_metrics(folder.metrics_path)
    except DataError as error:
        found.blame(folder.metrics_path.name, _shorten(folder, error))
    if metrics is None or metrics.status == "completed":
        _compare_with_record(folder, found)
    checkpoint = _read_checkpoints(folder, found)
    if config and metrics:
        _compare_derived(folder, config, metrics, checkpoint, found)
    return found


def _shorten(folder: RunFolder, error: DataError) -> str:
    return str(error).removeprefix(f"{folder.path}/").partition(": ")[2] or str(error)


def _compare_with_record(folder: RunFolder, found: Verification) -> None:
    try:
        record = read_record(folder)
    except DataError as error:
        found.blame(RECORD, str(error))
        return
    if record is None:
        found.lacks_record = True
        found.notes.append(f"no {RECORD}, as of earlier versions: what is not derived cannot be checked")
        return
    there = set(list_files(folder))
    for name, digest in record.items():
        path = folder.path / name
        if name not in there:
            found.blame(name, "is missing")
        elif path.is_symlink():
            found.blame(name, "is a link")
        elif problem := _check_sum(path, digest):
            found.blame(name, problem)
        else:
            found.files += 1
    added = there - record.keys()
    if folder.daily_coverage_path.name in added:  # by a command that was killed before it could record the file
        found.blame(folder.daily_coverage_path.name, f"is not in {RECORD}: it may be of another run")
    found.notes += [f"{name}: not in {RECORD}" for name in sorted(added - {folder.daily_coverage_path.name})]


def _check_sum(path: Path, digest: str) -> str | None:
    try:
        return None if sha256_of_file(path) == digest else f"is not what {RECORD} says: it was changed or damaged"
    except OSError as error:
        return f"cannot be read ({error.strerror})"


def _read_checkpoints(folder: RunFolder, found: Verification) -> Checkpoint | None:
    """Read every checkpoint; return the newest intact one."""
    newest = None
    for path in list_checkpoints(folder.checkpoints_path):
        try:
            checkpoint = read_checkpoint(path)
        except Exception as error:  # as in `load_checkpoint`: the file is untrusted
            found.blame(f"checkpoints/{path.name}", f"cannot be read: {error}")
        else:
            newest = newest or checkpoint
    return newest


def _compare_derived(
    folder: RunFolder, config: RunConfig, metrics: Metrics, checkpoint: Checkpoint | None, found: Verification
) -> None:
    name = folder.metrics_path.name
    if metrics.run_id != folder.written_id:
        found.notes.append(f"the folder was renamed; {name} calls the run {metrics.run_id}")
    if metrics.dataset.sha256 != config.dataset_sha256:
        found.blame(name, f"dataset.sha256 is not that of {folder.config_path.name}")
    if checkpoint is None:
        if metrics.has_epochs:
            found.blame("checkpoints", "none can be read, so nothing can be made again from one")
        return
    history = History(checkpoint.history.epochs, config.protocol.best_by)
    kept, epochs = len(history.epochs), len(metrics.history.loss)
    if kept < epochs or (kept > epochs and metrics.status == "completed"):
        found.blame("checkpoints", f"the newest that can be read is of epoch {kept}, {name} has {epochs}")
        return
    _compare_history(folder, metrics, history.to_csv(metrics.target_std, config.own_protocol.leads), found)
    if epochs:  # a run may have been stopped between writing its checkpoint and its derived files
        for field_name in _find_differences(folder, config, metrics, History(history.epochs[:epochs], history.best_by)):
            found.blame(name, f"{field_name} is not what the checkpoint and {folder.config_path.name} make it")


def _find_differences(folder: RunFolder, config: RunConfig, metrics: Metrics, history: History) -> Iterator[str]:
    """Yield the fields of the metrics that differ from the metrics made again."""
    made = rebuild_metrics(metrics, config, folder.read_created_at(), history)
    older = not metrics.history.val_mse
    for field_name in Metrics.__struct_fields__:
        if older and field_name in NOT_IN_OLDER:
            continue
        if getattr(made, field_name) != getattr(metrics, field_name):
            yield field_name


def rebuild_metrics(metrics: Metrics, config: RunConfig, created_at: str, history: History) -> Metrics:
    """Make the metrics of a run again, from its configuration, its epochs and the figures that were measured once."""
    setting = Setting(
        source=Source(**asdict(metrics.dataset)),
        target_std=metrics.target_std,
        naive_val_mae=metrics.naive.val_mae,
        naive_test_mae=metrics.naive.test_mae,
        train_windows_per_epoch=config.own_protocol.epoch_windows,
        environment=metrics.environment,
        engine=metrics.engine or "",
        standardisation=metrics.standardisation,
    )
    test_mae = metrics.test.mae if metrics.test else None
    status = metrics.status if metrics.status != "running" else "interrupted"
    measured = test_mae, metrics.failure, metrics.by_horizon, metrics.quantiles
    return build_metrics(metrics.run_id, created_at, config, setting, history, status, *measured)


def _compare_history(folder: RunFolder, metrics: Metrics, made: str, found: Verification) -> None:
    name = folder.history_path.name
    try:
        text = read_small_text(folder.history_path)
    except FileNotFoundError:
        if metrics.status == "completed":
            found.blame(name, "is missing")
        return
    except (OSError, ValueError) as error:
        found.blame(name, f"cannot be read ({error})")
        return
    if text.partition("\n")[0] != made.partition("\n")[0]:
        found.notes.append(f"{name}: has the columns of another version, and was not compared")
    elif text != made and not (metrics.status != "completed" and made.startswith(text)):
        found.blame(name, "is not what the checkpoint makes it")
