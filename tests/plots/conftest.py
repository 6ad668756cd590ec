"""The figures that a test drew, kept to be looked at."""

import matplotlib
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

matplotlib.use("agg")

from matplotlib import pyplot


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Axes]:
    """The axes of the figures that were drawn, which are let go after the test only."""
    axes: list[Axes] = []
    close = pyplot.close

    def keep(figure: Figure) -> None:
        axes.extend(figure.axes)
        close(figure)

    monkeypatch.setattr(pyplot, "close", keep)
    return axes
