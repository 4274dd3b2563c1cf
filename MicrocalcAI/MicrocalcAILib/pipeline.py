"""The main job: mammogram in, analysis out. The stages in order, nothing else."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pandas as pd

from .analysis import Analysis
from .description import DescriptionModels, describe
from .mammogram import Mammogram
from .parameters import AnalysisParameters
from .progress import Progress, no_progress
from .provenance import provenance
from .resources import resource_path
from .segmentation.breast import BreastRegion, edge_distance, find_breast
from .segmentation.candidates import Candidates, find_candidates
from .segmentation.clusters import group
from .segmentation.measurements import measure
from .segmentation.outlines import outline
from .segmentation.selection import MeasurementSelector, Selector, without_overlaps
from .tables import describe_calcifications, describe_clusters

STAGES = ("breast", "candidates", "measurements", "selection", "clusters", "description")


def default_selector() -> Selector:
    """The selector that comes with the library."""
    return MeasurementSelector.load(resource_path("Models/SpeckSelector"))


def analyze(
    mammogram: Mammogram,
    parameters: AnalysisParameters | None = None,
    selector: Selector | None = None,
    models: DescriptionModels | None = None,
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
    progress : callable, optional
        Called with each stage; may raise ``Cancelled``.

    Returns
    -------
    Analysis
        Also for an image without a breast or without calcifications: its tables are empty then.
    """
    parameters = parameters or AnalysisParameters()
    selector = selector or default_selector()
    clock = _StageClock(progress)

    with clock.stage("breast"):
        breast = find_breast(mammogram, parameters.breast)
    with clock.stage("candidates"):
        candidates = find_candidates(
            mammogram.pixels, breast.mask, mammogram.spacing_mm, parameters.candidates, progress
        )
    with clock.stage("measurements"):
        measurements = measure_candidates(mammogram, breast, candidates)
    with clock.stage("selection"):
        probabilities = selector.probabilities(measurements, candidates.positions_mm(mammogram.spacing_mm))
        threshold = selector.threshold(parameters.selection.false_marks_per_cm2)
        chosen = without_overlaps(
            candidates, np.where(probabilities >= threshold, probabilities, 0), mammogram.pixels.shape
        )
        chosen.sort()
        labels = outline(candidates, chosen, mammogram.pixels, mammogram.spacing_mm)
    with clock.stage("clusters"):
        calcifications = describe_calcifications(
            labels, mammogram, breast, measurements.iloc[chosen], probabilities[chosen]
        )
        centers_mm = calcifications[["y_mm", "x_mm"]].to_numpy()
        numbers = group(centers_mm, calcifications["probability"].to_numpy(), parameters.clusters)
        calcifications.insert(1, "cluster_id", numbers)
        clusters = describe_clusters(calcifications, mammogram.spacing_mm)
    described = None
    if models is not None:
        with clock.stage("description"):
            described = describe(mammogram, breast, labels, calcifications, clusters, models, progress)
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
        warnings=(
            *mammogram.warnings,
            *breast.warnings,
            *selector.warnings(parameters.candidates),
            *(() if described is None else described.warnings),
        ),
        provenance=provenance(
            source=mammogram.source,
            spacing_source=mammogram.spacing_source,
            laterality=mammogram.laterality,
            view=mammogram.view,
            parameters=parameters.to_dict(),
            selector=selector.provenance(),
            description=None if models is None else models.provenance(),
            probability_threshold=threshold,
            candidates=len(candidates),
            seconds=clock.seconds,
        ),
    )


def measure_candidates(mammogram: Mammogram, breast: BreastRegion, candidates: Candidates) -> pd.DataFrame:
    """The selector's view of each candidate, as in :func:`segmentation.measurements.measure`."""
    depth = edge_distance(breast, mammogram.spacing_mm).at(candidates.peak_rows, candidates.peak_columns)
    return measure(candidates, mammogram.pixels, mammogram.spacing_mm, depth)


class _StageClock:
    """Reports each stage and remembers its wall-clock seconds."""

    def __init__(self, progress: Progress) -> None:
        self.progress = progress
        self.seconds: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        self.progress(name, STAGES.index(name), len(STAGES))
        start = time.perf_counter()
        yield
        self.seconds[name] = round(time.perf_counter() - start, 4)
