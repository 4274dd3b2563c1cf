"""The analysis of one mammogram as a task of the batch engine: models are read once, images follow."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..analysis import Analysis
from ..base.parameters import AnalysisParameters
from ..base.progress import Progress
from ..batch.work import Finished
from ..classification.description import DescriptionModels
from ..export.results import fill_folder
from ..pipeline import analyze, load_selector
from ..reading import read_mammogram


class AnalysisTask:
    """Reads a mammogram, analyzes it, and writes its results.

    Parameters
    ----------
    options : dict
        ``parameters`` (nested), ``spacing_mm``, ``selector``, ``classifier``, ``heatmaps``, ``detector``, ``device``;
        see ``microcalc analyze --help``.

    Raises
    ------
    ModelError, MissingPackageError, ParameterError
    """

    def __init__(self, options: Mapping[str, Any]):
        self._parameters = AnalysisParameters.from_dict(options["parameters"])
        self._spacing_mm = options["spacing_mm"]
        self._selector = load_selector(options["selector"], options["device"])
        self._models = DescriptionModels.load(options["classifier"])
        self._networks = None
        if options["heatmaps"] or options["detector"]:
            from ..networks.readers import NetworkReaders

            self._networks = NetworkReaders.load(options["heatmaps"], options["detector"], options["device"])

    def signature(self) -> dict[str, Any]:
        """Parameters, and the models without what they run on: another processor is no reason to do all again."""
        models = {
            "selector": self._selector.provenance(),
            "description": self._models.provenance(),
            "networks": {} if self._networks is None else self._networks.provenance(),
        }
        for model in models.values():
            model.pop("runtime", None)
        return {"parameters": {**self._parameters.to_dict(), "spacing_mm": self._spacing_mm}, "models": models}

    def run(self, path: Path, options: Mapping[str, Any], progress: Progress) -> Finished:
        """See :class:`~MicrocalcAILib.batch.work.Task`."""
        progress("reading", 0, 1)
        mammogram = read_mammogram(path, self._spacing_mm, self._parameters.reading.assumed_spacing_mm)
        analysis = analyze(mammogram, self._parameters, self._selector, self._models, self._networks, progress=progress)
        progress("writing", 0, 1)
        cells = {**mammogram.admission.columns(), **summary_cells(analysis)}
        return Finished(cells, lambda folder, name: fill_folder(mammogram, analysis, folder, name))


def summary_cells(analysis: Analysis) -> dict[str, Any]:
    """The findings of an image in one row."""
    clusters = analysis.clusters
    risks = clusters.get("descriptor_risk")
    words, risk = "", None
    if risks is not None and risks.notna().any():
        highest = clusters.iloc[int(risks.argmax())]
        words = ", ".join(str(highest[kind]) for kind in ("morphology", "distribution") if highest[kind])
        risk = round(float(highest["descriptor_risk"]), 4)
    return {
        "calcifications": len(analysis.calcifications),
        "clusters": len(clusters),
        "highest_risk_words": words,
        "highest_risk_by_words": risk,
        "warnings": [warning.message for warning in analysis.warnings],
    }
