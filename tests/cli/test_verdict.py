"""`rdrop verdict`: a line a claim and a network for people, JSON for scripts, exit codes for Makefiles."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import rdrop_cli.report.check_verdict
from rdrop_cli.analysis.edition_claims import EDITION_1
from rdrop_cli.analysis.looks import LEDGER
from tests.analysis.made import make_settling
from tests.analysis.made_runs import save_made_run, save_made_study

CHECKER = rdrop_cli.report.check_verdict.__file__
RESULTS = Path(__file__).parents[2] / "docs" / "results.zip"
HINT = "reasons, sizes and what more seeds would bring: rdrop verdict --explain"


@pytest.fixture(scope="module")
def eight_seeds(tmp_path_factory):
    """A runs folder that settles most claims."""
    folder = tmp_path_factory.mktemp("eight")
    save_made_study(folder, range(8))
    return folder


@pytest.fixture(scope="module")
def one_seed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("one")
    save_made_study(folder, range(1))
    return folder


def test_every_claim_has_one_line_with_its_verdict_and_figures(rdrop, eight_seeds):
    result = rdrop("verdict", "--runs-dir", eight_seeds)
    assert (result.code, result.err) == (0, f"{HINT}\n")
    of_intervals = {claim.id for claim in EDITION_1 if claim.id.endswith(("-true", "-narrow"))}
    assert len(of_intervals) == 4, "nobody has measured them"
    claims = {claim.id: claim.question.needs for claim in EDITION_1 if claim.id not in of_intervals}
    rows = {line.split()[0]: line for line in result.out.splitlines() if line.split()[:1] and line.split()[0] in claims}
    assert set(rows) == {claim for claim, needs in claims.items() if {"baseline", "dropout"}.issuperset(needs)}
    assert re.search(r" holds +8 of 8 seeds \[50 %, 100 %\] +yes$", rows["baseline-overfits"])
    assert re.search(r"holds +-0\.03\d\d \[-0\.03\d\d, -0\.03\d\d\] +-0\.0312$", rows["resists-over-training"])


@pytest.mark.parametrize("explain", [False, True])
def test_no_line_is_wider_than_80_columns_and_no_figure_is_cut(rdrop, eight_seeds, sweep, explain):
    for folder in (eight_seeds, sweep):
        out = rdrop("verdict", "--runs-dir", folder, *["--explain"] * explain).out
        assert max(map(len, out.splitlines())) <= 80
        assert "…" not in out
        document = json.loads(rdrop("verdict", "--runs-dir", folder, "--json").out)
        for question in document["questions"]:
            if question["kind"] == "mean" and question["interval"]:
                low, high = question["interval"]
                assert f"[{low:+.4f}, {high:+.4f}]".replace("-0.0000", "+0.0000") in out


def test_the_answer_comes_first_and_the_reasons_behind_an_option(rdrop, eight_seeds):
    out = rdrop("verdict", "--runs-dir", eight_seeds).out
    assert out.startswith("baseline seeds 0-7, dropout 0.2/0.2 seeds 0-7; jena data, book protocol\n\nWithout dropout")
    assert "p = " not in out
    explained = " ".join(rdrop("verdict", "--runs-dir", eight_seeds, "--explain").out.split())
    assert "p = 0.017 over seeds" in explained
    assert "The interval covers the period too" in explained
    assert "The other reading: " in explained
    assert "When these rules were fixed, the published curves were known" in explained


def test_one_seed_has_at_most_ten_lines_and_decides_nothing(rdrop, one_seed):
    result = rdrop("verdict", "--runs-dir", one_seed)
    lines = result.out.splitlines()
    assert len(lines) <= 10
    assert "1 seed decides nothing; the first look is at 8 seeds." in result.out
    assert "holds" not in result.out


def test_json_is_json_alone(rdrop, eight_seeds):
    document = json.loads(rdrop("verdict", "--runs-dir", eight_seeds, "--json").out)
    assert document == json.loads(rdrop("verdict", "--runs-dir", eight_seeds, "--format", "json").out)
    claims = {claim["id"]: claim for claim in document["claims"]}
    assert claims["baseline-overfits"]["verdict"] == "holds"
    assert claims["baseline-overfits"]["seeds"] == list(range(8))
    assert claims["same-mask-matters"]["estimate"] is None
    assert document["skipped"] == []


def test_a_table_for_a_paper_has_the_protocol_in_its_caption(rdrop, eight_seeds):
    markdown = rdrop("verdict", "--runs-dir", eight_seeds, "--format", "markdown").out
    assert "| baseline-overfits | 8 of 8 seeds [50 %, 100 %] | 0.017 | yes reproduced | holds |" in markdown
    assert "500 steps of 128 windows an epoch; 32 units" in markdown
    assert "joint sign-flip max-T test, α = 0.05, looks at every seed from 8 to 32" in markdown
    latex = rdrop("verdict", "--runs-dir", eight_seeds, "--format", "latex").out
    assert r"baseline-overfits & 8 of 8 seeds [50 \%, 100 \%] & 0.017 & yes reproduced & holds \\" in latex
    assert latex.startswith(r"\begin{table}")
    assert re.search(r"(?<!\\)[%_#$]", latex) is None


def test_an_option_that_a_format_has_no_room_for_is_refused(rdrop, eight_seeds):
    refused = rdrop("verdict", "--runs-dir", eight_seeds, "--explain", "--format", "latex")
    assert (refused.code, "latex has no room for it" in refused.err) == (2, True)


def test_what_is_skipped_is_named_on_stderr_and_in_the_json(rdrop, tmp_path):
    save_made_study(tmp_path, range(2))
    save_made_run(tmp_path, "begun", seed=5, status="interrupted", day=2)
    save_made_run(tmp_path, "other", seed=6, sha256="6" * 64)
    result = rdrop("verdict", "--runs-dir", tmp_path, "--json")
    assert result.code == 0
    assert [each["run"] for each in json.loads(result.out)["skipped"]] == ["begun", "other"]
    assert "skipped: begun: interrupted" in result.err
    assert "skipped: other: other data than" in result.err


def test_runs_may_be_named(rdrop, eight_seeds):
    out = rdrop("verdict", "baseline-s3", "dropout-s3", "dropout-s4", "--runs-dir", eight_seeds).out
    assert out.startswith("baseline seed 3, dropout 0.2/0.2 seeds 3-4; ")


def test_data_that_are_not_the_published_ones_are_told(rdrop, tmp_path):
    save_made_study(tmp_path, range(2), verified=False)
    out = rdrop("verdict", "--runs-dir", tmp_path).out
    assert "they are not the published readings" in " ".join(out.split())
    assert "jena data (not the published file)" in " ".join(out.split())


def test_looks_are_planned_once_and_written_down(rdrop, tmp_path):
    save_made_study(tmp_path, range(6))
    assert "8 of 8" not in rdrop("verdict", "--runs-dir", tmp_path, "--looks", "6,12,24").out
    assert "6 of 6 seeds [50 %, 100 %]" in rdrop("verdict", "--runs-dir", tmp_path).out
    refused = rdrop("verdict", "--runs-dir", tmp_path, "--looks", "8,16")
    assert (refused.code, refused.out) == (2, "")
    assert "looks.json has others, 6,12,24, fixed on" in refused.err
    assert rdrop("verdict", "--runs-dir", tmp_path, "--looks", "6;12").code == 2


def test_a_winner_is_confirmed_on_fresh_seeds_or_it_is_said_why_not(rdrop, sweep, eight_seeds):
    refused = rdrop("verdict", "--runs-dir", sweep, "--confirm", "3")
    assert (refused.code, refused.out) == (2, "")
    assert "there is no seed at or above 3; train fresh seeds to confirm on" in refused.err
    out = rdrop("verdict", "--runs-dir", sweep, "--confirm", "2").out
    assert not any(text in out for text in ("cannot be judged", "Not judged", "no seeds with complete runs"))
    assert "dropout 0.1/0.5" in out
    assert "dropout 0.5/0.1" not in out
    refused = rdrop("verdict", "--runs-dir", sweep, "--confirm", "2", "--require", "better-optimum")
    assert (refused.code, "remove --require" in refused.err) == (2, True)


@pytest.mark.thorough
def test_a_confirmation_lists_the_fresh_runs_alone_and_the_plain_checker_agrees(rdrop, tmp_path):
    document = json.loads(rdrop("verdict", "--from", RESULTS, "--confirm", 28, "--json").out)
    assert {run["seed"] for run in document["runs"]} == {28, 29, 30, 31}
    assert {run["variant"] for run in document["runs"]} == {"baseline", "dropout"}
    assert (document["confirmed_from_seed"], document["claims"]) == (28, [])
    (tmp_path / "verdict.json").write_text(json.dumps(document))
    checker = subprocess.run(
        [sys.executable, CHECKER, tmp_path / "verdict.json", RESULTS], capture_output=True, text=True, check=True
    )
    assert "0 differ" in checker.stdout


@pytest.mark.parametrize(
    ("required", "code"),
    [
        (["baseline-overfits"], 0),
        (["baseline-overfits", "resists-over-training"], 0),
        (["same-mask-matters"], 3),
        (["baseline-overfits", "better-optimum"], 3),
    ],
)
def test_a_required_claim_that_does_not_hold_ends_with_code_3(rdrop, eight_seeds, required, code):
    options = [word for claim in required for word in ("--require", claim)]
    result = rdrop("verdict", "--runs-dir", eight_seeds, *options)
    assert result.code == code
    assert result.out.startswith("baseline")
    assert result.err.startswith(f"rdrop: --require {required[-1]}: undecided") == (code == 3)


def test_a_required_claim_that_is_refuted_ends_with_code_3(rdrop, tmp_path):
    for seed in range(8):
        save_made_run(tmp_path, f"level-{seed}", "baseline", seed, val_loss=[0.27 + seed / 1e5] * 20)
    result = rdrop("verdict", "--runs-dir", tmp_path, "--require", "baseline-overfits", "--json")
    assert result.code == 3
    assert json.loads(result.out)["claims"][0]["verdict"] == "does-not-hold"
    assert "rdrop: --require baseline-overfits: does not hold" in result.err


def test_an_unknown_claim_is_wrong_usage_and_the_known_are_named(rdrop, one_seed):
    result = rdrop("verdict", "--runs-dir", one_seed, "--require", "baseline-overfit")
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith("rdrop: --require: expected one of baseline-overfits, ")
    assert "received 'baseline-overfit'; did you mean 'baseline-overfits'?" in result.err


def test_without_a_run_that_can_be_judged_there_is_no_verdict(rdrop, tmp_path):
    save_made_run(tmp_path, "begun", status="interrupted")
    result = rdrop("verdict", "--runs-dir", tmp_path)
    assert (result.code, result.out) == (1, "")
    first, last = result.err.splitlines()
    assert first.startswith("skipped: begun: interrupted")
    assert last == f"rdrop: no run in {tmp_path} can be judged; start some with `rdrop train --seeds 0-7`"


def test_a_name_of_no_run_is_a_failure(rdrop, one_seed):
    result = rdrop("verdict", "nothing", "--runs-dir", one_seed)
    assert (result.code, result.out) == (1, "")
    assert "no run 'nothing'" in result.err


def test_the_help_tells_the_exit_code(rdrop):
    assert "code 3" in " ".join(rdrop("verdict", "--help").out.split())


def test_plot_draws_seeds_and_the_published_curves(rdrop, eight_seeds, tmp_path):
    picture = tmp_path / "curves.svg"
    assert rdrop("plot", "--runs-dir", eight_seeds, "--output", picture, "--published").code == 0
    text = picture.read_text()
    for words in ("baseline, 8 seeds", "dropout, 8 seeds", "baseline, published", "lowest to highest seed"):
        assert words in text


def test_plot_refuses_published_curves_of_another_quantity(rdrop, tmp_path):
    save_made_run(tmp_path, "run", protocol={"target": "p (mbar)"})
    result = rdrop("plot", "--runs-dir", tmp_path, "--published")
    assert (result.code, result.out) == (2, "")
    assert "no published curve to lay over these runs: run differs from the published runs in target" in result.err
    assert not (tmp_path / "comparison.png").exists()


@pytest.fixture(scope="module")
def sweep(tmp_path_factory):
    """Nine pairs of rates over three seeds, the best at 0.1/0.5, a baseline, and six runs that are begun only."""
    folder = tmp_path_factory.mktemp("sweep")
    for seed in range(3):
        save_made_run(folder, f"baseline-s{seed}", "baseline", seed)
        for dropout in (0.1, 0.2, 0.5):
            for recurrent in (0.1, 0.2, 0.5):
                curve = make_settling(40, 1.5, 0.25 + 0.01 * dropout - 0.01 * recurrent + seed / 1e4)
                run_id = f"dropout-{dropout}-{recurrent}-s{seed}"
                save_made_run(folder, run_id, "dropout", seed, curve, rates=(dropout, recurrent), day=2)
    for seed in range(6):
        save_made_run(folder, f"begun-{seed}", "gal", seed, status="interrupted")
    return folder


def test_every_network_is_in_the_table_the_lowest_first(rdrop, sweep):
    out = rdrop("verdict", "--runs-dir", sweep).out
    networks = [line for line in out.splitlines() if re.match(r"(baseline|dropout [\d.]+/[\d.]+) +\d+ +0\.", line)]
    assert len(networks) == 10
    assert networks[0].startswith("dropout 0.1/0.5")
    assert networks[-1].startswith("baseline")
    text = " ".join(out.split())
    assert "dropout 0.1/0.5 is the best of 10 networks on these seeds, partly by chance" in text
    assert "chosen on these seeds" in text


def test_claims_stand_on_the_studys_rates_and_stderr_is_short_however_many_runs_there_are(rdrop, sweep):
    result = rdrop("verdict", "--runs-dir", sweep)
    assert result.out.startswith("baseline seeds 0-2, dropout 0.2/0.2 seeds 0-2, 8 more networks; ")
    skipped = "skipped: 6 runs that are not complete: begun-0, begun-1, begun-2 and 3 more"
    assert result.err.splitlines() == [skipped, HINT]


def test_networks_are_in_the_json(rdrop, sweep):
    document = json.loads(rdrop("verdict", "--runs-dir", sweep, "--json").out)
    assert len(document["networks"]) == 10
    assert document["networks"][0]["label"] == "dropout 0.1/0.5"
    assert document["networks"][0]["reference"] == "baseline"
    assert document["networks"][0]["chosen_on_these_seeds"] is True
    assert document["networks"][-1]["question"] is None
    assert len(document["runs"]) == 30
    assert len(document["skipped"]) == 6


def test_of_two_networks_none_was_chosen(rdrop, eight_seeds):
    assert "chosen" not in rdrop("verdict", "--runs-dir", eight_seeds).out


def test_the_heat_map_is_drawn_into_the_runs_folder(rdrop, sweep):
    result = rdrop("plot", "--rates", "--runs-dir", sweep)
    assert (result.code, result.out) == (0, f"{sweep / 'rates.png'}\n")
    assert (sweep / "rates.png").read_bytes().startswith(b"\x89PNG")
    assert result.err.splitlines() == ["note: 6 runs that are not complete: begun-0, begun-1, begun-2 and 3 more"]


def test_named_runs_alone_are_in_the_heat_map_in_the_unit_that_is_asked_for(rdrop, sweep, tmp_path):
    names = [f"dropout-{a}-{b}-s0" for a in (0.1, 0.2) for b in (0.2, 0.5)]
    picture = tmp_path / "rates.svg"
    result = rdrop("plot", "--rates", *names, "--runs-dir", sweep, "--output", picture, "--unit", "standardised")
    assert result.code == 0, result.err
    text = picture.read_text()
    assert "the best of 4 pairs, partly by chance: 0.1/0.5" in text
    assert "(standardised)" in text
    assert "°C" not in text


def test_without_several_rates_there_is_no_heat_map(rdrop, eight_seeds, tmp_path):
    result = rdrop("plot", "--rates", "--runs-dir", eight_seeds, "--output", tmp_path / "rates.png")
    assert (result.code, result.out) == (1, "")
    (line,) = result.err.splitlines()
    assert line.startswith("rdrop: --rates: expected at least two values of dropout and two of recurrent dropout")
    assert not (tmp_path / "rates.png").exists()


def test_published_curves_have_no_place_in_a_heat_map(rdrop, sweep):
    result = rdrop("plot", "--rates", "--published", "--runs-dir", sweep)
    assert (result.code, result.out) == (2, "")
    assert "--published adds published curves, and --rates draws none" in result.err


def test_curves_of_a_sweep_are_those_of_the_usual_rates_and_the_heat_map_is_named(rdrop, sweep, tmp_path):
    result = rdrop("plot", "--runs-dir", sweep, "--output", tmp_path / "curves.svg")
    assert result.code == 0
    assert "note: to compare rates: rdrop plot --rates" in result.err
    assert "24 runs with other rates" in result.err
    assert "dropout, 3 seeds" in (tmp_path / "curves.svg").read_text()


@pytest.mark.thorough
def test_another_target_is_never_called_by_what_the_study_forecast(rdrop, tmp_path):
    document = {"target_std": 5120.0, "unit": "MW"}
    for seed in range(2):
        for rates in ((0.1, 0.1), (0.1, 0.2), (0.2, 0.1), (0.2, 0.2)):
            how = {"protocol": {"target": "load_MW"}, "dataset": "grid", "document": document, "rates": rates}
            save_made_run(tmp_path, f"d-{rates}-{seed}", "dropout", seed, **how)
        how["rates"] = None
        save_made_run(tmp_path, f"b-{seed}", "baseline", seed, **how)
    told = rdrop("verdict", "--runs-dir", tmp_path, "--explain")
    texts = [told.out + told.err]
    for arguments in (["plot"], ["plot", "--rates"]):
        picture = tmp_path / f"{len(texts)}.svg"
        assert rdrop(*arguments, "--runs-dir", tmp_path, "--output", picture).code == 0
        texts.append(picture.read_text())
    assert rdrop("report", "--runs-dir", tmp_path).code == 0
    texts.append((tmp_path / "report.html").read_text())
    for text in texts:
        assert "MW" in text
        for word in ("°C", "degC", "temperature", "Jena", "jena"):
            assert word not in text
    assert re.search(r"baseline-overfits .* –$", told.out, flags=re.MULTILINE)  # nothing was published of it


def test_several_datasets_are_judged_together(rdrop, tmp_path):
    for number, name in enumerate(("north", "south")):
        for variant in ("baseline", "dropout"):
            for seed in range(8):
                run_id = f"{variant}-s{seed}-{name}"
                save_made_run(tmp_path, run_id, variant, seed, dataset=name, sha256=f"{number}" * 64)
    result = rdrop("verdict", "--across-datasets", "--runs-dir", tmp_path)
    assert result.code == 0, result.err
    assert "baseline-overfits         holds         8 of 8 seeds" in result.out
    assert "  north: holds, 8 of 8 seeds" in result.out
    (study,) = json.loads((tmp_path / LEDGER).read_text())["studies"]
    assert study["sha256"] == "0" * 64 + "+" + "1" * 64
    document = json.loads(rdrop("verdict", "--across-datasets", "--json", "--runs-dir", tmp_path).out)
    assert len(document["datasets"]) == 2
    refused = rdrop("verdict", "--across-datasets", "--confirm", 4, "--runs-dir", tmp_path)
    assert refused.code == 2
    assert "remove --confirm" in refused.err
    required = rdrop("verdict", "--across-datasets", "--require", "same-mask-matters", "--runs-dir", tmp_path)
    assert required.code == 3


def test_what_several_datasets_skip_is_told(rdrop, tmp_path):
    for number, name in enumerate(("north", "south")):
        data = {"dataset": name, "sha256": f"{number}" * 64}
        save_made_run(tmp_path, f"baseline-{name}", day=2, **data)
        save_made_run(tmp_path, f"small-{name}", seed=1, protocol={"units": 3}, **data)
    save_made_run(tmp_path, "failed", seed=2, status="failed", failure="no memory", **data)
    result = rdrop("verdict", "--across-datasets", "--json", "--runs-dir", tmp_path)
    listed = {each["name"]: [run["run"] for run in each["skipped"]] for each in json.loads(result.out)["datasets"]}
    assert listed == {"north": ["small-north"], "south": ["failed", "small-south"]}
    assert result.err.count("skipped: ") == 3
