"""What to run: the options of ``microcalc analyze``, as the panel and scripts give them."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from MicrocalcAILib.base.errors import ModelError


@dataclass(frozen=True)
class AnalysisOptions:
    """Options of an analysis; what is left out takes the library's default.

    Parameters
    ----------
    spacingMm : float, optional
        Pixel spacing in mm, for images that do not know their own.
    falseMarksPerCm2 : float, optional
        Operating point: expected false marks per cm² of breast.
    heatmaps : sequence of str or Path
        ``"detection"``, ``"malignancy"``, or folders of own models. They need PyTorch; one that cannot run is
        left out with a warning, which is true of lesion boxes too.
    detector : str or Path, optional
        ``"default"`` or the folder of an own model: draw boxes around lesions.
    device : {"auto", "cpu", "cuda", "mps"}
        Where neural networks run.
    selector : str or Path
        What decides which specks are calcifications: ``"auto"`` (with networks), ``"measurements"`` or the
        folder of an own model.
    classifier : str or Path, optional
        The folder of an own classifier of clusters, or ``"simulated"`` for the bundled one, which was trained on
        simulated clusters only; without one there is no estimate by the features.
    words : str or Path, optional
        The folder of an own model that suggests the words of clusters.
    """

    spacingMm: float | None = None
    falseMarksPerCm2: float | None = None
    heatmaps: Sequence[str | Path] = ()
    detector: str | Path | None = None
    device: str = "auto"
    selector: str | Path = "auto"
    classifier: str | Path | None = None
    words: str | Path | None = None

    def arguments(self) -> list[str]:
        """The options on the command line."""
        arguments: list[str] = []
        if self.spacingMm is not None:
            arguments += ["--spacing", f"{self.spacingMm:.6g}"]
        if self.falseMarksPerCm2 is not None:
            arguments += ["--false-marks", f"{self.falseMarksPerCm2:.6g}"]
        for heatmap in self.heatmaps:
            arguments += ["--heatmap", str(heatmap)]
        if self.detector is not None:
            arguments += ["--detector", str(self.detector)]
        if self.device != "auto":
            arguments += ["--device", self.device]
        if str(self.selector) != "auto":
            arguments += ["--selector", str(self.selector)]
        if self.classifier is not None:
            arguments += ["--classifier", str(self.classifier)]
        if self.words is not None:
            arguments += ["--words", str(self.words)]
        return arguments


def hasNetwork(name: str) -> bool:
    """Whether the network for ``"detection"``, ``"malignancy"`` or ``"default"`` (boxes) is there."""
    from MicrocalcAILib.networks.catalogue import BUNDLED_DETECTOR, BUNDLED_HEATMAPS, find_network

    try:
        find_network({**BUNDLED_HEATMAPS, "default": BUNDLED_DETECTOR}[name])
    except ModelError:
        return False
    return True


def hasTorchvision() -> bool:
    """Whether torchvision is installed, which the lesion detector needs beside PyTorch."""
    return importlib.util.find_spec("torchvision") is not None
