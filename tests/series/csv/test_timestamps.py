"""Parse timestamps by a named format."""

import numpy as np
import pytest

from rdrop_cli.series.csv.timestamps import TimestampColumn


@pytest.mark.parametrize(
    ("text", "form", "time"),
    [
        ("05 Jan 24", "%d %b %y", "2024-01-05T00:00"),
        ("2023 01 24", "%Y %m %d", "2023-01-24T00:00"),
        ("24.01.2023 24", "%d.%m.%Y %H", "2023-01-25T00:00"),
        ("24.01.2023 24:00", "%d.%m.%Y %H:%M", "2023-01-25T00:00"),
    ],
)
def test_24_is_midnight_only_where_the_format_has_the_hour(text: str, form: str, time: str) -> None:
    column = TimestampColumn("", "", form)
    column.add([text], [1])
    assert column.finish()[0] == np.datetime64(time)
