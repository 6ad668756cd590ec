"""The training process: reads tasks from stdin, writes messages to stdout, and ends when its parent does.

TensorFlow is imported once for all tasks. Nothing else outlives a task, so each run computes the same bits as alone.
"""

import json
import os
import queue
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from rdrop_cli.jobs.process import MessageCallback
from rdrop_cli.jobs.resource_locks import VISIBLE, lock_cores, lock_gpu
from rdrop_cli.jobs.task import Task, do_task
from rdrop_cli.system import collect_seldom, set_cores


def main() -> None:
    """Do one task after another; the last message of each task is `done` with its outcome."""
    collect_seldom()
    messages = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # output of libraries goes to stderr, not between the messages
    orders: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
    threading.Thread(target=_read_orders, args=(orders,), daemon=True).start()
    while True:
        _do(orders.get(), MessageCallback(messages))


def _do(order: dict[str, Any], callback: MessageCallback) -> None:
    with ExitStack() as held:
        if "cores_to_lock" in order:
            lock_resources(order["cores_to_lock"], held, callback.note)
        keep_to_cores(order["cores"])  # before TensorFlow first computes and sizes its thread pools
        callback.finish(do_task(Task.from_json(order), callback))


def lock_resources(cores: int, held: ExitStack, note: Callable[[str], None]) -> None:
    """Reserve a GPU, if there are any, and up to `cores` cores for this process until `held` is closed."""
    gpu = lock_gpu(held, note)
    if gpu is not None:
        os.environ[VISIBLE] = gpu
    keep_to_cores(lock_cores(cores, held))


def keep_to_cores(cores: list[int]) -> None:
    """Use only these cores, and the same number of threads."""
    if cores:
        set_cores(0, cores)
        for pool in ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
            os.environ[pool] = str(len(cores))


def _read_orders(orders: "queue.SimpleQueue[dict[str, Any]]") -> None:
    """Queue the tasks from stdin. When stdin ends, because the parent is gone or has no more tasks, send SIGTERM."""
    for line in sys.stdin:
        orders.put(json.loads(line))
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main()
