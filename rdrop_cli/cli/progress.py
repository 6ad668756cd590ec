"""Show the progress of runs on stderr: a live display on a terminal, plain lines otherwise."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType

from rich.console import Group
from rich.live import Live
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.text import Text

from rdrop_cli.cli.console import Verbosity, get_verbosity, make_console, print_wrapped
from rdrop_cli.cli.defaults import name_flag
from rdrop_cli.errors import name_options
from rdrop_cli.runs.history import Epoch, History
from rdrop_cli.study.config import RunConfig
from rdrop_cli.study.units import format_count, format_error, name_target
from rdrop_cli.training.loop import Callback

BAR_COLUMNS = 12
NARROW = 80  # characters; a narrower terminal has no bars


class TrainingDisplay:
    """One line for all runs, and below it a line for each running one.

    Without a terminal, or with TERM=dumb, it prints a line for each finished run; for a single run or with
    `--verbose`, a line for each epoch.
    """

    def __init__(self, stage: str) -> None:
        """Prepare the display; `stage` is shown until the first run begins, such as `importing TensorFlow`."""
        self.console = make_console()
        self.live = self.console.is_terminal and not self.console.is_dumb_terminal
        self._stage = stage
        self._shown = get_verbosity()
        self._runs: list[RunProgress] = []
        self._start = time.monotonic()
        self._first_step_at: float | None = None
        columns: list[str | ProgressColumn] = [
            "{task.description}",
            "epoch {task.fields[epoch]}",
            "{task.fields[state]}",
        ]
        if self.console.width >= NARROW:
            columns.insert(1, BarColumn(bar_width=BAR_COLUMNS))
        self.bars = Progress(*columns, _TimeLeft(), console=self.console, disable=True)
        self._screen = Live(get_renderable=self._render, console=self.console, transient=True, refresh_per_second=4)

    def __enter__(self) -> "TrainingDisplay":
        if self._shown is Verbosity.QUIET:
            return self
        if self.live:
            self._screen.start(refresh=True)
        else:
            self.note(self._stage)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._screen.stop()

    def show_stage(self, stage: str) -> None:
        """Show the current stage; without a terminal, as a line."""
        self._stage = stage
        if not self.live:
            self.note(stage)

    def note(self, text: str) -> None:
        """Print a line above the display."""
        if self._shown is not Verbosity.QUIET:
            print_wrapped(self.console, name_options(text, name_flag))

    def count_step(self) -> None:
        """Start the clock for the speed of training at the first step of any run."""
        self._first_step_at = self._first_step_at or time.monotonic()

    def add(self, run: "RunProgress") -> None:
        """Add a run to be trained."""
        self._runs.append(run)

    @property
    def alone(self) -> bool:
        """Whether there is only one run."""
        return len(self._runs) == 1

    @property
    def detailed(self) -> bool:
        """Whether each epoch is printed as a permanent line."""
        return self.alone or self._shown is Verbosity.VERBOSE

    def describe(self) -> str:
        """Return the progress of all runs: `7 of 20 runs · 4 min left · 2:03 elapsed`."""
        complete = sum(run.ended and run.complete for run in self._runs)
        failed = sum(run.ended and not run.complete for run in self._runs)
        counts = [f"{complete} of {format_count(len(self._runs), 'run')}", *([f"{failed} failed"] if failed else [])]
        return " · ".join((*counts, *self._describe_time()))

    def _describe_time(self) -> Iterator[str]:
        """Yield the remaining time, once a step has been timed, and the time since the start."""
        now = time.monotonic()
        trained = sum(run.steps_trained for run in self._runs)
        left = sum(run.steps_left for run in self._runs)
        if self._first_step_at and trained and left:  # `trained` is 0 if a run has begun again
            yield f"{format_rough(left * (now - self._first_step_at) / trained)} left"
        yield f"{format_clock(now - self._start)} elapsed"

    def _render(self) -> Group:
        begun = any(run.run_id for run in self._runs)
        overall = [] if begun and self.alone else [Text(self.describe() if begun else f"{self._stage} …")]
        return Group(*overall, *([self.bars.get_renderable()] if begun else []))


class _TimeLeft(ProgressColumn):
    """The remaining time of a run, with its label; empty until a step has been timed."""

    def render(self, task: Task) -> Text:
        left = task.time_remaining
        return Text("" if left is None or task.finished else f"{format_clock(left)} left")


class RunProgress(Callback):
    """The `Callback` of one run, which updates a display."""

    def __init__(self, display: TrainingDisplay, config: RunConfig) -> None:
        self._display, self._config = display, config
        self._steps = config.own_protocol.epoch_steps
        self.run_id: str | None = None
        self.complete = self.ended = False
        self.steps_trained, self.steps_left = 0, config.epochs * self._steps
        self._name = config.title
        self._unit = name_target(config.protocol.target)[1]
        self._task: TaskID = display.bars.add_task(self._name, visible=False, state="", epoch="")
        display.add(self)

    def begin(self, run_id: str, config: RunConfig, epochs_done: int, target_std: float) -> None:
        self.run_id, self._target_std = run_id, target_std
        self._start, self._epochs_before = time.monotonic(), epochs_done
        self._history = History(best_by=config.protocol.best_by)  # of the epochs from now on
        resuming = f", resuming after epoch {epochs_done}" if epochs_done else ""
        if self._display.detailed or resuming:
            epochs, steps = format_count(config.epochs, "epoch"), format_count(self._steps, "step")
            self.note(f"{run_id}: {epochs} of {steps}{resuming}")
        self._count(epochs_done * self._steps)
        # Not a new line: a run whose worker was lost begins again.
        self._display.bars.reset(
            self._task,
            total=config.epochs * self._steps,
            completed=epochs_done * self._steps,
            visible=True,
            state="compiling",
            epoch=self._number(epochs_done + 1),
        )

    def step(self, epoch: int, step: int, loss: float) -> None:
        done = (epoch - 1) * self._steps + step
        self._count(done)
        self._display.count_step()
        self._display.bars.update(self._task, completed=done, epoch=self._number(epoch), state=f"loss {loss:.4f}")

    def measure(self, what: str) -> None:
        self._display.bars.update(self._task, state=f"{what} error")
        self.complete = self.complete or what == "test"  # the last measurement, even if training stopped early

    def epoch(self, epoch: Epoch) -> None:
        self._history.epochs.append(epoch)
        done = epoch.epoch - self._epochs_before
        elapsed = time.monotonic() - self._start
        if self._display.detailed:
            left = elapsed / done * (self._config.epochs - epoch.epoch)
            self.note(self._describe_epoch(epoch, elapsed, left))
        self.complete = epoch.epoch == self._config.epochs

    def end(self) -> None:
        """Remove the run's line; print that the run is complete, if nothing else shows it."""
        self.ended, self.steps_left = True, 0
        self._display.bars.update(self._task, visible=False)
        if not (self._display.detailed or self._display.live) and self.complete:
            self.note(f"{self._name}: {self._describe_end()}; {self._display.describe()}")

    def note(self, text: str) -> None:
        self._display.note(text)

    def _count(self, steps_done: int) -> None:
        self.steps_trained = steps_done - self._epochs_before * self._steps
        self.steps_left = self._config.epochs * self._steps - steps_done

    def _number(self, epoch: int) -> str:
        return f"{epoch}/{self._config.epochs}"

    def _describe_epoch(self, epoch: Epoch, elapsed: float, left: float) -> str:
        name = "" if self._display.alone else f"{self._name}  "
        clocks = "" if self._display.live else f"  {format_clock(elapsed)} elapsed, {format_clock(left)} left"
        return (
            f"{name}epoch {epoch.epoch:>2}/{self._config.epochs}  loss {epoch.loss:.4f}"
            f"  val_loss {self._format_error(epoch)}  train_mae {epoch.train_mae:.4f}{clocks}"
        )

    def _describe_end(self) -> str:
        """Return the best epoch, or `complete` if the run was resumed: earlier epochs are not known here."""
        if self._epochs_before:
            return "complete"
        best = self._history.best
        return f"best val_loss {self._format_error(best)}, epoch {self._number(best.epoch)}"

    def _format_error(self, epoch: Epoch) -> str:
        return f"{epoch.val_loss:.4f} ({format_error(epoch.val_loss * self._target_std, self._unit)})"


@contextmanager
def show_download() -> Iterator[Callable[[int, int | None], None]]:
    """Yield a callback for the received and the total bytes; on a terminal they are shown as a bar."""
    console = make_console()
    columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn(), TextColumn("left"))
    hidden = not console.is_terminal or get_verbosity() is Verbosity.QUIET
    with Progress(*columns, console=console, disable=hidden) as bar:
        task = bar.add_task("download", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def format_clock(seconds: float) -> str:
    """Render a duration as 1:02:03 or 2:03."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def format_rough(seconds: float) -> str:
    """Render an estimated duration, with no more precision than it has: `40 s`, `4 min`, `2 h 10 min`."""
    if seconds < 60:
        return f"{max(1, round(seconds))} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"
