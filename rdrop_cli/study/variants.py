"""The networks that are compared, as plain data."""

from dataclasses import dataclass
from difflib import get_close_matches

from rdrop_cli.errors import UsageError


@dataclass(frozen=True)
class Variant:
    """A network by name. `dropout` and `recurrent_dropout` are its default rates; 0 means that it has none."""

    name: str
    summary: str
    paper: str
    dropout: float = 0.0
    recurrent_dropout: float = 0.0

    @property
    def drops(self) -> bool:
        """Whether it is regularised, and so is trained for longer."""
        return self.dropout > 0 or self.recurrent_dropout > 0


VARIANTS = {
    variant.name: variant
    for variant in (
        Variant("baseline", "GRU without dropout", "Cho et al. 2014"),
        Variant(
            "dropout",
            "GRU with Keras's dropout and recurrent_dropout: masks constant over time",
            "Gal and Ghahramani 2016",
            dropout=0.2,
            recurrent_dropout=0.2,
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
        near = get_close_matches(name, VARIANTS, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"expected one of {', '.join(VARIANTS)}"
        raise UsageError(f"no variant {name!r}: {hint}")
    return VARIANTS[name]
