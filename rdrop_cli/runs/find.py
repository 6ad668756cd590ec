"""Find runs: all of a folder, or the one that a user names."""

from pathlib import Path

from rdrop_cli.errors import RdropError
from rdrop_cli.runs.folder import RunFolder


def list_run_folders(runs_dir: Path) -> list[RunFolder]:
    """Return the folders in `runs_dir` that hold a run's config, by name; none where there is no such folder."""
    if not runs_dir.is_dir():
        return []
    return [RunFolder(path) for path in sorted(runs_dir.iterdir()) if (path / "config.json").is_file()]


def find_run(name: str, runs_dir: Path) -> RunFolder:
    """Return the run that a user means: its folder, its id, or an unambiguous beginning of its id.

    Raises:
        RdropError: there is none, or several begin so.
    """
    if (Path(name) / "config.json").is_file():
        return RunFolder(Path(name).resolve())
    folders = list_run_folders(runs_dir)
    matches = [folder for folder in folders if folder.run_id == name] or [
        folder for folder in folders if folder.run_id.startswith(name)
    ]
    if not matches:
        raise RdropError(f"no run {name!r} in {runs_dir}; `rdrop runs` lists them")
    if len(matches) > 1:
        ids = ", ".join(folder.run_id for folder in matches[:4]) + (", …" if len(matches) > 4 else "")
        raise RdropError(f"{name!r} begins {len(matches)} runs in {runs_dir}: {ids}; write more of the id")
    return matches[0]
