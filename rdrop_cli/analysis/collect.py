"""Runs that may be judged together, collected from run folders; all others are named with the reason, or counted."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from rdrop_cli.analysis.kept import read_coverage, read_errors
from rdrop_cli.analysis.network import Network, read_network
from rdrop_cli.analysis.run import RunCurves
from rdrop_cli.errors import DataError
from rdrop_cli.runs.comparable import (
    Run,
    Skipped,
    keep_comparable,
    keep_newest_of_each_seed,
    read_runs,
)
from rdrop_cli.runs.difference import explain_other_study
from rdrop_cli.runs.document import Metrics
from rdrop_cli.runs.find import find_runs
from rdrop_cli.runs.folder import RunFolder
from rdrop_cli.study.editions import BOOK, EDITIONS, Edition

Networks = Mapping[Network, Sequence[RunCurves]]


@dataclass(frozen=True)
class Attempts:
    """The seeds of a network that were tried, by outcome.

    A seed counts once: with the best of its runs at an origin, and with the worst of its origins.

    Attributes:
        failures: the messages of the failed runs.
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
    """Complete runs on the same data under the same protocol, ordered as in the study, then by settings and seed.

    Attributes:
        used: metrics of the runs, one per network, seed and origin; the first origin comes first.
        folders: the folder of each of them, by run id; named runs may lie outside the runs folder.
        networks: curves at the first origin by network, seeds ascending.
        later: the same at each later origin, by how many rows later it begins; errors in the unit of the first origin.
        validation_rows: length of the validation period, which determines how far origins overlap.
        varied: runs of the first origin whose seed determines only one source of chance, by source and network,
            together with the run of seed 0 from which they vary; they are not judged.
        varied_used: metrics of these runs.
        claimed: the network of each variant on which the claims are judged: with the rates of the study, the cell of
            the reference run, and the number of epochs that most of its seeds have.
        attempts: outcomes of all runs of a network, complete or not.
        skipped: runs that are not used, each with the reason.
        damaged: runs whose daily errors or coverage cannot be read, each with the reason; they are judged without them.
    """

    used: tuple[Metrics, ...] = ()
    folders: Mapping[str, RunFolder] = field(default_factory=dict)
    networks: Networks = field(default_factory=dict)
    later: Mapping[int, Networks] = field(default_factory=dict)
    validation_rows: int = 0
    varied: Mapping[str, Networks] = field(default_factory=dict)
    varied_used: tuple[Metrics, ...] = ()
    claimed: Mapping[str, Network] = field(default_factory=dict)
    attempts: Mapping[Network, Attempts] = field(default_factory=dict)
    skipped: tuple[Skipped, ...] = ()
    damaged: tuple[Skipped, ...] = ()

    @property
    def is_published_data(self) -> bool | None:
        """Whether the data are the published file; None if nothing was published to compare with."""
        return self.used[0].dataset.verified if self.used else None

    @property
    def reading(self) -> str:
        """The options by which the file was read, except the chosen rows; empty if as found, or if no run says it."""
        return next((run.dataset.reading for run in self.used if run.dataset.reading is not None), "")

    @property
    def edition(self) -> Edition:
        """The edition of the protocol; the first edition for a user's own protocol."""
        return EDITIONS.get(self.used[0].protocol.name, BOOK) if self.used else BOOK

    def find_run(self, network: Network) -> Metrics | None:
        """Return a run of a network."""
        return next((run for run in self.used if read_network(run) == network), None)

    @property
    def curves(self) -> RunCurves:
        """Any run, for the figures that all have in common: the unit, and the naive forecast's error."""
        return next(iter(self.networks.values()))[0]


