"""A saved network predicts as it did in training, whoever made it."""

import time

import numpy as np
import pytest

from rdrop_cli.errors import DataError, RdropError
from rdrop_cli.nn.restore import restore_engine
from rdrop_cli.nn.trainer import KerasTrainer
from rdrop_cli.study.config import RunConfig
from rdrop_cli.study.own import hash_code
from tests.nn.tiny import TINY_PROTOCOL, make_tiny_windows

WINDOWS = make_tiny_windows()
OWN = "tests.nn.own_networks:make_timestep_dropout"


@pytest.mark.thorough
@pytest.mark.parametrize("variant", ["dropout", "zoneout", OWN])
def test_a_saved_network_predicts_as_it_did(tmp_path, variant):
    code = hash_code(variant) if variant == OWN else ""
    config = RunConfig(variant, 3, 0.0, 0.0, 1, TINY_PROTOCOL, "made", "0" * 64, code_sha256=code)
    trainer = KerasTrainer(config, WINDOWS)
    trainer.train_epoch(1, lambda *_: None)
    trainer.save_model(tmp_path / "model.keras")
    restored = restore_engine(config, tmp_path / "model.keras", WINDOWS)
    assert np.array_equal(restored.predict(WINDOWS.test), trainer._engine.predict(WINDOWS.test))


def test_masks_are_none_that_training_drew(tmp_path):
    config = RunConfig("dropout", 3, 0.3, 0.3, 1, TINY_PROTOCOL, "made", "0" * 64)
    trainer = KerasTrainer(config, WINDOWS)
    trainer.save_model(tmp_path / "model.keras")
    restored = restore_engine(config, tmp_path / "model.keras", WINDOWS)
    rows = WINDOWS.test[:5]
    assert not np.array_equal(restored.sample(rows, 4), trainer._engine.sample(rows, 4))
    again = restore_engine(config, tmp_path / "model.keras", WINDOWS)
    assert np.array_equal(restored.sample(rows, 4), again.sample(rows, 4))


def test_windows_of_another_shape_are_refused(tmp_path):
    config = RunConfig("baseline", 3, 0.0, 0.0, 1, TINY_PROTOCOL, "made", "0" * 64)
    KerasTrainer(config, WINDOWS).save_model(tmp_path / "model.keras")
    longer = make_tiny_windows(TINY_PROTOCOL.with_windows(36, 6))
    with pytest.raises(DataError, match=r"reads windows of 5 × 14 \(timesteps × inputs\), received 6 × 14"):
        restore_engine(config, tmp_path / "model.keras", longer)


@pytest.mark.parametrize("year", [1970, 2108])
def test_a_clock_whose_year_the_file_cannot_record_is_named(tmp_path, monkeypatch, year):
    """As of a board without a battery, which begins in 1970."""
    trainer = KerasTrainer(RunConfig("baseline", 3, 0.0, 0.0, 1, TINY_PROTOCOL, "made", "0" * 64), WINDOWS)
    monkeypatch.setattr(time, "localtime", lambda *_: time.struct_time((year, 1, 2, 0, 0, 0, 4, 2, 0)))
    with pytest.raises(RdropError, match=rf"^the clock says {year}, which .keras files cannot record; set it"):
        trainer.save_model(tmp_path / "model.keras")
