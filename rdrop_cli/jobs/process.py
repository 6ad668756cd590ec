"""Start and follow training processes, which report the calls of a `Callback` to their parent, one JSON line each."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from types import FrameType
from typing import Any, TextIO

from rdrop_cli.files import without_nan
from rdrop_cli.jobs.task import Outcome, Task
from rdrop_cli.runs.history import Epoch
from rdrop_cli.runs.schema import parse_config, parse_metrics, to_builtins
from rdrop_cli.study.config import RunConfig
from rdrop_cli.system import clean_environment
from rdrop_cli.training.loop import Callback

STEP_SECONDS = 0.1  # between two messages about steps: more often than an eye can follow only costs time


class MessageCallback(Callback):
    """A `Callback` that writes each call as a line; steps are thinned out."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._last_step = 0.0

    def begin(self, run_id: str, config: RunConfig, epochs_done: int, target_std: float) -> None:
        self.send("begin", run_id, config.to_json(), epochs_done, target_std)

    def step(self, epoch: int, step: int, loss: float) -> None:
        now = time.monotonic()
        if now - self._last_step >= STEP_SECONDS:
            self._last_step = now
            self.send("step", epoch, step, loss)

    def measure(self, what: str) -> None:
        self.send("measure", what)

    def epoch(self, epoch: Epoch) -> None:
        self.send("epoch", asdict(epoch))

    def note(self, text: str) -> None:
        self.send("note", text)

    def finish(self, outcome: Outcome) -> None:
        """Write the outcome of the task, as the last message."""
        metrics = to_builtins(outcome.metrics) if outcome.metrics else None
        self.send("done", metrics, outcome.failure, outcome.exit_code)

    def send(self, kind: str, *values: Any) -> None:
        """Write one message."""
        self._stream.write(json.dumps([kind, *without_nan(values)]) + "\n")
        self._stream.flush()


def replay(message: list[Any], callback: Callback) -> None:
    """Make the call that a message represents; ignore any other message."""
    kind, *values = message
    if kind == "begin":
        run_id, config, epochs_done, target_std = values
        callback.begin(run_id, parse_config(config), epochs_done, target_std)
    elif kind == "epoch":
        callback.epoch(Epoch(**values[0]))
    elif kind in ("step", "measure", "note"):
        getattr(callback, kind)(*values)


SECONDS_TO_END = 5.0  # for a process to record that it was interrupted


def start_child(folder: Path | None = None) -> "subprocess.Popen[str]":
    """Start a process that waits for tasks; it ends when its stdin closes, so at the latest with its parent.

    Args:
        folder: folder in which the user's own networks are found; the current folder if None.
    """
    # -P: a json.py in the current folder must not replace the standard library's.
    # A new session: Ctrl-C reaches only the parent, which then ends its children in order.
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "rdrop_cli.jobs.worker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=clean_environment(),
        cwd=folder,
        text=True,
        start_new_session=True,
    )


def follow_child(
    process: "subprocess.Popen[str]", order: dict[str, Any], on_message: Callable[[list[Any]], None]
) -> list[Any]:
    """Send an order to a process, pass its messages on, and return the last message about the order."""
    assert process.stdin is not None
    assert process.stdout is not None
    last: list[Any] = ["nothing"]
    with suppress(BrokenPipeError):  # it has ended, so its stdout ends too
        process.stdin.write(json.dumps(order) + "\n")
        process.stdin.flush()
    while last[0] != "done" and (line := process.stdout.readline()).endswith("\n"):  # else killed within a line
        last = json.loads(line)
        on_message(last)
    return last


def conclude(task: Task, last: list[Any], process: "subprocess.Popen[str]") -> Outcome:
    """Return the outcome of a task from the last message of its process, or from how the process ended."""
    if last[0] == "done":
        metrics, failure, exit_code = last[1:]
        return Outcome(task, parse_metrics(metrics) if metrics else None, failure, exit_code)
    code = process.wait()
    how = f"was killed by signal {-code}" if code < 0 else f"ended with code {code}"
    return Outcome(task, failure=f"{task}: its process {how}", exit_code=1)


@contextmanager
def stop_together(list_children: Callable[[], Iterable["subprocess.Popen[str]"]]) -> Iterator[None]:
    """Let Ctrl-Z stop the children with this process, and `fg` continue them; they run in separate sessions."""
    if threading.current_thread() is not threading.main_thread() or signal.getsignal(signal.SIGTSTP) is signal.SIG_IGN:
        yield
        return

    def stop(number: int, frame: FrameType | None) -> None:
        children = list(list_children())
        for child in children:
            child.send_signal(signal.SIGSTOP)
        os.kill(os.getpid(), signal.SIGSTOP)  # returns when this process is continued
        for child in children:
            child.send_signal(signal.SIGCONT)

    before = signal.signal(signal.SIGTSTP, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTSTP, before)


def end_children(processes: Iterable["subprocess.Popen[str]"]) -> None:
    """Ask processes to end, and kill those that do not."""
    ending = list(processes)
    for process in ending:
        process.terminate()
    for process in ending:
        try:
            process.wait(SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            process.kill()
