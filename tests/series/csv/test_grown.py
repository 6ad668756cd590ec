"""An array that grows in place."""

import tracemalloc

import numpy as np

from rdrop_cli.series.csv.grown import FIRST_ROWS, Grown


def test_it_holds_what_was_added() -> None:
    rng, grown = np.random.default_rng(0), Grown(np.float64, 3)
    pieces = [rng.normal(size=(rows, 3)) for rows in (1, FIRST_ROWS, 5, 3 * FIRST_ROWS)]
    for piece in pieces:
        grown.add(piece)
    assert len(grown) == sum(map(len, pieces))
    found = grown.finish()
    assert np.array_equal(found, np.concatenate(pieces))
    assert found.flags.c_contiguous


def test_it_takes_half_as_much_again_as_its_rows_at_most() -> None:
    piece, count = np.ones((8192, 14)), 40
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        grown = Grown(np.float64, 14)
        for _ in range(count):
            grown.add(piece)
        found = grown.finish()
        peak = tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
    assert peak < 1.6 * found.nbytes
