"""A table of the answers by period, for a study that was trained on several origins of its series."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import stdev

from rdrop_cli.analysis.answers import Answer
from rdrop_cli.analysis.judged import StudyVerdict
from rdrop_cli.report.words import NONE, choose_format, format_share, format_size, name_seeds

ACROSS, NAME_WIDTH = 5, 26  # periods side by side and width of the questions' names, for 80 columns


@dataclass(frozen=True)
class PeriodTable:
    """The answers by period, as text.

    Attributes:
        names: names of the periods: the days of their validation, or their numbers.
        rows: for each question: its id, its answer in each period, and the standard deviation of these answers.
        notes: notes for the reader of the table.
    """

    names: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...]


def describe_periods(judged: StudyVerdict) -> PeriodTable | None:
    """Return the table of the answers by period; None if there is only one period."""
    collection, answers = judged.collection, list(judged.answers.values())
    measured = [answer for answer in answers if answer.origins]
    if not measured:
        return None
    starts = [0, *collection.later]
    days = [_name_days(judged, start) for start in starts]
    names = tuple(each or f"period {number}" for number, each in enumerate(days, start=1))
    rows = tuple(_describe_row(answer, len(starts)) for answer in measured)
    return PeriodTable(names, rows, tuple(_list_notes(judged, measured, answers)))


def _name_days(judged: StudyVerdict, start: int) -> str:
    """Return the first and the last day of a validation period; empty if no run kept its daily errors."""
    networks = judged.collection.later.get(start, {}) if start else judged.collection.networks
    days = next((run.daily.days for runs in networks.values() for run in runs if run.daily), None)
    return f"{days[0]} to {days[-1]}" if days else ""


def _describe_row(answer: Answer, periods: int) -> tuple[str, ...]:
    estimates = answer.origins.estimates if answer.origins else ()
    cells, spread = [choose_format(answer.question)(estimate) for estimate in estimates], NONE
    if not answer.question.is_share:
        spread = format_size(stdev(estimates), answer.question)
    return (answer.question.id, *cells, *[NONE] * (periods - len(cells)), spread)


def _list_notes(judged: StudyVerdict, measured: list[Answer], answers: list[Answer]) -> Iterator[str]:
    """Yield sentences on the scope of the table, and on the period of the other questions."""
    yield (
        "Differences are about periods like these: their intervals cover how much the periods differ. Shares are about "
        "these periods: a seed counts if most of them show it, and nothing is decided where the periods disagree."
    )
    overlap = max(answer.origins.overlap for answer in measured if answer.origins)
    if overlap:
        yield (
            f"The periods share {format_share(overlap)} of their days (mean over pairs), and count as fewer than they "
            "are."
        )
    estimated = [answer.question.id for answer in answers if answer.period]
    if estimated:
        yield f"Estimated from blocks of two weeks of the first period: {', '.join(estimated)}."
    alone = [answer.question.id for answer in answers if not answer.period and not answer.origins]
    if alone:
        yield f"About the first period alone: {', '.join(alone)}."
    for network, runs in judged.collection.networks.items():
        later = [at_origin[network] for at_origin in judged.collection.later.values() if network in at_origin]
        shared = set.intersection(*({run.seed for run in each} for each in (runs, *later)))
        if later and (missing := [run.seed for run in runs if run.seed not in shared]):
            yield f"{network.name}: not trained on every period, and therefore not counted: {name_seeds(missing)}."


def write_periods(table: PeriodTable) -> Iterator[str]:
    """Yield the lines of the table for a terminal of 80 columns, five periods side by side."""
    for first in range(0, len(table.names), ACROSS):
        numbers = range(first + 1, min(first + ACROSS, len(table.names)) + 1)
        yield _align("period by period", [f"P{number}" for number in numbers], "differ")
        for name, *cells, spread in table.rows:
            if len(name) > NAME_WIDTH:
                yield name
            yield _align(name if len(name) <= NAME_WIDTH else "", cells[first : first + ACROSS], spread)


def _align(name: str, cells: Sequence[str], spread: str) -> str:
    return f"{name:<{NAME_WIDTH}}" + "".join(f"{cell:>9}" for cell in (*cells, spread))
