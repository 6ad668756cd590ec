"""Train several runs side by side, epoch by epoch, so an engine can compute each epoch for all of them at once."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from rdrop_cli.errors import RdropError
from rdrop_cli.runs.document import Metrics
from rdrop_cli.training.loop import TrainingLoop

OfOneRun = RdropError | OSError  # an error that ends one run, and not those that are computed with it
T = TypeVar("T")


def attempt(step: Callable[[], T]) -> T | OfOneRun:
    """Take a step of one run; return its result, or the error that ends the run."""
    try:
        return step()
    except (RdropError, OSError) as error:
        return error


def run_together(loops: Sequence[TrainingLoop]) -> list[Metrics | OfOneRun]:
    """Train runs to their last epoch, those that lag behind first; return their metrics or errors, in order.

    The caller holds the locks of the folders. A run whose loss is not finite ends as failed, one whose files cannot be
    written stops, and one whose checkpoints cannot be read, or belong to another configuration, does not start; the
    others continue.
    """
    failures: dict[TrainingLoop, OfOneRun] = {}

    def go_on(loop: TrainingLoop, step: Callable[[], None]) -> None:
        if error := attempt(step):
            failures[loop] = error

    for loop in loops:
        go_on(loop, loop.begin)
    while going := [loop for loop in loops if not loop.has_ended and loop not in failures]:
        epoch = min(loop.epochs_done for loop in going)
        for loop in going:
            if loop.epochs_done == epoch:
                go_on(loop, loop.run_epoch)
    ended = [loop for loop in loops if loop not in failures]
    for loop in ended:
        loop.restore_best()
    metrics = {loop: attempt(loop.finish) for loop in ended}
    return [failures.get(loop) or metrics[loop] for loop in loops]
