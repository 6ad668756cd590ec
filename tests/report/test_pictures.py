"""The pictures of a verdict: everything lies within them, and nothing is explained that is not drawn."""

from collections.abc import Callable
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.text import Text

from rdrop_cli.analysis.intervals import Interval
from rdrop_cli.analysis.judged import StudyVerdict, find_claim
from rdrop_cli.analysis.looks import judge_runs
from rdrop_cli.plots.style import colour_of
from rdrop_cli.report.pictures import NARROW, WIDE, draw_curves, draw_forest, draw_pairs, draw_shares
from rdrop_cli.report.text import draw_bar, find_axis, wrap
from tests.analysis.made_runs import save_made_run
from tests.plots.pictures import read_texts

WIDTHS = pytest.mark.parametrize("width", [WIDE, NARROW], ids=["wide", "narrow"])


@pytest.fixture
def mild(tmp_path: Path) -> StudyVerdict:
    """A study whose baseline overfits by far less than the published one."""
    for seed in range(3):
        noise = np.random.default_rng(seed).normal(0, 0.0005, 40)
        save_made_run(
            tmp_path, f"b{seed}", "baseline", seed, list(0.262 + noise[:20]), list(np.linspace(0.25, 0.2, 20))
        )
        save_made_run(tmp_path, f"d{seed}", "dropout", seed, list(0.261 + noise), list(np.linspace(0.25, 0.2, 40)))
    return judge_runs([], tmp_path)


def check_within(axes: list[Axes]) -> None:
    """Check that all texts and legends lie within the picture, from left to right."""
    figure = axes[0].figure
    figure.draw_without_rendering()  # at its own resolution, which is not the file's
    texts = [text for each in axes for text in (*each.texts, *each.get_yticklabels(), each.xaxis.label)]
    for artist in (*filter(Text.get_text, texts), *figure.legends):
        box = artist.get_window_extent()
        assert box.x0 >= 0, artist
        assert box.x1 <= figure.bbox.x1, artist


@WIDTHS
def test_a_published_number_far_from_the_answers_lies_within_the_picture(
    mild: StudyVerdict, tmp_path: Path, drawn: list[Axes], width: float
) -> None:
    draw_forest(mild, tmp_path / "claims.png", width, title="Forecasting temperature: synthetic data, demo protocol")
    check_within(drawn)
    assert drawn[0].figure.get_suptitle().startswith("Forecasting temperature: synthetic data,")
    for axes in drawn:
        low, high = axes.get_xlim()
        rings = [line.get_xdata()[0] for line in axes.lines if line.get_marker() == "D"]
        assert rings
        assert low < min(rings) <= max(rings) < high


def test_the_bar_of_the_text_has_a_published_number_where_it_is(mild: StudyVerdict) -> None:
    verdict = find_claim(mild.claims, "resists-over-training")
    low, high = find_axis(verdict, mild.claims)
    assert verdict.published is not None
    bar = draw_bar(verdict, low, high)[1:-1]
    assert bar.index("○") == round((verdict.published - low) / (high - low) * (len(bar) - 1)) > 0


@pytest.mark.parametrize("published", [None, -0.01])
@pytest.mark.parametrize("interval", [None, Interval(-0.02, 0.01)])
def test_the_legend_of_the_claims_explains_what_is_drawn_and_no_more(
    mild: StudyVerdict, tmp_path: Path, published: float | None, interval: Interval | None
) -> None:
    claims = [
        replace(each, published=published, answer=replace(each.answer, interval=interval)) for each in mild.claims
    ]
    draw_forest(replace(mild, claims=claims), tmp_path / "claims.svg")
    explained = {"published, one run", "simultaneous interval"} & set(read_texts(tmp_path / "claims.svg"))
    assert explained == {
        *(["published, one run"] if published else []),
        *(["simultaneous interval"] if interval else []),
    }


