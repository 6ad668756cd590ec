"""What docs/verdict.md says is so: its commands run, its claims and figures are those of the code."""

import re
import shlex
from pathlib import Path

import pytest
from rdrop_cli.analysis.networks_text import ARMS_HEADS
from rdrop_cli.analysis.stats import ALPHA, count_pairs_to_reach, smallest_sign_flip_p

from rdrop_cli.analysis.claims import BENEFITS, CLAIMS, SCORE_MARGIN
from rdrop_cli.analysis.published import PUBLISHED_TARGET_STD
from rdrop_cli.plots.groups import MOST_GROUPS
from rdrop_cli.plots.loss import FEW_GROUPS
from rdrop_cli.plots.rates import MOST_PANELS
from tests.analysis.made_runs import save_made_run, save_made_study

PAGE = (Path(__file__).parents[2] / "docs" / "verdict.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```sh\n(.*?)```", PAGE, flags=re.DOTALL)
COMMANDS = [line.split("  #")[0].strip() for block in BLOCKS for line in block.splitlines()]


@pytest.fixture(scope="module")
def eight_seeds(tmp_path_factory):
    folder = tmp_path_factory.mktemp("docs")
    save_made_study(folder / "runs", range(8))
    for rates in ((0.2, 0.5), (0.5, 0.2)):
        save_made_run(folder / "runs", f"sweep-{rates}", "dropout", 0, rates=rates)
    return folder


@pytest.mark.parametrize("command", [command for command in COMMANDS if "train" not in command])
def test_every_command_of_the_page_runs(rdrop, eight_seeds, monkeypatch, command):
    monkeypatch.chdir(eight_seeds)
    result = rdrop(*shlex.split(command)[1:])
    assert result.code == 0, result.err
    assert result.out


def test_the_page_has_commands():
    assert len(COMMANDS) == 10


def test_every_claim_is_in_the_tables_with_its_region():
    rows = dict(re.findall(r"^\| `([a-z-]+)` \|.*\| ([^|]+) \|$", PAGE, flags=re.MULTILINE))
    assert list(rows) == [claim.id for claim in (*CLAIMS, *BENEFITS)]
    for claim in (*CLAIMS, *BENEFITS):
        low, high = claim.region.low, claim.region.high
        words = {
            (-SCORE_MARGIN, SCORE_MARGIN): "between −0.005 and 0.005",
            (SCORE_MARGIN, float("inf")): "above 0.005",
            (float("-inf"), SCORE_MARGIN): "below 0.005",
            (0.0, float("inf")): "above 0",
            (float("-inf"), 0.0): "below 0",
        }
        assert rows[claim.id] == words[low, high], claim.id


def test_the_figures_of_the_page_are_those_of_the_code():
    assert f"**The margin of {SCORE_MARGIN}** ({SCORE_MARGIN * PUBLISHED_TARGET_STD:.3f} °C)" in PAGE
    assert f"2 / 2⁵ = {smallest_sign_flip_p(5)}" in PAGE
    assert f"reach {smallest_sign_flip_p(6):.3f}" in PAGE
    assert f"(2 / 2⁸ = {smallest_sign_flip_p(8):.4f})" in PAGE
    assert smallest_sign_flip_p(7) > 0.05 / 6 > smallest_sign_flip_p(8)
    assert "nine comparisons take nine seeds" in PAGE
    assert count_pairs_to_reach(ALPHA / 9) == 9


def test_every_column_of_the_table_of_networks_is_explained():
    section = PAGE[PAGE.index("## Which network does best") :]
    assert tuple(re.findall(r"^\| ([a-z ]+) \|", section, flags=re.MULTILINE))[1:9] == ARMS_HEADS


def test_the_limits_of_the_pictures_are_those_of_the_code():
    assert "has a panel, up to four" in PAGE
    assert "Of more than eight networks" in PAGE
    assert "of more than four only the mean validation errors" in PAGE
    assert (MOST_PANELS, MOST_GROUPS, FEW_GROUPS) == (4, 8, 4)
