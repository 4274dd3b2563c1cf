"""A DICOM mammogram with its results in a folder, made without running the analysis: everything about them is known."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from dicom_samples import breast_picture, mammogram_dataset, saved
from MicrocalcAILib.analysis import Analysis, save_analysis
from MicrocalcAILib.base.provenance import provenance, sha256_of_file
from MicrocalcAILib.export.results import OVERLAY_FILE
from MicrocalcAILib.networks.heatmap import Heatmap
from MicrocalcAILib.segmentation.tables import describe_clusters

ROWS, COLUMNS, SPACING_MM = 120, 100, 0.07
# id, cluster (0: single), first row, row after the last, first column, column after the last
CALCIFICATIONS = ((1, 1, 20, 23, 10, 12), (2, 1, 30, 32, 20, 23), (3, 1, 25, 26, 15, 16), (7, 0, 80, 82, 5, 7))


def analysis_of(image: Path, found: tuple[tuple[int, ...], ...] = CALCIFICATIONS) -> Analysis:
    """Calcifications at stated places, as the pipeline would describe them."""
    labels = np.zeros((ROWS, COLUMNS), np.int32)
    rows = []
    for identifier, cluster, top, bottom, left, right in found:
        labels[top:bottom, left:right] = identifier
        row, column = (top + bottom - 1) / 2, (left + right - 1) / 2
        place = {"row": row, "column": column, "x_mm": column * SPACING_MM, "y_mm": row * SPACING_MM}
        box = {"row_min": top, "row_max": bottom - 1, "column_min": left, "column_max": right - 1}
        area = (bottom - top) * (right - left) * SPACING_MM**2
        rows.append({"id": identifier, "cluster_id": cluster, **place, **box, "area_mm2": area, "probability": 0.8})
    columns = ["id", "cluster_id", "row", "column", "x_mm", "y_mm", "row_min", "row_max", "column_min", "column_max"]
    table = pd.DataFrame(rows, columns=[*columns, "area_mm2", "probability"]).assign(
        in_pectoral_muscle=False, contrast_to_noise=4.0
    )
    clusters = describe_clusters(table, (SPACING_MM, SPACING_MM))
    if len(clusters):
        clusters = clusters.assign(morphology="amorphous", distribution="grouped", descriptor_risk=0.25)
    return Analysis(
        labels=labels,
        calcifications=table,
        clusters=clusters,
        spacing_mm=(SPACING_MM, SPACING_MM),
        breast_area_cm2=0.4,
        words=tuple({"cluster_id": int(identifier)} for identifier in clusters["id"]),
        provenance=provenance(source={"sha256": sha256_of_file(image)}, laterality="L", view="CC", selector={}),
    )


def heatmap() -> Heatmap:
    """Cells of one millimeter, one of them likely."""
    probabilities = np.full((4, 3), 0.1, np.float32)
    probabilities[1, 2] = 0.9
    return Heatmap("detection", probabilities, (1.0, 1.0), (2.0, 3.0), 1.0)


def results(folder: Path, found: tuple[tuple[int, ...], ...] = CALCIFICATIONS, **attributes: Any) -> tuple[Path, Path]:
    """A DICOM image and the folder of its results."""
    image = saved(mammogram_dataset(breast_picture(), 12, **attributes), folder)
    return results_of(image, folder / "results", found), image


def results_of(image: Path, folder: Path, found: tuple[tuple[int, ...], ...] = CALCIFICATIONS) -> Path:
    """The folder of an image's results."""
    folder.mkdir()
    save_analysis(dataclasses.replace(analysis_of(image, found), heatmaps=(heatmap(),)), folder)
    Image.fromarray(np.full((40, 31, 3), 90, np.uint8)).save(folder / OVERLAY_FILE)
    return folder


def exam(folder: Path, **second: Any) -> tuple[list[Path], list[Path]]:
    """Results and images of two views of a study; ``second`` replaces attributes of the second image."""
    folder.mkdir(exist_ok=True)
    first = mammogram_dataset(breast_picture(), 12)
    shared = {"StudyInstanceUID": first.StudyInstanceUID, "SeriesInstanceUID": first.SeriesInstanceUID}
    other = mammogram_dataset(breast_picture("right"), 12, ImageLaterality="R", **{**shared, **second})
    images = [saved(first, folder, "left.dcm"), saved(other, folder, "right.dcm")]
    found = (CALCIFICATIONS, CALCIFICATIONS[3:])
    return [results_of(image, folder / image.stem, some) for image, some in zip(images, found, strict=True)], images
