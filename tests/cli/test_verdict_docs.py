"""What docs/verdict.md says is so: its commands run, its claims and figures are those of the code."""

import re
import shlex
from pathlib import Path

import pytest

from rdrop_cli.analysis.edition_claims import EDITION_1, EDITION_2
from rdrop_cli.analysis.intervals import RARE_SHARE, bound_rare_share
from rdrop_cli.analysis.joint_test import ALPHA, ALPHA_RARE, EXACT_SEEDS, Plan
from rdrop_cli.analysis.published import PUBLISHED_NAIVE_VAL_MAE, PUBLISHED_TARGET_STD
from rdrop_cli.analysis.questions import BOOK_EPOCHS
from rdrop_cli.plots.groups import MOST_GROUPS
from rdrop_cli.plots.loss import FEW_GROUPS
from rdrop_cli.plots.rates import MOST_PANELS
from rdrop_cli.runs.history import MARGIN_SHARE
from tests.analysis.calibration import SCENARIOS, SIZES
from tests.analysis.made import make_settling
from tests.analysis.made_runs import save_made_run, save_made_study

PAGE = (Path(__file__).parents[2] / "docs" / "verdict.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```sh\n(.*?)```", PAGE, flags=re.DOTALL)
COMMANDS = [line.split("  #")[0].strip() for block in BLOCKS for line in block.splitlines()]
NOT_RUN = ("train", "across", "make ", "check_verdict", ">")


@pytest.fixture(scope="module")
def sixteen_seeds(tmp_path_factory):
    folder = tmp_path_factory.mktemp("docs")
    save_made_study(folder / "runs", range(16))
    for rates in ((0.2, 0.5), (0.5, 0.2)):
        for seed in range(16):
            curve = make_settling(40, 1.5, 0.25 + seed / 1e4)
            save_made_run(folder / "runs", f"sweep-{rates}-{seed}", "dropout", seed, curve, rates=rates)
    return folder


@pytest.mark.thorough
@pytest.mark.parametrize("command", [each for each in COMMANDS if not any(word in each for word in NOT_RUN)])
def test_every_command_of_the_page_runs(rdrop, sixteen_seeds, monkeypatch, command):
    monkeypatch.chdir(sixteen_seeds)
    result = rdrop(*shlex.split(command)[1:])
    assert result.code == 0, result.err
    assert result.out


def test_the_page_has_commands():
    assert len(COMMANDS) > 12


def test_every_claim_is_in_the_table():
    table = PAGE[PAGE.index("## The claims") : PAGE.index("**Two readings.**")]
    ids = re.findall(r"^\| `([a-z-]+)` \|", table, flags=re.MULTILINE)
    of_editions = [claim.id for claim in (*EDITION_1, *EDITION_2) if not claim.question.in_points]
    assert ids == [*of_editions, *(claim.id for claim in EDITION_1 if claim.question.in_points)]


def test_the_figures_of_the_page_are_those_of_the_code():
    margin = MARGIN_SHARE * PUBLISHED_NAIVE_VAL_MAE
    assert f"**The margin** is {MARGIN_SHARE:.0%}".replace("%", " %") in PAGE
    assert f"{margin:.4f} in the Jena data ({margin * PUBLISHED_TARGET_STD:.3f} °C)" in PAGE
    assert f"at most {100 * ALPHA:.0f} %" in PAGE
    assert f"Up to {EXACT_SEEDS} seeds every flip is tried" in PAGE
    assert f"with {100 * ALPHA_RARE:.0f} of the 5 %" in PAGE
    assert f"a bet on a share of {100 * RARE_SHARE:.0f} %" in PAGE
    assert bound_rare_share([False] * 22) > 0.2 > bound_rare_share([False] * 23)
    assert (Plan().can_decide, Plan().looks[-1], Plan((6, 12, 24)).can_decide) == (8, 32, 6)
    assert f"by epoch {BOOK_EPOCHS}" in PAGE


def test_the_calibration_of_the_page_has_every_scenario_and_no_null_above_the_level():
    rows = re.findall(r"^\| ([^|]+) \| ([\d,]+) \|(.*)\|$", PAGE, flags=re.MULTILINE)
    rates = {name: [float(cell) for cell in cells.split("|")] for name, _, cells in rows}
    assert list(rates) == [scenario.name for scenario in SCENARIOS]
    assert int(rows[0][1].replace(",", "")) >= 100_000
    for name, cells in rates.items():
        assert max(cells[: len(SIZES) + 1]) <= ALPHA, name


def test_the_limits_of_the_pictures_are_those_of_the_code():
    assert "has a panel, up to four" in PAGE
    assert "With more than eight networks" in PAGE
    assert "with more than four, only the mean validation errors" in PAGE
    assert (MOST_PANELS, MOST_GROUPS, FEW_GROUPS) == (4, 8, 4)
