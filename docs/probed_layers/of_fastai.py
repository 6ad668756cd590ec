"""The recurrent dropout of fastai's AWD-LSTM, as its language models put it together."""

from fastai.text.models.awdlstm import RNNDropout, WeightDropout
from torch import nn


class AWDLSTM(nn.Module):
    """RNNDropout before an LSTM with WeightDropout."""

    def __init__(self, features, units, dropout=0.0, recurrent_dropout=0.0):
        super().__init__()
        self.before = RNNDropout(dropout)
        self.recurrent = WeightDropout(nn.LSTM(features, units, batch_first=True), recurrent_dropout)

    def forward(self, x):
        """Return the outputs and the state, from (batch, time, feature)."""
        return self.recurrent(self.before(x))
