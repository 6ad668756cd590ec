"""The software and hardware that compute a run: recorded because the last digits depend on them."""

from collections.abc import Iterator
from contextlib import contextmanager

import keras
import tensorflow as tf
from msgspec.structs import replace

from rdrop_cli.runs.document import Environment
from rdrop_cli.runs.metrics import describe_machine
from rdrop_cli.system import count_cores


@contextmanager
def standard_precision() -> Iterator[None]:
    """Compute in float32, whatever `keras.json` or the caller's notebook has set; restore these settings afterwards."""
    floatx, policy = keras.config.floatx(), keras.config.dtype_policy()
    keras.config.set_floatx("float32")
    keras.config.set_dtype_policy("float32")
    try:
        yield
    finally:
        keras.config.set_floatx(floatx)
        keras.config.set_dtype_policy(policy)


def count_threads() -> int:
    """Return the number of threads that a step may use: the cores available to this process now."""
    return count_cores()


def describe_environment(**of_engine: str | None) -> Environment:
    """Return versions, the threads that a step may use, and the given fields of the engine."""
    return replace(
        describe_machine(),
        tensorflow=tf.__version__,
        keras=keras.__version__,
        **of_engine,
    )
