"""A verdict in words: every sentence about claims and networks that people read is made here."""

from collections.abc import Sequence

from rdrop_cli.analysis.answers import Answer
from rdrop_cli.analysis.claims import BOOK_EPOCHS, MARGIN_SHARE, Question
from rdrop_cli.analysis.collect import Attempts, Collection
from rdrop_cli.analysis.joint_test import ALPHA, Interval
from rdrop_cli.analysis.measures import LEAST_EPOCHS
from rdrop_cli.analysis.network import label_networks
from rdrop_cli.analysis.networks import NetworkRow
from rdrop_cli.analysis.outlook import Outlook
from rdrop_cli.analysis.verdict import ClaimVerdict, StudyVerdict
from rdrop_cli.study.variants import DEFAULT_CELL

NONE = "–"
VERDICTS = {"holds": "holds", "does-not-hold": "does not hold", "undecided": "undecided"}
DISCLOSURE = (
    "When these rules were fixed, the published curves were known, and one run of each of both networks on the same "
    "data; no runs over seeds."
)


def format_error(value: float) -> str:
    """Render a difference of standardised errors, with its sign and without a minus zero: `+0.0123`."""
    text = f"{value:+.4f}"
    return text if float(text) else "+0.0000"


def format_share(value: float) -> str:
    """Render a share in whole per cent, rounded away from the middle so that no interval looks wider than it is."""
    return f"{100 * value:.0f} %"


def format_interval(interval: Interval | None, is_share: bool) -> str:
    if interval is None:
        return ""
    form = format_share if is_share else format_error
    return f"[{form(interval.low)}, {form(interval.high)}]"


def format_answer(answer: Answer) -> str:
    """Render an answer: `8 of 8 seeds [50 %, 100 %]`, or `-0.0354 [-0.0368, -0.0340]`; a dash where there is none."""
    if answer.estimate is None:
        return NONE
    number = (
        f"{answer.shown} of {len(answer.seeds)} seeds" if answer.question.is_share else format_error(answer.estimate)
    )
    return f"{number} {format_interval(answer.interval, answer.question.is_share)}".rstrip()


def format_published(verdict: ClaimVerdict) -> str:
    """Render what the published runs show, one of each network: a number, or yes or no."""
    if verdict.published is None:
        return NONE
    if verdict.claim.question.is_share:
        return "yes" if verdict.published else "no"
    return format_error(verdict.published)


def format_own_unit(value: float, collection: Collection) -> str:
    """Render an error in the target's own unit; empty where that has no name."""
    run = collection.curves
    return f"{value * run.target_std:+.3f} {run.unit}" if run.unit else ""


def describe_runs(collection: Collection) -> str:
    """Name what is judged in one line: `baseline seeds 0-4, dropout 0.2/0.2 seeds 0-4; jena data, book protocol`."""
    first, labels = collection.used[0], label_networks(collection.networks)
    shown = list(collection.claimed.values()) or list(collection.networks)
    seeds = [f"{labels[each]} {_name_seeds([run.seed for run in collection.networks[each]])}" for each in shown[:4]]
    others = len(collection.networks) - len(seeds)
    if others:
        seeds.append(f"{others} more {'network' if others == 1 else 'networks'}")
    cell = shown[0].cell
    warning = " (not the published file)" if collection.is_published_data is False else ""
    setting = f"{first.dataset.name} data{warning}, {first.protocol.name} protocol"
    return f"{', '.join(seeds)}; {setting}{'' if cell == DEFAULT_CELL else f', {cell} cell'}"


def _name_seeds(seeds: Sequence[int]) -> str:
    """Render ascending seeds, runs of them from first to last: `seed 3`, `seeds 0-4, 7`."""
    spans = list[list[int]]()
    for seed in seeds:
        if spans and seed == spans[-1][-1] + 1:
            spans[-1].append(seed)
        else:
            spans.append([seed])
    names = [str(span[0]) if len(span) == 1 else f"{span[0]}-{span[-1]}" for span in spans]
    return f"{'seed' if len(seeds) == 1 else 'seeds'} {', '.join(names)}"


