"""Which network does best: every one over its seeds, and against the reference of its cell.

The differences are questions of the same page and test as the claims; the dropout network's is the very one of the
claims.
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

CHOSEN_FROM = 3  # networks; of two nothing was chosen


@dataclass(frozen=True)
class NetworkRow:
    """What the seeds of a network say; errors are standardised and means over seeds.

    Attributes:
        level: over the epochs of the network.
        turn: epoch of the level.
        test: error on the test period of the networks that validation chose; None where none was measured.
        overfitting: seeds that overfit, of those that are long enough to tell; with its exact 95 % interval.
        reference: label of the network that it is compared with; None of a reference.
        answer: to the question how its level differs; None of a reference.
        chosen_from: of how many networks of its cell it is the best on these very seeds, three or more, so that its
            difference flatters it; 0 of the others.
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
        """`lower`, `higher` or `undecided` against the reference, `reference`, or `no shared seed`."""
        if self.answer is None:
            return "reference"
        if self.answer.estimate is None:
            return "no shared seed"
        interval = self.answer.interval
        if interval is None or interval.low <= 0 <= interval.high:
            return "undecided"
        return "lower" if interval.high < 0 else "higher"


def find_references(collection: Collection) -> dict[Network, Network]:
    """Return the network that each is compared with: the edition's without dropout, else the first there is.

    Networks with a cell that was chosen for them have a reference of their own.
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
    """Return, of every network that has a reference, the question how their levels differ."""
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
    """Return the runs of every seed that all networks have, in their order; seeds ascending."""
    by_seed = [{run.seed: run for run in runs} for runs in networks]
    shared = sorted(set.intersection(*(set(runs) for runs in by_seed)))
    return {seed: tuple(runs[seed] for runs in by_seed) for seed in shared}


def align_origins(collection: Collection, networks: Sequence[Network]) -> dict[int, RunsBySeed]:
    """Return the runs of every seed that all networks have at every origin at which they have any, by origin."""
    at_origins = {0: collection.networks, **collection.later}
    found = {
        start: align_by_seed([of_network.get(network, ()) for network in networks])
        for start, of_network in at_origins.items()
    }
    found = {start: runs for start, runs in found.items() if runs}
    shared = set.intersection(*map(set, found.values())) if found else set[int]()
    return {start: {seed: runs[seed] for seed in sorted(shared)} for start, runs in found.items()} if shared else {}


def build_rows(collection: Collection, answers: Mapping[Network, Answer]) -> list[NetworkRow]:
    """Return the table by cell, in each the lowest difference first: at equal epochs, over shared seeds."""
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
