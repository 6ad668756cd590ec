"""The compiled kernel on NumPy arrays: checks what it is given, since C++ does not."""

import ctypes
import weakref
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from rdrop_cli.nn.native.build import NativeUnavailableError, build_library

FloatArray = npt.NDArray[np.float32]
Records = npt.NDArray[np.uint8]
ALIGNMENT = 64  # bytes: the widest vectors, and what TensorFlow asks of an array that it takes without copying


@dataclass(frozen=True)
class Sequences:
    """A batch of sequences, as places in one matrix: sequence i's timestep t is row starts[i] + t · stride.

    Attributes:
        rows: (row, feature).
        starts: int64 of shape (batch,).
        stride: rows from one timestep to the next.
        timesteps: of every sequence.
    """

    rows: FloatArray
    starts: npt.NDArray[np.int64]
    stride: int
    timesteps: int

    @classmethod
    def from_batch(cls, batch: FloatArray) -> "Sequences":
        """Make them of an array of shape (batch, time, feature)."""
        size, timesteps, features = batch.shape
        return cls(batch.reshape(-1, features), np.arange(size, dtype=np.int64) * timesteps, 1, timesteps)


@dataclass(frozen=True)
class Weights:
    """Keras's, gates in the order z, r, h: (feature, 3 · units), (units, 3 · units) and (2, 3 · units)."""

    kernel: FloatArray
    recurrent_kernel: FloatArray
    bias: FloatArray


@dataclass(frozen=True)
class Masks:
    """What multiplies x and h for the gates z, r, h: (3, batch, feature) and (3, batch, units); None: nothing does."""

    inputs: FloatArray | None = None
    recurrent: FloatArray | None = None


@dataclass(frozen=True)
class Gradients:
    """Of the weights, in their shapes, and of the input, (batch, time, feature), if asked for."""

    kernel: FloatArray
    recurrent_kernel: FloatArray
    bias: FloatArray
    inputs: FloatArray | None


class _Call(ctypes.Structure):
    """`Call` of gru.cpp."""

    _fields_ = (
        *((name, ctypes.c_int64) for name in ("threads", "size", "timesteps", "stride", "every_state")),
        *((name, ctypes.c_void_p) for name in ("rows", "starts", "kernel", "recurrent_kernel", "bias")),
        *((name, ctypes.c_void_p) for name in ("input_masks", "recurrent_masks", "records")),
    )


