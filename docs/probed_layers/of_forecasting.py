"""The recurrent layers that PyTorch Forecasting's networks are made of."""

from pytorch_forecasting.models.nn.rnn import GRU, LSTM


class ForecastingGRU(GRU):
    """A GRU of two layers, as dropout needs."""

    def __init__(self, features, units, dropout=0.0):
        super().__init__(features, units, num_layers=2, batch_first=True, dropout=dropout)


class ForecastingLSTM(LSTM):
    """An LSTM of two layers."""

    def __init__(self, features, units, dropout=0.0):
        super().__init__(features, units, num_layers=2, batch_first=True, dropout=dropout)
