"""Train several runs side by side, epoch by epoch, so an engine can compute each epoch for all of them at once."""

from collections.abc import Sequence

from rdrop_cli.errors import RdropError
from rdrop_cli.runs.document import Metrics
from rdrop_cli.training.loop import DivergedError, TrainingLoop


def run_together(loops: Sequence[TrainingLoop]) -> list[Metrics | RdropError]:
    """Train runs to their last epoch, those that lag behind first; return their metrics or errors, in order.

    The caller holds the locks of the folders. A run whose loss is not finite ends as failed, and one whose checkpoints
    cannot be read, or belong to another configuration, does not start; the others continue.
    """
    failures: dict[TrainingLoop, RdropError] = {}
    for loop in loops:
        try:
            loop.begin()
        except RdropError as error:
            failures[loop] = error
    while going := [loop for loop in loops if not loop.has_ended and loop not in failures]:
        epoch = min(loop.epochs_done for loop in going)
        for loop in going:
            if loop.epochs_done == epoch:
                try:
                    loop.run_epoch()
                except DivergedError as error:
                    failures[loop] = error
    ended = [loop for loop in loops if loop not in failures]
    for loop in ended:
        loop.restore_best()
    metrics = {loop: _finish(loop) for loop in ended}
    return [failures.get(loop) or metrics[loop] for loop in loops]


def _finish(loop: TrainingLoop) -> Metrics | DivergedError:
    try:
        return loop.finish()
    except DivergedError as error:
        return error
