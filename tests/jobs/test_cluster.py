"""The same runs on a Dask cluster: a real scheduler and two worker processes, one of them killed at work."""

import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

import rdrop_cli
from rdrop_cli.errors import RdropError
from rdrop_cli.jobs.cluster import run_on_cluster
from rdrop_cli.jobs.connection import check_scheduler
from rdrop_cli.jobs.launch import Execution, plan_training, run_plan
from rdrop_cli.jobs.task import Task, do_task
from rdrop_cli.planning.request import Request
from rdrop_cli.runs.find import list_run_folders
from rdrop_cli.runs.verify import verify_run
from tests.jobs.clusters import Cluster, cluster, is_training
from tests.jobs.test_pool import TINY, Listener
from tests.torture.kills import fingerprint
from tests.waiting import wait_for

__all__ = ["cluster"]

EPOCHS = 15


@pytest.fixture
def execution(tmp_path, cluster):
    return Execution(tmp_path / "runs", tmp_path / "data", scheduler=cluster.address)


@pytest.fixture
def request_runs(weather_csv):
    """Ask for tiny runs of the dropout variant."""

    def ask(**changes):
        return Request(**{"variants": ("dropout",), "dataset": str(weather_csv), "epochs": EPOCHS, **TINY, **changes})

    return ask


def plan_on_data(requests, execution):
    plan = plan_training(requests, execution)
    return plan.configs, plan.series


def make_task(config, execution):
    return Task(config, execution.runs_dir, execution.data_dir)


def read_fingerprints(runs_dir):
    return {folder.read_config().seed: fingerprint(folder) for folder in list_run_folders(runs_dir)}


@pytest.fixture(scope="module")
def local(tmp_path_factory, weather_csv):
    """Return the fingerprints of the runs that this process makes itself, by seed."""
    folder = tmp_path_factory.mktemp("local")
    request = Request(variants=("dropout",), dataset=str(weather_csv), epochs=EPOCHS, **TINY)
    execution = Execution(folder / "runs", folder / "data", jobs=1)
    plan = plan_training([request.with_seed(seed) for seed in (0, 1)], execution)
    run_plan(plan, execution, lambda task: Listener())
    return read_fingerprints(folder / "runs")


@pytest.mark.thorough
def test_new_and_interrupted_runs_come_to_the_local_bits_though_a_worker_is_killed(
    cluster, execution, request_runs, local
):
    configs, series = plan_on_data([request_runs(seed=seed) for seed in (0, 1)], execution)
    new, begun = (make_task(config, execution) for config in configs)
    with pytest.raises(KeyboardInterrupt):
        do_task(begun, Listener(interrupt))
    (folder,) = list_run_folders(execution.runs_dir)
    begun, config = replace(begun, folder=folder.path), folder.config_path.read_bytes()
    refused = replace(new, config=replace(new.config, dataset_sha256="0" * 64))
    killed = []
    listeners = [Listener(), Listener(lambda: killed.append(cluster.kill_worker())), Listener()]

    outcomes = run_on_cluster([refused, new, begun], series, cluster.address, listeners)

    assert "not the data that the run was started on" in outcomes[0].failure, "one that is refused costs no other"
    assert [outcome.failure for outcome in outcomes[1:]] == [None, None]
    worker, training = killed[0]
    assert not psutil.pid_exists(worker)
    assert not is_training(training), "a training ends with its worker"
    assert sum("its worker was lost" in note for note in listeners[1].notes) == 1
    assert outcomes[2].metrics.run_id == folder.run_id
    assert len(listeners[2].epochs) < EPOCHS, "it went on, and did not begin again"
    assert folder.config_path.read_bytes() == config
    assert len(list_run_folders(execution.runs_dir)) == 2, "what is refused leaves nothing"
    assert read_fingerprints(execution.runs_dir) == local
    assert local[0] != local[1], "the comparison can fail"


def interrupt():
    raise KeyboardInterrupt


def test_a_run_that_another_process_holds_is_told_and_left(cluster, execution, request_runs, save_run):
    configs, series = plan_on_data([request_runs()], execution)
    folder = save_run(execution.runs_dir, "dropout-s0-20260101-000000-0000", config=configs[0], status="interrupted")
    task = Task(configs[0], execution.runs_dir, execution.data_dir, folder.path)
    listener = Listener()
    with folder.lock():
        (outcome,) = run_on_cluster([task], series, cluster.address, [listener])
    assert "locked by" in outcome.failure
    assert listener.ends == 1


