import os
from pathlib import Path

import pytest

from rdrop_cli import system
from rdrop_cli.system import _remember_cpu_quota, count_cores, list_cores, measure_available_bytes

MIB = 1 << 20


@pytest.fixture
def groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in the place of /sys/fs/cgroup, for a process at its root, and a /proc/meminfo of 8 GB."""
    meminfo = tmp_path / "meminfo"
    meminfo.write_text("MemTotal: 16000000 kB\nMemFree: 100000 kB\nMemAvailable: 8000000 kB\n")
    own = tmp_path / "cgroup"
    own.write_text("0::/a/b\n5:cpu,cpuacct:/a\n6:memory:/a\n")
    monkeypatch.setattr(system, "MEMINFO", meminfo)
    monkeypatch.setattr(system, "CGROUPS", tmp_path / "groups")
    monkeypatch.setattr(system, "OWN_CGROUPS", own)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)))
    return tmp_path / "groups"


def write(folder: Path, **files: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text)


def test_page_cache_counts_as_available(groups: Path) -> None:
    assert measure_available_bytes() == 8_000_000 * 1024


def test_the_memory_limit_of_a_container_counts(groups: Path) -> None:
    write(
        groups / "a",
        memory__max=str(600 * MIB),
        memory__current=str(300 * MIB),
        memory__stat=f"anon 7\ninactive_file {50 * MIB}\n",
    )
    write(groups / "a/b", memory__max="max", memory__current="1")
    assert measure_available_bytes() == 350 * MIB


def test_the_memory_limit_of_the_first_version_of_cgroups_counts(groups: Path) -> None:
    write(groups / "memory/a", memory__limit_in_bytes=str(420 * MIB), memory__usage_in_bytes=str(20 * MIB))
    write(groups / "memory", memory__limit_in_bytes=str(2**63 - 4096), memory__usage_in_bytes="5")
    assert measure_available_bytes() == 400 * MIB


@pytest.mark.parametrize(("quota", "cores"), [("250000 100000", 2), ("50000 100000", 1), ("max 100000", 8)])
def test_the_cpu_quota_of_a_container_limits_the_cores(groups: Path, quota: str, cores: int) -> None:
    write(groups / "a/b", cpu__max=quota)
    assert list_cores() == list(range(cores))


def test_the_cores_of_a_step_follow_the_affinity_and_not_a_quota_that_changes(groups: Path) -> None:
    _remember_cpu_quota.cache_clear()
    write(groups / "a/b", cpu__max="100000 100000")
    assert count_cores() == 1
    write(groups / "a/b", cpu__max="max 100000")
    assert (count_cores(), len(list_cores())) == (1, 8)
    _remember_cpu_quota.cache_clear()
    assert count_cores() == 8
    _remember_cpu_quota.cache_clear()


def test_the_cpu_quota_of_the_first_version_of_cgroups_limits_the_cores(groups: Path) -> None:
    write(groups / "cpu/a", cpu__cfs_quota_us="300000", cpu__cfs_period_us="100000")
    assert list_cores() == [0, 1, 2]
    write(groups / "cpu/a", cpu__cfs_quota_us="-1", cpu__cfs_period_us="100000")
    assert list_cores() == list(range(8))


def test_an_operating_system_that_tells_nothing_has_cores_all_the_same(
    groups: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(system, "MEMINFO", groups / "nowhere")
    monkeypatch.setattr(system, "OWN_CGROUPS", groups / "nowhere")
    assert len(list_cores()) == (os.cpu_count() or 1)
    assert measure_available_bytes() is None
    system.set_cores(0, [0])


def test_the_limit_at_which_a_container_is_slowed_down_counts(groups: Path) -> None:
    write(groups / "a", memory__max="max", memory__high=str(500 * MIB), memory__current=str(100 * MIB))
    assert measure_available_bytes() == 400 * MIB
