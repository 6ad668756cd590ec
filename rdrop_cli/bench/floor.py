"""Compare a training step with its floor: the network's multiply-adds at the core's peak rate, and its activations."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from rdrop_cli.bench.compare import Spread, Team, make_ready
from rdrop_cli.planning.request import Request, plan_runs
from rdrop_cli.study.config import RunConfig
from rdrop_cli.study.variants import VARIANTS

FLOOR = ("multiply_and_add", "activate")  # a worker's actions that make up a step's floor


def list_all_networks() -> list[RunConfig]:
    """Return every network, at the book's size."""
    requests = [
        Request(variants=(variant.name,), cell=cell, dataset="synthetic")
        for variant in VARIANTS.values()
        for cell in variant.cells
    ]
    return [config for request in requests for config in plan_runs(request)]


def measure_floors(
    configs: Sequence[RunConfig], data_dir: Path, core: int, rounds: int, steps: int, note: Callable[[str], None]
) -> dict[str, dict[str, Any]]:
    """Return, by network, the milliseconds of a step and of its floor, and their ratio.

    All are CPU time on one core. Step and floor take turns, and each round gives a ratio, so other load on the machine
    affects both.
    """
    measured = {}
    for config in configs:
        with make_ready("rdrop", "rdrop", config, data_dir, [[core]]) as team:
            turns = [(team.spend("train", steps), spend_floor(team, steps)) for _ in range(rounds)]
        times = Spread.of([step / floor for step, floor in turns])
        measured[config.label] = {
            "engine": team.ready[0]["engine"],
            "step_ms": vars(Spread.of([1000 * step for step, _ in turns])),
            "floor_ms": vars(Spread.of([1000 * floor for _, floor in turns])),
            "times_the_floor": vars(times),
        }
        note(f"{config.label}: {times.median:.2f} times the floor")
    return measured


def spend_floor(team: Team, steps: int) -> float:
    """Return the CPU seconds of a step's bare arithmetic."""
    return sum(team.spend(part, steps) for part in FLOOR)
