"""VinDr-Mammo (boxes of findings) and CMMD (outcome of each breast): images with tables, no single calcifications."""

from __future__ import annotations

import math
from pathlib import Path

import pandas as pd

from ..base.errors import MicrocalcError
from ..base.progress import Progress
from ..reading.reader import read_mammogram
from .dataset import Annotation, DatasetWriter
from .source_files import find_table, read_source_table

_CALCIFICATION = "calcification"
_SPLITS = {"training": "train", "test": "test"}


def import_vindr(folder: Path, writer: DatasetWriter, progress: Progress) -> None:
    """Add the images of VinDr-Mammo with boxes of suspicious calcifications and the official split.

    Layout: ``finding_annotations.csv`` and ``images/<study>/<image>.dicom``. There is no histology. Nguyen et al., Sci
    Data 10:277 (2023).
    """
    columns = ("study_id", "image_id", "laterality", "view_position", "finding_categories", "split")
    table = read_source_table(
        find_table(folder, ("finding_annotations.csv",), "the findings of VinDr-Mammo"),
        (*columns, "xmin", "ymin", "xmax", "ymax"),
    )
    files = {path.stem: path for path in sorted(folder.rglob("*")) if path.suffix.lower() in (".dicom", ".dcm")}
    groups = list(table.groupby("image_id", sort=False))
    for number, (image_id, findings) in enumerate(groups):
        progress("images", number, len(groups))
        path, first = files.get(str(image_id)), findings.iloc[0]
        if path is None:
            writer.warn("image-missing", f"The image “{image_id}” of the table was not found.")
            continue
        own = findings[findings["finding_categories"].str.lower().str.contains(_CALCIFICATION)]
        own = own[own["xmin"] != ""]
        boxes = pd.DataFrame(
            {
                "row_min": own["ymin"].astype(float),
                "row_max": own["ymax"].astype(float),
                "column_min": own["xmin"].astype(float),
                "column_max": own["xmax"].astype(float),
                "group": [f"finding {index}" for index in range(1, len(own) + 1)],
            }
        )
        writer.add(
            path,
            Annotation(
                patient=first["study_id"],
                laterality=first["laterality"][:1].upper(),
                view=first["view_position"].upper(),
                boxes=boxes,
                category=first.get("breast_birads", "").replace("BI-RADS ", ""),
                split=_SPLITS.get(first["split"].lower(), first["split"].lower()),
            ),
            str(image_id),
        )
    progress("images", len(groups), len(groups))


def import_cmmd(folder: Path, writer: DatasetWriter, progress: Progress) -> None:
    """Add the images of CMMD with the outcome of each breast.

    Layout: ``CMMD_clinicaldata_revision.xlsx`` (or .csv: ID1, LeftRight, abnormality, classification) and folders of
    DICOM files below one named as the patient, ``D1-0001``. Breasts without calcifications in the table's
    ``abnormality`` are left out. Side and view are the files'. Cui et al., TCIA (2021).
    """
    path = find_table(folder, ("CMMD_clinicaldata*.xlsx", "CMMD_clinicaldata*.csv"), "the clinical data of CMMD")
    separator = ";" if path.suffix == ".csv" and ";" in path.read_text("utf-8-sig").partition("\n")[0] else ","
    table = read_source_table(path, ("id1", "leftright", "abnormality", "classification"), separator)
    files: dict[str, list[Path]] = {}
    for file in sorted(folder.rglob("*.dcm")):
        for part in file.relative_to(folder).parts[:-1]:
            files.setdefault(part, []).append(file)
    breasts = {(row["id1"], row["leftright"][:1].upper()): row for row in table.to_dict("records")}
    patients = sorted({patient for patient, _side in breasts})
    for number, patient in enumerate(patients):
        progress("patients", number, len(patients))
        if patient not in files:
            writer.warn("image-missing", f"The images of “{patient}” in the table were not found.")
        for file in files.get(patient, []):
            try:
                mammogram = read_mammogram(file)
            except MicrocalcError as error:
                writer.warn("image-unreadable", f"An image of “{patient}” cannot be read: {error}")
                continue
            row = breasts.get((patient, mammogram.laterality or ""))
            if row is None or not (
                _CALCIFICATION in row["abnormality"].lower() or row["abnormality"].lower() == "both"
            ):
                continue
            outcome = {"malignant": 1.0, "benign": 0.0}.get(row["classification"].lower(), math.nan)
            side, view = mammogram.laterality or "", mammogram.view or ""
            writer.add(file, Annotation(patient, side, view, malignant=outcome), f"{patient}_{side}_{view}".strip("_"))
    progress("patients", len(patients), len(patients))
