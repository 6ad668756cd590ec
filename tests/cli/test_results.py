"""The page of results says what its archive says, and the archive what the plain checker computes from it."""

import json
import re
import subprocess
import sys
from pathlib import Path
from statistics import fmean

import pytest

import rdrop_cli.report
from rdrop_cli import api
from rdrop_cli.analysis.measures import measure_end, measure_level
from rdrop_cli.analysis.published import load_published
from rdrop_cli.export.archive import unpack_archive
from rdrop_cli.study.methods import METHODS
from rdrop_cli.study.variants import REFERENCES
from tests.report.test_html import Page

DOCS = Path(__file__).parents[2] / "docs"
ARCHIVE = DOCS / "results.zip"
CHECKER = Path(rdrop_cli.report.__file__).with_name("check_verdict.py")


@pytest.fixture(scope="module")
def page():
    return (DOCS / "results.md").read_text()


def read_archive(rdrop, name):
    runs = json.loads(rdrop("runs", "--from", DOCS / name, "--json").out)
    return sorted(runs, key=lambda run: run["seed"])


def test_the_verdict_on_the_page_is_that_of_the_archive(page, rdrop):
    result = rdrop("verdict", "--from", ARCHIVE)
    assert result.code == 0
    (block,) = re.findall(r"```text\n(.*?)\n```", page, re.DOTALL)
    assert block == result.out.rstrip()


@pytest.mark.thorough
def test_the_plain_checker_agrees(page, rdrop, tmp_path):
    (tmp_path / "verdict.json").write_text(rdrop("verdict", "--from", ARCHIVE, "--json").out)
    command = [sys.executable, "-I", CHECKER, tmp_path / "verdict.json", ARCHIVE]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (0, "")
    (count,) = re.findall(r"(\d+) numbers agree, 0 differ", result.stdout)
    assert f"{int(count):,} numbers agree" in page


@pytest.mark.thorough
def test_the_html_page_is_the_report_of_the_archive(rdrop, tmp_path):
    """Pictures aside, whose bytes are Matplotlib's."""
    rdrop("report", "--from", ARCHIVE, "--output", tmp_path / "results.html")
    made, kept = (Page(path.read_text("utf-8")) for path in (tmp_path / "results.html", DOCS / "results.html"))
    assert made.text == kept.text
    assert len(kept.text) > 5000


def test_every_number_of_the_text_is_in_the_verdict(page, rdrop):
    verdict = rdrop("verdict", "--from", ARCHIVE, "--explain").out
    text = page.split("## Every claim")[0]
    readme = " ".join((DOCS.parent / "README.md").read_text().split())
    for shown in ("10 of 32", "-0.003 °C"):
        assert shown in text
        assert shown.split(" °C")[0] in verdict
        assert shown in readme
    assert {"0.2776", "0.2798"} <= set(re.findall(r"0\.\d{4}", text)) & set(re.findall(r"0\.\d{4}", verdict))


@pytest.mark.parametrize("number", [2, 3])
def test_the_table_of_a_later_edition_is_that_of_its_archive(page, rdrop, number):
    runs = read_archive(rdrop, f"results-book{number}.zip")
    section = page.split(f"## Edition {number}")[1].split("## ")[0]
    assert {run["protocol"] for run in runs} == {f"book{number}"}
    for variant in {run["variant"] for run in runs}:
        (row,) = re.findall(rf"\| `{variant}` \|.*", section)
        assert f"| {render([run for run in runs if run['variant'] == variant])} |" in row


def render(runs):
    """Render the runs of a network by seed, or that of a reference forecast, which has no epochs."""
    if runs[0]["variant"] not in REFERENCES:
        return render_seeds(runs)
    (run,) = runs
    return f"{run['best']['val_mae_in_unit']:.2f} | – | – | {run['test']['mae_in_unit']:.2f}"


def render_seeds(runs):
    """Render a network's runs as the tables do: the best error, its epoch, the last error, the test's."""
    figures = [
        [f"{run['best']['val_mae_in_unit']:.2f}" for run in runs],
        [str(run["best"]["epoch"]) for run in runs],
        [f"{run['final']['val_mae_in_unit']:.2f}" for run in runs],
        [f"{run['test']['mae_in_unit']:.2f}" for run in runs],
    ]
    assert [run["seed"] for run in runs] == list(range(len(runs)))
    return " | ".join(map(", ".join, figures))


@pytest.mark.parametrize("variant", ["dense", "gru-reversed", "bidirectional", "stacked", "conv", "conv-gru"])
def test_the_table_of_edition_1_is_that_of_its_archive(page, rdrop, variant):
    runs = [run for run in read_archive(rdrop, "results-edition1.zip") if run["variant"] == variant]
    printed = load_published()[variant]
    best, scale = int(printed.val_loss.argmin()), printed.target_std
    book = f"{printed.val_loss[best] * scale:.2f}, {best + 1}, {printed.val_loss[-1] * scale:.2f}"
    section = page.split("## Edition 1")[1].split("## ")[0]
    (row,) = re.findall(rf"\| `{variant}` \|.*", section)
    assert row.endswith(f"| {render_seeds(runs)} | {book} |")


