"""How long the training of runs will take, and how much disk, from what earlier runs took.

Work is counted in products: in a recurrent layer a window's timestep is read by every unit, which multiplies the inputs
and the state of all units. A run's seconds are its products, in training and in measuring, times the seconds that one
took before.
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

MOST_MEASURED = 50  # runs of one network
FEATURES = 14  # of the weather; another number hardly moves an estimate
# Measured at the book's size on one core (docs/speed.md): seconds for a training step by engine, and how much less
# a window costs that is only measured. To start is to import TensorFlow, read the data and trace the graph.
NOMINAL_STEP_SECONDS = {"native": 0.008, "xla": 0.021, "jax": 0.021, "keras": 0.042}  # JAX compiles by XLA, too
NOMINAL_MEASURING = 1 / 3
START_SECONDS = 6.0
NOMINAL_FOLDER_BYTES = 1_400_000  # at the book's size: readings, two checkpoints, the network and the picture
LEAST = 1e-9  # seconds, or windows a second: what is smaller, or larger than its inverse, nobody has measured


@dataclass(frozen=True)
class Speed:
    """Seconds for one product, in training and in measuring without dropout."""

    training: float
    measuring: float


@dataclass(frozen=True)
class Measured:
    """What one earlier run was, and what it took.

    Attributes:
        engine, wanted: what computed it, and what was asked for, which may be `auto`.
        threads: of its steps, as far as it tells.
        folder_bytes: of all its files; None where it is not complete.
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
    """What the estimate of a network rests on: so many runs of `like`, or none, which makes it a guess."""

    network: str
    like: str
    runs: int

    def __str__(self) -> str:
        if not self.runs:
            return f"{self.network}: no comparable run; default speed used"
        return f"{self.network}: {format_count(self.runs, 'run')} of {self.like} here"


@dataclass(frozen=True)
class Estimate:
    """What is left to do.

    Attributes:
        seconds: until all runs are complete, `jobs` of them at a time.
        new_bytes: on disk, of the folders that are not there yet.
        folders_measured: complete runs that `new_bytes` rests on; none where it is a guess.
        bases: one for each network that is to be trained.
    """

    seconds: float
    jobs: int
    new_bytes: int
    folders_measured: int
    bases: tuple[Basis, ...]


def estimate_work(progress: Sequence[Progress], rows: int, runs_dir: Path, jobs: int, threads: int) -> Estimate:
    """Estimate what completing runs takes on this machine.

    Args:
        progress: the runs that are wanted.
        rows: of the series.
        runs_dir: where earlier runs are; those of any protocol and dataset count, by their speed.
        jobs: runs at work at once.
        threads: of each run; earlier runs with as many are preferred.
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
    """Return the newest runs of every network: of ten thousand a few tell how fast this machine is."""
    of_network: dict[tuple[str, str], list[RunFolder]] = {}
    for folder, summary in list_summaries(list_run_folders(runs_dir))[0]:
        of_network.setdefault((summary.variant, summary.cell), []).append(folder)
    return [folder for folders in of_network.values() for folder in folders[:MOST_MEASURED]]


def _measure(folder: RunFolder) -> Measured | None:
    """Return how fast a run was; None where its files do not tell."""
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
    """Return a run's speed; the seconds of its epochs that are not of training steps are of measuring.

    The median epoch counts: the first also compiles, and a machine may have slept in another. A reference forecast has
    none: it computes no products.
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
    """Return the products for one window, of one gate."""
    protocol = config.own_protocol
    return find_variant(config.variant).count_products(protocol.timesteps, FEATURES, protocol.units)


def _count_measured(protocol: Protocol) -> int:
    """Return the windows that are measured after each epoch: validation, and the sample of training."""
    sample = min(protocol.train_windows_measured, len(protocol.train_rows))
    return max(len(protocol.validation_rows) + sample, 1)


def _choose_speed(config: RunConfig, measured: Sequence[Measured], threads: int) -> tuple[Basis, Speed]:
    """Return the median speed of the runs that are most like a configuration, or the documented one."""
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
    """Whether a network is; one that another version knew is taken for one that is."""
    return variant not in VARIANTS or bool(VARIANTS[variant].recurrent_layers)


def _guess_speed(config: RunConfig) -> Speed:
    """Return the speed of the study's network at the book's size, by the kernel where no other engine is asked for."""
    engine, book = config.engine if config.engine != "auto" else "native", BOOK.protocol
    products = find_variant(BOOK.reference).count_products(book.timesteps, FEATURES, book.units)
    training = NOMINAL_STEP_SECONDS[engine] / (book.batch_size * products)
    return Speed(training, training * NOMINAL_MEASURING)


def _count_seconds(run: Progress, rows: int, speed: Speed) -> float:
    """Return what is left of a run: its epochs, then the daily validation errors and the test."""
    protocol = run.config.own_protocol
    trained = run.epochs_left * protocol.epoch_windows
    at_the_end = len(protocol.validation_rows) + len(protocol.find_test_rows(rows))
    measured = run.epochs_left * _count_measured(protocol) + at_the_end
    return (trained * speed.training + measured * speed.measuring) * count_products(run.config)


def _schedule(seconds: Iterable[float], jobs: int) -> float:
    """Return when the last run ends if each, in order, begins as soon as one of `jobs` places is free."""
    ends = [0.0] * jobs
    for length in seconds:
        heapq.heapreplace(ends, ends[0] + length)
    return max(ends)
