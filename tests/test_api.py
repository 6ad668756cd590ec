"""The study from a Python program: the example of the documentation, and what it stands on."""

import json
import re
import subprocess
import sys
from collections.abc import Collection
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from rdrop_cli import api
from rdrop_cli.errors import DataError, RdropError, UsageError
from rdrop_cli.planning.arguments import check_arguments, check_options
from rdrop_cli.planning.request import Request
from rdrop_cli.runs.find import list_run_folders
from rdrop_cli.study.reading import Reading
from rdrop_cli.study.variants import VARIANTS

PAGE = Path(__file__).parents[1] / "docs" / "api.md"
HEAVY = ("tensorflow", "keras", "scipy", "matplotlib")


@pytest.fixture
def plant(tmp_path):
    """A CSV of 300 hourly readings."""
    stamps = np.datetime64("2020-01-01T00:00", "m") + 60 * np.arange(300)
    values = np.random.default_rng(0).normal(5, 1, 300)
    path = tmp_path / "jena.csv"  # a name that is not to be taken for the dataset
    path.write_text("time,load\n" + "".join(f"{at},{value:.3f}\n" for at, value in zip(stamps, values, strict=True)))
    return path


def load(plant):
    return api.load_data(plant, data_dir=plant.parent / "data")


SHORT = {"lookback": "6h", "horizon": "3h"}


@pytest.mark.thorough
def test_the_example_of_the_documentation_ends_with_a_verdict(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(), flags=re.DOTALL)
    names: dict[str, object] = {}
    for block in blocks:
        exec(compile(block, PAGE.name, "exec"), names)
        printed = capsys.readouterr().out.splitlines()
        assert set(re.findall(r"^print\(.*# (.*)$", block, flags=re.MULTILINE)) <= set(printed)
    judged = names["verdict"]
    assert [claim.id for claim in judged.claims if claim.verdict == "undecided"]
    assert {row.network.variant: row.seeds for row in judged.networks} == {"baseline": (0, 1), "dropout": (0, 1)}
    assert "baseline-overfits" in judged._repr_html_()
    assert len(list_run_folders(Path("runs"))) == 5
    written = [run.metrics.variant for run in api.read_runs()]
    assert sorted(written) == ["baseline"] * 2 + ["dropout"] * 3


def test_the_page_names_every_function():
    page = PAGE.read_text()
    for name in api.__all__:
        assert name in page, name
        assert getattr(api, name).__doc__, name


def test_cut_windows_are_those_that_networks_are_trained_on(plant):
    from rdrop_cli.nn.pipeline import WindowPipeline

    series = load(plant)
    windows = api.make_windows(series, api.plan("baseline", series, **SHORT).protocol)
    x, y = api.cut_windows(windows, windows.test[:8])
    (expected,) = WindowPipeline(windows).stream_rows(windows.test[:8], 8)
    np.testing.assert_array_equal(x, expected)
    np.testing.assert_array_equal(y, windows.get_labels(windows.test[:8]))
    assert x.dtype == y.dtype == np.float32


@pytest.mark.parametrize("row", [-1, 0, 5, 150, 299, 10**9, 10**30])
def test_rows_of_no_period_are_refused(plant, row):
    series = load(plant)
    windows = api.make_windows(series, api.plan("baseline", series, **SHORT).protocol)
    assert row not in (*windows.train, *windows.validation, *windows.test)
    with pytest.raises(UsageError, match=f"^rows: expected rows of .*, received {row}$"):
        api.cut_windows(windows, [windows.train[0], row])
    for rows in ([], {windows.train[0]}, windows.train, windows.validation):
        assert len(api.cut_windows(windows, rows)[0]) == len(rows)


def test_a_generator_is_no_list_of_values(tiny_series):
    """To check its values would use them up: nothing would be trained, or other networks forecast."""
    with pytest.raises(UsageError, match=r"^seeds: expected a list of whole numbers"):
        api.train_seeds(["dropout"], tiny_series, (seed for seed in [0]))
    with pytest.raises(UsageError, match=r"^names: expected a list of texts"):
        api.forecast(name for name in ["dropout"])
    with pytest.raises(UsageError, match=r"^rows: "):
        check_arguments(rows=(np.array(5), Collection[int]))