def summarise(judged: StudyVerdict) -> str:
    """Say in one paragraph what was asked, what the answer is, and how sure it is."""
    asked = [verdict for verdict in judged.claims if verdict.reason != "no-runs"]
    if not asked:
        if len(_list_short(judged)) == len(judged.networks) > 0:
            return _say_too_short("The runs")
        return (
            "The claims of the study cannot be judged: there are no seeds with complete runs of its networks, "
            f"at its rates and of at least {LEAST_EPOCHS} epochs. {_summarise_networks(judged)}"
        ).strip()
    if len(judged.seeds) == 1:
        return _summarise_seed(judged, asked)
    parts = [
        _summarise_overfitting(judged),
        _summarise_dropout(judged),
        _summarise_level(judged),
        _summarise_end(judged),
    ]
    return " ".join(part for part in (*parts, _say_how_sure(judged, asked)) if part)


def _list_short(judged: StudyVerdict) -> list[str]:
    """Return the labels of the networks of which every run has too few epochs for any claim."""
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
        elif not question.is_share:
            parts.append(f"{question.number} {format_answer(verdict.answer)}")
    return f"{_say_next_look(judged)} Seed {judged.seeds[0]} shows: {'; '.join(parts)} (standardised)."


def _summarise_overfitting(judged: StudyVerdict) -> str:
    found = judged.find("baseline-overfits")
    if found.reason == "no-runs":
        return ""
    words = {
        "holds": "Without dropout the network overfits after a few epochs",
        "does-not-hold": "Without dropout the network does not overfit after a few epochs, in most seeds",
        "undecided": "Whether the network overfits without dropout is undecided",
    }
    return f"{words[found.verdict]}: {_count(found.answer)} {'does' if found.answer.shown == 1 else 'do'}."


def _summarise_dropout(judged: StudyVerdict) -> str:
    strict, most = judged.find("dropout-does-not-overfit"), judged.find("most-seeds-do-not-overfit")
    if strict.reason == "no-runs":
        return ""
    high = strict.answer.interval.high if strict.answer.interval else 1.0
    count = f"{_count(strict.answer)} {'overfits' if strict.answer.shown == 1 else 'overfit'} by epoch {BOOK_EPOCHS}"
    if strict.verdict == "holds":
        return f"With dropout {count}: fewer than one in five, at most {format_share(high)}."
    if most.verdict == "holds":
        return f"With dropout {count}: most seeds do not, though up to {format_share(high)} still may."
    if most.verdict == "does-not-hold":
        return f"With dropout it overfits too: {count}."
    return f"With dropout {count}; that is undecided."


def _summarise_level(judged: StudyVerdict) -> str:
    same, lower = judged.find("best-not-much-lower"), judged.find("better-optimum")
    answer = same.answer
    if answer.estimate is None:
        return ""
    own = format_own_unit(answer.estimate, judged.collection)
    figure = f"{format_answer(answer)}{f', {own}' if own else ''}"
    if lower.verdict == "holds":
        size = "by less than the margin" if same.verdict == "holds" else "and it may be by more than the margin"
        return f"Its best error is lower than the baseline's, {size}: {figure}."
    if lower.verdict == "does-not-hold":
        size = "by less than the margin" if same.verdict == "holds" else "and it may be by more than the margin"
        return f"Its best error is higher than the baseline's, {size}: {figure}."
    if same.verdict == "holds":
        return f"Its best error is about the baseline's: {figure}."
    return f"Whether its best error differs from the baseline's is undecided: {figure}."


def _summarise_end(judged: StudyVerdict) -> str:
    found = judged.find("resists-over-training")
    if found.answer.estimate is None:
        return ""
    words = {"holds": "is lower", "does-not-hold": "is not lower", "undecided": "may be lower or higher"}
    answer = format_answer(found.answer)
    return f"Trained on as long as the baseline, its error at the end {words[found.verdict]}: {answer}."


