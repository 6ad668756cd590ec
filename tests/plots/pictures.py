"""What is written in a picture."""

from pathlib import Path
from xml.etree import ElementTree


def read_texts(path: Path) -> list[str]:
    """Return the texts of an SVG file in their order."""
    elements = ElementTree.parse(path).iter("{http://www.w3.org/2000/svg}text")
    return ["".join(element.itertext()).strip().replace("\u2009", " ") for element in elements]
