"""The training process: reads a task from stdin, writes messages to stdout, and ends when its parent does."""

import json
import os
import signal
import sys
import threading
from contextlib import ExitStack

from rdrop_cli.jobs.process import MessageCallback
from rdrop_cli.jobs.resource_locks import VISIBLE, lock_cores, lock_gpu
from rdrop_cli.jobs.task import Task, do_task
from rdrop_cli.system import set_cores


def main() -> None:
    """Do one task; the last message is `done` with its outcome."""
    messages = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print belongs to stderr, not between the messages
    value = json.loads(sys.stdin.readline())
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with ExitStack() as held:
        if "cores_to_lock" in value:
            lock_resources(value["cores_to_lock"], held)
        keep_to_cores(value["cores"])  # before TensorFlow is imported, which then sizes its thread pools
        callback = MessageCallback(messages)
        callback.finish(do_task(Task.from_json(value), callback))


def lock_resources(cores: int, held: ExitStack) -> None:
    """Take a GPU, if there are any, and up to `cores` cores for this process alone, as long as `held` is open."""
    gpu = lock_gpu(held)
    if gpu is not None:
        os.environ[VISIBLE] = gpu
    keep_to_cores(lock_cores(cores, held))


def keep_to_cores(cores: list[int]) -> None:
    """Use these cores only, and as many threads."""
    if cores:
        set_cores(0, cores)
        for pool in ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
            os.environ[pool] = str(len(cores))


def _end_with_parent() -> None:
    """Stop as if terminated when stdin ends: the parent is gone, however it went."""
    while sys.stdin.read(1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main()
