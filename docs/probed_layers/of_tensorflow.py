"""TensorFlow's wrapper for cells, `tf.nn.RNNCellDropoutWrapper`, with and without masks that stay the same."""

import tensorflow as tf


class _Wrapped(tf.keras.layers.RNN):
    cell_kind: type
    variational: bool

    def __init__(self, units, dropout=0.0, recurrent_dropout=0.0):
        cell = tf.nn.RNNCellDropoutWrapper(
            self.cell_kind(units),
            input_keep_prob=1 - dropout,
            state_keep_prob=1 - recurrent_dropout,
            variational_recurrent=self.variational,
            input_size=tf.TensorShape([units]),
            dtype=tf.float32,
        )
        super().__init__(cell, return_sequences=True)
        self.units = units


class WrappedGRU(_Wrapped):
    """A GRU whose masks are drawn anew at each timestep, the default."""

    cell_kind, variational = tf.keras.layers.GRUCell, False


class WrappedLSTM(_Wrapped):
    """An LSTM likewise."""

    cell_kind, variational = tf.keras.layers.LSTMCell, False


class VariationalGRU(_Wrapped):
    """A GRU with `variational_recurrent=True`."""

    cell_kind, variational = tf.keras.layers.GRUCell, True


class VariationalLSTM(_Wrapped):
    """An LSTM likewise."""

    cell_kind, variational = tf.keras.layers.LSTMCell, True
