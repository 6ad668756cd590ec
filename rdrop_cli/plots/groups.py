"""Groups of runs that are drawn as one: runs that differ only in their seeds."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rdrop_cli.runs.comparable import read_settings
from rdrop_cli.runs.difference import explain_difference
from rdrop_cli.runs.document import Metrics
from rdrop_cli.study.editions import BOOK, EDITIONS
from rdrop_cli.study.own import format_code

MOST_GROUPS = 8  # in one picture: more lines cannot be distinguished


@dataclass(frozen=True, eq=False)
class Group:
    """Runs of one network under one label: a single run, or several seeds, of which the mean is drawn."""

    label: str
    network: str
    runs: tuple[Metrics, ...]

    @property
    def variant(self) -> str:
        return self.runs[0].variant

    @property
    def is_trained(self) -> bool:
        """Whether the edition of its protocol trains this variant by default."""
        return self.variant in EDITIONS.get(self.runs[0].protocol.name, BOOK).trained

    @property
    def epochs(self) -> int:
        """The number of epochs, the same for all runs."""
        return len(self.runs[0].history.val_loss)

    def curves(self, key: str) -> npt.NDArray[np.float64]:
        """Return one kind of curve for every run, standardised, of shape (run, epoch)."""
        return np.array([getattr(run.history, key) for run in self.runs], dtype=np.float64)


def keep_legible(runs: Sequence[Metrics]) -> tuple[list[Metrics], list[str]]:
    """Keep the runs of at most eight groups, in their order: those that their edition trains, and the best others.

    Returns:
        The runs, and the labels of the skipped networks.
    """
    groups = group_seeds(list(runs))
    ranked = sorted(groups, key=lambda group: (not group.is_trained, group.curves("val_loss").min(axis=1).mean()))
    kept = {run.run_id for group in ranked[:MOST_GROUPS] for run in group.runs}
    return [run for run in runs if run.run_id in kept], [group.network for group in ranked[MOST_GROUPS:]]


def group_seeds(runs: list[Metrics]) -> list[Group]:
    """Group runs that differ only in their seeds, in the order of each group's first run.

    If two runs of a group have the same seed, each run is its own group: a mean would count that seed twice.
    """
    networks, labels, alike = name_networks(runs), label_runs(runs), list[list[int]]()
    for index, run in enumerate(runs):
        group = next((group for group in alike if _differ_by_seed_alone(run, runs[group[0]])), None)
        if group is None:
            alike.append([index])
        else:
            group.append(index)
    groups = []
    for group in alike:
        apart = len({runs[i].seed for i in group}) < len(group)
        groups += [[i] for i in group] if apart else [group]
    return [_make_group([runs[i] for i in group], networks[group[0]], labels[group[0]]) for group in sorted(groups)]


def _differ_by_seed_alone(one: Metrics, other: Metrics) -> bool:
    return (
        one.variant == other.variant
        and len(one.history.val_loss) == len(other.history.val_loss)
        and read_settings(one) == read_settings(other)
        and explain_difference(one, other) is None
    )


def _make_group(runs: list[Metrics], network: str, label: str) -> Group:
    return Group(label if len(runs) == 1 else f"{network}, {len(runs)} seeds", network, tuple(runs))


def name_networks(runs: Sequence[Metrics]) -> list[str]:
    """Name the network of each run, with its rates or code if runs differ in them, or if the rates are not its own."""
    rates, codes = defaultdict[str, set[tuple[float, float]]](set), defaultdict[str, set[str]](set)
    for run in runs:
        rates[run.label].add(run.rates.pair)
        codes[run.label].add(run.code_sha256)
    names = (run.label_with_rates if len(rates[run.label]) > 1 else run.short_label for run in runs)
    return [
        f"{name}, {format_code(run.code_sha256)}" if len(codes[run.label]) > 1 else name
        for name, run in zip(names, runs, strict=True)
    ]


def label_runs(runs: Sequence[Metrics]) -> list[str]:
    """Label each run so that labels differ: by its network, or else network and seed, or else run id."""
    names = name_networks(runs)
    seeded = [f"{name}, seed {run.seed}" for name, run in zip(names, runs, strict=True)]
    by_name, by_seed = Counter(names), Counter(seeded)
    return [
        name if by_name[name] == 1 else with_seed if by_seed[with_seed] == 1 else run.run_id
        for run, name, with_seed in zip(runs, names, seeded, strict=True)
    ]