def test_another_version_is_told_before_anything_starts(cluster, execution, request_runs, monkeypatch):
    configs, series = plan_on_data([request_runs()], execution)
    said = f"the scheduler has rdrop {rdrop_cli.__version__}, not 9.9; install the same versions"
    monkeypatch.setattr(rdrop_cli, "__version__", "9.9")
    with pytest.raises(RdropError, match=re.escape(said)):
        run_on_cluster(
            [Task(configs[0], execution.runs_dir, execution.data_dir)], series, cluster.address, [Listener()]
        )


@pytest.mark.parametrize(
    "text", ["", "here", "tcp://", "tcp://host", "http://host:1", "tcp://host:x", "tcp://h:1/path"]
)
def test_what_is_no_address_is_refused(text):
    with pytest.raises(RdropError, match="scheduler: expected tcp://HOST:PORT or tls://HOST:PORT") as caught:
        check_scheduler(text)
    assert caught.value.exit_code == 2


@pytest.fixture
def start_cluster(tmp_path):
    """Start a cluster of one worker for a test alone."""
    running = []

    def start(*options, **environment):
        running.append(Cluster(tmp_path / "dask", environment, options))
        running[0].start(workers=1)
        return running[0]

    yield start
    for each in running:
        each.stop()


@pytest.mark.slow
def test_a_series_that_is_lost_with_the_only_worker_is_sent_anew(start_cluster, execution, request_runs, local):
    alone = start_cluster()
    configs, series = plan_on_data([request_runs()], execution)
    killed = []
    kill_twice = Listener(lambda: killed.append(alone.kill_worker()))
    kill_twice.begin = lambda *_: kill_twice.epochs.clear() if len(killed) < 2 else None
    (outcome,) = run_on_cluster([make_task(configs[0], execution)], series, alone.address, [kill_twice])
    assert outcome.failure is None
    assert len(killed) == 2
    assert read_fingerprints(execution.runs_dir) == {0: local[0]}


@pytest.mark.slow
def test_a_run_whose_workers_keep_dying_is_told_and_the_next_command_does_it(
    start_cluster, execution, request_runs, local
):
    alone = start_cluster(DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES="0")
    configs, series = plan_on_data([request_runs()], execution)
    task = make_task(configs[0], execution)
    (outcome,) = run_on_cluster([task], series, alone.address, [Listener(alone.kill_worker)])
    assert outcome.failure.startswith("dropout s0: 1 worker died while training it, the last at tcp://")
    assert list_run_folders(execution.runs_dir) == []
    run_on_cluster([task], series, alone.address, [Listener()])
    assert read_fingerprints(execution.runs_dir) == {0: local[0]}


@pytest.mark.slow
def test_a_run_that_only_waited_on_a_dead_worker_is_not_blamed_for_it(start_cluster, execution, request_runs, local):
    """Dask, which gives a worker of one thread a second task to hold, blames both."""
    alone = start_cluster(DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES="0")
    configs, series = plan_on_data([request_runs(seed=seed) for seed in (0, 1)], execution)
    tasks, waiting = [make_task(config, execution) for config in configs], Listener()
    blamed, innocent = run_on_cluster(tasks, series, alone.address, [Listener(alone.kill_worker), waiting])
    assert blamed.failure.startswith("dropout s0: its worker died 1 times")
    assert innocent.failure is None
    assert read_fingerprints(execution.runs_dir) == {1: local[1]}


@pytest.mark.slow
def test_a_lost_scheduler_is_told_and_ends_the_trainings(start_cluster, execution, request_runs):
    alone = start_cluster()
    configs, series = plan_on_data([request_runs(epochs=1000)], execution)
    trainings = []

    def kill_scheduler():
        trainings.extend(alone.find_trainings())
        alone.processes[0].kill()

    with pytest.raises(RdropError, match=r"the scheduler at tcp://\S+ is lost; start it"):
        run_on_cluster([make_task(configs[0], execution)], series, alone.address, [Listener(kill_scheduler)])
    assert len(trainings) == 1
    wait_for(lambda: not is_training(trainings[0]))


@pytest.mark.slow
def test_a_run_that_no_worker_lives_long_enough_for_ends_at_last(
    start_cluster, execution, request_runs, local, monkeypatch
):
    """As in jobs whose time is up; Dask alone would begin again each time, and blame the run."""
    monkeypatch.setattr("rdrop_cli.jobs.cluster.SECONDS_BETWEEN_CHECKPOINTS", 0.2)
    alone = start_cluster(DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES="0")
    configs, series = plan_on_data([request_runs()], execution)
    listener, kept, begun = Listener(), [], []

    def begin(run_id, config, epochs_done, target_std):
        begun.append(epochs_done)

    def kill_when_something_is_safe(epoch):
        listener.epochs.append(epoch)
        safe = [path for folder in list_run_folders(execution.runs_dir) for path in folder.checkpoints_path.iterdir()]
        if safe and len(kept) < 3 and len(safe) > len(kept):
            kept.append(max(path.name for path in safe))
            alone.kill_worker()

    listener.begin, listener.epoch = begin, kill_when_something_is_safe
    request = make_task(configs[0], execution)
    (outcome,) = run_on_cluster([request], series, alone.address, [listener])
    assert outcome.failure is None, outcome.failure
    assert kept, "no checkpoint came home before the end"
    assert begun[-1] > 0, "it went on from what had come home"
    assert read_fingerprints(execution.runs_dir) == {0: local[0]}
    assert all(verify_run(folder).faults == [] for folder in list_run_folders(execution.runs_dir))