def test_paths_name_runs_and_data_as_texts_do(tmp_path):
    for refuse in (api.forecast, api.calibrate, partial(api.judge, tmp_path)):
        with pytest.raises(RdropError, match="no run 'dropout-s0'"):
            refuse(names=[Path("dropout-s0")])


def test_a_file_is_no_folder_to_train_in(plant):
    series = load(plant)
    with pytest.raises(RdropError, match="is a file, not a folder of runs"):
        api.train(api.plan("naive", series, **SHORT), series, plant)


def test_a_plan_is_what_the_command_would_train(plant):
    series = load(plant)
    config = api.plan("zoneout", series, seed=3, recurrent_dropout=0.4, **SHORT)
    assert (config.variant, config.seed, config.dropout, config.recurrent_dropout) == ("zoneout", 3, 0.2, 0.4)
    assert (config.protocol.lookback_rows, config.protocol.target) == (6, "load")
    assert (config.dataset, config.dataset_sha256) == (str(plant), series.source.sha256)


def test_numbers_of_numpy_make_the_same_plan(plant):
    numbers = {"seed": np.int64(1), "recurrent_dropout": np.float64(0.5), "learning_rate": np.float32(0.5)}
    plan = api.plan("dropout", load(plant), **SHORT | numbers)
    assert plan == api.plan("dropout", load(plant), **SHORT | {name: number.item() for name, number in numbers.items()})
    assert json.loads(json.dumps(plan.to_json()))["seed"] == 1


@pytest.mark.parametrize("option", [{"seed": True}, {"epochs": 2.5}, {"batch_size": True}])
def test_values_of_another_type_are_refused_before_a_run_is_made(plant, option):
    with pytest.raises(RdropError, match=f"{next(iter(option))}: expected a whole number"):
        api.plan("dropout", load(plant), **SHORT | option)


def test_every_variant_has_its_network(plant):
    series = load(plant)
    for variant, network in VARIANTS.items():
        if network.least_timesteps > 6:
            with pytest.raises(UsageError, match=f"{variant} needs windows of {network.least_timesteps} timesteps"):
                api.plan(variant, series, units=2, **SHORT)
            continue
        config = api.plan(variant, series, units=2, **SHORT)
        model = api.make_model(config, api.make_windows(series, config.own_protocol))
        assert (model.name, model.input_shape, model.output_shape) == (variant, (None, 6, 1), (None, 1))


def test_what_cannot_be_trained_is_refused(plant):
    series = load(plant)
    with pytest.raises(UsageError, match="did you mean 'dropout'"):
        api.plan("dropuot", series)
    with pytest.raises(TypeError, match="no option 'epoch'; did you mean 'epochs'"):
        api.plan("dropout", series, epoch=3)
    with pytest.raises(TypeError, match="no option 'origins'"):
        api.plan("dropout", series, origins=2)
    with pytest.raises(TypeError, match="no option 'seed'"):
        api.train_seeds(["dropout"], series, [0], seed=3)
    with pytest.raises(UsageError, match="target: jena: no column 'nothing' to predict; it has load"):
        api.plan("dropout", series, target="nothing", **SHORT)
    config = api.plan("dropout", series, **SHORT)
    other = replace(series, source=replace(series.source, sha256="0" * 64))
    with pytest.raises(DataError, match="not the data that the run was started on"):
        api.train(config, other, runs_dir=plant.parent / "runs")
    assert not (plant.parent / "runs").exists()


