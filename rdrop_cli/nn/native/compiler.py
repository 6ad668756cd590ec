"""Compile the kernel: find the compiler and its options, and name and check the library.

The module imports only the package's errors, because the wheel is built with it before anything is installed.
"""

import hashlib
import json
import os
import platform
import shlex
import shutil
import subprocess
from pathlib import Path

from rdrop_cli.errors import RdropError

SOURCES = (Path(__file__).with_name("network.cpp"), *sorted(Path(__file__).parent.glob("*.h")))
COMPILERS = ("c++", "g++", "clang++")
# No -ffast-math: under GCC before 13 a library linked with it makes the whole process flush denormals to zero, and the
# NaN of a diverged run must be detected. Only contraction is wanted of it: one rounding for a * b + c.
FLAGS = ("-std=gnu++17", "-O3", "-ffp-contract=fast", "-fPIC", "-shared", "-pthread")
BUILD_TIMEOUT_S = 900  # compiling takes half a minute, longer on a busy machine
VERSION_TIMEOUT_S = 60

# The levels of x86-64 (System V ABI), best first, and Linux's names of the features that each adds to the one below.
LEVELS = {
    "x86-64-v4": {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"},
    "x86-64-v3": {"avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "abm", "movbe"},
    "x86-64-v2": {"cx16", "lahf_lm", "popcnt", "sse4_1", "sse4_2", "ssse3"},
}
NATIVE = "native"  # whatever the compiler detects, on processors without these levels
FORCED = "RDROP_INSTRUCTION_SET"


class NativeUnavailableError(RdropError):
    """The kernel is unavailable on this machine; the message says why."""


def find_instruction_set() -> str:
    """Return the instruction set to compile for: RDROP_INSTRUCTION_SET if set, else the best that the processor has.

    Raises:
        NativeUnavailableError: the processor does not have the requested one.
    """
    available = list_instruction_sets()
    forced = os.environ.get(FORCED)
    if forced and forced not in available:
        raise NativeUnavailableError(
            f"{FORCED}={forced}: this processor has {', '.join(available)}; choose one of them"
        )
    return forced or available[0]


def find_compiler() -> list[str]:
    """Return the command of the C++ compiler: CXX if set, else the first of `COMPILERS` on the path.

    Raises:
        NativeUnavailableError: no compiler is found.
    """
    chosen = os.environ.get("CXX", "").strip()
    for command in [_split_command(chosen)] if chosen else [[name] for name in COMPILERS]:
        if shutil.which(command[0]):
            return command
    raise NativeUnavailableError(
        f"CXX={chosen}: no such compiler; set CXX to a C++ compiler or unset it"
        if chosen
        else f"no C++ compiler found ({', '.join(COMPILERS)}); install one (Debian, Ubuntu: apt install g++; "
        "Fedora: dnf install gcc-c++; macOS: xcode-select --install), or name it in CXX"
    )


def _split_command(text: str) -> list[str]:
    """Split a command such as `ccache g++` as a shell does; the path of a program may contain unquoted spaces."""
    if shutil.which(text):
        return [text]
    try:
        return shlex.split(text)
    except ValueError as error:
        raise NativeUnavailableError(
            f"CXX={text}: no command ({error}); set CXX to a C++ compiler or unset it"
        ) from error


def compile_library(instruction_set: str, library: Path) -> None:
    """Compile the kernel to a file.

    Args:
        instruction_set: of `find_instruction_set`.
        library: the file, which is overwritten.

    Raises:
        NativeUnavailableError: there is no compiler, or it fails.
    """
    command = _make_command(instruction_set)
    _run([*command, str(SOURCES[0]), "-o", str(library)], BUILD_TIMEOUT_S)
    if not library.is_file():
        raise NativeUnavailableError(f"{command[0]}: compiled no kernel, and named no error; try another CXX")
    library.chmod(0o755)


def name_library(instruction_set: str) -> str:
    """Return the file name of a packaged library, which depends on instruction set, sources and flags."""
    return f"network-{instruction_set}-{_digest_sources()}.so"


def write_checksum(library: Path) -> None:
    """Write a library's checksum beside it."""
    locate_checksum(library).write_text(_compute_checksum(library), encoding="utf-8")


def is_whole(library: Path) -> bool:
    """Whether a library matches its checksum: loading a truncated one would kill the process."""
    try:
        return locate_checksum(library).read_bytes() == _compute_checksum(library).encode()
    except FileNotFoundError:
        return False


def locate_checksum(library: Path) -> Path:
    """Return the path of a library's checksum, beside it."""
    return library.with_suffix(".sha256")


def digest_build(instruction_set: str) -> str:
    """Digest everything that determines the content of a library compiled on this machine.

    Raises:
        NativeUnavailableError: there is no compiler, or it does not report its version.
    """
    version = _run([*find_compiler(), "--version"], VERSION_TIMEOUT_S)
    processor = _describe_processor() if instruction_set == NATIVE else []
    return _digest([_make_command(instruction_set), version, processor, _digest_sources()])


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


def _make_command(instruction_set: str) -> list[str]:
    """Return the command without files; the option for the instruction set depends on the processor family."""
    option = "-mcpu" if platform.machine() in ("aarch64", "arm64") else "-march"
    return [*find_compiler(), *FLAGS, f"{option}={instruction_set}"]


def _compute_checksum(library: Path) -> str:
    return hashlib.sha256(library.read_bytes()).hexdigest()


def _digest_sources() -> str:
    return _digest([FLAGS, [source.read_text(encoding="utf-8") for source in SOURCES]])


def _digest(parts: list[object]) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


def _describe_processor() -> list[str]:
    """Return the model and instruction sets behind `native`, because several machines may share a cache folder."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:  # not Linux
        return [platform.machine(), platform.processor()]
    return sorted({line for line in lines if line.startswith(("model name", "flags", "Features", "CPU part"))})


def _run(command: list[str], timeout_s: float) -> str:
    """Run a command with English messages and without standard input; return its standard output."""
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env={**os.environ, "LC_ALL": "C"},
            encoding="utf-8",
            errors="replace",
            timeout=timeout_s,
            check=True,
        )
    except subprocess.CalledProcessError as error:
        said = next((line for line in error.stderr.splitlines() if "error" in line), f"exit code {error.returncode}")
        raise NativeUnavailableError(
            f"{command[0]}: cannot compile the kernel ({said.strip()}); try another CXX"
        ) from error
    except subprocess.TimeoutExpired as error:
        raise NativeUnavailableError(f"{command[0]}: has not ended in {timeout_s:g} s; try another CXX") from error
    except OSError as error:
        raise NativeUnavailableError(f"{command[0]}: cannot be run ({error.strerror}); try another CXX") from error
    return done.stdout
