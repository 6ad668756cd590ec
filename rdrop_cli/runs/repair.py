"""Prepare a run so that its derived files can be made again."""

from rdrop_cli.errors import DataError, RdropError
from rdrop_cli.runs.checkpoint import list_checkpoints, name_checkpoint, read_checkpoint
from rdrop_cli.runs.folder import RunFolder
from rdrop_cli.runs.history import History
from rdrop_cli.runs.record import RECORD


def prepare_repair(folder: RunFolder) -> None:
    """Remove damaged checkpoints, so only intact ones are used.

    Raises:
        DataError: the configuration cannot be read; nothing can restore it.
        RdropError: no checkpoint is intact, or training has not ended.
    """
    config = folder.read_config()
    newest, damaged = None, []
    for path in list_checkpoints(folder.checkpoints_path):
        try:
            checkpoint = read_checkpoint(path)
        except Exception:  # as in `load_checkpoint`: the file is untrusted
            damaged.append(path)
        else:
            newest = newest or checkpoint
    if newest is None:
        raise RdropError(f"{folder.run_id}: no checkpoint is whole, so nothing can be made again; train the run anew")
    history = History(newest.history.epochs, config.protocol.best_by)
    last = folder.checkpoints_path / name_checkpoint(config.epochs)  # it may be damaged
    if not (last.exists() or history.has_ended(config.epochs, config.protocol.patience) or _was_complete(folder)):
        raise RdropError(f"{folder.run_id}: is not complete; resume it, which makes all its files again")
    with folder.lock():
        for path in damaged:
            path.unlink()


def _was_complete(folder: RunFolder) -> bool:
    """Whether a run was complete: it has a record or says so; its newest checkpoints may be lost since."""
    if (folder.path / RECORD).exists():
        return True
    try:
        return folder.read_metrics().status == "completed"
    except DataError:
        return False
