"""Compare a training step of many runs as one computation, by JAX, with that of one run by the kernel."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from rdrop_cli.bench.compare import Spread
from rdrop_cli.series.windows import Windows
from rdrop_cli.study.config import RunConfig

WARM_UP_STEPS = 2  # the first compiles


def measure_together(
    config: RunConfig, windows: Windows, counts: Sequence[int], rounds: int, steps: int, note: Callable[[str], None]
) -> dict[str, Any]:
    """Return the milliseconds of a step by number of runs, and of the kernel's step on all cores, measured in turns."""
    import jax

    from rdrop_cli.nn.batched.race import time_steps, train_alone, train_together
    from rdrop_cli.nn.trainer import KerasTrainer

    ways = {f"{count}": train_together(config, windows, count) for count in counts} | {
        "kernel": partial(train_alone, KerasTrainer(config, windows))
    }
    for name, train in ways.items():
        note(f"{name}: ready" if name == "kernel" else f"runs together: {name}, compiling")
        train(WARM_UP_STEPS)
    milliseconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, train in ways.items():
            milliseconds[name].append(1000 * time_steps(train, steps) / steps)
    return {
        "device": jax.devices()[0].device_kind,
        "step_ms": {name: vars(Spread.of(values)) for name, values in milliseconds.items()},
    }
