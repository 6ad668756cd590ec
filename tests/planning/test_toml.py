"""The line of a key is found, whatever stands around it."""

import pytest

from rdrop_cli.planning.toml import find_lines

TEXT = '''# [grid] in a comment, dropout = 1
"study" = {dataset = "a # [b]", epochs = 3} # {

[grid] # ]
variants = [
  "baseline", # dropout = [
  'dropout = 3',
]
"dropout" = [0.1]
'recurrent_dropout' = 0.5
odd = ["""x"""", "["]
it = ['"', '#[']
last = 1

[ "a.b" . c ]
text = """
[grid]
cells = 1 \\""" "" """""
literal = \'\'\'
x = "\'\'\'
y.z = 2
y."w w" = 'C:\\'
[[many]]
one = 1
'''


@pytest.mark.parametrize(
    ("where", "line"),
    [
        (("study",), 2),
        (("study", "epochs"), 2),
        (("grid",), 4),
        (("grid", "variants"), 5),
        (("grid", "dropout"), 9),
        (("grid", "recurrent_dropout"), 10),
        (("grid", "odd"), 11),
        (("grid", "it"), 12),
        (("grid", "last"), 13),
        (("a.b",), 15),
        (("a.b", "c"), 15),
        (("many",), 23),
    ],
)
def test_a_key_is_found_on_the_line_where_it_is_first_written(where, line):
    assert find_lines(TEXT)[where] == line


def test_nothing_is_found_that_is_not_a_key():
    assert {where for where in find_lines(TEXT) if where[0] in ("grid", "study")} == {
        ("study",), ("study", "dataset"), ("study", "epochs"),
        ("grid",), ("grid", "variants"), ("grid", "dropout"), ("grid", "recurrent_dropout"), ("grid", "odd"),
        ("grid", "it"), ("grid", "last"),
    }  # fmt: skip


def test_dotted_keys_outside_a_table_and_other_line_ends_are_counted_as_well():
    text = 'study.epochs = 3\r\n\r\nstudy . "units" = 4\r\n[grid]\r\ncells = [\r\n]\r\nvariants = []'
    lines = find_lines(text)
    assert [lines["study", "epochs"], lines["study", "units"], lines["grid", "variants"]] == [1, 3, 7]
