"""Cores and GPUs are shared among processes that know nothing of each other."""

import os
import select
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from rdrop_cli.jobs.remote import read_core_count
from rdrop_cli.jobs.resource_locks import VISIBLE, list_gpus, lock_cores, lock_free
from rdrop_cli.system import list_cores

HOLDER = """
import os, sys
from contextlib import ExitStack
from rdrop_cli.jobs.worker import lock_resources
with ExitStack() as held:
    lock_resources(1, held, lambda text: print(text, file=sys.stderr, flush=True))
    print(os.environ.get("CUDA_VISIBLE_DEVICES"), flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def start_holder(tmp_path, monkeypatch):
    """Start a process that takes its place as a training does, and tells its GPU."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    started = []

    def start(gpus):
        process = subprocess.Popen(
            [sys.executable, "-c", HOLDER],
            cwd=Path(__file__).parents[2],
            env=os.environ | {VISIBLE: gpus},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_two_trainings_take_two_gpus_and_a_third_waits_for_one_to_be_free(start_holder):
    holders = [start_holder("0,1"), start_holder("0,1")]
    first, second = (holder.stdout.readline().strip() for holder in holders)
    assert {first, second} == {"0", "1"}
    third = start_holder("0,1")
    heard, _, _ = select.select([third.stdout], [], [], 1.5)
    assert heard == [], "it holds a GPU that another has"
    line = third.stderr.readline()
    assert line.startswith("waiting for a GPU: GPU-0 is used by process ")
    assert {str(holder.pid) for holder in holders} <= set(line.replace(",", " ").split())
    holders[1].kill()
    assert third.stdout.readline().strip() == second


def test_without_a_gpu_nothing_is_set(start_holder):
    assert start_holder("").stdout.readline().strip() == ""
    assert start_holder("-1").stdout.readline().strip() == "-1"


@pytest.fixture
def driver(tmp_path, monkeypatch):
    """Put an `nvidia-smi` on the path that lists two GPUs."""
    program = tmp_path / "bin" / "nvidia-smi"
    program.parent.mkdir()
    lines = ["GPU 0: NVIDIA H200 (UUID: GPU-aaaa)", "GPU 1: NVIDIA H200 (UUID: GPU-bbbb)"]
    program.write_text("#!/bin/sh\n" + "\n".join(f"echo '{line}'" for line in lines))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")


@pytest.mark.parametrize(
    ("visible", "gpus"),
    [
        (None, {"GPU-aaaa": "GPU-aaaa", "GPU-bbbb": "GPU-bbbb"}),
        ("1", {"1": "GPU-bbbb"}),
        ("1, GPU-aaaa", {"1": "GPU-bbbb", "GPU-aaaa": "GPU-aaaa"}),
        ("0,-1,1", {"0": "GPU-aaaa"}),
        ("MIG-cccc", {"MIG-cccc": "MIG-cccc"}),
        ("7", {"7": "GPU-7"}),
        ("NoDevFiles", {}),
    ],
)
def test_a_gpu_has_one_name_on_the_machine_whatever_its_number_is_called(driver, monkeypatch, visible, gpus):
    if visible is None:
        monkeypatch.delenv(VISIBLE, raising=False)
    else:
        monkeypatch.setenv(VISIBLE, visible)
    assert list_gpus() == gpus


def test_cores_are_held_until_they_are_let_go(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    with ExitStack() as held:
        taken = lock_cores(1, held)
        assert taken == list_cores()[:1]
        assert taken[0] not in lock_cores(len(list_cores()), held)
        assert lock_cores(1, held) == [], "all are held; a run then goes where the kernel puts it"
    with ExitStack() as held:
        assert lock_free(["a/b", "c"], 1, held) == ["a/b"]
        assert lock_free(["a/b", "c"], 2, held) == ["c"]


@pytest.mark.parametrize(("told", "cores"), [("4", 4), ("1", 1), ("0", 1), ("", 1), ("many", 1)])
def test_a_training_has_the_cores_that_dask_tells_each_task(monkeypatch, told, cores):
    monkeypatch.setenv("OMP_NUM_THREADS", told)
    assert read_core_count() == cores
