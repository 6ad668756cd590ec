"""A run's epochs as event files, the form that TensorBoard reads.

The checkpoint stays the truth: every session begins a new file with the history so far and removes the old ones, so
that no epoch stands there twice, whatever a kill has left. The records are TensorFlow's own and need no TensorBoard.
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
VERSION = "brain.Event:2"  # of the records, and the first of them

Event, Summary, SessionLog = tf.compat.v1.Event, tf.compat.v1.Summary, tf.compat.v1.SessionLog


def has_event_log(folder: RunFolder) -> bool:
    """Whether a run was begun with event files."""
    return (folder.path / FOLDER).is_dir()


class EventLog:
    """Scalars by epoch, and the configuration as text; to be left as a context, which closes the file.

    `loss`, `val_loss` and `train_mae` are standardised errors, `val_mae_in_unit` is in the target's own unit; networks
    of quantiles and of several horizons have more, see `Epoch.list_extra_figures`. The form holds float32. An epoch's
    wall time is the run's creation plus the seconds that its epochs have taken: what TensorBoard shows as relative time
    is time at work, and the same whether the run was stopped in between or not.
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
        """Put a new file with the history so far in the place of what is there.

        Raises:
            RdropError: the folder is a link, or cannot be written; DataError: the run does not tell its beginning.
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
        # Makes a reader that is looking on forget what it has of an earlier session's file.
        self._write(Event(wall_time=self._wall_time, step=0, session_log=SessionLog(status=SessionLog.START)))
        self._write_summary(0, [_describe_as_text("config", self._folder.config_path.read_text(encoding="utf-8"))])
        for epoch in history.epochs:
            self.add(epoch)

    def add(self, epoch: Epoch) -> None:
        """Append one epoch, readable from then on."""
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
    """Raise as ours what TensorFlow says of a file; a full disk it calls exhausted resources, as it does memory."""
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
    """Return a text for TensorBoard's page of texts, which takes an indented one as it stands."""
    metadata = tf.compat.v1.SummaryMetadata(plugin_data={"plugin_name": "text"})
    indented = "".join(f"    {line}\n" for line in text.splitlines())
    return Summary.Value(tag=tag, metadata=metadata, tensor=tf.make_tensor_proto(indented, dtype=tf.string))
