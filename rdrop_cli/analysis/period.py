"""How much of an answer belongs to its validation period: measured over several, or estimated from blocks of days."""

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
    """What another period like this one might add to a mean.

    Attributes:
        days: calendar days of the period.
        blocks: of two weeks.
        error: standard error of the mean over blocks, in the unit of the mean.
        half: half the width of its interval, simultaneous over `compared` means.
    """

    days: int
    blocks: int
    error: float
    half: float


def measure_period(seeds: Sequence[ByDay | None], compared: int) -> Period | None:
    """Measure how a mean varies over the days; None where too little was kept for it.

        d_b   = Σ_t w_t d_t / Σ_t w_t over the days t of a block, mean over seeds
        error = standard deviation of the blocks / √blocks        half = t_{blocks - 1, 1 - α / (2 · compared)} · error

    Blocks of two weeks, since errors stay alike for days. Student's t over block means covers its nominal level where
    the percentile bootstrap over as few blocks does not. Seeds count of which the days were kept, the same as the first
    such seed's; each network at the epoch that validation chose.
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
    """The answers of several periods, and what another one like them might add.

    Attributes:
        estimates: mean over seeds at each origin: errors, or shares of seeds.
        overlap: share of a validation period that two of them have in common, mean over pairs.
        error: standard error of the mean over origins; None of shares.
        half: half the width of its interval, simultaneous over `compared` answers; None of shares.
    """

    estimates: tuple[float, ...]
    overlap: float
    error: float | None = None
    half: float | None = None


@dataclass(frozen=True)
class Layout:
    """Where the validation periods of origins lie, and what follows for the mean over them.

    Attributes:
        starts: where they begin, in rows.
        rows: how long each is.
    """

    starts: tuple[int, ...]
    rows: int

    @property
    def shared(self) -> npt.NDArray[np.float64]:
        """The share of rows that two periods have in common, shape (origin, origin): how their weather correlates."""
        apart = np.abs(np.subtract.outer(self.starts, self.starts))
        return np.maximum(0.0, 1 - apart / self.rows)

    @property
    def overlap(self) -> float:
        """The mean of it over pairs."""
        pairs = self.shared[np.triu_indices(len(self.starts), 1)]
        return float(pairs.mean())

    @property
    def freedom(self) -> float:
        """Degrees of freedom of their variance: periods - 1, or fewer where they overlap (Satterthwaite 1946)."""
        centred = self.shared - self.shared.mean(axis=0)
        return float(np.trace(centred) ** 2 / np.trace(centred @ centred))

    def scale(self, variance: float) -> float:
        """Return the variance of the mean over origins, from the variance among them."""
        return float(variance * (1 + (len(self.starts) - 1) * self.overlap) / (1 - self.overlap) / len(self.starts))


def measure_origins(numbers: npt.NDArray[np.float64], layout: Layout, compared: int) -> Origins:
    """Measure how a mean varies from period to period, of numbers of shape (origin, seed).

        error² = max(s², e² / n) / K · (1 + (K - 1) ρ) / (1 - ρ)        half = t_{f, 1 - α / (2 · compared)} · error

    s² is the variance among the means of the K origins, e² what is left of the numbers without seeds and origins. The
    period is the unit: seeds of one period share it, so that more of them tell nothing of another. Student's t over the
    means of few units keeps its level also where these are unequally noisy (Ibragimov and Müller 2010, J. Bus. Econ.
    Stat. 28, 453-468). Means of few periods may agree by chance, at some look surely: no less is taken than the seeds
    alone make of it (Röver, Knapp and Friede 2015, BMC Med. Res. Methodol. 15, 99). The last factor is for periods that
    have a share ρ of their rows in common, as Nadeau and Bengio 2003 (Machine Learning 52, 239-281) correct for common
    windows; f is K - 1 where they have none.
    """
    estimates = numbers.mean(axis=1)
    variance = max(float(estimates.var(ddof=1)), measure_residual(numbers) / numbers.shape[1])
    error = math.sqrt(layout.scale(variance))
    half = find_t(1 - ALPHA_PERIOD / (2 * compared), layout.freedom) * error
    return Origins(tuple(map(float, estimates)), layout.overlap, error, half)


def measure_residual(numbers: npt.NDArray[np.float64]) -> float:
    """Return the variance of numbers (origin, seed) without what belongs to origins and seeds; 0 of one seed."""
    origins, seeds = numbers.shape
    if seeds < 2:
        return 0.0
    left = numbers - numbers.mean(axis=1, keepdims=True) - numbers.mean(axis=0) + numbers.mean()
    return float((left**2).sum() / ((origins - 1) * (seeds - 1)))


def average_blocks(daily: npt.NDArray[np.float64], windows: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the weighted mean of each block of two weeks, shape (block,); the last takes the days that remain."""
    starts = np.arange(len(daily) // BLOCK_DAYS) * BLOCK_DAYS
    means: npt.NDArray[np.float64] = np.add.reduceat(daily * windows, starts) / np.add.reduceat(windows, starts)
    return means
