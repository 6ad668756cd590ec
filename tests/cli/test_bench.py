"""`rdrop bench --all` and `--study`: options, tables and exit codes. What they measure is tested in `tests/bench`."""

import json
from dataclasses import replace

import pytest

from rdrop_cli.bench import networks
from rdrop_cli.bench.networks import can_compute, find_omission, list_networks
from rdrop_cli.bench.peers import PEERS
from rdrop_cli.bench.side_by_side import OURS, PREDICTION, TRAINING, Comparison, compute_ratios
from rdrop_cli.cli import bench_all
from tests.nn.tiny import TINY_PROTOCOL

SPREADS = {TRAINING: {"median": 113.25, "low": 111.0, "high": 115.0}}
SPREADS |= {PREDICTION: {"median": 81695.4, "low": 57767.0, "high": 94212.0}}


@pytest.fixture
def measured(monkeypatch):
    """Let every comparison have the same figures, and this many failures."""
    failures = []

    def compare(self, configs, peers, windows, cache_dir):
        self.failures += failures
        found = {}
        for config in configs:
            able = [peer for peer in peers if can_compute(peer, config)]
            rates = {peer.name: SPREADS | {"without": find_omission(peer, config)} for peer in able}
            rates[OURS] = SPREADS | {"without": ""}
            found[config.label] = {"competitors": rates, "ratios": compute_ratios(rates)}
        return found

    monkeypatch.setattr(Comparison, "compare", compare)
    return failures


def test_the_tables_fit_eighty_columns(rdrop, measured, tmp_path):
    result = rdrop("bench", "--all", "--data-dir", tmp_path)
    assert result.code == 0, result.err
    assert max(len(line.rstrip()) for line in result.out.splitlines()) <= 80
    rows = [line.split() for line in result.out.splitlines()]
    assert ["baseline", "113.2", "113.2", "113.2", "113.2", "113.2", "1.0", "1.0"] in rows
    assert ["stacked", "81,695", "81,695", "81,695", "81,695", "81,695*", "1.0", "1.0"] in rows
    assert ["semeniuta-sequence", "113.2", "113.2", "113.2", "–", "–", "1.0", "1.0"] in rows
    assert "* PyTorch without recurrent dropout and ReLU: stacked" in result.out
    assert "3 rounds of 30 steps and 6,400 windows" in result.out


def test_markdown_has_the_quartiles_and_as_many_cells_in_every_row(rdrop, measured, tmp_path):
    result = rdrop("bench", "--all", "--markdown", "--peers", "torch", "--peers", "keras", "--data-dir", tmp_path)
    rows = [line for line in result.out.splitlines() if line.startswith("|")]
    assert {row.count("|") for row in rows} == {7}
    assert "| network | rdrop | Keras | PyTorch | × Keras | × best |" not in rows
    assert "| training steps a second | rdrop | Keras | PyTorch | × Keras | × best |" in rows
    assert "| dropout | 113.2 (111.0–115.0) | 113.2 (111.0–115.0) | 113.2* (111.0–115.0) | 1.0 | 1.0 |" in rows


def test_a_failure_is_named_after_the_tables(rdrop, measured, tmp_path):
    measured.append("gal, xla: out of memory")
    result = rdrop("bench", "--all", "--data-dir", tmp_path, "--json")
    assert result.code == 1
    assert result.err.strip() == "rdrop: 1 failed: gal, xla: out of memory"
    printed = json.loads(result.out)
    assert printed["failures"] == measured
    assert list(printed["networks"]) == [config.label for config in list_networks()]
    assert printed["peers"]["jax"]["requirements"] == list(PEERS["jax"].requirements)


@pytest.mark.thorough
def test_a_comparison_is_run(rdrop, monkeypatch, tmp_path):
    """The smallest that there is: one network, one round, and Keras in rdrop's own environment."""
    tiny = [replace(config, protocol=TINY_PROTOCOL) for config in list_networks()[:1]]
    monkeypatch.setattr(networks, "list_networks", lambda: tiny)
    monkeypatch.setattr(bench_all, "WINDOWS", 16)
    options = ["--rounds", "1", "--steps", "2", "--peers", "keras", "--json", "--data-dir", tmp_path]
    result = rdrop("bench", "--all", *options)
    assert result.code == 0, result.err
    competitors = json.loads(result.out)["networks"]["baseline"]["competitors"]
    assert {name: each[TRAINING]["median"] > 0 for name, each in competitors.items()} == {"keras": True, OURS: True}
    assert "round 1 of 1" in result.err


@pytest.mark.slow
def test_runs_together_are_measured(rdrop, tmp_path):
    result = rdrop("bench", "--together", "1,2", "--rounds", "1", "--steps", "1", "--data-dir", tmp_path)
    assert result.code == 0, result.err
    assert [line.split()[0] for line in result.out.splitlines()[2:5]] == ["1", "2", "kernel,"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--all", "--study"], "--all and --study exclude each other"),
        (["--study", "--growth", "x.png"], "--study and --growth exclude each other"),
        (["--peers", "jax"], "--peers and --markdown need --all"),
        (["--markdown", "--study"], "--peers and --markdown need --all"),
        (["--together", "1,x"], "--together: expected numbers of runs such as 1,16,64, received '1,x'"),
        (["--all", "--epochs", "1"], "--epochs needs --study"),
        (["--all", "--peers", "jux"], "--peers: expected one of keras, xla, jax, torch, received 'jux'"),
    ],
)
def test_options_without_effect_are_refused(rdrop, options, message, tmp_path):
    result = rdrop("bench", *options, "--data-dir", tmp_path)
    assert result.code == 2
    assert message in result.err
