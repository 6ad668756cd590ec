"""The claims of editions 2 and 3 are judged on runs of their protocol, beside the numbers that they print."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

import rdrop_cli.report.check_verdict
from rdrop_cli.analysis.edition_claims import EDITION_1, EDITION_2, list_claims
from rdrop_cli.analysis.judged import StudyVerdict
from rdrop_cli.analysis.looks import judge_runs
from rdrop_cli.analysis.published import PRINTED_IN_DEGC, PRINTED_SHARES, load_published
from rdrop_cli.errors import UsageError
from rdrop_cli.files import to_json
from rdrop_cli.report.text import write_page
from rdrop_cli.study.editions import EDITIONS
from rdrop_cli.study.variants import VARIANTS
from tests.analysis.made import make_settling, make_v
from tests.analysis.made_runs import save_daily_errors, save_made_run

SEEDS = range(8)
TARGET_STD = 8.84  # of the made runs, whose naive errors are 0.29 and 0.3


def make_curve(variant: str, epochs: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return (val_loss, train_mae) of a network of edition 2, about as its text has them."""
    noise = np.random.default_rng([seed, len(variant)]).normal(0, 0.0005, epochs)
    if variant in ("lstm", "lstm-bidirectional"):
        turn, floor = (4, 0.271) if variant == "lstm" else (2, 0.278)
        up = make_v(epochs, turn, noise=0, seed=0) - 0.26 + floor + noise
        return up, up - 0.01 * np.arange(epochs)
    level = {"dense": 0.3, "conv-average": 0.33, "lstm-dropout": 0.26, "gru-stacked": 0.258}[variant]
    flat = make_settling(epochs, pace=2, floor=level) + noise
    return flat, flat


def save_study(folder: Path, edition: str, seeds: Sequence[int] = SEEDS) -> None:
    for variant, epochs in EDITIONS[edition].networks.items():
        for seed in seeds:
            val_loss, training = make_curve(variant, epochs, seed)
            run = save_made_run(
                folder, f"{variant}-s{seed}", variant, seed, val_loss, training, edition=edition, verified=True
            )
            save_daily_errors(run, float(val_loss.min()), seed)


@pytest.fixture(scope="module", params=["book2", "book3"])
def edition(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path, StudyVerdict]:
    folder = tmp_path_factory.mktemp(request.param)
    save_study(folder, request.param)
    return request.param, folder, judge_runs([], folder)


def test_every_claim_of_the_edition_is_judged_on_runs_of_it(edition) -> None:
    _, _, judged = edition
    verdicts = {each.id: each.verdict for each in judged.claims}
    assert list(verdicts) == [claim.id for claim in EDITION_2]
    unmeasured = {claim.id for claim in EDITION_2 if claim.question.in_points}
    undecided = {name for name, verdict in verdicts.items() if verdict == "undecided"}
    assert undecided == {"lstm-dropout-no-overfit", *unmeasured}
    assert set(verdicts.values()) == {"holds", "undecided"}
    assert all(each.has_answer for each in judged.claims if each.id not in unmeasured)


def test_the_printed_number_stands_beside_the_interval_in_standardised_units(edition) -> None:
    name, _, judged = edition
    printed = {"book2": 2.36, "book3": 2.39}[name] - 2.44
    lowest = judged.find("lstm-validation")
    assert lowest.published == pytest.approx(printed / TARGET_STD)
    assert judged.find("gru-stacked-best").published == pytest.approx((2.39 - 2.45) / TARGET_STD)
    assert judged.find("lstm-overfits").published == 1.0
    assert judged.find("dense-not-below-naive").published is None
    assert judged.find("dense-not-below-naive").reproduced is None


def test_a_number_is_reproduced_where_one_more_run_would_fall(edition) -> None:
    _, _, judged = edition
    for verdict in judged.claims:
        if verdict.published is not None and not verdict.claim.question.is_share:
            values = verdict.answer.values
            half = 2.3646 * values.std(ddof=1) * (1 + 1 / 8) ** 0.5  # Student's t with 7 degrees of freedom
            inside = abs(verdict.published - values.mean()) <= half
            assert verdict.reproduced is bool(inside), verdict.id
    found = {verdict.reproduced for verdict in judged.claims if verdict.published is not None}
    assert found == {True, False}
    page = "\n".join(write_page(judged))
    assert "not reproduced" in page
    assert "claims of edition" in page


def test_other_networks_are_compared_with_the_editions_own_reference(edition) -> None:
    _, _, judged = edition
    references = {row.label: row.reference for row in judged.networks}
    assert references.pop("lstm") is None
    assert set(references.values()) == {"lstm"}


def test_the_checker_comes_to_every_number(edition, tmp_path: Path) -> None:
    _, folder, judged = edition
    (tmp_path / "verdict.json").write_text(to_json(judged.to_json()))
    command = [sys.executable, "-I", "-S", rdrop_cli.report.check_verdict.__file__, tmp_path / "verdict.json", folder]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.stdout.endswith("numbers agree, 0 differ\n"), result.stdout


def test_under_another_task_nothing_was_printed(tmp_path: Path) -> None:
    for seed in range(2):
        val_loss, training = make_curve("lstm", 10, seed)
        save_made_run(
            tmp_path, f"s{seed}", "lstm", seed, val_loss, training, edition="book2", protocol={"horizon_rows": 72}
        )
    judged = judge_runs([], tmp_path)
    assert judged.find("lstm-validation").has_answer
    assert judged.find("lstm-validation").published is None
    with pytest.raises(UsageError, match="steadier-scores is no claim of the edition that these runs follow"):
        judged.find("steadier-scores")


def test_the_claims_of_an_edition_are_about_its_networks_and_have_ids_of_their_own() -> None:
    for edition in EDITIONS.values():
        claims = list_claims(edition)
        ids = [claim.id for claim in claims]
        assert len(ids) == len(set(ids))
        named = {network for claim in claims for network in claim.question.needs}
        assert named <= set(VARIANTS)
        assert named >= set(edition.networks)
        numbers = {**PRINTED_IN_DEGC.get(edition.number, {}), **PRINTED_SHARES.get(edition.number, {})}
        assert set(numbers) <= {claim.question.id for claim in claims}


def test_the_printed_curves_of_edition_1_say_what_the_text_says_and_the_lowest_epochs_not_all_of_it() -> None:
    runs = load_published()
    for claim in (each for each in EDITION_1[12:] if not each.question.in_points):
        value = claim.question.measure(tuple(runs[name] for name in claim.question.needs))
        assert value in claim.region(0.02 * 0.29), claim.id
    assert runs["stacked"].val_loss.min() > runs["dropout"].val_loss.min()  # their levels are the other way round
