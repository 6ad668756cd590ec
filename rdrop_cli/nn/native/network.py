"""The compiled kernel on NumPy arrays: a recurrent network on a batch. Arguments are checked here, not in C++."""

import ctypes
import os
import weakref
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from rdrop_cli.nn.native.build import build_library, find_ready_library
from rdrop_cli.nn.native.compiler import NativeUnavailableError, find_instruction_set
from rdrop_cli.nn.native.description import Description, Masks

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]


class _Call(ctypes.Structure):
    """`Call` of network.cpp."""

    _fields_ = (
        *((name, ctypes.c_int64) for name in ("threads", "size", "step", "stride")),
        *((name, ctypes.c_void_p) for name in ("parameters", "rows", "starts", "draws")),
    )


@dataclass(frozen=True)
class Sequences:
    """A batch of sequences in one matrix: timestep t of sequence i is row starts[i] + t · stride.

    Attributes:
        rows: (row, feature).
        starts: int64 of shape (batch,).
        stride: rows from one timestep to the next.
    """

    rows: FloatArray
    starts: IntArray
    stride: int

    @classmethod
    def from_batch(cls, batch: FloatArray) -> "Sequences":
        """Make sequences from an array of shape (batch, time, feature)."""
        size, timesteps, features = batch.shape
        return cls(batch.reshape(-1, features), np.arange(size, dtype=np.int64) * timesteps, 1)


class Library:
    """A loaded, compiled kernel.

    Attributes:
        instruction_set: the one that it was compiled for.
        functions: its C functions, called through ctypes.
    """

    def __init__(self, path: Path, instruction_set: str) -> None:
        """Load a library.

        Raises:
            OSError: it cannot be loaded, or is not the kernel.
        """
        self.instruction_set = instruction_set
        self.functions = ctypes.CDLL(str(path))
        try:
            self.functions.network_create.restype = ctypes.c_void_p
            for name in ("network_predict", "network_differentiate"):
                getattr(self.functions, name).restype = ctypes.c_int64
        except AttributeError as error:
            raise OSError(str(error)) from error

    def draw_integers(self, seed: int, step: int, bounds: range, count: int) -> IntArray:
        """Draw integers within bounds, as `tf.random.stateless_uniform` does with Philox and seed (seed, step)."""
        drawn = np.empty(count, np.int64)
        arguments = (seed, step, bounds.start, bounds.stop, count)
        self.functions.random_integers(*map(ctypes.c_int64, arguments), _locate(drawn))
        return drawn

    def draw_masks(self, masks: Masks, step: int, size: int, timesteps: int, units: int) -> npt.NDArray[np.uint8]:
        """Draw the masks of a training step: 0 and 1, of shape (mask, sample, time, unit)."""
        drawn = np.empty((masks.count, size, timesteps, units), np.uint8)
        arguments = map(ctypes.c_int64, (step, size, timesteps, units))
        self.functions.random_mask(ctypes.byref(masks), *arguments, _locate(drawn))
        return drawn

    def multiply_and_add(self, count: int) -> None:
        """Do this many multiply-adds, at the peak rate of this thread's core."""
        self.functions.floor_multiply_adds(ctypes.c_int64(count))

    def activate(self, sigmoids: int, tanhs: int) -> None:
        """Compute this many activations, of values in registers."""
        self.functions.floor_activations(ctypes.c_int64(sigmoids), ctypes.c_int64(tanhs))


