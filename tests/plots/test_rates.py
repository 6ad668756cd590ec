"""The heat map over both rates: its numbers are the means of the runs, and it says how sure they are."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from msgspec.structs import replace

from rdrop_cli.analysis.answers import Answer
from rdrop_cli.analysis.collect import Collection, build_curves
from rdrop_cli.analysis.network import read_network
from rdrop_cli.analysis.networks import ask_differences, build_rows
from rdrop_cli.analysis.rate_grid import RateGrid, list_left_out, list_rate_grids, require_rate_grids
from rdrop_cli.errors import RdropError
from rdrop_cli.plots.rates import MISSING_STYLE, describe_rates, draw_rates
from rdrop_cli.plots.style import read_on
from rdrop_cli.runs.document import Epochs, Metrics, Rates
from rdrop_cli.study.units import name_target

MakeMetrics = Callable[..., Metrics]
Runs = list[Metrics]
TARGET_STD = 8.0
RATES = (0.1, 0.2, 0.5)


def error_of(dropout: float, recurrent: float, seed: int = 0) -> float:
    """The level that is made for a pair: the lowest at 0.2/0.5."""
    return 0.25 + 0.1 * (dropout - 0.2) ** 2 + 0.02 * (0.5 - recurrent) + 0.001 * seed


@pytest.fixture
def make_run(make_metrics: MakeMetrics) -> Callable[..., Metrics]:
    """Make a run's metrics from its rates and the level of its five epochs."""

    def make(
        best: float, seed: int, rates: tuple[float, float] = (0.0, 0.0), variant: str = "dropout", **parts: Any
    ) -> Metrics:
        name = f"{variant}-{rates}-{seed}"
        metrics = make_metrics(name, variant=variant, seed=seed, val_loss=(best + 0.02, best, best, best, best))
        return replace(metrics, rates=Rates(dropout=rates[0], recurrent_dropout=rates[1]), **parts)

    return make


@pytest.fixture
def sweep(make_run: Callable[..., Metrics]) -> Runs:
    """Three by three pairs over three seeds; 0.5/0.1 was not trained, 0.5/0.5 with one seed; and a baseline."""
    runs = [make_run(0.262 + 0.001 * seed, seed, variant="baseline") for seed in range(3)]
    for dropout in RATES:
        for recurrent in RATES:
            seeds = {(0.5, 0.1): 0, (0.5, 0.5): 1}.get((dropout, recurrent), 3)
            runs += [make_run(error_of(dropout, recurrent, seed), seed, (dropout, recurrent)) for seed in range(seeds)]
    return runs


def lay_out(runs: Runs) -> list[RateGrid]:
    return list_rate_grids(judge(runs))


def judge(runs: Runs) -> list[Any]:
    networks: dict[Any, list[Any]] = {}
    for run in runs:
        networks.setdefault(read_network(run), []).append(build_curves(run))
    collection = Collection(networks=networks)
    answers = {network: Answer(asked.question) for network, asked in ask_differences(collection).items()}
    return build_rows(collection, answers)


def read_squares(axes: Axes) -> dict[tuple[float, float], list[str]]:
    """Return what is written in each square, by its rates."""
    rates = [[float(label.get_text()) for label in axis.get_ticklabels()] for axis in (axes.xaxis, axes.yaxis)]
    squares: dict[tuple[float, float], list[str]] = {}
    for text in axes.texts:
        x, y = text.xy
        squares.setdefault((rates[0][int(x)], rates[1][int(y)]), []).append(text.get_text())
    return squares


def read_text(path: Path) -> str:
    texts = ElementTree.parse(path).iter("{http://www.w3.org/2000/svg}text")
    return " ".join("".join(element.itertext()).strip() for element in texts).replace("\N{NO-BREAK SPACE}", " ")


