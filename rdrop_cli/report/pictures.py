"""The pictures of a verdict: forest plot, paired dots, learning curves with intervals, and distributions of levels."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from rdrop_cli.analysis.collect import Collection
from rdrop_cli.analysis.intervals import measure_half_width
from rdrop_cli.analysis.judged import ClaimVerdict, StudyVerdict
from rdrop_cli.analysis.measures import WINDOW_EPOCHS, measure_end, measure_level
from rdrop_cli.analysis.network import Network, label_networks
from rdrop_cli.analysis.networks import align_by_seed
from rdrop_cli.analysis.published import load_published_like
from rdrop_cli.analysis.questions import BASELINE, DROPOUT, Kind
from rdrop_cli.analysis.run import RunCurves, count_equal_epochs
from rdrop_cli.plots.labels import break_name, break_title
from rdrop_cli.plots.style import NAIVE_COLOUR, colour_of, count_alike, draw_figure, shade
from rdrop_cli.report.text import find_axis
from rdrop_cli.report.words import VERDICTS, format_answer

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

REGION_COLOUR, INTERVAL_COLOUR = "#BFE3C8", "#22303C"
RING: dict[str, Any] = {
    "marker": "D", "markersize": 8, "markerfacecolor": "none", "markeredgecolor": "#C0392B", "linestyle": ""
}  # fmt: skip
VERDICT_COLOURS = {"holds": "#116329", "does-not-hold": "#A40E26", "undecided": "#6A4A00"}
ROW_INCHES, AROUND_INCHES = 0.46, 1.5
WIDE, NARROW = 10.0, 5.2  # inches: for a page, and for a phone
MOST_DRAWN = 200  # seeds in one picture
MOST_NETWORKS = 6  # lines that can still be distinguished
LOOKS: tuple[tuple[Any, str], ...] = (  # line style and marker
    ("-", ""),
    ("--", "o"),
    ("-.", "s"),
    (":", "^"),
    ((0, (6, 1, 1, 1, 1, 1)), "D"),
    ((0, (1, 2)), "X"),
)
FEW_BANDS, BAND_OPACITY, FAINT_OPACITY = 4, 0.25, 0.1  # many overlapping bands would hide the lines
NAIVE_STYLE: dict[str, Any] = {"color": NAIVE_COLOUR, "linestyle": (0, (6, 2, 1, 2)), "label": "naive forecast"}
MEAN_STYLE: dict[str, Any] = {"color": "black", "markersize": 26, "markeredgewidth": 2.4}
PUBLISHED_STYLE: dict[str, Any] = {"linewidth": 0.9, "linestyle": "--", "marker": ".", "markersize": 3}
AXES: dict[Kind, str] = {
    "share": "seeds that show it (%)",
    "error": "difference in standardised error",
    "points": "share of targets within 80 % intervals, minus 80 % (points)",
}


def draw_forest(judged: StudyVerdict, path: Path, width: float = WIDE, title: str = "") -> None:
    """Draw one row per claim: its region shaded, the interval, the answer, and the published number as a ring.

    Shares are above, differences of errors and shares within intervals below, each on its own axis. A picture that
    stands alone needs a title.
    """
    asked = [verdict for verdict in judged.claims if verdict.answer.estimate is not None]
    groups = [[each for each in asked if each.claim.question.kind == kind] for kind in AXES]
    groups = [group for group in groups if group]
    height = ROW_INCHES * (1 if width == WIDE else 1.6) * len(asked) + AROUND_INCHES * len(groups)
    heights = [len(group) + 0.6 for group in groups]
    with draw_figure(
        path, figsize=(width, height), nrows=len(groups), squeeze=False, gridspec_kw={"height_ratios": heights}
    ) as (figure, panels):
        for axes, group in zip(panels[:, 0], groups, strict=True):
            _draw_forest_panel(axes, group, width)
        figure.legend(handles=_explain_forest(asked), loc="outside lower center", ncols=4 if width == WIDE else 2)
        if title:
            figure.suptitle(break_title(title, width), x=0.01, ha="left", fontsize=13)


def _draw_forest_panel(axes: "Axes", group: Sequence[ClaimVerdict], width: float) -> None:
    from matplotlib.ticker import MaxNLocator

    kind = group[0].claim.question.kind
    factor = 1.0 if kind == "error" else 100.0
    low, high = (end * factor for end in find_axis(group[0], group))
    for row, verdict in enumerate(group):
        ends = [min(max(end * factor, low), high) for end in (verdict.region.low, verdict.region.high)]
        axes.barh(row, ends[1] - ends[0], left=ends[0], height=0.62, color=REGION_COLOUR, zorder=1)
        if interval := verdict.answer.interval:
            clipped = [min(max(end * factor, low), high) for end in interval]
            axes.plot(clipped, [row, row], color=INTERVAL_COLOUR, linewidth=2.6, solid_capstyle="butt", zorder=3)
        if verdict.published is not None:
            axes.plot(verdict.published * factor, row, zorder=4, clip_on=False, **RING)
        estimate = float(verdict.answer.estimate or 0.0) * factor
        axes.plot(estimate, row, "o", color=INTERVAL_COLOUR, markersize=7, zorder=5, clip_on=False)
        _name_row(axes, row, verdict, width)
    axes.set_yticks(range(len(group)), [verdict.id for verdict in group] if width == WIDE else [""] * len(group))
    axes.set_ylim(len(group) - 0.4, -0.6 if width == WIDE else -0.9)
    room = 0.03 * (high - low)
    axes.set_xlim(low - room, high + room)
    if kind != "share":
        axes.axvline(0, color="#888888", linewidth=0.8, zorder=2)
    axes.set_xlabel(AXES[kind])
    axes.xaxis.set_major_locator(MaxNLocator(8 if width == WIDE else 4, steps=[1, 2, 2.5, 5, 10]))
    axes.grid(visible=False)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)


def _name_row(axes: "Axes", row: int, verdict: ClaimVerdict, width: float) -> None:
    colour, words = VERDICT_COLOURS[verdict.verdict], VERDICTS[verdict.verdict]
    if width == WIDE:
        beside: dict[str, Any] = {"xycoords": ("axes fraction", "data"), "textcoords": "offset points", "va": "center"}
        axes.annotate(words, (1, row), (8, 5), color=colour, fontweight="bold", fontsize=10, **beside)
        axes.annotate(format_answer(verdict.answer), (1, row), (8, -7), color="#444444", fontsize=8.5, **beside)
        return
    above: dict[str, Any] = {"xycoords": ("axes fraction", "data"), "textcoords": "offset points", "va": "bottom"}
    axes.annotate(verdict.id, (0, row - 0.33), (0, 1), fontsize=9.5, **above)
    axes.annotate(words, (1, row - 0.33), (0, 1), ha="right", color=colour, fontweight="bold", fontsize=9.5, **above)


def _explain_forest(asked: Sequence[ClaimVerdict]) -> list[Any]:
    """Return the legend, with only the marks that are drawn."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles: list[Any] = [Patch(color=REGION_COLOUR, label="the claim holds here")]
    if any(each.answer.interval for each in asked):
        handles.append(Line2D([], [], color=INTERVAL_COLOUR, lw=2.6, label="simultaneous interval"))
    handles.append(Line2D([], [], color=INTERVAL_COLOUR, marker="o", ls="", label="answer of the seeds"))
    if any(each.published is not None for each in asked):
        handles.append(Line2D([], [], **RING, label="published, one run"))
    return handles


