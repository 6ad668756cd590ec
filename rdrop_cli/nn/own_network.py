"""Build a network with a user's own function."""

import importlib
import math
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import keras

from rdrop_cli.errors import RdropError, UsageError, describe_exception
from rdrop_cli.nn.randomness import derive_seed, is_seed_state
from rdrop_cli.study.config import RunConfig
from rdrop_cli.study.own import check_code

UNCALLED = ("train_step", "test_step", "predict_step", "compute_loss")  # only `fit` and similar methods call them
_LOADED: dict[str, str] = {}  # checksum of the code of each module that was loaded


def build_own_network(config: RunConfig, maker: str, timesteps: int, features: int) -> keras.Model:
    """Call the user's function with timesteps and features, and return the Keras model that it makes.

    Initial weights are a function of the run's seed: the generators of Python, NumPy and TensorFlow are seeded before
    the call. The numbers by which Keras names layers are reset, because a checkpoint finds variables by their names.

    Raises:
        UsageError: the function cannot be imported, or does not return a model that can be trained.
        DataError: its code has changed since the run was started.
        RdropError: it fails.
    """
    check_code(maker, config.code_sha256)
    make = _import(maker, config.code_sha256)
    keras.utils.clear_session(free_memory=False)
    keras.utils.set_random_seed(derive_seed(config.seed_of("weights"), "own network"))
    try:
        model = make(timesteps, features)
        if isinstance(model, keras.Sequential) and not model.built:
            model.build((None, timesteps, features))
        if isinstance(model, keras.Model):
            model.get_config()  # fails now if the model could not be saved later
    except Exception as error:
        raise RdropError(f"{maker}({timesteps}, {features}) failed: {describe_exception(error)}") from error
    _check(maker, model, (timesteps, features), math.prod(config.protocol.output_shape))
    return model


def _import(maker: str, sha256: str) -> Any:
    """Return the user's function; a module that was imported with other code, as in a notebook, is loaded again."""
    module, _, name = maker.partition(":")
    if str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    try:
        known = module in sys.modules
        loaded = importlib.import_module(module)
        if known and _LOADED.get(module) != sha256:
            loaded = importlib.reload(loaded)
        _LOADED[module] = sha256
        return getattr(loaded, name)
    except Exception as error:
        raise UsageError(f"{maker}: cannot be imported: {describe_exception(error)}") from error


def _check(maker: str, model: object, window: tuple[int, int], outputs: int) -> None:
    """Check that a function returned a trainable model from (batch, time, feature) to (batch, output)."""
    if not isinstance(model, keras.Model):
        raise UsageError(f"{maker}: expected a function that returns a Keras model, received {type(model).__name__}")
    if own := [name for name in UNCALLED if getattr(type(model), name) is not getattr(keras.Model, name)]:
        raise UsageError(f"{maker}: its {own[0]} would not be called, as rdrop has its own training step; leave it out")
    given, returned = (None, *window), (None, outputs)
    if not hasattr(model, "output_shape"):
        raise UsageError(
            f"{maker}: Keras cannot tell the shapes of its {type(model).__name__}; "
            "return a Sequential or functional model, built from keras.Input with layers of known shapes"
        )
    if (model.input_shape, model.output_shape) != (given, returned):
        raise UsageError(
            f"{maker}: expected a network from {given} to {returned}, "
            f"received one from {model.input_shape} to {model.output_shape}"
        )
    if not model.trainable_variables:
        raise UsageError(f"{maker}: expected a network with weights to train, received one without")
    names = Counter(variable.path for variable in model.variables if not is_seed_state(variable))
    if twice := [name for name, count in names.items() if count > 1]:
        raise UsageError(f"{maker}: {names[twice[0]]} of its weights are named {twice[0]}; name each of them otherwise")
