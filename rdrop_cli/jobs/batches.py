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
        places
        for (protocol, _, engine), places in groups.items()
        if engine == "jax" or _is_faster_together([tasks[place] for place in places], windows[protocol])
    ]
    size = jobs or RUNS_AT_ONCE
    return [places[first : first + size] for places in chosen for first in range(0, len(places), size)]


def _is_faster_together(tasks: Sequence[Task], windows: Windows) -> bool:
    if len(tasks) == 1 or find_spec("jax") is None or not list_gpus():
        return False
    from rdrop_cli.nn.batched.race import is_faster_together
    from rdrop_cli.nn.native.keras_network import UnsupportedModelError

    try:
        return is_faster_together(tasks[0].config, windows, len(tasks))
    except UnsupportedModelError:
        return False
