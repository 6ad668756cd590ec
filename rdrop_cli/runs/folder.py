"""A run's folder: the paths of its files, the lock to write in it, and its creation."""

import json
import os
import secrets
import socket
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from msgspec.structs import replace

from rdrop_cli.errors import RdropError, make_printable
from rdrop_cli.files import make_folder, read_small_text, remove_temporaries, sync, write_json
from rdrop_cli.locks import LockedError, hold_lock, is_lock_held
from rdrop_cli.runs.document import Metrics, Summary
from rdrop_cli.runs.schema import read_config, read_metrics, write_config
from rdrop_cli.study.config import RunConfig

Told = TypeVar("Told", Metrics, Summary)
LOOK_SECONDS = 0.2  # longer than `is_locked` holds the lock while checking it

MODEL_NAME = "model.keras"  # for networks


@dataclass(frozen=True)
class RunFolder:
    """The folder of one run; its name is the run's id.

    The path is stored as text, because few of a hundred thousand folders in a list are ever opened.
    """

    place: str | Path

    def __post_init__(self) -> None:
        object.__setattr__(self, "place", str(self.place))

    @property
    def path(self) -> Path:
        return Path(self.place)

    @property
    def run_id(self) -> str:
        return os.path.basename(self.place)  # noqa: PTH119 -- of a hundred thousand

    @property
    def written_id(self) -> str:
        """The id as written in documents, with unprintable characters escaped."""
        return make_printable(self.run_id)

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
    def daily_test_errors_path(self) -> Path:
        return self.path / "daily_test_errors.csv"

    @property
    def daily_coverage_path(self) -> Path:
        return self.path / "daily_coverage.csv"

    @property
    def readings_path(self) -> Path:
        return self.path / "readings.npz"

    @property
    def plot_path(self) -> Path:
        return self.path / "loss.png"

    @property
    def model_path(self) -> Path:
        return self.path / MODEL_NAME

    @property
    def checkpoints_path(self) -> Path:
        return self.path / "checkpoints"

    def read_config(self) -> RunConfig:
        """Read the configuration.

        Raises:
            DataError: it is missing, or is not a run's configuration.
        """
        return read_config(self.config_path)[0]

    def read_created_at(self) -> str:
        """Return when the run was created, in UTC, ISO 8601.

        Raises:
            DataError: as for `read_config`.
        """
        return read_config(self.config_path)[1]

    def read_metrics(self) -> Metrics:
        """Read the metrics; `status` is `running` while a process holds the run's lock.

        Raises:
            DataError: they are missing, or are not a run's metrics.
        """
        return self.bring_up_to_date(read_metrics(self.metrics_path))

    def bring_up_to_date(self, run: Told) -> Told:
        """Return a run's document with the folder's name as its id, and the status `running` if a process holds it."""
        if run.run_id != self.written_id:
            run = replace(run, run_id=self.written_id)
        if run.status not in ("interrupted", "running"):  # rdrop itself never writes `running`
            return run
        return replace(run, status="running" if self.is_locked() else "interrupted")

    def is_in(self, runs_dir: Path) -> bool:
        """Whether this folder is in a runs folder, wherever links in either path lead."""
        return self.path.resolve().parent == runs_dir.resolve()

    def is_locked(self) -> bool:
        """Whether a live process is working on the run, according to a file lock rather than a stored status."""
        return is_lock_held(self.lock_path)

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Lock the run for this process; the kernel releases the lock when the process ends, however it ends.

        Raises:
            RdropError: another process (named with its host) holds the run, or has removed it; or the run is a link.
        """
        self._refuse_links()
        with ExitStack() as held:
            try:
                held.enter_context(hold_lock(self.lock_path, LOOK_SECONDS))
            except LockedError as error:
                raise RdropError(
                    f"{self.run_id}: run is locked by {self._describe_owner()}; wait for it or stop it"
                ) from error
            except FileNotFoundError as error:
                raise self.refuse_gone() from error
            self._clean_up()
            write_json(self._owner_path, {"pid": os.getpid(), "host": socket.gethostname()})
            yield

    def refuse_gone(self) -> RdropError:
        """Return the error for a run that was removed or renamed."""
        return RdropError(f"{self.run_id}: run is not in {self.path.parent} any more; it was removed or renamed")

    def _refuse_links(self) -> None:
        """Refuse to write outside this folder, and outside the folder of runs that it is in."""
        for path in (self.path, self.checkpoints_path):
            if path.is_symlink():
                raise RdropError(f"{path}: is a link; a run is written only in its own folder")

    def _clean_up(self) -> None:
        """Remove the half-written files of a killed process."""
        remove_temporaries(self.path)
        remove_temporaries(self.checkpoints_path)

    def _describe_owner(self) -> str:
        try:
            owner = json.loads(read_small_text(self._owner_path))
            return f"process {owner['pid']} on {owner['host']}"
        except (OSError, ValueError, KeyError, TypeError):
            return "another process"

    @property
    def lock_path(self) -> Path:
        return self.path / ".lock"

    @property
    def _owner_path(self) -> Path:
        return self.path / ".owner.json"


def is_runs_folder(runs_dir: Path) -> bool:
    """Return whether the runs folder exists.

    Raises:
        RdropError: it is a file, or a broken link, for example to a disk that is not mounted.
    """
    if runs_dir.is_dir():
        return True
    if runs_dir.exists():
        raise RdropError(f"{runs_dir}: is a file, not a folder of runs", change=["runs_dir"])
    if runs_dir.is_symlink():
        raise RdropError(f"{runs_dir}: links to {runs_dir.readlink()}, which does not exist; is its disk mounted?")
    return False


def require_runs_folder(runs_dir: Path) -> None:
    """Check that a folder from which runs are to be read exists.

    Raises:
        RdropError: it does not, or as for `is_runs_folder`.
    """
    if not is_runs_folder(runs_dir):
        raise RdropError(f"there is no folder {str(runs_dir)!r}", field="runs_dir")


def check_writable(runs_dir: Path) -> None:
    """Create the runs folder if needed, and write and lock a file in it, to fail before hours of work, not after.

    Raises:
        RdropError: it is not a folder, or no file can be locked.
        OSError: it cannot be created or written.
    """
    is_runs_folder(runs_dir)
    make_folder(runs_dir)
    try:
        with tempfile.TemporaryDirectory(dir=runs_dir, prefix=".") as folder, hold_lock(Path(folder) / ".lock", 0):
            pass
    except OSError as error:
        error.filename = str(runs_dir)  # the temporary name means nothing to the user
        raise


def create_run_folder(runs_dir: Path, config: RunConfig) -> RunFolder:
    """Create a folder for a new run, named by label, seed, time and four random digits, and write its config.

    Raises:
        RdropError: `runs_dir` is not a folder.
        OSError: it cannot be written.
    """
    is_runs_folder(runs_dir)
    created_at, label = datetime.now(UTC), config.label.replace(":", ".")
    make_folder(runs_dir)
    while True:
        name = f"{label}-s{config.seed}-{created_at:%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
        folder = RunFolder(runs_dir / name)
        try:
            folder.path.mkdir()
        except FileExistsError:
            continue
        break
    sync(runs_dir)
    write_config(folder.config_path, config, created_at.isoformat(timespec="seconds"))
    return folder
