"""The probe: calls recurrent layers of any library with weights that make their outputs show their masks.

It runs on its own in another environment, from this folder, and needs only NumPy and that environment's library. So it
imports nothing from rdrop, and its code is Python 3.6, on which the oldest of these libraries run. It draws no
conclusions; `readout` and `examine` do.
"""
