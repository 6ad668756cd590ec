"""One process of a peer: builds a network with Keras on JAX or with PyTorch, then trains or measures on request.

The Python of the peer's own environment runs this file. rdrop is not installed there, so the file imports none of it.
"""

import json
import os
import resource
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Batch = tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]
TRIED_STEPS = 3
RMSPROP = {"lr": 0.001, "alpha": 0.9, "eps": 1e-7}  # Keras's defaults under PyTorch's names


def serve(prepare: Callable[[dict[str, Any]], tuple[Any, dict[str, Any]]]) -> None:
    """Read an order; then answer each line of stdin, `[action, amount]`, with the seconds that it took.

    Args:
        prepare: returns the implementation for the order, which trains and measures, and the first answer.
    """
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # libraries print to stderr, not between the answers
    implementation, ready = prepare(json.loads(sys.stdin.readline()))
    _answer(answers, ready)
    for line in sys.stdin:
        action, amount = json.loads(line)
        start, cpu_start = time.monotonic(), time.thread_time()
        getattr(implementation, action)(amount)
        times = {"seconds": time.monotonic() - start, "cpu_seconds": time.thread_time() - cpu_start}
        _answer(answers, times | {"peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024})


def _answer(stream: Any, value: dict[str, Any]) -> None:
    stream.write(json.dumps(value) + "\n")
    stream.flush()


class WindowBatches:
    """Endless batches of windows, each cut by one NumPy operation."""

    def __init__(self, order: dict[str, Any]) -> None:
        self._matrix, self._target = (np.load(Path(order["folder"]) / f"{name}.npy") for name in ("matrix", "target"))
        self._offsets, self._target_offset = np.array(order["offsets"]), order["target_offset"]
        self._train, self._validation = order["train"], order["validation"]
        self._size: int = order["batch_size"]

    @property
    def shape(self) -> tuple[int, int]:
        """Timesteps and features of a window."""
        return len(self._offsets), self._matrix.shape[1]

    def stream_training(self) -> Iterator[Batch]:
        """Yield windows drawn at random."""
        rng = np.random.default_rng(0)
        while True:
            yield self._cut(rng.integers(self._train[0], self._train[1], self._size))

    def stream_validation(self) -> Iterator[Batch]:
        """Yield the validation windows in order, in full batches only, endlessly."""
        first, last = self._validation
        while True:
            for row in range(first, last - self._size + 1, self._size):
                yield self._cut(np.arange(row, row + self._size))

    def count_batches(self, windows: int) -> int:
        return max(1, windows // self._size)

    def _cut(self, ends: npt.NDArray[np.int64]) -> Batch:
        return self._matrix[ends[:, None] + self._offsets], self._target[ends + self._target_offset]


class KerasOnJax:
    """Keras's own layers and `fit` with default settings, on JAX."""

    def __init__(self, order: dict[str, Any]) -> None:
        os.environ["KERAS_BACKEND"] = "jax"
        import keras

        self._batches = WindowBatches(order)
        self._training, self._validation = self._batches.stream_training(), self._batches.stream_validation()
        network = order["network"]
        kind = {"gru": keras.layers.GRU, "lstm": keras.layers.LSTM}[network["cell"]]
        rates = {name: network[name] for name in ("dropout", "recurrent_dropout")}
        layers = [keras.Input(self._batches.shape)]
        for number, options in enumerate(network["layers"], start=1):
            layer = kind(**options, **rates, return_sequences=number < len(network["layers"]))
            layers.append(keras.layers.Bidirectional(layer) if network["bidirectional"] else layer)
        self._model = keras.Sequential([*layers, keras.layers.Dense(1)])
        self._model.compile(optimizer="rmsprop", loss="mae")

    def train(self, steps: int) -> None:
        self._model.fit(self._training, steps_per_epoch=steps, epochs=1, verbose=0, shuffle=False)

    def measure(self, windows: int) -> None:
        self._model.evaluate(self._validation, steps=self._batches.count_batches(windows), verbose=0)


class PyTorch:
    """`nn.GRU` or `nn.LSTM` and the usual loop, with tanh and without dropout within a layer, which they lack.

    With so small a network, more threads may be slower, so the first training call tries one thread and all.
    """

    def __init__(self, order: dict[str, Any]) -> None:
        import torch

        self._torch, self._batches = torch, WindowBatches(order)
        self._threads_to_try = sorted({1, len(order["cores"])})
        self._training, self._validation = self._batches.stream_training(), self._batches.stream_validation()
        network, width = order["network"], self._batches.shape[1]
        kind = {"gru": torch.nn.GRU, "lstm": torch.nn.LSTM}[network["cell"]]
        self._layers = torch.nn.ModuleList()
        for options in network["layers"]:
            layer = kind(width, options["units"], batch_first=True, bidirectional=network["bidirectional"])
            self._layers.append(layer)
            width = options["units"] * (2 if network["bidirectional"] else 1)
        self._dense = torch.nn.Linear(width, 1)
        parameters = [*self._layers.parameters(), *self._dense.parameters()]
        self._optimizer = torch.optim.RMSprop(parameters, **RMSPROP)

    def train(self, steps: int) -> None:
        if self._threads_to_try:
            seconds = {self._time_steps(threads): threads for threads in self._threads_to_try}
            self._torch.set_num_threads(seconds[min(seconds)])
            self._threads_to_try = []
        self._train(steps)

    def _time_steps(self, threads: int) -> float:
        self._torch.set_num_threads(threads)
        self._train(1)
        start = time.monotonic()
        self._train(TRIED_STEPS)
        return time.monotonic() - start

    def _train(self, steps: int) -> None:
        total = 0.0
        for _ in range(steps):
            self._optimizer.zero_grad()
            loss = self._compute_loss(next(self._training))
            loss.backward()
            self._optimizer.step()
            total += loss.item()

    def measure(self, windows: int) -> None:
        with self._torch.inference_mode():
            count = self._batches.count_batches(windows)
            sum(self._compute_loss(next(self._validation)).item() for _ in range(count))

    def _compute_loss(self, batch: Batch) -> Any:
        values, targets = (self._torch.from_numpy(array) for array in batch)
        for layer in self._layers:
            values, state = layer(values)
        last = state[0] if isinstance(state, tuple) else state  # (direction, batch, units)
        return (self._dense(self._torch.cat(tuple(last), dim=1))[:, 0] - targets).abs().mean()


def prepare_peer(order: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """Build the network of an order, restricted to the order's cores."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, order["cores"])
    os.environ["OMP_NUM_THREADS"] = str(len(order["cores"]))
    return {"jax": KerasOnJax, "torch": PyTorch}[order["implementation"]](order), {}


if __name__ == "__main__":
    serve(prepare_peer)
