"""The real command, killed at random moments and resumed, ends with the bits of the one that nothing stopped.

RDROP_KILLS says how often; `make torture` asks for 200.
"""

import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.torture.kills import (
    Place,
    Tally,
    fingerprint,
    finish,
    measure_work,
    torture,
    wait_for_epoch,
    wait_until_at_work,
)

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("warm_processes")]
KILLS = int(os.environ.get("RDROP_KILLS", "25"))
SIDE_BY_SIDE = 2
# As Keras does it: set once at the start, and moved on by every call.
MASKS_BY_COUNTER = """
from itertools import count
from rdrop_cli.nn.native.network import Network
differentiate, steps = Network.differentiate, count()
def count_steps(*arguments, step, **options):
    return differentiate(*arguments, step=next(steps), **options)
Network.differentiate = count_steps
"""
NO_OPTIMIZER_SLOTS = """
from rdrop_cli.nn.trainer import KerasTrainer
def set_weights(self, state):
    for variable in self.model.trainable_variables:
        variable.assign(state[variable.path])
KerasTrainer.set_state = set_weights
"""


@pytest.fixture(scope="module")
def make_place(tmp_path_factory, weather_csv):
    def make(name: str) -> Place:
        place = Place(tmp_path_factory.mktemp(name), weather_csv)
        place.runs_dir.mkdir()
        return place

    return make


@pytest.fixture(scope="module")
def uninterrupted(make_place):
    """The run that nothing stops: its fingerprint, and the seconds that it works."""
    folder, seconds = measure_work(make_place("uninterrupted"))
    return fingerprint(folder), seconds


@pytest.mark.timeout(60 + 60 * KILLS)
def test_a_run_killed_again_and_again_ends_as_if_it_had_not_been(make_place, uninterrupted, record_property):
    expected, seconds = uninterrupted
    shares = [KILLS - KILLS // 2, KILLS // 2]
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        places = [make_place(f"tortured-{number}") for number in range(SIDE_BY_SIDE)]
        done = list(pool.map(lambda n: torture(places[n], shares[n], seconds, seed=n), range(SIDE_BY_SIDE)))
    total = sum((tally for tally, _ in done), Tally())
    for _, folders in done:
        for folder in folders:
            assert fingerprint(folder) == expected
            assert [path.name for path in folder.path.rglob(".*.tmp*")] == []
    assert total.kills == KILLS
    assert len(total.epochs_done) > min(KILLS, 60) // 6, "the kills came all at one time"
    record_property("kills", total.kills)
    record_property("while", ", ".join(f"{what} {count}" for what, count in total.during.most_common()))
    record_property("after so many different epochs", len(total.epochs_done))
    record_property("runs that came to the same end", total.finished)


def end_after_one_kill(place: Place, before: str):
    """Kill a run in the middle of its work, let it go on, and return the fingerprint of its end."""
    process = place.begin(before)
    folder = wait_until_at_work(process, place.runs_dir)
    wait_for_epoch(process, folder, 10)
    assert process.poll() is None
    process.kill()
    process.communicate()
    return fingerprint(finish(place.go_on(folder, before), place.runs_dir))


def test_without_the_optimizer_slots_the_comparison_fails(make_place, uninterrupted):
    expected, _ = uninterrupted
    assert end_after_one_kill(make_place("no-slots"), NO_OPTIMIZER_SLOTS) != expected


def test_without_the_seed_state_the_comparison_fails(make_place):
    place = make_place("no-seed")
    whole = fingerprint(finish(place.begin(MASKS_BY_COUNTER), place.runs_dir))
    assert fingerprint(finish(place.begin(MASKS_BY_COUNTER), place.runs_dir)) == whole, "not even a rerun is the same"
    assert end_after_one_kill(make_place("no-seed-killed"), MASKS_BY_COUNTER) != whole