class Network:
    """A network on a batch, in float32.

    Results are bit-identical for any `threads`. Methods release the GIL, but calls of one network must not overlap.
    """

    def __init__(self, library: Library, description: Description) -> None:
        """Describe a network to the library that computes it.

        Raises:
            ValueError: sizes do not fit each other.
            MemoryError: there is not enough memory.
        """
        description.check()
        self.description = description
        self._functions = library.functions
        self._spec = description.to_spec()
        handle = self._functions.network_create(ctypes.byref(self._spec))
        if not handle:
            raise MemoryError
        self._handle = ctypes.c_void_p(handle)
        weakref.finalize(self, self._functions.network_free, self._handle)

    def predict(
        self,
        parameters: FloatArray,
        sequences: Sequences,
        *,
        threads: int,
        step: int = 0,
        draws: IntArray | None = None,
    ) -> FloatArray:
        """Return the outputs, (batch,) or (batch, outputs), without dropout; windows are not copied.

        With `draws`, (batch,), dropout is on: each sequence has the masks of that sample of the training step `step`.

        Raises:
            ValueError: shapes or types do not fit, or a sequence exceeds its matrix.
            MemoryError: there is not enough memory.
        """
        call = self._fill_call(parameters, sequences, threads, step=step)
        if draws is not None:
            _check(draws, (len(sequences.starts),), np.int64)
            call.draws = draws.ctypes.data
        output = np.empty((len(sequences.starts), *self.description.output_shape), np.float32)
        if self._functions.network_predict(self._handle, ctypes.byref(call), _locate(output)):
            raise MemoryError
        return output

    def differentiate(
        self, parameters: FloatArray, sequences: Sequences, targets: FloatArray, *, step: int, threads: int
    ) -> tuple[float, FloatArray]:
        """Return the loss, with dropout on, and its gradients, (parameters,).

        Args:
            parameters: all weights.
            sequences: the batch, not empty.
            targets: (batch,), or (batch, target) if there are several.
            step: training step, which determines the masks.
            threads: number of threads, including the caller's.

        Raises:
            ValueError: shapes or types do not fit, or a sequence exceeds its matrix.
            MemoryError: there is not enough memory.
        """
        call = self._fill_call(parameters, sequences, threads, step=step)
        _check(targets, (len(sequences.starts), *self.description.target_shape))
        gradients, loss = np.empty(self.description.parameters, np.float32), ctypes.c_double()
        arguments = _locate(targets), _locate(gradients), ctypes.byref(loss)
        if self._functions.network_differentiate(self._handle, ctypes.byref(call), *arguments):
            raise MemoryError
        return loss.value, gradients

    def _fill_call(self, parameters: FloatArray, sequences: Sequences, threads: int, step: int) -> _Call:
        starts, rows = sequences.starts, sequences.rows
        size, timesteps = len(starts), self.description.timesteps
        last = (timesteps - 1) * sequences.stride
        _check(parameters, (self.description.parameters,))
        _check(rows, (len(rows), self.description.features))
        _check(starts, (size,), np.int64)
        if size and not (starts.min() + min(last, 0) >= 0 and starts.max() + max(last, 0) < len(rows)):
            raise ValueError(f"sequences of {timesteps} timesteps leave their matrix of {len(rows)} rows")
        call = _Call(max(threads, 1), size, step, sequences.stride)
        call.parameters, call.rows, call.starts = (array.ctypes.data for array in (parameters, rows, starts))
        return call


@cache
def load_library() -> Library:
    """Return the kernel for this machine: the one in the package, or one compiled on first use.

    Raises:
        NativeUnavailableError: the kernel is unavailable; the message says why.
    """
    instruction_set, unusable = find_instruction_set(), ""
    try:
        if ready := find_ready_library(instruction_set):
            return Library(ready, instruction_set)
    except OSError as error:  # damaged, or built for a newer system: compile another
        unusable = f"{error}; "
    try:
        path = build_library(instruction_set)
    except NativeUnavailableError as error:
        raise NativeUnavailableError(f"{unusable}{error}") from error
    try:
        return Library(path, instruction_set)
    except OSError as error:
        why = str(error).removeprefix(f"{path}: ")
        todo = "its disk is mounted noexec: set RDROP_CACHE_DIR to another" if _is_noexec(path) else "try another CXX"
        raise NativeUnavailableError(f"{path}: cannot be loaded ({why}); {todo}") from error


def _is_noexec(path: Path) -> bool:
    """Whether a file's disk is mounted noexec, as `/tmp` is on some machines."""
    return hasattr(os, "ST_NOEXEC") and bool(os.statvfs(path).f_flag & os.ST_NOEXEC)


def _check(array: npt.NDArray[Any], shape: tuple[int, ...], dtype: Any = np.float32) -> None:
    if array.shape != shape or array.dtype != dtype or not array.flags.c_contiguous:
        expected = f"{np.dtype(dtype)} of shape {shape}, C-contiguous"
        raise ValueError(f"expected {expected}; received {array.dtype} of shape {array.shape}")


def _locate(array: npt.NDArray[Any]) -> ctypes.c_void_p:
    return ctypes.c_void_p(array.ctypes.data)
