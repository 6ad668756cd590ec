"""Draw the cells of all variants, docs/anatomy.png for the GRU and docs/anatomy-lstm.png: `make anatomy`.

A picture of few colours needs few bytes: it keeps those that it has most of, and is a third as large.
"""

import subprocess
import sys
from pathlib import Path

from PIL import Image

DOCS = Path(__file__).parent
PICTURES = {"gru": DOCS / "anatomy.png", "lstm": DOCS / "anatomy-lstm.png"}
COLOURS = 256


def main() -> None:
    """Draw both."""
    for cell, path in PICTURES.items():
        command = [sys.executable, "-m", "rdrop_cli", "anatomy", "--cell", cell, "--output", str(path)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        with Image.open(path) as picture:
            few = picture.convert("RGB").quantize(COLOURS, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
        few.save(path, optimize=True)


if __name__ == "__main__":
    main()
