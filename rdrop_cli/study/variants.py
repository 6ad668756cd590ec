"""The networks that are compared, as plain data."""

from collections.abc import Iterable

from rdrop_cli.errors import UsageError, ValueRefusedError, suggest
from rdrop_cli.study.layers import ConvolutionLayer, DenseLayer, Pooled, PoolingLayer, RecurrentLayer
from rdrop_cli.study.methods import CELLS, METHODS
from rdrop_cli.study.own import find_maker
from rdrop_cli.study.variant import DEFAULT_CELL, Place, Variant

VARIANTS = {
    variant.name: variant
    for variant in (
        Variant("baseline", "one recurrent layer, without dropout", "Cho et al. 2014"),
        Variant(
            "dropout",
            "Keras's own layer with dropout and recurrent_dropout: masks per gate, constant over time",
            "Gal and Ghahramani 2016",
            dropout=0.2,
            recurrent_dropout=0.2,
        ),
        *(
            Variant(method.name, method.description, method.paper, dropout=0.2, recurrent_dropout=0.2, method=name)
            for name, method in METHODS.items()
        ),
        Variant(
            "dropout-before",
            "a Dropout layer before: drops single values at single timesteps",
            "Zaremba et al. 2014",
            dropout=0.2,
            dropout_at=Place.DROPOUT_BEFORE,
        ),
        Variant(
            "locked-before",
            "Dropout(noise_shape=(None, 1, features)) before: drops whole features for the whole sequence",
            "Merity et al. 2018",
            dropout=0.2,
            dropout_at=Place.LOCKED_BEFORE,
        ),
        Variant(
            "spatial-before",
            "SpatialDropout1D before: the same as locked-before",
            "Tompson et al. 2015",
            dropout=0.2,
            dropout_at=Place.SPATIAL_BEFORE,
        ),
        Variant(
            "dropout-after",
            "a Dropout layer after: the recurrence does not see it",
            "Zaremba et al. 2014",
            dropout=0.2,
            dropout_at=Place.DROPOUT_AFTER,
        ),
        Variant(
            "stacked",
            "the book's two layers, the second twice as wide and with ReLU; Keras's own dropout in both",
            "Chollet 2017",
            dropout=0.1,
            recurrent_dropout=0.5,
            stack=(RecurrentLayer(), RecurrentLayer(width=2, activation="relu")),
        ),
        Variant(
            "bidirectional",
            "the book's pair of layers that read forwards and backwards, without dropout",
            "Schuster and Paliwal 1997",
            bidirectional=True,
        ),
        Variant(
            "gru-reversed",
            "the baseline on windows that it reads from the newest reading to the oldest",
            "Chollet 2017",
            stack=(RecurrentLayer(backwards=True),),
            only_cell=True,
        ),
        Variant(
            "dense",
            "a dense layer on the flattened window: no order of time",
            "Chollet 2017",
            stack=(DenseLayer(),),
            only_cell=True,
        ),
        Variant(
            "conv",
            "three convolutions over time, with pooling between and the maximum over time at the end",
            "Chollet 2017",
            stack=(
                ConvolutionLayer(32, 5),
                PoolingLayer(3),
                ConvolutionLayer(32, 5),
                PoolingLayer(3),
                ConvolutionLayer(32, 5),
                PoolingLayer(),
            ),
            only_cell=True,
        ),
        Variant(
            "conv-gru",
            "two convolutions before a GRU with dropout, on five days of half-hourly readings",
            "Chollet 2017",
            dropout=0.1,
            recurrent_dropout=0.5,
            stack=(ConvolutionLayer(32, 5), PoolingLayer(3), ConvolutionLayer(32, 5), RecurrentLayer()),
            only_cell=True,
            lookback_rows=720,
            step_rows=3,
        ),
        Variant(
            "conv-average",
            "three convolutions over time, with pooling between and the average over time at the end",
            "Chollet 2021",
            stack=(
                ConvolutionLayer(8, 24),
                PoolingLayer(2),
                ConvolutionLayer(8, 12),
                PoolingLayer(2),
                ConvolutionLayer(8, 6),
                PoolingLayer(pooled=Pooled.AVERAGE),
            ),
            only_cell=True,
        ),
        Variant("lstm", "one LSTM, without dropout", "Hochreiter and Schmidhuber 1997", cell="lstm", only_cell=True),
        Variant(
            "lstm-dropout",
            "an LSTM twice as wide with Keras's recurrent_dropout, and a Dropout layer after it",
            "Chollet 2021",
            dropout=0.5,
            recurrent_dropout=0.25,
            dropout_at=Place.DROPOUT_AFTER,
            stack=(RecurrentLayer(width=2),),
            cell="lstm",
            only_cell=True,
        ),
        Variant(
            "gru-stacked",
            "two GRUs, both twice as wide, with Keras's recurrent_dropout, and a Dropout layer after them",
            "Chollet 2021",
            dropout=0.5,
            recurrent_dropout=0.5,
            dropout_at=Place.DROPOUT_AFTER,
            stack=(RecurrentLayer(width=2), RecurrentLayer(width=2)),
            only_cell=True,
        ),
        Variant(
            "lstm-bidirectional",
            "a pair of LSTMs that read forwards and backwards, without dropout",
            "Schuster and Paliwal 1997",
            bidirectional=True,
            cell="lstm",
            only_cell=True,
        ),
    )
}
REFERENCES = {
    name: Variant(name, summary, paper, stack=(), only_cell=True, one_horizon=name == "gradient-boosting")
    for name, summary, paper in (
        ("naive", "then as now: the newest reading", "Chollet 2017"),
        ("seasonal-naive", "the newest reading of the same time of day", "Hyndman and Athanasopoulos 2021"),
        ("climatology", "the usual reading of the day of the year and the hour", "Murphy 1992"),
        ("damped-persistence", "climatology, and what is left by then of today's anomaly", "Murphy 1992"),
        ("ridge", "linear regression on the same windows, with a penalty", "Hoerl and Kennard 1970"),
        ("nlinear", "linear regression on the target's changes", "Zeng et al. 2023"),
        ("dlinear", "linear regression on the target's trend and the rest", "Zeng et al. 2023"),
        ("gradient-boosting", "trees on a summary of the window; needs the boosting extra", "Friedman 2001"),
    )
}
"""Reference forecasts, which networks are compared with; see `rdrop_cli.forecasters`."""

