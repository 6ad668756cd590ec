"""The layers that networks are stacked from, as plain data."""

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True)
class RecurrentLayer:
    """A recurrent layer: its size in multiples of the protocol's units, its activation, and its direction."""

    width: int = 1
    activation: str = "tanh"
    backwards: bool = False


@dataclass(frozen=True)
class DenseLayer:
    """A dense layer on the flattened window: its size in multiples of the protocol's units, and its activation."""

    width: int = 1
    activation: str = "relu"


@dataclass(frozen=True)
class ConvolutionLayer:
    """A convolution over time: how many filters, and how many timesteps each covers."""

    filters: int
    timesteps: int
    activation: str = "relu"


class Pooled(StrEnum):
    """How timesteps are pooled."""

    MAXIMUM = "maximum"
    AVERAGE = "average"


@dataclass(frozen=True)
class PoolingLayer:
    """A pooling layer over `timesteps` timesteps; None pools all of them."""

    timesteps: int | None = None
    pooled: Pooled = Pooled.MAXIMUM


Layer = RecurrentLayer | DenseLayer | ConvolutionLayer | PoolingLayer
