"""The result of analyzing one mammogram: label map, tables, warnings, provenance. Saved to a folder, loaded from it."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .base.cost import Meter
from .base.errors import MicrocalcError, ResultError, WarningRecord
from .base.notebook import card, dots
from .base.tables import read_table, write_table
from .base.volumes import read_label_map, write_volume
from .networks.heatmap import Heatmap
from .reading.admission import AdmissionCard

if TYPE_CHECKING:  # heavy, and seldom needed by those who only look at results
    from .classification.feature_tables import FeatureTables
    from .lexicon.clouds import Cloud

_SHOWN = ("name", "count", "extent_mm", "morphology", "distribution", "descriptor_risk")  # in a notebook
SINGLES = 0  # cluster_id of calcifications that belong to no cluster


@dataclass(frozen=True)
class Analysis:
    """Everything found in one mammogram.

    Parameters
    ----------
    labels : int32 array, shape (rows, columns)
        0 where there is no calcification, else the calcification's ``id``.
    calcifications : DataFrame
        One row per calcification: ``id``, ``cluster_id`` (0: single), ``row`` and ``column`` of the center (pixels),
        ``x_mm``, ``y_mm`` (from the center of pixel (0, 0), right and down), ``row_min``, ``row_max``, ``column_min``,
        ``column_max`` (inclusive), ``area_mm2``, ``contrast_to_noise``, ``probability``, ``in_pectoral_muscle``,
        ``source`` (``machine``; after an edit ``reader`` or ``edited``) ….
    clusters : DataFrame
        One row per cluster: ``id`` (1, 2, …), ``name`` (``Cluster 1``), ``count``, ``row``, ``column``, ``x_mm``,
        ``y_mm``, bounding box as above, ``extent_mm``, ``area_mm2`` (convex hull), ``mean_probability`` ….
    spacing_mm, origin_lps_mm, direction_lps
        Geometry as in :class:`~MicrocalcAILib.reading.mammogram.Mammogram`.
    breast_area_cm2 : float
    breast_box : (int, int, int, int)
        First row, last row + 1, first column, last column + 1 of the breast; zeros when there is none.
    words : tuple of dict
        Per described cluster its BI-RADS words with probabilities, evidence, codes and cohorts. JSON-ready.
    features : FeatureTables or None
        The features of the described clusters; None when loaded, ``FeatureTables.load(folder)`` reads them.
    heatmaps : tuple of Heatmap
        Those that were asked for.
    boxes : DataFrame or None
        One row per box of the lesion detector: ``id``, ``class``, ``score``, ``row_min``, ``row_max``, ``column_min``,
        ``column_max`` (inclusive), ``x_mm``, ``y_mm`` of the center, ``cluster_ids`` of the clusters in it, joined by
        semicolons. None when no detector ran.
    warnings : tuple of WarningRecord
    provenance : dict
        Versions, parameters, models with their SHA-256, input digest, ``costs`` of the parts (see
        :meth:`~.base.cost.Meter.cost`). JSON-ready.
    admission : AdmissionCard
        What kind of image was analyzed, with the evidence for its side, view and spacing.
    """

    labels: NDArray[np.int32]
    calcifications: pd.DataFrame
    clusters: pd.DataFrame
    spacing_mm: tuple[float, float]
    breast_area_cm2: float
    breast_box: tuple[int, int, int, int] = (0, 0, 0, 0)
    origin_lps_mm: tuple[float, ...] = (0.0, 0.0, 0.0)
    direction_lps: tuple[float, ...] = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)
    words: tuple[dict[str, Any], ...] = ()
    features: FeatureTables | None = None
    heatmaps: tuple[Heatmap, ...] = ()
    boxes: pd.DataFrame | None = None
    warnings: tuple[WarningRecord, ...] = ()
    provenance: dict[str, Any] = field(default_factory=dict)
    admission: AdmissionCard = field(default_factory=AdmissionCard)

    @cached_property
    def clouds(self) -> tuple[Cloud, ...]:
        """Outlines around the clusters that are amorphous; see :func:`~.lexicon.clouds.outline_clouds`."""
        from .lexicon.clouds import outline_clouds

        return outline_clouds(self.calcifications, self.clusters, self.spacing_mm)

    def _repr_html_(self) -> str:
        """How a notebook shows it."""
        count, clusters = len(self.calcifications), len(self.clusters)
        shown = [name for name in _SHOWN if name in self.clusters]
        return card(
            f"{count} calcifications, {clusters} {'cluster' if clusters == 1 else 'clusters'}",
            (f"{self.breast_area_cm2:.0f} cm² of breast; research software, not for diagnosis",),
            self.clusters[shown],
            dots(self.labels.shape, self.breast_box, self.calcifications["row"], self.calcifications["column"]),
            self.warnings,
        )


SCHEMA = 2
LABELS_FILE = "calcification_labels.nrrd"
CALCIFICATIONS_FILE = "calcifications.csv"
CLUSTERS_FILE = "clusters.csv"
CLOUDS_FILE = "clouds.csv"
BOXES_FILE = "boxes.csv"
_SMALLEST_SPACING_MM, _LARGEST_SPACING_MM = 0.001, 100.0
_LARGEST_BREAST_CM2 = 1e5
ANALYSIS_FILE = "analysis.json"


def save_analysis(analysis: Analysis, folder: Path, name: str | None = None, writing: Meter | None = None) -> None:
    """Write label map, tables and ``analysis.json`` into an existing folder; :func:`load_analysis` reads them back.

    ``clouds.csv`` is there where there are clouds; it is not read back, because they follow from the other tables.

    Parameters
    ----------
    analysis : Analysis
    folder : Path
    name : str, optional
        Of the image in the tables of features; the folder's by default.
    writing : Meter, optional
        Of the writing of this and of what was written before: its cost joins the others in the provenance.
    """
    folder = Path(folder)
    write_volume(
        np.asarray(analysis.labels, np.int32).view(np.uint32),  # ids, never negative: no copy of the size of the image
        analysis.spacing_mm,
        analysis.origin_lps_mm,
        analysis.direction_lps,
        folder / LABELS_FILE,
    )
    write_table(analysis.calcifications, folder / CALCIFICATIONS_FILE)
    write_table(analysis.clusters, folder / CLUSTERS_FILE)
    if analysis.clouds:
        from .lexicon.clouds import cloud_table

        write_table(cloud_table(analysis.clouds, analysis.calcifications, analysis.spacing_mm), folder / CLOUDS_FILE)
    if analysis.features is not None:
        analysis.features.named(name or folder.name).save(folder)
    for heatmap in analysis.heatmaps:
        heatmap.save(folder)
    if analysis.boxes is not None:
        write_table(analysis.boxes, folder / BOXES_FILE)
    provenance = analysis.provenance
    if writing is not None:
        provenance = {**provenance, "costs": {**provenance.get("costs", {}), "writing": writing.cost()}}
    record = {
        "schema": SCHEMA,
        "calcifications": len(analysis.calcifications),
        "clusters": len(analysis.clusters),
        "breast_area_cm2": analysis.breast_area_cm2,
        "breast_box": analysis.breast_box,
        "spacing_mm": analysis.spacing_mm,
        "origin_lps_mm": analysis.origin_lps_mm,
        "direction_lps": analysis.direction_lps,
        "words": analysis.words,
        "heatmaps": [heatmap.task for heatmap in analysis.heatmaps],
        "boxes": None if analysis.boxes is None else len(analysis.boxes),
        "warnings": [dataclasses.asdict(warning) for warning in analysis.warnings],
        "provenance": provenance,
        "admission": analysis.admission.to_dict(),
    }
    (folder / ANALYSIS_FILE).write_text(json.dumps(record, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def load_analysis(folder: Path) -> Analysis:
    """Read an analysis back from its folder.

    Raises
    ------
    ResultError
        When the folder is incomplete or was written by something else.
    """
    folder = Path(folder)
    with _incomplete_reported(folder):
        record = _read_record(folder)
        analysis = Analysis(
            labels=read_label_map(folder / LABELS_FILE),
            calcifications=read_table(folder / CALCIFICATIONS_FILE),
            clusters=read_table(folder / CLUSTERS_FILE),
            spacing_mm=tuple(record["spacing_mm"]),
            breast_area_cm2=record["breast_area_cm2"],
            breast_box=tuple(record["breast_box"]),
            origin_lps_mm=tuple(record["origin_lps_mm"]),
            direction_lps=tuple(record["direction_lps"]),
            words=tuple(record["words"]),
            heatmaps=tuple(Heatmap.load(folder, task) for task in record["heatmaps"]),
            boxes=None if record["boxes"] is None else read_boxes(folder / BOXES_FILE),
            warnings=tuple(WarningRecord(**warning) for warning in record["warnings"]),
            provenance=dict(record["provenance"]),
            admission=_card_of(record),
        )
        _check_agreement(analysis)
    return analysis


def load_admission(folder: Path) -> AdmissionCard:
    """The admission card of an analyzed image, without reading the rest; raises as :func:`load_analysis` does."""
    folder = Path(folder)
    with _incomplete_reported(folder):
        return _card_of(_read_record(folder))


@contextmanager
def _incomplete_reported(folder: Path) -> Iterator[None]:
    try:
        yield
    except ResultError:
        raise
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError, MicrocalcError) as error:
        raise ResultError(
            f"“{folder.name}” is not a complete analysis ({type(error).__name__}); please analyze the image again."
        ) from error


def _read_record(folder: Path) -> dict[str, Any]:
    record: dict[str, Any] = json.loads((folder / ANALYSIS_FILE).read_text(encoding="utf-8"))
    if record["schema"] != SCHEMA:
        raise ResultError(f"The analysis “{folder.name}” was written by another version; please analyze again.")
    return record


def _card_of(record: dict[str, Any]) -> AdmissionCard:
    # results of earlier versions carry no card
    return AdmissionCard.from_dict(record["admission"]) if "admission" in record else AdmissionCard()


def _check_agreement(analysis: Analysis) -> None:
    """Refuse an analysis whose parts contradict each other; raises ResultError."""
    spacing, (rows, columns) = analysis.spacing_mm, analysis.labels.shape
    table, clusters = analysis.calcifications, analysis.clusters
    ids, owners = (table[name].to_numpy() for name in ("id", "cluster_id"))
    centers = table[["row", "column"]].to_numpy(np.float64)
    top, bottom, left, right = analysis.breast_box
    holds = {
        "its pixel spacing is impossible": len(spacing) == 2
        and all(_SMALLEST_SPACING_MM <= length <= _LARGEST_SPACING_MM for length in spacing),
        "its place in space is impossible": len(analysis.origin_lps_mm) == 3
        and len(analysis.direction_lps) == 9
        and bool(np.isfinite([*analysis.origin_lps_mm, *analysis.direction_lps]).all()),
        "the area of the breast is impossible": math.isnan(analysis.breast_area_cm2)  # not known to a scene
        or 0 <= analysis.breast_area_cm2 < _LARGEST_BREAST_CM2,
        "the breast lies outside the image": 0 <= top <= bottom <= rows and 0 <= left <= right <= columns,
        "the ids of its calcifications repeat or are no whole numbers": all(
            values.dtype.kind in "iu" or not len(values) for values in (ids, owners)
        )
        and len(np.unique(ids)) == len(ids),
        "its label map and its table do not hold the same calcifications": np.array_equal(
            np.unique(analysis.labels[analysis.labels != 0]), np.sort(ids)
        ),
        "a calcification names a cluster that there is not": set(owners) - {SINGLES} <= set(clusters["id"]),
        "a calcification lies outside the image": bool(
            ((centers >= -0.5) & (centers <= (rows - 0.5, columns - 0.5))).all()
        ),
    }
    for contradiction, agrees in holds.items():
        if not agrees:
            raise ResultError(f"The analysis contradicts itself: {contradiction}; please analyze the image again.")


def read_boxes(path: Path) -> pd.DataFrame:
    """A table of boxes as in :class:`Analysis`."""
    return read_table(path, dtype={"class": str, "cluster_ids": str}, keep_default_na=False)
