"""Own annotated images: the tables that training reads, and folders of ``microcalc phantom``."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pandas as pd

from ..base.errors import MicrocalcError, ParameterError
from ..base.progress import Progress
from ..base.tables import read_table
from ..base.volumes import read_label_map
from ..evaluation.patients import patient_of
from .bmcd import clusters_by_rule
from .dataset import BOX, BOXES_FILE, IMAGES_FILE, Annotation, DatasetWriter

_TEXTS = ("image", "patient", "labels", "split", "laterality", "view", "category")


def import_own_tables(folder: Path, writer: DatasetWriter, progress: Progress) -> None:
    """Add the images of a folder with ``images.csv`` and, where there are no label maps, ``annotations.csv``.

    Columns as in :func:`~MicrocalcAILib.training.annotations.read_annotated_images`; ``laterality``, ``view`` and
    ``category`` besides, where they are known.
    """
    try:
        table = read_table(folder / IMAGES_FILE, dtype=dict.fromkeys(_TEXTS, str))
        boxes = pd.DataFrame({"image": []})
        if (folder / BOXES_FILE).is_file():
            boxes = read_table(folder / BOXES_FILE, dtype={"image": str, "group": str})
    except (OSError, ValueError) as error:
        raise ParameterError(f"“{folder.name}” lacks its tables, or one cannot be read: {error}.") from error
    for column in ("image", "patient"):
        if column not in table or table[column].isna().any():
            raise ParameterError(f"Every row of “{IMAGES_FILE}” needs “{column}”.")
    for number, row in enumerate(table.to_dict("records")):
        progress("images", number, len(table))
        text = {name: row[name] if isinstance(row.get(name), str) else "" for name in _TEXTS}
        spacing_mm = float(row.get("spacing_mm", math.nan))
        labels = None
        if text["labels"]:
            try:
                labels = read_label_map(folder / text["labels"])
            except MicrocalcError as error:
                raise ParameterError(f"The label map “{text['labels']}” cannot be read: {error}") from error
        known = 0.07 if math.isnan(spacing_mm) else spacing_mm
        own = boxes[boxes["image"] == row["image"]]
        if set(BOX) - set(own) and len(own):
            own = own.assign(**{f"{axis}_{end}": own[axis] for axis in ("row", "column") for end in ("min", "max")})
        writer.add(
            folder / row["image"],
            Annotation(
                patient=text["patient"],
                laterality=text["laterality"],
                view=text["view"],
                spacing_mm=spacing_mm,
                labels=labels,
                cluster_of={} if labels is None else clusters_by_rule(labels, (known, known)),
                boxes=own if len(own) or row.get("malignant") != 1 else None,  # malignant, but nobody said where
                malignant=float(row.get("malignant", math.nan)),
                category=text["category"],
                split=text["split"],
            ),
        )
    progress("images", len(table), len(table))


def import_phantoms(folder: Path, writer: DatasetWriter, progress: Progress) -> None:
    """Add the images of a folder that ``microcalc phantom`` wrote; those on one background are one patient's."""
    truths = sorted(path for path in (folder / "truth").glob("*") if (path / "phantom.json").is_file())
    for number, truth in enumerate(truths):
        progress("images", number, len(truths))
        places = (folder / "nrrd" / f"{truth.name}.nrrd", folder / "dicom" / f"{truth.name}.dcm")
        path = next((place for place in places if place.is_file()), None)
        if path is None:
            raise ParameterError(f"The phantom “{truth.name}” has a truth but no image; simulate it again.")
        try:
            record = json.loads((truth / "phantom.json").read_text(encoding="utf-8"))
            labels, table = read_label_map(truth / "labels.nrrd"), read_table(truth / "calcifications.csv")
            spacing_mm = float(record["spacing_mm"][0])
        except (OSError, ValueError, KeyError, MicrocalcError) as error:
            raise ParameterError(f"The truth of “{truth.name}” cannot be read; simulate it again.") from error
        kept = np.isin(table["id"], np.unique(labels))
        members = table[kept & (table["cluster_id"] > 0)]
        writer.add(
            path,
            Annotation(
                patient=patient_of(record) or f"{record['background']['kind']} {record['seed']}",
                spacing_mm=spacing_mm,
                labels=labels,
                clusters=read_table(truth / "clusters.csv"),
                cluster_of=dict(zip(members["id"].astype(int), members["cluster_id"].astype(int), strict=True)),
            ),
            truth.name,
        )
    progress("images", len(truths), len(truths))
