"""A network: a configuration as it was trained, with everything except the seed that may differ between runs."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from rdrop_cli.runs.document import Metrics
from rdrop_cli.study.units import format_count
from rdrop_cli.study.variants import VARIANTS, find_chosen_cell, label_network


@dataclass(frozen=True)
class Network:
    """A variant with its cell, rates and planned epochs."""

    variant: str
    cell: str
    dropout: float
    recurrent_dropout: float
    epochs: int

    @property
    def name(self) -> str:
        """The variant and, if it has dropout, its rates: `dropout-lstm 0.2/0.5`."""
        variant, rates = VARIANTS.get(self.variant), (self.dropout, self.recurrent_dropout)
        drops = any(rates) or (variant is not None and variant.drops)
        return label_network(self.variant, self.cell, rates if drops else None)

    @property
    def chosen_cell(self) -> str | None:
        """The cell that was chosen for it; None for its variant's own cell."""
        return find_chosen_cell(self.variant, self.cell)

    @property
    def is_of_the_study(self) -> bool:
        """Whether it is a variant with its default rates: the claims are about those."""
        variant = VARIANTS.get(self.variant)
        return variant is not None and (variant.dropout, variant.recurrent_dropout) == (
            self.dropout,
            self.recurrent_dropout,
        )


def read_network(run: Metrics) -> Network:
    """Return the network that a run trained."""
    return Network(run.variant, run.cell, *run.rates.pair, run.epochs.planned)


def label_networks(networks: Iterable[Network]) -> dict[Network, str]:
    """Label networks by name, and also by epochs if the name is not unique."""
    networks = list(networks)
    times = Counter(network.name for network in networks)
    epochs = {each: f", {format_count(each.epochs, 'epoch')}" if times[each.name] > 1 else "" for each in networks}
    return {network: f"{network.name}{suffix}" for network, suffix in epochs.items()}
