"""The variance account: how far a level moves if one source of chance alone varies.

A run's seed determines its initial weights, its masks, and which windows it sees when; the period is the same for all
seeds. The contribution of each source is measured from runs in which it alone varies around the run of seed 0
(Bouthillier et al. 2021, Accounting for variance in machine learning benchmarks, MLSys 3, arXiv:2103.03098).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from rdrop_cli.analysis.asked import RunsBySeed
from rdrop_cli.analysis.collect import Collection
from rdrop_cli.analysis.distributions import find_chi2
from rdrop_cli.analysis.intervals import Interval
from rdrop_cli.analysis.joint_test import ALPHA
from rdrop_cli.analysis.network import Network, label_networks
from rdrop_cli.analysis.networks import align_by_seed, align_origins
from rdrop_cli.analysis.period import Layout
from rdrop_cli.analysis.questions import BASELINE, DROPOUT, Runs, differ_in_level
from rdrop_cli.study.config import SOURCES

PERIOD, SEEDS = "period", "all seeds"
LEAST_RUNS = 3  # two runs hardly determine a standard deviation


@dataclass(frozen=True)
class Spread:
    """How far a level, or the difference of two, moves; in standardised error.

    Attributes:
        of: label of the network, or of the difference.
        source: what varies: `weights`, `windows`, `masks`, `period`, or `all seeds`: the first three together.
        runs: number of runs or pairs of runs; for `period`, number of periods.
        deviation: the standard deviation.
        interval: the 95 % interval of the standard deviation, if levels are normal.
    """

    of: str
    source: str
    runs: int
    deviation: float
    interval: Interval


def account_for_variance(collection: Collection) -> list[Spread]:
    """Account for the levels of the study's two networks and their difference; empty if no source varies alone."""
    if not collection.varied and not collection.later:
        return []
    labels, claimed = label_networks(collection.networks), collection.claimed
    networks = [claimed[variant] for variant in (BASELINE, DROPOUT) if variant in claimed]
    targets = {labels[network]: [network] for network in networks}
    if len(networks) > 1:
        targets[f"{labels[networks[1]]} - {labels[networks[0]]}"] = networks
    account = list[Spread | None]()
    for label, wanted in targets.items():
        for source in SOURCES:
            account.append(_measure_spread(label, source, _list_varied(collection, source, wanted)))
        account.append(_measure_over_periods(label, align_origins(collection, wanted), collection.validation_rows))
        seeds = align_by_seed([collection.networks[network] for network in wanted])
        account.append(_measure_spread(label, SEEDS, list(seeds.values())))
    return [spread for spread in account if spread]


def _list_varied(collection: Collection, source: str, networks: Sequence[Network]) -> list[Runs]:
    """Return the runs of every seed in which one source varies; a network without such runs has its run of seed 0."""
    varied = collection.varied.get(source, {})
    by_seed = [{run.seed: run for run in varied.get(network, ())} for network in networks]
    seeds = set.intersection(*map(set, filter(None, by_seed))) if any(by_seed) else set[int]()
    fixed = [next((run for run in collection.networks[network] if run.seed == 0), None) for network in networks]
    found = []
    for seed in sorted(seeds):
        runs = [of_seed.get(seed, base) for of_seed, base in zip(by_seed, fixed, strict=True)]
        if all(runs):
            found.append(tuple(run for run in runs if run))
    return found


def _measure(runs: Runs) -> float:
    """Return the level of one run, or the difference of two."""
    return differ_in_level(runs) if len(runs) > 1 else runs[0].level.error


def _measure_over_periods(label: str, origins: Mapping[int, RunsBySeed], validation_rows: int) -> Spread | None:
    """Measure how far a seed moves between periods, as the mean variance over seeds, which share the periods."""
    if len(origins) < LEAST_RUNS:
        return None
    layout = Layout(tuple(origins), validation_rows)
    levels = np.array([[_measure(runs) for runs in by_seed.values()] for by_seed in origins.values()])
    variance = float(levels.var(axis=0, ddof=1).mean()) / (1 - layout.overlap)
    return Spread(label, PERIOD, len(origins), math.sqrt(variance), _bound(variance, layout.freedom))


def _measure_spread(label: str, source: str, runs: Sequence[Runs]) -> Spread | None:
    if len(runs) < LEAST_RUNS:
        return None
    variance = float(np.var([_measure(of_seed) for of_seed in runs], ddof=1))
    return Spread(label, source, len(runs), math.sqrt(variance), _bound(variance, len(runs) - 1))


def _bound(variance: float, freedom: float) -> Interval:
    """Return the interval of a standard deviation, whose square has a χ² distribution."""
    ends = (find_chi2(share, freedom) for share in (1 - ALPHA / 2, ALPHA / 2))
    return Interval(*(math.sqrt(variance * freedom / end) for end in ends))