def collect_runs(names: Sequence[str], runs_dir: Path) -> Collection:
    """Collect the named runs, or all runs of `runs_dir` if none is named.

    The first named run that can be judged determines the data and the protocol; without names, the newest such run
    does. If there are several complete runs of a network and seed, the newest counts.

    Raises:
        RdropError: a name is no run.
    """
    folders = find_runs(names, runs_dir)
    readable, unreadable = _read_networks(folders)
    fit, unfit = _keep_fit(readable)
    places = {folder: place for place, folder in enumerate(folders)}
    ordered = sorted(fit, key=lambda run: places[run.folder]) if names else fit
    reference = next((run for run in ordered if not run.metrics.vary), None)
    if reference is None:
        return Collection(skipped=(*unreadable, *unfit, *map(_skip_varied, fit)))
    return _collect_like(reference, readable, fit, (*unreadable, *unfit))


def _read_networks(folders: Sequence[RunFolder]) -> tuple[list[Run], list[Skipped]]:
    """Read runs, except reference forecasts, which are not networks and have no seeds."""
    found, unreadable = read_runs(folders)
    return [run for run in found if run.metrics.is_network], unreadable


def collect_datasets(names: Sequence[str], runs_dir: Path) -> dict[str, Collection]:
    """Collect the runs of each dataset and target separately, as `collect_runs` does, by the dataset's name.

    Each names the skipped runs of its own data, and those that cannot be read, whose data are not known.

    Raises:
        RdropError: a name is no run.
    """
    readable, unreadable = _read_networks(find_runs(names, runs_dir))
    by_dataset = dict[tuple[str, str, str], list[Run]]()
    for run in readable:
        by_dataset.setdefault(_read_dataset(run), []).append(run)
    studies = []
    for own in by_dataset.values():
        fit, unfit = _keep_fit(own)
        reference = next((run for run in fit if not run.metrics.vary), None)
        if reference is not None:
            studies.append((reference, own, fit, unfit))
    labels = Counter(reference.metrics.dataset.label for reference, *_ in studies)
    found = {}
    for reference, own, fit, unfit in sorted(studies, key=lambda study: study[0].metrics.created_at):
        dataset, target = reference.metrics.dataset, reference.metrics.protocol.target
        name = dataset.label if labels[dataset.label] == 1 else f"{dataset.label}, {target} ({dataset.sha256[:6]})"
        found[name] = _collect_like(reference, own, fit, (*unreadable, *unfit))
    return found


def _read_dataset(run: Run) -> tuple[str, str, str]:
    """Return what makes a dataset: the file, the rows of it, and the target."""
    return run.metrics.dataset.sha256, run.metrics.dataset.where, run.metrics.protocol.target


def _collect_like(
    reference: Run, readable: Sequence[Run], fit: Mapping[Run, RunCurves], skipped: tuple[Skipped, ...]
) -> Collection:
    """Collect the runs of the study that a run belongs to."""
    comparable, differing = keep_comparable(list(fit), reference, explain_other_study)
    unfit, _ = keep_comparable([run for run in readable if run not in fit], reference, explain_other_study)
    used, replaced = keep_newest_of_each_seed([run for run in comparable if not run.metrics.vary])
    varied, replaced_too = keep_newest_of_each_seed([run for run in comparable if run.metrics.vary])
    damaged = list[Skipped]()
    origins, unit = dict[int, dict[Network, list[RunCurves]]](), used[0].metrics.target_std
    kept = zip(used, read_errors(used, damaged), read_coverage(used, damaged), strict=True)
    for run, daily, coverage in kept:
        curves = fit[run].with_daily(daily, coverage).in_unit_of(unit)
        networks = origins.setdefault(run.metrics.protocol.train_start_row, {})
        networks.setdefault(read_network(run.metrics), []).append(curves)
    (first, networks), *later = origins.items()
    at_first = [run.metrics for run in varied if run.metrics.protocol.train_start_row == first]
    return Collection(
        used=tuple(run.metrics for run in used),
        folders={run.metrics.run_id: run.folder for run in used},
        networks=networks,
        later={start - first: at_origin for start, at_origin in later},
        validation_rows=reference.metrics.protocol.val_stop_row - reference.metrics.protocol.train_stop_row,
        varied=_gather_varied(at_first, networks),
        varied_used=tuple(at_first),
        claimed=_choose_claimed(networks, read_network(reference.metrics).chosen_cell),
        attempts=_count_attempts([*comparable, *unfit]),
        skipped=(*skipped, *differing, *replaced, *replaced_too),
        damaged=tuple(damaged),
    )


