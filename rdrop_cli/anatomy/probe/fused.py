"""Determine without a GPU whether a layer would use its library's fused kernel (cuDNN's) on one."""

import importlib
import sys
from contextlib import contextmanager
from typing import Any, Callable, Dict, Iterator, List, Optional

import numpy as np

from .calls import Array

# Functions that a backend of Keras 3 calls before it takes cuDNN's kernel, and that kernel.
ON_GPU = ("_is_gpu_available", "_is_cuda_cudnn_available")
KERNELS = {"gru": "_cudnn_gru", "lstm": "_cudnn_lstm"}


def find_fused(
    keras: Any, cell: str, layer: Any, run: Callable[[Array, bool], Array], sequences: Array
) -> Dict[str, Optional[bool]]:
    """Return `asked`, `taken` and `drops` of a Keras layer; each is None if it is unknown.

    `asked`: whether the layer asks its backend for the fused kernel in training; `taken`: whether on a GPU the backend
    then takes cuDNN's; `drops`: whether that kernel receives dropped inputs at inference.

    Args:
        keras: the layer's library.
        cell: `gru` or `lstm`.
        layer: a new layer.
        run: calls the layer with sequences and whether it trains.
        sequences: (batch, time, feature).
    """
    for name in ("_could_use_gpu_kernel", "could_use_cudnn"):  # TensorFlow 2
        if hasattr(layer, name):
            return {"asked": bool(getattr(layer, name)), "taken": bool(getattr(layer, name)), "drops": None}
    if not hasattr(keras, "ops"):  # Keras 2, in which cuDNN's kernel is a separate layer
        return {"asked": False, "taken": False, "drops": None}
    backend = importlib.import_module("keras").src.backend
    function = getattr(backend, cell)
    given: List[Array] = []
    taken: List[bool] = []

    def note(received: Any, *args: Any, **options: Any) -> Any:
        given.append(np.asarray(keras.ops.convert_to_numpy(received)))
        taken.append(_is_taken(function, cell, lambda sequences: function(sequences, *args, **options), received))
        raise NotImplementedError

    with _replace(backend, **{cell: note}):
        run(sequences, True)
        asked, given[:] = bool(given), []
        run(sequences, False)
    return {"asked": asked, "taken": asked and taken[0], "drops": bool(given) and not np.allclose(given[0], sequences)}


def _is_taken(function: Callable[..., Any], cell: str, call: Callable[[Any], Any], received: Any) -> bool:
    """Whether a backend's function takes cuDNN's kernel if there is a GPU, which is simulated."""
    taken = []

    def note(*_: Any, **__: Any) -> Any:
        taken.append(True)
        raise NotImplementedError

    module = sys.modules[function.__module__]
    there = {name: lambda: True for name in ON_GPU}
    with _replace(module, **{KERNELS[cell]: note}, **there), _replace(_find_jax_kernels(), **{cell: note}):
        try:
            call(_pretend_on_gpu(received) if "torch" in module.__name__ else received)
        except NotImplementedError:
            pass
    return bool(taken)


def _find_jax_kernels() -> Any:
    """Return the module of JAX through which Keras's backend calls cuDNN, or None if there is none."""
    if "jax" not in sys.modules:
        return None
    try:
        return importlib.import_module("jax.experimental.rnn")
    except ImportError:
        return None


def _pretend_on_gpu(tensor: Any) -> Any:
    """Return a PyTorch tensor that reports a GPU as its device."""
    torch: Any = sys.modules["torch"]

    class OnGpu(torch.Tensor):  # type: ignore[misc]
        device = property(lambda _: torch.device("cuda"))

    return tensor.as_subclass(OnGpu)


@contextmanager
def _replace(module: Any, **replaced: Any) -> Iterator[None]:
    """Replace attributes of a module temporarily; names that it lacks are ignored."""
    kept = {name: getattr(module, name) for name in replaced if hasattr(module, name)}
    for name in kept:
        setattr(module, name, replaced[name])
    try:
        yield
    finally:
        for name, value in kept.items():
            setattr(module, name, value)
