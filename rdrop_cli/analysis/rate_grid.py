"""Networks of one variant laid out by their two rates."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rdrop_cli.analysis.networks import NetworkRow
from rdrop_cli.errors import RdropError
from rdrop_cli.study.variants import format_rates, label_network

LEAST_VALUES = 2  # of each rate: fewer make a row, not a grid


@dataclass(frozen=True)
class RateGrid:
    """One variant and cell, trained for one number of epochs with several rates.

    Attributes:
        network: its label.
        squares: results for each pair (dropout, recurrent dropout); a pair may be missing.
        reference: the network that they are compared with, if it is of another variant; usually the baseline.
    """

    network: str
    epochs: int
    squares: Mapping[tuple[float, float], NetworkRow]
    reference: NetworkRow | None

    @property
    def dropouts(self) -> list[float]:
        return sorted({dropout for dropout, _ in self.squares})

    @property
    def recurrent_dropouts(self) -> list[float]:
        return sorted({recurrent for _, recurrent in self.squares})

    @property
    def best(self) -> NetworkRow:
        return min(self.squares.values(), key=lambda square: square.level)

    @property
    def has_gaps(self) -> bool:
        """Whether a pair of its rates was not trained."""
        return len(self.squares) < len(self.dropouts) * len(self.recurrent_dropouts)

    @property
    def is_grid(self) -> bool:
        return min(len(self.dropouts), len(self.recurrent_dropouts)) >= LEAST_VALUES


def list_rate_grids(rows: Sequence[NetworkRow]) -> list[RateGrid]:
    """Return every network with at least two values of both rates, the one with the most pairs first.

    If a network was trained for different numbers of epochs, the grid has the pairs with the most common number.
    """
    grids = [grid for grid in _lay_out(rows) if grid.is_grid]
    return sorted(grids, key=lambda grid: (-len(grid.squares), grid.network))


def require_rate_grids(rows: Sequence[NetworkRow]) -> list[RateGrid]:
    """Return the grids of `list_rate_grids`.

    Raises:
        RdropError: there are none; the message says which rates there are.
    """
    grids = list_rate_grids(rows)
    if grids:
        return grids
    largest = max(_lay_out(rows), key=lambda grid: len(grid.squares))
    pairs = ", ".join(format_rates(*pair) for pair in sorted(largest.squares))
    raise RdropError(
        f"expected at least two values of dropout and two of recurrent dropout for one network, received "
        f"{pairs} for {largest.network}; `rdrop sweep` trains a grid",
        field="rates",
    )


def list_left_out(rows: Sequence[NetworkRow], grids: Sequence[RateGrid]) -> list[str]:
    """Return the labels of the networks that are neither a square nor the reference of a grid."""
    shown = [row for grid in grids for row in (*grid.squares.values(), grid.reference)]
    return [row.label for row in rows if row not in shown]


def _lay_out(rows: Sequence[NetworkRow]) -> list[RateGrid]:
    variants: dict[tuple[str, str], list[NetworkRow]] = {}
    for row in rows:
        variants.setdefault((row.network.variant, row.network.cell), []).append(row)
    references = {row.network.chosen_cell: row for row in rows if row.answer is None}
    return [_build_grid(alike, references.get(alike[0].network.chosen_cell)) for alike in variants.values()]


def _build_grid(rows: Sequence[NetworkRow], reference: NetworkRow | None) -> RateGrid:
    """Lay out the networks of one variant and cell."""
    network = rows[0].network
    epochs = Counter(row.network.epochs for row in rows).most_common(1)[0][0]
    return RateGrid(
        network=label_network(network.variant, network.cell),
        epochs=epochs,
        squares={_read_rates(row): row for row in rows if row.network.epochs == epochs},
        reference=reference if reference and reference.network.variant != network.variant else None,
    )


def _read_rates(row: NetworkRow) -> tuple[float, float]:
    return row.network.dropout, row.network.recurrent_dropout
