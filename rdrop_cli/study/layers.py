"""The layers that networks are stacked from, as plain data."""

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True)
class RecurrentLayer:
    """A recurrent layer: its size in multiples of the protocol's units, its activation, and the order it reads in."""

    width: int = 1
    activation: str = "tanh"
    backwards: bool = False


@dataclass(frozen=True)
class DenseLayer:
    """All values of a window at once, flattened, into a dense layer: its size in multiples of the protocol's units."""

    width: int = 1
    activation: str = "relu"


@dataclass(frozen=True)
class ConvolutionLayer:
    """A convolution over time: how many filters, and how many timesteps each covers."""

    filters: int
    timesteps: int
    activation: str = "relu"


class Pooled(StrEnum):
    """What becomes of the timesteps that are pooled."""

    MAXIMUM = "maximum"
    AVERAGE = "average"


@dataclass(frozen=True)
class PoolingLayer:
    """So many timesteps become one; None pools all that there are."""

    timesteps: int | None = None
    pooled: Pooled = Pooled.MAXIMUM


Layer = RecurrentLayer | DenseLayer | ConvolutionLayer | PoolingLayer