OWN_NETWORK = """
import keras

def make_network(timesteps, features):
    layers = [keras.layers.GRU(3, dropout=0.2), keras.layers.Dense(1)]
    return keras.Sequential([keras.Input((timesteps, features)), *layers])
"""


@pytest.fixture
def plan_own_network(request_runs, tmp_path, monkeypatch):
    """Plan a run of a network of the user's own, whose module is in a folder of this process alone."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")

    def plan(module, folder, execution):
        (folder / f"{module}.py").write_text(OWN_NETWORK)
        request = replace(request_runs(variants=(f"{module}:make_network",), epochs=2), units=None)
        return plan_on_data([request], execution)

    return plan


@pytest.mark.slow
def test_a_network_of_ones_own_goes_to_the_worker_with_its_run(cluster, execution, plan_own_network, tmp_path):
    (config,), series = plan_own_network("my_network", Path.cwd(), execution)
    at_home = do_task(make_task(config, replace(execution, runs_dir=tmp_path / "home")), Listener())
    (outcome,) = run_on_cluster([make_task(config, execution)], series, cluster.address, [Listener()])
    assert at_home.failure is outcome.failure is None
    assert read_fingerprints(execution.runs_dir) == read_fingerprints(tmp_path / "home")


@pytest.mark.thorough
def test_a_network_that_is_installed_here_alone_is_refused_by_its_name(
    cluster, execution, plan_own_network, tmp_path, monkeypatch
):
    monkeypatch.syspath_prepend(tmp_path)
    (config,), series = plan_own_network("their_network", tmp_path, execution)
    (outcome,) = run_on_cluster([make_task(config, execution)], series, cluster.address, [Listener()])
    assert re.match(r"worker tcp://\S+: their_network:make_network: no module their_network in ", outcome.failure)
    assert outcome.failure.endswith("; install it there")
    assert outcome.exit_code == 2
    assert list_run_folders(execution.runs_dir) == []


def openssl(folder, *arguments):
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)


def make_certificates(folder):
    """Make an authority, and a certificate of it for a node and one for me."""
    folder.mkdir()
    new = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    openssl(folder, "req", "-x509", *new, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=ca", "-days", "2")
    for name in ("node", "me"):
        openssl(folder, "req", *new, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
        signed = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2")
        openssl(folder, "x509", "-req", "-in", f"{name}.csr", *signed, "-out", f"{name}.pem")


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
def test_a_cluster_with_tls_trains_for_whoever_has_a_certificate_and_for_nobody_else(
    start_cluster, tmp_path, execution, request_runs, local
):
    """As `docs/cluster.md` sets it up."""
    import dask
    import distributed  # noqa: F401 -- its defaults belong below what is set here

    place = tmp_path / "certificates"
    make_certificates(place)
    node = ("--tls-ca-file", place / "ca.pem", "--tls-cert", place / "node.pem", "--tls-key", place / "node.key")
    alone = start_cluster("--protocol", "tls", *map(str, node))
    assert alone.address.startswith("tls://")
    configs, series = plan_on_data([request_runs()], execution)
    task = make_task(configs[0], execution)
    client = {"cert": str(place / "me.pem"), "key": str(place / "me.key")}
    mine = {"distributed.comm.tls.ca-file": str(place / "ca.pem"), "distributed.comm.tls.client": client}
    with dask.config.set(mine):
        (outcome,) = run_on_cluster([task], series, alone.address, [Listener()])
    assert outcome.failure is None
    assert read_fingerprints(execution.runs_dir) == {0: local[0]}
    make_certificates(tmp_path / "strangers")
    strange = {name: str(tmp_path / "strangers" / path) for name, path in (("cert", "me.pem"), ("key", "me.key"))}
    theirs = {"distributed.comm.tls.ca-file": str(place / "ca.pem"), "distributed.comm.tls.client": strange}
    nobody = {"distributed.comm.tls.client": {"cert": None, "key": None}}
    for refused in (nobody, theirs):
        with dask.config.set({"distributed.comm.timeouts.connect": "5s", **refused}), pytest.raises(RdropError):
            run_on_cluster([task], series, alone.address, [Listener()])