REFUSED = [
    {"variant": "dropuot"},
    {"protocol": "film"},
    {"engine": "torch"},
    {"cell": "gur"},
    {"variant": "masked-carry", "cell": "lstm"},
    {"variant": "baseline", "dropout": 0.3},
    {"target": "nothing"},
    *({name: 1.0} for name in ("dropout", "recurrent_dropout")),
    *({name: 0} for name in ("epochs", "units", "batch_size", "steps_per_epoch")),
    {"seed": -1},
    {"vary": "nothing"},
    {"sentinels": "drop"},
    *({name: text} for name in ("lookback", "every", "horizon") for text in ("5x", "7min", "0h")),
    *({name: text} for name in ("train_stop", "val_stop") for text in ("half", "400")),
    {"lookback": "5h", "every": "2h"},
    {"train_stop": "80%", "val_stop": "60%"},
    {"train_stop": "4"},
    {"val_stop": "152"},
    {"inputs": "wind*"},
    {"exclude": ["load"]},
    {"optimizer": "adamm"},
    {"loss": "mape"},
    *({name: 0.0} for name in ("learning_rate", "clip_norm")),
    {"patience": 0},
    {"name": "two\nlines"},
    {"note": "two\nlines"},
    {"lookback": "200h"},
]


@pytest.mark.parametrize("options", REFUSED, ids=str)
def test_no_refusal_names_a_flag_of_the_command(plant, options):
    series = load(plant)
    with pytest.raises(RdropError) as caught:
        api.make_windows(series, api.plan(**{"variant": "dropout", "series": series, **SHORT, **options}).protocol)
    message = str(caught.value)
    assert not re.search(r"--[a-z]", message), message
    if isinstance(caught.value, UsageError):
        assert caught.value.field in {*options, "variants"}, "the error names the argument"


@pytest.mark.parametrize(
    "refuse",
    [
        lambda plant: api.load_data("nowhere.csv"),
        lambda plant: api.load_data("jena", time="time"),
        lambda plant: api.load_data(plant, plant.parent / "data", time="tiem"),
        lambda plant: api.train_seeds(["dropout"], load(plant), [-1], **SHORT),
        lambda plant: api.train_seeds(["dropout"], load(plant), [0], jobs=0, **SHORT),
        lambda plant: api.train_seeds(["dropout"], load(plant), [0], scheduler="head", **SHORT),
    ],
)
def test_no_refusal_of_data_or_of_a_launch_names_a_flag_of_the_command(plant, refuse):
    with pytest.raises(UsageError) as caught:
        refuse(plant)
    assert caught.value.field
    assert not re.search(r"--[a-z]", str(caught.value))


@pytest.mark.parametrize("time_column", ["", "time"])
def test_a_plan_and_the_command_record_the_same_configuration(plant, time_column, monkeypatch):
    from rdrop_cli.jobs.launch import Execution, plan_training
    from rdrop_cli.planning.request import Request
    from rdrop_cli.study.reading import Reading

    monkeypatch.chdir(plant.parent)
    request = Request(("dropout",), dataset="jena.csv", reading=Reading(time=time_column), **SHORT)
    execution = Execution(plant.parent / "runs", plant.parent / "data")
    (of_command,) = plan_training([request], execution).configs
    series = api.load_data("jena.csv", plant.parent / "data", time=time_column)
    assert api.plan("dropout", series, **SHORT) == of_command


def test_seeds_are_trained_once_and_interrupted_runs_resumed(plant, monkeypatch):
    class Stop(api.Callback):
        def epoch(self, epoch):
            raise KeyboardInterrupt

    class Count(api.Callback):
        def begin(self, run_id, config, epochs_done, target_std):
            begun.append((config.seed, epochs_done))

    begun = []
    series, runs_dir = load(plant), plant.parent / "runs"
    tiny = {**SHORT, "units": 2, "batch_size": 8, "steps_per_epoch": 2, "epochs": 2}
    with pytest.raises(KeyboardInterrupt):
        api.train(api.plan("baseline", series, **tiny), series, runs_dir, Stop())
    runs = api.train_seeds(["baseline"], series, [0, 1], runs_dir, jobs=1, make_callback=lambda _: Count(), **tiny)
    assert begun == [(0, 1), (1, 0)]
    again = api.train_seeds(["baseline"], series, [0, 1], runs_dir, jobs=1, make_callback=lambda _: Count(), **tiny)
    assert [run.folder.run_id for run in again] == [run.folder.run_id for run in runs]
    assert len(begun) == 2
    with monkeypatch.context() as patch:
        patch.setattr("rdrop_cli.jobs.launch.check_writable", lambda path: pytest.fail("there is nothing to train"))
        api.train_seeds(["baseline"], series, [0, 1], runs_dir, **tiny)
    lost = runs[0].folder
    for path in (lost.metrics_path, *lost.checkpoints_path.iterdir()):
        path.write_text("damaged")
    with pytest.warns(UserWarning, match=f"{lost.run_id}: no checkpoint can be read, so it is trained anew"):
        anew = api.train_seeds(["baseline"], series, [0], runs_dir, jobs=1, make_callback=lambda _: Count(), **tiny)
    assert begun[2:] == [(0, 0)]
    assert anew[0].metrics.history == runs[0].metrics.history
    assert anew[0].folder.run_id != lost.run_id


