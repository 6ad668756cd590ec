"""The table of all runs: pandas reads it with the right types, every number comes back, and no name breaks it."""

import csv
import dataclasses
import io
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from msgspec.structs import replace

from rdrop_cli.export.tidy import COLUMNS, format_tidy_csv
from rdrop_cli.runs.document import Rates

SHA256 = "5ab1" * 16
TEXTS = (
    "run_id", "created_at", "status", "variant", "cell", "engine", "dataset", "dataset_sha256", "protocol", "target",
    "unit",
)  # fmt: skip
INTEGERS = ("seed", "train_start_row", "epochs_planned", "epoch")


def test_each_code_of_a_users_own_network_is_told(make_metrics, tiny_config):
    own = dataclasses.replace(tiny_config, dropout=0.0, recurrent_dropout=0.0, code_sha256="ab12" * 16)
    assert read([make_metrics(variant="my_network:make", config=own)]).code_sha256.unique().tolist() == ["ab12" * 16]


def read(runs):
    return pd.read_csv(io.StringIO(format_tidy_csv(runs)))


@pytest.fixture
def two(make_metrics):
    """A complete run and one that was stopped in its second epoch."""
    return [
        make_metrics(sha256=SHA256),
        make_metrics("dropout-s3", "dropout", 3, (0.1 + 0.2, 1 / 3), "interrupted", sha256=SHA256),
    ]


def test_a_row_is_an_epoch_of_a_run_in_the_order_given(two):
    table = read(two)
    assert tuple(table.columns) == COLUMNS
    assert list(zip(table.run_id.str[:8], table.epoch, strict=True)) == [
        ("baseline", 1), ("baseline", 2), ("baseline", 3), ("dropout-", 1), ("dropout-", 2),
    ]  # fmt: skip
    assert list(table.is_best) == [False, True, False, True, False]


def test_quantiles_and_horizons_add_their_columns_behind_those_of_every_run(two, make_metrics):
    several = make_metrics(
        "several", earlier_horizon_rows=(1,), loss="quantile", quantiles=(0.1, 0.5, 0.9), sha256=SHA256
    )
    table = read([*two, several])
    at = {each.lead_rows: each for each in several.by_horizon}
    near, far = at
    assert tuple(table.columns) == (
        *COLUMNS, "test_pinball", f"val_mae_lead_{near}", f"test_mae_lead_{near}", f"val_mae_lead_{far}",
        f"test_mae_lead_{far}",
    )  # fmt: skip
    rows = table[table.run_id == "several"]
    assert set(rows[f"test_mae_lead_{far}"]) == {at[far].test_mae}
    assert set(rows.test_pinball) == {0.08}
    assert table[table.run_id != "several"][list(table.columns[len(COLUMNS) :])].isna().all(axis=None)


def test_pandas_reads_every_column_with_its_type(two):
    table = read(two)
    assert {name for name in COLUMNS if pd.api.types.is_string_dtype(table[name])} == set(TEXTS)
    assert {name for name in COLUMNS if pd.api.types.is_integer_dtype(table[name])} == set(INTEGERS)
    assert table.is_best.dtype == bool
    assert all(table[name].dtype == float for name in set(COLUMNS) - {*TEXTS, *INTEGERS, "is_best"})


def test_every_number_comes_back_to_the_last_bit(two, make_metrics):
    two.append(make_metrics("long", val_loss=np.random.default_rng(0).lognormal(0, 20, 1000).tolist(), sha256=SHA256))
    table = read(two)
    for run, rows in zip(two, (table[:3], table[3:5], table[5:]), strict=True):
        for name in ("loss", "val_loss", "train_mae"):
            assert list(rows[name]) == getattr(run.history, name)
        best = rows[rows.is_best].iloc[0]
        assert best.val_mae_in_unit == run.best.val_mae_in_unit
        assert best.naive_val_mae_in_unit == run.naive.val_mae_in_unit
        assert list(rows.epoch_seconds) == run.timing.epoch_seconds
    assert list(table.test_mae[:3]) == [0.27] * 3
    assert table.test_mae[3:5].isna().all(), "what is not measured yet is an empty cell"


@pytest.mark.parametrize("name", ['a,b "c"; d\t', "it's", "naïve — 気温", "\ud800\x1b[2J\n"])
def test_no_name_breaks_a_row(make_metrics, name):
    run = replace(make_metrics(dataset=name), unit=name, cell=name)
    rows = list(csv.DictReader(io.StringIO(format_tidy_csv([run]))))
    assert [(row["epoch"], row["is_best"], None in row) for row in rows] == [
        ("1", "FALSE", False), ("2", "TRUE", False), ("3", "FALSE", False),
    ]  # fmt: skip
    assert all(row[column].isprintable() for row in rows for column in ("dataset", "unit", "cell"))
    assert rows[0]["dataset"] == name or not name.isprintable()


@pytest.mark.parametrize("start", "=+-@")
def test_a_spreadsheet_sees_a_text_where_a_name_looks_like_a_formula(make_metrics, start):
    run = make_metrics(f"{start}1+1", dataset=f"{start}cmd|' /C calc'!A0")
    run = replace(run, rates=Rates(dropout=-0.5, recurrent_dropout=0.0))
    row = next(csv.DictReader(io.StringIO(format_tidy_csv([run]))))
    assert row["run_id"] == f"'{start}1+1"
    assert row["dataset"].startswith(f"'{start}cmd")
    assert row["dropout"] == "-0.5", "a number is no text"


def test_what_an_early_run_does_not_record_is_an_empty_cell(make_metrics):
    rows = list(csv.DictReader(io.StringIO(format_tidy_csv([replace(make_metrics(), engine=None, unit="")]))))
    assert {row[name] for row in rows for name in ("engine", "unit")} == {""}


def test_without_a_run_there_is_the_header_alone():
    assert format_tidy_csv([]) == ",".join(COLUMNS) + "\n"


def test_every_column_is_documented_and_no_other():
    page = (Path(__file__).parents[2] / "docs" / "tools.md").read_text()
    rows = page[page.index("| column |") : page.index("Errors other than")].splitlines()
    assert tuple(name for row in rows for name in re.findall(r"`(\w+)`", row.split("|")[1] if row else "")) == COLUMNS
