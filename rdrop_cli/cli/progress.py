"""Show how training goes on: live where there is a terminal, a plain line an epoch where there is none."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType

from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from rdrop_cli.cli.console import make_console
from rdrop_cli.runs.history import Epoch
from rdrop_cli.study.config import RunConfig


class TrainingProgress:
    """A `Reporter` for the terminal; everything goes to stderr."""

    def __init__(self) -> None:
        self.console = make_console()
        self.run_id: str | None = None
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[loss]}"),
            TimeElapsedColumn(),
            TimeRemainingColumn(elapsed_when_finished=True),
            console=self.console,
            disable=not self.console.is_terminal,
            transient=True,
        )

    def __enter__(self) -> "TrainingProgress":
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def begin(self, run_id: str, config: RunConfig, epochs_done: int, degc_per_unit: float) -> None:
        self.run_id, self._config, self._degc_per_unit = run_id, config, degc_per_unit
        self._steps = config.protocol.steps_per_epoch
        self._start, self._epochs_before = time.monotonic(), epochs_done
        going_on = f", going on after epoch {epochs_done}" if epochs_done else ""
        self.note(f"{run_id}: {config.epochs} epochs of {self._steps} steps{going_on}")
        for task in self._bar.task_ids:
            self._bar.remove_task(task)
        self._task = self._bar.add_task(
            config.variant, total=config.epochs * self._steps, completed=epochs_done * self._steps, loss=""
        )

    def step(self, epoch: int, step: int, loss: float) -> None:
        self._bar.update(
            self._task,
            completed=(epoch - 1) * self._steps + step,
            description=f"{self._config.variant} epoch {epoch}/{self._config.epochs}",
            loss=f"loss {loss:.4f}",
        )

    def measure(self, what: str) -> None:
        self._bar.update(self._task, loss=f"measuring {what} error")

    def epoch(self, epoch: Epoch) -> None:
        done = epoch.epoch - self._epochs_before
        elapsed = time.monotonic() - self._start
        remaining = elapsed / done * (self._config.epochs - epoch.epoch)
        self.note(
            f"{self._config.variant} s{self._config.seed}  epoch {epoch.epoch:>2}/{self._config.epochs}"
            f"  loss {epoch.loss:.4f}  val_loss {epoch.val_loss:.4f} ({epoch.val_loss * self._degc_per_unit:.2f} °C)"
            f"  train_mae {epoch.train_mae:.4f}  {format_seconds(elapsed)} elapsed, {format_seconds(remaining)} left"
        )

    def note(self, text: str) -> None:
        self.console.print(text, markup=False)


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
