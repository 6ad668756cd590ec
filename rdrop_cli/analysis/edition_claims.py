"""The claims of each edition as data, worded like its text.

`rdrop_cli.analysis.claims` says what a claim is, and has the twelve claims of edition 1 on its GRU with and without
dropout. Its claims on other networks, and all claims of editions 2 and 3, are here. Printed numbers are in
`rdrop_cli.analysis.published`, by question.

What was known when these rules were fixed: the printed curves and numbers, and the first epochs of one LSTM run.
"""

from rdrop_cli.analysis.claims import CLAIMS, RARE, Claim, Region, above_zero, below_zero, most
from rdrop_cli.analysis.interval_claims import claim_intervals
from rdrop_cli.analysis.network_questions import (
    compare_lowest_with_naive,
    compare_test_with_naive,
    compare_tests,
    compare_turns,
    compare_with_naive,
)
from rdrop_cli.analysis.questions import ask_early_overfitting, ask_rare_overfitting, compare_with
from rdrop_cli.study.editions import Edition


def _not_below(margin: float) -> Region:
    return Region(low=-margin)


def _within_margin(margin: float) -> Region:
    return Region(-margin, margin)


DENSE_NOT_BELOW_NAIVE = Claim(
    "dense-not-below-naive",
    "The dense network does not reliably beat the naive forecast",
    compare_with_naive("dense"),
    _not_below,
)

EDITION_1 = (
    *CLAIMS,
    DENSE_NOT_BELOW_NAIVE,
    Claim(
        "stacked-better",
        "Two layers with dropout do better than one, by a bit",
        compare_with("dropout", "stacked"),
        below_zero,
    ),
    Claim(
        "reversed-worse-than-naive",
        "A GRU that reads the window backwards does worse than the naive forecast",
        compare_with_naive("gru-reversed"),
        above_zero,
    ),
    Claim(
        "bidirectional-as-good",
        "The bidirectional GRU does about as well as the plain one",
        compare_with("baseline", "bidirectional"),
        _within_margin,
    ),
    Claim(
        "bidirectional-sooner",
        "The bidirectional network overfits sooner",
        compare_turns("baseline", "bidirectional"),
        most,
    ),
    Claim(
        "conv-worse-than-naive",
        "The convolutional network does worse than the naive forecast",
        compare_with_naive("conv"),
        above_zero,
    ),
    Claim(
        "conv-gru-not-as-good",
        "Convolutions before a GRU with dropout are not as good as the GRU with dropout alone",
        compare_with("dropout", "conv-gru"),
        above_zero,
    ),
    *claim_intervals("dropout"),
)

EDITION_2 = (
    Claim(
        "lstm-beats-naive",
        "An LSTM of 16 units beats the naive forecast on the test period",
        compare_test_with_naive("lstm"),
        below_zero,
    ),
    Claim(
        "lstm-validation",
        "Its lowest validation error lies below the naive forecast's",
        compare_lowest_with_naive("lstm"),
        below_zero,
    ),
    DENSE_NOT_BELOW_NAIVE,
    Claim(
        "conv-worse-than-naive",
        "The convolutional network does worse than the naive forecast",
        compare_with_naive("conv-average"),
        above_zero,
    ),
    Claim(
        "conv-worse-than-dense",
        "It does even worse than the dense network",
        compare_with("dense", "conv-average"),
        above_zero,
    ),
    Claim("lstm-overfits", "The LSTM overfits after a few epochs", ask_early_overfitting("lstm"), most),
    Claim(
        "lstm-dropout-no-overfit",
        "With recurrent dropout 0.25 and Dropout 0.5 there is no overfitting in the first 20 epochs: in fewer than one "
        "seed in five",
        ask_rare_overfitting("lstm-dropout", within=20),
        lambda margin: Region(high=RARE),
    ),
    Claim(
        "lstm-dropout-better",
        "With dropout the test error is lower than that of the LSTM without",
        compare_tests("lstm", "lstm-dropout"),
        below_zero,
    ),
    Claim(
        "lstm-dropout-validation",
        "The lowest validation error of the LSTM with dropout lies below the naive forecast's",
        compare_lowest_with_naive("lstm-dropout"),
        below_zero,
    ),
    Claim(
        "gru-stacked-best",
        "The stacked GRU with recurrent dropout is the best of all: better than the LSTM with dropout",
        compare_tests("lstm-dropout", "gru-stacked"),
        below_zero,
    ),
    Claim(
        "ten-percent-at-best",
        "About 10 % better than the naive forecast is as good as it gets: the best network is not better than that by "
        "more than the margin",
        compare_test_with_naive("gru-stacked", share=0.9),
        _not_below,
    ),
    Claim(
        "bidirectional-worse",
        "The bidirectional LSTM does worse than the LSTM",
        compare_with("lstm", "lstm-bidirectional"),
        above_zero,
    ),
    Claim(
        "bidirectional-sooner",
        "The bidirectional LSTM overfits sooner",
        compare_turns("lstm", "lstm-bidirectional"),
        most,
    ),
    *claim_intervals("lstm-dropout"),
)

_BY_NUMBER = {1: EDITION_1, 2: EDITION_2, 3: EDITION_2}
CLAIM_IDS = tuple(dict.fromkeys(claim.id for claims in _BY_NUMBER.values() for claim in claims))


def list_claims(edition: Edition) -> tuple[Claim, ...]:
    """Return the claims of an edition."""
    return _BY_NUMBER[edition.number]
