"""The probe runs by itself, on old Pythons too, and tells what a GPU would be given without one."""

import ast
import sys
from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
import pytest

from rdrop_cli.anatomy import probe
from rdrop_cli.anatomy.differences import describe_fused
from rdrop_cli.anatomy.dropout_layer import examine_dropout
from rdrop_cli.anatomy.probe import fused
from rdrop_cli.anatomy.probe.calls import RefusedError
from rdrop_cli.anatomy.probe.dropout_layers import DropoutSubject
from rdrop_cli.anatomy.probe.find import copy_layer
from rdrop_cli.anatomy.probe.keras_layers import KerasSubject, is_symbolic
from rdrop_cli.anatomy.probe.run import describe_error, examine_subjects

FILES = sorted(Path(probe.__file__).parent.glob("*.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_the_probe_is_python_3_6_and_imports_nothing_of_rdrop(path):
    tree = ast.parse(path.read_text(encoding="utf-8"), feature_version=(3, 6))
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.level == 0:
            assert node.module.partition(".")[0] in {*sys.stdlib_module_names, "numpy"}
        if isinstance(node, ast.Import):
            assert {alias.name.partition(".")[0] for alias in node.names} <= {*sys.stdlib_module_names, "numpy"}
        if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name):
            assert node.value.id not in {"dict", "list", "tuple"}, "no such annotation before Python 3.9"


def make_backend(taken, offered=True):
    """Return a backend of Keras whose GRU asks for a GPU, and takes cuDNN's kernel there if it has one."""
    module = SimpleNamespace(__name__="backend_of_a_test", _is_gpu_available=lambda: False)

    def gru(sequences, state):
        if offered and module._is_gpu_available():
            return module._cudnn_gru(sequences, state)
        raise NotImplementedError

    if offered:
        module._cudnn_gru = lambda *_: taken.append("the kernel itself")
    gru.__module__ = module.__name__
    module.gru = gru
    return module


@pytest.mark.parametrize("offered", [True, False])
def test_a_backend_is_asked_as_on_a_gpu_and_its_kernel_is_not_run(monkeypatch, offered):
    ran = []
    backend = make_backend(ran, offered)
    monkeypatch.setitem(sys.modules, backend.__name__, backend)
    taken = fused._is_taken(backend.gru, "gru", lambda sequences: backend.gru(sequences, 0.0), np.ones(3))
    assert taken is offered
    assert ran == []
    assert not backend._is_gpu_available()  # what was replaced is back


@pytest.mark.parametrize(
    ("found", "words"),
    [
        ({"asked": True, "taken": True, "drops": False}, "used"),
        ({"asked": True, "taken": True, "drops": True}, "used, given dropped inputs at inference too"),
        ({"asked": True, "taken": False, "drops": True}, "asked for; the backend has none"),
        ({"asked": False, "taken": False, "drops": None}, "not asked for"),
        ({"asked": None, "taken": None, "drops": None}, ""),
    ],
)
def test_what_a_gpu_would_do_is_told(found, words):
    assert describe_fused(found) == words


def drop(shape, rate=0.25, seed=0, size=(32, 6, 8)):
    return np.broadcast_to((np.random.default_rng(seed).random(shape) >= rate) / (1 - rate), size)


def look_at(*masks, rate=0.25, **changed):
    outputs = {"masks": np.stack(masks), "again": np.stack(masks), "inference": np.ones_like(masks[0]), **changed}
    return examine_dropout({"name": "made", "rates": {"rate": rate}, "trainable": 0}, outputs)


@pytest.mark.parametrize(
    ("shape", "noise_shape"),
    [
        ((32, 6, 8), (None, None, None)),
        ((32, 1, 8), (None, 1, None)),
        ((32, 6, 1), (None, None, 1)),
        ((1, 6, 8), (1, None, None)),
        ((1, 1, 8), (1, 1, None)),
    ],
)
def test_what_one_draw_serves_is_read_from_the_mask(shape, noise_shape):
    found = look_at(drop(shape), drop(shape, seed=1))
    assert found.noise_shape == noise_shape
    assert list(found.list_differences()) == []


def test_what_a_dropout_layer_does_wrong_is_named():
    mask, later = drop((32, 6, 8)), drop((32, 6, 8), seed=1)
    assert list(look_at(mask, later, inference=mask).list_differences()) == [
        "it drops at inference, where nothing is to be dropped"
    ]
    assert list(look_at(mask, mask).list_differences()) == ["a second training call has the mask of the first"]
    assert list(look_at(mask, later, again=np.stack([later, mask])).list_differences()) == [
        "its masks are others from the same seed: it has random state that no seed reaches"
    ]
    assert list(look_at(np.sign(mask), np.sign(later)).list_differences()) == [
        "what it keeps is multiplied by 1, not by 1 / (1 − rate)"
    ]


def test_kept_values_that_differ_are_told_by_the_smallest_and_the_largest():
    noise = np.random.default_rng(0).uniform(0.5, 1.5, (32, 6, 8))
    noise.flat[:2] = 0.5, 1.5
    found = look_at(noise, noise[::-1], rate=0.25)
    assert list(found.list_differences()) == ["what it keeps is multiplied by 0.5 to 1.5, not by 1 / (1 − rate)"]
    assert any("kept × 0.5 to 1.5" in line for line in found.describe_evidence())


@pytest.mark.parametrize(("rate", "dropped"), [(0.0, "nothing"), (0.01, "nothing"), (1.0, "everything")])
def test_draws_that_are_all_the_same_tell_nothing_of_what_they_serve(rate, dropped):
    found = look_at(*np.full((2, 32, 6, 8), 0.0 if rate == 1 else 1 / (1 - rate)), rate=rate)
    assert found.conclude() == f"{dropped} was dropped in 2 calls, so that what one draw serves cannot be told"
    assert (found.shared, found.noise_shape, found.redraws, list(found.list_differences())) == ((), None, None, [])
    assert len(list(found.describe_evidence())) == 3


def test_a_scale_that_half_precision_rounds_is_no_difference():
    masks = [drop((32, 6, 8), 0.3, seed).astype("float16") for seed in range(2)]
    assert list(look_at(*masks, rate=0.3).list_differences()) == []


def test_a_dropout_layer_is_called_until_something_is_dropped():
    draws = iter([*[np.ones(8)] * 20, np.zeros(8)] * 2)
    layer = SimpleNamespace(rate=0.05, trainable_weights=[])
    library = SimpleNamespace(__name__="keras", ops=None)
    subject = DropoutSubject(library, lambda: layer, "made", 0)
    subject._call = lambda _, training=True: next(draws) if training else np.ones(8)
    _, outputs = subject.run_calls()
    assert len(outputs["masks"]) == len(outputs["again"]) == 21


@pytest.mark.parametrize("dtype", ["mixed_float16", "mixed_bfloat16"])
def test_a_recurrent_layer_in_half_precision_is_refused(dtype):
    with pytest.raises(RefusedError, match=f"computes in float32, received {dtype[6:]}"):
        KerasSubject(keras, lambda: keras.layers.GRU(8, dtype=dtype), "made", 0)


@pytest.mark.parametrize("rate", [0.001, 0.99])
def test_rates_at_which_masks_cannot_be_read_are_refused(rate):
    with pytest.raises(RefusedError, match=rf"from 0.01 to 0.9, .* received recurrent_dropout={rate}"):
        KerasSubject(keras, lambda: keras.layers.GRU(8, recurrent_dropout=rate), "made", 0)


class Block(keras.layers.Layer):
    """Drops within, as a layer of a user may."""

    def __init__(self, **options):
        super().__init__(**options)
        self.drop = keras.layers.Dropout(0.5)

    def call(self, sequences, training=False):
        return self.drop(sequences, training=training)


class Forgetful(keras.layers.GRU):
    """Has a rate that its configuration lacks."""

    def __init__(self, units, rate=0.5, **options):
        super().__init__(units, **options)
        self.rate = rate


class Renaming(Forgetful):
    """Keeps its rate under another name, so that it is no argument."""

    def __init__(self, units, rate=0.5, **options):
        super().__init__(units, **options)
        self.share = rate


def make_network():
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((6, 8)),
            layers.TimeDistributed(layers.Dropout(0.3), name="wrapped"),
            layers.GaussianDropout(0.2, name="gaussian"),
            layers.Dropout(0.2, noise_shape=(None, 1), name="flat"),
            keras.Sequential([Renaming(8, rate=0.1, return_sequences=True, name="renaming")], name="nested"),
            layers.Bidirectional(layers.RNN(layers.GRUCell(8), name="loop"), name="pair"),
            Block(name="block"),
            layers.Dense(3),
            layers.Dropout(0.1, name="last"),
        ]
    )


