"""The probe: calls recurrent layers of any library with weights by which their outputs show their masks.

It runs by itself in a stranger's environment, from this folder, and needs NumPy and that environment's own library. So
it imports nothing of rdrop, and its code is Python 3.6, on which the oldest of these libraries run. It draws no
conclusions; `readout` and `examine` do.
"""