@pytest.mark.parametrize(("in_unit", "scale"), [(True, TARGET_STD), (False, 1.0)], ids=["target", "standardised"])
def test_every_square_has_the_mean_over_its_seeds_and_their_number(
    sweep: Runs, tmp_path: Path, drawn: list[Axes], in_unit: bool, scale: float
) -> None:
    draw_rates(lay_out(sweep), sweep[0], tmp_path / "rates.svg", in_unit)
    squares = read_squares(drawn[0])
    assert len(squares) == 8
    for (dropout, recurrent), (number, seeds) in squares.items():
        several = (dropout, recurrent) != (0.5, 0.5)
        mean = scale * (error_of(dropout, recurrent) + (0.001 if several else 0.0))
        assert float(number) == pytest.approx(mean, abs=0.51 * 10.0 ** -len(number.partition(".")[2]))
        assert seeds == ("3 seeds" if several else "one seed")
    assert len({number for number, _ in squares.values()}) > 6  # digits enough to tell them apart


def test_what_was_not_trained_is_hatched_and_the_best_outlined(sweep: Runs, tmp_path: Path, drawn: list[Axes]) -> None:
    draw_rates(lay_out(sweep), sweep[0], tmp_path / "rates.svg", True)
    axes = drawn[0]
    (hatched,) = [patch for patch in axes.patches if patch.get_hatch() == MISSING_STYLE["hatch"]]
    assert hatched.get_xy() == (1.5, -0.5)
    outlines = [patch for patch in axes.patches if not patch.get_fill()]
    assert len(outlines) == 2  # dark on bright, to be seen on every colour
    assert all(patch.get_xy() == pytest.approx((0.54, 1.54)) for patch in outlines)


def test_the_title_of_a_long_name_lies_within_the_picture(
    make_run: Callable[..., Metrics], tmp_path: Path, drawn: list[Axes]
) -> None:
    name = "my_long_module_name_for_the_thesis:make_a_network_with_50_units"
    runs = [make_run(0.25, 0, rates, variant=name) for rates in ((0.1, 0.1), (0.1, 0.2), (0.2, 0.1), (0.2, 0.2))]
    draw_rates(lay_out(runs), runs[0], tmp_path / "rates.png", True)
    figure = drawn[0].figure
    figure.draw_without_rendering()  # at its own resolution, which is not the file's
    assert drawn[0]._left_title.get_window_extent().x1 <= figure.bbox.x1


def test_a_lower_error_is_brighter_and_what_is_written_on_it_can_be_read(
    sweep: Runs, tmp_path: Path, drawn: list[Axes]
) -> None:
    (grid,) = lay_out(sweep)
    draw_rates([grid], sweep[0], tmp_path / "rates.svg", True)
    squares = [patch for patch in drawn[0].patches if patch.get_fill() and not patch.get_hatch()]
    by_place = {tuple(np.round(np.add(patch.get_xy(), 0.5)).astype(int)): patch for patch in squares}
    seen = []
    for (dropout, recurrent), square in grid.squares.items():
        place = (grid.dropouts.index(dropout), grid.recurrent_dropouts.index(recurrent))
        colour = by_place[place].get_facecolor()
        seen.append((square.level, luminance(colour)))
        texts = [text for text in drawn[0].texts if text.xy == place]
        assert len(texts) == 2
        for text in texts:
            bright, dark = sorted((luminance(colour), luminance(to_rgb(text.get_color()))), reverse=True)
            assert (bright + 0.05) / (dark + 0.05) >= 4.5
    ordered = [light for _, light in sorted(seen)]
    assert ordered == sorted(ordered, reverse=True)


def luminance(colour: Any) -> float:
    """The relative luminance of WCAG 2."""
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour[:3])
    return float(0.2126 * red + 0.7152 * green + 0.0722 * blue)


def test_white_is_read_on_dark_and_black_on_bright() -> None:
    assert read_on((0.0, 0.0, 0.3, 1.0)) == "white"
    assert read_on((1.0, 1.0, 0.0, 1.0)) == "black"


def test_the_words_name_the_best_with_its_seeds_the_baseline_and_what_is_better(sweep: Runs, tmp_path: Path) -> None:
    grids = lay_out(sweep)
    draw_rates(grids, sweep[0], tmp_path / "rates.svg", True)
    text = read_text(tmp_path / "rates.svg")
    assert "Mean over seeds of the validation level (°C); lower is better. Hatched: not trained." in text
    assert "the best of 8 pairs, partly by chance: 0.2/0.5" in text
    assert "with 2.008 °C, 3 seeds." in text
    assert "Beside: baseline, 5 epochs: 2.104 °C, 3 seeds" in text
    assert "Forecasting temperature: made data, tiny protocol" in text
    assert "recurrent dropout" in text


