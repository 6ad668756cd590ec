"""Which network does best: each one over its seeds, and compared with the reference of its cell.

The differences are questions of the same page and test as the claims; for the dropout network it is the same question.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from rdrop_cli.analysis.answers import Answer
from rdrop_cli.analysis.asked import Asked, RunsBySeed, measure_or_none
from rdrop_cli.analysis.collect import Attempts, Collection
from rdrop_cli.analysis.intervals import Interval, clopper_pearson
from rdrop_cli.analysis.network import Network, label_networks
from rdrop_cli.analysis.questions import compare_with
from rdrop_cli.analysis.run import RunCurves

CHOSEN_FROM = 3  # networks; with two there is no choice


@dataclass(frozen=True)
class NetworkRow:
    """The results of a network over its seeds; errors are standardised and means over seeds.

    Attributes:
        level: over the epochs of the network.
        turn: epoch of the level.
        test: error on the test period at the best epochs; None if it was not measured.
        overfitting: number of seeds that overfit, and of seeds that are long enough to show it.
        overfitting_interval: the exact 95 % interval of that share.
        reference: label of the network that it is compared with; None for a reference.
        answer: how its level differs from the reference's; None for a reference.
        chosen_from: number of networks of its cell, three or more, among which it is the best on these same seeds, so
            its difference is flattered; 0 for the others.
    """

    label: str
    network: Network
    seeds: tuple[int, ...]
    attempts: Attempts
    level: float
    turn: float
    test: float | None
    overfitting: tuple[int, int]
    overfitting_interval: Interval | None
    reference: str | None
    answer: Answer | None
    chosen_from: int = 0

    @property
    def is_chosen(self) -> bool:
        return self.chosen_from > 0

    @property
    def effect(self) -> str:
        """`lower`, `higher` or `undecided` compared with the reference; or `reference`, or `no shared seed`."""
        if self.answer is None:
            return "reference"
        if self.answer.estimate is None:
            return "no shared seed"
        interval = self.answer.interval
        if interval is None or interval.low <= 0 <= interval.high:
            return "undecided"
        return "lower" if interval.high < 0 else "higher"


def find_references(collection: Collection) -> dict[Network, Network]:
    """Return the network that each is compared with: the edition's network without dropout, else the first.

    Networks with a chosen cell have a reference of their own.
    """
    references: dict[str | None, Network] = {}
    for network, runs in collection.networks.items():
        rival = references.get(network.chosen_cell)
        if rival is None or (network.variant == rival.variant and len(runs) > len(collection.networks[rival])):
            references[network.chosen_cell] = network
    if claimed := collection.claimed.get(collection.edition.reference):
        references[claimed.chosen_cell] = claimed
    compared = {each: references[each.chosen_cell] for each in collection.networks}
    return {each: reference for each, reference in compared.items() if each != reference}


def ask_differences(collection: Collection) -> dict[Network, Asked]:
    """Return, for every network with a reference, the question how their levels differ."""
    labels = label_networks(collection.networks)
    return {
        network: Asked(
            compare_with(labels[reference], labels[network]),
            align_origins(collection, [reference, network]),
            (0.0,),
            (labels[reference], labels[network]),
            collection.validation_rows,
        )
        for network, reference in find_references(collection).items()
    }


def align_by_seed(networks: Sequence[Sequence[RunCurves]]) -> RunsBySeed:
    """Return the runs of every seed that all networks have, in the order of the networks; seeds ascending."""
    by_seed = [{run.seed: run for run in runs} for runs in networks]
    shared = sorted(set.intersection(*(set(runs) for runs in by_seed)))
    return {seed: tuple(runs[seed] for runs in by_seed) for seed in shared}


def align_origins(collection: Collection, networks: Sequence[Network]) -> dict[int, RunsBySeed]:
    """Return, by origin, the runs of the seeds that all networks have at every origin with shared seeds."""
    at_origins = {0: collection.networks, **collection.later}
    found = {
        start: align_by_seed([of_network.get(network, ()) for network in networks])
        for start, of_network in at_origins.items()
    }
    found = {start: runs for start, runs in found.items() if runs}
    shared = set.intersection(*map(set, found.values())) if found else set[int]()
    return {start: {seed: runs[seed] for seed in sorted(shared)} for start, runs in found.items()} if shared else {}


def build_rows(collection: Collection, answers: Mapping[Network, Answer]) -> list[NetworkRow]:
    """Return the table by cell; in each the lowest difference comes first, at equal epochs and over shared seeds."""
    labels, references = label_networks(collection.networks), find_references(collection)
    rows = [
        _describe(network, labels, collection, references.get(network), answers.get(network))
        for network in collection.networks
    ]
    cells = dict.fromkeys(row.network.chosen_cell for row in rows)
    by_cell = [sorted((row for row in rows if row.network.chosen_cell == cell), key=_rank) for cell in cells]
    return [row for ranked in by_cell for row in _mark_chosen(ranked)]


def _mark_chosen(ranked: list[NetworkRow]) -> list[NetworkRow]:
    best = ranked[0]
    if len(ranked) < CHOSEN_FROM or best.answer is None or best.answer.estimate is None:
        return ranked
    return [replace(best, chosen_from=len(ranked)), *ranked[1:]]


def _rank(row: NetworkRow) -> tuple[bool, float]:
    difference = 0.0 if row.answer is None else row.answer.estimate
    return difference is None, difference or 0.0


def _describe(
    network: Network,
    labels: Mapping[Network, str],
    collection: Collection,
    reference: Network | None,
    answer: Answer | None,
) -> NetworkRow:
    runs = collection.networks[network]
    levels = [run.level for run in runs]
    tests = [run.test_mae for run in runs if run.test_mae is not None]
    examined = [measure_or_none(lambda one: one[0].overfitting, (run,)) for run in runs]
    shown = [found.shown for found in examined if found]
    return NetworkRow(
        label=labels[network],
        network=network,
        seeds=tuple(run.seed for run in runs),
        attempts=collection.attempts.get(network, Attempts(len(runs))),
        level=sum(level.error for level in levels) / len(levels),
        turn=sum(level.epoch for level in levels) / len(levels),
        test=sum(tests) / len(tests) if tests else None,
        overfitting=(sum(shown), len(shown)),
        overfitting_interval=clopper_pearson(sum(shown), len(shown)) if shown else None,
        reference=labels[reference] if reference else None,
        answer=answer,
    )
