"""What an arm is: a network as it was trained, by all that may differ between runs besides the seed."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from rdrop_cli.errors import DataError
from rdrop_cli.runs.comparable import Metrics
from rdrop_cli.runs.schema import read_cell
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
        network = label_network(self.variant, self.cell)
        return f"{network} {format_rates(*rates)}" if any(rates) or (variant and variant.drops) else network


def format_rates(dropout: float, recurrent_dropout: float) -> str:
    return f"{dropout:g}/{recurrent_dropout:g}"


def read_arm(run: Metrics) -> Arm:
    """Return the arm that a run belongs to.

    Raises:
        DataError: its rates are no rates, or its cell has no name.
    """
    rates = [run["rates"].get(name, 0.0) for name in ("dropout", "recurrent_dropout")]
    for rate in rates:
        if type(rate) not in (int, float) or not 0 <= rate < 1:
            raise DataError(f"rates: expected numbers in [0, 1), received {str(rate)[:40]!r}")
    cell = read_cell(run)
    if not cell.isprintable():
        raise DataError(f"cell: expected a name, received {cell[:40]!r}")
    return Arm(run["variant"], cell, float(rates[0]), float(rates[1]), run["epochs"]["planned"])


def label_arms(arms: Iterable[Arm]) -> dict[Arm, str]:
    """Label arms by their names, and by their epochs where those alone tell two of them apart."""
    arms = list(arms)
    times = Counter(arm.name for arm in arms)
    return {arm: arm.name if times[arm.name] == 1 else f"{arm.name}, {arm.epochs} epochs" for arm in arms}
