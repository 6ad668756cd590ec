"""The training process: reads tasks from stdin, writes messages to stdout, and ends when its parent does.

TensorFlow is imported once for all tasks; nothing else outlives a task, so that each run has the bits of one alone.
"""

import json
import os
import queue
import signal
import sys
import threading
from contextlib import ExitStack
from typing import Any

from rdrop_cli.jobs.process import MessageCallback
from rdrop_cli.jobs.resource_locks import VISIBLE, lock_cores, lock_gpu
from rdrop_cli.jobs.task import Task, do_task
from rdrop_cli.system import collect_seldom, set_cores


def main() -> None:
    """Do one task after the other; the last message of each is `done` with its outcome."""
    collect_seldom()
    messages = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print belongs to stderr, not between the messages
    orders: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
    threading.Thread(target=_read_orders, args=(orders,), daemon=True).start()
    while True:
        _do(orders.get(), MessageCallback(messages))


def _do(order: dict[str, Any], callback: MessageCallback) -> None:
    with ExitStack() as held:
        if "cores_to_lock" in order:
            lock_resources(order["cores_to_lock"], held)
        keep_to_cores(order["cores"])  # before TensorFlow computes, which then sizes its thread pools
        callback.finish(do_task(Task.from_json(order), callback))


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


def _read_orders(orders: "queue.SimpleQueue[dict[str, Any]]") -> None:
    """Pass on what is to be done. Stop as if terminated when stdin ends: the parent is gone, or has no more tasks."""
    for line in sys.stdin:
        orders.put(json.loads(line))
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main()