STUDY = ("baseline", "dropout")  # compared by edition 1, and the default of `rdrop train`


def find_variant(name: str) -> Variant:
    """Return a variant by name, or the user's own network.

    Raises:
        UsageError: there is no variant of that name; the message suggests the nearest.
    """
    known = VARIANTS | REFERENCES
    if name not in known and (maker := find_maker(name)):
        return Variant(name, "a network of your own", maker, only_cell=True, maker=maker)
    if name not in known:
        raise UsageError(f"no variant {name!r}; {suggest(name, known)}", field="variants", show_field=False)
    return known[name]


def check_cell_name(cell: str) -> None:
    """Check that a cell exists.

    Raises:
        UsageError: it does not.
    """
    if cell not in CELLS:
        raise ValueRefusedError("cell", cell, f"one of {', '.join(CELLS)}")


def check_cell(variant: Variant, cell: str) -> None:
    """Check that a variant can be built with a cell.

    Raises:
        UsageError: it cannot, or the cell does not exist.
    """
    check_cell_name(cell)
    if cell not in variant.cells:
        only = f"has no {cell} cell, only {', '.join(variant.cells)}"
        why = "is your own network, whose cells are in its code" if variant.maker else only
        raise UsageError(f"{variant.name} {why}", field="cell")


def find_own_cell(variant: str) -> str:
    """Return the cell of a variant if none is named; for a variant of another version, the default cell."""
    return VARIANTS[variant].cell if variant in VARIANTS else DEFAULT_CELL


def find_chosen_cell(variant: str, cell: str) -> str | None:
    """Return the cell, or None if it is the variant's own, which other variants to compare need not have."""
    return None if cell == find_own_cell(variant) else cell


def label_network(variant: str, cell: str, rates: tuple[float, float] | None = None) -> str:
    """Return a network's label, such as `dropout`, or `dropout-lstm` with a cell that is not its own.

    If `rates` are given, dropout and recurrent dropout are appended: `dropout-lstm 0.2/0.5`.
    """
    chosen = find_chosen_cell(variant, cell)
    network = f"{variant}-{chosen}" if chosen else variant
    return f"{network} {format_rates(*rates)}" if rates else network


def explain_input_mask(label: str, variant: str, rates: Iterable[tuple[float, float]]) -> str:
    """Return a note if networks of one variant differ in more than their rates, else an empty text."""
    recurrent = {bool(recurrent_rate) for rate, recurrent_rate in rates if rate}
    if len(recurrent) < 2 or variant not in VARIANTS or not VARIANTS[variant].shares_input_mask:
        return ""
    return (
        f"{label}: as in Keras, all gates share an input mask where the recurrent rate is 0, and each has its own "
        "where it is not; train gal to compare the rates alone."
    )


def format_rates(dropout: float, recurrent_dropout: float) -> str:
    """Render a pair of rates: `0.2/0.5`."""
    return f"{dropout:g}/{recurrent_dropout:g}"