def test_a_run_that_cannot_be_read_is_warned_about(tmp_path):
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "config.json").write_text("{")
    with pytest.warns(UserWarning, match="skipped: broken"):
        assert api.read_runs(tmp_path) == []


@pytest.mark.parametrize("read", [api.read_runs, api.judge])
def test_a_folder_that_is_not_there_is_not_one_without_runs(tmp_path, read):
    with pytest.raises(RdropError, match="runs_dir: there is no folder"):
        read(tmp_path / "gone")


def test_nothing_heavy_is_imported_before_a_network_is_made(plant):
    code = f"""
import sys
from rdrop_cli import api
series = api.load_data({str(plant)!r}, data_dir={str(plant.parent / "data")!r})
windows = api.make_windows(series, api.plan("dropout", series, **{SHORT!r}).protocol)
api.cut_windows(windows, windows.train[:4])
api.read_runs({str(plant.parent)!r})
print([name for name in {HEAVY!r} if name in sys.modules])
"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "[]"


WRONG_TYPES = [
    ("data", lambda series: api.load_data(np.zeros(3))),
    ("data_dir", lambda series: api.load_data("synthetic", 5)),
    ("time", lambda series: api.load_data("load.csv", time=5)),
    ("missing", lambda series: api.load_data("load.csv", missing=5)),
    ("variant", lambda series: api.plan(["dropout"], series)),
    ("series", lambda series: api.plan("dropout", "load.csv")),
    ("seed", lambda series: api.plan("dropout", series, seed="0")),
    ("epochs", lambda series: api.plan("dropout", series, epochs=1.5)),
    ("dropout", lambda series: api.plan("dropout", series, dropout="0.5")),
    ("lookback", lambda series: api.plan("dropout", series, lookback=["5d"])),
    ("calendar", lambda series: api.plan("dropout", series, calendar="yes")),
    ("tags", lambda series: api.plan("dropout", series, tags=[1])),
    ("protocol", lambda series: api.make_windows(series, "book")),
    ("windows", lambda series: api.cut_windows(series, [300])),
    ("config", lambda series: api.train("dropout", series)),
    ("variants", lambda series: api.train_seeds("dropout", series, [0])),
    ("seeds", lambda series: api.train_seeds(["dropout"], series, 5)),
    ("jobs", lambda series: api.train_seeds(["dropout"], series, [0], jobs=True)),
    ("make_callback", lambda series: api.train_seeds(["dropout"], series, [0], make_callback=5)),
    ("names", lambda series: api.forecast("dropout")),
    ("at", lambda series: api.forecast(at=5)),
    ("dataset", lambda series: api.forecast(dataset=5)),
    ("uncertainty", lambda series: api.calibrate(uncertainty="masks")),
    ("runs_dir", lambda series: api.judge(5)),
    ("runs_dir", lambda series: api.read_runs(None)),
]


@pytest.mark.parametrize(("name", "call"), WRONG_TYPES)
def test_an_argument_of_another_type_is_refused_by_its_name(name, call, tiny_series):
    with pytest.raises(UsageError, match=rf"^{name}: expected .*, received "):
        call(tiny_series)


def test_numbers_of_numpy_and_texts_for_lists_are_taken(tiny_series):
    check_options({"seed": np.int64(3), "dropout": np.float32(0.5), "tags": "one", "epochs": None}, Request)
    check_options({"missing": [-9, "x"], "keep": "count"}, Reading)
    check_arguments(rows=(np.arange(3), Collection[int]), seeds=(range(3), Collection[int]))