def test_a_best_square_of_one_seed_has_no_interval(make_run: Callable[..., Metrics]) -> None:
    runs = [make_run(error_of(a, b), 0, (a, b)) for a in RATES for b in RATES]
    lines = describe_rates(lay_out(runs), runs[0], in_unit=False)
    assert lines[1].endswith("0.2/0.5 with 0.2500\N{NO-BREAK SPACE}standardised, one seed.")
    assert "[" not in " ".join(lines)
    assert "Hatched" not in lines[0]


def test_squares_with_another_input_mask_are_told(make_run: Callable[..., Metrics]) -> None:
    runs = [make_run(error_of(a, b), 0, (a, b)) for a in (0.1, 0.2) for b in (0.0, 0.5)]
    told = [line for line in describe_rates(lay_out(runs), runs[0], in_unit=False) if "input mask" in line]
    assert len(told) == 1


@pytest.mark.parametrize(("best", "marked"), [(0.257, True), (0.262, False)], ids=["among them", "worse than all"])
def test_a_baseline_among_the_squares_is_marked_on_the_colours(
    make_run: Callable[..., Metrics], tmp_path: Path, drawn: list[Axes], best: float, marked: bool
) -> None:
    runs = [make_run(best, 0, variant="baseline")]
    runs += [make_run(error_of(a, b), 0, (a, b)) for a in (0.1, 0.2) for b in (0.1, 0.5)]
    draw_rates(lay_out(runs), runs[0], tmp_path / "rates.svg", False)
    bar = drawn[-1]
    assert [text.get_text() for text in bar.texts] == (["baseline"] if marked else [])
    assert [line.get_ydata()[0] for line in bar.lines if line.get_linewidth() == 2] == ([best] if marked else [])


@pytest.mark.parametrize(
    ("target", "unit"), [("T (degC)", "°C"), ("load_MW", "MW"), ("price", "")], ids=["°C", "MW", "no unit"]
)
def test_errors_are_in_the_targets_own_unit(
    make_run: Callable[..., Metrics], tmp_path: Path, target: str, unit: str
) -> None:
    runs = [make_run(error_of(a, b), 0, (a, b)) for a in RATES for b in RATES]
    runs = [
        replace(
            run,
            protocol=dataclasses.replace(run.protocol, target=target),
            unit=name_target(target)[1],
            target_std=5120.0,
        )
        for run in runs
    ]
    draw_rates(lay_out(runs), runs[0], tmp_path / "rates.svg", True)
    text = read_text(tmp_path / "rates.svg")
    assert (f"mean validation level ({unit});" if unit else "mean validation level; lower") in text
    assert ("°C" in text) == (unit == "°C")
    assert "1280" in text  # whole numbers: more digits would say nothing
    assert "1280." not in text


def test_networks_are_panels_in_one_scale_the_one_with_most_pairs_first(
    make_run: Callable[..., Metrics], tmp_path: Path, drawn: list[Axes]
) -> None:
    runs = [make_run(error_of(a, b), 0, (a, b), cell="lstm") for a in RATES for b in RATES]
    runs += [make_run(error_of(a, b) + 0.1, 0, (a, b)) for a in (0.1, 0.2) for b in (0.1, 0.2)]
    runs += [make_run(error_of(a, 0.2), 0, (a, 0.2), variant="gal") for a in RATES]  # a row is no grid
    grids = lay_out(runs)
    assert [grid.network for grid in grids] == ["dropout-lstm", "dropout"]
    draw_rates(grids, runs[0], tmp_path / "rates.svg", True)
    assert [axes.get_title(loc="left") for axes in drawn] == ["dropout-lstm, 5 epochs", "dropout, 5 epochs", ""]
    faces = [{patch.get_facecolor() for patch in axes.patches if patch.get_fill()} for axes in drawn[:2]]
    assert not faces[0] & faces[1]


