"""Loss curves: what the picture says, in words and in numbers."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.text import Text
from msgspec.structs import replace

from rdrop_cli.plots.groups import label_runs
from rdrop_cli.plots.loss import describe_setting, draw_comparison, draw_run
from rdrop_cli.plots.style import NAIVE_COLOUR, colour_of
from rdrop_cli.runs.document import Metrics
from rdrop_cli.runs.figures import Curves
from rdrop_cli.study.config import RunConfig
from tests.plots.pictures import read_texts

MakeMetrics = Callable[..., Metrics]
TARGET_STD = 8.0


@pytest.fixture
def both(make_metrics: MakeMetrics) -> list[Metrics]:
    """A run of each variant; the baseline turns up."""
    return [
        make_metrics("b", variant="baseline", val_loss=(0.30, 0.26, 0.28)),
        make_metrics("d", variant="dropout", val_loss=(0.31, 0.27, 0.26, 0.255, 0.25)),
    ]


def test_a_comparison_names_lines_axes_and_units_in_text_that_can_be_searched(
    both: list[Metrics], tmp_path: Path
) -> None:
    draw_comparison(both, tmp_path / "loss.svg", in_unit=True)
    texts = read_texts(tmp_path / "loss.svg")
    assert {
        "Forecasting temperature: made data, tiny protocol",
        "epoch",
        "mean absolute error (°C)",
        "baseline",
        "dropout",
        "naive forecast",
        "validation",
        "training, dropout off",
        "training loss, dropout on",
        "best epoch",
    } <= set(texts)


def test_standardised_units_are_called_so(both: list[Metrics], tmp_path: Path) -> None:
    draw_comparison(both, tmp_path / "loss.svg", in_unit=False)
    texts = read_texts(tmp_path / "loss.svg")
    assert "mean absolute error (standardised)" in texts
    assert not [text for text in texts if "°C" in text]


@pytest.mark.parametrize(("in_unit", "scale"), [(True, 8.0), (False, 1.0)])
def test_every_curve_has_the_runs_numbers_and_its_variants_colour(
    both: list[Metrics], tmp_path: Path, drawn: list[Axes], in_unit: bool, scale: float
) -> None:
    draw_comparison(both, tmp_path / "loss.svg", in_unit)
    (axes,) = drawn
    lines = iter(axes.lines)
    for run in both:
        for key, style in (("val_loss", "-"), ("train_mae", "--"), ("loss", ":")):
            line = next(lines)
            assert list(line.get_xdata()) == list(range(1, len(getattr(run.history, key)) + 1))
            assert list(line.get_ydata()) == pytest.approx([scale * error for error in getattr(run.history, key)])
            assert (line.get_color(), line.get_linestyle()) == (colour_of(run.variant), style)
        best = next(lines)
        assert (best.get_xdata()[0], best.get_ydata()[0]) == (run.best.epoch, run.best.val_mae * scale)
        assert best.get_color() == colour_of(run.variant)
    naive = next(lines)
    assert list(naive.get_ydata()) == pytest.approx([0.29 * scale] * 2)
    assert naive.get_color() == NAIVE_COLOUR
    assert list(lines) == []


def test_networks_of_one_variant_differ_by_a_shade(
    make_metrics: MakeMetrics, tiny_config: RunConfig, tmp_path: Path, drawn: list[Axes]
) -> None:
    rates = ((0.2, 0.2), (0.2, 0.0), (0.0, 0.2))
    configs = [dataclasses.replace(tiny_config, dropout=one, recurrent_dropout=two) for one, two in rates]
    runs = [make_metrics(f"d{number}", variant="dropout", config=each) for number, each in enumerate(configs)]
    draw_comparison(runs, tmp_path / "loss.svg", in_unit=False)
    colours = list(dict.fromkeys(line.get_color() for line in drawn[0].lines))
    assert len(colours) == len(rates) + 1
    assert (colours[0], colours[-1]) == (colour_of("dropout"), NAIVE_COLOUR)


def test_everything_measured_lies_within_the_axes(both: list[Metrics], tmp_path: Path, drawn: list[Axes]) -> None:
    both[0].history.loss[0] = 9.0  # the first training loss is far above what is compared
    draw_comparison(both, tmp_path / "loss.svg", in_unit=False)
    low, high = drawn[0].get_ylim()
    measured = [e for run in both for key in ("val_loss", "train_mae") for e in getattr(run.history, key)] + [0.29]
    assert low < min(measured)
    assert max(measured) < high < 1
    left, right = drawn[0].get_xlim()
    assert left < 1
    assert right > 5


def test_epochs_are_counted_in_whole_numbers(both: list[Metrics], tmp_path: Path, drawn: list[Axes]) -> None:
    draw_comparison(both, tmp_path / "loss.svg", in_unit=True)
    assert all(float(tick).is_integer() for tick in drawn[0].get_xticks())


def test_one_run_is_drawn_in_degrees(make_metrics: MakeMetrics, tmp_path: Path) -> None:
    draw_run(make_metrics(variant="dropout"), tmp_path / "loss.svg")
    texts = read_texts(tmp_path / "loss.svg")
    assert "mean absolute error (°C)" in texts
    assert "dropout" in texts


@pytest.mark.parametrize("errors", [(0.3,), (0.3, 0.3, 0.3)], ids=["one epoch", "no change"])
def test_curves_without_a_slope_are_drawn(
    make_metrics: MakeMetrics, tmp_path: Path, drawn: list[Axes], errors: tuple[float, ...]
) -> None:
    draw_run(make_metrics(val_loss=errors), tmp_path / "loss.png")
    check_visible(drawn[0], errors)


def check_visible(axes: Axes, errors: tuple[float, ...]) -> None:
    """Check that a curve is drawn as it is, between the limits of the axes."""
    points = [(number, pytest.approx(error * TARGET_STD)) for number, error in enumerate(errors, start=1)]
    drawn = [list(zip(line.get_xdata(), line.get_ydata(), strict=True)) for line in axes.lines]
    assert points in drawn
    low, high = axes.get_ylim()
    assert low < min(errors) * TARGET_STD <= max(errors) * TARGET_STD < high
    left, right = axes.get_xlim()
    assert left <= 1 <= len(errors) <= right
    assert left < right


def test_errors_that_are_all_equal_are_drawn(make_metrics: MakeMetrics, tmp_path: Path, drawn: list[Axes]) -> None:
    metrics = make_metrics(val_loss=(0.29,))
    metrics = replace(metrics, history=Curves(loss=[0.29], val_loss=[0.29], train_mae=[0.29]))
    draw_run(metrics, tmp_path / "loss.png")
    low, high = drawn[0].get_ylim()
    assert low < 0.29 * TARGET_STD < high
    assert all(y == pytest.approx(0.29 * TARGET_STD) for line in drawn[0].lines for y in line.get_ydata())


def test_the_same_comparison_has_the_same_bytes(both: list[Metrics], tmp_path: Path) -> None:
    for name in ("one.svg", "two.svg"):
        draw_comparison(both, tmp_path / name, in_unit=True)
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "two.svg").read_bytes()


@pytest.mark.parametrize(("verified", "warned"), [(False, True), (True, False), (None, False)])
def test_data_that_are_not_the_published_file_are_called_so(
    make_metrics: MakeMetrics, tmp_path: Path, verified: bool | None, warned: bool
) -> None:
    draw_run(make_metrics(verified=verified), tmp_path / "loss.svg")
    title = next(text for text in read_texts(tmp_path / "loss.svg") if text.startswith("Forecasting"))
    assert ("not the published file" in title) is warned


@pytest.mark.parametrize(
    ("target", "title", "axis"),
    [
        ("T (degC)", "Forecasting temperature:", "mean absolute error (°C)"),
        ("p (mbar)", "Forecasting p:", "mean absolute error (mbar)"),
        ("max. wv (m/s)", "Forecasting max. wv:", "mean absolute error (m/s)"),
        ("price", "Forecasting price:", "mean absolute error"),
        ("Open(USD)", "Forecasting Open(USD):", "mean absolute error"),
    ],
)
def test_quantity_and_unit_are_read_from_the_columns_name(
    make_metrics: MakeMetrics, tmp_path: Path, target: str, title: str, axis: str
) -> None:
    draw_run(make_metrics(target=target), tmp_path / "loss.svg")
    texts = read_texts(tmp_path / "loss.svg")
    assert [text for text in texts if text.startswith(title)]
    assert axis in texts


@pytest.mark.parametrize("name", ["cost_$2_$3", "$^$", r"$\frac$", "a_b^c", "<b>&amp;", "100 %"])
def test_a_dataset_may_be_called_anything(make_metrics: MakeMetrics, tmp_path: Path, name: str) -> None:
    draw_run(make_metrics(dataset=name), tmp_path / "loss.svg")
    assert f"Forecasting temperature: {name} data, tiny protocol" in read_texts(tmp_path / "loss.svg")


def test_runs_are_labelled_by_what_tells_them_apart(make_metrics: MakeMetrics) -> None:
    runs = [
        make_metrics("a", variant="baseline", seed=0),
        make_metrics("b", variant="dropout", seed=0),
        make_metrics("c", variant="dropout", seed=1),
        make_metrics("d", variant="dropout", seed=1),
    ]
    assert label_runs(runs[:2]) == ["baseline", "dropout"]
    assert label_runs(runs[:3]) == ["baseline", "dropout, seed 0", "dropout, seed 1"]
    assert label_runs(runs) == ["baseline", "dropout, seed 0", "c", "d"]


def test_labels_at_one_height_are_written_above_each_other(
    make_metrics: MakeMetrics, tmp_path: Path, drawn: list[Axes]
) -> None:
    variants = ("baseline", "dropout", "gal", "moon")
    runs = [make_metrics(variant, variant=variant, val_loss=(0.3, 0.26)) for variant in variants]
    draw_comparison(runs, tmp_path / "loss.svg", in_unit=True)
    heights = sorted(text.xyann[1] for text in drawn[0].texts)
    low, high = drawn[0].get_ylim()
    assert len(heights) == 5
    assert np.diff(heights).min() > 0.04 * (high - low)


def test_every_name_stands_beside_the_axes_and_is_joined_to_the_end_of_its_line(
    make_metrics: MakeMetrics, tmp_path: Path, drawn: list[Axes]
) -> None:
    short = make_metrics("s", variant="baseline", val_loss=(0.30, 0.26, 0.28))
    long = [make_metrics(name, variant=name, val_loss=(0.31, 0.27, 0.29, 0.30, 0.28)) for name in ("dropout", "gal")]
    draw_comparison([short, *long], tmp_path / "loss.png", in_unit=False)
    (axes,) = drawn
    ends = {text.get_text(): text.xy for text in axes.texts}
    assert ends == {"baseline": (3, 0.28), "dropout": (5, 0.28), "gal": (5, 0.28), "naive forecast": (5.5, 0.29)}
    axes.figure.draw_without_rendering()
    for text in axes.texts:
        assert text.arrow_patch is not None
        box = Text.get_window_extent(text)  # without its leader
        assert box.x0 > axes.bbox.x1
        assert axes.bbox.y0 <= box.y0 < box.y1 <= axes.bbox.y1


def test_a_long_name_of_ones_own_network_leaves_room_for_its_curve(
    make_metrics: MakeMetrics, tmp_path: Path, drawn: list[Axes]
) -> None:
    name = "my_long_module_name_for_the_thesis:make_a_network_with_50_units"
    draw_comparison([make_metrics(variant=name)], tmp_path / "loss.png", in_unit=True)
    (axes,) = drawn
    assert axes.bbox.width > 0.6 * axes.figure.bbox.width
    assert "".join(axes.texts[0].get_text().split("\n")) == name


def test_the_best_epoch_of_quantiles_is_that_of_their_loss(
    make_metrics: MakeMetrics, tmp_path: Path, drawn: list[Axes]
) -> None:
    run = make_metrics(loss="quantile", quantiles=(0.1, 0.5, 0.9), best_by="pinball")
    run = replace(run, history=replace(run.history, val_pinball=[0.08, 0.09, 0.07]))
    draw_comparison([run], tmp_path / "a.svg", in_unit=False)
    (marker,) = (line for line in drawn[0].lines if line.get_marker() == "o")
    assert np.asarray(marker.get_xydata()).tolist() == [[3, run.history.val_loss[2]]]
    assert drawn[0].get_ylabel() == "mean absolute error of the median (standardised)"


def test_the_best_epoch_is_that_of_the_protocol_and_a_loss_of_another_kind_is_neither_drawn_nor_explained(
    make_metrics: MakeMetrics, tmp_path: Path, drawn: list[Axes]
) -> None:
    run = make_metrics(loss="mse", best_by="mse", target_scale="unit")
    run = replace(run, history=replace(run.history, val_mse=[0.2, 0.3, 0.1]))
    assert min(run.history.val_loss) == run.history.val_loss[1]
    draw_comparison([run], tmp_path / "a.svg", in_unit=False)
    (axes,) = drawn
    (marker,) = (line for line in axes.lines if line.get_marker() == "o")
    assert np.asarray(marker.get_xydata()).tolist() == [[3, run.history.val_loss[2]]]
    texts = read_texts(tmp_path / "a.svg")
    assert "training, dropout off" in texts
    assert "training loss, dropout on" not in texts


def test_the_title_names_what_the_networks_were_trained_with(make_metrics: MakeMetrics) -> None:
    network = make_metrics(name="book", steps_per_epoch=170, units=32, batch_size=128, optimizer="rmsprop")
    reference = make_metrics("ridge-s0", "ridge", name="book")
    assert describe_setting([network, reference]).endswith(", book protocol (steps per epoch 170)")


def test_reference_forecasts_are_named_lines_without_epochs(
    make_metrics: MakeMetrics, tmp_path: Path, drawn: list[Axes]
) -> None:
    references = [
        make_metrics(f"{name}-s0", name, val_loss=[error]) for name, error in (("naive", 0.29), ("ridge", 0.27))
    ]
    draw_comparison([make_metrics(), *references], tmp_path / "loss.svg", in_unit=False)
    draw_comparison(references, tmp_path / "alone.svg", in_unit=False)
    for axes in drawn:
        levels = [line for line in axes.lines if list(line.get_xdata()) == [0, 1]]  # from one edge to the other
        assert [list(line.get_ydata()) for line in levels] == [[0.27] * 2, [0.29] * 2]
        assert [each.get_text() for each in axes.texts][-2:] == ["ridge", "naive forecast"]
    assert [list(axes.get_xticks()) for axes in drawn][1] == []
    assert drawn[0].figure.legends
    assert not drawn[1].figure.legends[0].get_texts()
