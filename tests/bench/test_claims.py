"""What the book says of speed is judged by ratios within rounds; without a GPU nothing is said of one."""

from contextlib import contextmanager

import numpy as np
import pytest

from rdrop_cli.bench import claims
from rdrop_cli.bench.claims import CLAIMS, CPU, GPU, WAYS, judge_speed, measure_claims
from rdrop_cli.planning.request import Request, plan_runs

SLOWER = next(claim for claim in CLAIMS if claim.id == "recurrent-dropout-slows-gpu")  # two to five times


@pytest.fixture
def machine(monkeypatch, tmp_path):
    """Measure on a machine with known rates, with a GPU or without; return what is measured and what was started."""

    def measure(rates, gpu):
        started = {}

        class Known:
            def __init__(self, name):
                self.ready, self._name, self._round = [{"gpu": gpu and started[name] != CPU}], name, 0

            def run(self, action, amount):
                assert (action, amount) == ("train", 4)
                self._round += 1
                return rates.get(self._name, 1.0) * self._round  # the machine gets faster: rounds are compared

        @contextmanager
        def make_ready(name, implementation, config, data_dir, shares, device):
            assert implementation == WAYS[name].implementation
            started[name] = device
            yield Known(name)

        monkeypatch.setattr(claims, "make_ready", make_ready)
        return measure_claims(tmp_path, [0, 1], 3, 4, lambda line: None), started

    return measure


@pytest.mark.parametrize(
    ("ratios", "verdict"),
    [
        ([3, 4, 4.5], "holds"),
        ([1.9, 1.9, 1.9], "does-not-hold"),
        ([6, 7, 8], "does-not-hold"),
        ([1.5, 1.9, 4], "undecided"),
        ([2, 2, 2], "undecided"),  # on its edge
    ],
)
def test_a_claim_is_decided_where_both_quartiles_are_on_one_side(ratios, verdict):
    found = judge_speed(SLOWER, {SLOWER.faster: [100.0 * ratio for ratio in ratios], SLOWER.slower: [100.0] * 3})
    assert found["verdict"] == verdict
    assert found["ratio"]["median"] == pytest.approx(sorted(ratios)[1])


def test_without_a_gpu_its_claims_are_not_measured_and_nothing_is_started_for_them(machine):
    found, started = machine({"with recurrent dropout, unrolled": 2.0}, gpu=False)
    assert not [name for name in started if WAYS[name].device == GPU]
    verdicts = {name: claim["verdict"] for name, claim in found["claims"].items()}
    assert verdicts == {
        "gpu-not-faster": "not-measured",
        "recurrent-dropout-slows-gpu": "not-measured",
        "unrolling-is-faster": "holds",
        "conv-gru-is-faster": "undecided",
    }
    assert found["claims"]["unrolling-is-faster"]["ratio"] == {"median": 2.0, "low": 2.0, "high": 2.0}


def test_with_a_gpu_it_is_hidden_from_the_way_on_the_cpu_alone(machine):
    found, started = machine({"lstm on the gpu": 3.0, "lstm on the cpu": 4.0}, gpu=True)
    assert [name for name, device in started.items() if device == CPU] == ["lstm on the cpu"]
    assert set(started) == set(WAYS)
    verdicts = {name: claim["verdict"] for name, claim in found["claims"].items()}
    assert (verdicts["gpu-not-faster"], verdicts["recurrent-dropout-slows-gpu"]) == ("holds", "holds")


def test_a_plain_lstm_is_the_same_network_without_dropout():
    plain, dropped = (
        next(iter(plan_runs(WAYS[name].request))) for name in ("lstm on the cpu", "with recurrent dropout")
    )
    assert (plain.variant, plain.dropout, plain.recurrent_dropout) == ("lstm-dropout", 0, 0)
    assert (dropped.variant, dropped.dropout, dropped.recurrent_dropout) == ("lstm-dropout", 0.5, 0.25)
    assert plain.protocol == dropped.protocol


@pytest.mark.thorough
def test_an_unrolled_network_computes_the_same():
    from rdrop_cli.bench.implementations import unroll_recurrence
    from rdrop_cli.nn.models import build_model

    (config,) = plan_runs(
        Request(variants=("lstm-dropout",), protocol="book2", dataset="synthetic", units=3, lookback="5h")
    )
    model = build_model(config, 5, 2)
    unrolled = unroll_recurrence(model)
    assert [layer.unroll for layer in unrolled.layers if hasattr(layer, "unroll")] == [True]
    assert not any(getattr(layer, "unroll", False) for layer in model.layers)
    x = np.random.default_rng(0).normal(size=(4, 5, 2)).astype(np.float32)
    np.testing.assert_allclose(unrolled.predict(x, verbose=0), model.predict(x, verbose=0), rtol=1e-5)
