"""Compiling the kernel and keeping it."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from rdrop_cli.nn.native import build, kernel
from rdrop_cli.nn.native.build import NativeUnavailableError, build_library


@pytest.fixture
def cache(tmp_path, monkeypatch):
    folder = tmp_path / "cache"
    monkeypatch.setenv("RDROP_CACHE_DIR", str(folder))
    monkeypatch.delenv("CXX", raising=False)
    return folder


@pytest.fixture
def install_compiler(tmp_path, monkeypatch):
    """Return a function that makes a shell script the compiler."""

    def install(script):
        path = tmp_path / "compiler"
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        monkeypatch.setenv("CXX", str(path))

    return install


def fail_in_one_line():
    with pytest.raises(NativeUnavailableError) as caught:
        build_library(1, 1)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.fixture
def counting_compiler(tmp_path, install_compiler):
    """A compiler that notes each file it makes, and takes its time over it."""
    log = tmp_path / "log"
    log.touch()
    make = 'for out; do :; done; sleep 0.3; echo "library" > "$out"; echo "$out" >> '
    install_compiler(f'case "$*" in *--version*) echo 1.0;; *) {make} {log};; esac')
    return log


def test_processes_that_build_at_once_compile_once(cache, counting_compiler):
    # Run as a script, the module needs nothing but the standard library and filelock: no TensorFlow is loaded.
    code = f"import runpy; print(runpy.run_path({build.__file__!r})['build_library'](7, 3))"
    command = [sys.executable, "-c", code]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    paths = {process.communicate(timeout=60)[0].strip() for process in processes}
    assert [process.returncode for process in processes] == [0, 0]
    assert len(counting_compiler.read_text().splitlines()) == 1
    assert {Path(path) for path in paths} == {file for file in cache.iterdir() if file.suffix == ".so"}
    assert {file.suffix for file in cache.iterdir()} <= {".so", ".lock"}


def test_what_is_in_the_cache_is_not_compiled_again(cache, counting_compiler):
    assert build_library(7, 3) == build_library(7, 3)
    assert len(counting_compiler.read_text().splitlines()) == 1


def test_another_size_flag_compiler_processor_or_source_is_another_library(
    cache, counting_compiler, monkeypatch, tmp_path
):
    source = tmp_path / "gru.cpp"
    source.write_text("other")
    paths = [build_library(7, 3), build_library(3, 7)]
    with monkeypatch.context() as patch:
        patch.setattr(build, "FLAGS", (*build.FLAGS, "-g"))
        paths.append(build_library(7, 3))
    with monkeypatch.context() as patch:
        patch.setattr(build, "_describe_processor", lambda: ["another"])
        paths.append(build_library(7, 3))
    with monkeypatch.context() as patch:
        patch.setattr(build, "SOURCES", (source,))
        paths.append(build_library(7, 3))
    compiler = Path(os.environ["CXX"])
    compiler.write_text(compiler.read_text().replace("1.0", "2.0"))
    paths.append(build_library(7, 3))
    assert len(set(paths)) == len(paths)


def test_no_compiler_is_said_in_one_line(cache, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert re.match(r"no C\+\+ compiler found \(c\+\+, g\+\+, clang\+\+\); install one", fail_in_one_line())


def test_a_compiler_named_in_cxx_that_is_missing_is_named(cache, monkeypatch):
    monkeypatch.setenv("CXX", "/nowhere/g++ -m64")
    assert fail_in_one_line().startswith("CXX=/nowhere/g++ -m64: no such compiler")


def test_a_compiler_that_fails_is_quoted_and_leaves_nothing(cache, install_compiler):
    install_compiler('test "$1" = --version || { echo "gru.cpp:1: error: no vectors here" >&2; exit 1; }')
    assert "cannot compile the kernel (gru.cpp:1: error: no vectors here)" in fail_in_one_line()
    assert [file.suffix for file in cache.iterdir()] in ([".lock"], [])


def test_a_cache_folder_that_cannot_be_made_is_named(cache, counting_compiler, monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("RDROP_CACHE_DIR", str(tmp_path / "file" / "cache"))
    message = fail_in_one_line()
    assert message.startswith(str(tmp_path / "file" / "cache"))
    assert "RDROP_CACHE_DIR" in message


def test_a_library_that_cannot_be_loaded_is_named(cache, counting_compiler):
    with pytest.raises(NativeUnavailableError, match=r"gru-9x9-\w+\.so: cannot be loaded"):
        kernel.load_kernel(9, 9)


def test_the_cache_is_in_the_users_folder(cache, monkeypatch, tmp_path):
    assert build.find_cache_folder() == cache
    monkeypatch.delenv("RDROP_CACHE_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert build.find_cache_folder() == tmp_path / "rdrop"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert build.find_cache_folder() == tmp_path / ".cache" / "rdrop"
