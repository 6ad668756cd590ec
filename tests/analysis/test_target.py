"""A target's quantity and unit are read from its column's name."""

import pytest

from rdrop_cli.analysis.target import name_target


@pytest.mark.parametrize(
    ("column", "named"),
    [
        ("T (degC)", ("temperature", "°C")),
        ("Tpot (K)", ("Tpot", "K")),
        ("max. wv (m/s)", ("max. wv", "m/s")),
        ("a (b) (c)", ("a (b)", "c")),
        ("price", ("price", "")),
        ("Open(USD)", ("Open(USD)", "")),
        ("a (b) c", ("a (b) c", "")),
        ("", ("", "")),
    ],
)
def test_a_column_tells_its_quantity_and_unit(column, named):
    assert name_target(column) == named
