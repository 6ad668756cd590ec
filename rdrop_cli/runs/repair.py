"""Prepare a run for having what is derived of it made again."""

from rdrop_cli.errors import RdropError
from rdrop_cli.runs.checkpoint import list_checkpoints, read_checkpoint
from rdrop_cli.runs.folder import RunFolder


def prepare_repair(folder: RunFolder) -> None:
    """Remove the checkpoints that are damaged, so that those that are whole alone decide.

    Raises:
        DataError: the configuration cannot be read, which nothing can make again.
        RdropError: no checkpoint is whole, or training has not come to its end.
    """
    config = folder.read_config()
    epochs, damaged = 0, []
    for path in list_checkpoints(folder.checkpoints_path):
        try:
            epochs = max(epochs, len(read_checkpoint(path).history.epochs))
        except Exception:  # as `load_checkpoint`: it may come from a stranger
            damaged.append(path)
    if not epochs:
        raise RdropError(f"{folder.run_id}: no checkpoint is whole, so nothing can be made again; train the run anew")
    if epochs < config.epochs - len(damaged) and not config.protocol.patience:
        raise RdropError(f"{folder.run_id}: is not complete; resume it, which makes all its files again")
    with folder.lock():
        for path in damaged:
            path.unlink()
