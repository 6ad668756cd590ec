"""The verdict in a terminal of 80 columns: the answer, a line and a bar per claim, two lines per network."""

import re
import textwrap
from collections.abc import Callable, Iterator, Sequence

from rdrop_cli.analysis.intervals import Interval
from rdrop_cli.analysis.judged import ClaimVerdict, StudyVerdict
from rdrop_cli.report.account import NOTE, write_account
from rdrop_cli.report.periods import describe_periods, write_periods
from rdrop_cli.report.summary import summarise, write_notes
from rdrop_cli.report.words import (
    DISCLOSURE,
    NONE,
    VERDICTS,
    describe_comparison,
    describe_looks,
    describe_published,
    describe_runs,
    explain_claim,
    format_answer,
    format_attempts,
    format_published,
    format_reproduced,
    format_share,
    list_unjudged,
)

WIDTH = 80
BAR = 50
LONGEST_LABEL = 44  # with its numbers on the same line
LEAST_SCALE = 0.01  # if all differences are zero
SCALE_ROOM = 1.15  # relative to the largest end drawn


def write_page(judged: StudyVerdict, explain: bool = False) -> Iterator[str]:
    """Yield the lines of the page; with one seed, at most ten."""
    yield from wrap(describe_runs(judged.collection))
    yield ""
    yield from wrap(summarise(judged))
    asked = [verdict for verdict in judged.claims if verdict.has_answer]
    if max((len(verdict.answer.seeds) for verdict in asked), default=0) < 2 and len(judged.seeds) < 2 and not explain:
        return
    if asked:
        yield ""
        yield from _write_claims(judged, asked, explain)
    if unjudged := list_unjudged(judged.claims, lambda claim: claim.id):
        yield ""
        for line in unjudged:
            yield from wrap(line)
    if periods := describe_periods(judged):
        yield ""
        yield from write_periods(periods)
        named = "; ".join(f"P{number}: {name}" for number, name in enumerate(periods.names, start=1))
        yield from wrap(f"{named}. {' '.join(periods.notes)}")
    yield ""
    yield from _write_networks(judged)
    for note in write_notes(judged):
        yield from wrap(note)
    if judged.variance:
        yield ""
        yield from write_account(judged)
        yield from wrap(NOTE)
    if explain:
        yield ""
        yield from wrap(_explain_rule(judged))


def wrap(text: str, indent: str = "") -> list[str]:
    """Break a text into lines; a number stays with its unit."""
    lines = textwrap.wrap(
        re.sub(r"(?<=\d) (?=[%°])", "\N{NO-BREAK SPACE}", text),
        WIDTH,
        initial_indent=indent,
        subsequent_indent=indent,
        break_on_hyphens=False,
        break_long_words=False,
    )
    return [line.replace("\N{NO-BREAK SPACE}", " ") for line in lines]


def _write_claims(judged: StudyVerdict, asked: list[ClaimVerdict], explain: bool) -> Iterator[str]:
    yield f"{'claim':<26}{'verdict':<14}{'answer [interval]':<30}{'published':>10}"
    for verdict in asked:
        row = f"{verdict.id:<26}{VERDICTS[verdict.verdict]:<14}{format_answer(verdict.answer):<30}"
        yield f"{row}{format_published(verdict):>10}"
        yield f"  {draw_bar(verdict, *find_axis(verdict, asked))}  {format_reproduced(verdict)}".rstrip()
        if explain:
            yield from wrap(f"{verdict.claim.text}.", indent="    ")
            sentence = explain_claim(verdict, judged)
            yield from wrap(sentence, indent="    ")
    yield ""
    yield from wrap(_explain_bars(asked))
    for line in describe_published(judged):
        yield from wrap(line)


def _explain_bars(asked: list[ClaimVerdict]) -> str:
    reach = {each.claim.question.kind: find_axis(each, asked)[1] for each in asked}
    errors = reach.get("error", SCALE_ROOM * LEAST_SCALE)
    axes = ["shares from 0 to 100 %", f"errors from -{errors:.4f} to +{errors:.4f} (standardised)"]
    if "points" in reach:
        points = 100 * reach["points"]
        axes.append(f"shares minus 80 % from -{points:.0f} to +{points:.0f} points")
    return f"Bars: ░ where the claim holds, ─ the interval, ● the answer, ○ published; {', '.join(axes)}."


def find_axis(verdict: ClaimVerdict, verdicts: Sequence[ClaimVerdict]) -> tuple[float, float]:
    """Return the ends of the axis for claims of the same kind: 0 and 1 for shares, else symmetric around zero."""
    if verdict.claim.question.is_share:
        return 0.0, 1.0
    alike = [each for each in verdicts if each.claim.question.kind == verdict.claim.question.kind]
    ends = [end for each in alike for end in each.region.bounds]
    numbers = [number for each in alike for number in (each.published, each.answer.estimate)]
    ends += [number for number in numbers if number is not None]
    ends += [end for each in alike for end in each.answer.interval or ()]
    scale = SCALE_ROOM * (max(map(abs, ends), default=0.0) or LEAST_SCALE)
    return -scale, scale


def draw_bar(verdict: ClaimVerdict, low: float, high: float) -> str:
    """Draw the region, the interval, the answer and the published number in one line, on an axis from low to high."""

    def place(value: float) -> int:
        return round((min(max(value, low), high) - low) / (high - low) * (BAR - 1))

    cells = [" "] * BAR
    for cell in range(place(verdict.region.low), place(verdict.region.high) + 1):
        cells[cell] = "░"
    _draw_interval(cells, verdict.answer.interval, place)
    if verdict.published is not None:
        cells[place(verdict.published)] = "○"
    if verdict.answer.estimate is not None:
        cells[place(verdict.answer.estimate)] = "●"
    return f"▕{''.join(cells)}▏"


def _draw_interval(cells: list[str], interval: Interval | None, place: Callable[[float], int]) -> None:
    if interval:
        for cell in range(place(interval.low), place(interval.high) + 1):
            cells[cell] = "─"


def _write_networks(judged: StudyVerdict) -> Iterator[str]:
    """Yield two lines per network: its own numbers, and its comparison."""
    width = min(LONGEST_LABEL, max([24, *(len(row.label) for row in judged.networks)]))
    head = "network, first period" if judged.collection.later else "network"
    yield f"{head:<{width}}{'seeds':>9}{'level':>9}{'overfit':>9}{'test':>9}"
    for row in judged.networks:
        shown, examined = row.overfitting
        overfit, test = f"{shown} of {examined}" if examined else NONE, f"{row.test:.4f}" if row.test else NONE
        if len(row.label) > width:
            yield row.label
        label = row.label if len(row.label) <= width else ""
        yield f"{label:<{width}}{format_attempts(row.attempts):>9}{row.level:>9.4f}{overfit:>9}{test:>9}"
        yield from wrap(describe_comparison(row), indent="  ")


def _explain_rule(judged: StudyVerdict) -> str:
    return (
        f"How it is judged: one sign-flip test of all questions together, {describe_looks(judged.plan.looks)}. "
        f"A claim holds if its interval lies inside its region, and does not hold if it lies outside. "
        f"Errors are standardised; the margin is {judged.margin:.4f}, "
        f"{format_share(judged.margin / judged.collection.curves.naive_val_mae)} of the naive forecast's "
        f"error. {DISCLOSURE}"
    )
