"""The report in a real browser: nothing is fetched, nothing overflows, and everything can be read."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from rdrop_cli.analysis.looks import judge_runs
from rdrop_cli.report.html import write_report
from tests.analysis.made_runs import save_later_origins, save_made_run, save_made_study, save_varied
from tests.report.chromium import PROGRAM, Chromium

pytestmark = [pytest.mark.slow, pytest.mark.skipif(PROGRAM is None, reason="there is no chromium on this machine")]

DESKTOP, PHONE, SMALL_PHONE = (1280, 900), (390, 844), (320, 568)
LONG = "a-very-long-name-without-a-gap-" * 8

# The ratio by which WCAG 2 judges contrast, of every element that has text of its own, the lowest first.
LEAST_CONTRAST = """
(() => {
  const channel = c => (c /= 255) <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  const parse = css => css.match(/[\\d.]+/g).map(Number);
  const luminance = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const background = e => {
    for (; e; e = e.parentElement) {
      const colour = parse(getComputedStyle(e).backgroundColor);
      if (colour.length === 3 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  const own = e => [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim());
  return [...document.body.querySelectorAll("*")].filter(own).map(e => {
    const [a, b] = [luminance(parse(getComputedStyle(e).color)), luminance(background(e))].sort((x, y) => y - x);
    return [(a + 0.05) / (b + 0.05), e.textContent.trim().slice(0, 40)];
  }).sort((x, y) => x[0] - y[0])[0];
})()
"""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report with settled and open claims, a warning, a run left out, and a name that is hard to lay out."""
    folder = tmp_path_factory.mktemp("report")
    save_made_study(folder / "runs", range(8), verified=False, dataset=LONG)
    for rates in ((0.1, 0.1), (0.1, 0.5), (0.5, 0.1), (0.5, 0.5)):
        save_made_run(folder / "runs", f"{rates}", "dropout", verified=False, dataset=LONG, rates=rates)
    save_made_run(folder / "runs", "begun-" + LONG[:80], status="interrupted")
    write_report(judge_runs([], folder / "runs"), folder / "report.html")
    return folder / "report.html"


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    with Chromium(tmp_path_factory.mktemp("chromium")) as browser:
        yield browser


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE, SMALL_PHONE], ids=["desktop", "phone", "small phone"])
def test_the_page_fits_its_window_and_can_be_read(
    chromium: Chromium, page: Path, tmp_path: Path, size: tuple[int, int], dark: bool
) -> None:
    chromium.requests.clear()
    chromium.complaints.clear()
    chromium.open(page, *size, dark=dark)
    assert chromium.evaluate("document.documentElement.scrollWidth") <= size[0]
    assert chromium.evaluate("innerWidth") == size[0]
    contrast, text = chromium.evaluate(LEAST_CONTRAST)
    assert contrast >= 4.5, text
    assert {request.split(":")[0] for request in chromium.requests} == {"file", "data"}
    assert chromium.complaints == []
    chromium.take_picture(tmp_path / "page.png")
    assert (tmp_path / "page.png").stat().st_size > 50_000


def test_tables_of_many_periods_stay_within_a_small_window(chromium: Chromium, tmp_path: Path) -> None:
    save_made_study(tmp_path, range(3))
    save_later_origins(tmp_path, range(3))
    save_varied(tmp_path, "weights", range(1, 4), {"baseline": 0.001})
    write_report(judge_runs([], tmp_path), tmp_path / "report.html")
    chromium.open(tmp_path / "report.html", *SMALL_PHONE)
    assert chromium.evaluate("document.querySelectorAll('table.periods, table.account').length") == 2
    assert chromium.evaluate("document.documentElement.scrollWidth") <= SMALL_PHONE[0]


@pytest.mark.parametrize(("size", "wide"), [(DESKTOP, True), (PHONE, False)], ids=["desktop", "phone"])
def test_the_picture_is_drawn_for_the_window_on_a_white_card(
    chromium: Chromium, page: Path, size: tuple[int, int], wide: bool
) -> None:
    chromium.open(page, *size, dark=True)
    image = "document.querySelectorAll('[aria-labelledby=seeds] img')[1]"
    width, height = chromium.evaluate(f"(i => [i.naturalWidth, i.naturalHeight])({image})")
    assert (width > height) is wide
    assert chromium.evaluate("getComputedStyle(document.querySelector('picture')).backgroundColor") == (
        "rgb(255, 255, 255)"
    )
    assert chromium.evaluate("getComputedStyle(document.body).backgroundColor") != "rgb(255, 255, 255)"


def test_the_table_of_verdicts_stays_a_table_for_who_cannot_see_it(chromium: Chromium, page: Path) -> None:
    chromium.open(page, *PHONE)
    nodes = chromium.call("Accessibility.getFullAXTree")["nodes"]
    roles = [node["role"]["value"] for node in nodes if not node["ignored"]]
    assert roles.count("table") == 3
    assert roles.count("rowheader") == 10 + 6 + 16 + 4
    assert roles.count("columnheader") == 4 + 7 + 12


def test_no_script_runs_and_nothing_is_fetched_whatever_stands_in_the_page(
    chromium: Chromium, page: Path, tmp_path: Path
) -> None:
    bad = "<script>document.title = 'ran'</script><img src='http://127.0.0.1:9/x' onerror=\"document.title = 'ran'\">"
    altered = page.read_text().replace("</main>", f"{bad}<style>body {{ color: red }}</style></main>")
    (tmp_path / "altered.html").write_text(altered)
    chromium.complaints.clear()
    chromium.open(tmp_path / "altered.html", *DESKTOP)
    assert chromium.evaluate("document.title").startswith("rdrop report")
    assert chromium.evaluate("getComputedStyle(document.body).color") != "rgb(255, 0, 0)"
    assert len([line for line in chromium.complaints if "Content Security Policy" in line]) >= 3