def test_squares_of_one_panel_can_be_told_apart_however_far_the_panels_are(
    make_run: Callable[..., Metrics], tmp_path: Path, drawn: list[Axes]
) -> None:
    runs = [make_run(error_of(a, b) + 10 * (cell == "lstm"), 0, (a, b), cell=cell)
            for cell in ("gru", "lstm") for a in RATES for b in RATES]  # fmt: skip
    draw_rates(lay_out(runs), runs[0], tmp_path / "rates.svg", True)
    for axes in drawn[:2]:
        assert len({number for number, _ in read_squares(axes).values()}) > 6


def test_pairs_of_other_epochs_than_most_are_not_in_the_grid(make_run: Callable[..., Metrics]) -> None:
    runs = [make_run(error_of(a, b), 0, (a, b)) for a in RATES for b in RATES]
    runs += [make_run(0.4, 0, (a, 0.1), epochs=Epochs(done=3, planned=9)) for a in RATES]
    (grid,) = lay_out(runs)
    assert (grid.epochs, len(grid.squares)) == (5, 9)
    assert {square.network.epochs for square in grid.squares.values()} == {5}


@pytest.mark.parametrize(
    ("pairs", "told"),
    [
        ([(0.1, 0.2), (0.2, 0.2), (0.5, 0.2)], "0.1/0.2, 0.2/0.2, 0.5/0.2"),
        ([(0.2, 0.1), (0.2, 0.5)], "0.2/0.1, 0.2/0.5"),
    ],
)
def test_fewer_than_two_values_of_either_rate_are_refused_in_a_line(
    make_run: Callable[..., Metrics], pairs: list[tuple[float, float]], told: str
) -> None:
    rows = judge([make_run(0.25, 0, pair) for pair in pairs])
    assert list_rate_grids(rows) == []
    with pytest.raises(RdropError, match=f"at least two values of dropout and two of .* received {told} for dropout;"):
        require_rate_grids(rows)


def test_networks_that_are_on_no_map_nor_beside_one_are_left_out_by_name(make_run: Callable[..., Metrics]) -> None:
    runs = [make_run(0.26, 0, variant="baseline"), make_run(0.25, 0, (0.2, 0.2), "gal")]
    runs += [make_run(error_of(a, b), 0, (a, b)) for a in RATES for b in RATES]
    rows = judge(runs)
    assert list_left_out(rows, list_rate_grids(rows)) == ["gal 0.2/0.2"]


@pytest.mark.parametrize("side", [2, 6])
def test_everything_written_lies_within_its_square_and_the_picture(
    make_run: Callable[..., Metrics], tmp_path: Path, drawn: list[Axes], side: int
) -> None:
    rates = [round(0.1 * step, 1) for step in range(side)]
    runs = [make_run(5.0 + error_of(a, b, seed), seed, (a, b)) for a in rates for b in rates for seed in range(2)]
    runs = [replace(run, target_std=1234.0) for run in runs]
    draw_rates(lay_out(runs), runs[0], tmp_path / "rates.png", True)
    axes, figure = drawn[0], drawn[0].figure
    figure.draw_without_rendering()
    for text in axes.texts:
        box = text.get_window_extent()
        x, y = axes.transData.inverted().transform(box.get_points()).mean(axis=0).round()
        left, right = axes.transData.transform([(x - 0.5, y - 0.5), (x + 0.5, y + 0.5)])
        assert left[0] < box.x0 < box.x1 < right[0]
        assert left[1] < box.y0 < box.y1 < right[1]
    for artist in (figure._suptitle, figure._supxlabel, axes.title):
        assert artist.get_window_extent().x1 <= figure.bbox.x1
        assert artist.get_window_extent().y0 >= 0


def test_equal_errors_are_drawn(make_run: Callable[..., Metrics], tmp_path: Path, drawn: list[Axes]) -> None:
    runs = [make_run(0.25, 0, (a, b)) for a in (0.1, 0.2) for b in (0.1, 0.2)]
    draw_rates(lay_out(runs), runs[0], tmp_path / "rates.png", True)
    assert [text.get_text() for text in drawn[0].texts] == ["2.0", "one seed"] * 4


def test_the_same_runs_have_the_same_bytes(sweep: Runs, tmp_path: Path) -> None:
    for name in ("one.svg", "two.svg"):
        draw_rates(lay_out(sweep), sweep[0], tmp_path / name, True)
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "two.svg").read_bytes()
