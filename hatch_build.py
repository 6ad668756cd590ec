"""Puts compiled kernels into the wheel: on Linux on x86-64 with a C++ compiler; elsewhere the wheel is pure Python.

The wheel's tag names the oldest system that has all that the kernels need of the C and C++ libraries.
"""

import platform
import re
import runpy
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

NATIVE = "rdrop_cli/nn/native"
# What manylinux_2_34 grants, and each of the libraries' symbols that a kernel may so need at the most.
MANYLINUX, GRANTED = (
    "manylinux_2_34",
    {"GLIBC": (2, 34), "GLIBCXX": (3, 4, 29), "CXXABI": (1, 3, 13), "GCC": (12, 0, 0)},
)


class KernelHook(BuildHookInterface):  # type: ignore[type-arg]
    """Compiles the kernel for each level of x86-64."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the kernels and the tag to what hatchling builds; an editable installation gets none."""
        if version == "editable" or (sys.platform, platform.machine()) != ("linux", "x86_64"):
            return
        sys.path.insert(0, self.root)  # for the errors, which are all that the script imports of the package
        compiler = runpy.run_path(str(Path(self.root, NATIVE, "compiler.py")))
        try:
            compiler["find_compiler"]()
        except compiler["NativeUnavailableError"]:
            self.app.display_warning("no C++ compiler: the wheel has no compiled kernels")
            return
        self._folder = tempfile.TemporaryDirectory()
        levels = compiler["LEVELS"]
        libraries = [Path(self._folder.name, compiler["name_library"](level)) for level in levels]
        with ThreadPoolExecutor() as pool:
            list(pool.map(compiler["compile_library"], levels, libraries))
        for library in libraries:
            compiler["write_checksum"](library)
            for file in (library, compiler["locate_checksum"](library)):
                build_data["force_include"][str(file)] = f"{NATIVE}/ready/{file.name}"
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{choose_platform(libraries)}_x86_64"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Remove what was compiled; the wheel has it."""
        if hasattr(self, "_folder"):
            self._folder.cleanup()


def choose_platform(libraries: list[Path]) -> str:
    """Return the tag of the systems on which all libraries can be loaded, as far as that can be told."""
    needed = {
        match for library in libraries for match in re.findall(rb"([A-Z]+)_(\d+(?:\.\d+)+)\0", library.read_bytes())
    }
    versions = [(name.decode(), tuple(map(int, version.split(b".")))) for name, version in needed]
    granted = all(version <= GRANTED[name] for name, version in versions if name in GRANTED)
    return MANYLINUX if granted else "linux"
