"""Several seeds of a variant are drawn as their mean, with a band; the published curves lie over them."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from msgspec.structs import replace

from rdrop_cli.analysis.published import load_published
from rdrop_cli.plots.groups import MOST_GROUPS, group_seeds, keep_legible
from rdrop_cli.plots.loss import FIGURE_INCHES, NARROW_INCHES, draw_comparison
from rdrop_cli.plots.style import colour_of
from rdrop_cli.runs.document import Dataset, Metrics, Rates, Timing
from rdrop_cli.runs.figures import Curves
from rdrop_cli.study.config import RunConfig
from rdrop_cli.study.editions import BOOK2
from rdrop_cli.study.protocol import Protocol
from rdrop_cli.study.variants import REFERENCES
from tests.plots.pictures import read_texts

MakeMetrics = Callable[..., Metrics]
CURVES = ((0.30, 0.26, 0.28), (0.32, 0.25, 0.30), (0.31, 0.27, 0.29))
BAND, SEED = "lowest to highest seed", "one seed; thick: the mean"


@pytest.fixture
def seeds(make_metrics: MakeMetrics) -> list[Metrics]:
    """Three seeds of one variant."""
    return [make_metrics(f"b{seed}", seed=seed, val_loss=curve) for seed, curve in enumerate(CURVES)]


def find_lines(axes: Axes, width: float) -> list[list[float]]:
    return [list(line.get_ydata()) for line in axes.lines if line.get_linewidth() == width]


def test_seeds_are_drawn_as_their_mean_with_a_thin_line_for_each(
    seeds: list[Metrics], tmp_path: Path, drawn: list[Axes]
) -> None:
    draw_comparison(seeds, tmp_path / "loss.svg", in_unit=False)
    assert find_lines(drawn[0], 2.4) == [pytest.approx(np.mean(CURVES, axis=0))]
    assert find_lines(drawn[0], 0.7) == [pytest.approx(curve) for curve in CURVES]
    assert all(line.get_color() == colour_of("baseline") for line in drawn[0].lines[:4])


def test_the_band_goes_from_the_lowest_seed_to_the_highest(
    seeds: list[Metrics], tmp_path: Path, drawn: list[Axes]
) -> None:
    draw_comparison(seeds, tmp_path / "loss.svg", in_unit=False)
    (band,) = drawn[0].collections
    corners = band.get_paths()[0].vertices
    for epoch, (low, high) in enumerate(zip(np.min(CURVES, axis=0), np.max(CURVES, axis=0), strict=True), start=1):
        heights = corners[corners[:, 0] == epoch][:, 1]
        assert (heights.min(), heights.max()) == (pytest.approx(low), pytest.approx(high))


def test_the_best_epoch_is_that_of_the_mean(seeds: list[Metrics], tmp_path: Path, drawn: list[Axes]) -> None:
    draw_comparison(seeds, tmp_path / "loss.svg", in_unit=False)
    (best,) = [line for line in drawn[0].lines if line.get_marker() == "o"]
    assert (list(best.get_xdata()), list(best.get_ydata())) == ([2], [pytest.approx(0.26)])


def test_label_and_legend_tell_the_seeds(seeds: list[Metrics], tmp_path: Path) -> None:
    draw_comparison(seeds, tmp_path / "loss.svg", in_unit=True)
    texts = read_texts(tmp_path / "loss.svg")
    assert {"baseline, 3 seeds", BAND, SEED} <= set(texts)
    draw_comparison(seeds[:1], tmp_path / "one.svg", in_unit=True)
    assert not {BAND, SEED} & set(read_texts(tmp_path / "one.svg"))


def test_a_single_run_beside_several_seeds_keeps_its_name(
    seeds: list[Metrics], make_metrics: MakeMetrics, tmp_path: Path
) -> None:
    draw_comparison([*seeds, make_metrics("d", variant="dropout")], tmp_path / "loss.svg", in_unit=True)
    assert {"baseline, 3 seeds", "dropout"} <= set(read_texts(tmp_path / "loss.svg"))


def test_every_seed_lies_within_the_axes(seeds: list[Metrics], tmp_path: Path, drawn: list[Axes]) -> None:
    draw_comparison(seeds, tmp_path / "loss.svg", in_unit=True)
    low, high = drawn[0].get_ylim()
    assert low < 8 * np.min(CURVES) - 0.01
    assert 8 * np.max(CURVES) < high


APART = {
    "the same seed twice": {"seed": 0},
    "other rates": {"rates": Rates(dropout=0.5, recurrent_dropout=0.5)},
    "another protocol": {"protocol": Protocol("tiny", "another")},
    "other data": {"dataset": Dataset(name="made", origin="test", sha256="6" * 64, rows=300, verified=None)},
    "another cell": {"cell": "lstm"},
    "another length": {
        "history": Curves(loss=[0.3, 0.2], val_loss=[0.3, 0.2], train_mae=[0.3, 0.2]),
        "timing": Timing(seconds=2.0, epoch_seconds=[1.0, 1.0], train_windows_per_second=1.0),
    },
}


@pytest.mark.parametrize("other", APART.values(), ids=APART)
def test_runs_that_differ_in_more_than_their_seed_are_not_averaged(
    make_metrics: MakeMetrics, other: dict[str, Any]
) -> None:
    runs = [make_metrics("a", seed=0), replace(make_metrics("b", seed=1), **other)]
    assert [len(group.runs) for group in group_seeds(runs)] == [1, 1]
    assert len({group.label for group in group_seeds(runs)}) == 2


def test_where_the_data_were_read_from_and_how_a_protocol_is_described_keep_no_seeds_apart(
    make_metrics: MakeMetrics,
) -> None:
    one, other = make_metrics("a", seed=0), make_metrics("b", seed=1)
    dataset = replace(other.dataset, origin="elsewhere")
    other = replace(other, dataset=dataset, protocol=dataclasses.replace(other.protocol, summary="in other words"))
    assert [group.label for group in group_seeds([one, other])] == ["baseline, 2 seeds"]


def test_two_groups_of_one_variant_are_told_apart_by_their_rates(make_metrics: MakeMetrics) -> None:
    harder = Rates(dropout=0.5, recurrent_dropout=0.5)
    runs = [make_metrics(f"a{seed}", variant="dropout", seed=seed) for seed in range(2)]
    runs += [replace(make_metrics(f"b{seed}", variant="dropout", seed=seed), rates=harder) for seed in range(2)]
    assert [group.label for group in group_seeds(runs)] == ["dropout 0.2/0.2, 2 seeds", "dropout 0.5/0.5, 2 seeds"]


@pytest.mark.parametrize("seeds", [1, 2])
def test_a_network_at_other_rates_than_its_own_is_labelled_with_them(make_metrics: MakeMetrics, seeds: int) -> None:
    harder = Rates(dropout=0.5, recurrent_dropout=0.5)
    runs = [replace(make_metrics(f"a{seed}", "dropout", seed), rates=harder) for seed in range(seeds)]
    (group,) = group_seeds(runs)
    assert group.label == f"dropout 0.5/0.5{', 2 seeds' if seeds == 2 else ''}"


@pytest.mark.parametrize(("in_unit", "scale"), [(True, 8.84), (False, 1.0)])
def test_published_curves_are_laid_over_thin_and_named(
    seeds: list[Metrics], tmp_path: Path, drawn: list[Axes], in_unit: bool, scale: float
) -> None:
    published = {"baseline": load_published()["baseline"]}
    draw_comparison(seeds, tmp_path / "loss.svg", in_unit, published)
    (values,) = find_lines(drawn[0], 0.9)
    assert values == pytest.approx(published["baseline"].val_loss * scale)
    assert {"baseline, published", "published, one run"} <= set(read_texts(tmp_path / "loss.svg"))
    low, high = drawn[0].get_ylim()
    assert low < min(values)
    assert max(values) < high
    assert drawn[0].get_xlim()[1] == 20.5


@pytest.mark.parametrize("inches", [FIGURE_INCHES, NARROW_INCHES], ids=["wide", "narrow"])
def test_title_labels_and_legend_lie_within_the_picture(
    make_metrics: MakeMetrics, tmp_path: Path, drawn: list[Axes], inches: tuple[float, float]
) -> None:
    variants = ("baseline", "dropout")
    runs = [make_metrics(f"{v}{seed}", variant=v, seed=seed, verified=False) for v in variants for seed in range(2)]
    published = {variant: load_published()[variant] for variant in variants}
    draw_comparison(runs, tmp_path / "loss.png", True, published, inches)
    (axes,) = drawn
    figure = axes.figure
    figure.draw_without_rendering()  # at its own resolution, which is not the file's
    for artist in (*axes.texts, axes.title, *figure.legends):
        box = artist.get_window_extent()
        assert box.x0 >= 0, artist
        assert box.x1 <= figure.bbox.x1, artist


VARIANTS = ("baseline", "dropout", "gal", "gal-tied", "moon", "zoneout", "dropconnect", "naive-step", "stacked", "gal")


def test_of_many_networks_the_studys_two_and_the_best_others_are_kept(make_metrics: MakeMetrics) -> None:
    runs = [
        make_metrics(f"{place}-{seed}", variant=variant, seed=seed, val_loss=(0.5, 0.40 - 0.01 * place + 0.001 * seed))
        for place, variant in enumerate(VARIANTS)
        for seed in range(2)
    ]
    runs = [replace(run, cell="lstm") if run.run_id.startswith("9") else run for run in runs]
    kept, skipped = keep_legible(runs)
    assert [group.label for group in group_seeds(kept)] == [
        f"{name}, 2 seeds"
        for name in ("baseline", "dropout", "moon", "zoneout", "dropconnect", "naive-step", "stacked", "gal-lstm")
    ]
    assert skipped == ["gal-tied", "gal"]
    assert keep_legible(runs[: 2 * MOST_GROUPS]) == (runs[: 2 * MOST_GROUPS], [])


def test_networks_of_ones_own_with_other_code_are_not_drawn_as_seeds_of_one(
    make_metrics: MakeMetrics, tiny_config: RunConfig
) -> None:
    own = dataclasses.replace(tiny_config, dropout=0.0, recurrent_dropout=0.0)
    runs = [
        make_metrics(f"{code}{seed}", "my:make", seed, config=dataclasses.replace(own, code_sha256=code * 64))
        for code, seed in (("6", 0), ("7", 0), ("6", 1))
    ]
    assert [group.label for group in group_seeds(runs)] == ["my:make, code 66666666, 2 seeds", "my:make, code 77777777"]


def test_of_many_runs_of_an_edition_its_own_networks_are_kept_before_better_reference_forecasts(
    make_metrics: MakeMetrics,
) -> None:
    runs = [
        replace(
            make_metrics(variant, val_loss=[0.5 if variant in BOOK2.trained else 0.3], name="book2"), variant=variant
        )
        for variant in (*REFERENCES, *BOOK2.trained)
    ]
    kept, _ = keep_legible(runs)
    assert {run.variant for run in kept} == {"naive", "seasonal-naive", *BOOK2.trained}


def test_of_many_networks_only_the_mean_validation_errors_are_drawn(
    make_metrics: MakeMetrics, tmp_path: Path, drawn: list[Axes]
) -> None:
    runs = [make_metrics(f"{v}{seed}", variant=v, seed=seed) for v in VARIANTS[:5] for seed in range(2)]
    draw_comparison(runs, tmp_path / "loss.svg", in_unit=True)
    assert len(find_lines(drawn[0], 2.4)) == 5
    assert {line.get_linestyle() for line in drawn[0].lines if line.get_linewidth() == 2.4} == {"-"}
    assert len(drawn[0].lines) == 2 * 5 + 1  # with the best epochs, and the naive forecast
    assert list(drawn[0].collections) == []
    texts = set(read_texts(tmp_path / "loss.svg"))
    assert "validation, mean over seeds" in texts
    assert not {BAND, SEED, "training, dropout off"} & texts


def test_a_title_too_long_for_a_narrow_picture_is_broken(make_metrics: MakeMetrics, tmp_path: Path) -> None:
    draw_comparison([make_metrics(verified=False)], tmp_path / "loss.svg", in_unit=True, inches=NARROW_INCHES)
    texts = read_texts(tmp_path / "loss.svg")
    assert {"Forecasting temperature: made data — not the", "published file, tiny protocol"} <= set(texts)
