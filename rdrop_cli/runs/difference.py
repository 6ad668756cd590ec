"""Why two runs may not be compared: other data, another protocol or origin, another cell, or another chance."""

from collections.abc import Callable
from dataclasses import dataclass
from math import isclose

from rdrop_cli.runs.document import Metrics
from rdrop_cli.study.editions import TRAINED_WITH
from rdrop_cli.study.protocol import Protocol
from rdrop_cli.study.variants import find_chosen_cell

SAID_ALONE = frozenset({"summary"})
# Of a protocol, what a network is trained with. A reference forecast does not depend on it.
TRAINING = SAID_ALONE | {
    *TRAINED_WITH,
    *("name", "epochs", "epochs_with_dropout", "train_windows_measured", "quantiles"),
}
ROUNDING = 1e-6  # relative: engines and machines differ in the last digits


@dataclass(frozen=True)
class Difference:
    """Why a run may not be compared with another; `kind` says it of many: `on other data than …`."""

    text: str
    kind: str

    def __str__(self) -> str:
        return self.text


Explain = Callable[[Metrics, Metrics], Difference | None]


def explain_difference(run: Metrics, reference: Metrics) -> Difference | None:
    """Say why a run did not measure the same thing as another, so that both may not be compared; None if it did."""
    ignored = SAID_ALONE if run.is_network and reference.is_network else TRAINING
    return (
        _explain_other_data(run, reference)
        or _explain_other_protocol(run.protocol, reference.protocol, reference.run_id, ignored)
        or _explain_other_cell(run, reference)
        or _explain_other_chance(run, reference)
    )


def explain_more_than_origin(run: Metrics, reference: Metrics) -> Difference | None:
    """Say in what runs differ beside the origin of their study; None if in nothing."""
    return (
        explain_other_study(run, reference)
        or _explain_other_cell(run, reference)
        or _explain_other_chance(run, reference)
    )


def explain_other_study(run: Metrics, reference: Metrics) -> Difference | None:
    """Say why runs belong to different studies, data or protocol; one study has several cells, origins and seeds."""
    protocols = run.protocol.at_first_origin, reference.protocol.at_first_origin
    return _explain_other_data(run, reference) or _explain_other_protocol(*protocols, reference.run_id)


def explain_other_task(run: Metrics, reference: Metrics) -> Difference | None:
    """Say why runs do not forecast the same targets from the same windows, however they were trained or fitted."""
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
    """Say what older runs, which do not tell how a file was read, show of it: figures that are of the data alone."""
    if run.protocol != reference.protocol:
        return None
    figures = {"the target's deviation": (run.target_std, reference.target_std)}
    if run.variant == reference.variant:  # another one may have windows of its own
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
