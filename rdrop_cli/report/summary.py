"""The answer of a verdict in one paragraph, and notes on the runs behind it."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from rdrop_cli.analysis.answers import Answer
from rdrop_cli.analysis.coverage import NOMINAL
from rdrop_cli.analysis.joint_test import ALPHA
from rdrop_cli.analysis.judged import ClaimVerdict, Confirmation, StudyVerdict
from rdrop_cli.analysis.measures import LEAST_EPOCHS
from rdrop_cli.analysis.network import Network
from rdrop_cli.analysis.networks import NetworkRow
from rdrop_cli.analysis.questions import BOOK_EPOCHS
from rdrop_cli.analysis.skill import NotComparedError, Skill, measure_skill
from rdrop_cli.report.words import (
    describe_onset,
    explain_improving,
    format_answer,
    format_attempts,
    format_error,
    format_own_unit,
    format_share,
)
from rdrop_cli.runs.document import Metrics
from rdrop_cli.runs.folder import RunFolder
from rdrop_cli.study.units import format_count
from rdrop_cli.study.units import format_error as format_in_unit
from rdrop_cli.study.variants import explain_input_mask, label_network

INTERVALS = {  # their source, and the claim about them
    "dropout-intervals-narrow": ("from dropout alone", "too narrow"),
    "residual-intervals-true": ("with the residual", "true"),
    "conformal-intervals-true": ("conformal", "true"),
    "adaptive-intervals-true": ("adaptive", "true"),
}


def summarise(judged: StudyVerdict) -> str:
    """Summarise a verdict in one paragraph: the question, the answer, and its certainty."""
    if judged.confirmation:
        return _summarise_confirmation(judged, judged.confirmation)
    asked = [verdict for verdict in judged.claims if verdict.has_answer]
    of_curves = [verdict for verdict in asked if not verdict.claim.question.in_points]
    if not of_curves:
        return f"{_say_unjudged(judged)} {_summarise_intervals(asked)}".strip()
    if len(judged.seeds) == 1:
        return f"{_summarise_seed(judged, of_curves)} {_summarise_intervals(asked)}".strip()
    if judged.collection.edition.number == 1:
        parts = [
            _summarise_overfitting(judged),
            _summarise_dropout(judged),
            _summarise_level(judged),
            _summarise_end(judged),
        ]
    else:
        parts = _summarise_claims(judged, of_curves)
    return " ".join(part for part in (*parts, _summarise_intervals(asked), _say_how_sure(judged, asked)) if part)


def _summarise_confirmation(judged: StudyVerdict, confirmation: Confirmation) -> str:
    """Say how the networks chosen on other seeds perform on these."""
    first, parts, confirmed = confirmation.first_fresh, [], set[Network]()
    words = {"lower": "has a lower error than", "higher": "has a higher error than"}
    for row in judged.networks:
        if row.network in confirmation.chosen and row.answer is not None and row.answer.estimate is not None:
            found = words.get(row.effect, "cannot be told apart from")
            best = f"{row.label}, the best of {confirmation.chosen[row.network]} networks on the seeds below {first}"
            parts.append(f"{best}, {found} {row.reference} on those from {first} on: {format_answer(row.answer)}.")
            confirmed.add(row.network)
    parts += [
        f"{network.name}, the best of {among} networks on the seeds below {first}, shares none from {first} on with "
        "its reference."
        for network, among in confirmation.chosen.items()
        if network not in confirmed
    ]
    return " ".join([*parts, f"The chance that a decision here is wrong is at most {format_share(ALPHA)}."])


def _say_unjudged(judged: StudyVerdict) -> str:
    """Say why no claim on the curves can be judged."""
    if len(_list_short(judged)) == len(judged.networks) > 0:
        return _say_too_short("The runs")
    return (
        "The claims of the study cannot be judged: there are no seeds with complete runs of its networks, "
        f"at its rates and of at least {LEAST_EPOCHS} epochs. {_summarise_networks(judged)}"
    ).strip()


def _summarise_intervals(asked: Sequence[ClaimVerdict]) -> str:
    """Give the coverage of the 80 % intervals for each measured combination of sources."""
    told = []
    for verdict in asked:
        estimate = verdict.answer.estimate
        if verdict.id in INTERVALS and estimate is not None:
            what, word = INTERVALS[verdict.id]
            words = {"holds": word, "does-not-hold": f"not {word}", "undecided": "undecided"}
            told.append(f"{what} {format_share(NOMINAL + estimate)} ({words[verdict.verdict]})")
    return f"Intervals of 80 % contain, of the test's targets: {', '.join(told)}." if told else ""


def _summarise_claims(judged: StudyVerdict, asked: Sequence[ClaimVerdict]) -> list[str]:
    """Name the claims of an edition by verdict, and count the reproduced printed numbers."""
    words = {
        "holds": ("holds", "hold"),
        "does-not-hold": ("does not hold", "do not hold"),
        "undecided": ("is undecided", "are undecided"),
    }
    found = {verdict: [each.id for each in asked if each.verdict == verdict] for verdict in words}
    told = [f"{len(ids)} {words[name][len(ids) > 1]} ({', '.join(ids)})" for name, ids in found.items() if ids]
    printed = [each for each in asked if each.reproduced is not None]
    reproduced = sum(bool(each.reproduced) for each in printed)
    return [
        f"Of {len(asked)} claims of edition {judged.collection.edition.number} that these runs can judge, "
        f"{'; '.join(told)}.",
        f"Of {len(printed)} printed numbers, {reproduced} lie where another run would fall." if printed else "",
    ]


def _list_short(judged: StudyVerdict) -> list[str]:
    """Return the labels of the networks whose runs all have too few epochs for any claim."""
    networks = judged.collection.networks
    return [row.label for row in judged.networks if max(run.epochs for run in networks[row.network]) < LEAST_EPOCHS]


def _say_too_short(runs: str) -> str:
    return f"{runs} are too short to be judged: train for at least {LEAST_EPOCHS} epochs."


def _summarise_seed(judged: StudyVerdict, asked: Sequence[ClaimVerdict]) -> str:
    """Say what one seed shows."""
    shown = {verdict.claim.question: verdict for verdict in asked}
    parts = []
    for question, verdict in shown.items():
        if question.is_share and verdict.size and question.size and question.size_is_error:
            parts.append(f"{question.size[0]} of {' and '.join(question.needs)} {format_error(verdict.size[0])}")
        elif question.is_error:
            parts.append(f"{question.number} {format_answer(verdict.answer)}")
    return f"{_say_next_look(judged)} Seed {judged.seeds[0]} shows: {'; '.join(parts)} (standardised)."


def _summarise_overfitting(judged: StudyVerdict) -> str:
    found = judged.find("baseline-overfits")
    if not found.has_answer:
        return ""
    words = {
        "holds": "Without dropout the network overfits after a few epochs",
        "does-not-hold": "Without dropout the network does not overfit after a few epochs, in most seeds",
        "undecided": "Whether the network overfits without dropout is undecided",
    }
    where = "" if len(found.onset) == found.answer.shown else f" in {len(found.onset)} of them"
    onset = f",{where} from {describe_onset(found)}" if found.onset and not found.answer.origins else ""
    return f"{words[found.verdict]}: {_count(found.answer)} {'does' if found.answer.shown == 1 else 'do'}{onset}."


def _summarise_dropout(judged: StudyVerdict) -> str:
    strict, most = judged.find("dropout-does-not-overfit"), judged.find("most-seeds-do-not-overfit")
    if not strict.has_answer:
        return ""
    high = strict.answer.interval.high if strict.answer.interval else 1.0
    count = f"{_count(strict.answer)} {'overfits' if strict.answer.shown == 1 else 'overfit'} by epoch {BOOK_EPOCHS}"
    if strict.verdict == "holds":
        return f"With dropout {count}: fewer than one in five, at most {format_share(high)}."
    if most.verdict == "holds":
        return f"With dropout {count}: most seeds do not, though up to {format_share(high)} still may."
    if most.verdict == "does-not-hold":
        return f"With dropout it overfits too: {count}."
    return f"With dropout {count}; whether few or most do is undecided."


def _summarise_level(judged: StudyVerdict) -> str:
    same, lower = judged.find("best-not-much-lower"), judged.find("better-optimum")
    answer = same.answer
    if answer.estimate is None:
        return ""
    own = format_own_unit(answer.estimate, judged.collection)
    figure = f"{format_answer(answer)}{f', {own}' if own else ''}"
    if lower.verdict != "undecided":
        side = "lower" if lower.verdict == "holds" else "higher"
        size = "by less than the margin" if same.verdict == "holds" else "and it may be by more than the margin"
        return f"Its best error is {side} than the baseline's, {size}: {figure}."
    if same.verdict == "holds":
        return f"Its best error is about the baseline's: {figure}."
    return f"Whether its best error differs from the baseline's is undecided: {figure}."


def _summarise_end(judged: StudyVerdict) -> str:
    found = judged.find("resists-over-training")
    if found.answer.estimate is None:
        return ""
    words = {"holds": "is lower", "does-not-hold": "is not lower", "undecided": "may be lower or higher"}
    answer = format_answer(found.answer)
    return f"After as many epochs as the baseline, its error at the end {words[found.verdict]}: {answer}."


def _summarise_networks(judged: StudyVerdict) -> str:
    best = next((row for row in judged.networks if row.effect == "lower"), None)
    if best is None or best.answer is None:
        return ""
    return f"{best.label} has the lowest error, {format_answer(best.answer)} against {best.reference}."


def _say_how_sure(judged: StudyVerdict, asked: Sequence[ClaimVerdict]) -> str:
    decided = sum(verdict.verdict != "undecided" for verdict in asked)
    if not decided:
        return _say_next_look(judged)
    return (
        f"{decided} of {len(asked)} claims with runs are decided. The chance that any decision here is wrong is at "
        f"most {format_share(ALPHA)}, however often seeds are added. {_name_scope(judged, asked)}"
    )


def _name_scope(judged: StudyVerdict, asked: Sequence[ClaimVerdict]) -> str:
    """Say which periods the answers are about."""
    if all(verdict.answer.origins for verdict in asked):
        periods = 1 + len(judged.collection.later)
        return f"Differences are about periods like the {periods} that were measured, shares about these {periods}."
    if any(verdict.answer.origins for verdict in asked):
        return "Answers over several periods are listed below; the others are about the first period."
    if _covers_period(judged):
        return "Differences in level are about periods like this one, all other answers about this validation period."
    return "All answers are about this validation period."


def _say_next_look(judged: StudyVerdict) -> str:
    first = judged.plan.can_decide
    seeds = len(judged.seeds)
    if first and seeds < first:
        return (
            f"{seeds} {'seed decides' if seeds == 1 else 'seeds decide'} nothing; the first look is at {first} seeds."
        )
    return "Nothing is decided yet."


def _covers_period(judged: StudyVerdict) -> bool:
    answers = [answer for answer in judged.answers.values() if answer.question.in_period and answer.question.is_error]
    return bool(answers) and all(answer.period for answer in answers)


def _count(answer: Answer) -> str:
    return f"{answer.shown} of {format_count(len(answer.seeds), 'seed')}"


def write_notes(judged: StudyVerdict) -> list[str]:
    """Return notes on the judged runs, one sentence each."""
    collection, notes = judged.collection, list[str]()
    if collection.is_published_data is False:
        notes.append("The data have the published structure but another checksum: they are not the published readings.")
    for row in judged.networks:
        notes += _describe_attempts(row)
    notes += _explain_input_masks([row.network for row in judged.networks])
    short = _list_short(judged)
    if 0 < len(short) < len(judged.networks):  # if all are short, the answer itself says so
        notes.append(_say_too_short(f"The runs of {', '.join(short)}"))
    for chosen in (row for row in judged.networks if row.is_chosen):
        fresh = max(chosen.seeds, default=0) + 1
        notes.append(
            f"{chosen.label} is the best of {chosen.chosen_from} networks on these seeds, partly by chance. To confirm "
            f"it, train it and its reference with seeds from {fresh} on, and judge both on those seeds alone."
        )
    if len(judged.seeds) > judged.plan.looks[-1]:
        notes.append(_explain_end_of_plan(judged))
    notes += dict.fromkeys(explain_improving(each) for each in judged.claims if each.reason == "still-improving")
    notes += [f"{run.run}: {run.reason}." for run in collection.damaged]
    return notes


def _explain_input_masks(networks: Sequence[Network]) -> list[str]:
    alike: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for each in networks:
        alike.setdefault((each.variant, each.cell), []).append((each.dropout, each.recurrent_dropout))
    said = (explain_input_mask(label_network(*which), which[0], rates) for which, rates in alike.items())
    return [each for each in said if each]


def _explain_end_of_plan(judged: StudyVerdict) -> str:
    bets = any(answer.question.bets_on_rarity for answer in judged.answers.values())
    decides = "no more than whether a share is rare" if bets else "nothing"
    return f"The plan ends at {judged.plan.looks[-1]} seeds: later seeds count in the means, but decide {decides}."


def _describe_attempts(row: NetworkRow) -> list[str]:
    attempts = row.attempts
    if attempts.tried == attempts.completed:
        return []
    parts = []
    if attempts.failed:
        parts.append(f"{attempts.failed} failed ({attempts.failures[0]})")
    if attempts.unfinished:
        parts.append(f"{attempts.unfinished} did not finish")
    judged, what = format_attempts(attempts), " and ".join(parts)
    return [f"{row.label}: {judged} seeds are judged; {what}."]


def describe_skill(runs: Sequence[Metrics], runs_dir: Path, folders: Mapping[str, RunFolder] | None = None) -> str:
    """Say whether the best network beats the best reference forecast on the test period, or why it is unknown.

    Empty if there is nothing to compare.
    """
    try:
        skill = measure_skill(runs, runs_dir, folders)
    except NotComparedError as error:
        return f"test: not compared with the reference forecasts: {error}"
    if skill is None:
        return ""
    low, high = (_format_alike(abs(end), skill) for end in sorted(skill.interval, key=abs))
    size, test = _format_alike(abs(skill.difference), skill), f"Diebold-Mariano p {_format_p(skill.p)}"
    seeds = f", mean of {skill.seeds} seeds," if skill.seeds > 1 else ""
    if skill.interval[0] <= 0 <= skill.interval[1]:
        return f"test: {skill.network}{seeds} and {skill.reference} cannot be told apart ({size} apart, {test})"
    verb = "beats" if skill.difference < 0 else "is worse than"
    return f"test: {skill.network}{seeds} {verb} {skill.reference} by {size} (95 % interval {low} to {high}, {test})"


def _format_alike(end: float, skill: Skill) -> str:
    """Render a difference or an end of its interval, with three decimals if one end needs them: `0.021 °C`."""
    is_small = 0 < min(map(abs, skill.interval)) < 0.1 <= max(map(abs, skill.interval)) < 10
    return f"{end:.3f} {skill.unit}".rstrip() if is_small else format_in_unit(end, skill.unit)


def _format_p(p: float) -> str:
    return f"{p:.2g}" if p >= 0.0001 else "< 0.0001"
