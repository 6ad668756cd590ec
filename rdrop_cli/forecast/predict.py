"""Predictions of the runs of an ensemble, in the target's unit, with dropout off or on."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from rdrop_cli.errors import DataError
from rdrop_cli.forecast.ensembles import Ensemble
from rdrop_cli.series.windows import Windows
from rdrop_cli.study.protocol import IN_UNIT, MEDIAN
from rdrop_cli.uncertainty.spread import draw_evenly

if TYPE_CHECKING:
    from rdrop_cli.nn.engines import Engine

Outputs = npt.NDArray[np.float32]
Values = npt.NDArray[np.float64]


@dataclass(eq=False)
class Predictor:
    """The networks of an ensemble on one matrix of readings."""

    ensemble: Ensemble
    windows: Windows
    _engines: list["Engine"] = field(default_factory=list)

    def predict(self, rows: npt.NDArray[np.int64], masks: int = 0) -> Outputs:
        """Return the outputs of the networks, shape (seed, mask, window, step, level).

        Args:
            rows: the rows before which the windows end.
            masks: number of dropout masks for each window; 0 for one prediction with dropout off.

        Raises:
            DataError: a network cannot be read, or its output is not finite.
        """
        levels = max(1, len(self.ensemble.metrics.protocol.quantiles))
        outputs = []
        for run, engine in zip(self.ensemble.runs, self._open_engines(), strict=True):
            output = engine.sample(rows, masks) if masks else engine.predict(rows)[np.newaxis]
            if not np.isfinite(output).all():
                raise DataError(f"{run.folder.run_id}: its network forecasts {output.flat[0]}, which is no number")
            outputs.append(output.reshape(*output.shape[:2], -1, levels))
        return np.stack(outputs)

    def draw_members(self, outputs: Outputs, quantiles: bool) -> Values:
        """Return forecasts of one step in the target's unit, shape (seed, mask, draw, window).

        Args:
            outputs: (seed, mask, window, level).
            quantiles: whether to draw from the quantiles that the network forecasts; else there is one draw: the median
                or, if the network forecasts the target, the forecast.
        """
        levels = self.ensemble.metrics.protocol.quantiles
        values = outputs.astype(np.float64)
        if levels and quantiles:
            values = draw_evenly(values, np.array(levels))
        elif levels:
            values = np.sort(values, axis=-1)[..., levels.index(MEDIAN), np.newaxis]
        members = np.ascontiguousarray(np.moveaxis(values, -1, 2))
        if self.ensemble.config.protocol.target_scale != IN_UNIT:
            members = members * self.windows.target_std + self.windows.target_mean
        return members

    def _open_engines(self) -> list["Engine"]:
        if not self._engines:
            from rdrop_cli.nn.restore import restore_engine  # the slow part: imports TensorFlow

            self._engines = [
                restore_engine(run.folder.read_config(), run.folder.model_path, self.windows)
                for run in self.ensemble.runs
            ]
        return self._engines
