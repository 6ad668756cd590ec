"""What a run was computed with: recorded, because another machine or version gives other last digits."""

import platform
from collections.abc import Iterator
from contextlib import contextmanager

import keras
import numpy as np
import tensorflow as tf

import rdrop_cli
from rdrop_cli.runs.document import Environment
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


def describe_environment(instruction_set: str | None = None, engine_reason: str | None = None) -> Environment:
    """Return versions, the device, the threads that a step may use, and what is known of the engine."""
    gpus = tf.config.list_physical_devices("GPU")
    details = tf.config.experimental.get_device_details(gpus[0]) if gpus else {}
    return Environment(
        rdrop=rdrop_cli.__version__,
        python=platform.python_version(),
        tensorflow=tf.__version__,
        keras=keras.__version__,
        numpy=np.__version__,
        system=f"{platform.system()} {platform.machine()}",
        device=details.get("device_name", "GPU") if gpus else "CPU",
        threads=count_threads(),
        instruction_set=instruction_set,
        engine_reason=engine_reason,
    )
