"""Find the requested layers: a library's own, those that a class or function makes, or those of a saved network."""

import importlib
import importlib.util
import inspect
from functools import partial
from typing import Any, Callable, Dict, Iterator, List, Tuple, Union

from .calls import TIMESTEPS, UNITS, RefusedError
from .dropout_layers import DropoutSubject, is_dropout
from .keras_layers import KerasSubject, Maker
from .torch_modules import TorchSubject

LIBRARIES = ("keras", "tf_keras", "torch")

Rates = Dict[str, float]
Subject = Union[KerasSubject, TorchSubject, DropoutSubject]
Found = List[Tuple[Any, str, Maker]]  # the layer's Keras, or None for PyTorch; its name; its factory


def find_subjects(wanted: Dict[str, str], rates: Rates) -> Iterator[Tuple[str, Callable[[], Subject]]]:
    """Yield the name and the factory of each requested layer, with these rates unless it has its own.

    A factory raises the errors that concern only its layer.
    """
    if wanted["kind"] == "library":
        makers = list_library_layers(wanted["name"], wanted["cell"], rates)
    elif wanted["kind"] == "object":
        makers = list_object_layers(wanted["name"], rates)
    else:
        makers = list_model_layers(wanted["name"])
    for number, (keras, name, make) in enumerate(makers):
        # Layers of one network get different seeds, unless the user gave them the same one.
        seed = 1000 + number
        yield name, partial(start_subject, keras, make, name, seed)


def start_subject(keras: Any, make: Maker, name: str, seed: int) -> Subject:
    """Return the subject for a layer; `keras` is None for PyTorch."""
    if keras is None:
        return TorchSubject(make, name, seed)
    if is_dropout(keras, make()):
        return DropoutSubject(keras, make, name, seed)
    return KerasSubject(keras, make, name, seed)


def list_libraries() -> List[str]:
    """Return the installed libraries, including TensorFlow's own Keras if Keras itself is missing."""
    found = [name for name in LIBRARIES if importlib.util.find_spec(name)]
    return found if "keras" in found or not importlib.util.find_spec("tensorflow") else ["tensorflow", *found]


def list_settings(wanted: Dict[str, str], rates: List[Rates]) -> List[Rates]:
    """Return the rates to make layers with; one empty setting if the layers have their own."""
    takes_rates = wanted["kind"] == "library" or (
        wanted["kind"] == "object" and inspect.isclass(find_object(wanted["name"]))
    )
    return rates if takes_rates else [{}]


def find_object(name: str) -> Any:
    """Return the object that `module:name` names."""
    module, _, attribute = name.partition(":")
    return getattr(importlib.import_module(module), attribute)


def import_library(name: str) -> Any:
    """Import a library and return it; for TensorFlow, return its Keras."""
    module = importlib.import_module(name)
    return module.keras if name == "tensorflow" else module


def list_library_layers(library: str, cell: str, rates: Rates) -> Found:
    """Return a library's own layers for a kind of cell."""
    module, kind = import_library(library), cell.upper()
    if library != "torch":
        # Before TensorFlow 2 the default is a hard sigmoid, for which there are no equations.
        options: Dict[str, Any] = {"return_sequences": True, "recurrent_activation": "sigmoid"}
        return [(module, kind, lambda: getattr(module.layers, kind)(UNITS, **{**options, **rates}))]
    if rates["recurrent_dropout"]:
        return []  # PyTorch has no such argument
    make = partial(getattr(module.nn, kind), UNITS, UNITS, batch_first=True, dropout=rates["dropout"])
    return [(None, f"nn.{kind} num_layers={count}", partial(make, num_layers=count)) for count in (1, 2)]


def list_object_layers(name: str, rates: Rates) -> Found:
    """Return the layers that a user's class or function makes."""
    made: Any = find_object(name)
    make: Callable[..., Any] = made
    if inspect.isclass(made):
        of_torch = hasattr(made, "forward") and not hasattr(made, "get_config")  # Keras's layers are modules on PyTorch
        if not of_torch and any(kind.__name__ == "Dropout" for kind in made.__mro__):
            return [] if rates["recurrent_dropout"] else list_made(name, partial(make, rates["dropout"]))
        accepted = inspect.signature(made).parameters
        if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in accepted.values()):
            rates = {rate: value for rate, value in rates.items() if rate in accepted}
        sizes = (UNITS, UNITS) if of_torch else (UNITS,)
        return list_made(name, partial(make, *sizes, **rates))
    needed = [each for each in inspect.signature(made).parameters.values() if each.default is each.empty]
    return list_made(name, partial(make, *(TIMESTEPS, UNITS)[: len(needed)]))  # a network needs timesteps and features