class GRUKernel:
    """Forward and backward pass of a GRU layer (reset_after=True, tanh, sigmoid) of one size, in float32.

    No result depends on `threads`, not by a bit. Methods release Python's lock and may run side by side.

    Attributes:
        units: of the layer.
        features: of a timestep of its input.
    """

    def __init__(self, library: Path, units: int, features: int) -> None:
        """Load a library that `build_library` made for this size.

        Raises:
            OSError: it cannot be loaded.
        """
        self.units, self.features = units, features
        self._library = ctypes.CDLL(str(library))
        self._library.gru_lanes.restype = self._library.gru_record_bytes.restype = ctypes.c_int64
        self._lanes, self._record_bytes = self._library.gru_lanes(), self._library.gru_record_bytes()
        self._spare: list[Records] = []

    def run(
        self,
        sequences: Sequences,
        weights: Weights,
        masks: Masks,
        *,
        every_state: bool,
        threads: int,
        records: Records | None = None,
    ) -> FloatArray:
        """Run from a state of zeros; return the last states, (batch, units), or every one, (batch, time, units).

        Args:
            sequences: the input.
            weights: of the layer.
            masks: none in inference.
            every_state: whether to return the state after each timestep.
            threads: to compute with, the caller's among them.
            records: of `take_records`, filled with what `differentiate` needs; None keeps nothing.

        Raises:
            ValueError: shapes or types do not fit, or a sequence leaves its matrix.
        """
        size, timesteps = len(sequences.starts), sequences.timesteps
        ends = sequences.starts + (timesteps - 1) * sequences.stride
        both = np.concatenate([sequences.starts, ends])
        if timesteps < 1 or (size and not 0 <= both.min() <= both.max() < len(sequences.rows)):
            raise ValueError(f"sequences of {timesteps} timesteps leave their matrix of {len(sequences.rows)} rows")
        call = self._fill_call(size, timesteps, weights, masks, records, every_state=every_state, threads=threads)
        call.rows = _locate(sequences.rows, (len(sequences.rows), self.features))
        call.starts = _locate(sequences.starts, (size,), np.int64)
        call.stride = sequences.stride
        output = np.empty((size, timesteps, self.units) if every_state else (size, self.units), np.float32)
        self._library.gru_forward(ctypes.byref(call), ctypes.c_void_p(output.ctypes.data))
        return output

    def differentiate(
        self,
        weights: Weights,
        masks: Masks,
        records: Records,
        d_output: FloatArray,
        *,
        timesteps: int,
        every_state: bool,
        threads: int,
        input_gradient: bool,
    ) -> Gradients:
        """Return the gradients of a scalar, given that of `run`'s output; other arguments as they were in `run`.

        Raises:
            ValueError: shapes or types do not fit.
        """
        size, units, features = len(d_output), self.units, self.features
        if records.ctypes.data % ALIGNMENT:  # a copy: TensorFlow makes one in eager mode
            copy, records = records, self.take_records(size, timesteps)
            records[:] = copy
        call = self._fill_call(size, timesteps, weights, masks, records, every_state=every_state, threads=threads)
        given = _locate(d_output, (size, timesteps, units) if every_state else (size, units))
        gradients = np.empty((features + units + 2, 3 * units), np.float32)
        d_inputs = np.empty((size, timesteps, features), np.float32) if input_gradient else None
        self._library.gru_backward(
            ctypes.byref(call),
            ctypes.c_void_p(given),
            ctypes.c_void_p(gradients.ctypes.data),
            ctypes.c_void_p(None if d_inputs is None else d_inputs.ctypes.data),
        )
        return Gradients(gradients[:features], gradients[features:-2], gradients[-2:], d_inputs)

    def take_records(self, size: int, timesteps: int) -> Records:
        """Return room for what a forward pass keeps for the backward pass.

        It goes back to a store when its last reference is gone: mapping tens of megabytes anew at every step would
        take longer than the step.
        """
        count = -(-size // self._lanes) * (timesteps + 1) * self._record_bytes
        room = None
        while self._spare and room is None:
            spare = self._spare.pop()
            room = spare if spare.size >= count + ALIGNMENT else None
        if room is None:
            room = np.empty(count + ALIGNMENT, np.uint8)
        start = -room.ctypes.data % ALIGNMENT
        records = room[start : start + count].view()
        weakref.finalize(records, self._spare.append, room)
        return records

    def _fill_call(
        self,
        size: int,
        timesteps: int,
        weights: Weights,
        masks: Masks,
        records: Records | None,
        *,
        every_state: bool,
        threads: int,
    ) -> _Call:
        gates = 3 * self.units
        call = _Call(threads=threads, size=size, timesteps=timesteps, every_state=every_state)
        call.kernel = _locate(weights.kernel, (self.features, gates))
        call.recurrent_kernel = _locate(weights.recurrent_kernel, (self.units, gates))
        call.bias = _locate(weights.bias, (2, gates))
        call.input_masks = _locate(masks.inputs, (3, size, self.features))
        call.recurrent_masks = _locate(masks.recurrent, (3, size, self.units))
        count = -(-size // self._lanes) * (timesteps + 1) * self._record_bytes
        call.records = _locate(records, (count,), np.uint8)
        if records is not None and records.ctypes.data % ALIGNMENT:
            raise ValueError(f"records are not aligned to {ALIGNMENT} bytes")
        return call


@cache
def load_kernel(units: int, features: int) -> GRUKernel:
    """Return the kernel for layers of one size, compiled first if this machine has not done so before.

    Raises:
        NativeUnavailableError: it cannot be had; the message says why.
    """
    library = build_library(units, features)
    try:
        return GRUKernel(library, units, features)
    except OSError as error:
        raise NativeUnavailableError(
            f"{library}: cannot be loaded ({error}); delete it or set RDROP_CACHE_DIR"
        ) from error


def _locate(array: npt.NDArray[Any] | None, shape: tuple[int, ...], dtype: Any = np.float32) -> int | None:
    """Return an array's address, None if there is no array."""
    if array is None:
        return None
    if array.shape != shape or array.dtype != dtype or not array.flags.c_contiguous:
        expected = f"{np.dtype(dtype)} of shape {shape}, C-contiguous"
        raise ValueError(f"expected {expected}; received {array.dtype} of shape {array.shape}")
    return int(array.ctypes.data)
