"""A run's folder: where each of its files is, who may write in it, and how it comes into being."""

import json
import os
import secrets
import socket
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rdrop_cli.errors import DataError, RdropError
from rdrop_cli.files import make_folder, remove_temporaries, sync, write_json
from rdrop_cli.locks import LockedError, hold_lock, is_lock_held
from rdrop_cli.runs.schema import READABLE, SCHEMA_VERSION, find_fault, measure_depth, upgrade_document
from rdrop_cli.study.config import RunConfig

MAX_DOCUMENT_BYTES = 64 << 20  # a million epochs
MAX_DEPTH = 20  # of lists and objects in each other; rdrop's own documents have four
LOOK_SECONDS = 0.2  # longer than `is_locked` holds the lock to look at it


@dataclass(frozen=True)
class RunFolder:
    """The folder of one run; its name is the run's id."""

    path: Path

    @property
    def run_id(self) -> str:
        return self.path.name

    @property
    def config_path(self) -> Path:
        return self.path / "config.json"

    @property
    def metrics_path(self) -> Path:
        return self.path / "metrics.json"

    @property
    def history_path(self) -> Path:
        return self.path / "history.csv"

    @property
    def daily_errors_path(self) -> Path:
        return self.path / "daily_errors.csv"

    @property
    def plot_path(self) -> Path:
        return self.path / "loss.png"

    @property
    def model_path(self) -> Path:
        return self.path / "model.keras"

    @property
    def checkpoints_path(self) -> Path:
        return self.path / "checkpoints"

    def read_config(self) -> RunConfig:
        """Read the configuration.

        Raises:
            DataError: it is not there or not a configuration of this schema.
        """
        value = read_document(self.config_path)
        try:
            return RunConfig.from_json({name: item for name, item in value.items() if name != "created_at"})
        except (DataError, OverflowError) as error:  # a number that no float can hold
            raise DataError(f"{self.config_path}: {error}") from error

    def read_created_at(self) -> str:
        """Return when the run was created, in UTC, ISO 8601."""
        return str(read_document(self.config_path).get("created_at"))

    def read_metrics(self) -> dict[str, Any]:
        """Read the metrics; `status` is `running` while a process holds the run's lock.

        Raises:
            DataError: they are not there or not metrics of this schema.
        """
        metrics = read_document(self.metrics_path)
        if fault := find_fault(metrics):
            raise DataError(f"{self.metrics_path}: not a run's metrics: {fault}")
        if metrics.get("status") == "interrupted" and self.is_locked():
            metrics["status"] = "running"
        return metrics

    def is_locked(self) -> bool:
        """Whether a live process is at work on the run: told by a file lock, not by a stored word."""
        return is_lock_held(self.lock_path)

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the run for this process; the kernel lets go of it when the process ends, however it ends.

        Raises:
            RdropError: another process holds it, named with its host.
        """
        try:
            with hold_lock(self.lock_path, LOOK_SECONDS):
                self._clean_up()
                write_json(self._owner_path, {"pid": os.getpid(), "host": socket.gethostname()})
                yield
        except LockedError as error:
            raise RdropError(f"{self.run_id}: locked by {self._describe_owner()}; wait for it or stop it") from error

    def _clean_up(self) -> None:
        """Remove what a killed process has left half-written, and refuse to write anywhere but in this folder."""
        if self.checkpoints_path.is_symlink():
            raise RdropError(f"{self.checkpoints_path}: is a link; a run is written in its own folder only")
        remove_temporaries(self.path)
        remove_temporaries(self.checkpoints_path)

    def _describe_owner(self) -> str:
        try:
            owner = json.loads(self._owner_path.read_text(encoding="utf-8"))
            return f"process {owner['pid']} on {owner['host']}"
        except (OSError, ValueError, KeyError, TypeError):
            return "another process"

    @property
    def lock_path(self) -> Path:
        return self.path / ".lock"

    @property
    def _owner_path(self) -> Path:
        return self.path / ".owner.json"


def check_writable(runs_dir: Path) -> None:
    """Make the runs folder if need be, write and lock in it, to fail before hours of work and not after.

    Raises:
        RdropError: no file can be locked.
        OSError: it cannot be made or written.
    """
    make_folder(runs_dir)
    with tempfile.NamedTemporaryFile(dir=runs_dir, prefix=".") as file, hold_lock(Path(file.name), 0):
        pass


def create_run_folder(runs_dir: Path, config: RunConfig) -> RunFolder:
    """Make a folder for a new run, named by label, seed, time and four random digits, and write its config.

    Raises:
        OSError: `runs_dir` cannot be written.
    """
    created_at = datetime.now(UTC)
    make_folder(runs_dir)
    while True:
        folder = RunFolder(
            runs_dir / f"{config.label}-s{config.seed}-{created_at:%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
        )
        try:
            folder.path.mkdir()
        except FileExistsError:
            continue
        break
    sync(runs_dir)
    document = {"schema_version": SCHEMA_VERSION, "created_at": created_at.isoformat(timespec="seconds")}
    write_json(folder.config_path, document | config.to_json())
    return folder


def read_document(path: Path) -> dict[str, Any]:
    """Read a JSON object that carries a schema's version, and return it as this schema has it, without the version.

    Raises:
        DataError: naming the file and what is wrong with it.
    """
    try:
        value = json.loads(_read_small_file(path), parse_constant=_refuse_constant)
    except FileNotFoundError as error:
        raise DataError(f"{path}: is not there; the folder is no finished rdrop run") from error
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"{path}: cannot be read as JSON ({error})") from error
    if measure_depth(value) > MAX_DEPTH:
        raise DataError(f"{path}: is nested deeper than {MAX_DEPTH} levels")
    version = value.pop("schema_version", None) if isinstance(value, dict) else None
    if type(version) is not int or version not in READABLE:
        raise DataError(f"{path}: expected schema version {SCHEMA_VERSION} or lower, received {version!r:.40}")
    return upgrade_document(value, version)


def _refuse_constant(name: str) -> None:
    """Refuse NaN and the infinities, which are no JSON: a document with one is not even equal to itself."""
    raise ValueError(f"{name} is no JSON")


def _read_small_file(path: Path) -> str:
    """Read a regular file's text; a pipe or a device in its place could keep a reader for ever."""
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise ValueError("not a regular file")
    if status.st_size > MAX_DOCUMENT_BYTES:
        raise ValueError(f"{status.st_size} bytes; at most {MAX_DOCUMENT_BYTES} are read")
    return path.read_text(encoding="utf-8")
