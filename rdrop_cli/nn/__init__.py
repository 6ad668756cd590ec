"""Networks: layers, masks, the compiled kernel and the training step."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rdrop_cli.system import import_matplotlib, pause_collection

# Read by TensorFlow and Keras when they are first imported, which is below.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")  # else one run takes all of a GPU's memory
os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ["KERAS_NNX_ENABLED"] = "false"  # for JAX: if on, here or in `keras.json`, the import fails without flax


@contextmanager
def mute_native_stderr() -> Iterator[None]:
    """Discard what native code writes to stderr.

    TensorFlow's libraries print notes on instruction sets and missing GPUs before they read any log level. A failed
    import still raises.
    """
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


with mute_native_stderr(), pause_collection():
    import_matplotlib()  # as Keras does
    import keras  # noqa: F401
    import tensorflow

# A program that trains several networks compiles a function for each, which TensorFlow would warn about.
tensorflow.get_logger().setLevel("ERROR")
