"""Batches of windows with `tf.data`, gathered from the standardised matrix."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from rdrop_cli.nn.randomness import Passes, draw_rows
from rdrop_cli.series.windows import Windows
from rdrop_cli.study.protocol import DRAWN, PASSES


class WindowPipeline:
    """Cuts windows x, float32 of shape (batch, time, feature), with labels y: (batch,) or (batch, horizon)."""

    def __init__(self, windows: Windows) -> None:
        self.windows = windows
        with tf.device("CPU"):  # gathering runs in parallel with the training step, even if that runs on a GPU
            self._matrix = tf.constant(windows.matrix)
            self._labels = tf.constant(windows.labels)

    def stream_training(
        self, seed: int, first_step: int, last_step: int, batch_size: int, sampling: str = DRAWN
    ) -> tf.data.Dataset:
        """Yield (step, x, y) for the steps [first_step, last_step); each is a function of only seed and step."""
        if sampling == PASSES:
            return self._stream_passes(Passes(seed, self.windows.train, batch_size), range(first_step, last_step))

        def cut(step: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
            return step, *self._gather(draw_rows(seed, step, self.windows.train, batch_size))

        steps = tf.data.Dataset.range(first_step, last_step)
        return steps.map(cut, num_parallel_calls=1, deterministic=True).prefetch(4)

    def _stream_passes(self, passes: Passes, steps: range) -> tf.data.Dataset:
        def find_rows() -> Iterator[tuple[int, npt.NDArray[np.int64]]]:
            return ((step, passes.find_rows(step)) for step in steps)

        signature = (tf.TensorSpec((), tf.int64), tf.TensorSpec((None,), tf.int64))
        batches = tf.data.Dataset.from_generator(find_rows, output_signature=signature)
        return batches.map(lambda step, rows: (step, *self._gather(rows)), num_parallel_calls=1).prefetch(4)

    def stream_rows(self, rows: npt.NDArray[np.int64] | range, batch_size: int) -> tf.data.Dataset:
        """Yield the windows that end before given rows, in order; the last batch is padded with its last row."""
        rows = np.asarray(rows, np.int64)
        filled = np.pad(rows, (0, -len(rows) % batch_size), mode="edge")
        batches = tf.data.Dataset.from_tensor_slices(filled.reshape(-1, batch_size))
        return batches.map(self._cut, num_parallel_calls=1, deterministic=True).prefetch(2)

    def _cut(self, rows: tf.Tensor) -> tf.Tensor:
        return tf.gather(self._matrix, rows[:, tf.newaxis] + tf.constant(self.windows.offsets, tf.int64))

    def _gather(self, rows: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        offsets = tf.constant(self.windows.target_offsets, tf.int64)
        targets = tf.reshape(rows, [-1, *[1] * len(offsets.shape)]) + offsets
        return self._cut(rows), tf.gather(self._labels, targets)
