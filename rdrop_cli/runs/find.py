"""Find runs: all runs of a folder, the run that a user names, or runs with a property."""

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

SAFE_ID = re.compile(r"[A-Za-z0-9._-]+")  # matches every id that rdrop makes; shells may evaluate completions
STATUSES = ("completed", "running", "interrupted", "failed")


@dataclass(frozen=True)
class Filter:
    """Which runs are wanted, by the contents of their metrics; an empty field accepts every run.

    A name may contain the wildcards `*` and `?`. If a field has several values, a run must match one of them.

    Raises:
        UsageError: no run can have such a value; it is most likely a typing error.
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
    """Return the folders in `runs_dir` that contain a run's config, sorted by name; none if `runs_dir` does not exist.

    Hidden folders are skipped: they hold the remains of runs that are being removed. A folder that this user may not
    enter counts as a run; reading it then reports the error. `lost+found` belongs to the file system.

    Raises:
        RdropError: `runs_dir` is not a folder.
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
    """Return the run with this folder, this id, or an id that begins with `name`.

    Raises:
        RdropError: no run matches, or the ids of several runs begin with `name`.
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
    """Return the named runs in that order, without duplicates, or all runs of the folder if there are no names.

    Raises:
        RdropError: as for `find_run`.
    """
    return list(dict.fromkeys(find_run(name, runs_dir) for name in names)) if names else list_run_folders(runs_dir)


def find_named_run(name: str, runs_dir: Path) -> RunFolder:
    """Return the run with this folder or complete id: actions that cannot be undone do not accept part of an id.

    In a script, `dropout-s1` could match another run once the intended run is gone.

    Raises:
        RdropError: no run matches.
    """
    if named := _find_whole(name, runs_dir):
        return named
    matches = _find_beginning(name, runs_dir)
    hint = f"write the whole id of {_name(matches)}" if matches else "`rdrop runs` lists them"
    raise RdropError(f"no run {name!r} in {runs_dir}; {hint}")


def _find_whole(name: str, runs_dir: Path) -> RunFolder | None:
    """Return the run with this folder or id, or None; list all runs only if no such file exists."""
    if name and (Path(name) / "config.json").is_file():
        return RunFolder(Path(name).resolve())
    config = runs_dir / name / "config.json"
    if SAFE_ID.fullmatch(name) and not name.startswith(".") and os.path.isfile(config):  # noqa: PTH113 -- or not entered
        return RunFolder(runs_dir / name)
    return next((folder for folder in list_run_folders(runs_dir) if folder.run_id == name), None)


def _find_beginning(name: str, runs_dir: Path) -> list[RunFolder]:
    """Return the runs whose ids begin with `name`; an empty name (an unset shell variable, say) matches none."""
    return [folder for folder in list_run_folders(runs_dir) if name and folder.run_id.startswith(name)]


def _name(folders: list[RunFolder]) -> str:
    return ", ".join(folder.run_id for folder in folders[:4]) + (", …" if len(folders) > 4 else "")
