"""How much of an answer is due to its period: measured over several periods, or estimated from blocks of days."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rdrop_cli.analysis.by_day import ByDay
from rdrop_cli.analysis.distributions import find_t
from rdrop_cli.analysis.joint_test import ALPHA_PERIOD

BLOCK_DAYS = 14  # a weather regime lasts days, seldom two weeks
LEAST_BLOCKS = 4


@dataclass(frozen=True)
class Period:
    """The uncertainty of a mean over periods like this one.

    Attributes:
        days: number of calendar days in the period.
        blocks: number of blocks of two weeks.
        error: standard error of the mean over blocks, in the unit of the mean.
        half: half the width of its interval, simultaneous over `compared` means.
    """

    days: int
    blocks: int
    error: float
    half: float


def measure_period(seeds: Sequence[ByDay | None], compared: int) -> Period | None:
    """Measure how a mean varies over the days; None if too few days were kept.

        d_b   = Σ_t w_t d_t / Σ_t w_t over the days t of a block, mean over seeds
        error = standard deviation of the blocks / √blocks        half = t_{blocks - 1, 1 - α / (2 · compared)} · error

    Blocks are two weeks long, since errors stay similar for days. Student's t over block means has its nominal
    coverage; the percentile bootstrap over so few blocks does not. Seeds count if their days were kept and equal those
    of the first such seed; each network is taken at its best epoch.
    """
    kept = [each for each in seeds if each]
    if not kept or len(kept[0].days) < LEAST_BLOCKS * BLOCK_DAYS:
        return None
    first = kept[0]
    blocks = average_blocks(np.mean([each.values for each in kept if each.days == first.days], axis=0), first.windows)
    error = float(blocks.std(ddof=1) / np.sqrt(len(blocks)))
    half = find_t(1 - ALPHA_PERIOD / (2 * compared), len(blocks) - 1) * error
    return Period(len(first.days), len(blocks), error, half)


@dataclass(frozen=True)
class Origins:
    """The answers over several periods, and their uncertainty over periods like these.

    Attributes:
        estimates: mean over seeds at each origin: errors, or shares of seeds.
        overlap: share of a validation period that two periods have in common, mean over pairs.
        error: standard error of the mean over origins; None for shares.
        half: half the width of its interval, simultaneous over `compared` answers; None for shares.
    """

    estimates: tuple[float, ...]
    overlap: float
    error: float | None = None
    half: float | None = None


@dataclass(frozen=True)
class Layout:
    """The positions of the validation periods of origins, and their effect on the mean over origins.

    Attributes:
        starts: start of each, in rows.
        rows: length of each.
    """

    starts: tuple[int, ...]
    rows: int

    @property
    def shared(self) -> npt.NDArray[np.float64]:
        """The part of their rows that two periods share, shape (origin, origin): the correlation of their weather."""
        apart = np.abs(np.subtract.outer(self.starts, self.starts))
        return np.maximum(0.0, 1 - apart / self.rows)

    @property
    def overlap(self) -> float:
        """The mean of the shared parts over pairs of periods."""
        pairs = self.shared[np.triu_indices(len(self.starts), 1)]
        return float(pairs.mean())

    @property
    def freedom(self) -> float:
        """Degrees of freedom of the variance: periods - 1, or fewer if periods overlap (Satterthwaite 1946)."""
        centred = self.shared - self.shared.mean(axis=0)
        return float(np.trace(centred) ** 2 / np.trace(centred @ centred))

    def scale(self, variance: float) -> float:
        """Return the variance of the mean over origins, from the variance among origins."""
        return float(variance * (1 + (len(self.starts) - 1) * self.overlap) / (1 - self.overlap) / len(self.starts))


def measure_origins(numbers: npt.NDArray[np.float64], layout: Layout, compared: int) -> Origins:
    """Measure how a mean varies between periods, from numbers of shape (origin, seed).

        error² = max(s², e² / n) / K · (1 + (K - 1) ρ) / (1 - ρ)        half = t_{f, 1 - α / (2 · compared)} · error

    s² is the variance among the means of the K origins, e² the residual variance without the effects of seeds and
    origins. The period is the unit: the seeds of one period share it, so more seeds say nothing about another period.
    Student's t over the means of few units keeps its level even if the units are unequally noisy (Ibragimov and Müller
    2010, J. Bus. Econ. Stat. 28, 453-468). The means of few periods may agree by chance, and at some look they will: so
    the variance is at least the variance from the seeds alone (Röver, Knapp and Friede 2015, BMC Med. Res. Methodol.
    15, 99). The last factor corrects for periods that have a share ρ of their rows in common, as Nadeau and Bengio 2003
    (Machine Learning 52, 239-281) correct for common windows; f is K - 1 if periods share no rows.
    """
    estimates = numbers.mean(axis=1)
    variance = max(float(estimates.var(ddof=1)), measure_residual(numbers) / numbers.shape[1])
    error = math.sqrt(layout.scale(variance))
    half = find_t(1 - ALPHA_PERIOD / (2 * compared), layout.freedom) * error
    return Origins(tuple(map(float, estimates)), layout.overlap, error, half)


def measure_residual(numbers: npt.NDArray[np.float64]) -> float:
    """Return the residual variance of numbers (origin, seed) without origin and seed effects; 0 for one seed."""
    origins, seeds = numbers.shape
    if seeds < 2:
        return 0.0
    left = numbers - numbers.mean(axis=1, keepdims=True) - numbers.mean(axis=0) + numbers.mean()
    return float((left**2).sum() / ((origins - 1) * (seeds - 1)))


def average_blocks(daily: npt.NDArray[np.float64], windows: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the weighted mean of each block of two weeks, shape (block,); the last takes the remaining days."""
    starts = np.arange(len(daily) // BLOCK_DAYS) * BLOCK_DAYS
    means: npt.NDArray[np.float64] = np.add.reduceat(daily * windows, starts) / np.add.reduceat(windows, starts)
    return means
