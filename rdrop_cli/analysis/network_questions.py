"""Questions about any networks, by name; the claims of the editions on their other networks use them.

The id of a question says what is measured and for which networks, so the checker of a verdict can measure it again.
"""

from rdrop_cli.analysis.questions import Question, Runs
from rdrop_cli.analysis.run import RunCurves, count_equal_epochs
from rdrop_cli.errors import DataError


def compare_turns(first: str, second: str) -> Question:
    """Ask whether the second network reaches its level sooner, and so overfits from an earlier epoch on."""
    return Question(
        f"sooner {second} - {first}",
        (first, second),
        f"{second} is at its level after fewer epochs than {first}, and overfits",
        _turns_sooner,
        is_share=True,
        size=("further epochs", _differ_in_turn),
        size_is_error=False,
    )


def compare_tests(first: str, second: str) -> Question:
    """Ask how the test error of the second network differs from the first one's, each at its best epoch."""
    return Question(
        f"test-difference {second} - {first}",
        (first, second),
        f"{second}'s test error minus {first}'s",
        lambda runs: _read_test(runs[1]) - _read_test(runs[0]),
    )


def compare_with_naive(variant: str) -> Question:
    """Ask how far the level of a network lies above the naive forecast's validation error."""
    return Question(
        f"above-naive {variant}",
        (variant,),
        f"{variant}'s level minus the naive forecast's error",
        lambda runs: runs[0].level.error - runs[0].naive_val_mae,
    )


def compare_lowest_with_naive(variant: str) -> Question:
    """Ask the same for its lowest epoch, as the book prints it; chance makes a minimum too low."""
    return Question(
        f"lowest-above-naive {variant}",
        (variant,),
        f"{variant}'s lowest validation error minus the naive forecast's",
        lambda runs: float(runs[0].val_loss.min()) - runs[0].naive_val_mae,
    )


def compare_test_with_naive(variant: str, share: float = 1.0) -> Question:
    """Ask how far the test error of a network lies above a share of the naive forecast's test error."""
    of = "" if share == 1 else f"{share:g} of "
    return Question(
        f"test-above-{share:g}-naive {variant}",
        (variant,),
        f"{variant}'s test error minus {of}the naive forecast's",
        lambda runs: _read_test(runs[0]) - share * _read_naive_test(runs[0]),
    )


def _turns_sooner(runs: Runs) -> float:
    equal = count_equal_epochs(runs)
    return float(_differ_in_turn(runs) < 0 and runs[1].examine_overfitting(equal).shown)


def _differ_in_turn(runs: Runs) -> float:
    equal = count_equal_epochs(runs)
    first, second = (run.measure_level(equal).epoch for run in runs)
    return second - first


def _read_test(run: RunCurves) -> float:
    if run.test_mae is None:
        raise DataError(f"{run}: no test error was measured")
    return run.test_mae


def _read_naive_test(run: RunCurves) -> float:
    if run.naive_test_mae is None:
        raise DataError(f"{run}: the naive forecast's test error was not measured")
    return run.naive_test_mae
