"""What all pictures share."""

import os
import subprocess
import sys
from itertools import combinations
from pathlib import Path

import matplotlib.figure
import numpy as np
import pytest
from matplotlib.colors import to_rgb

from rdrop_cli.errors import UsageError
from rdrop_cli.plots import style
from rdrop_cli.plots.style import NAIVE_COLOUR, check_ending, colour_of, draw_figure, make_readable
from rdrop_cli.study.editions import EDITIONS
from rdrop_cli.study.variants import STUDY, VARIANTS

BEGINNINGS = {".png": b"\x89PNG\r\n\x1a\n", ".svg": b"<?xml", ".pdf": b"%PDF-"}


def draw(path: Path) -> None:
    with draw_figure(path, figsize=(3, 2)) as (_, axes):
        axes.plot([1, 2, 3], [3, 1, 2])
        axes.set_title("three readings")


def test_the_studys_colours_are_the_same_in_every_picture() -> None:
    assert colour_of("baseline") == "#D55E00"
    assert colour_of("dropout") == "#0072B2"


def test_what_is_compared_in_the_study_is_told_apart() -> None:
    colours = {colour_of(variant) for variant in STUDY} | {NAIVE_COLOUR, colour_of("from a later version")}
    assert len(colours) == len(STUDY) + 2


DRAW = """
import sys
from pathlib import Path
from rdrop_cli.system import ignore_foreign_settings
ignore_foreign_settings()
{first}
from rdrop_cli.plots.style import draw_figure
with draw_figure(Path("drawn.svg")) as (figure, axes):
    axes.plot([1, 2])
"""


@pytest.mark.parametrize(
    "first", ["", pytest.param("import rdrop_cli.nn", id="after Keras", marks=pytest.mark.thorough)]
)
def test_no_matplotlibrc_of_the_users_is_read(tmp_path: Path, first: str) -> None:
    for folder in (tmp_path, tmp_path / "here", tmp_path / "config" / "matplotlib"):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "matplotlibrc").write_bytes(b"nonsense: \xff\n")
    environment = os.environ | {
        "MATPLOTLIBRC": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path / "config"), "MPLCONFIGDIR": str(tmp_path),
    }  # fmt: skip
    command = [sys.executable, "-c", DRAW.format(first=first)]
    for here in (tmp_path / "here", tmp_path / "config"):
        ended = subprocess.run(command, cwd=here, env=environment, capture_output=True, text=True, check=False)
        assert (ended.returncode, ended.stderr) == (0, "")
        assert (here / "drawn.svg").is_file()


def see(colour: str, cone_loss: object) -> np.ndarray:
    """Return a colour's CIELAB coordinates, for an eye that lacks a kind of cone (Machado et al. 2009)."""
    parts = np.array(to_rgb(colour))
    light = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    seen = np.clip(np.array(cone_loss) @ light, 0, 1)
    xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]) @ seen
    x, y, z = np.cbrt(xyz / np.array([0.9505, 1.0, 1.089]))
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize(
    ("cone_loss", "least"),
    [
        (np.eye(3), 20),
        ([[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]], 10),
        ([[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]], 10),
    ],
    ids=["all cones", "no medium", "no long"],
)
@pytest.mark.parametrize("edition", ["book", "book2"])
def test_every_variant_has_a_colour_that_is_told_from_all_others_of_its_edition(
    cone_loss: object, least: float, edition: str
) -> None:
    later = set(VARIANTS) & set(EDITIONS["book2"].networks) - set(EDITIONS["book"].networks)
    variants = set(VARIANTS) - later if edition == "book" else EDITIONS[edition].networks
    colours = [colour_of(variant) for variant in variants] + [NAIVE_COLOUR, colour_of("from a later version")]
    seen = [see(colour, cone_loss) for colour in colours]
    assert min(np.linalg.norm(one - other) for one, other in combinations(seen, 2)) > least


def test_text_in_the_colour_of_any_variant_can_be_read_on_white() -> None:
    for colour in {colour_of(variant) for variant in VARIANTS}:
        parts = np.array(to_rgb(make_readable(colour)))
        light = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
        assert 1.05 / (light @ [0.2126, 0.7152, 0.0722] + 0.05) >= 4.5
    assert make_readable("#0072B2") == "#0072B2"


@pytest.mark.parametrize("name", ["a.png", "a.svg", "a.pdf", "a.PNG", "b.x.SVG"])
def test_three_endings_are_drawn_in_any_case(name: str) -> None:
    check_ending(Path(name))


@pytest.mark.parametrize("name", ["a.jpg", "a", "png", "a.png.gz", ".svg", "a."])
def test_any_other_ending_is_refused_with_those_that_can_be_drawn(name: str) -> None:
    with pytest.raises(UsageError, match=r"expected a name ending in .png, .svg, .pdf, received '"):
        check_ending(Path(name))


@pytest.mark.parametrize("ending", [*BEGINNINGS, ".PNG", ".SVG", ".PDF"])
def test_the_ending_chooses_the_format(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"picture{ending}"
    draw(path)
    assert path.read_bytes().startswith(BEGINNINGS[ending.lower()])
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("ending", [".svg", ".SVG", ".png"])
def test_the_same_picture_has_the_same_bytes(tmp_path: Path, ending: str) -> None:
    draw(tmp_path / f"one{ending}")
    draw(tmp_path / f"two{ending}")
    assert (tmp_path / f"one{ending}").read_bytes() == (tmp_path / f"two{ending}").read_bytes()


def test_a_drawing_that_fails_leaves_the_old_picture(tmp_path: Path) -> None:
    path = tmp_path / "picture.png"
    path.write_bytes(b"old")
    with pytest.raises(ZeroDivisionError), draw_figure(path):
        raise ZeroDivisionError
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_the_users_style_changes_no_picture(tmp_path: Path) -> None:
    draw(tmp_path / "plain.svg")
    with matplotlib.rc_context({"font.size": 30, "axes.facecolor": "black", "lines.linewidth": 9}):
        draw(tmp_path / "styled.svg")
    assert (tmp_path / "styled.svg").read_bytes() == (tmp_path / "plain.svg").read_bytes()


def test_characters_without_a_font_are_named_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(style, "FALLBACK_FONTS", ())
    with draw_figure(tmp_path / "picture.png") as (_, axes):
        axes.set_title("温度")
        axes.set_xlabel("温")
    assert [record.getMessage() for record in caplog.records] == [
        f"{tmp_path / 'picture.png'}: no installed font has 度温; install one that does, such as Noto Sans CJK"
    ]


def test_a_picture_that_cannot_be_written_is_told_by_its_name(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nowhere"):
        draw(tmp_path / "nowhere" / "picture.png")


def test_drawing_leaves_other_peoples_settings_alone(tmp_path: Path) -> None:
    before = dict(matplotlib.rcParams)
    draw(tmp_path / "picture.svg")
    assert dict(matplotlib.rcParams) == before
