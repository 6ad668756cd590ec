"""Choose the runs that one process computes together with JAX: runs that differ in seed and rates."""

from collections.abc import Sequence
from importlib.util import find_spec

from rdrop_cli.jobs.resource_locks import list_gpus
from rdrop_cli.jobs.task import Task
from rdrop_cli.series.windows import Windows
from rdrop_cli.study.config import AUTO
from rdrop_cli.study.protocol import Protocol

RUNS_AT_ONCE = 64  # at the book's size they take 10 GB of a GPU's memory


def choose_batches(tasks: Sequence[Task], jobs: int | None, windows: dict[Protocol, Windows]) -> list[list[int]]:
    """Return the indices of tasks to compute together, batch by batch; the others are computed one by one.

    Tasks that ask for JAX are computed together. Tasks that leave the choice are, too, if the machine has a GPU and
    they prove faster that way.
    """
    groups: dict[tuple[Protocol, str, str], list[int]] = {}
    for place, task in enumerate(tasks):
        config = task.config
        if config.is_network and config.engine in ("jax", AUTO) and config.own_protocol in windows:
            groups.setdefault((config.own_protocol, config.cell, config.engine), []).append(place)
    chosen = [
        places if engine == "jax" else _keep_faster_together(tasks, places, windows[protocol])
        for (protocol, _, engine), places in groups.items()
    ]
    size = jobs or RUNS_AT_ONCE
    return [places[first : first + size] for places in chosen for first in range(0, len(places), size)]


def _keep_faster_together(tasks: Sequence[Task], places: list[int], windows: Windows) -> list[int]:
    """Return the places of the tasks that JAX supports, if a GPU computes them faster together; else none."""
    if len(places) == 1 or find_spec("jax") is None or not list_gpus():
        return []
    from rdrop_cli.nn.batched.race import is_faster_together, is_supported

    by_variant = {tasks[place].config.variant: tasks[place].config for place in places}
    supported = {name for name, config in by_variant.items() if is_supported(config, windows)}
    kept = [place for place in places if tasks[place].config.variant in supported]
    return kept if len(kept) > 1 and is_faster_together(tasks[kept[0]].config, windows, len(kept)) else []
