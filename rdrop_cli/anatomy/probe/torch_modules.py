"""Recurrent modules of PyTorch, and modules that contain one; every call makes a new one."""

import sys
from typing import Any, Dict, List

import numpy as np

from .calls import CANDIDATE, OPEN, Array, Weights, make_weights, slice_columns
from .keras_layers import Maker, seed_all

ORDER = {"gru": "rzh", "lstm": "ifco"}  # of PyTorch's gates
NAMES = {"weight_ih": "kernel", "weight_hh": "recurrent", "bias_ih": "bias", "bias_hh": "recurrent_bias"}


class TorchSubject:
    """The only layer of a recurrent module, or the second of two, which receives x from the first."""

    activation, gate_activation, reset_after, backwards = "tanh", "sigmoid", True, False

    def __init__(self, make: Maker, name: str, seed: int) -> None:
        self.torch: Any = sys.modules["torch"]
        self.name, self._make, self._seed = name, make, seed
        recurrent = find_recurrent(self.torch, self._start())
        self.units: int = recurrent.hidden_size
        self.layers: int = recurrent.num_layers
        self.rates = {"dropout": float(recurrent.dropout), "recurrent_dropout": 0.0}
        self.cell = recurrent.mode.lower()
        self.trainable = sum(each.numel() for each in self._start().parameters())

    def call(self, weights: Weights, sequences: Array, training: bool, calls: int = 1) -> Array:
        """Call a new module `calls` times and return the last outputs."""
        module = self._start()
        module.train(training)
        self._assign(module, self.layers - 1, weights)
        if self.layers == 2:
            self._assign(module, 0, self._make_passing())
            sequences = np.arctanh(sequences)
            sequences = sequences if self.cell == "gru" else np.arctanh(sequences)
        by_batch = find_recurrent(self.torch, module).batch_first
        given = self.torch.tensor(sequences if by_batch else sequences.swapaxes(0, 1), dtype=self.torch.float32)
        with self.torch.no_grad():
            returned = [module(given) for _ in range(calls)][-1]
        outputs = (returned[0] if isinstance(returned, tuple) else returned).numpy()
        return outputs if by_batch else outputs.swapaxes(0, 1)

    def find_fused(self, weights: Weights, sequences: Array) -> Dict[str, Any]:
        """Return None for every entry: PyTorch chooses the kernel inside its library."""
        return {"asked": None, "taken": None, "drops": None}

    def _start(self) -> Any:
        seed_all(self._seed)
        return self._make()

    def _make_passing(self) -> Weights:
        """Return the weights of a layer that passes on tanh(x), or tanh(tanh(x)) for an LSTM."""
        weights, columns = make_weights(self.cell, self.units), slice_columns(self.cell, self.units)
        weights["bias"][:] = 0.0
        weights["kernel"][:, columns[CANDIDATE[self.cell]]] = np.eye(self.units)
        for gate, bias in {"z": -OPEN, "f": -OPEN, "i": OPEN, "o": OPEN}.items():
            if gate in columns:
                weights["bias"][columns[gate]] = bias
        return weights

    def _assign(self, module: Any, layer: int, weights: Weights) -> None:
        """Set a layer's trained weights, which modules that drop weights name `_raw`."""
        columns = slice_columns(self.cell, self.units)
        parameters = dict(module.named_parameters())
        with self.torch.no_grad():
            for kind, name in NAMES.items():
                rows = np.concatenate([weights[name].T[columns[gate]] for gate in ORDER[self.cell]])
                ending = "{}_l{}".format(kind, layer)
                raw = [each for each in parameters if each.endswith(ending + "_raw")]
                (chosen,) = raw or [each for each in parameters if each.endswith(ending)]
                parameters[chosen].copy_(self.torch.tensor(rows))


def find_recurrent(torch: Any, module: Any) -> Any:
    """Return the recurrent module that a module is or contains.

    Raises:
        ValueError: it contains none, several, or one of another kind.
    """
    found: List[Any] = [each for each in module.modules() if isinstance(each, torch.nn.RNNBase)]
    if len(found) != 1 or found[0].mode not in ("GRU", "LSTM") or found[0].bidirectional:
        raise ValueError("expected a module with one nn.GRU or nn.LSTM in one direction, received {!r}".format(module))
    if found[0].num_layers > 2:
        raise ValueError("expected one layer or two, received {}".format(found[0].num_layers))
    return found[0]
