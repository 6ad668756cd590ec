"""The page on releases is written from what was measured, and what it points out is in the measurements."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from docs import probe_releases, release_tables
from docs.release_families import Family
from docs.release_tables import END, FOUND, IDENTITY, PAGE, START, order_release, read_rows, render_tables
from rdrop_cli.anatomy.interpreter import StoppedError

ROWS = read_rows()
KERAS_3 = [row for row in ROWS if row["family"].startswith("Keras on")]


def find_rows(rows: list[dict[str, str]], first: str, last: str, **wanted: str) -> Iterator[dict[str, str]]:
    """Yield the rows of some releases with these values; there has to be one."""
    found = [
        row
        for row in rows
        if order_release(first) <= order_release(row["release"]) <= order_release(last)
        and all(row[name] == value for name, value in wanted.items())
    ]
    assert found
    yield from found


def test_the_tables_are_those_of_the_data() -> None:
    written = PAGE.read_text(encoding="utf-8").partition(START)[2].partition(END)[0]
    assert written.strip() == "\n".join(render_tables(ROWS)).strip(), "run `make releases`"


def test_recurrent_dropout_alone_does_nothing_before_3_2() -> None:
    alone = {"dropout": "0", "recurrent_dropout": "0.4"}
    assert {row["active"] for row in find_rows(KERAS_3, "3.0.0", "3.1.1", **alone)} == {"no"}
    assert {row["active"] for row in find_rows(KERAS_3, "3.2.0", "3.99", **alone)} == {"yes"}
    both = find_rows(KERAS_3, "3.1.0", "3.1.1", dropout="0.25", recurrent_dropout="0.4")
    assert {row["rates"] for row in both} == {"dropout 0.25; recurrent_dropout 0.25"}


def test_gates_share_a_mask_and_the_gru_masks_its_state_before_3_8() -> None:
    alone = {"dropout": "0", "recurrent_dropout": "0.4"}
    for layer, before in (("GRU", "masked-carry"), ("LSTM", "gal-tied")):
        old = find_rows(KERAS_3, "3.2.0", "3.7.0", layer=layer, **alone)
        assert {row["method"] for row in old} == {before}
        assert {row["method"] for row in find_rows(KERAS_3, "3.8.0", "3.99", layer=layer, **alone)} == {"gal"}


def test_the_fused_kernel_is_given_dropped_inputs_at_inference_from_3_4_to_3_8() -> None:
    alone = {"dropout": "0.25", "recurrent_dropout": "0", "family": "Keras on PyTorch"}
    for first, last, dropped in (("3.0.0", "3.3.3", False), ("3.4.0", "3.8.0", True), ("3.9.0", "3.99", False)):
        for row in find_rows(ROWS, first, last, **alone):
            assert ("with dropped inputs" in row["differs"]) is dropped


def test_on_pytorch_the_first_timestep_is_masked_twice_in_the_first_releases() -> None:
    alone = {"dropout": "0.25", "recurrent_dropout": "0", "family": "Keras on PyTorch"}
    for layer, last in (("GRU", "3.0.5"), ("LSTM", "3.0.2")):
        for row in find_rows(ROWS, "3.0.0", last, layer=layer, **alone):
            assert "multiplied by 0 or 1.333 or 1.778" in row["differs"]  # 1.778 is 1.333 squared


def test_tensorflow_2_and_pytorch_draw_masks_on_x_anew() -> None:
    for family in ("tf.keras", "tf-keras", "PyTorch"):
        alone = [row for row in ROWS if row["family"] == family and row["recurrent_dropout"] == "0" and row["masks"]]
        alone = [row for row in alone if family != "tf.keras" or order_release(row["release"]) < [2, 16]]
        assert {row["masks"] for row in alone} == {"1 on x (given sequence), drawn anew"}
    single = [row for row in ROWS if row["family"] == "PyTorch" and row["layer"].endswith("num_layers=1")]
    assert {row["active"] for row in single} == {"no"}


def test_a_run_that_was_stopped_goes_on_and_a_release_that_does_not_install_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(release_tables, "DATA", tmp_path / "releases.csv")
    monkeypatch.setattr(release_tables, "PAGE", tmp_path / "releases.md")
    release_tables.PAGE.write_text(START + END, encoding="utf-8")
    family = Family("Keras on JAX", "keras", "keras", ("3.0.0", "3.1.0", "3.2.0"))
    monkeypatch.setattr(probe_releases, "FAMILIES", (family,))
    monkeypatch.setattr(probe_releases, "ENVIRONMENTS", tmp_path)
    monkeypatch.setattr(probe_releases, "make_environment", lambda *_: None)
    asked: list[str] = []

    def install(_: Path, packages: list[str], *__: str) -> None:
        if packages == ["keras==3.1.0"]:
            raise subprocess.CalledProcessError(1, "uv", stderr="  × No solution found\n")

    def ask(_: Family, release: str, __: Path) -> list[dict[str, str]]:
        asked.append(release)
        if asked == ["3.0.0", "3.2.0"]:
            raise StoppedError("the probe was ended by signal 9")
        row = {"family": family.name, "release": release, "layer": "GRU", "method": "gal", "masks": "3 on h"}
        return [dict.fromkeys((*IDENTITY, *FOUND), "") | row]

    monkeypatch.setattr(probe_releases, "install", install)
    monkeypatch.setattr(probe_releases, "ask_release", ask)
    for expected in (["3.0.0", "3.1.0"], ["3.0.0", "3.1.0", "3.2.0"]):
        probe_releases.main([])
        assert [row["release"] for row in read_rows()] == expected
    assert asked == ["3.0.0", "3.2.0", "3.2.0"]  # what is done is not probed again, what was stopped is
    assert read_rows()[1]["differs"] == "does not install: × No solution found"
    assert "| 3.1.0 | does not install: × No solution found |" in release_tables.PAGE.read_text(encoding="utf-8")
