"""The section of the report on forecasts of the test period and the calibration of their intervals."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from rdrop_cli.analysis.judged import StudyVerdict
from rdrop_cli.analysis.network import read_network
from rdrop_cli.analysis.questions import DROPOUT
from rdrop_cli.forecast.pictures import choose_one, forecast_test, measure_test
from rdrop_cli.plots import calibration, forecast
from rdrop_cli.plots.calibration import draw_calibration
from rdrop_cli.plots.forecast import draw_forecast
from rdrop_cli.runs.comparable import keep_first_origin
from rdrop_cli.uncertainty.calibration import Calibration

MOST_RUNS, SAMPLES = 3, 30  # more would take minutes
HEADS = ("Forecast", "Sources", "50 % hold", "80 % hold", "95 % hold", "80 % are", "CRPS")
Draw = Callable[[Path], None]


@dataclass(frozen=True)
class Section:
    """Pictures, each for a page and for a phone, and the rows of the table with the columns `HEADS`."""

    network: str
    forecasts: tuple[Draw, Draw]
    calibration: tuple[Draw, Draw]
    rows: list[tuple[str, ...]]


def find_section(judged: StudyVerdict, runs_dir: Path) -> Section | None:
    """Return the section on the dropout network, else the best one, at the first origin; None without kept readings."""
    collection = judged.collection
    network = collection.claimed.get(DROPOUT) or next((row.network for row in judged.networks), None)
    members = [run for run in keep_first_origin(collection.used) if read_network(run) == network]
    folders = [collection.folders[run.run_id] for run in members]
    kept = [str(folder.path) for folder in folders if folder.readings_path.is_file() and folder.model_path.is_file()]
    if not kept:
        return None
    ensemble = choose_one(kept[:MOST_RUNS], runs_dir)
    judged_test, named = forecast_test(ensemble)
    measured, sources = measure_test(ensemble, SAMPLES)
    draw = partial(draw_calibration, measured.found, measured.references, measured.judged, sources)
    return Section(
        network=ensemble.label,
        forecasts=(
            partial(draw_forecast, judged_test, named),
            partial(draw_forecast, judged_test, named, inches=forecast.NARROW_INCHES),
        ),
        calibration=(draw, partial(draw, inches=calibration.NARROW_INCHES)),
        rows=[_list_cells(each) for each in (*measured.found, *measured.references)],
    )


def _list_cells(measured: Calibration) -> tuple[str, ...]:
    held = (each.describe() for each in measured.coverage)
    return (measured.label, measured.sources, *held, measured.coverage[1].verdict, f"{measured.crps:.3f}")
