"""The recurrent dropout of PyTorch-NLP: LockedDropout before a GRU or an LSTM with dropped weights."""

from torch import nn
from torchnlp.nn import LockedDropout, WeightDropGRU, WeightDropLSTM


class _Locked(nn.Module):
    kind: type[nn.Module]

    def __init__(self, features, units, dropout=0.0, recurrent_dropout=0.0):
        super().__init__()
        self.before = LockedDropout(dropout)
        self.recurrent = self.kind(features, units, weight_dropout=recurrent_dropout)

    def forward(self, x):
        """Return the outputs and the state, from (time, batch, feature), as LockedDropout wants it."""
        return self.recurrent(self.before(x))


class LockedGRU(_Locked):
    """A GRU."""

    kind = WeightDropGRU


class LockedLSTM(_Locked):
    """An LSTM."""

    kind = WeightDropLSTM
