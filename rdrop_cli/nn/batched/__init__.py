"""Many runs of one network as one computation in JAX; the runs differ in seed, rates or masks."""

import os

# Read by JAX when it is first used: else one process takes most of a GPU's memory, and a second one fails.
os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
