"""The methods of dropout in a recurrent layer, as data: where masks multiply, their shape, and their lifetime.

Notation, in Keras's gate order. U_k and W_k are the columns of gate k in the recurrent kernel and in the kernel:

    GRU    z, r = σ(x W_k + h U_k + b_k)        g = tanh(x W_h + r ∘ (h U_h) + b_h)      h ← z ∘ h + (1 − z) ∘ g
    LSTM   i, f, o = σ(x W_k + h U_k + b_k)     g = tanh(x W_c + h U_c + b_c)            c ← f ∘ c + i ∘ g
                                                                                         h ← o ∘ tanh(c)
"""

from dataclasses import dataclass
from enum import StrEnum

from rdrop_cli.errors import suggest


class Site(StrEnum):
    """What a mask multiplies; the first and the last use a separate layer before or after the recurrent one."""

    GIVEN_SEQUENCE = "given sequence"  # x before the layer, for everything that reads it
    LAYER_INPUT = "layer input"  # x where a gate's product reads it
    RECURRENT_INPUT = "recurrent input"  # the previous h, where a gate's product reads it; not where z carries it
    PREVIOUS_STATE = "previous state"  # the previous h, wherever it is read: z carries the masked h
    CANDIDATE = "candidate"  # g
    NEW_STATE = "new state"  # the memory that a step writes: h of a GRU, c of an LSTM
    STATE_UPDATE = "state update"  # new state where the mask is 1, previous state where it is 0
    RECURRENT_KERNEL = "recurrent kernel"  # single weights of U
    RETURNED_OUTPUT = "returned output"  # h after the layer: the recurrence does not see it


class Lifetime(StrEnum):
    """How long a mask stays the same; no mask outlives a training call."""

    SEQUENCE = "sequence"
    STEP = "step"


class Scaling(StrEnum):
    """How training and inference are made equal on average, with keep = 1 − rate."""

    INVERTED = "inverted"  # kept values are divided by keep in training; inference is the plain layer
    EXPECTED = "expected"  # masks are 0 or 1 in training; inference replaces them with their mean, keep


@dataclass(frozen=True)
class Cell:
    """A recurrent cell: its gates in the order of Keras's weights, its states in the order of Keras's lists."""

    name: str
    gates: tuple[str, ...]
    states: tuple[str, ...]


CELLS = {
    cell.name: cell for cell in (Cell("gru", ("z", "r", "h"), ("h",)), Cell("lstm", ("i", "f", "c", "o"), ("h", "c")))
}


@dataclass(frozen=True)
class Method:
    """A method of dropout in a recurrent layer.

    Attributes:
        name: what users type.
        paper: short reference.
        description: one line.
        site: what the masks of `recurrent_dropout` multiply.
        lifetime: of the masks of `recurrent_dropout`; masks of `dropout` always last for the sequence.
        scaling: of the masks of `recurrent_dropout`; masks of `dropout` are always inverted.
        per_gate: whether each gate has its own masks for x and, if its product reads h, for h.
        per_sample: whether each sample has its own masks for x and h. Otherwise the batch shares them, which only masks
            that scale rows of the kernels can do. Weights can only be dropped for the complete batch.
        cells: the names of the cells that have the method.
    """

    name: str
    paper: str
    description: str
    site: Site
    lifetime: Lifetime = Lifetime.SEQUENCE
    scaling: Scaling = Scaling.INVERTED
    per_gate: bool = False
    per_sample: bool = True
    cells: tuple[str, ...] = tuple(CELLS)

    def __post_init__(self) -> None:
        """Refuse a method that the layers cannot compute as described.

        Raises:
            ValueError: the batch shares masks that do not scale rows of the kernels.
        """
        scales_rows = self.site is Site.RECURRENT_INPUT and self.per_gate and self.lifetime is Lifetime.SEQUENCE
        if not (self.per_sample or scales_rows):
            raise ValueError(
                f"{self.name}: masks that the batch shares have to be per gate, on h as its products read it"
            )

    def count_input_masks(self, cell: Cell) -> int:
        """Return the number of masks on x: one per gate, or one for all."""
        return len(cell.gates) if self.per_gate else 1

    def count_recurrent_masks(self, cell: Cell) -> int:
        """Return the number of masks at `site`: one per gate or state that has its own, or one for all."""
        if self.site is Site.STATE_UPDATE:
            return len(cell.states)
        return len(cell.gates) if self.per_gate and self.site is Site.RECURRENT_INPUT else 1


METHODS = {
    method.name: method
    for method in (
        Method(
            "gal",
            "Gal and Ghahramani 2016",
            "variational dropout: each gate reads h through a mask of its own, the same at every timestep",
            Site.RECURRENT_INPUT,
            per_gate=True,
        ),
        Method(
            "gal-tied",
            "Gal and Ghahramani 2016",
            "variational dropout with one mask for all gates",
            Site.RECURRENT_INPUT,
        ),
        Method(
            "moon",
            "Moon et al. 2015",
            "rnnDrop: units of the memory are off for the whole sequence; at inference the memory decays",
            Site.NEW_STATE,
            scaling=Scaling.EXPECTED,
        ),
        Method(
            "semeniuta-step",
            "Semeniuta et al. 2016",
            "drops from the candidate, anew at every timestep: what is remembered stays whole",
            Site.CANDIDATE,
            lifetime=Lifetime.STEP,
        ),
        Method(
            "semeniuta-sequence",
            "Semeniuta et al. 2016",
            "drops from the candidate, the same units at every timestep",
            Site.CANDIDATE,
        ),
        Method(
            "zoneout",
            "Krueger et al. 2017",
            "units of the state keep the value of the timestep before instead of becoming zero",
            Site.STATE_UPDATE,
            lifetime=Lifetime.STEP,
            scaling=Scaling.EXPECTED,
        ),
        Method(
            "dropconnect",
            "Wan et al. 2013; Merity et al. 2018",
            "drops single recurrent weights, the same for the whole batch",
            Site.RECURRENT_KERNEL,
        ),
        Method(
            "naive-step",
            "the baseline of Gal and Ghahramani 2016",
            "as gal, with the masks on h drawn anew at every timestep",
            Site.RECURRENT_INPUT,
            lifetime=Lifetime.STEP,
            per_gate=True,
        ),
        Method(
            "masked-carry",
            "no paper: the GRU of Keras 3.0 to 3.7",
            "one mask on h that the carried state passes through as well, so that kept units grow at every timestep",
            Site.PREVIOUS_STATE,
            cells=("gru",),
        ),
        Method(
            "batch-shared",
            "no paper",
            "as gal, with masks that the whole batch shares: the same as scaling rows of the kernels",
            Site.RECURRENT_INPUT,
            per_gate=True,
            per_sample=False,
        ),
    )
}


def find_method(name: object, cell: Cell) -> Method:
    """Return a method that a cell has.

    Raises:
        ValueError: there is no method of that name, or the cell does not have it.
    """
    if not isinstance(name, str) or name not in METHODS:
        raise ValueError(f"method={name!r}: {suggest(str(name), METHODS)}")
    method = METHODS[name]
    if cell.name not in method.cells:
        raise ValueError(f"method={name!r}: {cell.name} does not have it, only {', '.join(method.cells)}")
    return method
