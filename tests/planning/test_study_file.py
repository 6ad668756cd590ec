"""A study file becomes the requests of its grid, or one line that says what is wrong where."""

import re
from datetime import date

import pytest

from rdrop_cli.errors import UsageError, ValueRefusedError
from rdrop_cli.planning.fit import plan_on_series
from rdrop_cli.planning.request import plan_runs
from rdrop_cli.planning.study_file import read_sweep
from rdrop_cli.planning.toml import MAX_BYTES
from tests.planning.series import make_series

STUDY = """# How much dropout does this GRU need?
[study]
dataset = "synthetic"
protocol = "demo"
seeds = "0-4"            # or a list of whole numbers
epochs = 20

[grid]
variants = ["baseline", "dropout"]
cells = ["gru", "lstm"]
dropout = [0.0, 0.2, 0.5]
recurrent_dropout = [0.0, 0.2, 0.5]
"""


@pytest.fixture
def read(tmp_path):
    """Read a study file of this text, with some of it replaced."""

    def read(text=STUDY, **replaced):
        path = tmp_path / "study.toml"
        for old, new in replaced.items():
            text, count = re.subn(rf"(?m)^{old} = [^#\n]*", f"{old} = {new} ", text)
            assert count == 1
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return read_sweep(path)

    return read


def test_the_grid_has_every_pair_of_rates_once_and_the_baseline_without_any(read):
    sweep = read()
    arms = [(arm.variants, arm.cell, arm.dropout, arm.recurrent_dropout) for arm in sweep.arms]
    assert len(arms) == len(set(arms)) == 2 * (1 + 9)
    assert arms[:2] == [(("baseline",), "gru", None, None), (("dropout",), "gru", 0.0, 0.0)]
    assert sweep.seeds == (0, 1, 2, 3, 4)


def test_seeds_come_one_after_the_other_so_that_early_ones_have_the_whole_grid(read):
    requests = read().requests
    assert len(requests) == 100
    assert [request.seed for request in requests[:20]] == [0] * 20
    assert len({config for request in requests for config in plan_runs(request)}) == 100


def test_a_rate_that_a_variant_lacks_does_not_multiply_it(read):
    arms = read(variants='["dropout-before", "dropout"]', cells='["gru"]').arms
    assert [(arm.dropout, arm.recurrent_dropout) for arm in arms[:3]] == [(0.0, None), (0.2, None), (0.5, None)]
    assert len(arms) == 3 + 9


def test_what_is_written_twice_is_trained_once(read):
    sweep = read(variants='["dropout", "dropout"]', cells='["gru", "gru"]', dropout="[0, 0.0, 0.2]", seeds="[3, 1, 3]")
    assert len(sweep.arms) == 2 * 3
    assert sweep.seeds == (3, 1)


def test_a_sweep_may_repeat_itself_on_several_origins_and_vary_one_source(read):
    arm = read(STUDY.replace("[grid]", 'origins = 5\nvary = "weights"\n[grid]')).arms[0]
    assert (arm.origins, arm.vary) == (5, "weights")
    with pytest.raises(UsageError, match=r"line 8: origins: expected a whole number"):
        read(STUDY.replace("[grid]", 'origins = "five"\n[grid]'))


def test_what_is_left_out_is_as_rdrop_train_has_it(read):
    sweep = read('[grid]\nvariants = ["dropout"]')
    (config,) = plan_runs(sweep.requests[0])
    assert (config.dataset, config.protocol.name, config.seed, config.cell) == ("jena", "book", 0, "gru")
    assert (config.dropout, config.recurrent_dropout, config.epochs) == (0.2, 0.2, 40)


def test_lengths_and_splits_may_be_texts_numbers_and_dates(read):
    options = 'lookback = "5d"\nhorizon = 144\ntrain_stop = 2012-01-01\nval_stop = 0.75\n'
    arm = read(STUDY.replace("[grid]", options + "[grid]")).arms[0]
    texts = [arm.lookback, arm.horizon, arm.train_stop, arm.val_stop]
    assert texts == ["5d", "144", str(date(2012, 1, 1)), "0.75"]


def test_the_home_folder_of_a_dataset_is_the_users(read, monkeypatch):
    monkeypatch.setenv("HOME", "/home/of/somebody")
    assert read(dataset='"~/my.csv"').arms[0].dataset == "/home/of/somebody/my.csv"


