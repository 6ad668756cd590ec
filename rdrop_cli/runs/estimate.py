"""Estimate the time and disk space that runs will need from the time and space that earlier runs took.

Work is counted in products: in a recurrent layer, every unit reads each timestep of a window and multiplies the inputs
and the state of all units. A run takes its products, in training and in measuring, times the seconds per product in
earlier runs.
"""

import heapq
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, median

from rdrop_cli.errors import DataError
from rdrop_cli.runs.comparable import list_summaries
from rdrop_cli.runs.document import Timing
from rdrop_cli.runs.find import list_run_folders
from rdrop_cli.runs.folder import RunFolder
from rdrop_cli.runs.progress import Progress, State
from rdrop_cli.runs.remove import measure_size
from rdrop_cli.study.config import RunConfig
from rdrop_cli.study.editions import BOOK
from rdrop_cli.study.protocol import Protocol
from rdrop_cli.study.units import format_count
from rdrop_cli.study.variants import VARIANTS, find_variant, label_network

MOST_MEASURED = 50  # runs per network
FEATURES = 14  # in the weather data; another number hardly changes an estimate
# Measured at the book's size on one core (docs/speed.md): seconds per training step by engine, and the cost of
# measuring a window relative to training on it. Starting a run imports TensorFlow, reads the data and traces the graph.
NOMINAL_STEP_SECONDS = {"native": 0.008, "xla": 0.021, "jax": 0.021, "keras": 0.042}  # JAX compiles with XLA, too
NOMINAL_MEASURING = 1 / 3
START_SECONDS = 6.0
NOMINAL_FOLDER_BYTES = 1_400_000  # at the book's size: readings, two checkpoints, the network and the picture
LEAST = 1e-9  # seconds, or windows per second: a number below this, or above its inverse, is no measurement


@dataclass(frozen=True)
class Speed:
    """Seconds per product, in training and in measuring without dropout."""

    training: float
    measuring: float


@dataclass(frozen=True)
class Measured:
    """An earlier run, and the time and disk space that it took.

    Attributes:
        engine, wanted: the engine that computed it, and the engine that was asked for, which may be `auto`.
        threads: threads per step; None if not recorded.
        folder_bytes: size of all its files; None if it is not complete.
    """

    variant: str
    cell: str
    engine: str | None
    wanted: str
    threads: int | None
    speed: Speed
    folder_bytes: int | None


@dataclass(frozen=True)
class Basis:
    """The basis for the estimate of a network: the number of runs of `like`; if it is 0, the estimate is a guess."""

    network: str
    like: str
    runs: int

    def __str__(self) -> str:
        if not self.runs:
            return f"{self.network}: no comparable run; default speed used"
        return f"{self.network}: {format_count(self.runs, 'run')} of {self.like} here"


@dataclass(frozen=True)
class Estimate:
    """The work that is left.

    Attributes:
        seconds: time until all runs are complete, `jobs` runs at a time.
        new_bytes: disk space for the folders that do not exist yet.
        folders_measured: number of complete runs that `new_bytes` is based on; 0 if it is a guess.
        bases: one for each network to train.
    """

    seconds: float
    jobs: int
    new_bytes: int
    folders_measured: int
    bases: tuple[Basis, ...]


def estimate_work(progress: Sequence[Progress], rows: int, runs_dir: Path, jobs: int, threads: int) -> Estimate:
    """Estimate the time and disk space to complete runs on this machine.

    Args:
        progress: the wanted runs.
        rows: number of rows of the series.
        runs_dir: folder of earlier runs; runs of any protocol and dataset count, by their speed.
        jobs: number of runs at once.
        threads: threads per run; earlier runs with the same number are preferred.
    """
    measured = [run for folder in _list_newest(runs_dir) if (run := _measure(folder))]
    seconds: list[float] = []
    bases: dict[Basis, None] = {}
    for each in progress:
        if each.state is not State.COMPLETE:
            basis, speed = _choose_speed(each.config, measured, threads)
            bases[basis] = None
            seconds.append(START_SECONDS + _count_seconds(each, rows, speed))
    sizes = [run.folder_bytes for run in measured if run.folder_bytes is not None]
    folder_bytes = mean(sizes) if sizes else NOMINAL_FOLDER_BYTES
    new = sum(run.state is State.NEW for run in progress)
    return Estimate(_schedule(seconds, jobs), jobs, round(new * folder_bytes), len(sizes), tuple(bases))


def _list_newest(runs_dir: Path) -> list[RunFolder]:
    """Return the newest runs of every network; a few out of ten thousand show how fast this machine is."""
    of_network: dict[tuple[str, str], list[RunFolder]] = {}
    for folder, summary in list_summaries(list_run_folders(runs_dir))[0]:
        of_network.setdefault((summary.variant, summary.cell), []).append(folder)
    return [folder for folders in of_network.values() for folder in folders[:MOST_MEASURED]]


