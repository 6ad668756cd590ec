"""Every point at which a run touches the disk, numbered, and a process that dies at one of them.

Run as `python -m tests.torture.crash_points RUNS_DIR FIRST LAST EPOCHS PICTURE END`: for each number a child, forked
from this process so that nothing is imported twice, begins a run in RUNS_DIR/<number>, or goes on with the one there,
and kills itself with SIGKILL at that point. END is `kill`, or `power`: then all that was not synced is lost first. A
line is printed for each: the number, the epochs that were told to be done, what came next, and to which file.
"""

import os
import signal
import stat
import sys
from collections.abc import Callable
from pathlib import Path

from rdrop_cli.runs.find import list_run_folders
from rdrop_cli.runs.history import Epoch
from tests.standin import Silence, make_folder, run
from tests.torture.lost_writes import Journal

BEYOND_THE_LAST = 3  # exit status of a run that ended before its point came
UNSYNCED = 4  # exit status of a run that renamed a file whose bytes were not yet on the disk
WRITING = os.O_WRONLY | os.O_RDWR


class CrashingDisk:
    """Counts the points, and kills the process at one."""

    def __init__(self, point: int, tell: Callable[[str], None], power_fails: bool) -> None:
        self._left, self._tell, self._power_fails = point, tell, power_fails
        self._journal = Journal()
        self._synced: set[int] = set()

    def install(self) -> None:
        """Stand before the functions through which Python changes a disk; what opens a file is heard by the audit."""
        fsync, replace, unlink, mkdir = self._real = os.fsync, os.replace, os.unlink, os.mkdir

        def sync_or_die(descriptor: int) -> None:
            status = os.fstat(descriptor)
            path = Path(f"/proc/self/fd/{descriptor}").readlink()
            if stat.S_ISDIR(status.st_mode):
                self._pass("sync the folder", path)
            else:
                self._pass("write the second half of", path, lambda: os.truncate(path, status.st_size // 2))
                self._pass("sync", path, lambda: os.truncate(path, 0))  # what was not synced may be lost
            fsync(descriptor)
            self._synced.add(status.st_ino)
            self._journal.note_sync(path)

        def replace_or_die(source: Path, target: Path) -> None:
            self._pass("rename to", target)
            if source.stat().st_ino not in self._synced:
                os._exit(UNSYNCED)
            self._journal.note_rename(source, target)
            replace(source, target)

        def unlink_or_die(path: Path) -> None:
            if os.path.lexists(path):
                self._pass("remove", path)
                self._journal.note_removal(path)
            unlink(path)

        def mkdir_or_die(path: Path, mode: int = 0o777) -> None:
            self._pass("make the folder", path)
            mkdir(path, mode)
            self._journal.note_folder(path)

        os.fsync, os.replace, os.unlink, os.mkdir = sync_or_die, replace_or_die, unlink_or_die, mkdir_or_die
        sys.addaudithook(self._hear)

    def _hear(self, event: str, arguments: tuple) -> None:
        if event == "open" and isinstance(arguments[2], int) and arguments[2] & WRITING:
            self._pass("open", arguments[0])
            self._journal.note_writing(Path(os.fsdecode(arguments[0])))

    def _pass(self, what: str, path: object, damage: Callable[[], None] = lambda: None) -> None:
        self._left -= 1
        if self._left == 0:
            os.fsync, os.replace, os.unlink, os.mkdir = self._real
            (self._journal.lose if self._power_fails else damage)()
            self._tell(f"{what} {Path(os.fsdecode(path)).name}")
            os.kill(os.getpid(), signal.SIGKILL)


class Counter(Silence):
    """Keeps how many epochs were told to be done: these must never be lost."""

    def __init__(self) -> None:
        super().__init__()
        self.epochs = 0

    def epoch(self, epoch: Epoch) -> None:
        self.epochs = epoch.epoch


def die_at(point: int, runs_dir: Path, epochs: int, power_fails: bool) -> None:
    """Begin a run, or go on with the one that is there, and die at a point; return when it has ended before."""
    reporter = Counter()

    def tell(what: str) -> None:
        os.write(1, f"{point} {reporter.epochs} {what}\n".encode())

    begun = list_run_folders(runs_dir)
    CrashingDisk(point, tell, power_fails).install()
    folder = begun[0] if begun else make_folder(runs_dir, epochs)
    with folder.lock():
        run(folder, reporter=reporter)


def draw_nothing(metrics: object, path: Path) -> None:
    """Write a picture's file without the half second that drawing takes."""
    from rdrop_cli.files import write_text

    write_text(path, "a picture")


def main() -> None:
    runs_dir, (first, last, epochs), (picture, end) = Path(sys.argv[1]), map(int, sys.argv[2:5]), sys.argv[5:]
    import filelock  # noqa: F401 -- before the fork

    import rdrop_cli.plots.loss

    if picture == "made":
        rdrop_cli.plots.loss.draw_run = draw_nothing
    else:
        import matplotlib.pyplot  # noqa: F401
    for point in range(first, last + 1):
        child = os.fork()
        if not child:
            die_at(point, runs_dir / str(point), epochs, end == "power")
            os._exit(BEYOND_THE_LAST)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if code != -signal.SIGKILL:
            sys.exit(code)


if __name__ == "__main__":
    main()
