"""Compile the kernel for this machine and keep it in the user's cache folder."""

import hashlib
import json
import os
import platform
import shutil
import subprocess
from pathlib import Path

from rdrop_cli.errors import RdropError
from rdrop_cli.files import replace_atomically
from rdrop_cli.locks import LockedError, hold_lock

SOURCES = (Path(__file__).with_name("gru.cpp"), Path(__file__).with_name("lanes.h"))
COMPILERS = ("c++", "g++", "clang++")
# No -ffast-math: under GCC before 13 a library linked with it makes the whole process flush denormals to zero, and the
# NaN of a diverged run must be seen. Contraction is the part of it that is wanted: one rounding for a * b + c.
FLAGS = ("-std=gnu++17", "-O3", "-ffp-contract=fast", "-fPIC", "-shared", "-pthread")
BUILD_TIMEOUT_S = 300


class NativeUnavailableError(RdropError):
    """The kernel cannot be had on this machine; the message says why."""


def build_library(units: int, features: int) -> Path:
    """Return the shared library for layers of one size, compiling it if this machine has not done so before.

    The name of the file is a function of all that its content depends on: sources, flags, compiler, processor, size.
    Processes that ask at the same time wait for one of them to compile.

    Args:
        units: of the layer.
        features: of a timestep of its input.

    Raises:
        NativeUnavailableError: there is no compiler, it fails, or the cache folder cannot be written.
    """
    command = [*find_compiler(), *FLAGS, _target_flag(), f"-DUNITS={units}", f"-DFEATURES={features}"]
    folder = find_cache_folder()
    library = folder / f"gru-{units}x{features}-{_digest(command)}.so"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not library.exists():  # a file takes its name when it is whole
            with hold_lock(library.with_suffix(".lock"), BUILD_TIMEOUT_S):
                if not library.exists():
                    with replace_atomically(library) as unfinished:
                        _run([*command, str(SOURCES[0]), "-o", str(unfinished)])
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
        else f"no C++ compiler found ({', '.join(COMPILERS)}); install one, or name it in CXX"
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


def _target_flag() -> str:
    """Name this machine's processor, in the way each family's compilers understand."""
    return "-mcpu=native" if platform.machine() in ("aarch64", "arm64") else "-march=native"


def _digest(command: list[str]) -> str:
    """Digest all that the compiled file depends on."""
    version = _run([*find_compiler(), "--version"])
    parts = [command, version, _describe_processor(), [source.read_text(encoding="utf-8") for source in SOURCES]]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


def _describe_processor() -> list[str]:
    """Return the model and the instruction sets that `native` may stand for; a cache folder may be on many machines."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:  # not Linux
        return [platform.machine(), platform.processor()]
    return sorted({line for line in lines if line.startswith(("model name", "flags", "Features", "CPU part"))})


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
