"""BMCD: recent and prior mammograms of both views, with a picture of every single calcification.

Layout: ``Dataset/Normal_cases/<number>/`` and ``Dataset/Suspicious_cases/<number>/`` with ``CC_recent.dcm``,
``CC_prior.dcm``, ``MLO_recent.dcm``, ``MLO_prior.dcm``, beside each the picture of its annotation (the same beginning
of the name, any further word, PNG, TIFF, BMP or DICOM); and a table ``*.xlsx`` with the folder's number, BI-RADS and,
for some, the biopsy. Pictures of another size than their mammogram are left out, with a warning. Loizidou et al.,
Zenodo 5036062 (2021).
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd

from ..base.errors import MicrocalcError, ParameterError
from ..base.parameters import ClusterParameters
from ..base.progress import Progress
from ..evaluation.findings import Findings
from ..reading.reader import read_mammogram
from ..segmentation.clusters import group
from .dataset import Annotation, DatasetWriter
from .source_files import parts_of, read_mask

_PICTURES = (".png", ".tif", ".tiff", ".bmp", ".jpg", ".jpeg", ".dcm")
_OUTCOMES = {"malignant": 1.0, "benign": 0.0}


def import_bmcd(folder: Path, writer: DatasetWriter, progress: Progress) -> None:
    """Add the images of BMCD; see the module."""
    images = [
        path
        for path in sorted(folder.rglob("*.dcm"))
        if path.stem.lower() in {f"{view}_{time}" for view in ("cc", "mlo") for time in ("recent", "prior")}
    ]
    if not images:
        raise ParameterError(f"“{folder.name}” lacks the images of BMCD: “Dataset/Normal_cases/1/CC_recent.dcm” ….")
    outcomes = _outcomes(folder)
    for number, path in enumerate(images):
        progress("images", number, len(images))
        kind, case = path.parent.parent.name, path.parent.name
        is_suspicious = kind.lower().startswith("s")
        patient = f"{'suspicious' if is_suspicious else 'normal'}-{case}"
        view, time = path.stem.split("_")
        try:
            mammogram = read_mammogram(path)
        except MicrocalcError as error:
            writer.warn("image-unreadable", f"The image “{path.stem}” of “{patient}” cannot be read: {error}")
            continue
        labels = _labels(path, patient, mammogram.pixels.shape, writer)
        spacing_mm = float(mammogram.spacing_mm[0])
        writer.add(
            path,
            Annotation(
                patient=patient,
                laterality=mammogram.laterality or "",
                view=view.upper(),
                spacing_mm=spacing_mm,
                labels=labels,
                cluster_of={} if labels is None else clusters_by_rule(labels, (spacing_mm, spacing_mm)),
                malignant=outcomes.get((is_suspicious, case), math.nan) if time.lower() == "recent" else math.nan,
            ),
            f"{patient}_{path.stem}",
        )
    progress("images", len(images), len(images))


def clusters_by_rule(labels: np.ndarray, spacing_mm: tuple[float, float]) -> dict[int, int]:
    """Which cluster each outlined calcification is in, by the rule of the analysis; singles are left out."""
    found = Findings.from_labels(labels, spacing_mm)
    numbers = group(found.centers_mm(spacing_mm), np.ones(len(found.ids)), ClusterParameters())
    return {int(label): int(number) for label, number in zip(found.ids, numbers, strict=True) if number}


def _labels(path: Path, patient: str, shape: tuple[int, ...], writer: DatasetWriter) -> np.ndarray | None:
    """The single calcifications of an image; None when their picture is missing or of another size."""
    beside = [
        other
        for other in sorted(path.parent.iterdir())
        if other != path and other.suffix.lower() in _PICTURES and other.stem.lower().startswith(path.stem.lower())
    ]
    for other in beside:
        try:
            mask = read_mask(other)
        except MicrocalcError:
            continue
        if mask.shape == shape:
            return parts_of(mask)
    what = "of another size" if beside else "missing"
    writer.warn("annotation-missing", f"The annotation of “{path.stem}” of “{patient}” is {what}.")
    return None


def _outcomes(folder: Path) -> dict[tuple[bool, str], float]:
    """Outcome of the biopsy by kind and number of the case, where the table says it."""
    found: dict[tuple[bool, str], float] = {}
    for path in sorted(folder.rglob("*.xlsx")):
        try:
            sheets = pd.read_excel(path, sheet_name=None, header=None, dtype=str)
        except (OSError, ValueError) as error:
            raise ParameterError(f"The table “{path.name}” cannot be read ({type(error).__name__}).") from error
        for sheet, table in sheets.items():
            for cells in table.fillna("").to_numpy(str):
                words = {word for cell in cells for word in _OUTCOMES if word in cell.lower()}
                if cells[0].strip().isdigit() and len(words) == 1:
                    found[(str(sheet).lower().startswith("s"), cells[0].strip())] = _OUTCOMES[words.pop()]
    return found