def _skip_varied(run: Run) -> Skipped:
    kind = "whose seed does not determine everything"
    return Skipped(run.folder.run_id, f"its seed determines {run.metrics.vary} alone", kind)


def _gather_varied(runs: Sequence[Metrics], networks: Networks) -> dict[str, Networks]:
    """Return the runs in which one source of chance varies, each network with its usual run of seed 0."""
    varied: dict[str, dict[Network, list[RunCurves]]] = {}
    for run in runs:
        network = read_network(run)
        base = [each for each in networks.get(network, ()) if each.seed == 0]
        varied.setdefault(run.vary, {}).setdefault(network, base).append(build_curves(run))
    return dict(varied)


def _choose_claimed(networks: Mapping[Network, Sequence[RunCurves]], cell: str | None) -> dict[str, Network]:
    claimed: dict[str, Network] = {}
    for network, runs in networks.items():
        if network.chosen_cell != cell or not network.is_of_the_study:
            continue
        rival = claimed.get(network.variant)
        if rival is None or (len(runs), network.epochs) > (len(networks[rival]), rival.epochs):
            claimed[network.variant] = network
    return claimed


def _count_attempts(runs: Sequence[Run]) -> dict[Network, Attempts]:
    rank = {"completed": 2, "failed": 1}
    best: dict[tuple[Network, int, int], Run] = {}
    for run in runs:
        if run.metrics.vary:
            continue
        key = read_network(run.metrics), run.metrics.seed, run.metrics.protocol.train_start_row
        status = rank.get(run.metrics.status, 0)
        if key not in best or status > rank.get(best[key].metrics.status, 0):
            best[key] = run
    worst: dict[Network, dict[int, Metrics]] = {}
    for (network, seed, _), run in best.items():
        of_seed = worst.setdefault(network, {})
        if rank.get(run.metrics.status, 0) <= rank.get(of_seed.get(seed, run.metrics).status, 0):
            of_seed[seed] = run.metrics
    attempts = {}
    for network, by_seed in worst.items():
        found = list(by_seed.values())
        statuses = Counter(rank.get(run.status, 0) for run in found)
        failures = tuple(str(run.failure) for run in found if run.status == "failed")
        attempts[network] = Attempts(statuses[2], statuses[1], statuses[0], failures)
    return attempts


def build_curves(metrics: Metrics) -> RunCurves:
    """Return the curves of a run from its metrics.

    Raises:
        DataError: the run has finished no epoch.
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
    )


_UNFIT = {"failed": "that failed", "interrupted": "that are not complete"}


def _keep_fit(runs: Sequence[Run]) -> tuple[dict[Run, RunCurves], list[Skipped]]:
    """Return the complete runs with finite figures, in order, with their curves; and the others, with the reason."""
    fit, unfit = dict[Run, RunCurves](), []
    for run in runs:
        try:
            _check_complete(run)
            fit[run] = build_curves(run.metrics)
        except DataError as error:
            kind = _UNFIT.get(run.metrics.status, "that are not whole")
            unfit.append(Skipped(run.folder.run_id, str(error), kind))
    return fit, unfit


def _check_complete(run: Run) -> None:
    status, epochs = run.metrics.status, run.metrics.epochs
    if status == "failed":
        raise DataError(f"failed: {run.metrics.cause_of_failure}")
    if status != "completed":
        hint = "; `rdrop train` resumes it" if status == "interrupted" else ""
        raise DataError(f"{status}, {epochs.done} of {epochs.planned} epochs are done{hint}")