def draw_pairs(judged: StudyVerdict, path: Path, width: float = WIDE) -> None:
    """Draw one line per seed from the baseline to dropout: the level, and the error at the end of equal epochs."""
    from matplotlib.collections import LineCollection

    collection = judged.collection
    networks = [collection.claimed[BASELINE], collection.claimed[DROPOUT]]
    pairs = _list_pairs(judged)
    scale, unit = _choose_unit(collection.curves)
    measures = (("level", lambda curve: measure_level(curve).error), ("at the end of equal epochs", measure_end))
    labels = label_networks(networks)
    with draw_figure(path, figsize=(width, 4.2 if width == WIDE else 3.6), ncols=2, sharey=True) as (figure, panels):
        for axes, (name, measure) in zip(panels, measures, strict=True):
            errors = np.array([_measure_pair(runs, measure) for runs in pairs]) * scale
            drawn = thin_out(errors)
            better = drawn[:, 1] < drawn[:, 0]
            for variant, lines in ((DROPOUT, drawn[better]), (BASELINE, drawn[~better])):
                segments = [list(enumerate(ends)) for ends in lines]
                axes.add_collection(LineCollection(segments, colors=colour_of(variant), alpha=0.55, linewidths=1.3))
            for place, network in enumerate(networks):
                axes.plot(np.full(len(drawn), place), drawn[:, place], "o", color=colour_of(network.variant), alpha=0.8)
            (mean,) = axes.plot([0, 1], errors.mean(axis=0), "_", label="mean", **MEAN_STYLE)
            naive = axes.axhline(collection.curves.naive_val_mae * scale, **NAIVE_STYLE)
            axes.set_xticks([0, 1], [labels[network] for network in networks])
            axes.set_xlim(-0.35, 1.35)
            axes.set_title(name, loc="left", fontsize=11)
        panels[0].set_ylabel(f"validation error{unit}")
        figure.legend(handles=[mean, naive], loc="outside lower center", ncols=2)


