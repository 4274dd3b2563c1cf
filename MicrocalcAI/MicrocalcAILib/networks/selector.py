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
from .catalogue import find_network
from .onnx_runtime import OnnxRuntime, has_onnxruntime
from .regressor import ONNX_FILE, REGRESSED, SpeckRegressor
from .runtime import Runtime, may_have_cuda

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
    """

    regressor: SpeckRegressor
    trees: MeasurementSelector

    @classmethod
    def load(cls, name: str | Path, device: str = "auto") -> NetworkSelector:
        """Load from a folder or the catalogue.

        Parameters
        ----------
        name : str or Path
        device : {"auto", "cpu", "cuda", "mps"}
            ``auto`` takes a graphics card of NVIDIA's that PyTorch can use, and else the processor. On the processor
            ONNX Runtime is used where the folder and the computer have it, so that PyTorch is not needed.

        Raises
        ------
        ModelError
            When a file is missing, altered or does not fit.
        MissingPackageError
            Without ONNX Runtime and PyTorch, or without PyTorch for a graphics card.
        ParameterError
            When the processor asked for is not there.
        """
        folder = find_network(name)
        card, files = read_model_files(folder, KIND, SCHEMA)
        texts = {name: content.decode("utf-8") for name, content in files.items() if name in MODEL_FILES}
        trees = MeasurementSelector.from_files(card, texts, (*MEASUREMENTS, *REGRESSED), folder.name)
        runtime = _runtime(device, ONNX_FILE in files)
        return cls(SpeckRegressor.from_files(card.get("regressor", {}), files, runtime), trees)

    def judge(
        self,
        mammogram: Mammogram,
        breast: BreastRegion,
        candidates: Candidates,
        measurements: pd.DataFrame,
        progress: Progress = no_progress,
    ) -> tuple[NDArray[np.float64], tuple[WarningRecord, ...]]:
        """As in :class:`~MicrocalcAILib.segmentation.selection.Selector`."""
        regressed, warnings = self.regressor.measure(mammogram, breast, candidates, progress)
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
        return {**self.trees.provenance(), "runtime": self.regressor.runtime.provenance()}


def _runtime(device: str, is_onnx: bool) -> Runtime | OnnxRuntime:
    can_use_onnx = is_onnx and has_onnxruntime()
    if device != "cpu" and (device != "auto" or may_have_cuda()):
        runtime = Runtime.choose(device)
        if runtime.device != "cpu":
            return runtime
    return OnnxRuntime() if can_use_onnx else Runtime.choose("cpu")
