"""The processor cores that this process may use."""

import os


def list_cores() -> list[int]:
    """Return the cores that the calling thread may run on now; a run may be given more on its way."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))
