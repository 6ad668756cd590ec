"""Repeat a study on later rows of its series, to measure other periods: rolling origins.

Training and validation keep their lengths and move together (a rolling origin: Tashman 2000, Int. J. Forecasting 16,
437-450); an expanding origin would give later periods more training data, and confound the period with the amount. The
first origin is the protocol itself. The others follow evenly, one validation period apart if the series has room.
"""

from math import ceil

from rdrop_cli.errors import UsageError, ValueRefusedError
from rdrop_cli.series.table import Series
from rdrop_cli.study.protocol import Protocol

LEAST_STEP = 0.25  # of a validation period: closer origins hardly measure other periods
TEST_SHARE = 0.1  # of a validation period, kept for the test of the last origin


def roll_origins(protocol: Protocol, origins: int, series: Series) -> list[Protocol]:
    """Return the protocol at `origins` origins; the first is the protocol itself.

    Raises:
        UsageError: there are fewer than one, or more than the series has room for.
    """
    if origins < 1:
        raise ValueRefusedError("origins", origins, "at least 1")
    if origins == 1:
        return [protocol]
    validation = protocol.val_stop_row - protocol.train_stop_row
    room = series.rows - protocol.least_rows - int(TEST_SHARE * validation)
    step, least_step = min(validation, room // (origins - 1)), ceil(LEAST_STEP * validation)
    if step < least_step:
        most = 1 + max(0, room // least_step)
        raise UsageError(
            f"{series.source.name} has room for {most}, received {origins}: it has "
            f"{series.rows - protocol.val_stop_row} rows after validation, which takes {validation} itself; end both "
            "periods earlier to have more",
            field="origins",
            change=("train_stop", "val_stop"),
        )
    return [protocol.shift(number * step) for number in range(origins)]
