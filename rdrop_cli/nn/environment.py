"""What a run was computed with: recorded, because another machine or version gives other last digits."""

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
    """Compute in float32, whatever `keras.json` or the caller's notebook has set; restore their settings afterwards."""
    floatx, policy = keras.config.floatx(), keras.config.dtype_policy()
    keras.config.set_floatx("float32")
    keras.config.set_dtype_policy("float32")
    try:
        yield
    finally:
        keras.config.set_floatx(floatx)
        keras.config.set_dtype_policy(policy)


def count_threads() -> int:
    """Return the threads that a step may use: the cores that this process has now."""
    return count_cores()


def describe_environment(**of_engine: str | None) -> Environment:
    """Return versions, the threads that a step may use, and what is known of the engine."""
    return replace(
        describe_machine(),
        tensorflow=tf.__version__,
        keras=keras.__version__,
        **of_engine,
    )
