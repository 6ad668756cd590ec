"""A run's folder as a table of files: read, sent between machines, checked, and written so that it can be resumed."""

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from rdrop_cli.errors import DataError
from rdrop_cli.files import is_plain_path, make_folder, replace_atomically, sync
from rdrop_cli.runs.checkpoint import list_checkpoints, remove_old_checkpoints
from rdrop_cli.runs.document import Metrics
from rdrop_cli.runs.folder import RunFolder
from rdrop_cli.runs.schema import read_metrics
from rdrop_cli.runs.verify import verify_run
from rdrop_cli.study.config import RunConfig
from rdrop_cli.study.own import read_local_module
from rdrop_cli.study.variants import find_variant

Files = dict[str, bytes]  # content by path in the folder, with slashes
MAX_BYTES = 1 << 30  # per folder; a run of the study has less than one million
MAX_DEPTH = 4
CONFIG, METRICS, HISTORY = "config.json", "metrics.json", "history.csv"


def read_files(folder: Path, pattern: str = "**/*") -> Files:
    """Read the regular files of a folder that match a pattern; skip hidden ones, such as locks.

    Raises:
        DataError: they have more than `MAX_BYTES` in total.
    """
    files: Files = {}
    left = MAX_BYTES
    for path in sorted(folder.glob(pattern)):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink() or not path.is_file() or not _is_kept(name):
            continue
        left -= path.stat().st_size
        if left < 0:
            raise DataError(f"{folder}: is larger than {MAX_BYTES} bytes, more than is sent between machines")
        files[name] = path.read_bytes()
    return files


def read_resume_files(folder: RunFolder) -> Files:
    """Read the files that are needed to resume a run; all others are made from them."""
    return read_files(folder.path, CONFIG) | read_files(folder.path, "checkpoints/epoch-*.ckpt")


def read_own_code(config: RunConfig) -> Files:
    """Read the module that makes a run's own network, if it is in the current folder."""
    maker = find_variant(config.variant).maker
    return read_local_module(maker) if maker else {}


def read_progress_files(folder: Path) -> Files:
    """Read the files to continue a running run: the newest checkpoint last, so it is never older than the others."""
    files = read_files(folder, METRICS) | read_files(folder, HISTORY)
    newest = list_checkpoints(folder / "checkpoints")[:1]
    return files | {f"checkpoints/{path.name}": path.read_bytes() for path in newest}


def check_run(files: Files, run_id: str, versions: Mapping[str, str]) -> Metrics:
    """Refuse files that no run of their configuration can have written: a worker may be faulty or malicious.

    Args:
        versions: versions that the run should have been trained with.

    Raises:
        DataError: a file is wrong; the message names the first.
        OSError: the files cannot be written for the check.
    """
    with TemporaryDirectory(prefix="rdrop-check-") as scratch:
        folder = RunFolder(Path(scratch) / run_id)
        write_files(files, folder.path)
        found = verify_run(folder)
        if found.faults:
            raise DataError(str(found.faults[0]))
        metrics = read_metrics(folder.metrics_path)
    made_with = metrics.environment.known()
    if different := [name for name in versions if name in made_with and made_with[name] != versions[name]]:
        name = different[0]
        raise DataError(f"{METRICS}: was made with {name} {made_with[name]}, not {versions[name]}")
    if metrics.run_id != folder.written_id:
        raise DataError(f"{METRICS}: is that of {metrics.run_id}")
    return metrics


def check_files(files: Files) -> None:
    """Refuse files that could lie outside their folder, or that are larger in total than a run can be.

    Raises:
        DataError: a name is refused (the message quotes it), or the files are too large.
    """
    for name in files:
        if not isinstance(files[name], bytes) or not _is_kept(name):
            raise DataError(f"a file of the run is named {name!r:.80}; only plain names within its folder are written")
    size = sum(len(content) for content in files.values())
    if size > MAX_BYTES:
        raise DataError(f"the run's files have {size} bytes; at most {MAX_BYTES} are written")


def _is_kept(name: str) -> bool:
    return is_plain_path(name) and name.count("/") < MAX_DEPTH


def write_files(files: Files, folder: Path) -> None:
    """Write files into a folder, each completely or not at all.

    Raises:
        DataError: the files are refused; nothing has been written.
        OSError: a file cannot be written.
    """
    check_files(files)
    for name in sorted(files, key=_rank):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with replace_atomically(path) as temporary:
            temporary.write_bytes(files[name])


def _rank(name: str) -> int:
    """Return a file's rank in the order in which a run is written, so the run can be resumed after each file."""
    if name == CONFIG:
        return 0
    if name.startswith("checkpoints/"):
        return 1
    return 3 if name == METRICS else 2


def publish_run(files: Files, folder: RunFolder) -> None:
    """Write a run that was trained elsewhere into its folder, which the caller has created and locked.

    The configuration is written first, and only once; then the authoritative checkpoints, then the files made from
    them, and last the metrics, which mark the run as complete. A kill at any moment leaves a run that can be resumed.

    Raises:
        DataError: the files are refused; nothing has been written.
        OSError: a file cannot be written.
    """
    if folder.config_path.exists():
        files = {name: content for name, content in files.items() if name != CONFIG}
    write_files(files, folder.path)
    remove_old_checkpoints(folder.checkpoints_path)


def make_run_folder(path: Path) -> RunFolder:
    """Create the folder of a run that was trained elsewhere.

    Raises:
        FileExistsError: a folder of that name exists.
    """
    make_folder(path.parent)
    path.mkdir()
    sync(path.parent)
    return RunFolder(path)
