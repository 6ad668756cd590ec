"""rdrop beside its peers: the same networks and windows for all, and who fails is named while the others go on."""

import json
import sys
from dataclasses import replace

import numpy as np
import pytest

from rdrop_cli.bench import side_by_side
from rdrop_cli.bench.compare import Spread
from rdrop_cli.bench.networks import can_compute, describe_network, find_omission, list_networks
from rdrop_cli.bench.peer_worker import KerasOnJax, WindowBatches
from rdrop_cli.bench.peers import PEERS
from rdrop_cli.bench.side_by_side import OURS, PREDICTION, TRAINING, Amounts, Comparison, compute_ratios
from rdrop_cli.nn.models import build_model
from rdrop_cli.nn.pipeline import WindowPipeline
from rdrop_cli.study.methods import METHODS
from rdrop_cli.system import list_cores
from tests.nn.tiny import TINY_PROTOCOL, make_tiny_windows

NETWORKS = {config.label: replace(config, protocol=TINY_PROTOCOL) for config in list_networks()}
OF_KERAS = [label for label, config in NETWORKS.items() if can_compute(PEERS["jax"], config)]
# A process that does what it is told until it has been told `patience` times.
WORKER = """
import json, sys
order = json.loads(sys.stdin.readline())
print(json.dumps(order), file=open({orders!r}, "a"))
print("{{}}", flush=True)
for line, left in zip(sys.stdin, range({patience})):
    print(json.dumps({{"seconds": 0.5, "peak_mb": 1}}), flush=True)
sys.exit("a note\\nMemoryError: no room\\n\\n")
"""


@pytest.fixture
def fake_processes(tmp_path, monkeypatch):
    """Let all processes be of `WORKER`, those of peers with this patience; return where their orders go."""

    def fake(patience):
        def write(name, tasks):
            script, orders = tmp_path / f"{name}.py", tmp_path / f"{name}.json"
            script.write_text(WORKER.format(orders=str(orders), patience=tasks))
            return script, orders

        ours, orders_of_ours = write("ours", 100)
        theirs, orders_of_theirs = write("theirs", patience)
        python = tmp_path / "python"
        python.write_text(f"#!/bin/sh\nexec {sys.executable} {theirs}\n")
        python.chmod(0o755)
        monkeypatch.setattr(side_by_side, "WORKER", [sys.executable, str(ours)])
        monkeypatch.setattr(side_by_side, "make_environment", lambda peer, folder, note: python)
        return orders_of_ours, orders_of_theirs

    return fake


def compare(tmp_path, label, *peers, rounds=2):
    notes = []
    comparison = Comparison(tmp_path, list_cores(), Amounts(rounds, 2, 16), notes.append)
    chosen = [PEERS[name] for name in peers]
    measured = comparison.compare([NETWORKS[label]], chosen, make_tiny_windows(), tmp_path)
    return measured[label], comparison.failures, notes


def make_order(config, folder):
    windows = make_tiny_windows()
    order = side_by_side._write_readings(windows, folder) | {"network": describe_network(config), "cores": [0]}
    return order | {"batch_size": config.protocol.batch_size}, windows


def test_every_method_is_compared_and_both_cells():
    labels = [*("baseline", "dropout", "baseline-lstm", "dropout-lstm", "stacked", "bidirectional"), *METHODS]
    assert [config.label for config in list_networks()] == labels
    assert {config.protocol.name for config in list_networks()} == {"book"}


def test_methods_that_keras_does_not_have_are_computed_where_rdrops_layers_are():
    for label, config in NETWORKS.items():
        able = {name for name, peer in PEERS.items() if can_compute(peer, config)}
        assert able == ({"keras", "xla"} if label in METHODS else set(PEERS))


def test_what_pytorch_leaves_out_is_said():
    said = {label: find_omission(PEERS["torch"], NETWORKS[label]) for label in OF_KERAS}
    assert {label: text for label, text in said.items() if text} == {
        "dropout": "recurrent dropout",
        "dropout-lstm": "recurrent dropout",
        "stacked": "recurrent dropout and ReLU",
    }
    assert not any(find_omission(PEERS[name], NETWORKS["stacked"]) for name in ("keras", "xla", "jax"))


def test_ratios_are_against_peers_that_compute_the_whole_network():
    def rate(median, without=""):
        spread = vars(Spread.of([median]))
        return {TRAINING: spread, PREDICTION: spread, "without": without}

    rates = {OURS: rate(60.0), "keras": rate(6.0), "jax": rate(20.0), "torch": rate(30.0, "recurrent dropout")}
    assert compute_ratios(rates)[TRAINING] == pytest.approx({"keras": 10, "fastest_peer": 3})
    del rates["keras"]
    assert compute_ratios(rates)[PREDICTION] == pytest.approx({"fastest_peer": 3})
    del rates[OURS]
    assert compute_ratios(rates) == {TRAINING: {}, PREDICTION: {}}


