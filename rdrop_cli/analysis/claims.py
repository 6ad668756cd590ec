"""Claims: a question and a region in which its answer has to lie; and the claims of edition 1 on dropout as data.

Several claims may share a question. If the book's words allow two readings, `other_reading` names the reading that is
not judged, and why.

What was known when these rules were fixed: the published curves; one run of each of the study's two networks on the
same data; and how the two readings of claim 3 come out on both. No runs over several seeds. The margin is a share of
the naive forecast's error, so it means the same for every series.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import inf

from rdrop_cli.analysis.questions import (
    BELOW_NAIVE,
    END,
    JITTER,
    LAYER_BEFORE_LEVEL,
    LEVEL,
    LONGER,
    NARROWER_GAP,
    OVERFITS_EARLY,
    OVERFITS_WITH_DROPOUT,
    STEP_MASK_LEVEL,
    Question,
)

SIGN_BOUND = 0.5  # the share that signs can be tested against
RARE = 0.2  # fewer than one seed in five: 23 seeds can decide it if none of them shows it


@dataclass(frozen=True)
class Region:
    """The open interval in which an answer has to lie for a claim to hold."""

    low: float = -inf
    high: float = inf

    def __contains__(self, value: float) -> bool:
        return self.low < value < self.high

    @property
    def bounds(self) -> tuple[float, ...]:
        return tuple(bound for bound in (self.low, self.high) if abs(bound) < inf)


@dataclass(frozen=True)
class Claim:
    """A claim: a question, and the region of its answer.

    Attributes:
        region: as a function of the margin, a standardised error.
        other_reading: another reading of its words, and why it is not judged.
    """

    id: str
    text: str
    question: Question
    region: Callable[[float], Region]
    other_reading: str = ""


def most(margin: float) -> Region:
    """Return the region of a share: more than half of all seeds show it."""
    return Region(low=SIGN_BOUND)


def below_zero(margin: float) -> Region:
    """Return the region of a mean below zero."""
    return Region(high=0.0)


def above_zero(margin: float) -> Region:
    """Return the region of a mean above zero."""
    return Region(low=0.0)


CLAIMS: tuple[Claim, ...] = (
    Claim("baseline-overfits", "Without dropout, it overfits after a few epochs", OVERFITS_EARLY, most),
    Claim(
        "dropout-does-not-overfit",
        "With dropout 0.2/0.2 there is no overfitting in the first 30 epochs: in fewer than one seed in five",
        OVERFITS_WITH_DROPOUT,
        lambda margin: Region(high=RARE),
        other_reading="it could mean most seeds, which is weaker, and judged as most-seeds-do-not-overfit",
    ),
    Claim(
        "steadier-scores",
        "With dropout the evaluation scores are more stable",
        JITTER,
        below_zero,
        other_reading=(
            "stable could mean that the score does not drift. But drift is overfitting, which other claims judge, and "
            "a network that still improves would count as unstable"
        ),
    ),
    Claim(
        "best-not-much-lower",
        "With dropout the best score is about the baseline's, not much lower",
        LEVEL,
        lambda margin: Region(-margin, margin),
        other_reading="not much lower could allow any amount higher; about the baseline's rules that out",
    ),
    Claim("longer-to-converge", "With dropout a network takes longer to converge", LONGER, most),
    Claim(
        "same-mask-matters",
        "A mask on the state drawn anew at every timestep harms learning, compared with one mask for all timesteps",
        STEP_MASK_LEVEL,
        above_zero,
    ),
    Claim(
        "layer-before-hinders",
        "A dropout layer before a recurrent layer hinders learning instead of helping",
        LAYER_BEFORE_LEVEL,
        above_zero,
    ),
    Claim("beats-naive", "Both networks beat the naive forecast", BELOW_NAIVE, most),
    Claim(
        "most-seeds-do-not-overfit",
        "With dropout 0.2/0.2 most seeds do not overfit in the first 30 epochs",
        OVERFITS_WITH_DROPOUT,
        lambda margin: Region(high=SIGN_BOUND),
    ),
    Claim(
        "better-optimum",
        "Dropout finds a better optimum: its best score is lower",
        LEVEL,
        below_zero,
    ),
    Claim(
        "resists-over-training",
        "Dropout resists over-training: its last score is lower",
        END,
        below_zero,
    ),
    Claim(
        "smaller-gap",
        "Dropout narrows the gap between training and validation, and not by a worse validation error",
        NARROWER_GAP,
        most,
    ),
)
