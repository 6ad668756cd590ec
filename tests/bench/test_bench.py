"""The benchmark's implementations do what they say, and its ratios are those of the rates. Nothing here is timed."""

from dataclasses import replace

import numpy as np
import pytest

from rdrop_cli.bench.compare import TEAMS, Spread, race
from rdrop_cli.bench.results import project_study_seconds, summarise
from rdrop_cli.planning.request import Request, plan_runs

CONFIGS = {config.variant: config for config in plan_runs(Request(dataset="synthetic"))}
WINDOWS = {"validation": 1000, "test": 500}


def make_race(train_rate, measure_rate, processes=1):
    def result(speed, count):
        rates = {"train_steps_per_second": train_rate * speed, "windows_per_second": measure_rate * speed}
        spreads = {key: {"median": rate, "low": rate, "high": rate} for key, rate in rates.items()}
        return {"processes": count, "engine": "x", "first_step_seconds": 5.0, "peak_mb": 1.0, **spreads}

    return {
        "book": result(1, 1),
        "keras": result(2, 1),
        "rdrop": result(10, processes),
        "rdrop_alone": result(8, 1),
    }


def test_ratios_are_those_of_the_medians():
    races = {"baseline": make_race(20, 5000), "dropout": make_race(10, 4000)}
    speedup = summarise(races, CONFIGS, WINDOWS)["speedup"]
    assert speedup["vs_book"] == pytest.approx({"baseline": 10, "dropout": 10})
    assert speedup["vs_keras"] == pytest.approx({"baseline": 5, "dropout": 5})
    assert speedup["measuring_vs_book"] == pytest.approx({"baseline": 10, "dropout": 10})
    assert speedup["side_by_side"] == pytest.approx({"baseline": 10 / 8, "dropout": 10 / 8})


def test_the_books_study_is_the_sum_of_its_runs():
    races = {"baseline": make_race(20, 5000), "dropout": make_race(10, 4000)}
    baseline = 5 + 10_000 / 20 + (20 * 1000 + 500) / 5000
    dropout = 5 + 20_000 / 10 + (40 * 1000 + 500) / 4000
    assert project_study_seconds("book", races, CONFIGS, WINDOWS) == pytest.approx(baseline + dropout)


def test_side_by_side_the_longer_run_takes_over_the_cores_of_the_shorter():
    races = {variant: make_race(10, 1e9, processes=2) for variant in CONFIGS}
    one_core, alone = 10 * 10 / 2, 10 * 8  # steps a second
    expected = 5 + 10_000 / one_core + 10_000 / alone
    assert project_study_seconds("rdrop", races, CONFIGS, WINDOWS) == pytest.approx(expected, rel=1e-3)


def test_a_spread_is_the_median_and_the_quartiles():
    assert Spread.of([3.0, 1.0, 2.0]) == Spread(2.0, 1.5, 2.5)
    assert Spread.of([4.0]) == Spread(4.0, 4.0, 4.0)


def test_all_implementations_see_the_same_windows():
    """The three cut the same windows for the same rows: the book's loop, Keras's dataset, and rdrop's gather."""
    from rdrop_cli.bench.implementations import Book, KerasDefaults
    from rdrop_cli.nn.pipeline import WindowPipeline
    from tests.nn.tiny import TINY_PROTOCOL, make_tiny_windows

    windows = make_tiny_windows()
    config = replace(CONFIGS["baseline"], protocol=TINY_PROTOCOL)
    size = TINY_PROTOCOL.batch_size
    rows = windows.validation[:size]
    ours = next(iter(WindowPipeline(windows).stream_rows(rows, size))), windows.get_labels(rows)
    book = next(Book(config, windows)._validation)
    keras_batch = next(iter(KerasDefaults(config, windows)._validation))
    for x, y in (book, keras_batch):
        np.testing.assert_allclose(np.asarray(x), ours[0], atol=1e-6)
        np.testing.assert_allclose(np.asarray(y), ours[1], atol=1e-6)


@pytest.mark.slow
def test_the_race_is_run(tmp_path):
    from rdrop_cli.system import list_cores

    notes = []
    result = race(CONFIGS["dropout"], tmp_path, list_cores(), rounds=2, steps=3, note=notes.append)
    assert set(result) == set(TEAMS)
    assert all(team["train_steps_per_second"]["median"] > 0 for team in result.values())
    assert all(team["peak_mb"] > 100 for team in result.values())
    assert len(notes) == len(TEAMS) + 2
