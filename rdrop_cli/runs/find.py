"""Find runs: all of a folder, the one that a user names, or those with a property."""

import os
import re
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from rdrop_cli.errors import RdropError, ValueRefusedError
from rdrop_cli.runs.document import Metrics, Summary
from rdrop_cli.runs.folder import RunFolder, is_runs_folder
from rdrop_cli.study.methods import CELLS
from rdrop_cli.study.variants import find_variant

SAFE_ID = re.compile(r"[A-Za-z0-9._-]+")  # every id that rdrop makes; a shell may evaluate what it completes
STATUSES = ("completed", "running", "interrupted", "failed")


@dataclass(frozen=True)
class Filter:
    """Which runs are wanted, by what stands in their metrics; an empty field asks for nothing.

    A name may have the wildcards `*` and `?`; of several values of one field a run needs one.

    Raises:
        UsageError: no run can have such a value, which is most likely a slip of the keyboard.
    """

    variants: tuple[str, ...] = ()
    cells: tuple[str, ...] = ()
    statuses: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in self.variants:
            find_variant(name)
        for option, values, known in (("cell", self.cells, CELLS), ("status", self.statuses, STATUSES)):
            for value in values:
                if value not in known:
                    raise ValueRefusedError(option, value, f"one of {', '.join(known)}")

    def asks(self) -> bool:
        """Whether any run may be skipped."""
        return bool(self.variants or self.cells or self.statuses or self.names or self.tags)

    def keeps(self, metrics: Metrics | Summary) -> bool:
        """Whether a run is wanted."""
        wanted_and_found = (
            (self.variants, metrics.variant),
            (self.cells, metrics.cell),
            (self.statuses, metrics.status),
        )
        return (
            all(found in wanted for wanted, found in wanted_and_found if wanted)
            and (not self.names or any(fnmatchcase(metrics.name, name) for name in self.names))
            and (not self.tags or not set(self.tags).isdisjoint(metrics.tags))
        )


def list_run_folders(runs_dir: Path) -> list[RunFolder]:
    """Return the folders in `runs_dir` that hold a run's config, by name; none where there is no such folder.

    A hidden folder is no run: it holds what remains of a run that is being removed. A folder that this user may not
    enter counts as a run, whose reading then says so; `lost+found` belongs to the file system.

    Raises:
        RdropError: `runs_dir` is no folder.
    """
    if not is_runs_folder(runs_dir):
        return []
    with os.scandir(runs_dir) as entries:
        names = sorted(entry.name for entry in entries if _may_hold_a_run(entry))
    beginning = str(runs_dir / "_")[:-1]
    return [RunFolder(beginning + name) for name in names]


def _may_hold_a_run(entry: "os.DirEntry[str]") -> bool:
    if entry.name.startswith(".") or entry.name == "lost+found":
        return False
    try:
        return stat.S_ISREG(os.stat(f"{entry.path}/config.json").st_mode)  # noqa: PTH116 -- of a hundred thousand
    except PermissionError:
        return True
    except (OSError, ValueError):
        return False


def find_run(name: str, runs_dir: Path) -> RunFolder:
    """Return the run that a user means: its folder, its id, or an unambiguous beginning of its id.

    Raises:
        RdropError: there is none, or several begin so.
    """
    if named := _find_whole(name, runs_dir):
        return named
    matches = _find_beginning(name, runs_dir)
    if not matches:
        raise RdropError(f"no run {name!r} in {runs_dir}; `rdrop runs` lists them")
    if len(matches) > 1:
        raise RdropError(f"{name!r} begins {len(matches)} runs in {runs_dir}: {_name(matches)}; type more of the id")
    return matches[0]


def find_runs(names: Sequence[str], runs_dir: Path) -> list[RunFolder]:
    """Return the runs that are named, each once in that order, or all of a folder.

    Raises:
        RdropError: as `find_run`.
    """
    return list(dict.fromkeys(find_run(name, runs_dir) for name in names)) if names else list_run_folders(runs_dir)


def find_named_run(name: str, runs_dir: Path) -> RunFolder:
    """Return the run of this folder or whole id: what cannot be undone takes no beginning of an id.

    In a script, `dropout-s1` would begin another run once the one that was meant is gone.

    Raises:
        RdropError: there is none.
    """
    if named := _find_whole(name, runs_dir):
        return named
    matches = _find_beginning(name, runs_dir)
    hint = f"write the whole id of {_name(matches)}" if matches else "`rdrop runs` lists them"
    raise RdropError(f"no run {name!r} in {runs_dir}; {hint}")


def _find_whole(name: str, runs_dir: Path) -> RunFolder | None:
    """Return the run of a folder or an id, without a list of all others unless there is no such file."""
    if name and (Path(name) / "config.json").is_file():
        return RunFolder(Path(name).resolve())
    config = runs_dir / name / "config.json"
    if SAFE_ID.fullmatch(name) and not name.startswith(".") and os.path.isfile(config):  # noqa: PTH113 -- or not entered
        return RunFolder(runs_dir / name)
    return next((folder for folder in list_run_folders(runs_dir) if folder.run_id == name), None)


def _find_beginning(name: str, runs_dir: Path) -> list[RunFolder]:
    """Return the runs whose ids begin so; an empty name, as of a variable that is not set, begins none."""
    return [folder for folder in list_run_folders(runs_dir) if name and folder.run_id.startswith(name)]


def _name(folders: list[RunFolder]) -> str:
    return ", ".join(folder.run_id for folder in folders[:4]) + (", …" if len(folders) > 4 else "")