@pytest.mark.parametrize(
    ("replaced", "line", "message"),
    [
        ({"epochs": "0"}, 6, "epochs: expected at least 1, received 0"),
        ({"epochs": "true"}, 6, "epochs: expected a whole number, received True"),
        ({"epochs": "2.0"}, 6, "epochs: expected a whole number, received 2.0"),
        ({"epochs": "0x" + "f" * 9000}, 6, "received a number too long to show"),
        ({"dataset": "3"}, 3, "dataset: expected a text in quotes, received 3"),
        ({"protocol": '"dmo"'}, 4, "protocol: expected one of book, book2, book3, demo, demo2, demo3, received 'dmo'"),
        ({"seeds": '"4-0"'}, 5, "seeds: expected seeds such as 0-4 or 1,3,5, received '4-0'"),
        ({"seeds": "3"}, 5, "seeds: expected a list of whole numbers or a text such as '0-4', received 3"),
        ({"seeds": "[]"}, 5, "seeds: the list is empty; name at least one, or remove the key"),
        ({"seeds": "[1, true]"}, 5, "seeds: expected a list of whole numbers"),
        ({"seeds": "[-1]"}, 5, "seeds: expected whole numbers from 0 to 2147483647, received -1"),
        ({"seeds": '"0-9999"'}, 8, "asks for 200000 runs; at most 10000 are trained by one file"),
        ({"variants": '["baseline", "droput"]'}, 9, "no variant 'droput'; did you mean 'dropout'?"),
        ({"variants": '"dropout"'}, 9, "variants: expected a list of names such as ['baseline', 'dropout'], received"),
        ({"variants": '["masked-carry"]'}, 10, "cells: masked-carry has no lstm cell, only gru"),
        ({"variants": '["baseline"]'}, 11, "dropout: baseline has no such rate; name a variant that drops"),
        ({"cells": '["gur"]'}, 10, "cells: expected one of gru, lstm, received 'gur'"),
        ({"dropout": "[1.5]"}, 11, "dropout: expected rates in [0, 1), received 1.5"),
        ({"dropout": "0.5"}, 11, "dropout: expected a list of rates such as [0.0, 0.2], received 0.5"),
        ({"recurrent_dropout": "[0.1, nan]"}, 12, "recurrent_dropout: expected rates in [0, 1), received nan"),
        ({"recurrent_dropout": "[]"}, 12, "recurrent_dropout: the list is empty"),
    ],
)
def test_a_value_that_cannot_be_trained_is_refused_with_its_line(read, tmp_path, replaced, line, message):
    with pytest.raises(UsageError) as caught:
        read(**replaced)
    assert str(caught.value).startswith(f"{tmp_path / 'study.toml'}: line {line}: ")
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("\ndropout", "\ndropuot", "line 11: unknown key 'dropuot' in [grid]; did you mean 'dropout'?"),
        ("epochs", "units = 3\ncell", "line 7: unknown key 'cell' in [study]; 'cells' belongs in [grid]"),
        ("epochs", "batch-size", "line 6: unknown key 'batch-size' in [study]; did you mean 'batch_size'?"),
        ("epochs", "zzz", "line 6: unknown key 'zzz' in [study]; expected one of dataset, "),
        ("[grid]", "[gird]", "line 8: unknown table [gird]; did you mean 'grid'?"),
        ("[study]", "", "line 3: unknown key 'dataset' outside a table; 'dataset' belongs in [study]"),
        ("[grid]", "[[grid]]", "line 8: expected one table [grid], received [{"),
        ("variants =", "# variants =", "line 8: no variants in [grid]; name some, as variants = "),
        ("epochs = 20", "epochs = ", "invalid TOML: Invalid value (at line 6, column 10)"),
        ("epochs = 20", "epochs = 1\nepochs = 2", "invalid TOML: Cannot overwrite a value (at line 7, column 11)"),
        ("epochs = 20", "epochs = " + "9" * 5000, "invalid TOML: "),
        ("epochs = 20", "epochs = " + "[" * 5000, "invalid TOML: "),
    ],
)  # fmt: skip
def test_a_name_or_a_structure_that_is_not_known_is_refused_with_its_line(read, old, new, message):
    with pytest.raises(UsageError) as caught:
        read(STUDY.replace(old, new, 1))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "study.toml: no variants in [grid]"),
        (b"# \xff", r"study.toml: not UTF-8 text (byte 2); save it as UTF-8"),
        (b"#" * (MAX_BYTES + 1), "study.toml: larger than 1 MiB; expected a TOML file"),
    ],
)
def test_a_file_that_is_no_study_is_refused_in_one_line(read, content, message):
    with pytest.raises(UsageError, match=re.escape(message)):
        read(content)


def test_a_file_that_is_not_there_or_no_file_is_refused_in_one_line(tmp_path):
    with pytest.raises(UsageError, match=r"nowhere.toml: no such file"):
        read_sweep(tmp_path / "nowhere.toml")
    with pytest.raises(UsageError, match="not a regular file; expected a TOML file"):
        read_sweep(tmp_path)


def test_a_file_saved_on_windows_is_read(read):
    assert read(b"\xef\xbb\xbf" + STUDY.replace("\n", "\r\n").encode()).arms == read().arms


def test_an_option_that_is_refused_later_is_named_with_the_line_of_its_key(read):
    sweep = read()
    with (
        pytest.raises(UsageError, match=r"study.toml: line 3: dataset: expected jena, received 'x'"),
        sweep.file.locate_errors(),
    ):
        raise ValueRefusedError("dataset", "x", "jena")
    with (
        pytest.raises(UsageError, match=r"study.toml: line 10: cells: too few; change train_stop or cells$"),
        sweep.file.locate_errors(),
    ):
        raise UsageError("too few", field="cell", change=("train_stop", "cell"))
    with pytest.raises(UsageError, match=r"study.toml: missing; use sentinels = \"fill\"$"), sweep.file.locate_errors():
        raise UsageError("missing", change=[("sentinels", "fill")])


@pytest.mark.parametrize(
    ("line", "variants", "alone"),
    [
        ("epochs = 3", ["baseline", "naive"], "naive"),
        ("epochs = 3", ["naive", "dropout"], "naive"),
        ('vary = "masks"', ["baseline", "dropout"], "baseline"),
    ],
)
def test_an_option_needs_to_concern_one_of_the_variants(read, line, variants, alone):
    text = f"[study]\n{line}\nseeds = '0-1'\n[grid]\nvariants = "
    configs = plan_on_series(read(f"{text}{variants}\n").requests, make_series(420_551, 600))
    assert {config.variant for config in configs} == set(variants)
    with pytest.raises(UsageError, match=f"line 2: {line.split()[0]}: {alone} "):
        read(f"{text}['{alone}']\n")
