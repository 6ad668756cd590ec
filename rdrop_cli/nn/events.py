"""A run's epochs as event files, the format that TensorBoard reads.

The checkpoint is authoritative: every session begins a new file with the history so far and removes the old ones, so
no epoch appears twice, even after a kill. TensorFlow writes the records; TensorBoard is not needed.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from types import TracebackType

import tensorflow as tf

from rdrop_cli.errors import DataError, RdropError
from rdrop_cli.runs.folder import RunFolder
from rdrop_cli.runs.history import Epoch, History

FOLDER = "tensorboard"
PREFIX = "events.out.tfevents."
VERSION = "brain.Event:2"  # version of the records; the first record holds it

Event, Summary, SessionLog = tf.compat.v1.Event, tf.compat.v1.Summary, tf.compat.v1.SessionLog


def has_event_log(folder: RunFolder) -> bool:
    """Whether a run was started with event files."""
    return (folder.path / FOLDER).is_dir()


class EventLog:
    """Scalars by epoch, and the configuration as text; a context manager that closes the file.

    `loss`, `val_loss` and `train_mae` are standardised errors, `val_mae_in_unit` is in the target's own unit; networks
    with quantiles or several horizons have more, see `Epoch.list_extra_figures`. The format stores float32. An epoch's
    wall time is the run's creation plus the seconds that its epochs took, so TensorBoard's relative time is training
    time, whether or not the run was interrupted.
    """

    def __init__(self, folder: RunFolder, target_std: float, leads: Sequence[int]) -> None:
        self._folder, self._leads = folder, leads
        self._path = folder.path / FOLDER
        self._target_std = target_std
        self._wall_time = 0.0
        self._writer: tf.io.TFRecordWriter | None = None

    def __enter__(self) -> "EventLog":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._writer:
            with _name_in_errors(self._path):
                self._writer.close()

    def begin(self, history: History) -> None:
        """Replace any existing files by a new one with the history so far.

        Raises:
            RdropError: the folder is a link, or cannot be written; DataError: the run's creation time is not valid.
        """
        if self._path.is_symlink():
            raise RdropError(f"{self._path}: is a link; a run is written only in its own folder")
        self._wall_time = _read_creation(self._folder)
        self._path.mkdir(exist_ok=True)
        for old in self._path.glob(f"{PREFIX}*"):
            old.unlink()
        with _name_in_errors(self._path):
            self._writer = tf.io.TFRecordWriter(str(self._path / f"{PREFIX}{time.time_ns()}.rdrop"))
        self._write(Event(wall_time=self._wall_time, file_version=VERSION))
        # Makes a reader that is watching discard what it has read from an earlier session's file.
        self._write(Event(wall_time=self._wall_time, step=0, session_log=SessionLog(status=SessionLog.START)))
        self._write_summary(0, [_describe_as_text("config", self._folder.config_path.read_text(encoding="utf-8"))])
        for epoch in history.epochs:
            self.add(epoch)

    def add(self, epoch: Epoch) -> None:
        """Append one epoch and flush it, so that readers see it at once."""
        self._wall_time += epoch.seconds
        scalars = {
            "loss": epoch.loss,
            "val_loss": epoch.val_loss,
            "train_mae": epoch.train_mae,
            "val_mae_in_unit": epoch.val_loss * self._target_std,
            **epoch.list_extra_figures(self._leads),
        }
        self._write_summary(epoch.epoch, [Summary.Value(tag=tag, simple_value=value) for tag, value in scalars.items()])

    def _write_summary(self, step: int, values: list[tf.compat.v1.Summary.Value]) -> None:
        self._write(Event(wall_time=self._wall_time, step=step, summary=Summary(value=values)))

    def _write(self, event: tf.compat.v1.Event) -> None:
        assert self._writer, "begin() comes first"
        with _name_in_errors(self._path):
            self._writer.write(event.SerializeToString())
            self._writer.flush()


@contextmanager
def _name_in_errors(path: Path) -> Iterator[None]:
    """Raise TensorFlow's file errors as `RdropError`; it reports a full disk as exhausted resources, like memory."""
    try:
        yield
    except tf.errors.OpError as error:
        raise RdropError(f"{path}: cannot be written ({error.message})") from error


def _read_creation(folder: RunFolder) -> float:
    """Return when the run was created, in seconds since 1970."""
    created_at = folder.read_created_at()
    try:
        return datetime.fromisoformat(created_at).timestamp()
    except ValueError as error:
        raise DataError(f"{folder.config_path}: created_at is {created_at!r:.40}, not a time") from error


def _describe_as_text(tag: str, text: str) -> tf.compat.v1.Summary.Value:
    """Return a text for TensorBoard's text page, indented so that it is shown verbatim."""
    metadata = tf.compat.v1.SummaryMetadata(plugin_data={"plugin_name": "text"})
    indented = "".join(f"    {line}\n" for line in text.splitlines())
    return Summary.Value(tag=tag, metadata=metadata, tensor=tf.make_tensor_proto(indented, dtype=tf.string))