def _measure(folder: RunFolder) -> Measured | None:
    """Measure the speed and size of a run; None if its files do not show its speed."""
    try:
        config, metrics = folder.read_config(), folder.read_metrics()
    except DataError:
        return None
    speed = _find_speed(config, metrics.timing)
    if speed is None:
        return None
    return Measured(
        variant=config.variant,
        cell=config.cell,
        engine=metrics.engine,
        wanted=config.engine,
        threads=metrics.environment.threads,
        speed=speed,
        folder_bytes=measure_size(folder).size_bytes if metrics.status == "completed" else None,
    )


def _find_speed(config: RunConfig, timing: Timing) -> Speed | None:
    """Return a run's speed, or None if it is unknown; time of an epoch outside its training steps counts as measuring.

    The median epoch counts, because the first also compiles and the machine may have slept during another. A reference
    forecast has no speed: it computes no products.
    """
    rate, seconds = timing.train_windows_per_second, timing.epoch_seconds
    if rate is None or not seconds or not all(LEAST < number < 1 / LEAST for number in (rate, *seconds)):
        return None
    protocol, products = config.own_protocol, count_products(config)
    if not products:
        return None
    windows = protocol.epoch_windows
    training_share = min(windows / rate / mean(seconds), 1.0)
    training, measuring = median(seconds) * training_share, median(seconds) * (1 - training_share)
    return Speed(training / (windows * products), measuring / (_count_measured(protocol) * products))


def count_products(config: RunConfig) -> int:
    """Return the number of products for one window and one gate."""
    protocol = config.own_protocol
    return find_variant(config.variant).count_products(protocol.timesteps, FEATURES, protocol.units)


def _count_measured(protocol: Protocol) -> int:
    """Return the number of windows measured after each epoch: all of validation and the sample of training."""
    sample = min(protocol.train_windows_measured, len(protocol.train_rows))
    return max(len(protocol.validation_rows) + sample, 1)


def _choose_speed(config: RunConfig, measured: Sequence[Measured], threads: int) -> tuple[Basis, Speed]:
    """Return the median speed of the runs most similar to a configuration, or the documented speed if there is none."""
    label, recurrent = label_network(config.variant, config.cell), _is_recurrent(config.variant)
    kind = f"the same cell ({config.cell})" if recurrent else "others that are not recurrent"
    levels: dict[str, Callable[[Measured], bool]] = {
        "the same network": lambda run: run.cell == config.cell and run.variant == config.variant,
        kind: lambda run: run.cell == config.cell and _is_recurrent(run.variant) == recurrent,
    }
    able = [run for run in measured if config.engine in (run.wanted, run.engine)]
    for like, is_like in levels.items():
        runs = [run for run in able if is_like(run)]
        runs = [run for run in runs if run.threads == threads] or runs
        if runs:
            speed = Speed(median(run.speed.training for run in runs), median(run.speed.measuring for run in runs))
            return Basis(label, like, len(runs)), speed
    return Basis(label, "", 0), _guess_speed(config)


def _is_recurrent(variant: str) -> bool:
    """Whether a variant is recurrent; one that only another version knows is assumed to be."""
    return variant not in VARIANTS or bool(VARIANTS[variant].recurrent_layers)


def _guess_speed(config: RunConfig) -> Speed:
    """Return the speed of the study's network at the book's size, with the kernel if the engine is `auto`."""
    engine, book = config.engine if config.engine != "auto" else "native", BOOK.protocol
    products = find_variant(BOOK.reference).count_products(book.timesteps, FEATURES, book.units)
    training = NOMINAL_STEP_SECONDS[engine] / (book.batch_size * products)
    return Speed(training, training * NOMINAL_MEASURING)


def _count_seconds(run: Progress, rows: int, speed: Speed) -> float:
    """Return the seconds that a run still needs: for its epochs, then for the daily validation errors and the test."""
    protocol = run.config.own_protocol
    trained = run.epochs_left * protocol.epoch_windows
    at_the_end = len(protocol.validation_rows) + len(protocol.find_test_rows(rows))
    measured = run.epochs_left * _count_measured(protocol) + at_the_end
    return (trained * speed.training + measured * speed.measuring) * count_products(run.config)


def _schedule(seconds: Iterable[float], jobs: int) -> float:
    """Return when the last run ends if each, in order, starts as soon as one of `jobs` slots is free."""
    ends = [0.0] * jobs
    for length in seconds:
        heapq.heapreplace(ends, ends[0] + length)
    return max(ends)
