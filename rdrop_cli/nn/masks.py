"""Draw the masks of a training call, as functions of shape, rate and seed.

One call of a layer with G gates reserves 4 G consecutive values of its seed generator's counter if any rate is on:

    counter + 0 …          masks on x, one per gate (or one)
    counter + G …          masks of `recurrent_dropout`, one per gate or state (or one)
    counter + 2 G … 4 G    the same for a layer that reads backwards

So neither rate changes the masks of the other, and the two directions of `Bidirectional`, whose generators start from
the same seed, have different masks.

The bits are Philox's, used as `tf.nn.experimental.stateless_dropout` uses them, but drawn as integers: TensorFlow's
stateless floats differ under XLA (tensorflow#117644), its integers do not. A mask is therefore the same in eager mode,
in a graph, and compiled, and the same as Keras's uncompiled layer draws.
"""

import math
from dataclasses import dataclass
from numbers import Real
from typing import Any

import tensorflow as tf

from rdrop_cli.nn.cells import CallMasks
from rdrop_cli.study.methods import Cell, Lifetime, Method, Scaling, Site

_MANTISSA_BITS = 23


@dataclass(frozen=True)
class MaskSampler:
    """Draws the masks of one layer.

    Attributes:
        method: of `recurrent_dropout`.
        cell: of the layer.
        units: of the layer.
        dropout: rate of the masks on x.
        recurrent_dropout: rate of the masks at the method's site.
        backwards: whether the layer reads its sequences backwards.
    """

    method: Method
    cell: Cell
    units: int
    dropout: float
    recurrent_dropout: float
    backwards: bool

    @property
    def seeds_per_call(self) -> int:
        """The number of counter values of the seed generator that a training call uses; 0 if both rates are 0."""
        return 4 * len(self.cell.gates) if self.dropout or self.recurrent_dropout else 0

    def draw(self, state: Any, batch: Any, timesteps: Any, features: int, dtype: str) -> CallMasks:
        """Draw the masks of a training call; a rate of 0 draws none.

        Args:
            state: of the layer's seed generator before the call: seed and counter, int64 of shape (2,).
            batch: number of samples; may be a tensor.
            timesteps: may be a tensor.
            features: of a timestep of x.
            dtype: of the masks.
        """
        method, gates = self.method, len(self.cell.gates)
        samples = batch if method.per_sample else 1
        shape: tuple[Any, ...] = (samples, self.units)
        if method.site is Site.RECURRENT_KERNEL:
            shape = (self.units, gates * self.units)
        elif method.lifetime is Lifetime.STEP:
            shape = (samples, timesteps, self.units)
        seeds = [state + tf.constant([0, i + 2 * gates * self.backwards], state.dtype) for i in range(2 * gates)]

        def draw_each(count: int, shape: tuple[Any, ...], rate: float, seeds: list[Any], inverted: bool) -> Any:
            kept = 1 / (1 - rate) if inverted else 1.0
            return tuple(draw_mask(shape, rate, seed, kept, dtype) for seed in seeds[:count]) if rate else ()

        return CallMasks(
            draw_each(method.count_input_masks(self.cell), (samples, features), self.dropout, seeds, True),
            draw_each(
                method.count_recurrent_masks(self.cell),
                shape,
                self.recurrent_dropout,
                seeds[gates:],
                method.scaling is Scaling.INVERTED,
            ),
        )

    def average(self) -> CallMasks:
        """Return what replaces the masks at inference: nothing if scaling is inverted, else their mean."""
        if self.method.scaling is Scaling.INVERTED or not self.recurrent_dropout:
            return CallMasks((), ())
        return CallMasks((), (1 - self.recurrent_dropout,) * self.method.count_recurrent_masks(self.cell))


def check_rate(argument: str, rate: object) -> float:
    """Return a rate as a float.

    Raises:
        ValueError: it is not a number in [0, 1).
    """
    value = float(rate) if isinstance(rate, Real) and not isinstance(rate, bool) else math.nan
    if not 0 <= value < 1:
        raise ValueError(f"{argument}={rate!r}: expected a rate in [0, 1), the share of values that are dropped")
    return value


def take_seeds(generator: Any, count: int) -> tf.Tensor:
    """Return a seed generator's state, int64 of shape (2,), and move its counter past `count` values."""
    state = tf.identity(generator.state.value)
    generator.state.assign(state + tf.constant([0, count], state.dtype))
    return state


def draw_mask(shape: tuple[Any, ...], rate: float, seed: tf.Tensor, kept: float, dtype: str) -> tf.Tensor:
    """Draw a mask: 0 with probability `rate`, else `kept`; `seed` is int64 of shape (2,)."""
    # Keras reduces its 64-bit states in the same way.
    seed = tf.cast(tf.math.floormod(seed, tf.int32.max - 1), tf.int32)
    bits = tf.random.stateless_uniform(shape, seed, minval=None, maxval=None, dtype=tf.uint32, alg="philox")
    mantissa = tf.bitwise.bitwise_and(bits, tf.constant((1 << _MANTISSA_BITS) - 1, tf.uint32))
    uniform = tf.cast(mantissa, tf.float32) * 2.0**-_MANTISSA_BITS
    return tf.cast(uniform >= rate, dtype) * tf.cast(kept, dtype)
