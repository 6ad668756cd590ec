"""Layers that do something else than they say."""

import keras
import numpy as np


class Resampling(keras.layers.GRU):
    """A GRU with variational dropout: its recurrent masks stay the same for the whole sequence. (They do not.)"""

    def __init__(self, units, **options):
        super().__init__(units, **{**options, "use_cudnn": False, "unroll": True})

    def build(self, shape):
        super().build(shape)
        advance = self.cell.call

        def call(inputs, states, training=False):
            self.cell.reset_recurrent_dropout_mask()
            return advance(inputs, states, training=training)

        self.cell.call = call


class Swapped(keras.layers.GRU):
    """A GRU that hands its two rates on in the wrong order."""

    def __init__(self, units, dropout=0.0, recurrent_dropout=0.0):
        super().__init__(units, dropout=recurrent_dropout, recurrent_dropout=dropout)


class Hidden(keras.layers.GRU):
    """A GRU that drops inputs by random numbers that no seed reaches."""

    def call(self, sequences, training=False, **how):
        if training:
            keep = np.random.default_rng().random((*sequences.shape[:1], 1, sequences.shape[2])) > 0.3
            sequences = sequences * keep.astype("float32")
        return super().call(sequences, training=training, **how)


def make_resampling():
    return Resampling(8, recurrent_dropout=0.4)


def make_hidden():
    return Hidden(8)


def make_pair():
    """A network whose two directions were given one seed, and so have one set of masks."""
    pair = keras.layers.Bidirectional(keras.layers.GRU(8, recurrent_dropout=0.4, seed=7), name="pair")
    return keras.Sequential([keras.Input((5, 3)), pair, keras.layers.Dense(1)])


def fail():
    raise RuntimeError("no such weather")
