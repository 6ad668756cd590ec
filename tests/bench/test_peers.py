"""The peers' environments: made once, again where the versions change, and a failure says why."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from rdrop_cli.bench import peers
from rdrop_cli.bench.peers import PEERS, find_peers, make_environment
from rdrop_cli.errors import RdropError, UsageError

JAX = PEERS["jax"]


@pytest.fixture
def commands(monkeypatch):
    """Run nothing; return the commands that would have been run. One that contains `failing` fails."""
    found = SimpleNamespace(lines=[], failing=None)

    def run(command, **how):
        found.lines.append(" ".join(command))
        fails = found.failing is not None and found.failing in command
        return SimpleNamespace(returncode=int(fails), stdout="", stderr="ERROR: no wheel for it\n\n" if fails else "")

    monkeypatch.setattr(peers.subprocess, "run", run)
    return found


def make(tmp_path, peer=JAX):
    (tmp_path / peer.name).mkdir(exist_ok=True)  # as `venv` does
    notes = []
    return make_environment(peer, tmp_path, notes.append), notes


def test_an_environment_is_made_once_with_pinned_versions(tmp_path, commands):
    python, notes = make(tmp_path)
    assert python.is_relative_to(tmp_path / "jax")
    assert "venv" in commands.lines[0]
    assert all(requirement in commands.lines[1] for requirement in JAX.requirements)
    assert all("==" in requirement for peer in PEERS.values() for requirement in peer.requirements)
    assert "130 MB" in notes[0]
    assert make(tmp_path) == (python, [])
    assert len(commands.lines) == 2


def test_other_versions_make_it_again(tmp_path, commands):
    make(tmp_path)
    _, notes = make(tmp_path, replace(JAX, requirements=("jax==1.0",)))
    assert "jax==1.0" in notes[0]
    assert len(commands.lines) == 4


def test_a_failure_gives_pips_reason_and_is_tried_again(tmp_path, commands):
    commands.failing = "pip"
    with pytest.raises(RdropError, match=r"JAX: no environment: ERROR: no wheel for it .*peers"):
        make(tmp_path)
    commands.failing = None
    _, notes = make(tmp_path)
    assert notes


def test_peers_are_chosen_by_name_in_the_tables_order():
    assert find_peers(["torch", "keras"]) == [PEERS["keras"], PEERS["torch"]]
    assert find_peers([]) == list(PEERS.values())
    with pytest.raises(UsageError, match="keras, xla, jax, torch"):
        find_peers(["jux"])
