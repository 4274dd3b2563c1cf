"""The analysis of one mammogram as a task of the batch engine: models are read once, images follow."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..analysis import Analysis
from ..base.cost import Costs, cost_of_start
from ..base.kernel_cache import COMPILING, compiling
from ..base.parameters import AnalysisParameters
from ..base.progress import Progress
from ..batch.work import Finished
from ..classification.description import DescriptionModels
from ..export.results import fill_folder
from ..pipeline import analyze, load_selector
from ..reading import read_mammogram

DICOM_FOLDER = "dicom"
"""In the folder of an image's results, where objects are asked for."""


class AnalysisTask:
    """Reads a mammogram, analyzes it, and writes its results.

    Parameters
    ----------
    options : dict
        ``parameters`` (nested), ``spacing_mm``, ``selector``, ``classifier``, ``words``, ``heatmaps``, ``detector``,
        ``device``, ``dicom`` (kinds of objects, or None), ``given`` (patient and study); see ``microcalc analyze
        --help``.

    Raises
    ------
    ModelError, MissingPackageError, ParameterError
    """

    def __init__(self, options: Mapping[str, Any]):
        self._parameters = AnalysisParameters.from_dict(options["parameters"])
        self._spacing_mm = options["spacing_mm"]
        self._selector = load_selector(options["selector"], options["device"])
        self._models = DescriptionModels.load(options["classifier"], options["words"])
        self._networks = None
        if options["heatmaps"] or options["detector"]:
            from ..networks.readers import NetworkReaders

            self._networks = NetworkReaders.load(options["heatmaps"], options["detector"], options["device"])
        self._dicom, self._given = options["dicom"], options["given"]
        self._start = cost_of_start()

    def signature(self) -> dict[str, Any]:
        """Parameters, and the models without what they run on: another processor is no reason to do all again."""
        models = {
            "selector": self._selector.provenance(),
            "description": self._models.provenance(),
            "networks": {} if self._networks is None else self._networks.provenance(),
        }
        for model in models.values():
            model.pop("runtime", None)
        parameters = {**self._parameters.to_dict(), "spacing_mm": self._spacing_mm}
        if self._dicom is not None:
            parameters |= {"dicom": self._dicom, "given": self._given}
        return {"parameters": parameters, "models": models}

    def run(self, path: Path, options: Mapping[str, Any], progress: Progress) -> Finished:
        """See :class:`~MicrocalcAILib.batch.work.Task`."""
        progress("reading", 0, 1)
        if self._dicom is not None:
            from ..dicom.source import check_attributes

            check_attributes(path, self._given)
        costs = Costs()
        with costs.part("reading"):
            mammogram = read_mammogram(path, self._spacing_mm, self._parameters.reading.assumed_spacing_mm)
        with compiling(lambda count: progress(COMPILING, count, 0)):
            analysis = analyze(
                mammogram, self._parameters, self._selector, self._models, self._networks, progress=progress
            )
        whole = {"start of the process": self._start, **costs.parts, **analysis.provenance["costs"]}
        analysis = dataclasses.replace(analysis, provenance={**analysis.provenance, "costs": whole})
        progress("writing", 0, 1)
        cells = {**mammogram.admission.columns(), **summary_cells(analysis)}

        def write(folder: Path, name: str) -> None:
            fill_folder(mammogram, analysis, folder, name)
            if self._dicom is not None:
                from ..dicom.objects import write_objects

                write_objects(folder, path, folder / DICOM_FOLDER, self._dicom, self._given)

        return Finished(cells, write)


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
