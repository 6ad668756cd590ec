"""Wait for what another process does."""

import time
from collections.abc import Callable
from typing import Any

SECONDS_TO_START = 240  # on a busy machine


def wait_for(condition: Callable[[], Any], seconds: float = SECONDS_TO_START) -> Any:
    """Wait until a condition holds, and return what it says."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(0.01)
    raise AssertionError("it did not happen in time")
