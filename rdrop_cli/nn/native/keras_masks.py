"""The masks that Keras's own GRU draws in a training call."""

from typing import Any

import tensorflow as tf

Masks = tuple[tf.Tensor | None, tf.Tensor | None]


def draw_keras_masks(layer: Any, batch_size: Any) -> Masks:
    """Draw what the layer, untouched and uncompiled, would draw in its next training call, and move its generator on.

    The cell's own methods draw, in the order of `keras.layers.RNN`: masks on x for z, r, h, then those on h. With
    recurrent_dropout off and Keras's default implementation (2) there is one mask on x, which all gates share.
    A rate of 1 drops nothing in Keras's cell, and so does it here.

    Args:
        layer: a built `keras.layers.GRU`.
        batch_size: number of samples; may be a tensor.

    Returns:
        Masks on x, (3, batch, feature), and on h, (3, batch, units); None for a rate of 0.
    """
    cell = layer.cell
    try:
        inputs = cell.get_dropout_mask(tf.ones((batch_size, cell.kernel.shape[0]), layer.compute_dtype))
        recurrent = cell.get_recurrent_dropout_mask(tf.ones((batch_size, cell.units), layer.compute_dtype))
    finally:  # the cell keeps masks until it is told that the call is over
        cell.reset_dropout_mask()
        cell.reset_recurrent_dropout_mask()
    return _stack(inputs, cell.dropout), _stack(recurrent, cell.recurrent_dropout)


def _stack(masks: Any, rate: float) -> tf.Tensor | None:
    """Stack the masks of the three gates, or one that they share; none if Keras's cell would not apply them."""
    if not 0 < rate < 1:
        return None
    return tf.stack(masks if isinstance(masks, list) else [masks] * 3)
