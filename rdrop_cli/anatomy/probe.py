"""Call recurrent layers of any library, with weights by which their outputs show their masks.

    python probe.py request.json answer.npz

This file runs by itself in a stranger's environment: it needs NumPy and that environment's own library, and nothing of
rdrop. It draws no conclusions; `readout` and `examine` do.

Every call starts from the same seed and a new layer, so that all calls have the same masks, and a mask can be read
where the weights of one call lay it open. Gates and weights are in Keras's order and layout.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import json
import os
import random
import sys
import warnings
from functools import partial
from pathlib import Path
from typing import Any, Callable, Iterator  # noqa: UP035 -- Keras 2 may have an old Python

import numpy as np

BATCH, TIMESTEPS, UNITS = 32, 6, 8
GAIN = 0.5  # from a value to the one gate that shows it
LEVEL = 0.5  # of constant inputs and biases
SHIFTS = 2  # of what a unit reads
OPEN = 50.0  # a gate's bias at which it is 1 in float32; at its negative it is 0
LARGEST = 0.7  # of random inputs, which a layer below has to pass on through two tanh
GATES = {"gru": "zrh", "lstm": "ifco"}
CANDIDATE = {"gru": "h", "lstm": "c"}
LIBRARIES = ("keras", "tf_keras", "torch")
ARGUMENTS = ("dropout", "recurrent_dropout")
FACTS = ("name", "cell", "units", "reset_after", "activation", "gate_activation", "backwards", "rates")

Array = Any
Weights = dict[str, Array]
Call = tuple[Weights, Array, bool]
Maker = Callable[[], Any]


def design_calls(cell: str, units: int, reset_after: bool, shifts: int = SHIFTS) -> dict[str, Call]:
    """Return by name the weights, inputs and mode of each call.

    `memory`: the gates read nothing. `x z 0`: gate z alone reads x, and each unit reads the feature of its number;
    `x z 1`: that before it, so that what one unit hides another shows. `h z 0`: gate z alone reads h. `random`: all
    read all; `again`: that call once more, from the same seed; `next`: the call after it, of the same layer;
    `inference`: that call without training.
    """
    steady = np.full((BATCH, TIMESTEPS, units), LEVEL)
    calls: dict[str, Call] = {"memory": (make_weights(cell, units), steady, True)}
    for gate in GATES[cell]:
        # Where h shows r it is masked itself, and has to show r wherever it can.
        for shift in range(units if gate == "r" and not reset_after else shifts):
            matrix = np.roll(np.eye(units), shift, axis=1)
            for reads, name in (("x", "kernel"), ("h", "recurrent")):
                weights = make_weights(cell, units, gate, reset_after, **{name: matrix})
                calls[f"{reads} {gate} {shift}"] = (weights, steady, True)
    rng = np.random.RandomState(0)
    columns = len(GATES[cell]) * units
    shapes: dict[str, Any] = dict.fromkeys(("kernel", "recurrent"), (units, columns))
    shapes |= dict.fromkeys(("bias", "recurrent_bias"), columns)
    drawn = {name: rng.normal(size=shape) / units**0.5 for name, shape in shapes.items()}
    if cell == "lstm" or not reset_after:
        drawn["recurrent_bias"][:] = 0.0
    sequences = rng.uniform(-LARGEST, LARGEST, (BATCH, TIMESTEPS, units))
    for name in ("random", "again", "next"):
        calls[name] = (drawn, sequences, True)
    calls["inference"] = (drawn, sequences, False)
    return calls


def make_weights(
    cell: str,
    units: int,
    gate: str = "",
    reset_after: bool = True,
    kernel: Array | None = None,
    recurrent: Array | None = None,
) -> Weights:
    """Return weights that are 0 but for the candidate's bias and for what one gate reads.

    All gates are half open, but for the LSTM's output gate: it is open, so that h shows c, unless it is the one read.
    """
    columns = slice_columns(cell, units)
    size = len(columns) * units
    weights = {
        "kernel": np.zeros((units, size)),
        "recurrent": np.zeros((units, size)),
        "bias": np.zeros(size),
        "recurrent_bias": np.zeros(size),
    }
    weights["bias"][columns[CANDIDATE[cell]]] = LEVEL
    if cell == "lstm" and gate != "o":
        weights["bias"][columns["o"]] = OPEN
    if kernel is not None:
        weights["kernel"][:, columns[gate]] = GAIN * kernel
    if recurrent is not None:
        weights["recurrent"][:, columns[gate]] = GAIN * recurrent
    if gate == "r" and reset_after:  # r is seen by what it resets: a bias of its own, or h itself
        weights["recurrent_bias"][columns["h"]] = LEVEL
    elif gate == "r":
        weights["recurrent"][:, columns["h"]] = GAIN * np.eye(units)
    return weights


def slice_columns(cell: str, units: int) -> dict[str, slice]:
    """Return by gate its columns in a kernel."""
    return {gate: slice(i * units, (i + 1) * units) for i, gate in enumerate(GATES[cell])}


def seed_all(seed: int) -> None:
    """Seed every generator that a layer may draw from without saying so."""
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 -- a layer may use it
    if "tensorflow" in sys.modules:
        sys.modules["tensorflow"].random.set_seed(seed)
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(seed)


class KerasSubject:
    """A recurrent layer of Keras 2, Keras 3 or tf.keras, made anew for each call."""

    def __init__(self, keras: Any, make: Maker, name: str, seed: int) -> None:
        self.keras, self.name, self._make, self._seed = keras, name, make, seed
        layer = self._start()
        shapes = [tuple(weight.shape) for weight in layer.get_weights()]
        self.units: int = layer.units
        self.cell = find_cell(self.units, shapes)
        self.reset_after = bool(getattr(layer, "reset_after", len(shapes[2]) == 2))
        self.rates = {rate: float(getattr(layer, rate, 0.0) or 0.0) for rate in ARGUMENTS}
        self.activation = getattr(getattr(layer, "activation", None), "__name__", "tanh")
        self.gate_activation = getattr(getattr(layer, "recurrent_activation", None), "__name__", "sigmoid")
        self.backwards = bool(getattr(layer, "go_backwards", False))

    def call(self, weights: Weights, sequences: Array, training: bool, calls: int = 1) -> Array:
        """Return the outputs of the last of some calls of a new layer."""
        layer = self._start()
        layer.set_weights(self._arrange(weights))
        return [self._run(layer, sequences, training) for _ in range(calls)][-1]

    def find_fused(self, weights: Weights, sequences: Array) -> tuple[bool | None, bool | None]:
        """Say whether the layer asks for its library's fused kernel, cuDNN's, and whether it drops at inference there.

        None where it cannot be told. No GPU is needed: the kernel is replaced by one that notes what it is given.
        """
        layer = self._start()
        if hasattr(layer, "_could_use_gpu_kernel"):
            return bool(layer._could_use_gpu_kernel), None
        backend = getattr(getattr(self.keras, "src", None), "backend", None)
        if not hasattr(backend, self.cell):
            return None, None
        given: list[Array] = []

        def note(received: Any, *_: Any, **__: Any) -> None:
            given.append(np.asarray(self.keras.ops.convert_to_numpy(received)))
            raise NotImplementedError

        kept = getattr(backend, self.cell)
        setattr(backend, self.cell, note)
        try:
            layer.set_weights(self._arrange(weights))
            self._run(layer, sequences, True)
            asked, given[:] = bool(given), []
            self._run(layer, sequences, False)
        finally:
            setattr(backend, self.cell, kept)
        return asked, bool(given) and not np.allclose(given[0], sequences)

    def _start(self) -> Any:
        seed_all(self._seed)
        layer = self._make()
        layer.return_sequences, layer.return_state = True, False
        layer.build((BATCH, TIMESTEPS, getattr(layer, "units", UNITS)))
        return layer

    def _run(self, layer: Any, sequences: Array, training: bool) -> Array:
        sequences = sequences.astype("float32")
        if not hasattr(self.keras, "ops"):
            return np.asarray(layer(sequences, training=training))
        outputs = layer(self.keras.ops.convert_to_tensor(sequences), training=training)
        return np.asarray(self.keras.ops.convert_to_numpy(outputs))

    def _arrange(self, weights: Weights) -> list[Array]:
        bias = weights["bias"]
        if self.cell == "gru" and self.reset_after:
            bias = np.stack([bias, weights["recurrent_bias"]])
        return [np.asarray(each, "float32") for each in (weights["kernel"], weights["recurrent"], bias)]


class TorchSubject:
    """A recurrent module of PyTorch: the only layer, or the second of two, given x by the first."""

    activation, gate_activation, reset_after, backwards = "tanh", "sigmoid", True, False

    def __init__(self, make: Maker, name: str, seed: int) -> None:
        self.name, self._make, self._seed = name, make, seed
        module = self._start()
        self.torch: Any = sys.modules["torch"]
        self.units: int = module.hidden_size
        self.layers: int = module.num_layers
        self.rates = {"dropout": float(module.dropout), "recurrent_dropout": 0.0}
        self.cell = "lstm" if module.mode == "LSTM" else "gru"

    def call(self, weights: Weights, sequences: Array, training: bool, calls: int = 1) -> Array:
        """Return the outputs of the last of some calls of a new module."""
        module = self._start()
        module.train(training)
        self._assign(module, self.layers - 1, weights)
        if self.layers == 2:
            self._assign(module, 0, self._make_passing())
            sequences = np.arctanh(sequences)
            sequences = sequences if self.cell == "gru" else np.arctanh(sequences)
        given = self.torch.tensor(sequences, dtype=self.torch.float32)
        with self.torch.no_grad():
            return [module(given)[0].numpy() for _ in range(calls)][-1]

    def find_fused(self, weights: Weights, sequences: Array) -> tuple[bool | None, bool | None]:
        """It cannot be told: PyTorch chooses in its library."""
        return None, None

    def _start(self) -> Any:
        seed_all(self._seed)
        module = self._make()
        module.batch_first = True
        return module

    def _make_passing(self) -> Weights:
        """Return the weights of a layer that passes on the tanh of x, or its tanh twice if it is an LSTM."""
        weights, columns = make_weights(self.cell, self.units), slice_columns(self.cell, self.units)
        weights["bias"][:] = 0.0
        weights["kernel"][:, columns[CANDIDATE[self.cell]]] = np.eye(self.units)
        for gate, bias in {"z": -OPEN, "f": -OPEN, "i": OPEN, "o": OPEN}.items():
            if gate in columns:
                weights["bias"][columns[gate]] = bias
        return weights

    def _assign(self, module: Any, layer: int, weights: Weights) -> None:
        columns = slice_columns(self.cell, self.units)
        names = {"weight_ih": "kernel", "weight_hh": "recurrent", "bias_ih": "bias", "bias_hh": "recurrent_bias"}
        with self.torch.no_grad():
            for parameter, name in names.items():
                order = "rzh" if self.cell == "gru" else "ifco"
                rows = np.concatenate([weights[name].T[columns[gate]] for gate in order])
                getattr(module, f"{parameter}_l{layer}").copy_(self.torch.tensor(rows))


def find_cell(units: int, shapes: list[tuple[int, ...]]) -> str:
    """Return `gru` or `lstm`, by the shapes of a built layer's weights.

    Raises:
        ValueError: it has other weights.
    """
    for cell, gates in GATES.items():
        columns = len(gates) * units
        if shapes[:2] == [(units, columns)] * 2 and shapes[2:] in ([(columns,)], [(2, columns)]):
            return cell
    raise ValueError(f"expected a kernel, a recurrent kernel and a bias, as Keras's GRU or LSTM has, received {shapes}")


def find_subjects(wanted: dict[str, str], rates: dict[str, float]) -> Iterator[KerasSubject | TorchSubject]:
    """Yield the layers that a request wants, made with these rates unless they have their own."""
    if wanted["kind"] == "library":
        makers = list_library_layers(wanted["name"], wanted["cell"], rates)
    elif wanted["kind"] == "object":
        makers = list_object_layers(wanted["name"], rates)
    else:
        makers = list_model_layers(wanted["name"])
    for number, (keras, name, make) in enumerate(makers):
        # Layers of one network have different seeds, unless they were given the same one.
        seed = 1000 + number
        yield KerasSubject(keras, make, name, seed) if keras else TorchSubject(make, name, seed)


def list_settings(wanted: dict[str, str], rates: list[dict[str, float]]) -> list[dict[str, float]]:
    """Return the rates to make layers with; none, once, if they have their own."""
    takes_rates = wanted["kind"] == "library" or (
        wanted["kind"] == "object" and inspect.isclass(find_object(wanted["name"]))
    )
    return rates if takes_rates else [{}]


def find_object(name: str) -> Any:
    """Return what `module:name` names."""
    module, _, attribute = name.partition(":")
    return getattr(importlib.import_module(module), attribute)


Found = list[tuple[Any, str, Maker]]  # the layer's Keras, or None of PyTorch; its name; what makes another


def list_library_layers(library: str, cell: str, rates: dict[str, float]) -> Found:
    """Return a library's own layers of a kind of cell."""
    module, kind = importlib.import_module(library), cell.upper()
    if library != "torch":
        return [(module, kind, lambda: getattr(module.layers, kind)(UNITS, return_sequences=True, **rates))]
    if rates["recurrent_dropout"]:
        return []  # it has no such argument
    make = getattr(module.nn, kind)
    return [
        (None, f"nn.{kind} num_layers={count}", partial(make, UNITS, UNITS, count, dropout=rates["dropout"]))
        for count in (1, 2)
    ]


