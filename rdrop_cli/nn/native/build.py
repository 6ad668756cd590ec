"""Compile the kernel for an instruction set that this machine has and keep it in the user's cache folder."""

import hashlib
import json
import os
import platform
import shutil
import stat
import subprocess
from pathlib import Path

from rdrop_cli.errors import RdropError
from rdrop_cli.files import replace_atomically, write_text
from rdrop_cli.locks import LockedError, hold_lock

HEADERS = ("lanes.h", "masks.h", "products.h", "cells.h", "layer.h")
SOURCES = tuple(Path(__file__).with_name(name) for name in ("network.cpp", *HEADERS))
COMPILERS = ("c++", "g++", "clang++")
# No -ffast-math: under GCC before 13 a library linked with it makes the whole process flush denormals to zero, and the
# NaN of a diverged run must be seen. Contraction is the part of it that is wanted: one rounding for a * b + c.
FLAGS = ("-std=gnu++17", "-O3", "-ffp-contract=fast", "-fPIC", "-shared", "-pthread")
BUILD_TIMEOUT_S = 300

# The levels of x86-64 (System V ABI), best first, and what Linux calls that which each adds to the one below.
LEVELS = {
    "x86-64-v4": {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"},
    "x86-64-v3": {"avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "abm", "movbe"},
    "x86-64-v2": {"cx16", "lahf_lm", "popcnt", "sse4_1", "sse4_2", "ssse3"},
}
NATIVE = "native"  # what the compiler finds, on processors without such levels
FORCED = "RDROP_INSTRUCTION_SET"


class NativeUnavailableError(RdropError):
    """The kernel cannot be had on this machine; the message says why."""


def find_instruction_set() -> str:
    """Return the instruction set to compile for: RDROP_INSTRUCTION_SET if set, else the best that the processor has.

    Raises:
        NativeUnavailableError: the processor does not have the one that is asked for.
    """
    available = list_instruction_sets()
    forced = os.environ.get(FORCED)
    if forced and forced not in available:
        raise NativeUnavailableError(
            f"{FORCED}={forced}: this processor has {', '.join(available)}; choose one of them"
        )
    return forced or available[0]


def build_library(instruction_set: str) -> Path:
    """Return the kernel's shared library, compiling it if this machine has not done so before.

    The name of the file is a function of all that its content depends on: sources, flags, compiler, instruction set.
    Processes that ask at the same time wait for one of them to compile. A file that is
    damaged, or that another user could have written, is compiled again.

    Args:
        instruction_set: of `find_instruction_set`.

    Raises:
        NativeUnavailableError: there is no compiler, it fails, or the cache folder cannot be written or trusted.
    """
    command = [*find_compiler(), *FLAGS, _target_flag(instruction_set)]
    folder = find_cache_folder()
    library = folder / f"network-{instruction_set}-{_digest(command, instruction_set)}.so"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _keep_others_out(folder)
        if not _is_sound(library):
            with hold_lock(library.with_suffix(".lock"), BUILD_TIMEOUT_S):
                if not _is_sound(library):
                    with replace_atomically(library) as unfinished:
                        _run([*command, str(SOURCES[0]), "-o", str(unfinished)])
                        unfinished.chmod(0o755)
                    write_text(_locate_checksum(library), _compute_checksum(library))
    except LockedError as error:
        raise NativeUnavailableError(f"{library}: another process compiles the kernel, and does not end") from error
    except OSError as error:
        raise NativeUnavailableError(
            f"{folder}: the compiled kernel cannot be kept there ({error.strerror or error}); "
            "set RDROP_CACHE_DIR to a folder that can be written"
        ) from error
    return library


def find_compiler() -> list[str]:
    """Return the command of the C++ compiler: CXX if that is set, else the first of `COMPILERS` on the path.

    Raises:
        NativeUnavailableError: there is none.
    """
    chosen = os.environ.get("CXX", "").split()
    for command in [chosen] if chosen else [[name] for name in COMPILERS]:
        if shutil.which(command[0]):
            return command
    raise NativeUnavailableError(
        f"CXX={os.environ['CXX']}: no such compiler; set CXX to a C++ compiler or unset it"
        if chosen
        else f"no C++ compiler found ({', '.join(COMPILERS)}); install one (Debian, Ubuntu: apt install g++; "
        "Fedora: dnf install gcc-c++; macOS: xcode-select --install), or name it in CXX"
    )


def find_cache_folder() -> Path:
    """Return RDROP_CACHE_DIR, else the folder `rdrop` in XDG_CACHE_HOME or ~/.cache.

    Raises:
        NativeUnavailableError: none is set and the user has no home.
    """
    if chosen := os.environ.get("RDROP_CACHE_DIR"):
        return Path(chosen)
    try:
        return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "rdrop"
    except RuntimeError as error:
        raise NativeUnavailableError("no home folder to keep the compiled kernel in; set RDROP_CACHE_DIR") from error


def list_instruction_sets() -> list[str]:
    """Return the levels of this machine's processor, best first."""
    flags = _read_processor_flags()
    names = list(LEVELS)
    found = [name for i, name in enumerate(names) if all(LEVELS[lower] <= flags for lower in names[i:])]
    return found or [NATIVE]


def _read_processor_flags() -> set[str]:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:  # not Linux
        return set()
    return next((set(line.split(":")[1].split()) for line in lines if line.startswith("flags")), set())


def _target_flag(instruction_set: str) -> str:
    """Name the processor to compile for, in the way each family's compilers understand."""
    return f"{'-mcpu' if platform.machine() in ('aarch64', 'arm64') else '-march'}={instruction_set}"


def _digest(command: list[str], instruction_set: str) -> str:
    """Digest all that the compiled file depends on."""
    version = _run([*find_compiler(), "--version"])
    processor = _describe_processor() if instruction_set == NATIVE else []
    parts = [command, version, processor, [source.read_text(encoding="utf-8") for source in SOURCES]]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


def _describe_processor() -> list[str]:
    """Return the model and the instruction sets that `native` may stand for; a cache folder may be on many machines."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:  # not Linux
        return [platform.machine(), platform.processor()]
    return sorted({line for line in lines if line.startswith(("model name", "flags", "Features", "CPU part"))})


def _keep_others_out(folder: Path) -> None:
    """See to it that no other user can put a library there for this process to load, or refuse the folder."""
    if os.name != "posix":
        return
    status = folder.stat()
    open_to_others = status.st_mode & 0o022 and not status.st_mode & stat.S_ISVTX
    if status.st_uid == os.getuid():
        if open_to_others:
            folder.chmod(status.st_mode & ~0o022)
    elif status.st_uid != 0 or open_to_others:
        raise NativeUnavailableError(
            f"{folder}: other users can write there, so no compiled kernel is loaded from it; "
            "set RDROP_CACHE_DIR to a folder of your own"
        )


def _is_sound(library: Path) -> bool:
    """Whether a library is there, whole (loading a part of one would end the process), and this user's own."""
    try:
        return _is_own(library) and _locate_checksum(library).read_text(encoding="utf-8") == _compute_checksum(library)
    except FileNotFoundError:
        return False


def _locate_checksum(library: Path) -> Path:
    return library.with_suffix(".sha256")


def _compute_checksum(library: Path) -> str:
    return hashlib.sha256(library.read_bytes()).hexdigest()


def _is_own(path: Path) -> bool:
    """Whether only this user, or root, could have written a file."""
    if os.name != "posix":
        return True
    status = path.stat()
    return status.st_uid in (os.getuid(), 0) and not status.st_mode & 0o022


def _run(command: list[str]) -> str:
    """Run a command and return what it printed."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=BUILD_TIMEOUT_S, check=True)
    except subprocess.CalledProcessError as error:
        said = next((line for line in error.stderr.splitlines() if "error" in line), f"exit code {error.returncode}")
        raise NativeUnavailableError(
            f"{command[0]}: cannot compile the kernel ({said.strip()}); try another CXX"
        ) from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NativeUnavailableError(f"{command[0]}: cannot be run ({error}); try another CXX") from error
    return done.stdout