@pytest.mark.parametrize("draw", [draw_curves, draw_shares])
def test_networks_of_one_variant_are_told_apart_in_colour_and_in_grey(
    tmp_path: Path, drawn: list[Axes], draw: Callable[[StudyVerdict, Path], None]
) -> None:
    for number, rates in enumerate(product((0.0, 0.2, 0.5), (0.0, 0.2))):
        save_made_run(tmp_path, f"d{number}", "dropout", 0, [0.26 + 0.003 * number] * 40, rates=rates)
    draw(judge_runs([], tmp_path), tmp_path / "picture.svg")
    lines = [line for line in drawn[0].lines if line.get_label().startswith("dropout")]
    assert len(lines) == 6
    assert len({line.get_color() for line in lines}) == 6
    assert len({line.get_marker() for line in lines}) == 6
    assert lines[0].get_color() == colour_of("dropout")


@WIDTHS
@pytest.mark.parametrize("draw", [draw_curves, draw_shares])
def test_a_long_name_of_ones_own_network_is_within_the_picture(
    tmp_path: Path, drawn: list[Axes], draw: Callable[[StudyVerdict, Path, float], None], width: float
) -> None:
    name = "my_long_module_name_for_the_thesis:make_a_network_with_50_units"
    save_made_run(tmp_path, "b0", document={"variant": name})
    save_made_run(tmp_path, "d0", "dropout", document={"variant": "semeniuta-sequence"})
    save_made_run(tmp_path, "g0", "gal")
    draw(judge_runs([], tmp_path), tmp_path / "picture.png", width)
    check_within(drawn)
    (legend,) = drawn[0].figure.legends
    assert any("".join(text.get_text().split("\n")).startswith(name) for text in legend.get_texts())


@WIDTHS
def test_the_name_of_the_naive_forecast_covers_no_curve(tmp_path: Path, drawn: list[Axes], width: float) -> None:
    for variant in ("baseline", "dropout"):
        save_made_run(tmp_path, variant, variant)
    judged = judge_runs([], tmp_path)
    for draw in (draw_pairs, draw_curves, draw_shares):
        draw(judged, tmp_path / "picture.png", width)
        assert "naive forecast" in [text.get_text() for text in drawn[-1].figure.legends[0].get_texts()]
    assert not [text for axes in drawn for text in axes.texts]


def test_a_curve_of_one_seed_is_called_so(tmp_path: Path) -> None:
    save_made_run(tmp_path, "b0")
    for seed in range(2):
        save_made_run(tmp_path, f"d{seed}", "dropout", seed)
    draw_curves(judge_runs([], tmp_path), tmp_path / "curves.svg")
    assert {"baseline, one seed", "dropout 0.2/0.2, 2 seeds"} <= set(read_texts(tmp_path / "curves.svg"))


def test_the_legend_of_the_curves_explains_the_published_ones_once(tmp_path: Path) -> None:
    own, theirs = tmp_path / "own", tmp_path / "theirs"
    for folder, rates in ((own, (0.5, 0.5)), (theirs, (0.2, 0.2))):
        save_made_run(folder, "d0", "dropout", rates=rates)
    save_made_run(theirs, "b0")
    draw_curves(judge_runs([], theirs), tmp_path / "curves.svg")
    assert read_texts(tmp_path / "curves.svg").count("published, one run") == 1
    draw_curves(judge_runs([], own), tmp_path / "curves.svg")
    assert "published, one run" not in read_texts(tmp_path / "curves.svg")


@pytest.mark.parametrize("unit", ["%", "°C"])
def test_a_number_of_the_text_stays_with_its_unit(unit):
    lines = [line for length in range(40, 80) for line in wrap(f"{'x' * length} 0.16 {unit} and more words after it")]
    assert not [line for line in lines if line.startswith(unit) or line.endswith(" 0.16")]
    assert any(line == f"0.16 {unit} and more words after it" for line in lines)  # one was moved to the next line