def test_peers_without_rdrop_see_the_same_windows(tmp_path):
    order, windows = make_order(NETWORKS["baseline"], tmp_path)
    size = TINY_PROTOCOL.batch_size
    rows = windows.validation[:size]
    ours = next(iter(WindowPipeline(windows).stream_rows(rows, size))), windows.get_labels(rows)
    for expected, array in zip(ours, next(WindowBatches(order).stream_validation()), strict=True):
        np.testing.assert_array_equal(array, expected)
    ends = set()
    for x, y in (next(WindowBatches(order).stream_training()) for _ in range(3)):
        assert x.shape == ours[0].shape
        ends.update(y.tolist())
    assert ends <= set(windows.get_labels(windows.train).tolist())


@pytest.mark.parametrize("label", OF_KERAS)
def test_peers_without_rdrop_build_the_same_networks(label, tmp_path, monkeypatch):
    """In this process Keras computes with TensorFlow, whatever is asked for after it was imported."""
    monkeypatch.setenv("KERAS_BACKEND", "tensorflow")  # restored after the test
    order, windows = make_order(NETWORKS[label], tmp_path)
    peer = KerasOnJax(order)
    ours = build_model(NETWORKS[label], len(windows.offsets), windows.matrix.shape[1])
    assert [w.shape for w in peer._model.trainable_variables] == [w.shape for w in ours.trainable_variables]
    recurrent = [layer for layer in peer._model.layers[:-1] if hasattr(layer, "recurrent_dropout")]
    assert {(layer.dropout, layer.recurrent_dropout) for layer in recurrent} == (
        {(NETWORKS[label].dropout, NETWORKS[label].recurrent_dropout)} if label != "bidirectional" else set()
    )


@pytest.mark.thorough
def test_peers_without_rdrop_train_and_measure(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "tensorflow")
    order, _ = make_order(NETWORKS["baseline"], tmp_path)
    peer = KerasOnJax(order)
    before = [w.numpy().copy() for w in peer._model.trainable_variables]
    peer.train(2)
    trained = [w.numpy().copy() for w in peer._model.trainable_variables]
    peer.measure(16)
    assert int(peer._model.optimizer.iterations) == 2
    assert any((new != old).any() for new, old in zip(trained, before, strict=True))
    for w, old in zip(peer._model.trainable_variables, trained, strict=True):
        np.testing.assert_array_equal(w.numpy(), old)


def test_all_take_part_and_are_told_what_they_need(tmp_path, fake_processes):
    ours, theirs = fake_processes(patience=100)
    measured, failures, notes = compare(tmp_path, "baseline", "keras", "jax")
    assert failures == []
    assert list(measured["competitors"]) == ["keras", "jax", OURS]
    assert measured["competitors"]["jax"][TRAINING] == vars(Spread.of([4.0, 4.0]))
    assert measured["competitors"]["jax"][PREDICTION]["median"] == 32
    assert measured["ratios"] == {rate: {"keras": 1, "fastest_peer": 1} for rate in (TRAINING, PREDICTION)}
    assert {json.loads(line)["implementation"] for line in ours.read_text().splitlines()} == {"keras", OURS}
    order = json.loads(theirs.read_text())
    assert order["implementation"] == "jax"
    assert order["network"]["layers"] == [{"units": TINY_PROTOCOL.units, "activation": "tanh"}]
    assert sum("round" in note for note in notes) == 2


@pytest.mark.parametrize("patience", [0, 1, 3])
def test_a_peer_that_fails_is_named_and_the_others_go_on(patience, tmp_path, fake_processes):
    fake_processes(patience)
    measured, failures, notes = compare(tmp_path, "baseline", "jax", rounds=1)
    assert failures == ["baseline, jax: MemoryError: no room"]
    assert "failed: baseline, jax: MemoryError: no room" in notes
    assert list(measured["competitors"]) == [OURS]
    assert measured["ratios"] == {TRAINING: {}, PREDICTION: {}}


def test_a_peer_whose_environment_cannot_be_made_is_named(tmp_path, monkeypatch, fake_processes):
    fake_processes(patience=0)

    def refuse(peer, folder, note):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(side_by_side, "make_environment", refuse)
    measured, failures, _ = compare(tmp_path, "baseline", "jax", rounds=1)
    assert failures == ["jax: [Errno 28] No space left on device"]
    assert list(measured["competitors"]) == [OURS]


def test_a_peer_whose_python_is_gone_is_named(tmp_path, monkeypatch, fake_processes):
    fake_processes(patience=0)
    monkeypatch.setattr(side_by_side, "make_environment", lambda peer, folder, note: tmp_path / "gone")
    measured, failures, _ = compare(tmp_path, "baseline", "jax", rounds=1)
    assert failures == [f"baseline, jax: [Errno 2] No such file or directory: {str(tmp_path / 'gone')!r}"]
    assert list(measured["competitors"]) == [OURS]
