"""From run folders to the runs that may be judged together; every other one is named with the reason, or counted."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from rdrop_cli.analysis.network import Network, read_network
from rdrop_cli.analysis.run import DailyErrors, RunCurves, read_daily_errors
from rdrop_cli.errors import DataError
from rdrop_cli.runs.comparable import (
    Run,
    Skipped,
    keep_comparable,
    keep_newest_of_each_seed,
    read_runs,
)
from rdrop_cli.runs.document import Metrics
from rdrop_cli.runs.find import find_run, list_run_folders
from rdrop_cli.study.editions import BOOK, EDITIONS, Edition


@dataclass(frozen=True)
class Attempts:
    """The seeds of a network that were tried, by what became of them; a seed counts once, by the best of its runs.

    Attributes:
        failures: the messages of those that failed.
    """

    completed: int = 0
    failed: int = 0
    unfinished: int = 0
    failures: tuple[str, ...] = ()

    @property
    def tried(self) -> int:
        return self.completed + self.failed + self.unfinished


@dataclass(frozen=True)
class Collection:
    """Complete runs on the same data under the same protocol, in the order of the study, then of settings and seeds.

    Attributes:
        used: the metrics of every one, one run a network and seed.
        networks: their curves by network, seeds ascending.
        claimed: the network of each variant that the claims are judged on: with the rates of the study, the cell of the
            reference run, and the epochs that most of its seeds have.
        attempts: what became of all runs of a network, complete or not.
        skipped: runs that are not used, each with the reason.
        damaged: runs whose daily errors cannot be read, each with the reason; they are judged without.
    """

    used: tuple[Metrics, ...] = ()
    networks: Mapping[Network, Sequence[RunCurves]] = field(default_factory=dict)
    claimed: Mapping[str, Network] = field(default_factory=dict)
    attempts: Mapping[Network, Attempts] = field(default_factory=dict)
    skipped: tuple[Skipped, ...] = ()
    damaged: tuple[Skipped, ...] = ()

    @property
    def is_published_data(self) -> bool | None:
        """Whether the data are the published file; None where nothing was published to compare with."""
        return self.used[0].dataset.verified if self.used else None

    @property
    def edition(self) -> Edition:
        """The edition that the protocol is of; the first for one of the user's."""
        return EDITIONS.get(self.used[0].protocol.name, BOOK) if self.used else BOOK

    @property
    def curves(self) -> RunCurves:
        """Any one run, for what all have in common: the unit, and the naive forecast's error."""
        return next(iter(self.networks.values()))[0]


def collect_runs(names: Sequence[str], runs_dir: Path) -> Collection:
    """Collect the runs that are named, or all of `runs_dir` where none is.

    Data and protocol are those of the first run named, or of the newest, if it is fit to be judged (else of the
    next). Of one network and seed the newest complete run counts.

    Raises:
        RdropError: a name is no run.
    """
    folders = [find_run(name, runs_dir) for name in names] if names else list_run_folders(runs_dir)
    readable, unreadable = read_runs(dict.fromkeys(folders))
    fit, unfit = _keep_fit(readable)
    if not fit:
        return Collection(skipped=(*unreadable, *unfit))
    reference = min(fit, key=lambda run: folders.index(run.folder)) if names else fit[0]
    comparable, differing = keep_comparable(fit, reference, any_cell=True)
    used, replaced = keep_newest_of_each_seed(comparable)
    networks: dict[Network, list[RunCurves]] = {}
    damaged = list[Skipped]()
    for run in used:
        networks.setdefault(read_network(run.metrics), []).append(build_curves(run.metrics, _read_daily(run, damaged)))
    return Collection(
        used=tuple(run.metrics for run in used),
        networks=networks,
        claimed=_choose_claimed(networks, read_network(reference.metrics).chosen_cell),
        attempts=_count_attempts(keep_comparable(readable, reference, any_cell=True)[0]),
        skipped=(*unreadable, *unfit, *differing, *replaced),
        damaged=tuple(damaged),
    )


def _choose_claimed(networks: Mapping[Network, Sequence[RunCurves]], cell: str | None) -> dict[str, Network]:
    claimed: dict[str, Network] = {}
    for network, runs in networks.items():
        if network.chosen_cell != cell or not network.has_own_rates:
            continue
        rival = claimed.get(network.variant)
        if rival is None or (len(runs), network.epochs) > (len(networks[rival]), rival.epochs):
            claimed[network.variant] = network
    return claimed


def _count_attempts(runs: Sequence[Run]) -> dict[Network, Attempts]:
    rank = {"completed": 2, "failed": 1}
    best: dict[tuple[Network, int], Run] = {}
    for run in runs:
        key = read_network(run.metrics), run.metrics.seed
        status = rank.get(run.metrics.status, 0)
        if key not in best or status > rank.get(best[key].metrics.status, 0):
            best[key] = run
    attempts = {}
    for network in dict.fromkeys(network for network, _ in best):
        found = [run.metrics for (of, _), run in best.items() if of == network]
        statuses = Counter(rank.get(run.status, 0) for run in found)
        failures = tuple(str(run.failure) for run in found if run.status == "failed")
        attempts[network] = Attempts(statuses[2], statuses[1], statuses[0], failures)
    return attempts


def build_curves(metrics: Metrics, daily: DailyErrors | None = None) -> RunCurves:
    """Take from a run's metrics what the analysis needs.

    Raises:
        DataError: it has finished no epoch.
    """
    history, test = metrics.history, metrics.test
    return RunCurves(
        variant=metrics.variant,
        seed=metrics.seed,
        loss=np.array(history.loss, np.float64),
        val_loss=np.array(history.val_loss, np.float64),
        train_mae=np.array(history.train_mae, np.float64),
        naive_val_mae=metrics.naive.val_mae,
        naive_test_mae=metrics.naive.test_mae,
        test_mae=test.mae if test else None,
        target_std=metrics.target_std,
        unit=metrics.unit,
        daily=daily,
    )


_UNFIT = {"failed": "that failed", "interrupted": "that are not complete"}


def _keep_fit(runs: Sequence[Run]) -> tuple[list[Run], list[Skipped]]:
    """Keep, in their order, the complete runs whose figures are finite."""
    fit, unfit = [], []
    for run in runs:
        try:
            _check_fit(run)
            fit.append(run)
        except DataError as error:
            kind = _UNFIT.get(run.metrics.status, "that are not whole")
            unfit.append(Skipped(run.folder.run_id, str(error), kind))
    return fit, unfit


def _check_fit(run: Run) -> None:
    status, epochs = run.metrics.status, run.metrics.epochs
    if status == "failed":
        raise DataError(f"failed: {run.metrics.failure}")
    if status != "completed":
        hint = "; `rdrop train` resumes it" if status == "interrupted" else ""
        raise DataError(f"{status}, {epochs.done} of {epochs.planned} epochs are done{hint}")
    build_curves(run.metrics)


def _read_daily(run: Run, damaged: list[Skipped]) -> DailyErrors | None:
    """Read a run's daily errors; a file that is damaged is named, none is missed where none was kept."""
    try:
        return read_daily_errors(run.folder.daily_errors_path)
    except DataError as error:
        damaged.append(Skipped(run.folder.run_id, f"{error}; judged without it", "with damaged daily errors"))
        return None
