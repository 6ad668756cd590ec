"""The cost of a network is counted from its layers; its error is the mean of its seeds."""

import dataclasses
import shutil
from pathlib import Path

import pytest
from matplotlib.axes import Axes
from matplotlib.path import Path as Curve
from matplotlib.text import Text
from msgspec.structs import replace

from rdrop_cli.analysis.distributions import find_t
from rdrop_cli.planning.request import Request, plan_runs
from rdrop_cli.plots.cost import count_multiply_adds, draw_cost, list_costs
from rdrop_cli.runs.comparable import choose_newest
from rdrop_cli.runs.document import Metrics
from rdrop_cli.runs.find import find_run
from rdrop_cli.study.config import RunConfig
from tests.plots.pictures import read_texts

RESULTS = Path(__file__).parents[2] / "docs" / "results.zip"
BOOK_WINDOWS = 500 * 128  # of an epoch


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The runs of the results page."""
    folder = tmp_path_factory.mktemp("published")
    shutil.unpack_archive(RESULTS, folder)
    return folder


def read(runs_dir: Path) -> tuple[list[Metrics], dict[str, RunConfig]]:
    runs = choose_newest(runs_dir).runs
    return runs, {run.run_id: find_run(run.run_id, runs_dir).read_config() for run in runs}


def plan(variant: str, **wanted: str) -> RunConfig:
    return next(iter(plan_runs(Request(variants=(variant,), dataset="synthetic", **wanted))))


def test_multiply_adds_are_those_of_the_layers(published: Path) -> None:
    run = next(run for run in read(published)[0] if run.variant == "baseline")
    gru = 240 * 3 * 32 * (14 + 32)
    for variant, a_window in {
        "baseline": gru,
        "bidirectional": 2 * gru,
        "stacked": gru + 240 * 3 * 64 * (32 + 64),
        "dense": 240 * 14 * 32,
        "conv-gru": 236 * 32 * 5 * 14 + 74 * 32 * 5 * 32 + 74 * 3 * 32 * (32 + 32),  # on windows of its own
    }.items():
        found = count_multiply_adds(replace(run, variant=variant), plan(variant))
        assert found == a_window * BOOK_WINDOWS * 20, variant


def test_a_point_is_the_mean_test_error_of_the_seeds_with_its_t_interval(published: Path) -> None:
    costs, missing = list_costs(*read(published), in_unit=True)
    assert {why: sorted(names) for why, names in missing.items()} == {
        "no known cost": ["damped-persistence", "gradient-boosting", "ridge"]
    }
    assert costs[0].label == "baseline, 32 seeds"
    errors = [run.test.mae_in_unit for run in read(published)[0] if run.variant == "naive-step" and run.test]
    mean = sum(errors) / 8
    half = find_t(0.975, 7) * (sum((error - mean) ** 2 for error in errors) / 7 / 8) ** 0.5
    (found,) = (cost for cost in costs if cost.variant == "naive-step")
    assert (found.error, found.half) == (pytest.approx(mean), pytest.approx(half))
    assert found.multiply_adds == 2 * costs[0].multiply_adds, "twice the epochs"


def test_every_network_is_named_once_and_no_name_stands_on_another(
    published: Path, tmp_path: Path, drawn: list[Axes]
) -> None:
    runs, configs = read(published)
    costs, _ = list_costs(runs, configs, in_unit=True)
    close = [cost.__class__(f"network {n}", cost.variant, 2e12, 2.45 + n / 1000, 0.01) for n, cost in enumerate(costs)]
    draw_cost(sorted([*costs, *close], key=lambda cost: cost.multiply_adds), runs, tmp_path / "cost.svg", in_unit=True)
    texts = read_texts(tmp_path / "cost.svg")
    for label in (cost.label for cost in [*costs, *close]):
        assert texts.count(label) == 1
    drawn[0].figure.draw_without_rendering()  # at its own resolution, which is not the file's
    boxes = [Text.get_window_extent(text) for text in drawn[0].texts]  # without the lines to their points
    for place, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[place + 1 :])


def test_no_name_covers_a_bar_or_the_line_of_the_naive_forecast_and_what_stands_off_is_joined_to_its_point(
    published: Path, tmp_path: Path, drawn: list[Axes]
) -> None:
    runs, configs = read(published)
    (cost, *_), _ = list_costs(runs, configs, in_unit=True)
    naive = runs[0].naive.test_mae_in_unit
    assert naive is not None
    places = [(1e12, naive - 0.1), (1.02e12, naive - 0.11), (1.3e12, naive - 0.02), (2e12, naive + 0.3)]
    costs = [dataclasses.replace(cost, label=f"network {x:g}", multiply_adds=x, error=y, half=0.25) for x, y in places]
    draw_cost(costs, runs, tmp_path / "cost.png", in_unit=True)
    (axes,) = drawn
    axes.figure.draw_without_rendering()  # at its own resolution, which is not the file's
    names = [text for text in axes.texts if text.get_text().startswith("network")]
    assert len(names) == len(costs)
    for text in names:
        box = Text.get_window_extent(text)
        for line in axes.lines:
            points = line.get_transform().transform(line.get_xydata())
            assert not Curve(points).intersects_bbox(box), text
        for bar in (bar for collection in axes.collections for bar in collection.get_paths()):
            assert not Curve(axes.transData.transform(bar.vertices)).intersects_bbox(box), text
        x, y = axes.transData.transform(text.xy)
        assert text.arrow_patch or abs(box.x0 - x) < 20 > abs((box.y0 + box.y1) / 2 - y)


def test_points_of_equal_cost_stand_side_by_side_and_the_others_where_they_are(
    published: Path, tmp_path: Path, drawn: list[Axes]
) -> None:
    """Their intervals would hide each other."""
    runs, configs = read(published)
    (cost, *_), _ = list_costs(runs, configs, in_unit=True)
    costs = [dataclasses.replace(cost, label=f"network {x:g}", multiply_adds=x) for x in (1e12, 4e12, 4e12, 4e12)]
    draw_cost(costs, runs, tmp_path / "cost.png", in_unit=True)
    (axes,) = drawn
    axes.figure.draw_without_rendering()  # at its own resolution, which is not the file's
    at = [line.get_xdata()[0] for line in axes.lines if line.get_marker() == "o"]
    pixels = axes.transData.transform([(x, cost.error) for x in at])[:, 0]
    assert at[0] == 1e12
    assert at[2] == pytest.approx(4e12)
    assert min(pixels[2] - pixels[1], pixels[3] - pixels[2]) > 9, "wider than the end of an interval"
    assert axes.get_xlabel().endswith("; nearly equal ones side by side")
    assert axes.figure.get_suptitle().startswith("Forecasting temperature: jena data")


def test_without_equal_costs_nothing_is_moved(published: Path, tmp_path: Path, drawn: list[Axes]) -> None:
    runs, configs = read(published)
    (cost, *_), _ = list_costs(runs, configs, in_unit=True)
    draw_cost([cost], runs, tmp_path / "cost.png", in_unit=True)
    assert drawn[0].get_xlabel().endswith("(10¹²)")


@pytest.mark.parametrize(("count", "power", "tick"), [(9e12, "10¹²", "5"), (5e9, "10⁹", "5"), (2e5, "10³", "200")])
def test_the_axis_counts_in_numbers_that_can_be_read(
    published: Path, tmp_path: Path, drawn: list[Axes], count: float, power: str, tick: str
) -> None:
    runs, configs = read(published)
    (cost, *_), _ = list_costs(runs, configs, in_unit=True)
    draw_cost([dataclasses.replace(cost, multiply_adds=count)], runs, tmp_path / "cost.png", in_unit=True)
    assert drawn[0].get_xlabel().endswith(f"({power})")
    assert tick in [label.get_text() for label in drawn[0].get_xticklabels()]