def list_made(name: str, make: Maker) -> Found:
    """Return the layers that a function makes: a single layer, or those of a network or a pair."""
    one = make()
    if hasattr(one, "named_parameters") and not hasattr(one, "get_config"):
        return [(None, name, make)]
    keras = find_keras(one)
    has_layers = hasattr(one, "layers") or hasattr(one, "forward_layer")
    return list_layers(keras, one) if has_layers else [(keras, name, make)]


def find_keras(layer: Any) -> Any:
    """Return the library that a layer's class comes from.

    Raises:
        TypeError: it is not a layer.
    """
    for kind in type(layer).__mro__:
        root = kind.__module__.partition(".")[0]
        if root in ("keras", "tf_keras", "tensorflow", "tensorflow_core"):
            return import_library(root.replace("_core", ""))
    raise TypeError(f"expected a layer of Keras or a module of PyTorch, received {type(layer).__name__}")


def list_model_layers(path: str) -> Found:
    """Return the recurrent and dropout layers of a saved network."""
    keras = import_library(next(name for name in list_libraries() if name != "torch"))
    return list_layers(keras, keras.models.load_model(path, compile=False))


def list_layers(keras: Any, layer: Any) -> Found:
    """Return the recurrent and dropout layers of a network in order, including those of nested networks and pairs.

    Two nested networks may have layers of one name, so the name of the nested network comes first.
    """
    if hasattr(layer, "layers"):
        parts = layer.layers
    elif hasattr(layer, "forward_layer"):
        parts = [layer.forward_layer, layer.backward_layer]
    else:
        return [(keras, layer.name, partial(copy_layer, layer))] if may_drop(keras, layer) else []
    return [
        (keras, f"{part.name}/{name}" if hasattr(part, "layers") else name, make)
        for part in parts
        for _, name, make in list_layers(keras, part)
    ]


def may_drop(keras: Any, layer: Any) -> bool:
    """Whether a layer, or one within it, is recurrent, drops or draws numbers, even in a way that is not examined."""
    variables = getattr(layer, "non_trainable_variables", ())
    if any("seed_generator" in getattr(variable, "path", "") for variable in variables):
        return True
    parts = layer._flatten_layers() if hasattr(layer, "_flatten_layers") else [layer, getattr(layer, "layer", layer)]
    return any(
        isinstance(part, keras.layers.RNN) or any("Dropout" in kind.__name__ for kind in type(part).__mro__)
        for part in parts
    )


def copy_layer(layer: Any) -> Any:
    """Return a new layer with the same settings.

    Configurations may lack some, such as Keras's `implementation`: these are arguments of the new layer as well.

    Raises:
        RefusedError: the new layer has other settings.
    """
    make = type(layer).from_config
    copied = make(layer.get_config())
    lost = find_lost(layer, copied)
    if not lost:
        return copied
    try:
        copied = make({**layer.get_config(), **lost})
    except (TypeError, ValueError):  # they are no arguments
        pass
    if find_lost(layer, copied):
        raise RefusedError(
            "its get_config leaves out {}, so it cannot be copied; complete it, or name a function that returns this "
            "layer alone".format(", ".join(lost))
        )
    return copied


def find_lost(layer: Any, copied: Any) -> Dict[str, Any]:
    """Return the settings of a layer that its copy has not."""
    kept = list_values(copied)
    return {name: value for name, value in list_values(layer).items() if kept.get(name) != value}


def list_values(layer: Any) -> Dict[str, Any]:
    """Return the public numbers and texts of a layer that change what it computes, with its cell's implementation."""
    cell: Any = getattr(layer, "cell", None)
    values = {"implementation": cell.implementation} if hasattr(cell, "implementation") else {}
    values.update(vars(layer))
    return {
        name: value
        for name, value in values.items()
        if isinstance(value, (int, float, str)) and not name.startswith("_") and name not in ("built", "name")
    }