def list_object_layers(name: str, rates: dict[str, float]) -> Found:
    """Return the layers that a class or a function of the user's own makes."""
    made = find_object(name)
    if inspect.isclass(made):
        accepted = inspect.signature(made).parameters
        if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in accepted.values()):
            rates = {rate: value for rate, value in rates.items() if rate in accepted}
        sizes = (UNITS, UNITS) if hasattr(made, "forward") else (UNITS,)
        return list_made(name, lambda: made(*sizes, **rates))
    needed = [each for each in inspect.signature(made).parameters.values() if each.default is each.empty]
    return list_made(name, partial(made, *(TIMESTEPS, UNITS)[: len(needed)]))  # of a network: timesteps and features


def list_made(name: str, make: Maker) -> Found:
    """Return the layers of what a function makes: a layer, or a network with layers."""
    one = make()
    if hasattr(one, "named_parameters") and not hasattr(one, "get_config"):
        return [(None, name, make)]
    keras = find_keras(one)
    return list_layers(keras, one) if hasattr(one, "layers") else [(keras, name, make)]


def find_keras(layer: Any) -> Any:
    """Return the library that a layer's class comes from.

    Raises:
        TypeError: it is no layer.
    """
    for kind in type(layer).__mro__:
        root = kind.__module__.partition(".")[0]
        if root in ("keras", "tf_keras"):
            return importlib.import_module(root)
    raise TypeError(f"expected a layer of Keras or a module of PyTorch, received {type(layer).__name__}")


