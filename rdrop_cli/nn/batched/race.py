"""Time whether runs are faster together on a GPU or one by one on the CPU, by training briefly both ways."""

import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import jax
import numpy as np

from rdrop_cli.errors import RdropError
from rdrop_cli.nn.batched.engine import Batch
from rdrop_cli.nn.engines import make_batch
from rdrop_cli.nn.trainer import KerasTrainer
from rdrop_cli.series.windows import Windows
from rdrop_cli.study.config import AUTO, RunConfig

SECONDS = 0.5  # of training, each way
RUNS_TIMED = 16  # at most, together: more would take longer to build than to train


def is_supported(config: RunConfig, windows: Windows) -> bool:
    """Whether JAX can compute the network of a run, and train it under its protocol."""
    try:
        KerasTrainer(config, windows, make_batch())
    except RdropError:
        return False
    return True


def is_faster_together(config: RunConfig, windows: Windows, runs: int) -> bool:
    """Whether JAX has a GPU that trains this many runs faster together than the kernel does one by one.

    JAX has to support them. If the kernel is not available, any GPU counts as faster.
    """
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
    """Return a function that trains runs of a network, differing in seed, for a number of further steps."""
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
    """Return the seconds of a training step, without compilation."""
    steps = 1
    train(steps)
    while (seconds := time_steps(train, steps)) < SECONDS:
        steps = int(np.ceil(steps * min(10, 1.2 * SECONDS / seconds)))
    return seconds / steps


def time_steps(train: Callable[[int], None], steps: int) -> float:
    """Return the seconds that a number of steps take."""
    start = time.perf_counter()
    train(steps)
    return time.perf_counter() - start
