"""`rdrop anatomy` on layers of the user's own, on saved networks, and in another Python."""

import importlib
import json
import shutil
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from rdrop_cli.anatomy import interpreter
from rdrop_cli.anatomy.probe.calls import BATCH, TIMESTEPS, UNITS
from rdrop_cli.study.methods import METHODS
from tests.anatomy.test_examine import ASKED, look_into, make_layer

pytestmark = pytest.mark.usefixtures("warm_processes")  # layers are examined in a process of their own
LAYERS = Path(__file__).parents[1] / "anatomy" / "wrong_layers.py"


@pytest.fixture
def wrong(tmp_path, monkeypatch):
    """Work in a folder that holds the module `wrong`."""
    shutil.copy(LAYERS, tmp_path / "wrong.py")
    monkeypatch.chdir(tmp_path)


@pytest.mark.thorough
def test_what_is_wrong_with_a_layer_is_named(rdrop, wrong, monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(tmp_path)
    keras.utils.clear_session(free_memory=False)  # or the layers' names would count those of other tests
    importlib.import_module("wrong").make_pair().save("pair.keras")
    named = ("wrong:Swapped", "wrong:make_resampling", "wrong:make_hidden", "wrong:fail", "pair.keras")
    result = rdrop("anatomy", *named, "--json")
    assert (result.code, result.err) == (0, "")
    found = json.loads(result.out)
    assert found["versions"]["backend"] == "tensorflow"
    by_layer = {layer["layer"]: layer for layer in found["layers"]}
    both = by_layer["wrong:Swapped dropout=0.25 recurrent_dropout=0.4"]
    assert both["method"] == "gal"
    assert both["differences"] == [
        "the masks of dropout=0.25 have the rate of recurrent_dropout, 0.4",
        "the masks of recurrent_dropout=0.4 have the rate of dropout, 0.25",
    ]
    resampling = by_layer["wrong:make_resampling recurrent_dropout=0.4"]
    assert (resampling["method"], resampling["fused_kernel"]["asked"]) == ("naive-step", False)
    anew = "masks on h are drawn anew at every timestep; gal keeps them for the sequence"
    assert resampling["differences"] == [anew]
    hidden = by_layer["wrong:make_hidden"]
    assert not hidden["repeats_from_a_seed"]
    assert "its masks are others from the same seed: it has random state that no seed reaches" in hidden["differences"]
    assert by_layer["wrong:fail"]["error"] == "RuntimeError: no such weather"
    for layer in ("forward_gru recurrent_dropout=0.4", "backward_gru recurrent_dropout=0.4"):
        assert (by_layer[layer]["method"], by_layer[layer]["differences"]) == ("gal", [])
    assert found["shared"] == ["forward_gru and backward_gru have the same masks on h"]


def test_layers_are_told_in_words(rdrop, monkeypatch):
    found = look_into("gru", make_layer("gru", METHODS["naive-step"]), next=make_layer("gru", METHODS["gal"], seed=1))
    entry = {"wanted": {"kind": "object", "name": "my:GRU"}, "name": "my:GRU", "asked": ASKED}
    versions = {"python": "3.9", "keras": "2.9.0", "backend": "tensorflow"}
    monkeypatch.setattr(interpreter, "examine_elsewhere", lambda *_: (versions, [(entry, found), (entry, "no layer")]))
    lines = rdrop("anatomy", "my:GRU").out.splitlines()
    assert lines[0] == "Python 3.9: keras 2.9.0, on tensorflow"
    assert lines[2].startswith("my:GRU dropout=0.25 recurrent_dropout=0.4, gru: follows naive-step")
    assert lines[-3:] == [
        "  differs: masks on h are drawn anew at every timestep; gal keeps them for the sequence",
        "",
        "my:GRU dropout=0.25 recurrent_dropout=0.4: cannot be examined: no layer",
    ]


def test_what_cannot_be_read_is_not_called_no_dropout(rdrop, monkeypatch):
    def multiply_by_noise(*call):
        return layer(*call) * np.random.default_rng(0).normal(1, 0.3, (BATCH, TIMESTEPS, UNITS))

    layer = make_layer("gru", METHODS["gal"], {"dropout": 0.0, "recurrent_dropout": 0.0})
    entry = {"wanted": {"kind": "object", "name": "my:GRU"}, "name": "my:GRU", "asked": {}}
    found = look_into("gru", multiply_by_noise, asked={})
    monkeypatch.setattr(interpreter, "examine_elsewhere", lambda *_: ({"python": "3.9"}, [(entry, found)]))
    headline = "my:GRU, gru: cannot be identified: it drops something in training that cannot be read as masks"
    assert headline in rdrop("anatomy", "my:GRU").out.splitlines()


WRONG_USAGE = [
    ("anatomy nothing.keras", 2, "nothing.keras: there is no such file"),
    ("anatomy dropout wrong:Swapped", 2, "'dropout' is no layer; name variants, or layers such as `model.keras`"),
    ("anatomy wrong:Swapped --cell lstm", 2, "--cell: only variants take it"),
    ("anatomy wrong:Swapped --dropout 0.5", 2, "--dropout: only variants take it"),
    ("anatomy --python nowhere/python", 2, "--python: cannot run nowhere/python: No such file or directory"),
    ("anatomy --python /bin/false", 1, "/bin/false: the probe failed there: exit code 1"),
]


@pytest.mark.parametrize(("command", "code", "message"), WRONG_USAGE)
def test_wrong_usage_is_one_line(rdrop, wrong, command, code, message):
    result = rdrop(*command.split())
    assert (result.code, result.out) == (code, "")
    (line,) = result.err.splitlines()
    assert line.startswith("rdrop: ")
    assert message in line


def test_a_python_without_a_library_is_told(rdrop, tmp_path):
    """Any Python will do that has NumPy and no more: here one whose libraries are not found."""
    bare = tmp_path / "python"
    hide = (
        "import sys, importlib.util; find = importlib.util.find_spec; "
        "hidden = 'keras', 'tensorflow', 'torch'; "
        "importlib.util.find_spec = lambda name, *how: name not in hidden and find(name, *how); "
        "sys.argv = sys.argv[2:]; exec(sys.argv[0])"
    )
    bare.write_text(f'#!/bin/sh\nexec {sys.executable} -c "{hide}" "$@"\n')
    bare.chmod(0o755)
    result = rdrop("anatomy", "--python", bare)
    assert result.code == 1
    assert "there is no recurrent layer of Keras or PyTorch" in result.err
