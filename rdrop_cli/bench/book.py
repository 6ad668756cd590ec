"""The book's complete study in one process, as in its notebook: one network after the other."""

import json
import sys
from pathlib import Path


def main() -> None:
    """Read configurations and the data folder from stdin; write the networks to the current folder."""
    import rdrop_cli.nn  # noqa: F401 -- mutes TensorFlow, which the next line imports
    from rdrop_cli.bench.implementations import Book
    from rdrop_cli.runs.schema import parse_config
    from rdrop_cli.series.load import load_dataset
    from rdrop_cli.series.windows import make_windows

    order = json.load(sys.stdin)
    for value in order["configs"]:
        config = parse_config(value)
        windows = make_windows(load_dataset(config.dataset, Path(order["data_dir"])), config.protocol)
        Book(config, windows).complete(config, Path(f"{config.variant}.keras"))


if __name__ == "__main__":
    main()
