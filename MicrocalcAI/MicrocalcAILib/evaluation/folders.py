"""Comparing a folder of analyses with a folder of truth, image by image."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..analysis import ANALYSIS_FILE
from ..base.errors import MicrocalcError, ParameterError, ResultError, WarningRecord
from ..base.progress import Progress, no_progress
from ..base.volumes import read_label_map
from ..dicom.marks import OPTIONAL, REQUIRED
from ..lexicon.clouds import Cloud
from ..statistics.estimate import Estimate
from .cad_documents import CadDocuments, find_documents
from .clouds import CloudMatches, cloud_overlap, match_clouds
from .cluster_marks import match_cluster_marks
from .cluster_matching import ClusterRule, match_clusters
from .figures_of_merit import figures_of_merit
from .findings import Findings
from .free_response import FALSE_CLUSTERS_PER_IMAGE, FreeResponse, free_response_curve
from .matching import Matches, MatchingRule, Region, match_calcifications
from .overlap import segmentation_overlap
from .patients import UNKNOWN, patient_of
from .predictions import AnalysisFolders, Prediction, Predictions, findings_of, image_folders
from .strata import sensitivity_by_stratum

TRUE_LABELS_FILE = "labels.nrrd"
TRUE_CALCIFICATIONS_FILE = "calcifications.csv"
TRUE_CLUSTERS_FILE = "clusters.csv"
TRUTH_FILE = "phantom.json"
TRUTH_RECORD_FILE = "truth.json"
"""Of annotated images: as ``phantom.json``, but spacing and breast area may be unknown."""


@dataclass(frozen=True)
class Evaluation:
    """How analyses compare with the truth over a set of images.

    Parameters
    ----------
    calcifications : tuple of Matches, one per image
    free_response : FreeResponse
        Of calcifications.
    clusters : tuple of Matches, one per image, or None
        None when the truth does not say which calcifications form clusters.
    cluster_free_response : FreeResponse or None
    figures_of_merit : dict
        See :func:`~.figures_of_merit.figures_of_merit`, by ``calcification`` and, where they are compared, ``cluster``.
    strata : DataFrame
        See :func:`~.strata.sensitivity_by_stratum`; the thresholds are those of all marks and of the reached operating
        points, named in the column ``at``; ``level`` is ``calcification`` or ``cluster``.
    overlap : dict
        See :func:`~.overlap.segmentation_overlap`.
    clouds : dict or None
        See :func:`~.clouds.cloud_overlap`. None when the truth does not tell clusters by kind, or what was found says
        nothing about clouds.
    settings : dict
        Rules and bootstrap settings. JSON-ready.
    warnings : tuple of WarningRecord
    """

    calcifications: tuple[Matches, ...]
    free_response: FreeResponse
    clusters: tuple[Matches, ...] | None
    cluster_free_response: FreeResponse | None
    figures_of_merit: dict[str, dict[str, Estimate]]
    strata: pd.DataFrame
    overlap: dict[str, Any]
    clouds: dict[str, Any] | None
    settings: dict[str, Any]
    warnings: tuple[WarningRecord, ...]


def evaluate_folders(
    predictions: Path,
    truth: Path,
    *,
    rule: MatchingRule | None = None,
    cluster_rule: ClusterRule | None = None,
    ignore_bright_specks: bool = False,
    patients: Mapping[str, str] | None = None,
    images: Path | None = None,
    intents: Sequence[str] = (REQUIRED, OPTIONAL),
    only: Collection[str] | None = None,
    resamples: int = 1000,
    seed: int = 0,
    progress: Progress = no_progress,
) -> Evaluation:
    """Compare what was found in every image with the truth of the same name.

    Parameters
    ----------
    predictions : Path
        Holds one folder per image as ``microcalc analyze`` writes it, or is one; or holds Mammography CAD SR documents
        of any maker, or is one.
    truth : Path
        Holds one folder per image, or is one, with ``labels.nrrd`` (pixel value = id of the calcification) and, when
        there, ``calcifications.csv`` (else the table is measured in the label map; clusters are then not compared),
        ``clusters.csv`` (``id``, ``morphology``; else clusters are not told by kind) and ``phantom.json`` with
        ``breast_area_cm2`` and ``ignore_regions`` (lists of row_min, row_max, column_min, column_max; else the
        analysis' breast area counts and nothing is ignored).
    rule, cluster_rule
        When a mark matches; the published rule when not given.
    ignore_bright_specks : bool
        Marks on specks that a real background showed before anything was inserted (``bright_specks`` of
        ``phantom.json``) count neither as true nor as false: nobody has read them.
    patients : mapping, image -> patient, optional
        Comes before the ``patient`` of ``phantom.json``, which comes before that of the analysis' provenance.
    images : Path, optional
        The DICOM images that CAD documents are about, named as the folders of their truth.
    intents : sequence of str
        Which marks of CAD documents count; see :class:`~MicrocalcAILib.dicom.marks.Mark`.
    only : collection of str, optional
        Images to compare; all by default.
    resamples, seed
        Of the bootstrap over patients.
    progress
        May cancel between images.

    Raises
    ------
    ResultError
        When there is no truth, a prediction has none, or a folder is damaged or belongs to another image.
    """
    rule, cluster_rule = rule or MatchingRule(), cluster_rule or ClusterRule()
    true_folders = _true_folders(Path(truth))
    found = _find_predictions(Path(predictions), images, list(true_folders), intents)
    doubts = _pairing_doubts(found, true_folders, only)
    if only is not None:
        true_folders = {name: folder for name, folder in true_folders.items() if name in only}
    warnings = [*found.warnings, *doubts]
    calcifications: list[Matches] = []
    clusters: list[Matches] | None = []
    clouds: list[CloudMatches] = []
    for done, (name, true_folder) in enumerate(true_folders.items()):
        progress("Comparing images", done, len(true_folders))
        image = _read_image(name, found, true_folder, ignore_bright_specks)
        try:
            matches = match_calcifications(
                image.predicted,
                image.truth,
                image.spacing_mm,
                rule,
                image=name,
                patient=(patients or {}).get(name) or image.patient,
                breast_area_cm2=image.breast_area_cm2,
                ignore_regions=image.ignore_regions,
            )
        except ParameterError as error:
            raise ResultError(f"Image “{name}” cannot be compared: {error}") from error
        calcifications.append(matches)
        if "cluster_id" not in image.truth.calcifications:
            clusters = None
        if clusters is not None:
            clusters.append(_match_clusters(matches, image, cluster_rule))
            if image.clouds is not None and image.cluster_morphologies is not None:
                kinds = image.cluster_morphologies
                named = {"image": name, "patient": matches.patient}
                clouds.append(match_clouds(image.clouds, image.truth, kinds, image.spacing_mm, **named))
    progress("Comparing images", len(true_folders), len(true_folders))
    if clusters is None:
        warnings.append(WarningRecord("clusters-unknown", "The truth does not name clusters; they are not compared."))
    if len(true_folders) < 2:
        warnings.append(WarningRecord("one-image", "A single image gives no confidence intervals."))

    if len(true_folders) > 1 and not any(match.patient for match in calcifications):
        warnings.append(UNKNOWN)

    bootstrap = {"resamples": resamples, "seed": seed}
    figures = {"calcification": figures_of_merit(calcifications, resamples=resamples, seed=seed)}
    free_response = free_response_curve(calcifications, resamples=resamples, seed=seed)
    strata = [_strata(calcifications, free_response, resamples, seed).assign(level="calcification")]
    cluster_free_response = None
    if clusters is not None:
        figures["cluster"] = figures_of_merit(clusters, resamples=resamples, seed=seed)
        cluster_free_response = free_response_curve(
            clusters,
            false_per_image=FALSE_CLUSTERS_PER_IMAGE,
            false_per_cm2=(),
            resamples=resamples,
            seed=seed,
        )
        strata.append(_strata(clusters, cluster_free_response, resamples, seed).assign(level="cluster"))
    return Evaluation(
        calcifications=tuple(calcifications),
        free_response=free_response,
        clusters=tuple(clusters) if clusters is not None else None,
        cluster_free_response=cluster_free_response,
        figures_of_merit=figures,
        strata=pd.concat(strata, ignore_index=True),
        overlap=segmentation_overlap(calcifications, resamples=resamples, seed=seed),
        clouds=cloud_overlap(clouds, resamples=resamples, seed=seed) if len(clouds) == len(true_folders) else None,
        settings={
            "rule": vars(rule),
            "cluster_rule": vars(cluster_rule),
            "ignore_bright_specks": ignore_bright_specks,
            "bootstrap_over_patients": bootstrap,
        },
        warnings=tuple(warnings),
    )


@dataclass(frozen=True)
class _Image:
    predicted: Findings
    truth: Findings
    spacing_mm: tuple[float, float]
    breast_area_cm2: float
    ignore_regions: Sequence[Region]
    patient: str
    cluster_marks: pd.DataFrame | None
    cluster_morphologies: pd.Series | None
    clouds: tuple[Cloud, ...] | None


def _true_folders(truth: Path) -> dict[str, Path]:
    """Folder of the truth of every image, in the order of their names."""
    if (truth / TRUE_LABELS_FILE).is_file():
        return {truth.resolve().name: truth}
    folders = image_folders(truth, TRUE_LABELS_FILE)
    if not folders:
        raise ResultError(f"The truth folder holds no image; each image needs a folder with “{TRUE_LABELS_FILE}”.")
    return dict(sorted(folders.items()))


def _find_predictions(
    path: Path, images: Path | None, true_names: Sequence[str], intents: Sequence[str]
) -> Predictions:
    """Analyses or CAD documents, whichever there are; a single analysis is of the only image, whatever its name."""
    if (path / ANALYSIS_FILE).is_file() and len(true_names) == 1:
        return AnalysisFolders({true_names[0]: path})
    folders = image_folders(path, ANALYSIS_FILE) if path.is_dir() else {}
    documents = [] if folders else find_documents(path)
    if documents:
        if images is None:
            raise ParameterError("CAD documents name images by their UIDs; give the DICOM images too (--images).")
        return CadDocuments(documents, images, intents)
    return AnalysisFolders(folders or image_folders(path, ANALYSIS_FILE))


def _pairing_doubts(
    found: Predictions, true_folders: Mapping[str, Path], only: Collection[str] | None
) -> list[WarningRecord]:
    without_truth = sorted(set(found.names) - true_folders.keys())
    if without_truth:
        raise ResultError(
            f"There is no truth for {len(without_truth)} analyzed image(s), the first is “{without_truth[0]}”; "
            "add their truth or take them out of the predictions."
        )
    return [
        WarningRecord("prediction-missing", f"Image “{name}” has no analysis and counts as nothing found.")
        for name in sorted(true_folders.keys() - set(found.names))
        if only is None or name in only
    ]


def _match_clusters(matches: Matches, image: _Image, rule: ClusterRule) -> Matches:
    """By their members, or by their places where they are marked by themselves."""
    if image.cluster_marks is not None:
        found = match_cluster_marks(
            matches,
            image.cluster_marks,
            image.truth,
            image.spacing_mm,
            rule.margin_mm,
            ignore_regions=image.ignore_regions,
        )
    else:
        found = match_clusters(
            matches, image.predicted, image.truth, image.spacing_mm, rule, ignore_regions=image.ignore_regions
        )
    if image.cluster_morphologies is not None:
        found.truths["morphology"] = found.truths["id"].map(image.cluster_morphologies)
    return found


def _read_image(name: str, found: Predictions, true_folder: Path, ignore_bright_specks: bool) -> _Image:
    try:
        true_labels = read_label_map(true_folder / TRUE_LABELS_FILE)
        files = [true_folder / name for name in (TRUTH_FILE, TRUTH_RECORD_FILE) if (true_folder / name).is_file()]
        record = json.loads(files[0].read_text(encoding="utf-8")) if files else {}
        table_file = true_folder / TRUE_CALCIFICATIONS_FILE
        table = pd.read_csv(table_file) if table_file.is_file() else None
        clusters_file, morphologies = true_folder / TRUE_CLUSTERS_FILE, None
        if clusters_file.is_file():
            clusters = pd.read_csv(clusters_file)
            morphologies = clusters.set_index("id")["morphology"] if "morphology" in clusters else None
        if files and files[0].name == TRUTH_FILE and not {"spacing_mm", "breast_area_cm2"} <= record.keys():
            raise KeyError("spacing_mm")
        spacing_mm = _spacing(record["spacing_mm"]) if record.get("spacing_mm") else None
        breast_area_cm2 = float(record["breast_area_cm2"]) if "breast_area_cm2" in record else None
        ignored = [
            *record.get("ignore_regions", []),
            *(record.get("bright_specks", []) if ignore_bright_specks else []),
        ]
        ignore_regions = [_region(region) for region in ignored]
        patient = patient_of(record)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError, MicrocalcError) as error:
        raise ResultError(f"The truth of image “{name}” is damaged or incomplete ({type(error).__name__}).") from error

    predicted = Findings.from_labels(np.zeros_like(true_labels), (1.0, 1.0))
    prediction: Prediction | None = None
    if name in found.names:
        prediction = found.read(name, true_labels.shape)
        if spacing_mm is not None and not np.allclose(prediction.spacing_mm, spacing_mm, rtol=1e-3):
            raise ResultError(
                f"Image “{name}” was analyzed with a pixel spacing of {prediction.spacing_mm} mm, but its truth has "
                f"{spacing_mm} mm; correct the one that is wrong."
            )
        spacing_mm = spacing_mm or prediction.spacing_mm
        breast_area_cm2 = breast_area_cm2 or prediction.breast_area_cm2
        predicted = prediction.findings
        patient = patient or prediction.patient
    if spacing_mm is None or breast_area_cm2 is None:
        raise ResultError(f"Image “{name}” has no analysis, and no “{TRUTH_FILE}” that says how large its breast is.")
    if table is None:
        truth = Findings.from_labels(true_labels, spacing_mm)
    else:
        truth = findings_of(name, "truth", table, true_labels)
    marks = None if prediction is None else prediction.cluster_marks
    clouds = () if prediction is None else prediction.clouds
    return _Image(predicted, truth, spacing_mm, breast_area_cm2, ignore_regions, patient, marks, morphologies, clouds)


def _spacing(value: Any) -> tuple[float, float]:
    between_rows, between_columns = map(float, value)
    return between_rows, between_columns


def _region(value: Any) -> Region:
    row_min, row_max, column_min, column_max = map(float, value)
    return row_min, row_max, column_min, column_max


def _strata(matches: Sequence[Matches], free_response: FreeResponse, resamples: int, seed: int) -> pd.DataFrame:
    points = free_response.operating_points
    points = points[points["reached"]]
    tables = []
    for per, rate, threshold in points[["per", "false_marks", "threshold"]].itertuples(index=False):
        at = per if np.isnan(rate) else f"{rate:g} false marks per {per}"
        table = sensitivity_by_stratum(matches, threshold, resamples=resamples, seed=seed)
        tables.append(table.assign(at=at))
    return pd.concat(tables, ignore_index=True)
