"""Show how long work goes on: live where there is a terminal, plain lines where there is none; all on stderr."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType

from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from rdrop_cli.cli.console import make_console
from rdrop_cli.runs.history import Epoch
from rdrop_cli.study.config import RunConfig
from rdrop_cli.study.units import format_error, name_target
from rdrop_cli.training.loop import Callback


class TrainingDisplay:
    """One line for each run that is at work, in one display."""

    def __init__(self) -> None:
        self.console = make_console()
        self.bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[state]}"),
            TimeElapsedColumn(),
            TimeRemainingColumn(elapsed_when_finished=True),
            console=self.console,
            disable=not self.console.is_terminal,
            transient=True,
        )

    def __enter__(self) -> "TrainingDisplay":
        self.bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bar.stop()

    def note(self, text: str) -> None:
        """Print a line above the display."""
        self.console.print(text, markup=False)


class RunProgress(Callback):
    """The `Callback` of one run, in a display."""

    def __init__(self, display: TrainingDisplay) -> None:
        self._display = display
        self.run_id: str | None = None
        self._task: TaskID = display.bar.add_task("", visible=False, state="")

    def begin(self, run_id: str, config: RunConfig, epochs_done: int, target_std: float) -> None:
        self.run_id, self._config, self._target_std = run_id, config, target_std
        self._unit = name_target(config.protocol.target)[1]
        self._start, self._epochs_before = time.monotonic(), epochs_done
        steps = config.protocol.steps_per_epoch
        self._name = f"{config.full_label} s{config.seed}"
        resuming = f", resuming after epoch {epochs_done}" if epochs_done else ""
        self.note(f"{run_id}: {config.epochs} epochs of {steps} steps{resuming}")
        # Not a new line: a run whose worker was lost begins once more.
        self._display.bar.reset(
            self._task,
            total=config.epochs * steps,
            completed=epochs_done * steps,
            description=self._name,
            visible=True,
            state="",
        )

    def step(self, epoch: int, step: int, loss: float) -> None:
        self._display.bar.update(
            self._task,
            completed=(epoch - 1) * self._config.protocol.steps_per_epoch + step,
            description=f"{self._name} epoch {epoch}/{self._config.epochs}",
            state=f"loss {loss:.4f}",
        )

    def measure(self, what: str) -> None:
        self._display.bar.update(self._task, state=f"measuring {what} error")

    def epoch(self, epoch: Epoch) -> None:
        done = epoch.epoch - self._epochs_before
        elapsed = time.monotonic() - self._start
        in_unit = format_error(epoch.val_loss * self._target_std, self._unit)
        remaining = elapsed / done * (self._config.epochs - epoch.epoch)
        self.note(
            f"{self._name}  epoch {epoch.epoch:>2}/{self._config.epochs}"
            f"  loss {epoch.loss:.4f}  val_loss {epoch.val_loss:.4f} ({in_unit})"
            f"  train_mae {epoch.train_mae:.4f}  {format_seconds(elapsed)} elapsed, {format_seconds(remaining)} left"
        )
        if epoch.epoch == self._config.epochs:
            self._display.bar.update(self._task, visible=False)

    def end(self, reason: str) -> None:
        self._display.bar.update(self._task, visible=False)
        self.note(f"{self._name}  {reason}")

    def note(self, text: str) -> None:
        self._display.note(text)


@contextmanager
def show_download() -> Iterator[Callable[[int, int | None], None]]:
    """Yield what is told the bytes so far and in all, and shows them as a bar where there is a terminal."""
    console = make_console()
    columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("download", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def format_seconds(seconds: float) -> str:
    """Render a duration as 1:02:03 or 2:03."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
