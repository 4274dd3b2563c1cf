"""The main job: mammogram in, analysis out. The stages in order, nothing else."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from .analysis import Analysis
from .base.cost import Costs
from .base.errors import WarningRecord
from .base.model_folder import model_kind
from .base.parameters import AnalysisParameters
from .base.progress import Progress, no_progress
from .base.provenance import provenance
from .base.resources import resource_path
from .classification.description import DescriptionModels, describe
from .networks.heatmap import Heatmap, deep_features
from .networks.lesion_boxes import link_boxes
from .reading.mammogram import Mammogram
from .segmentation.branches import join_pieces, judged_together
from .segmentation.breast import BreastRegion, edge_distance, find_breast
from .segmentation.candidates import CandidateFinder, Candidates
from .segmentation.clusters import group
from .segmentation.groups import sure_alone_or_in_group
from .segmentation.measurements import measure
from .segmentation.outlines import outline
from .segmentation.selection import KIND as SELECTOR_KIND
from .segmentation.selection import MeasurementSelector, Selector, without_overlaps
from .segmentation.tables import calcification_geometry, describe_calcifications, describe_clusters

if TYPE_CHECKING:  # networks need PyTorch
    from .networks.readers import NetworkReaders

STAGES = ("breast", "candidates", "measurements", "selection", "clusters", "heatmaps", "boxes", "description")


def load_selector(name: str = "auto", device: str = "auto") -> Selector:
    """A selector of candidates.

    Parameters
    ----------
    name : str
        ``auto``: the bundled one with neural networks or, without ONNX Runtime and PyTorch, the one on measurements,
        with a note in the results; ``measurements``: the one on measurements; else a model folder or a name in the
        catalogue.
    device : {"auto", "cpu", "cuda", "mps"}
        For networks.

    Raises
    ------
    ModelError, MissingPackageError, ParameterError
    """
    measurements = resource_path("Models/SpeckSelector")
    if name == "measurements":
        return MeasurementSelector.load(measurements)
    from .networks.catalogue import find_network
    from .networks.onnx_runtime import has_onnxruntime
    from .networks.runtime import has_torch
    from .networks.selector import NetworkSelector

    if name == "auto" and not (has_onnxruntime() or has_torch()):
        note = WarningRecord(
            "selector-without-network",
            "ONNX Runtime is not installed: calcifications were selected by their measurements alone, which finds "
            "fewer; run “pip install onnxruntime”.",
        )
        return dataclasses.replace(MeasurementSelector.load(measurements), notes=(note,))
    folder = find_network("SpeckSelectorNetwork" if name == "auto" else name)
    if model_kind(folder) == SELECTOR_KIND:
        return MeasurementSelector.load(folder)
    return NetworkSelector.load(folder, device)


def analyze(
    mammogram: Mammogram,
    parameters: AnalysisParameters | None = None,
    selector: Selector | None = None,
    models: DescriptionModels | None = None,
    networks: NetworkReaders | None = None,
    progress: Progress = no_progress,
) -> Analysis:
    """Outline every calcification of a mammogram, group them, and describe the clusters.

    Parameters
    ----------
    mammogram : Mammogram
    parameters : AnalysisParameters, optional
    selector : Selector, optional
        Decides which candidates are calcifications; the bundled one by default.
    models : DescriptionModels, optional
        Describe the clusters; without them the clusters are found only.
    networks : NetworkReaders, optional
        Draw heatmaps and lesion boxes of the whole breast.
    progress : callable, optional
        Called with each stage; may raise ``Cancelled``.

    Returns
    -------
    Analysis
        Also for an image without a breast or without calcifications: its tables are empty then.
    """
    parameters = parameters or AnalysisParameters()
    selector = selector or load_selector()
    stages = _Stages(progress)

    with stages.part("breast"):
        breast = find_breast(mammogram, parameters.breast)
    with stages.part("candidates"):
        finder = CandidateFinder(mammogram.pixels, breast.mask, mammogram.spacing_mm, parameters.candidates)
        candidates = finder.everywhere(progress)
    with stages.part("measurements"):
        measurements = measure_candidates(mammogram, breast, candidates)
    with stages.part("selection"):
        probabilities, doubts = selector.judge(mammogram, breast, candidates, measurements, progress)
        threshold = selector.threshold(parameters.selection.false_marks_per_cm2)
        specks = without_overlaps(candidates, probabilities, mammogram.pixels.shape)
        positions_mm = candidates.take(specks).positions_mm(mammogram.spacing_mm)
        chosen = specks[sure_alone_or_in_group(probabilities[specks], positions_mm, threshold, parameters.selection)]
        chosen.sort()
        labels = outline(candidates, chosen, mammogram.pixels, mammogram.spacing_mm)
    with stages.part("clusters"):
        pieces = calcification_geometry(labels, mammogram, breast)
        pieces_of = join_pieces(labels, pieces, finder, mammogram.spacing_mm)
        centers_mm = np.column_stack((pieces["y_mm"], pieces["x_mm"]))
        numbers = group(centers_mm, probabilities[chosen], parameters.clusters, pieces_of)
        surest, together = judged_together(probabilities[chosen], pieces_of)
        calcifications = describe_calcifications(labels, mammogram, breast, measurements.iloc[chosen[surest]], together)
        calcifications.insert(1, "cluster_id", numbers[surest])
        clusters = describe_clusters(calcifications, mammogram.spacing_mm)
    heatmaps: tuple[Heatmap, ...] = ()
    boxes = None
    if networks is not None:
        with stages.part("heatmaps"):
            heatmaps, more = networks.heatmaps(mammogram, breast, parameters.heatmap, progress)
            doubts = (*doubts, *more)
        with stages.part("boxes"):
            boxes, more = networks.boxes(mammogram, breast, progress)
            doubts = (*doubts, *more)
        if boxes is not None:
            boxes = link_boxes(boxes, calcifications)
    described = None
    if models is not None:
        with stages.part("description"):
            deep = deep_features(heatmaps, calcifications) if heatmaps else None
            described = describe(mammogram, breast, labels, calcifications, clusters, models, deep, progress)
    used = {
        "selector": selector.provenance(),
        "description": None if models is None else models.provenance(),
        "networks": None if networks is None else networks.provenance(),
    }
    progress("done", len(STAGES), len(STAGES))
    return Analysis(
        labels=labels,
        calcifications=calcifications,
        clusters=clusters if described is None else described.clusters,
        spacing_mm=mammogram.spacing_mm,
        breast_area_cm2=breast.area_cm2,
        breast_box=(breast.box[0].start, breast.box[0].stop, breast.box[1].start, breast.box[1].stop),
        origin_lps_mm=mammogram.origin_lps_mm,
        direction_lps=mammogram.direction_lps,
        words=() if described is None else tuple(described.records),
        features=None if described is None else described.features,
        heatmaps=heatmaps,
        boxes=boxes,
        warnings=(
            *mammogram.warnings,
            *breast.warnings,
            *selector.warnings(parameters.candidates),
            *doubts,
            *(() if described is None else described.warnings),
            *_own_models(used),
        ),
        provenance=provenance(
            source=mammogram.source,
            spacing_source=mammogram.spacing_source,
            laterality=mammogram.laterality,
            view=mammogram.view,
            parameters=parameters.to_dict(),
            **used,
            probability_threshold=threshold,
            candidates=len(candidates),
            costs=stages.parts,
        ),
        admission=mammogram.admission,
    )


def measure_candidates(mammogram: Mammogram, breast: BreastRegion, candidates: Candidates) -> pd.DataFrame:
    """The selector's view of each candidate, as in :func:`segmentation.measurements.measure`."""
    depth = edge_distance(breast, mammogram.spacing_mm).at(candidates.peak_rows, candidates.peak_columns)
    return measure(candidates, mammogram.pixels, mammogram.spacing_mm, depth)


def _own_models(used: Any) -> Iterator[WarningRecord]:
    """One warning for each model that does not come with the library."""
    if isinstance(used, dict) and used.get("origin") == "user":
        name = used.get("name", "without a name")
        yield WarningRecord("own-model", f"The model “{name}” is not one that comes with Microcalc; see its card.")
    for part in used.values() if isinstance(used, dict) else used if isinstance(used, list) else ():
        yield from _own_models(part)


class _Stages(Costs):
    """Reports each stage and measures what it takes."""

    def __init__(self, progress: Progress) -> None:
        super().__init__()
        self._progress = progress

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        self._progress(name, STAGES.index(name), len(STAGES))
        with super().part(name):
            yield