@pytest.mark.parametrize(
    "variant",
    ["baseline", "dropout", "gradient-boosting", "dlinear", "nlinear", "ridge", "damped-persistence", "naive"],
)
def test_the_table_of_jena_2020_is_that_of_its_archive(page, rdrop, variant):
    runs = [run for run in read_archive(rdrop, "results-jena2020.zip") if run["variant"] == variant]
    section = page.split("## Jena in 2020")[1].split("## ")[0]
    (row,) = re.findall(rf"\| `{variant}` \|.*", section)
    assert row.endswith(f"| {render(runs)} |")
    assert len(runs) == (1 if variant in REFERENCES else 3)


STATIONS = {"Beijing": "results-beijing.zip", "Melbourne": "results-melbourne.zip"}


@pytest.fixture(scope="module")
def stations(page):
    return page.split("## Two other stations")[1].split("\n## ")[0]


@pytest.mark.parametrize("station", STATIONS)
def test_the_table_of_other_stations_is_that_of_their_archives(stations, rdrop, station):
    runs = read_archive(rdrop, STATIONS[station])
    rows = re.findall(rf"\| {station} \| `(.*?)` \| (.*) \|\n", stations)
    assert len(rows) == 9
    for variant, figures in rows:
        of_network = [run for run in runs if run["variant"] == variant and len(set(run["rates"].values())) == 1]
        assert figures == (render(of_network) if variant in REFERENCES else render_spans(of_network))


def render_spans(runs):
    """Render the runs of eight seeds: means with the lowest and the highest, and in which epochs they are best."""
    best, last, test = (
        [run[moment][error] for run in runs]
        for moment, error in (("best", "val_mae_in_unit"), ("final", "val_mae_in_unit"), ("test", "mae_in_unit"))
    )
    epochs = [run["best"]["epoch"] for run in runs]
    spans = [f"{fmean(errors):.2f} ({min(errors):.2f} to {max(errors):.2f})" for errors in (best, last, test)]
    assert [run["seed"] for run in runs] == list(range(8))
    return f"{spans[0]} | {min(epochs)} to {max(epochs)} | {spans[1]} | {spans[2]}"


@pytest.mark.parametrize(
    ("station", "differences"),
    [
        ("Beijing", {"level": "0.32 °C higher, between 0.08 and 0.57", "end": "0.42 °C higher"}),
        ("Melbourne", {"end": "0.06 °C after the same epochs, between 0.00 and 0.12"}),
    ],
)
def test_the_differences_of_other_stations_are_those_of_their_archives(stations, rdrop, station, differences):
    questions = json.loads(rdrop("verdict", "--from", DOCS / STATIONS[station], "--json").out)["questions"]
    best = read_archive(rdrop, STATIONS[station])[0]["best"]
    scale = best["val_mae_in_unit"] / best["val_mae"]
    for name, told in differences.items():
        (found,) = [each for each in questions if each["id"] == f"{name}-difference"]
        numbers = [abs(scale * each) for each in (found["estimate"], *found["interval"])]
        expected = [f"{numbers[0]:.2f}", *(f"{end:.2f}" for end in sorted(numbers[1:]))]
        assert told in " ".join(stations.split())
        assert re.findall(r"\d\.\d\d", told) == expected[: told.count(".")]


def test_the_claims_at_all_stations_are_judged_as_the_page_says(stations, rdrop):
    archives = (ARCHIVE, *(DOCS / name for name in STATIONS.values()))
    judged = [json.loads(rdrop("verdict", "--from", archive, "--json").out)["claims"] for archive in archives]
    rows = re.findall(r"\| `([a-z-]+)` \| ([a-z ]+) \| ([a-z ]+) \| ([a-z ]+) \|", stations)
    assert len(rows) == 10
    for claim_id, *told in rows:
        found = [next(each["verdict"] for each in claims if each["id"] == claim_id) for claims in judged]
        assert [verdict.replace("-", " ") for verdict in found] == told


MASKED = {
    "Jena": ("jena", "results.zip", "results-masks.zip"),
    "Beijing": ("13_beijing_pm25_hourly", "results-beijing.zip"),
    "Beijing, four times": ("beijing-copies", "results-masks.zip"),
}


@pytest.mark.parametrize("data", MASKED)
def test_the_table_of_single_masks_is_that_of_their_archives(page, tmp_path, data):
    dataset, *archives = MASKED[data]
    networks = {}
    for name in archives:
        unpack_archive(DOCS / name, tmp_path)
    for run in (each.metrics for each in api.read_runs(tmp_path)):
        if run.dataset.name == dataset:
            rates = "/".join(f"{rate:g}" for rate in run.rates.pair)
            networks.setdefault(f"`{run.variant}` {rates}", {})[run.seed] = run
    section = page.split("## Which of the two masks?")[1].split("\n## ")[0]
    rows = re.findall(rf"\| {data} \| (`.*?` \S+) \| (\d+) \| (.*) \|\n", section)
    assert rows
    for network, seeds, figures in rows:
        runs = networks[network]
        assert sorted(runs) == list(range(int(seeds)))
        assert figures == render_first_epochs(runs.values())


