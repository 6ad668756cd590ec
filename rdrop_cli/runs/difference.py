"""Explain why two runs may not be compared: different data, protocol, origin or cell, or another role of the seed."""

from collections.abc import Callable
from dataclasses import dataclass
from math import isclose

from rdrop_cli.runs.document import Metrics
from rdrop_cli.study.editions import TRAINED_WITH
from rdrop_cli.study.protocol import Protocol
from rdrop_cli.study.variants import find_chosen_cell

SAID_ALONE = frozenset({"summary"})
# The fields of a protocol that concern the training of networks. Reference forecasts do not depend on them.
TRAINING = SAID_ALONE | {
    *TRAINED_WITH,
    *("name", "epochs", "epochs_with_dropout", "train_windows_measured", "quantiles"),
}
ROUNDING = 1e-6  # relative: engines and machines differ in the last digits


@dataclass(frozen=True)
class Difference:
    """Why a run may not be compared with another; `kind` is a phrase for several runs: `on other data than …`."""

    text: str
    kind: str

    def __str__(self) -> str:
        return self.text


Explain = Callable[[Metrics, Metrics], Difference | None]


def explain_difference(run: Metrics, reference: Metrics) -> Difference | None:
    """Return why a run may not be compared with `reference`; None if both measured the same thing."""
    ignored = SAID_ALONE if run.is_network and reference.is_network else TRAINING
    return (
        _explain_other_data(run, reference)
        or _explain_other_protocol(run.protocol, reference.protocol, reference.run_id, ignored)
        or _explain_other_cell(run, reference)
        or _explain_other_chance(run, reference)
    )


def explain_more_than_origin(run: Metrics, reference: Metrics) -> Difference | None:
    """Return how two runs differ apart from the origin of their study; None if they do not."""
    return (
        explain_other_study(run, reference)
        or _explain_other_cell(run, reference)
        or _explain_other_chance(run, reference)
    )


def explain_other_study(run: Metrics, reference: Metrics) -> Difference | None:
    """Return why two runs belong to different studies: data or protocol; a study may vary cells, origins and seeds."""
    protocols = run.protocol.at_first_origin, reference.protocol.at_first_origin
    return _explain_other_data(run, reference) or _explain_other_protocol(*protocols, reference.run_id)


def explain_other_task(run: Metrics, reference: Metrics) -> Difference | None:
    """Return why two runs do not forecast the same targets from the same windows, however they were trained."""
    protocols = run.protocol.at_first_origin, reference.protocol.at_first_origin
    return _explain_other_data(run, reference) or _explain_other_protocol(*protocols, reference.run_id, TRAINING)


def _explain_other_data(run: Metrics, reference: Metrics) -> Difference | None:
    of = f"than {reference.run_id}"
    if run.dataset.sha256 != reference.dataset.sha256:
        checksums = (each.dataset.sha256[:12] for each in (run, reference))
        return Difference(f"other data {of} (SHA-256 {'…, not '.join(checksums)}…)", f"on other data {of}")
    if run.dataset.where != reference.dataset.where:
        rows = (each.dataset.where or "all" for each in (run, reference))
        return Difference(f"other rows of the same file {of} ({', not '.join(rows)})", f"on other data {of}")
    readings = run.dataset.reading, reference.dataset.reading
    if None not in readings and readings[0] != readings[1]:
        options = (reading or "as found" for reading in readings)
        return Difference(f"the same file read otherwise {of} ({', not '.join(options)})", f"on other data {of}")
    return _explain_other_values(run, reference)


def _explain_other_values(run: Metrics, reference: Metrics) -> Difference | None:
    """Detect a file that was read differently by figures that depend only on the data; older runs record no options."""
    if run.protocol != reference.protocol:
        return None
    figures = {"the target's deviation": (run.target_std, reference.target_std)}
    if run.variant == reference.variant:  # another variant may have its own windows
        figures["the naive error"] = run.naive.val_mae, reference.naive.val_mae
    for name, (figure, expected) in figures.items():
        if not isclose(figure, expected, rel_tol=ROUNDING):
            of = f"than {reference.run_id}"
            text = f"the same file read otherwise {of} ({name} is {figure:.6g}, not {expected:.6g})"
            return Difference(text, f"on other data {of}")
    return None


def _explain_other_protocol(
    protocol: Protocol, expected: Protocol, run_id: str, ignored: frozenset[str] = SAID_ALONE
) -> Difference | None:
    if protocol == expected:
        return None
    of, one, other = f"than {run_id}", protocol.to_json(), expected.to_json()
    differing = [name for name in sorted(one) if name not in ignored and one[name] != other[name]]
    if differing:
        return Difference(f"another protocol {of} ({', '.join(differing)})", f"under another protocol {of}")
    return None


def _explain_other_cell(run: Metrics, reference: Metrics) -> Difference | None:
    cell, reference_cell, of = run.cell, reference.cell, f"than {reference.run_id}"
    if find_chosen_cell(run.variant, cell) == find_chosen_cell(reference.variant, reference_cell):
        return None
    return Difference(f"another cell {of} ({cell}, not {reference_cell})", f"of another cell {of}")


def _explain_other_chance(run: Metrics, reference: Metrics) -> Difference | None:
    if run.vary == reference.vary:
        return None
    sources = [each.vary or "everything" for each in (run, reference)]
    text = f"its seed determines {sources[0]}, that of {reference.run_id} {sources[1]}"
    return Difference(text, f"whose seed does not determine {sources[1]}")
