"""TensorFlow Addons' LSTM with layer normalisation, whose normalisation is taken out: it would hide the masks."""

import tensorflow as tf
from tensorflow_addons.rnn import LayerNormLSTMCell


class _BareCell(LayerNormLSTMCell):
    def build(self, shape):
        tf.keras.layers.LSTMCell.build(self, shape)
        self.kernel_norm = self.recurrent_norm = self.state_norm = tf.identity


class LayerNormLSTM(tf.keras.layers.RNN):
    """The layer around the cell."""

    def __init__(self, units, dropout=0.0, recurrent_dropout=0.0):
        super().__init__(_BareCell(units, dropout=dropout, recurrent_dropout=recurrent_dropout), return_sequences=True)
        self.units = units
