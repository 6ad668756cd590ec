"""The process and its machine: cores and memory, foreign settings, and the frequency of garbage collection.

Features that only some operating systems have are used here and in `locks`, each with a fallback.
"""

import gc
import math
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import chdir, contextmanager, nullcontext
from functools import cache
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")
OWN_CGROUPS = Path("/proc/self/cgroup")
MEMINFO = Path("/proc/meminfo")
# A notebook sets MPLBACKEND to a module that may be missing here; PYTHONWARNINGS=error breaks the libraries.
FOREIGN_SETTINGS = ("MPLBACKEND", "PYTHONWARNINGS")
# Pictures have rdrop's settings: an empty file replaces the user's, which might not even be text.
OWN_SETTINGS = {"MATPLOTLIBRC": os.devnull}
UNLIMITED = 1 << 60  # bytes; without a limit, version 1 of cgroups reports a number near 2**63


def expand_home(path: Path) -> Path:
    """Expand `~/`: bash leaves it in `--runs-dir=~/runs`, and nothing expands it in a container's environment."""
    return Path(os.path.expanduser(path))  # noqa: PTH111 -- leaves the path unchanged if the user has no home


def find_base_folder(variable: str) -> Path | None:
    """Return the folder in a variable such as XDG_CACHE_HOME; None if it is unset or not an absolute path."""
    folder = Path(os.environ.get(variable, ""))
    return folder if folder.is_absolute() else None


def clean_environment() -> dict[str, str]:
    """Return the environment for a training process, without settings that a notebook or a CI makes for itself."""
    return {name: value for name, value in os.environ.items() if name not in FOREIGN_SETTINGS} | OWN_SETTINGS


def ignore_foreign_settings() -> None:
    """Remove those settings from this process: libraries' warnings are not errors, and no window is opened."""
    for name in FOREIGN_SETTINGS:
        os.environ.pop(name, None)
    os.environ.update(OWN_SETTINGS)
    if sys.warnoptions:
        warnings.resetwarnings()
        for category in (DeprecationWarning, PendingDeprecationWarning, ImportWarning, ResourceWarning):
            warnings.simplefilter("ignore", category)


def import_matplotlib() -> None:
    """Import Matplotlib, from another folder if the current one has a `matplotlibrc`, which it would read first.

    The import fails if that file is not text, and warns about each of its errors. In the user's own process, such as a
    notebook, the user's settings remain.
    """
    is_a_command = OWN_SETTINGS.items() <= os.environ.items()
    with chdir("/") if is_a_command and Path("matplotlibrc").is_file() else nullcontext():
        import matplotlib  # noqa: F401


def collect_seldom() -> None:
    """Collect garbage after 100,000 new objects instead of 700: imports create many objects, but no garbage.

    Collection would take a quarter of the time to import TensorFlow, and an eighth of a verdict on ten thousand runs.
    """
    gc.set_threshold(100_000, 50, 50)


@contextmanager
def pause_collection() -> Iterator[None]:
    """Pause garbage collection during the block, for the same reason, in a process that is not rdrop's own."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def list_cores() -> list[int]:
    """Return the cores that the calling thread may use now: its affinity, limited by the CPU quota of its container."""
    return _cut(_read_affinity(), _read_cpu_quota())


def count_cores() -> int:
    """Return the number of these cores; fast enough for every training step: a process reads the quota once."""
    return len(_cut(_read_affinity(), _remember_cpu_quota()))


def _read_affinity() -> list[int]:
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else list(range(os.cpu_count() or 1))


def _cut(cores: list[int], quota: float | None) -> list[int]:
    return cores if quota is None else cores[: max(1, math.floor(quota))]


def count_all_cores() -> int:
    """Return the number of cores of the machine, to compare its load with."""
    return os.cpu_count() or 1


def measure_load() -> float | None:
    """Return the machine's load average of the last minute, in processes; None if it is not available."""
    try:
        return os.getloadavg()[0]
    except (AttributeError, OSError):
        return None


def lower_priority(niceness: int) -> bool:
    """Lower the priority of this process and of the processes that it starts from now on.

    Returns:
        Whether the operating system has niceness.
    """
    if not hasattr(os, "nice"):
        return False
    os.nice(niceness)
    return True


def set_cores(process_or_thread: int, cores: list[int]) -> None:
    """Restrict a process or thread (0: this one) to these cores, if the operating system supports it."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(process_or_thread, cores)


def measure_available_bytes() -> int | None:
    """Return the memory that new processes can use, in bytes; None if it cannot be determined.

    Page cache counts as available. In a container, the memory limit applies too.
    """
    free = [number for number in (_read_meminfo("MemAvailable"), _measure_container_bytes()) if number is not None]
    return min(free, default=None)


def _read_meminfo(name: str) -> int | None:
    try:
        lines = MEMINFO.read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:")), None)


def _measure_container_bytes() -> int | None:
    """Return the bytes that the memory limits of this process's cgroups leave; page cache counts as free."""
    left = []
    for folder in _list_cgroups("memory"):
        for limit_name, used_name in (
            ("memory.max", "memory.current"),
            ("memory.high", "memory.current"),
            ("memory.limit_in_bytes", "memory.usage_in_bytes"),
        ):
            limit, used = _read_number(folder / limit_name), _read_number(folder / used_name)
            if limit is not None and used is not None and limit < UNLIMITED:
                left.append(max(0, limit - used + _read_statistic(folder / "memory.stat", "inactive_file")))
    return min(left, default=None)


def _read_cpu_quota() -> float | None:
    """Return the CPU quota of this process's cgroups, in cores; None without a quota."""
    quotas = []
    for folder in _list_cgroups("cpu"):
        words = _read_words(folder / "cpu.max") or [
            *_read_words(folder / "cpu.cfs_quota_us"),
            *_read_words(folder / "cpu.cfs_period_us"),
        ]
        if len(words) == 2 and words[0].isdigit() and int(words[1]) > 0:
            quotas.append(int(words[0]) / int(words[1]))
    return min(quotas, default=None)


@cache
def _remember_cpu_quota() -> float | None:
    return _read_cpu_quota()


def _list_cgroups(controller: str) -> list[Path]:
    """Return the folders of this process's cgroup and its parents, for cgroups of version 2 and 1."""
    try:
        lines = OWN_CGROUPS.read_text(encoding="utf-8").splitlines()
    except OSError:  # not Linux
        return []
    folders = []
    for line in lines:
        _, controllers, place = line.split(":", 2)
        if controllers and controller not in controllers.split(","):
            continue
        root = CGROUPS / controller if controllers else CGROUPS
        inner = root / place.lstrip("/")
        # A container sees its own group as the root, whatever its path is outside.
        folders += [folder for folder in (inner, *inner.parents) if folder.is_relative_to(root)]
    return folders


def _read_words(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="ascii").split()
    except OSError:
        return []


def _read_number(path: Path) -> int | None:
    words = _read_words(path)
    return int(words[0]) if words and words[0].isdigit() else None


def _read_statistic(path: Path, name: str) -> int:
    words = _read_words(path)
    return int(words[words.index(name) + 1]) if name in words else 0
