"""The whole study by either way: all that is waited for is done, and counted. Nothing here is a matter of speed."""

import json
import sys
from dataclasses import replace

import keras
import pytest

from rdrop_cli.bench import whole_study
from rdrop_cli.bench.whole_study import measure_study
from rdrop_cli.errors import RdropError
from rdrop_cli.planning.request import Request, plan_runs
from rdrop_cli.series.synthetic import generate_weather
from rdrop_cli.study.variants import STUDY
from tests.cli.conftest import write_csv
from tests.nn.tiny import TINY_PROTOCOL


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


@pytest.mark.thorough
def test_the_books_way_trains_every_step_of_both_networks_and_saves_them(tmp_path):
    write_csv(tmp_path / "weather.csv", *generate_weather(seed=1, rows=700))
    request = Request(dataset=str(tmp_path / "weather.csv"), epochs=2)
    configs = [replace(config, protocol=TINY_PROTOCOL).to_json() for config in plan_runs(request)]
    order = {"configs": configs, "data_dir": str(tmp_path)}
    assert whole_study._run(whole_study.BOOK, tmp_path, json.dumps(order)) > 0
    for name in STUDY:
        saved = keras.models.load_model(tmp_path / f"{name}.keras")
        assert int(saved.optimizer.iterations) == 2 * TINY_PROTOCOL.steps_per_epoch