def list_model_layers(path: str) -> Found:
    """Return the recurrent layers of a saved network."""
    keras = importlib.import_module(next(name for name in LIBRARIES if importlib.util.find_spec(name)))
    return list_layers(keras, keras.models.load_model(path, compile=False))


def list_layers(keras: Any, model: Any) -> Found:
    """Return the recurrent layers of a network, in their order, those of nested networks and pairs too."""
    found: Found = []
    for layer in model.layers:
        if hasattr(layer, "layers"):
            found += list_layers(keras, layer)
        for each in (layer.forward_layer, layer.backward_layer) if hasattr(layer, "forward_layer") else (layer,):
            if isinstance(each, keras.layers.RNN):
                found.append((keras, each.name, partial(copy_layer, each)))
    return found


def copy_layer(layer: Any) -> Any:
    """Return another layer with the configuration of one."""
    return type(layer).from_config(layer.get_config())


def run_calls(subject: KerasSubject | TorchSubject, whole_kernel: bool) -> tuple[dict[str, Any], dict[str, Array]]:
    """Return what is known of a subject, and its outputs by name of call."""
    shifts = subject.units if whole_kernel else SHIFTS
    calls = design_calls(subject.cell, subject.units, subject.reset_after, shifts)
    outputs = {name: subject.call(*call, calls=2 if name == "next" else 1) for name, call in calls.items()}
    fused, fused_drops = subject.find_fused(*calls["random"][:2])
    return {**{fact: getattr(subject, fact) for fact in FACTS}, "fused": fused, "fused_drops": fused_drops}, outputs


