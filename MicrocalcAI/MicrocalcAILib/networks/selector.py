"""The selector that also looks: what the speck regressor sees around each candidate joins its measurements."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..base.errors import WarningRecord
from ..base.model_folder import read_model_files
from ..base.parameters import CandidateParameters
from ..base.progress import Progress, no_progress
from ..reading.mammogram import Mammogram
from ..segmentation.breast import BreastRegion
from ..segmentation.candidates import Candidates
from ..segmentation.measurements import MEASUREMENTS
from ..segmentation.selection import MODEL_FILES, MeasurementSelector
from .catalogue import find_network, weights_in
from .regressor import REGRESSED, SpeckRegressor
from .runtime import Runtime

KIND = "speck selector with networks"
SCHEMA = 1


@dataclass(frozen=True)
class NetworkSelector:
    """A speck regressor, and trees on the candidates' measurements with its values added.

    Parameters
    ----------
    regressor : SpeckRegressor
    trees : MeasurementSelector
        Its measurements are :data:`MEASUREMENTS` and :data:`REGRESSED`.
    runtime : Runtime
    """

    regressor: SpeckRegressor
    trees: MeasurementSelector
    runtime: Runtime

    @classmethod
    def load(cls, name: str | Path, runtime: Runtime) -> NetworkSelector:
        """Load from a folder or the catalogue.

        Raises
        ------
        ModelError
            When a file is missing, altered or does not fit.
        MissingPackageError
            Without PyTorch.
        """
        folder = find_network(name)
        card, files = read_model_files(folder, KIND, SCHEMA)
        texts = {name: content.decode("utf-8") for name, content in files.items() if name in MODEL_FILES}
        trees = MeasurementSelector.from_files(card, texts, (*MEASUREMENTS, *REGRESSED), folder.name)
        return cls(SpeckRegressor.from_weights(card.get("regressor", {}), weights_in(files)), trees, runtime)

    def judge(
        self,
        mammogram: Mammogram,
        breast: BreastRegion,
        candidates: Candidates,
        measurements: pd.DataFrame,
        progress: Progress = no_progress,
    ) -> tuple[NDArray[np.float64], tuple[WarningRecord, ...]]:
        """As in :class:`~MicrocalcAILib.segmentation.selection.Selector`."""
        regressed, warnings = self.regressor.measure(mammogram, breast, candidates, self.runtime, progress)
        together = pd.concat((measurements, regressed.set_index(measurements.index)), axis=1)
        return self.trees.probabilities(together, candidates.positions_mm(mammogram.spacing_mm)), warnings

    def threshold(self, false_marks_per_cm2: float) -> float:
        """As in :class:`~MicrocalcAILib.segmentation.selection.Selector`."""
        return self.trees.threshold(false_marks_per_cm2)

    def warnings(self, parameters: CandidateParameters) -> tuple[WarningRecord, ...]:
        """As in :class:`~MicrocalcAILib.segmentation.selection.Selector`."""
        return self.trees.warnings(parameters)

    def provenance(self) -> dict[str, Any]:
        """Name, digests, training data, and what the networks ran on."""
        return {**self.trees.provenance(), "runtime": self.runtime.provenance()}
