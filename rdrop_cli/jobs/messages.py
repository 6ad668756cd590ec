"""What a training process tells its parent: the calls of a `Reporter`, one JSON line each."""

import json
import time
from dataclasses import asdict
from typing import Any, TextIO

from rdrop_cli.files import without_nan
from rdrop_cli.runner import Reporter
from rdrop_cli.runs.history import Epoch
from rdrop_cli.study.config import RunConfig

STEP_SECONDS = 0.1  # between two messages about steps: more than an eye can follow would only cost time


class MessageReporter:
    """A `Reporter` that writes each call as a line."""

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

    def send(self, kind: str, *values: Any) -> None:
        """Write one message."""
        self._stream.write(json.dumps([kind, *without_nan(values)]) + "\n")
        self._stream.flush()


def replay(message: list[Any], reporter: Reporter) -> None:
    """Make the call that a message stands for; what is not a reporter's call is passed over."""
    kind, *values = message
    if kind == "begin":
        run_id, config, epochs_done, target_std = values
        reporter.begin(run_id, RunConfig.from_json(config), epochs_done, target_std)
    elif kind == "epoch":
        reporter.epoch(Epoch(**values[0]))
    elif kind in ("step", "measure", "note"):
        getattr(reporter, kind)(*values)
