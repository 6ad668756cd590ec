"""Compiling the kernel and keeping it."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from rdrop_cli.nn.native import build, compiler, network
from rdrop_cli.nn.native.build import build_library
from rdrop_cli.nn.native.compiler import NativeUnavailableError

SET = "x86-64-v2"


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
        monkeypatch.chdir(tmp_path)  # where one that takes its last argument for a file writes `--version`

    return install


def fail_in_one_line():
    with pytest.raises(NativeUnavailableError) as caught:
        build_library(SET)
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
    # Without what the package around it imports: TensorFlow takes longer than the other process compiles.
    code = (
        "import sys, types; package = sys.modules['rdrop_cli.nn'] = types.ModuleType('rdrop_cli.nn');"
        f"package.__path__ = [{str(Path(build.__file__).parents[1])!r}];"
        "from rdrop_cli.nn.native.build import build_library; print(build_library('x86-64-v2'))"
    )
    command = [sys.executable, "-c", code]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    paths = {process.communicate(timeout=60)[0].strip() for process in processes}
    assert [process.returncode for process in processes] == [0, 0]
    assert len(counting_compiler.read_text().splitlines()) == 1
    assert {Path(path) for path in paths} == {file for file in cache.iterdir() if file.suffix == ".so"}
    assert {file.suffix for file in cache.iterdir()} <= {".so", ".lock", ".sha256"}


def test_what_is_in_the_cache_is_not_compiled_again(cache, counting_compiler):
    assert build_library(SET) == build_library(SET)
    assert len(counting_compiler.read_text().splitlines()) == 1


def test_another_instruction_set_flag_compiler_processor_or_source_is_another_library(
    cache, counting_compiler, monkeypatch, tmp_path
):
    source = tmp_path / "network.cpp"
    source.write_text("other")
    paths = [build_library(SET), build_library("x86-64-v3")]
    with monkeypatch.context() as patch:
        patch.setattr(compiler, "FLAGS", (*compiler.FLAGS, "-g"))
        paths.append(build_library(SET))
    with monkeypatch.context() as patch:
        paths.append(build_library(compiler.NATIVE))
        patch.setattr(compiler, "_describe_processor", lambda: ["another"])
        paths.append(build_library(compiler.NATIVE))
    with monkeypatch.context() as patch:
        patch.setattr(compiler, "SOURCES", (source,))
        paths.append(build_library(SET))
    script = Path(os.environ["CXX"])
    script.write_text(script.read_text().replace("1.0", "2.0"))
    paths.append(build_library(SET))
    assert len(set(paths)) == len(paths)


def test_no_compiler_is_said_in_one_line(cache, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert re.match(r"no C\+\+ compiler found \(c\+\+, g\+\+, clang\+\+\); install one", fail_in_one_line())


def test_a_compiler_named_in_cxx_that_is_missing_is_named(cache, monkeypatch):
    monkeypatch.setenv("CXX", "/nowhere/g++ -m64")
    assert fail_in_one_line().startswith("CXX=/nowhere/g++ -m64: no such compiler")


def test_a_compiler_that_fails_is_quoted_and_leaves_nothing(cache, install_compiler):
    install_compiler('test "$1" = --version || { echo "network.cpp:1: error: no vectors here" >&2; exit 1; }')
    assert "cannot compile the kernel (network.cpp:1: error: no vectors here)" in fail_in_one_line()
    assert [file.suffix for file in cache.iterdir()] in ([".lock"], [])


def test_what_a_compiler_says_need_not_be_unicode_and_is_asked_for_in_english(cache, install_compiler, monkeypatch):
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    install_compiler(
        r'printf "Version \351\n"; test "$1" = --version || { printf "$LC_ALL: error: \351chec\n" >&2; exit 1; }'
    )
    assert "cannot compile the kernel (C: error: \ufffdchec)" in fail_in_one_line()


@pytest.mark.parametrize("hangs_at", ["--version", "-o"])
def test_a_compiler_that_does_not_end_is_named(cache, install_compiler, monkeypatch, hangs_at):
    monkeypatch.setattr(compiler, "VERSION_TIMEOUT_S", 0.2)
    monkeypatch.setattr(compiler, "BUILD_TIMEOUT_S", 0.2)
    install_compiler(f'case "$*" in *{hangs_at}*) exec sleep 60;; *) echo 1.0;; esac')
    assert re.search(r"compiler: has not ended in 0.2 s; try another CXX$", fail_in_one_line())


def test_a_compiler_reads_nothing_of_what_the_process_is_sent(cache, install_compiler, monkeypatch):
    reading, writing = os.pipe()
    standard = os.dup(0)
    os.dup2(reading, 0)
    try:
        install_compiler('test "$1" = --version && exit 0; read order && exit 1; exit 3')
        monkeypatch.setattr(compiler, "BUILD_TIMEOUT_S", 5)
        os.write(writing, b"order\n")
        assert "exit code 3" in fail_in_one_line()
    finally:
        os.dup2(standard, 0)
        for descriptor in (reading, writing, standard):
            os.close(descriptor)


def test_a_compiler_that_makes_nothing_is_named_and_not_the_cache_folder(cache, install_compiler):
    install_compiler("exit 0")
    assert re.search(r"compiler: compiled no kernel, and named no error; try another CXX$", fail_in_one_line())


@pytest.mark.parametrize("pattern", ["{}", '"{}"', "env '{}' -g"])
def test_the_path_of_a_compiler_may_have_spaces(cache, monkeypatch, tmp_path, pattern):
    path = tmp_path / "my compiler"
    path.write_text('#!/bin/sh\nfor out; do :; done; test "$out" = --version || echo "library" > "$out"\n')
    path.chmod(0o755)
    monkeypatch.setenv("CXX", pattern.format(path))
    assert build_library(SET).read_text() == "library\n"


def test_a_command_with_half_a_quote_is_refused_in_one_line(cache, monkeypatch):
    monkeypatch.setenv("CXX", 'g++ "-g')
    assert fail_in_one_line().startswith('CXX=g++ "-g: no command (No closing quotation)')


def test_a_cache_folder_that_cannot_be_made_is_named(cache, counting_compiler, monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("RDROP_CACHE_DIR", str(tmp_path / "file" / "cache"))
    message = fail_in_one_line()
    assert message.startswith(str(tmp_path / "file" / "cache"))
    assert "RDROP_CACHE_DIR" in message


@pytest.fixture
def fresh():
    """Forget the library that this process has loaded, before and after."""
    network.load_library.cache_clear()
    yield
    network.load_library.cache_clear()


def test_a_library_that_cannot_be_loaded_is_named(cache, counting_compiler, fresh):
    with pytest.raises(NativeUnavailableError, match=r"network-[\w-]+\.so: cannot be loaded"):
        network.load_library()


def test_a_disk_from_which_no_program_may_be_loaded_is_told(cache, counting_compiler, fresh, monkeypatch):
    status = list(os.statvfs("/"))
    status[8] |= os.ST_NOEXEC
    monkeypatch.setattr(os, "statvfs", lambda path: os.statvfs_result(status))
    with pytest.raises(NativeUnavailableError, match=r"loaded \([^/]+\); its disk is mounted noexec: set"):
        network.load_library()


def test_a_library_that_is_damaged_is_compiled_again(cache, counting_compiler):
    """Loading a part of one would end the process."""
    build_library(SET).write_text("lib")
    assert build_library(SET).read_text() == "library\n"
    assert len(counting_compiler.read_text().splitlines()) == 2


def test_a_library_whose_checksum_is_damaged_is_compiled_again(cache, counting_compiler):
    compiler.locate_checksum(build_library(SET)).write_bytes(b"\xff")
    assert build_library(SET).read_text() == "library\n"
    assert len(counting_compiler.read_text().splitlines()) == 2


@pytest.mark.parametrize("rights", [0o664, 0o646])
def test_a_library_that_others_can_write_is_compiled_again(cache, counting_compiler, rights):
    build_library(SET).chmod(rights)
    assert build_library(SET).stat().st_mode & 0o022 == 0
    assert len(counting_compiler.read_text().splitlines()) == 2


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to another user")
def test_a_library_of_another_user_is_compiled_again(cache, counting_compiler):
    library = build_library(SET)
    os.chown(library, os.getuid() + 1, -1)
    os.chown(compiler.locate_checksum(library), os.getuid() + 1, -1)
    assert build_library(SET).stat().st_uid == os.getuid()
    assert len(counting_compiler.read_text().splitlines()) == 2


@pytest.mark.parametrize("rights", [0o775, 0o757])
def test_others_are_kept_out_of_the_folder(cache, counting_compiler, rights):
    cache.mkdir()
    cache.chmod(rights)
    build_library(SET)
    assert cache.stat().st_mode & 0o022 == 0


def test_a_folder_of_another_user_is_refused_by_name(cache, counting_compiler, monkeypatch):
    cache.mkdir()
    owner = cache.stat().st_uid
    monkeypatch.setattr(os, "getuid", lambda: owner + 1)
    if owner == 0:
        cache.chmod(0o777)
    assert fail_in_one_line().startswith(f"{cache}: other users can write there")


@pytest.fixture
def ready(cache, monkeypatch, tmp_path):
    """Put a library for an instruction set into the package, and hide all compilers."""
    monkeypatch.setenv(compiler.FORCED, SET)
    monkeypatch.setattr(build, "READY", tmp_path / "ready")
    build.READY.mkdir()
    library = build.READY / compiler.name_library(SET)
    library.write_bytes(b"library")
    compiler.write_checksum(library)
    monkeypatch.setenv("PATH", str(tmp_path))
    return library


def load_as(monkeypatch, loads):
    """Load the libraries for which `loads` holds."""

    def load(path, instruction_set):
        if not loads(path):
            raise OSError(f"{path}: made for a newer system")
        return path

    monkeypatch.setattr(network, "Library", load)


def test_without_a_compiler_the_library_of_the_package_is_loaded(ready, fresh, cache, monkeypatch):
    load_as(monkeypatch, lambda path: True)
    assert network.load_library() == ready
    assert not cache.exists()


def test_a_library_of_other_sources_is_not_loaded(ready, fresh, monkeypatch):
    monkeypatch.setattr(compiler, "FLAGS", (*compiler.FLAGS, "-g"))
    with pytest.raises(NativeUnavailableError, match=r"^no C.. compiler found"):
        network.load_library()


def test_a_damaged_library_of_the_package_is_compiled_or_named(ready, fresh, install_compiler, monkeypatch):
    ready.write_bytes(b"lib")
    with pytest.raises(NativeUnavailableError, match=rf"^{ready}: damaged, reinstall the package; no C.. compiler"):
        network.load_library()
    load_as(monkeypatch, lambda path: True)
    install_compiler('for out; do :; done; echo "library" > "$out"')
    assert network.load_library().parent == build.find_cache_folder()


def test_a_library_of_the_package_for_a_newer_system_is_compiled_or_named(ready, fresh, install_compiler, monkeypatch):
    load_as(monkeypatch, lambda path: path != ready)
    with pytest.raises(NativeUnavailableError, match=rf"^{ready}: made for a newer system; no C.. compiler"):
        network.load_library()
    install_compiler('for out; do :; done; echo "library" > "$out"')
    assert network.load_library().parent == build.find_cache_folder()


def test_the_best_instruction_set_is_taken_and_another_can_be_forced(monkeypatch):
    flags = set().union(*(compiler.LEVELS[level] for level in ("x86-64-v2", "x86-64-v3")))
    monkeypatch.setattr(compiler, "_read_processor_flags", lambda: flags)
    monkeypatch.delenv(compiler.FORCED, raising=False)
    assert compiler.find_instruction_set() == "x86-64-v3"
    monkeypatch.setenv(compiler.FORCED, "x86-64-v2")
    assert compiler.find_instruction_set() == "x86-64-v2"
    monkeypatch.setenv(compiler.FORCED, "x86-64-v4")
    with pytest.raises(NativeUnavailableError, match="this processor has x86-64-v3, x86-64-v2; choose one of them"):
        compiler.find_instruction_set()
    monkeypatch.setattr(compiler, "_read_processor_flags", lambda: flags - {"avx2"})
    monkeypatch.delenv(compiler.FORCED)
    assert compiler.find_instruction_set() == "x86-64-v2"
    monkeypatch.setattr(compiler, "_read_processor_flags", set)
    assert compiler.find_instruction_set() == compiler.NATIVE


def test_the_cache_is_in_the_users_folder(cache, monkeypatch, tmp_path):
    assert build.find_cache_folder() == cache
    monkeypatch.delenv("RDROP_CACHE_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert build.find_cache_folder() == tmp_path / "rdrop"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert build.find_cache_folder() == tmp_path / ".cache" / "rdrop"
