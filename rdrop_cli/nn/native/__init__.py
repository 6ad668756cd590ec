"""Keras's GRU for the CPU it runs on: a kernel of our own, compiled on first use, in place of TensorFlow's loop.

    gru.cpp, lanes.h   the layer's forward and backward pass
    build.py           finds the compiler and keeps what it made in the user's cache folder
    kernel.py          the compiled kernel on NumPy arrays
    layer_call.py      a `keras.layers.GRU` computed by it in a TensorFlow graph, with gradients

Same numbers as Keras's uncompiled layer to rounding, given the same masks; bit for bit the same for every number of
threads. Where `find_obstacle` names an obstacle or the build raises `NativeUnavailableError`, XLA is the way out.
"""
