"""The networks that are compared, as plain data."""

from dataclasses import dataclass
from enum import StrEnum

from rdrop_cli.errors import UsageError, ValueRefusedError, suggest
from rdrop_cli.study.methods import CELLS, METHODS

DEFAULT_CELL = "gru"  # the study's


class Place(StrEnum):
    """Where the masks of the rate `dropout` act."""

    ARGUMENT = "argument of the recurrent layer"
    DROPOUT_BEFORE = "Dropout before it"
    LOCKED_BEFORE = "Dropout before it, one mask for all timesteps"
    SPATIAL_BEFORE = "SpatialDropout1D before it"
    DROPOUT_AFTER = "Dropout after it"


@dataclass(frozen=True)
class RecurrentLayer:
    """One recurrent layer of a network: its size in multiples of the protocol's units, and its activation."""

    width: int = 1
    activation: str = "tanh"


@dataclass(frozen=True)
class Variant:
    """A network by name.

    Attributes:
        name: what users type.
        summary: one line.
        paper: short reference.
        dropout: default rate; 0 means that it has none.
        recurrent_dropout: the same, for the masks of the recurrent layer's method.
        method: a name of `rdrop_cli.study.methods`; None stands for Keras's own layer, untouched.
        dropout_at: where the masks of `dropout` act.
        stack: the recurrent layers, first to last.
        bidirectional: whether each is a pair that reads forwards and backwards.
    """

    name: str
    summary: str
    paper: str
    dropout: float = 0.0
    recurrent_dropout: float = 0.0
    method: str | None = None
    dropout_at: Place = Place.ARGUMENT
    stack: tuple[RecurrentLayer, ...] = (RecurrentLayer(),)
    bidirectional: bool = False

    @property
    def drops(self) -> bool:
        """Whether it is regularised."""
        return self.dropout > 0 or self.recurrent_dropout > 0

    @property
    def trains_longer(self) -> bool:
        """Whether the book trains it for twice the epochs: what drops, and the bidirectional network."""
        return self.drops or self.bidirectional

    @property
    def cells(self) -> tuple[str, ...]:
        """The names of the cells that it can be built with."""
        return METHODS[self.method].cells if self.method else tuple(CELLS)


VARIANTS = {
    variant.name: variant
    for variant in (
        Variant("baseline", "one recurrent layer, without dropout", "Cho et al. 2014"),
        Variant(
            "dropout",
            "Keras's own layer with dropout and recurrent_dropout: masks per gate, constant over time",
            "Gal and Ghahramani 2016",
            dropout=0.2,
            recurrent_dropout=0.2,
        ),
        *(
            Variant(method.name, method.description, method.paper, dropout=0.2, recurrent_dropout=0.2, method=name)
            for name, method in METHODS.items()
        ),
        Variant(
            "dropout-before",
            "a Dropout layer before: drops single values at single timesteps",
            "Zaremba et al. 2014",
            dropout=0.2,
            dropout_at=Place.DROPOUT_BEFORE,
        ),
        Variant(
            "locked-before",
            "Dropout(noise_shape=(None, 1, features)) before: drops whole features for the whole sequence",
            "Merity et al. 2018",
            dropout=0.2,
            dropout_at=Place.LOCKED_BEFORE,
        ),
        Variant(
            "spatial-before",
            "SpatialDropout1D before: the same as locked-before",
            "Tompson et al. 2015",
            dropout=0.2,
            dropout_at=Place.SPATIAL_BEFORE,
        ),
        Variant(
            "dropout-after",
            "a Dropout layer after: the recurrence does not see it",
            "Zaremba et al. 2014",
            dropout=0.2,
            dropout_at=Place.DROPOUT_AFTER,
        ),
        Variant(
            "stacked",
            "the book's two layers, the second twice as wide and with ReLU; Keras's own dropout in both",
            "Chollet 2018",
            dropout=0.1,
            recurrent_dropout=0.5,
            stack=(RecurrentLayer(), RecurrentLayer(width=2, activation="relu")),
        ),
        Variant(
            "bidirectional",
            "the book's pair of layers that read forwards and backwards, without dropout",
            "Schuster and Paliwal 1997",
            bidirectional=True,
        ),
    )
}
STUDY = ("baseline", "dropout")  # what `rdrop train` trains when nothing is named


def find_variant(name: str) -> Variant:
    """Return a variant by name.

    Raises:
        UsageError: there is none of that name; the message proposes the nearest.
    """
    if name not in VARIANTS:
        raise UsageError(f"no variant {name!r}; {suggest(name, VARIANTS)}", field="variants", show_field=False)
    return VARIANTS[name]


def check_cell(variant: Variant, cell: str) -> None:
    """Check that a variant can be built with a cell.

    Raises:
        UsageError: it cannot, or there is no such cell.
    """
    if cell not in CELLS:
        raise ValueRefusedError("cell", cell, f"one of {', '.join(CELLS)}")
    if cell not in variant.cells:
        raise UsageError(f"{variant.name} has no {cell} cell, only {', '.join(variant.cells)}", field="cell")


def label_network(variant: str, cell: str, rates: tuple[float, float] | None = None) -> str:
    """Return a network's label: `dropout`; with another cell than the study's, `dropout-lstm`; with its dropout and
    recurrent dropout where `rates` are given, `dropout-lstm 0.2/0.5`.
    """
    network = variant if cell == DEFAULT_CELL else f"{variant}-{cell}"
    return f"{network} {format_rates(*rates)}" if rates else network


def format_rates(dropout: float, recurrent_dropout: float) -> str:
    """Render a pair of rates: `0.2/0.5`."""
    return f"{dropout:g}/{recurrent_dropout:g}"
