"""The batches that `tf.data` yields are the protocol's windows, and a function of seed and step alone."""

import numpy as np
import pytest

from rdrop_cli.nn.pipeline import WindowPipeline
from tests.nn.tiny import make_tiny_windows


@pytest.fixture(scope="module")
def tiny_windows():
    return make_tiny_windows()


@pytest.fixture(scope="module")
def pipeline(tiny_windows) -> WindowPipeline:
    return WindowPipeline(tiny_windows)


def draw(pipeline, seed, first, last):
    return [(int(step), x.numpy(), y.numpy()) for step, x, y in pipeline.stream_training(seed, first, last, 8)]


def test_given_rows_give_their_windows(pipeline, tiny_windows):
    rows = np.array([tiny_windows.train.start, 50, int(tiny_windows.validation[-1])])
    x = next(iter(pipeline.stream_rows(rows, 3)))
    for i, row in enumerate(rows):
        assert np.array_equal(x[i], tiny_windows.matrix[row + tiny_windows.offsets])


def test_the_last_batch_is_filled_up_so_that_all_have_one_shape(pipeline):
    shapes = [x.shape for x in pipeline.stream_rows(range(50, 57), 4)]
    assert shapes[0] == shapes[1]
    assert len(shapes) == 2


def test_training_windows_lie_in_the_training_period_and_reach_all_of_it(pipeline, tiny_windows):
    allowed = set(tiny_windows.get_labels(tiny_windows.train).tolist())
    drawn = np.concatenate([y for _, _, y in draw(pipeline, 0, 0, 200)])
    assert set(drawn.tolist()) <= allowed
    assert len(set(drawn.tolist())) > 0.9 * len(allowed)


def test_a_step_draws_the_same_windows_wherever_the_stream_begins(pipeline):
    whole, later = draw(pipeline, 3, 0, 6), draw(pipeline, 3, 4, 6)
    for (step, x, y), (other_step, other_x, other_y) in zip(whole[4:], later, strict=True):
        assert step == other_step
        assert np.array_equal(x, other_x)
        assert np.array_equal(y, other_y)


def test_steps_and_seeds_draw_different_windows(pipeline):
    batches = [y.tobytes() for seed in (0, 1) for _, _, y in draw(pipeline, seed, 0, 5)]
    assert len(set(batches)) == 10


def test_the_newest_rows_have_windows_before_they_have_labels():
    windows = make_tiny_windows()
    newest = [len(windows.matrix)]
    (x,) = WindowPipeline(windows).stream_rows(newest, 1)
    assert np.array_equal(x[0], windows.matrix[newest[0] + windows.offsets])