def render_first_epochs(runs):
    """Render the level, the end, and the end of training without dropout, of twenty epochs."""
    measures = (
        ("val_loss", lambda curve: measure_level(curve).error),
        ("val_loss", measure_end),
        ("train_mae", measure_end),
    )
    spans = []
    for curve, measure in measures:
        errors = [measure(run.history[curve][:20]) * run.target_std for run in runs]
        spans.append(f"{fmean(errors):.2f} ({min(errors):.2f} to {max(errors):.2f})")
    return " | ".join(spans)


@pytest.mark.parametrize(
    ("network", "told"),
    [
        ("gal 0.2/0", "0.44 °C, between 0.23 and 0.64,"),
        ("dropout 0.2/0", "0.54 °C, between 0.28 and 0.80,"),
        ("dropout 0/0.2", "-0.01 °C, between -0.05 and +0.03."),
    ],
)
def test_the_differences_of_single_masks_are_those_of_the_archive(page, rdrop, network, told):
    networks = json.loads(rdrop("verdict", "--from", DOCS / "results-beijing.zip", "--json").out)["networks"]
    best = read_archive(rdrop, "results-beijing.zip")[0]["best"]
    (row,) = [each for each in networks if each["label"] == network]
    numbers = [each * best["val_mae_in_unit"] / best["val_mae"] for each in (row["difference"], *row["interval"])]
    assert [f"{float(number):.2f}" for number in re.findall(r"[+-]?\d\.\d\d", told)] == [
        f"{each:.2f}" for each in numbers
    ]
    assert told in " ".join(page.split())


FRESH = (1, 2, 3)  # the seeds that had no part in the choice of rates


def test_the_table_of_methods_is_that_of_its_archives(page, tmp_path):
    for name in ("results.zip", "results-methods.zip"):
        unpack_archive(DOCS / name, tmp_path)
    runs = {}
    lstms = {}
    for run in (each.metrics for each in api.read_runs(tmp_path) if each.metrics.is_network):
        of_cell = lstms if run.cell == "lstm" else runs
        of_cell[run.variant, run.rates.recurrent_dropout, run.seed] = [
            measure(run.history["val_loss"][:20]) * run.target_std
            for measure in (lambda curve: measure_level(curve).error, measure_end)
        ]
    section = page.split("## Methods of recurrent dropout")[1].split("\n## ")[0]
    rows = re.findall(r"\| `(.*?)` \| (.*?) \| (.*?) \| (\S+) \| (.*?) \| (.*?) \|\n", section)
    text = " ".join(section.split())
    assert f"{span_means(runs, rows, CONSTANT, 1)} °C, in the mean" in text
    assert f"end at {span_means(runs, rows, ('naive-step', 'semeniuta-step', 'zoneout', 'moon'), 1)} °C" in text
    assert len(rows) == len(METHODS) - 1  # `gal` has the bits of `dropout`; `masked-carry` is a fault of Keras's
    for variant, *told, chosen, level, end in rows:
        swept = {rate: runs[variant, rate, 0] for rate in (0.1, 0.2, 0.4)}
        assert told == [", ".join(f"{swept[rate][place]:.2f}" for rate in swept) for place in (0, 1)]
        assert float(chosen) == min(swept, key=lambda rate: swept[rate][0])
        confirmed = [[f"{runs[variant, float(chosen), seed][place]:.2f}" for seed in FRESH] for place in (0, 1)]
        assert [level, end] == [", ".join(figures) for figures in confirmed]
    told = re.findall(r"\| `(.*?)` \| (\d\.\d\d) \| (\d\.\d\d) \|\n", section)
    assert {variant for variant, *_ in told} == {"baseline", *(variant for variant, *_ in rows)}
    for variant, *figures in told:
        rate = 0.0 if variant == "baseline" else 0.2
        assert figures == [f"{figure:.2f}" for figure in lstms[variant, rate, 0]]


CONSTANT = ("batch-shared", "dropout", "semeniuta-sequence", "dropconnect", "gal-tied")


def span_means(runs, rows, methods, measure):
    """Render the lowest and the highest mean of some methods over the fresh seeds, each at its chosen rate."""
    chosen = {variant: float(rate) for variant, _, _, rate, *_ in rows}
    means = [fmean(runs[name, chosen[name], seed][measure] for seed in FRESH) for name in methods]
    return f"{min(means):.2f} to {max(means):.2f}"


def test_the_table_of_reference_forecasts_is_that_of_its_archive(page, rdrop):
    section = page.split("## Forecasts without a network")[1].split("## ")[0]
    runs = [run for run in read_archive(rdrop, "results-edition1.zip") if run["variant"] in REFERENCES]
    assert len(runs) == 8  # a later one has no place in the archive
    for run in runs:
        errors = (run["best"]["val_mae_in_unit"], run["test"]["mae_in_unit"])
        assert f"| `{run['variant']}` | {' | '.join(f'{error:.2f}' for error in errors)} |" in section
