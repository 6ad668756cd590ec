"""A variant, a network to compare, as plain data: its layers, its method of dropout and its cells."""

from dataclasses import dataclass
from enum import StrEnum

from rdrop_cli.study.layers import ConvolutionLayer, DenseLayer, Layer, PoolingLayer, RecurrentLayer
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
class Variant:
    """A named network: its layers, followed by a dense layer that outputs the forecast.

    Attributes:
        name: what users type.
        summary: one line.
        paper: short reference.
        dropout: default rate; 0 if it has none.
        recurrent_dropout: default rate of the masks of the recurrent layer's method; 0 if it has none.
        method: a name of `rdrop_cli.study.methods`; None for Keras's own layer.
        dropout_at: where the masks of `dropout` act.
        stack: the layers, first to last.
        bidirectional: whether each recurrent layer is a pair that reads forwards and backwards.
        cell: the cell of its recurrent layers if none is named.
        only_cell: whether no other cell is possible: the name determines it, or there is no recurrent layer.
        one_horizon: whether it cannot forecast several horizons at once.
        lookback_rows, step_rows: of its own windows, in rows of the Jena data; None for the protocol's.
        maker: the user's own function that makes it, `module:function`; its cost is estimated from `stack`.
    """

    name: str
    summary: str
    paper: str
    dropout: float = 0.0
    recurrent_dropout: float = 0.0
    method: str | None = None
    dropout_at: Place = Place.ARGUMENT
    stack: tuple[Layer, ...] = (RecurrentLayer(),)
    bidirectional: bool = False
    cell: str = DEFAULT_CELL
    only_cell: bool = False
    one_horizon: bool = False
    lookback_rows: int | None = None
    step_rows: int | None = None
    maker: str = ""

    @property
    def drops(self) -> bool:
        """Whether it has dropout."""
        return self.dropout > 0 or self.recurrent_dropout > 0

    @property
    def shares_input_mask(self) -> bool:
        """Whether it has Keras's layers, whose gates share an input mask if the recurrent rate is 0."""
        keeps_layers = self.method is None and not self.maker and bool(self.recurrent_layers)
        return keeps_layers and self.dropout_at is Place.ARGUMENT

    @property
    def is_network(self) -> bool:
        """Whether it is a network, and not a reference forecast."""
        return bool(self.stack)

    @property
    def recurrent_layers(self) -> tuple[RecurrentLayer, ...]:
        """Its recurrent layers, first to last."""
        return tuple(layer for layer in self.stack if isinstance(layer, RecurrentLayer))

    @property
    def least_timesteps(self) -> int:
        """Timesteps that a window needs so that each layer receives at least one."""
        least = 1
        for layer in reversed(self.stack):
            if isinstance(layer, ConvolutionLayer):
                least += layer.timesteps - 1
            elif isinstance(layer, PoolingLayer):
                least *= layer.timesteps or 1
        return least

    def count_products(self, timesteps: int, features: int, units: int, gates: int = 1) -> int:
        """Return the approximate cost of training: products for one window, with `gates` gates per recurrent layer."""
        products, width = 0, features
        for layer in self.stack:
            match layer:
                case RecurrentLayer():
                    own, directions = layer.width * units, 2 if self.bidirectional else 1
                    products += timesteps * directions * gates * own * (own + width)
                    width = directions * own
                case DenseLayer():
                    products += timesteps * width * layer.width * units
                    timesteps, width = 1, layer.width * units
                case ConvolutionLayer():
                    timesteps -= layer.timesteps - 1
                    products += timesteps * layer.filters * layer.timesteps * width
                    width = layer.filters
                case PoolingLayer():
                    timesteps = timesteps // layer.timesteps if layer.timesteps else 1
        return products

    @property
    def cells(self) -> tuple[str, ...]:
        """The names of the cells that it can be built with."""
        if self.only_cell:
            return (self.cell,)
        return METHODS[self.method].cells if self.method else tuple(CELLS)
