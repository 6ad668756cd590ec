"""Measure how the cost of a training step grows with the size of the network, the batch and the number of seeds."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import median

from rdrop_cli.bench.compare import make_ready
from rdrop_cli.study.config import RunConfig

TIMESTEPS = (60, 120, 240, 480)
UNITS = (16, 32, 64, 128)
BATCHES = (32, 64, 128, 256)
SEEDS = (1, 2, 4, 8)
ROUNDS = 5

Growth = dict[str, list[tuple[int, float]]]


def measure_growth(
    config: RunConfig, data_dir: Path, cores: list[int], steps: int, note: Callable[[str], None]
) -> Growth:
    """Return (size, milliseconds) by dimension: for one step on one core, or one step of every seed on all cores."""
    protocol = config.protocol

    def measure(changed: RunConfig, shares: list[list[int]]) -> float:
        with make_ready("rdrop", "rdrop", changed, data_dir, shares) as team:
            rate = median(team.run("train", steps) for _ in range(ROUNDS))
        milliseconds = 1000 * len(shares) / rate
        note(
            f"{changed.protocol.timesteps} timesteps, {changed.protocol.units} units, "
            f"batch {changed.protocol.batch_size}, {len(shares)} at once: {milliseconds:.1f} ms"
        )
        return milliseconds

    def vary(field: str, values: tuple[int, ...], factor: int = 1) -> list[tuple[int, float]]:
        changed = [replace(protocol, **{field: factor * value}) for value in values]  # type: ignore[arg-type]
        return [
            (value, measure(replace(config, protocol=other), [cores[:1]]))
            for value, other in zip(values, changed, strict=True)
        ]

    return {
        "timesteps": vary("lookback_rows", TIMESTEPS, protocol.step_rows),
        "units": vary("units", UNITS),
        "windows a batch": vary("batch_size", BATCHES),
        "seeds": [(n, measure(config, [[cores[i % len(cores)]] for i in range(n)])) for n in SEEDS],
    }