def _summarise_networks(judged: StudyVerdict) -> str:
    best = next((row for row in judged.networks if row.effect == "lower"), None)
    if best is None or best.answer is None:
        return ""
    return f"{best.label} has the lowest error, {format_answer(best.answer)} against {best.reference}."


def _say_how_sure(judged: StudyVerdict, asked: Sequence[ClaimVerdict]) -> str:
    decided = sum(verdict.verdict != "undecided" for verdict in asked)
    if not decided:
        return _say_next_look(judged)
    both = "Differences in level speak of periods like this one too, the rest"
    level = both if _covers_period(judged) else "All of it speaks"
    return (
        f"{decided} of {len(asked)} claims that have runs are decided; the chance that any decision of this page is "
        f"wrong is at most {format_share(ALPHA)}, however often seeds are added. {level} of this validation period."
    )


def _say_next_look(judged: StudyVerdict) -> str:
    first = judged.plan.can_decide
    seeds = len(judged.seeds)
    if first and seeds < first:
        return f"{seeds} {'seed decides' if seeds == 1 else 'seeds decide'} nothing; {first} seeds are the first look."
    return "Nothing is decided yet."


def _covers_period(judged: StudyVerdict) -> bool:
    answers = [answer for answer in judged.answers.values() if answer.question.in_period]
    return bool(answers) and all(answer.period for answer in answers)


def _count(answer: Answer) -> str:
    return f"{answer.shown} of {len(answer.seeds)} {'seed' if len(answer.seeds) == 1 else 'seeds'}"


def explain_claim(verdict: ClaimVerdict, judged: StudyVerdict) -> str:
    """Say what was measured, what was seen, and what follows."""
    question, answer = verdict.claim.question, verdict.answer
    if verdict.reason == "no-runs":
        return f"{VERDICTS[verdict.verdict]}: {_name_missing(question)}."
    parts = [f"{VERDICTS[verdict.verdict]}: {question.number}: {format_answer(answer)}"]
    if (
        not question.is_share
        and answer.estimate is not None
        and (own := format_own_unit(answer.estimate, judged.collection))
    ):
        parts.append(own)
    parts.append(f"over {len(answer.seeds)} {'seed' if len(answer.seeds) == 1 else 'seeds'}")
    if verdict.p is not None:
        parts.append(f"p = {format_p(verdict.p)} over seeds")
    sentences = [", ".join(parts) + "."]
    sentences += [_explain_region(verdict), _explain_size(verdict, judged), _explain_period(verdict)]
    if verdict.outlook:
        sentences.append(explain_outlook(verdict.outlook, verdict, judged))
    if verdict.reason == "still-improving":
        sentences.append(_explain_improving(verdict))
    if verdict.claim.other_reading:
        sentences.append(f"The other reading: {verdict.claim.other_reading}.")
    return " ".join(sentence for sentence in sentences if sentence)


def _explain_improving(verdict: ClaimVerdict) -> str:
    seeds = ", ".join(map(str, verdict.improving))
    (network,) = verdict.claim.question.needs
    return f"{network} was still improving at its end with seed {seeds}: train longer before saying that it does not."


def format_p(p: float) -> str:
    return f"{p:.2g}"


def _name_missing(question: Question) -> str:
    needs = " and ".join(question.needs)
    runs = "complete runs" if len(question.needs) > 1 else "a complete run"
    return f"no seed has {runs} of {needs}, at the study's rates and of at least {question.least_epochs} epochs"


def _explain_region(verdict: ClaimVerdict) -> str:
    form = format_share if verdict.claim.question.is_share else format_error
    low, high = verdict.region.low, verdict.region.high
    if 0.0 in verdict.region.bounds:
        return f"It holds {'above' if low == 0.0 else 'below'} zero."
    if len(verdict.region.bounds) > 1:
        return f"It holds between {form(low)} and {form(high)}, {format_share(MARGIN_SHARE)} of the naive error."
    return f"It holds above {form(low)}." if verdict.region.low > -1e300 else f"It holds below {form(high)}."


