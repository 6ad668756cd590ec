import errno
import os
import subprocess
import sys
from pathlib import Path

import filelock  # noqa: F401 -- it looks for fcntl when it is imported, which a test takes away
import pytest

from rdrop_cli import locks
from rdrop_cli.errors import RdropError
from rdrop_cli.locks import LockedError, find_holder, find_lock_folder, hold_lock, is_lock_held

HOLD = """
import pathlib, sys
from rdrop_cli.locks import hold_lock
with hold_lock(pathlib.Path(sys.argv[1]), 0):
    print("held", flush=True)
    input()
"""


@pytest.fixture(autouse=True)
def _own_lock_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "runtime"))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "run").mkdir()
    return tmp_path / "run" / ".lock"


def start_holder(path: Path) -> subprocess.Popen[str]:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    return holder


def test_a_lock_is_held_by_one_process_until_it_is_killed(path: Path) -> None:
    assert not is_lock_held(path)
    with start_holder(path) as holder:
        assert is_lock_held(path)
        assert find_holder(path) == holder.pid
        with pytest.raises(LockedError, match="another process holds this lock"), hold_lock(path, 0):
            pass
        holder.kill()
    assert not is_lock_held(path)
    assert find_holder(path) is None
    with hold_lock(path, 0):
        assert is_lock_held(path)


def test_a_lock_that_may_only_be_read_is_seen_to_be_held(path: Path) -> None:
    with start_holder(path) as holder:
        path.chmod(0o444)
        path.parent.chmod(0o555)
        assert is_lock_held(path)
        path.parent.chmod(0o755)
        holder.kill()


@pytest.mark.parametrize("code", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP])
def test_a_file_system_without_locks_is_locked_in_the_users_own_folder(
    path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    import fcntl

    flock = fcntl.flock

    def refuse(descriptor: int, how: int) -> None:
        if Path(f"/proc/self/fd/{descriptor}").readlink().is_relative_to(path.parent):
            raise OSError(code, os.strerror(code))
        flock(descriptor, how)

    monkeypatch.setattr(fcntl, "flock", refuse)
    with hold_lock(path, 0):
        assert is_lock_held(path)
        with pytest.raises(LockedError), hold_lock(path, 0):
            pass
    assert not is_lock_held(path)
    assert len(list(find_lock_folder().glob("*.lock"))) == 1


def test_without_fcntl_nothing_is_known_to_be_held(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fcntl", None)
    path.touch()
    assert not is_lock_held(path)


def test_a_lock_folder_of_another_user_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    monkeypatch.setattr(locks.tempfile, "gettempdir", lambda: str(tmp_path))
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / f"rdrop-{os.getuid()}").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(RdropError, match="belongs to another user; set XDG_RUNTIME_DIR"):
        find_lock_folder()