def list_versions() -> dict[str, str]:
    """Return the versions of the libraries that were imported, and Keras's backend."""
    names = ("keras", "tf_keras", "tensorflow", "torch", "jax")
    versions = {name: sys.modules[name].__version__ for name in names if hasattr(sys.modules.get(name), "__version__")}
    if "keras" in versions:
        versions["backend"] = str(sys.modules["keras"].backend.backend())
    return {"python": ".".join(map(str, sys.version_info[:2])), **versions}


def answer(request: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Array]]:
    """Return the header and the arrays that answer a request."""
    entries: list[dict[str, Any]] = []
    arrays: dict[str, Array] = {}
    for name in request["imports"]:
        importlib.import_module(name)
    libraries = [library for library in LIBRARIES if importlib.util.find_spec(library)]
    every = [{"kind": "library", "name": library, "cell": cell} for library in libraries for cell in GATES]
    for wanted in request["subjects"] or every:
        rates: dict[str, float] = {}
        try:
            for rates in list_settings(wanted, request["rates"]):
                for subject in find_subjects(wanted, rates):
                    facts, outputs = run_calls(subject, request["whole_kernel"])
                    arrays.update({f"{len(entries)}/{name}": array for name, array in outputs.items()})
                    entries.append({"wanted": wanted, "asked": rates or facts["rates"], **facts})
        except Exception as error:  # whatever a stranger's code raises is what is to be shown
            message = (str(error).strip() or "no message").splitlines()[0]
            entries.append({"wanted": wanted, "asked": rates, "error": f"{type(error).__name__}: {message}"})
    return {"versions": list_versions(), "entries": entries}, arrays


def main(request_path: str, answer_path: str) -> None:
    """Read a request, call the layers, and leave the answer."""
    warnings.simplefilter("ignore")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
    request = json.loads(Path(request_path).read_text(encoding="utf-8"))
    sys.path[:0] = request["path"]
    header, arrays = answer(request)
    with Path(answer_path).open("wb") as file:
        np.savez(file, header=json.dumps(header), **arrays)


if __name__ == "__main__":
    main(*sys.argv[1:])
