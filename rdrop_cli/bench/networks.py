"""The networks to measure, their windows, and which of them each peer can compute."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from rdrop_cli.bench.peers import Peer
from rdrop_cli.planning.request import Request, plan_runs
from rdrop_cli.study.config import RunConfig
from rdrop_cli.study.editions import BOOK
from rdrop_cli.study.methods import METHODS
from rdrop_cli.study.variants import find_variant

if TYPE_CHECKING:
    from rdrop_cli.series.windows import Windows

# Variant and cell: those that Keras has, then each method of recurrent dropout.
COMPARED = (
    *(("baseline", "gru"), ("dropout", "gru"), ("baseline", "lstm"), ("dropout", "lstm")),
    *(("stacked", "gru"), ("bidirectional", "gru")),
    *((method, "gru") for method in METHODS),
)


def plan_study() -> dict[str, RunConfig]:
    """Return the study's two networks, at the book's size, by variant."""
    return {config.variant: config for config in plan_runs(Request(dataset="synthetic"))}


def make_synthetic_windows(data_dir: Path) -> "Windows":
    """Return windows of the synthetic series, at the book's size."""
    from rdrop_cli.series.load import load_dataset
    from rdrop_cli.series.windows import make_windows

    return make_windows(load_dataset("synthetic", data_dir), BOOK.protocol)


def list_networks() -> list[RunConfig]:
    """Return the configurations of the compared networks, at the book's size."""
    requests = [Request(variants=(variant,), cell=cell, dataset="synthetic") for variant, cell in COMPARED]
    return [config for request in requests for config in plan_runs(request)]


def describe_network(config: RunConfig) -> dict[str, Any]:
    """Return the description from which a peer without rdrop builds a network that Keras has."""
    variant = find_variant(config.variant)
    return {
        "cell": config.cell,
        "layers": [
            {"units": layer.width * config.protocol.units, "activation": layer.activation}
            for layer in variant.recurrent_layers
        ],
        "bidirectional": variant.bidirectional,
        "dropout": config.dropout,
        "recurrent_dropout": config.recurrent_dropout,
    }


def can_compute(peer: Peer, config: RunConfig) -> bool:
    """Whether a peer can compute a network, without its parts that `find_omission` names."""
    return peer.compares_methods or find_variant(config.variant).method is None


def find_omission(peer: Peer, config: RunConfig) -> str:
    """Return the parts of a network that a peer leaves out; empty if it computes everything."""
    if peer.name != "torch":
        return ""
    variant = find_variant(config.variant)
    missing = ["recurrent dropout"] if variant.drops else []
    missing += ["ReLU"] if any(layer.activation != "tanh" for layer in variant.recurrent_layers) else []
    return " and ".join(missing)
