"""The verdict as a table for a paper: Markdown or LaTeX, with the protocol in its caption."""

from collections.abc import Sequence

from rdrop_cli.analysis.joint_test import ALPHA
from rdrop_cli.analysis.judged import StudyVerdict
from rdrop_cli.report.summary import summarise, write_notes
from rdrop_cli.report.words import (
    VERDICTS,
    describe_looks,
    describe_runs,
    format_answer,
    format_attempts,
    format_p,
    format_published,
    format_reproduced,
)

HEADS = ("Claim", "Answer [simultaneous interval]", "p", "Published", "Verdict")
NETWORK_HEADS = ("Network", "Seeds", "Level", "Overfit", "Difference [simultaneous interval]", "Effect")
_TEX = {
    "&": r"\&",
    "%": r"\%",
    "#": r"\#",
    "_": r"\_",
    "$": r"\$",
    "{": r"\{",
    "}": r"\}",
    "–": "--",
    "°": r"\textdegree{}",
    "α": r"\ensuremath{\alpha}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
}
_TEX |= {"~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "\\": r"\textbackslash{}"}


def write_markdown(judged: StudyVerdict) -> str:
    """Return the answer, both tables and their caption."""
    parts = [f"**{_mark(summarise(judged))}**", _pipe(HEADS, _list_claims(judged)), _mark(describe_protocol(judged))]
    parts += [_pipe(NETWORK_HEADS, _list_networks(judged)), *map(_mark, write_notes(judged))]
    return "\n\n".join(parts)


def write_latex(judged: StudyVerdict) -> str:
    """Return a table environment for booktabs."""
    body = "\n".join(" & ".join(map(_escape, row)) + r" \\" for row in _list_claims(judged))
    heads = " & ".join(map(_escape, HEADS)) + r" \\"
    caption = _escape(describe_protocol(judged))
    lines = [r"\begin{table}", r"\centering", r"\begin{tabular}{lrrrl}", r"\toprule", heads, r"\midrule", body]
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", rf"\caption{{{caption}}}", r"\end{table}"])


def describe_protocol(judged: StudyVerdict) -> str:
    """Describe the study for a reader of the table: data, protocol, seeds, test, error rate, margin, looks."""
    run, runs = judged.collection.used[0], describe_runs(judged.collection)
    protocol = run.protocol
    settings = f"{protocol.epoch_steps} steps of {protocol.batch_size} windows an epoch; {protocol.units} units"
    if protocol.described_windows not in runs:
        settings = f"{protocol.described_windows}; {settings}"
    return (
        f"{runs}. Data SHA-256 {run.dataset.sha256[:12]}; {settings}. "
        f"Errors are standardised; a margin of {judged.margin:.4f} counts as a difference. "
        f"Intervals and p are simultaneous over all questions and all looks "
        f"(joint sign-flip max-T test, α = {ALPHA:g}, looks {describe_looks(judged.plan.looks)})."
    )


def _list_claims(judged: StudyVerdict) -> list[tuple[str, ...]]:
    return [
        (
            verdict.id,
            format_answer(verdict.answer),
            format_p(verdict.p) if verdict.p is not None else "–",
            f"{format_published(verdict)} {format_reproduced(verdict)}".rstrip(),
            VERDICTS[verdict.verdict],
        )
        for verdict in judged.claims
        if verdict.has_answer
    ]


def _list_networks(judged: StudyVerdict) -> list[tuple[str, ...]]:
    return [
        (
            row.label,
            format_attempts(row.attempts),
            f"{row.level:.4f}",
            f"{row.overfitting[0]} of {row.overfitting[1]}" if row.overfitting[1] else "–",
            format_answer(row.answer) if row.answer else "–",
            f"{row.effect}, chosen on these seeds" if row.is_chosen else row.effect,
        )
        for row in judged.networks
    ]


def _pipe(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(_mark(cell).replace("|", "\\|") for cell in line) + " |" for line in lines)


def _mark(text: str) -> str:
    """Escape a text for Markdown, so a name can neither be HTML nor escape the text after it."""
    return text.replace("\\", "\\\\").replace("<", "&lt;")


def _escape(text: str) -> str:
    return "".join(_TEX.get(character, character) for character in text)
