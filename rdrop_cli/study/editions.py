"""The editions of the book as data: the protocol of each, its networks and their numbers of epochs.

    edition 1   F. Chollet, Deep Learning with Python, Manning 2017, sections 6.3 and 6.4
    edition 2   the same, 2021, chapter 10
    edition 3   F. Chollet, M. Watson, 2025, chapter 13

The claims of the editions about these networks are in `rdrop_cli.analysis.edition_claims`, and the results that they
print in `rdrop_cli.analysis.published`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from rdrop_cli.errors import ValueRefusedError
from rdrop_cli.study.protocol import DATASET, IN_UNIT, MSE, NEWEST_READING, PASSES, QUANTILES, Protocol
from rdrop_cli.study.variant import Variant
from rdrop_cli.study.variants import STUDY, find_variant


@dataclass(frozen=True)
class Edition:
    """A protocol and the networks that are trained under it.

    Attributes:
        number: the number of the edition.
        networks: the epochs of each network, in the order of the book.
        reference: the network without dropout that the others are compared with.
        trained: the networks that are trained if none is named.
    """

    number: int
    protocol: Protocol
    networks: Mapping[str, int]
    reference: str
    trained: tuple[str, ...]

    def choose_epochs(self, variant: Variant) -> int:
        """Return the epochs of a network; if the edition does not have it, the default with or without dropout."""
        protocol = self.protocol
        return self.networks.get(variant.name, protocol.epochs_with_dropout if variant.drops else protocol.epochs)


BOOK = Edition(
    1,
    Protocol(
        name="book",
        summary="edition 1: ten days of hourly weather, 500 drawn steps an epoch, MAE of the standardised target",
    ),
    networks={
        "dense": 20,
        "baseline": 20,
        "gru-reversed": 20,
        "dropout": 40,
        "stacked": 40,
        "bidirectional": 40,
        "conv": 20,
        "conv-gru": 20,
    },
    reference="baseline",
    trained=STUDY,
)
BOOK2 = Edition(
    2,
    Protocol(
        name="book2",
        summary="edition 2: five days of hourly weather, every training window once an epoch, MSE in °C",
        lookback_rows=720,
        train_stop_row=210_225,
        val_stop_row=315_337,
        horizon_from=NEWEST_READING,
        layout=DATASET,
        target_scale=IN_UNIT,
        batch_size=256,
        sampling=PASSES,
        loss=MSE,
        best_by=MSE,
        epochs=10,
        epochs_with_dropout=50,
        units=16,
    ),
    networks={
        "dense": 10,
        "conv-average": 10,
        "lstm": 10,
        "lstm-dropout": 50,
        "gru-stacked": 50,
        "lstm-bidirectional": 10,
    },
    reference="lstm",
    trained=("dense", "conv-average", "lstm", "lstm-dropout", "gru-stacked", "lstm-bidirectional"),
)
BOOK3 = replace(
    BOOK2,
    number=3,
    protocol=replace(
        BOOK2.protocol, name="book3", summary="edition 3: as edition 2, with Adam in place of RMSprop", optimizer="adam"
    ),
)


def _shorten(edition: Edition, name: str, trained: tuple[str, ...]) -> Edition:
    """Return an edition that trains in minutes, with the networks that its short windows have room for."""
    protocol = replace(
        edition.protocol,
        name=name,
        summary="small enough for minutes: two days of hourly weather, less than two years to train on",
        lookback_rows=288,
        train_stop_row=90_000,
        val_stop_row=150_000,
        steps_per_epoch=100,
    )
    fitting = {
        network: epochs for network, epochs in edition.networks.items() if _fits(find_variant(network), protocol)
    }
    return replace(edition, protocol=protocol, networks=fitting, trained=trained)


def _fits(variant: Variant, protocol: Protocol) -> bool:
    own = protocol.with_windows(variant.lookback_rows, variant.step_rows)
    return own.timesteps >= variant.least_timesteps


EDITIONS = {
    edition.protocol.name: edition
    for edition in (
        BOOK,
        BOOK2,
        BOOK3,
        _shorten(BOOK, "demo", STUDY),
        _shorten(BOOK2, "demo2", ("lstm", "lstm-dropout")),
        _shorten(BOOK3, "demo3", ("lstm", "lstm-dropout")),
    )
}
PROTOCOLS = {name: edition.protocol for name, edition in EDITIONS.items()}
ALIASES = {"book1": "book", "demo1": "demo"}
TRAINED_WITH = (
    *("units", "batch_size", "steps_per_epoch", "optimizer", "learning_rate", "loss", "clip_norm", "patience"),
    *("target_scale", "sampling", "best_by"),
)  # fmt: skip


def describe_changes(protocol: Protocol) -> str:
    """Describe how training differs from the edition of that name, ` (units 16, loss mse)`; empty if it does not."""
    edition = PROTOCOLS.get(protocol.name, protocol)
    values = {name: getattr(protocol, name) for name in TRAINED_WITH}
    changed = [f"{name.replace('_', ' ')} {value}" for name, value in values.items() if value != getattr(edition, name)]
    return f" ({', '.join(changed)})" if changed else ""


def describe_task(protocol: Protocol) -> str:
    """Describe how the task differs from the edition's of that name, wherever its origin lies; empty if it does not.

    Lengths are in rows of the series: `target p (mbar), training to row 90000, validation to row 150000`.
    """
    told, usual = (_list_task(each.at_first_origin) for each in (protocol, PROTOCOLS.get(protocol.name, protocol)))
    return ", ".join(part for part, other in zip(told, usual, strict=True) if part != other)


def _list_task(protocol: Protocol) -> tuple[str, ...]:
    levels = "" if protocol.quantiles == QUANTILES else ", ".join(f"{level:g}" for level in protocol.quantiles)
    return (
        f"target {protocol.target}",
        protocol.described_windows,
        f"training to row {protocol.train_stop_row}, validation to row {protocol.val_stop_row}",
        f"inputs {', '.join(protocol.inputs)}" if protocol.inputs else "",
        "the calendar as input" if protocol.calendar else "",
        f"sentinels {protocol.sentinels}",
        f"quantiles {levels}" if levels else "",
    )


def find_edition(name: str) -> Edition:
    """Return an edition, or a shortened one, by the name of its protocol.

    Raises:
        UsageError: there is no edition of that name.
    """
    name = ALIASES.get(name, name)
    if name not in EDITIONS:
        raise ValueRefusedError("protocol", name, f"one of {', '.join(EDITIONS)}")
    return EDITIONS[name]
