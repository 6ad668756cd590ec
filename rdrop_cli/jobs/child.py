"""The process of one training, as its parent sees it: started, listened to, ended."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterable
from typing import Any

from rdrop_cli.jobs.task import Outcome, Task

SECONDS_TO_END = 5.0  # for a process to write down that it was interrupted


def start_child() -> "subprocess.Popen[str]":
    """Start a process that waits for a task; it ends when its stdin does, that is, with its parent."""
    # A session of its own: Ctrl-C reaches the parent alone, which then ends the others in order.
    return subprocess.Popen(
        [sys.executable, "-m", "rdrop_cli.jobs.worker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def follow_child(
    process: "subprocess.Popen[str]", order: dict[str, Any], hear: Callable[[list[Any]], None]
) -> list[Any]:
    """Hand over what is to be done, pass on what the process tells, and return its last message when it has ended."""
    assert process.stdin is not None
    assert process.stdout is not None
    last: list[Any] = ["nothing"]
    try:
        process.stdin.write(json.dumps(order) + "\n")
        process.stdin.flush()
    except BrokenPipeError:
        return last
    for line in process.stdout:
        last = json.loads(line)
        hear(last)
    # stdin stays open until the process has ended: its end would tell it that its parent is gone
    process.wait()
    return last


def conclude(task: Task, last: list[Any], code: int) -> Outcome:
    """Return what became of a task, by the last message of its process and the code with which that ended."""
    if last[0] == "done":
        return Outcome(task, *last[1:])
    how = f"was killed by signal {-code}" if code < 0 else f"ended with code {code}"
    return Outcome(task, failure=f"{task}: its process {how}", exit_code=1)


def end_children(processes: Iterable["subprocess.Popen[str]"]) -> None:
    """Ask processes to end, and make those end that do not."""
    ending = list(processes)
    for process in ending:
        process.terminate()
    for process in ending:
        try:
            process.wait(SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            process.kill()