def test_what_is_not_examined_of_a_network_is_named_and_the_layers_after_it_are_examined(monkeypatch):
    monkeypatch.setitem(sys.modules, "made", SimpleNamespace(make_network=make_network))
    wanted = {"kind": "object", "name": "made:make_network"}
    known = {each["name"]: each.get("error") for each, _ in examine_subjects(wanted, [], thorough=False)}
    assert known == {
        "wrapped": "expected a GRU, an LSTM or a Dropout, received TimeDistributed",
        "gaussian": "expected a GRU, an LSTM or a Dropout, received GaussianDropout",
        "flat": "expected a noise_shape of batch, time and features, received (None, 1)",
        "forward_loop": "expected a GRU, an LSTM or a Dropout, received RNN",
        "backward_loop": "expected a GRU, an LSTM or a Dropout, received RNN",
        "block": "expected a GRU, an LSTM or a Dropout, received Block",
        "nested/renaming": "its get_config leaves out share, so it cannot be copied; complete it, or name a "
        "function that returns this layer alone",
        "last": None,
    }


def test_a_layer_of_a_network_is_copied_with_what_its_configuration_lacks():
    copied = copy_layer(keras.layers.GRU(8, dropout=0.25, implementation=1, use_cudnn=False))
    assert (copied.cell.implementation, copied.cell.dropout_mask_count, copied.use_cudnn) == (1, 3, False)
    assert copy_layer(Forgetful(8, rate=0.1)).rate == 0.1


def test_an_error_of_keras_is_told_by_what_it_was_and_not_by_where():
    error = RuntimeError("Exception encountered when calling Dropout.call().\n\nIncompatible shapes\n\nArguments:")
    assert describe_error(error) == "RuntimeError: Incompatible shapes"


def test_a_refusal_is_told_as_it_is_and_another_error_by_its_type():
    assert describe_error(RefusedError("expected a GRU")) == "expected a GRU"
    assert describe_error(KeyError()) == "KeyError: no message"


def test_the_keras_of_a_tensorflow_may_have_no_version(monkeypatch):
    """As that of TensorFlow 2.13 to 2.15."""
    monkeypatch.setitem(sys.modules, "tensorflow", SimpleNamespace(executing_eagerly=lambda: True))
    assert not is_symbolic(SimpleNamespace(__name__="keras.api._v2.keras"))
    assert is_symbolic(SimpleNamespace(__name__="keras", __version__="2.3.1"))
    assert not is_symbolic(SimpleNamespace(__name__="keras", __version__="2.15.0"))
