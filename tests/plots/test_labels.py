"""Names in pictures: broken where they are long, and moved no further than they must."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rdrop_cli.plots.labels import break_name, spread_apart


@given(st.lists(st.tuples(st.floats(-100, 100), st.floats(0.1, 10)), min_size=1, max_size=8))
def test_no_label_stands_on_another_and_all_lie_between_the_ends(labels: list[tuple[float, float]]) -> None:
    heights, sizes = np.array(labels).T
    low, high = -50.0, 50.0
    spread = np.array(spread_apart(heights, sizes, low, high))
    order = np.argsort(heights, kind="stable")
    gaps = np.diff(spread[order]) - (sizes[order][1:] + sizes[order][:-1]) / 2
    assert (gaps > -1e-9).all()
    assert (spread - sizes / 2 >= low - 1e-9).all()
    assert (spread + sizes / 2 <= high + 1e-9).all()


@pytest.mark.parametrize(
    ("heights", "spread"),
    [
        ([3.0, 1.0, 2.0], [3.0, 1.0, 2.0]),  # apart already
        ([1.0, 1.0], [0.75, 1.25]),
        ([2.0, 2.0, 2.2], [pytest.approx(2.0 + 0.2 / 3 + lift) for lift in (-0.5, 0, 0.5)]),
        ([0.0, 9.0], [0.25, 3.75]),
        ([], []),
    ],
)
def test_labels_are_moved_both_ways_and_only_as_far_as_they_must(heights: list[float], spread: list[float]) -> None:
    assert spread_apart(heights, [0.5] * len(heights), low=0.0, high=4.0) == spread


@pytest.mark.parametrize(
    ("name", "broken"),
    [
        ("dropout-before, 8 seeds", "dropout-before, 8 seeds"),
        ("semeniuta-sequence, 32 seeds", "semeniuta-sequence,\n32 seeds"),
        (
            "my_long_module_name:make_a_network_with_50_units, 8 seeds",
            "my_long_module_name:\nmake_a_network_with_50_\nunits, 8 seeds",
        ),
        ("a" * 50, f"{'a' * 24}\n{'a' * 24}\naa"),
        ("", ""),
    ],
)
def test_a_long_name_is_broken_where_it_has_joints(name: str, broken: str) -> None:
    assert break_name(name, 24) == broken