def _explain_lines(figure: "Figure", handles: Sequence[Any], width: float) -> None:
    """Write the legend below: three entries per row on a page, one on a phone; long names are wrapped."""
    columns, characters = (3, 30) if width == WIDE else (1, 44)
    for handle in handles:
        handle.set_label(break_name(str(handle.get_label()), characters))
    figure.legend(handles=handles, loc="outside lower center", ncols=columns, fontsize=10)


def thin_out(rows: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return at most two hundred rows, evenly spaced: more cannot be distinguished."""
    chosen = np.linspace(0, len(rows) - 1, min(len(rows), MOST_DRAWN)).round().astype(int)
    return np.take(rows, chosen, axis=0)


def _measure_pair(runs: tuple[RunCurves, ...], measure: Any) -> list[float]:
    equal = count_equal_epochs(runs)
    return [measure(run.val_loss[:equal]) for run in runs]


def draw_curves(judged: StudyVerdict, path: Path, width: float = WIDE) -> None:
    """Draw the mean validation error of each network, with its 95 % t interval at every epoch as a band.

    A curve ends when the first of its seeds does: later the mean would be over other seeds.
    """
    from matplotlib.ticker import MaxNLocator

    collection = judged.collection
    looks, labels = tell_apart(list_shown(judged)), label_networks(collection.networks)
    scale, unit = _choose_unit(collection.curves)
    overlaid = _find_published(collection, [network for network in looks if network.is_of_the_study])
    with draw_figure(path, figsize=(width, 5.0 if width == WIDE else 5.8)) as (figure, axes):
        opacity = BAND_OPACITY if len(looks) <= FEW_BANDS else FAINT_OPACITY
        for network, look in looks.items():
            runs = collection.networks[network]
            equal = count_equal_epochs(tuple(runs))  # patience ends some runs earlier
            curves = np.array([run.val_loss[:equal] for run in runs]) * scale
            epochs, mean = np.arange(1, curves.shape[1] + 1), curves.mean(axis=0)
            if len(runs) > 1:
                half = measure_half_width(curves)
                axes.fill_between(epochs, mean - half, mean + half, color=look["color"], alpha=opacity, linewidth=0)
            label = f"{labels[network]}, {f'{len(runs)} seeds' if len(runs) > 1 else 'one seed'}"
            axes.plot(epochs, mean, linewidth=2.2, markevery=0.1, label=label, **look)
            if network in overlaid:
                own = overlaid[network].val_loss[: len(epochs)] * scale
                axes.plot(epochs[: len(own)], own, color=look["color"], **PUBLISHED_STYLE)
        if overlaid:
            axes.plot([], [], color=INTERVAL_COLOUR, label="published, one run", **PUBLISHED_STYLE)
        axes.axhline(collection.curves.naive_val_mae * scale, **NAIVE_STYLE)
        drawn = [run for network in looks for run in collection.networks[network]]
        _limit_curves(axes, [*drawn, *overlaid.values()], scale, max(network.epochs for network in looks))
        axes.set_xlabel("epoch")
        axes.set_ylabel(f"validation error{unit}")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        _explain_lines(figure, axes.get_legend_handles_labels()[0], width)


def _find_published(collection: Collection, networks: Sequence[Network]) -> dict[Network, RunCurves]:
    """Return the published run of each network that has one."""
    like = {network: run for network in networks if (run := collection.find_run(network))}
    published = {network: load_published_like(run).get(network.variant) for network, run in like.items()}
    return {network: curves for network, curves in published.items() if curves}


def _limit_curves(axes: "Axes", runs: Sequence[RunCurves], scale: float, epochs: int) -> None:
    """Fit the axis to the epochs after the first two, in which errors are much larger."""
    settled = np.concatenate([run.val_loss[2 if run.epochs > 3 else 0 : epochs] for run in runs]) * scale
    naive = runs[0].naive_val_mae * scale
    low, high = min(settled.min(), naive), max(settled.max(), naive)
    room = (high - low) or abs(high) or 1.0
    axes.set_ylim(low - 0.06 * room, high + 0.1 * room)
    axes.set_xlim(1, max(2, epochs))


def draw_shares(judged: StudyVerdict, path: Path, width: float = WIDE) -> None:
    """Draw, for each network, the share of seeds whose level lies below each error."""
    collection = judged.collection
    labels = label_networks(collection.networks)
    scale, unit = _choose_unit(collection.curves)
    with draw_figure(path, figsize=(width, 3.8 if width == WIDE else 4.2)) as (figure, axes):
        for network, look in tell_apart(list_shown(judged)).items():
            levels = np.sort([run.level.error for run in collection.networks[network]]) * scale
            steps = np.arange(1, len(levels) + 1) / len(levels) * 100
            x, y = np.concatenate([[levels[0]], levels]), np.concatenate([[0.0], steps])
            x, y = thin_out(np.column_stack([x, y])).T
            look["marker"] = look["marker"] or "."  # one point per seed
            axes.step(x, y, where="post", linewidth=2, markevery=slice(1, None), label=labels[network], **look)
        axes.axvline(collection.curves.naive_val_mae * scale, **NAIVE_STYLE)
        axes.set_xlabel(f"level of the validation error{unit}")
        axes.set_ylabel("seeds below it (%)")
        axes.set_ylim(0, 103)
        _explain_lines(figure, axes.get_legend_handles_labels()[0], width)


def list_shown(judged: StudyVerdict) -> list[Network]:
    """Return the networks to draw: those of the claims first, then the best of the others."""
    claimed = [each for name in (BASELINE, DROPOUT) if (each := judged.collection.claimed.get(name))]
    others = [row.network for row in judged.networks if row.network not in claimed]
    return [*claimed, *others][:MOST_NETWORKS]


def tell_apart(networks: Sequence[Network]) -> dict[Network, dict[str, Any]]:
    """Return the line style of each network: its variant's colour, varied for further networks of the same colour.

    They differ in shade, and in line style and marker, which are visible in greyscale too.
    """
    looks = dict[Network, dict[str, Any]]()
    for network, earlier in zip(networks, count_alike([each.variant for each in networks]), strict=True):
        line, marker = LOOKS[earlier]
        colour = shade(network.variant, earlier)
        looks[network] = {"color": colour, "linestyle": line, "marker": marker, "markersize": 6}
    return looks


def has_pairs(judged: StudyVerdict) -> bool:
    """Return whether any seed has runs of both the baseline and dropout that are long enough to measure the end."""
    return bool(_list_pairs(judged))


def _list_pairs(judged: StudyVerdict) -> list[tuple[RunCurves, ...]]:
    """Return the runs of the baseline and dropout of every seed that has both, long enough to measure the end."""
    networks, claimed = judged.collection.networks, judged.collection.claimed
    if not {BASELINE, DROPOUT} <= set(claimed):
        return []
    pairs = align_by_seed([networks[claimed[name]] for name in (BASELINE, DROPOUT)])
    return [pair for pair in pairs.values() if count_equal_epochs(pair) >= WINDOW_EPOCHS]


def _choose_unit(run: RunCurves) -> tuple[float, str]:
    """Return the factor for standardised errors, and the unit in brackets."""
    return (run.target_std, f" ({run.unit})") if run.unit else (1.0, " (standardised)")
