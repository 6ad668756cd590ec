"""What an arm is: a network as it was trained, by all that may differ between runs besides the seed."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from rdrop_cli.runs.document import Metrics
from rdrop_cli.study.variants import VARIANTS, label_network


@dataclass(frozen=True)
class Arm:
    """A variant with its cell, rates and planned epochs."""

    variant: str
    cell: str
    dropout: float
    recurrent_dropout: float
    epochs: int

    @property
    def name(self) -> str:
        """The network and, where it drops, its rates: `dropout-lstm 0.2/0.5`."""
        variant, rates = VARIANTS.get(self.variant), (self.dropout, self.recurrent_dropout)
        drops = any(rates) or (variant is not None and variant.drops)
        return label_network(self.variant, self.cell, rates if drops else None)


def read_arm(run: Metrics) -> Arm:
    """Return the arm that a run belongs to."""
    return Arm(run.variant, run.cell, *run.rates.pair, run.epochs.planned)


def label_arms(arms: Iterable[Arm]) -> dict[Arm, str]:
    """Label arms by their names, and by their epochs where those alone tell two of them apart."""
    arms = list(arms)
    times = Counter(arm.name for arm in arms)
    return {arm: arm.name if times[arm.name] == 1 else f"{arm.name}, {arm.epochs} epochs" for arm in arms}
