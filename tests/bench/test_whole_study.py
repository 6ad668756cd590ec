"""The whole study by either way: all that is waited for is done, and counted. Nothing here is a matter of speed."""

import json
import sys
from dataclasses import replace

import keras
import pytest

from rdrop_cli.bench import whole_study
from rdrop_cli.bench.implementations import Book
from rdrop_cli.bench.whole_study import measure_study
from rdrop_cli.errors import RdropError
from rdrop_cli.planning.request import Request, plan_runs
from tests.nn.tiny import TINY_PROTOCOL, make_tiny_windows


def fake(code, *name):
    return [sys.executable, "-c", code, *name]


def test_both_ways_get_the_same_epochs(tmp_path, monkeypatch):
    said = tmp_path / "said.txt"
    record = "import sys, time; time.sleep(0.1); "
    record += f"open({str(said)!r}, 'a').write(repr((sys.argv[1:], sys.stdin.read())))"
    monkeypatch.setattr(whole_study, "RDROP", fake(record, "rdrop"))
    monkeypatch.setattr(whole_study, "BOOK", fake(record, "book"))
    notes = []
    measured = measure_study(tmp_path, 3, notes.append)
    assert measured["epochs"] == {"baseline": 3, "dropout": 3}
    assert measured["seconds"]["rdrop"] >= 0.2
    assert measured["seconds"]["book"] >= 0.1
    assert measured["times_as_fast"] == measured["seconds"]["book"] / measured["seconds"]["rdrop"]
    text = said.read_text()
    assert text.index("'train'") < text.index("'--epochs', '3'") < text.index("'plot'") < text.index("'book'")
    assert text.count(json.dumps({"epochs": 3})[1:-1]) == 2


def test_the_studys_own_epochs_are_the_default(tmp_path, monkeypatch):
    monkeypatch.setattr(whole_study, "RDROP", fake("pass", ""))
    monkeypatch.setattr(whole_study, "BOOK", fake("pass", ""))
    assert measure_study(tmp_path, None, lambda text: None)["epochs"] == {"baseline": 20, "dropout": 40}


def test_a_command_that_fails_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(whole_study, "RDROP", fake("raise SystemExit(7)", "rdrop"))
    with pytest.raises(RdropError, match=r"train .* ended with code 7"):
        measure_study(tmp_path, 1, lambda text: None)


def test_the_books_run_trains_every_step_and_saves_the_network(tmp_path):
    """The book's generator draws a batch for every step of every epoch, and the file is that of the trained network."""
    (config,) = plan_runs(Request(variants=("dropout",), dataset="synthetic", epochs=2))
    config = replace(config, protocol=TINY_PROTOCOL)
    book = Book(config, make_tiny_windows())
    book.complete(config, tmp_path / "dropout.keras")
    saved = keras.models.load_model(tmp_path / "dropout.keras")
    assert int(saved.optimizer.iterations) == 2 * TINY_PROTOCOL.steps_per_epoch
