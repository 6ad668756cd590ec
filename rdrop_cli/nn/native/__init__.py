"""The compiled kernel: recurrent networks on the CPU, without TensorFlow's loop over time.

    lanes.h        vectors of sequences, elementary functions
    masks.h        Philox: the masks that Keras's layers draw, with the same bits
    products.h     products with weights, and weight gradients
    cells.h        one timestep of a GRU and of an LSTM, masks at any site
    layer.h        a layer over time, forward and backward
    convolution.h  a convolution over time, or pooling, forward and backward
    dense.h        the dense units at the end, and the loss
    floor.h        the minimum cost of a network's arithmetic
    network.cpp    layers and dense units over a batch, in threads; the functions that Python calls
    compiler.py    finds the compiler and compiles for an instruction set
    build.py       the library that comes with the package, or the one compiled into the user's cache folder
    network.py     the compiled kernel on NumPy arrays
    work.py        the amount of arithmetic in a network
    keras_network.py   the description of a Keras model for the kernel
    engine.py      training steps and predictions with the kernel

Results equal those of Keras's layers up to rounding, with the same masks, and are bit-identical for any number of
threads. If the kernel is unavailable (`NativeUnavailableError`) or does not support a network
(`UnsupportedModelError`), XLA computes it.
"""
