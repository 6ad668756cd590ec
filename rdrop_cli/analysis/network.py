"""A network: a configuration as it was trained, with everything except the seed that may differ between runs."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from rdrop_cli.runs.document import Metrics
from rdrop_cli.study.own import format_code
from rdrop_cli.study.units import format_count
from rdrop_cli.study.variants import VARIANTS, find_chosen_cell, label_network


@dataclass(frozen=True)
class Network:
    """A variant with its cell, rates and planned epochs, and the checksum of the code that makes a user's own."""

    variant: str
    cell: str
    dropout: float
    recurrent_dropout: float
    epochs: int
    code_sha256: str = ""

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
    return Network(run.variant, run.cell, *run.rates.pair, run.epochs.planned, run.code_sha256)


def label_networks(networks: Iterable[Network]) -> dict[Network, str]:
    """Label networks by name, and also by epochs or code if networks of one name differ in them."""
    networks = list(networks)
    epochs, codes = defaultdict[str, set[int]](set), defaultdict[str, set[str]](set)
    for each in networks:
        epochs[each.name].add(each.epochs)
        codes[each.name].add(each.code_sha256)

    def label(each: Network) -> str:
        length = format_count(each.epochs, "epoch") if len(epochs[each.name]) > 1 else ""
        code = format_code(each.code_sha256) if len(codes[each.name]) > 1 else ""
        return ", ".join(filter(None, (each.name, length, code)))

    return {each: label(each) for each in networks}
