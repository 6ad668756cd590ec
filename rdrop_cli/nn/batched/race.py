"""Whether runs are faster together on a GPU or one by one on the processor: both train for a moment."""

import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import jax
import numpy as np

from rdrop_cli.nn.batched.engine import Batch
from rdrop_cli.nn.trainer import KerasTrainer
from rdrop_cli.series.windows import Windows
from rdrop_cli.study.config import AUTO, RunConfig

SECONDS = 0.5  # that each side trains
RUNS_TIMED = 16  # together, at most: more of them take longer to build than to train


def is_faster_together(config: RunConfig, windows: Windows, runs: int) -> bool:
    """Whether JAX has a GPU on which that many runs of a network take less time than by the kernel, one by one."""
    if all(device.platform == "cpu" for device in jax.devices()):
        return False
    alone = KerasTrainer(replace(config, engine=AUTO), windows)
    if alone.engine != "native":
        return True
    count = min(runs, RUNS_TIMED)
    together = train_together(config, windows, count)
    return _time_step(together) < count * _time_step(partial(train_alone, alone))


def train_alone(trainer: KerasTrainer, steps: int) -> None:
    """Train the first steps of one run."""
    trainer.train_steps(0, steps, lambda step, loss: None)


def train_together(config: RunConfig, windows: Windows, runs: int) -> Callable[[int], None]:
    """Return what trains runs of a network, differing in seed, by some steps more."""
    batch, seeds = Batch(), range(runs)
    trainers = [KerasTrainer(replace(config, seed=seed), windows, batch.add) for seed in seeds]
    done = 0

    def train(steps: int) -> None:
        nonlocal done
        for trainer in trainers:
            trainer.train_steps(done, done + steps, lambda step, loss: None)
        done += steps

    return train


def _time_step(train: Callable[[int], None]) -> float:
    """Return the seconds of a training step, compiled before."""
    steps = 1
    train(steps)
    while (seconds := time_steps(train, steps)) < SECONDS:
        steps = int(np.ceil(steps * min(10, 1.2 * SECONDS / seconds)))
    return seconds / steps


def time_steps(train: Callable[[int], None], steps: int) -> float:
    """Return the seconds that some steps take."""
    start = time.perf_counter()
    train(steps)
    return time.perf_counter() - start