def _explain_size(verdict: ClaimVerdict, judged: StudyVerdict) -> str:
    if verdict.size is None or verdict.claim.question.size is None:
        return ""
    name, is_error = verdict.claim.question.size[0], verdict.claim.question.size_is_error
    mean, low, high = (format_error(each) if is_error else f"{each:+.1f}" for each in verdict.size)
    return f"{name.capitalize()}: {mean} in the mean, {low} to {high} over seeds."


def _explain_period(verdict: ClaimVerdict) -> str:
    question, period = verdict.claim.question, verdict.answer.period
    if not question.in_period:
        return ""
    if period is None:
        return (
            "How much of it belongs to this validation period cannot be told: no daily errors of eight weeks and more."
        )
    return (
        f"The interval covers the period too: over {period.blocks} blocks of two weeks the difference has a standard "
        f"error of {period.error:.4f}."
    )


def explain_outlook(outlook: Outlook, verdict: ClaimVerdict, judged: StudyVerdict) -> str:
    """Say what more seeds would bring."""
    last = judged.plan.looks[-1]
    if outlook.kind == "first-look":
        return f"Nothing can be decided before {outlook.fewest} seeds."
    if outlook.kind == "period":
        return "The seeds agree, but another period might not: more seeds do not help, more days or splits do."
    if outlook.kind == "no-difference":
        return "No difference larger than the margin is likely."
    if outlook.kind == "unlikely":
        return f"The {last} seeds of the plan are not likely to decide it."
    if verdict.answer.question.bets_on_rarity and verdict.region.high < 0.5:
        return f"If no further seed overfits, {outlook.fewest} seeds in all decide it."
    most = f" to {outlook.most}" if outlook.most else f" to more than {last}"
    seeds = f"{outlook.fewest}{most if outlook.most != outlook.fewest else ''}"
    return f"If the difference is real, {seeds} seeds in all would decide it."


def format_attempts(attempts: Attempts) -> str:
    """Render how many of the seeds that were tried are there: `8`, or `8 of 12`."""
    return (
        str(attempts.completed) if attempts.tried == attempts.completed else f"{attempts.completed} of {attempts.tried}"
    )


def describe_comparison(row: NetworkRow) -> str:
    """Say how a network compares: `lower than baseline: -0.0006 [-0.0041, +0.0029]`, and whether it was chosen."""
    if row.answer is None:
        return "reference"
    if row.answer.estimate is None:
        return f"no seed of at least {row.answer.question.least_epochs} epochs in common with {row.reference}"
    words = {"undecided": f"undecided against {row.reference}"}
    chosen = "; chosen on these seeds" if row.is_chosen else ""
    return f"{words.get(row.effect, f'{row.effect} than {row.reference}')}: {format_answer(row.answer)}{chosen}"


def write_notes(judged: StudyVerdict) -> list[str]:
    """Say what has to be known about the runs that were judged, a sentence each."""
    collection, notes = judged.collection, list[str]()
    if collection.is_published_data is False:
        notes.append("The data have the published structure but another checksum: they are not the published readings.")
    for row in judged.networks:
        notes += _describe_attempts(row)
    short = _list_short(judged)
    if 0 < len(short) < len(judged.networks):  # of all, the answer itself says so
        notes.append(_say_too_short(f"The runs of {', '.join(short)}"))
    chosen = next((row for row in judged.networks if row.is_chosen), None)
    if chosen:
        fresh = max(chosen.seeds, default=0) + 1
        notes.append(
            f"{chosen.label} is the best of {len(judged.networks)} networks on these very seeds, and partly so by "
            f"chance: train it and its reference on fresh ones, from {fresh} on, and confirm it on these."
        )
    if len(judged.seeds) > judged.plan.looks[-1]:
        notes.append(
            f"The plan ends at {judged.plan.looks[-1]} seeds: later ones count in the means, and decide nothing."
        )
    notes += dict.fromkeys(_explain_improving(each) for each in judged.claims if each.reason == "still-improving")
    notes += [f"{run.run}: {run.reason}." for run in collection.damaged]
    return notes


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
    return [f"{row.label}: {judged} seeds are judged; {what}. What is said is of the others."]
