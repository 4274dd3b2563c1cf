"""The networks that read a whole image beside the analysis of its specks: heatmaps and lesion boxes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from ..base.errors import WarningRecord
from ..base.parameters import HeatmapParameters
from ..base.progress import Progress, no_progress
from ..reading.mammogram import Mammogram
from ..segmentation.breast import BreastRegion
from .catalogue import BUNDLED_DETECTOR, BUNDLED_HEATMAPS
from .detector import LesionDetector, detect
from .heatmap import Heatmap
from .heatmap_inference import patch_heatmap
from .patch_networks import PatchModel
from .runtime import Runtime


@dataclass(frozen=True)
class NetworkReaders:
    """Patch networks and a lesion detector, and what they run on.

    Parameters
    ----------
    patches : tuple of PatchModel
    detector : LesionDetector or None
    runtime : Runtime
    """

    patches: tuple[PatchModel, ...]
    detector: LesionDetector | None
    runtime: Runtime

    @classmethod
    def load(cls, heatmaps: Sequence[str] = (), detector: str | None = None, device: str = "auto") -> NetworkReaders:
        """Load networks by name.

        Parameters
        ----------
        heatmaps : sequence of str
            ``detection``, ``malignancy`` (the bundled networks), model folders or names in the catalogue.
        detector : str, optional
            ``default`` (the bundled one), a model folder or a name in the catalogue.
        device : {"auto", "cpu", "cuda", "mps"}

        Raises
        ------
        ModelError, MissingPackageError, ParameterError
        """
        runtime = Runtime.choose(device)
        patches = tuple(PatchModel.load(BUNDLED_HEATMAPS.get(name, name)) for name in dict.fromkeys(heatmaps))
        name = BUNDLED_DETECTOR if detector == "default" else detector
        return cls(patches, LesionDetector.load(name) if name else None, runtime)

    def heatmaps(
        self,
        mammogram: Mammogram,
        breast: BreastRegion,
        parameters: HeatmapParameters,
        progress: Progress = no_progress,
    ) -> tuple[tuple[Heatmap, ...], tuple[WarningRecord, ...]]:
        """One heatmap of each patch network, and what is doubtful about them."""
        results = [
            patch_heatmap(mammogram, breast, model, parameters.stride_mm, self.runtime, progress)
            for model in self.patches
        ]
        return tuple(heatmap for heatmap, _ in results), tuple(
            dict.fromkeys(warning for _, warnings in results for warning in warnings)
        )

    def boxes(
        self, mammogram: Mammogram, breast: BreastRegion, progress: Progress = no_progress
    ) -> tuple[pd.DataFrame | None, tuple[WarningRecord, ...]]:
        """The detector's boxes; None without a detector."""
        if self.detector is None:
            return None, ()
        return detect(mammogram, breast, self.detector, self.runtime, progress)

    def provenance(self) -> dict[str, Any]:
        """Names and digests of the networks, and what they ran on."""
        return {
            "patches": [model.provenance() for model in self.patches],
            "detector": None if self.detector is None else self.detector.provenance(),
            "runtime": self.runtime.provenance(),
        }
