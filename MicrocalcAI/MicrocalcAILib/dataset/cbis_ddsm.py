"""CBIS-DDSM, calcification cases: DICOM images, masks of the lesions, and the two tables with the official split.

Layout: ``calc_case_description_train_set.csv`` and ``…test_set.csv``; series in folders
``Calc-Training_P_00005_RIGHT_CC`` (image) and ``Calc-Training_P_00005_RIGHT_CC_1`` (mask and crop of lesion 1), at any
depth. Which of the two files is the mask is told by its size, because the published tables mix them up. The films'
pixel spacing is not published. Lesions are outlined as regions, not as single calcifications. Lee et al., Sci Data
4:170177 (2017).
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd

from ..base.errors import MicrocalcError, ParameterError
from ..base.progress import Progress
from .dataset import Annotation, DatasetWriter
from .source_files import box_of, read_mask, read_source_table, shape_of

_SPLITS = {"train": ("calc*train*.csv",), "test": ("calc*test*.csv",)}
_COLUMNS = ("patient_id", "left or right breast", "image view", "abnormality id", "pathology", "image file path")


def import_cbis_ddsm(folder: Path, writer: DatasetWriter, progress: Progress) -> None:
    """Add the images of the calcification cases; see the module."""
    tables = []
    for split, patterns in _SPLITS.items():
        for path in sorted(path for pattern in patterns for path in folder.rglob(pattern)):
            tables.append(read_source_table(path, _COLUMNS).assign(split=split))
    if not tables:
        raise ParameterError(f"“{folder.name}” lacks the tables of CBIS-DDSM: calc_case_description_train_set.csv ….")
    table = pd.concat(tables, ignore_index=True).fillna("")
    series = _series(folder)
    groups = list(table.groupby("image file path", sort=False))
    for number, (place, lesions) in enumerate(groups):
        progress("images", number, len(groups))
        name = str(place).replace("\\", "/").partition("/")[0]
        first = lesions.iloc[0]
        try:
            path = series[name][0]
            shape = shape_of(path)
        except (KeyError, IndexError):
            writer.warn("image-missing", f"The image “{name}” of the table was not found.")
            continue
        except MicrocalcError as error:
            writer.warn("image-unreadable", f"The image “{name}” cannot be read: {error}")
            continue
        malignant = [int(word == "MALIGNANT") for word in lesions["pathology"]]
        boxes = []
        for lesion, is_malignant in zip(lesions.to_dict("records"), malignant, strict=True):
            box = _box(series.get(f"{name}_{lesion['abnormality id']}", []), shape)
            if box is None:
                writer.warn(
                    "mask-missing",
                    f"Lesion {lesion['abnormality id']} of “{name}” has no mask of its size; the image is not "
                    "annotated.",
                )
                continue
            boxes.append(box | {"group": f"lesion {lesion['abnormality id']}", "malignant": is_malignant})
        writer.add(
            path,
            Annotation(
                patient=first["patient_id"],
                laterality=first["left or right breast"][:1].upper(),
                view=first["image view"].upper(),
                spacing_mm=math.nan,
                boxes=pd.DataFrame(boxes) if len(boxes) == len(lesions) else None,
                malignant=float(max(malignant)),
                category=first.get("assessment", ""),
                split=first["split"],
            ),
            name,
        )
    progress("images", len(groups), len(groups))
    writer.warn("spacing-unknown", "The films' pixel spacing is not published; it is assumed when they are read.")


def _series(folder: Path) -> dict[str, list[Path]]:
    """DICOM files by the folder of the set that they lie below."""
    found: dict[str, list[Path]] = {}
    for path in sorted(folder.rglob("*.dcm")):
        for parent in path.relative_to(folder).parts[:-1]:
            if parent.startswith("Calc-"):
                found.setdefault(parent, []).append(path)
                break
    return found


def _box(files: list[Path], shape: tuple[int, int]) -> dict[str, float] | None:
    """Bounding box of the mask among a lesion's files: the one that has the size of the image."""
    for path in files:
        try:
            if shape_of(path) != shape:
                continue
            rows, columns = np.nonzero(read_mask(path))
        except MicrocalcError:
            continue
        if rows.size:
            return box_of([rows.min(), rows.max()], [columns.min(), columns.max()])
    return None
