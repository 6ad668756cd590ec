"""The kernel's library: the one that comes with the package, or one compiled into the user's cache folder."""

from pathlib import Path

from rdrop_cli.cache import find_cache_folder, is_own, make_cache_folder
from rdrop_cli.errors import RdropError
from rdrop_cli.files import replace_atomically
from rdrop_cli.locks import LockedError, hold_lock
from rdrop_cli.nn.native.compiler import (
    BUILD_TIMEOUT_S,
    NativeUnavailableError,
    compile_library,
    digest_build,
    is_whole,
    name_library,
    write_checksum,
)

READY = Path(__file__).with_name("ready")  # only in wheels for Linux on x86-64; filled by their build hook


def find_ready_library(instruction_set: str) -> Path | None:
    """Return the library that comes with the package, or None if there is none.

    Its owner is not checked: anyone who can write it can also write the package's Python code.

    Raises:
        OSError: the library is damaged.
    """
    library = READY / name_library(instruction_set)
    if library.exists() and not is_whole(library):
        raise OSError(f"{library}: damaged, reinstall the package")
    return library if library.exists() else None


def build_library(instruction_set: str) -> Path:
    """Return the kernel's shared library, compiling it if this machine has not done so before.

    The file name depends on everything that determines its content: sources, flags, compiler, instruction set. If
    several processes need it at the same time, one compiles and the others wait. A file that is damaged, or that
    another user could have written, is compiled again.

    Args:
        instruction_set: of `find_instruction_set`.

    Raises:
        NativeUnavailableError: there is no compiler, it fails, or the cache folder cannot be written or trusted.
    """
    digest = digest_build(instruction_set)
    try:
        folder = find_cache_folder()
        library = folder / f"network-{instruction_set}-{digest}.so"
        make_cache_folder()
        if not _is_sound(library):
            with hold_lock(library.with_suffix(".lock"), BUILD_TIMEOUT_S):
                if not _is_sound(library):
                    with replace_atomically(library) as unfinished:
                        compile_library(instruction_set, unfinished)
                    write_checksum(library)
    except LockedError as error:
        raise NativeUnavailableError(f"{library}: another process compiles the kernel, and does not end") from error
    except NativeUnavailableError:
        raise
    except RdropError as error:
        raise NativeUnavailableError(str(error)) from error
    except OSError as error:
        raise NativeUnavailableError(
            f"{folder}: the compiled kernel cannot be kept there ({error.strerror or error}); "
            "set RDROP_CACHE_DIR to a folder that can be written"
        ) from error
    return library


def _is_sound(library: Path) -> bool:
    """Whether a library exists, is intact, and is the user's own."""
    try:
        return is_own(library) and is_whole(library)
    except FileNotFoundError:
        return False
