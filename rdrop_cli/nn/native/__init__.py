"""Networks over time on the CPU: a kernel of our own in place of TensorFlow's loop.

    lanes.h        vectors of sequences, elementary functions
    masks.h        Philox: the masks that Keras's layers draw, the same bits
    products.h     products with weights, and weight gradients
    cells.h        one timestep of a GRU and of an LSTM, masks at any site
    layer.h        a layer over time, forward and backward
    convolution.h  a convolution over time, or pooling, forward and backward
    dense.h        the dense units at the end, and the loss
    floor.h        what a network's arithmetic costs at the least
    network.cpp    layers and dense units over a batch, by threads; what Python calls
    compiler.py    finds the compiler and compiles for an instruction set
    build.py       the library that came with the package, or the one compiled here, in the user's cache folder
    network.py     the compiled kernel on NumPy arrays
    work.py        how much arithmetic a network is
    keras_network.py   a Keras model as such a network
    engine.py      training steps and predictions by it

Same numbers as Keras's layers to rounding, with the same masks; bit for bit the same for every number of threads.
Where the kernel cannot be had (`NativeUnavailableError`) or has no such layer (`UnsupportedModelError`), XLA computes.
"""
