"""The unrolled cells: colours are masks, and solid is what nothing touches."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from matplotlib.colors import same_color, to_hex
from matplotlib.patches import FancyArrowPatch

from rdrop_cli.anatomy.plot import MaskColours, Panel, _arrange_rows, draw_anatomies
from rdrop_cli.anatomy.plot_cell import PLAIN, TIMESTEPS
from rdrop_cli.anatomy.record import MaskRecord
from rdrop_cli.study.methods import Lifetime, Site
from rdrop_cli.study.variants import VARIANTS

GATES = ("z", "r", "h")


def make_masks(site: Site, *, argument: str = "recurrent_dropout", count: int = 1, anew: bool = False, seed: int = 0):
    """Masks as a training call of a layer `gru` leaves them."""
    rng = np.random.default_rng(seed)
    shape = (32, 12, 8) if anew else (32, 8)
    lifetime = Lifetime.STEP if anew else Lifetime.SEQUENCE
    arrays = (rng.random((count, *shape)) > 0.3).astype(np.float32)
    return tuple(MaskRecord("gru", argument, site, "h", GATES[:count], lifetime, array) for array in arrays)


def make_panel(variant: str, *masks: MaskRecord) -> Panel:
    return Panel(variant, VARIANTS[variant].paper, "gru", ("gru",), masks)


@pytest.fixture
def draw(drawn, tmp_path):
    """Draw panels and return the arrows of each."""

    def run(*panels: Panel, path: Path = tmp_path / "cells.png") -> list[list[FancyArrowPatch]]:
        draw_anatomies(panels, path)
        arrows = [[text.arrow_patch for text in axes.texts if getattr(text, "arrow_patch", None)] for axes in drawn]
        return arrows[: len(panels)]

    return run


def count_colours(arrows: list[FancyArrowPatch]) -> Counter[str]:
    colours = [arrow.get_edgecolor() for arrow in arrows]
    return Counter(to_hex(colour) for colour in colours if not same_color(colour, PLAIN["color"]))


def test_a_mask_that_lasts_has_one_colour_and_one_drawn_anew_a_new_one_each_time():
    lasting, anew = make_masks(Site.CANDIDATE), make_masks(Site.CANDIDATE, anew=True)
    assert len({MaskColours(lasting)(lasting[0], t) for t in range(TIMESTEPS)}) == 1
    assert len({MaskColours(anew)(anew[0], t) for t in range(TIMESTEPS)}) == TIMESTEPS


def test_a_mask_called_new_that_is_the_same_keeps_its_colour():
    """Colours come from what the masks hold, not from what is said of them."""
    (mask,) = make_masks(Site.CANDIDATE, anew=True)
    mask.array[:] = mask.array[:, :1]
    assert len({MaskColours([mask])(mask, t) for t in range(TIMESTEPS)}) == 1


def test_masks_of_different_gates_layers_and_timesteps_never_share_a_colour():
    masks = (
        *make_masks(Site.LAYER_INPUT, argument="dropout", count=3),
        *make_masks(Site.RECURRENT_INPUT, count=3, anew=True, seed=1),
    )
    colours = MaskColours(masks)
    assert len({colours(mask, t) for mask in masks for t in range(TIMESTEPS)}) == 3 + 3 * TIMESTEPS


def test_without_masks_every_arrow_is_solid(draw):
    (arrows,) = draw(make_panel("baseline"))
    assert len(arrows) == 4 * TIMESTEPS + 1  # x, read, written and carried on at each timestep, and the output
    assert {arrow.get_linestyle() for arrow in arrows} == {"-"}
    assert not count_colours(arrows)


def test_masked_arrows_are_not_solid(draw):
    (arrows,) = draw(make_panel("gal-tied", *make_masks(Site.RECURRENT_INPUT)))
    solid = [arrow for arrow in arrows if arrow.get_linestyle() == "-"]
    assert len(solid) == 3 * TIMESTEPS + 1
    assert not count_colours(solid)


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("variant", "site", "options", "expected"),
    [
        ("gal", Site.RECURRENT_INPUT, {"count": 3}, [TIMESTEPS] * 3),  # three colours, each at every timestep
        ("gal-tied", Site.RECURRENT_INPUT, {}, [TIMESTEPS]),
        ("naive-step", Site.RECURRENT_INPUT, {"count": 3, "anew": True}, [1] * 3 * TIMESTEPS),
        ("semeniuta-step", Site.CANDIDATE, {"anew": True}, [1] * TIMESTEPS),
        ("moon", Site.NEW_STATE, {}, [2 * TIMESTEPS]),  # what is written and what is carried on
        ("masked-carry", Site.PREVIOUS_STATE, {}, [2 * TIMESTEPS]),  # what is read and what is carried on
        ("zoneout", Site.STATE_UPDATE, {"anew": True}, [3] * TIMESTEPS),  # both, and the old value kept
        ("dropconnect", Site.RECURRENT_KERNEL, {}, [TIMESTEPS]),
        ("locked-before", Site.GIVEN_SEQUENCE, {"argument": "rate"}, [TIMESTEPS]),
        ("dropout-before", Site.GIVEN_SEQUENCE, {"argument": "rate", "anew": True}, [1] * TIMESTEPS),
        ("dropout-after", Site.RETURNED_OUTPUT, {"argument": "rate"}, [1]),
    ],
)
def test_a_masks_colour_is_where_it_multiplies(draw, variant, site, options, expected):
    (arrows,) = draw(make_panel(variant, *make_masks(site, **options)))
    assert sorted(count_colours(arrows).values()) == expected


@pytest.mark.thorough
def test_pictures_of_one_of_several_rows_and_of_pairs_are_drawn_and_named(tmp_path):
    pair = Panel("bidirectional", "Schuster and Paliwal 1997", "lstm", ("forward_lstm", "backward_lstm"), (), pair=True)
    stack = Panel("stacked", "Chollet 2017", "gru", ("gru", "gru_2"), make_masks(Site.RECURRENT_INPUT, count=3))
    for panels in ([pair], [stack, pair], [make_panel("baseline")] * 7 + [pair]):
        path = tmp_path / f"{len(panels)}.svg"
        draw_anatomies(panels, path)
        text = path.read_text()
        for words in ("bidirectional", "Schuster and Paliwal 1997", "nothing is dropped", "carried on"):
            assert words in text


def test_families_have_rows_of_their_own_and_a_heading(tmp_path):
    read, written = make_masks(Site.RECURRENT_INPUT, count=3), make_masks(Site.CANDIDATE)
    panels = [make_panel("semeniuta-step", *written), *[make_panel("gal", *read)] * 4, make_panel("baseline")]
    assert [(heading, len(row)) for heading, row in _arrange_rows(panels)] == [
        ("masks on h, where the gates read it", 3),
        ("", 1),
        ("masks on g, which is about to be written, and on U, by which the gates read h", 1),
        ("masks outside the recurrence, and none", 1),
    ]
    assert [heading for heading, _ in _arrange_rows(panels[1:3])] == [""]


@pytest.mark.parametrize(("cell", "letters"), [("gru", "z r g"), ("lstm", "i f g o")])
def test_the_letters_are_those_of_the_equations(tmp_path, cell, letters):
    path = tmp_path / "cell.svg"
    draw_anatomies([Panel("gal", "", cell, (cell,), ())], path)
    assert letters in path.read_text()
