"""The form of a dataset: a folder with ``images.csv``, one folder of truth per image, and a record of its source.

Images stay where they are, named by path and digest, unless they are copied. The tables are those that training reads
(``training.annotations``); a folder of truth is what evaluation reads.
"""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..base.errors import ParameterError, ResultError, WarningRecord
from ..base.files import folder_replaced_on_success
from ..base.parameters import ReadingParameters
from ..base.provenance import provenance, sha256_of_file
from ..base.tables import read_table, write_table
from ..base.volumes import read_label_map, write_volume
from ..evaluation.findings import Findings
from ..evaluation.folders import TRUE_CALCIFICATIONS_FILE, TRUE_LABELS_FILE, TRUTH_RECORD_FILE
from ..reading.mammogram import Mammogram
from ..reading.reader import read_mammogram

RECORD_FILE, IMAGES_FILE, BOXES_FILE = "dataset.json", "images.csv", "annotations.csv"
TRUTH_FOLDER, CLUSTERS_FILE = "truth", "clusters.csv"
SCHEMA = 2
OUTLINES, BOXES, NOT_ANNOTATED = "outlines", "boxes", ""
"""What is known of where an image's calcifications are."""
BOX = ("row_min", "row_max", "column_min", "column_max")
_TEXTS = ("name", "image", "sha256", "patient", "laterality", "view", "labels", "category", "split", "annotation")


@dataclass(frozen=True)
class Annotation:
    """What is known of an image.

    Parameters
    ----------
    patient : str
    laterality, view : str
        Empty when not known.
    spacing_mm : float
        NaN: what the file says.
    labels : int array, shape (rows, columns), or None
        Every single calcification; None when they were not outlined. All zeros: there is none.
    clusters : DataFrame or None
        Of outlined calcifications: ``id``, and what is known of each: ``malignant``, ``morphology``, ….
    cluster_of : mapping, label -> cluster id
        0 or not there: single.
    boxes : DataFrame or None
        Lesions that are only boxed: :data:`BOX` and optionally ``group``, ``malignant``. Without rows: there is none.
        None, without labels: nobody said where the calcifications are.
    malignant : float
        1, 0 or NaN, of the whole image or breast.
    category : str
        BI-RADS.
    split : str
        ``train``, ``validation``, ``test`` or empty: the publisher's.
    ignore_regions : sequence of (row_min, row_max, column_min, column_max)
        Where nothing is known.
    """

    patient: str
    laterality: str = ""
    view: str = ""
    spacing_mm: float = math.nan
    labels: NDArray[np.integer] | None = None
    clusters: pd.DataFrame | None = None
    cluster_of: Mapping[int, int] = field(default_factory=dict)
    boxes: pd.DataFrame | None = None
    malignant: float = math.nan
    category: str = ""
    split: str = ""
    ignore_regions: Sequence[Sequence[float]] = ()


@dataclass(frozen=True)
class DatasetImage:
    """One image of a dataset; see :class:`Annotation`.

    ``path`` is where it was, ``truth`` its folder or None, ``annotation`` :data:`OUTLINES`, :data:`BOXES` or
    :data:`NOT_ANNOTATED`.
    """

    name: str
    path: Path
    sha256: str
    patient: str
    laterality: str
    view: str
    spacing_mm: float | None
    malignant: float
    category: str
    split: str
    annotation: str
    truth: Path | None

    def labels(self) -> NDArray[np.int32]:
        """The outlined calcifications; ResultError when they are not known."""
        if self.truth is None:
            raise ResultError(f"The calcifications of “{self.name}” are not outlined one by one.")
        return read_label_map(self.truth / TRUE_LABELS_FILE)

    def ignore_regions(self) -> list[tuple[float, float, float, float]]:
        """Where nothing is known."""
        if self.truth is None:
            return []
        record = json.loads((self.truth / TRUTH_RECORD_FILE).read_text(encoding="utf-8"))
        return [(float(a), float(b), float(c), float(d)) for a, b, c, d in record["ignore_regions"]]


@dataclass(frozen=True)
class Dataset:
    """A dataset; ``boxes`` has one row per boxed lesion, with the ``name`` of its image."""

    folder: Path
    record: dict[str, Any]
    images: tuple[DatasetImage, ...]
    boxes: pd.DataFrame

    @property
    def outlined(self) -> tuple[DatasetImage, ...]:
        """The images whose calcifications are outlined one by one."""
        return tuple(image for image in self.images if image.truth is not None)

    @property
    def annotated(self) -> tuple[DatasetImage, ...]:
        """The images of which it is known where their calcifications are, or that there are none."""
        return tuple(image for image in self.images if image.annotation)


class DatasetWriter:
    """Adds images to a dataset that is being written; see :func:`written_dataset`."""

    def __init__(self, folder: Path, target: Path, copies_images: bool) -> None:
        self._folder, self._target, self._copies = folder, target, copies_images
        self._rows: list[dict[str, Any]] = []
        self._boxes: list[pd.DataFrame] = []
        self.warnings: list[WarningRecord] = []

    def __len__(self) -> int:
        return len(self._rows)

    def add(self, path: Path, annotation: Annotation, name: str = "") -> str:
        """Add an image; return its name in the dataset: as given, or its file's, with a number when it is taken."""
        path = Path(path)
        name = self._free(name or path.name.partition(".")[0] or "image")
        image = str(path.resolve())
        if self._copies:
            (self._folder / "images").mkdir(exist_ok=True)
            image = f"images/{name}{''.join(path.suffixes[-1:])}"
            shutil.copy2(path, self._folder / image)
        elif path.resolve().is_relative_to(self._target.resolve()):
            image = path.resolve().relative_to(self._target.resolve()).as_posix()
        row = {
            "name": name,
            "image": image,
            "sha256": sha256_of_file(path),
            "patient": annotation.patient,
            "laterality": annotation.laterality,
            "view": annotation.view,
            "spacing_mm": annotation.spacing_mm,
            "labels": "",
            "malignant": annotation.malignant,
            "category": annotation.category,
            "split": annotation.split,
            "annotation": NOT_ANNOTATED if annotation.boxes is None else BOXES,
        }
        if annotation.labels is not None:
            self._write_truth(name, annotation)
            row["labels"] = f"{TRUTH_FOLDER}/{name}/{TRUE_LABELS_FILE}"
            row["annotation"] = OUTLINES
        if annotation.boxes is not None and len(annotation.boxes):
            self._boxes.append(annotation.boxes.assign(image=image, name=name))
        self._rows.append(row)
        return name

    def write_beside(self, name: str, table: pd.DataFrame) -> None:
        """Write a table of one's own into the dataset's folder."""
        write_table(table, self._folder / name)

    def warn(self, code: str, message: str) -> None:
        """Keep a doubt with the dataset."""
        self.warnings.append(WarningRecord(code, message))

    def finish(self, kind: str, details: Mapping[str, Any]) -> None:
        """Write tables and record."""
        if not self._rows:
            reasons = " ".join(warning.message for warning in self.warnings)
            raise ResultError(f"No image was found for the dataset; nothing was written. {reasons}".strip())
        write_table(pd.DataFrame(self._rows), self._folder / IMAGES_FILE)
        if self._boxes:
            write_table(pd.concat(self._boxes, ignore_index=True), self._folder / BOXES_FILE)
        record = {
            "schema": SCHEMA,
            "kind": kind,
            **details,
            "images": len(self._rows),
            "patients": len({row["patient"] for row in self._rows}),
            "warnings": [vars(warning) for warning in self.warnings],
            "provenance": provenance(),
        }
        text = json.dumps(record, indent=2, ensure_ascii=False) + "\n"
        (self._folder / RECORD_FILE).write_text(text, encoding="utf-8")

    def _write_truth(self, name: str, annotation: Annotation) -> None:
        folder = self._folder / TRUTH_FOLDER / name
        folder.mkdir(parents=True)
        spacing = annotation.spacing_mm
        known = (1.0, 1.0) if math.isnan(spacing) else (spacing, spacing)
        labels = np.asarray(annotation.labels).astype(np.uint32)
        write_volume(labels, known, (0.0, 0.0, 0.0), (1, 0, 0, 0, 1, 0, 0, 0, 1), folder / TRUE_LABELS_FILE)
        table = Findings.from_labels(labels, known).calcifications
        table.insert(1, "cluster_id", [annotation.cluster_of.get(label, 0) for label in table["id"]])
        write_table(table, folder / TRUE_CALCIFICATIONS_FILE, float_format="%.7g")
        if annotation.clusters is not None:
            write_table(annotation.clusters, folder / CLUSTERS_FILE)
        record = {
            "patient": annotation.patient,
            "spacing_mm": None if math.isnan(spacing) else [spacing, spacing],
            "ignore_regions": [[float(edge) for edge in region] for region in annotation.ignore_regions],
        }
        (folder / TRUTH_RECORD_FILE).write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")

    def _free(self, name: str) -> str:
        taken = {row["name"].casefold() for row in self._rows}
        free, number = name, 1
        while free.casefold() in taken:
            number += 1
            free = f"{name}-{number}"
        return free


@contextmanager
def written_dataset(
    folder: Path, kind: str, details: Mapping[str, Any] | None = None, copies_images: bool = False
) -> Iterator[DatasetWriter]:
    """Write a dataset; it takes the place of an earlier one when the block succeeds.

    Parameters
    ----------
    folder : Path
    kind : str
        Where it comes from: ``inbreast``, ``results`` …
    details : mapping, optional
        JSON-ready; goes into the record.
    copies_images : bool
        Whether images are copied into the dataset, or named by their path.

    Raises
    ------
    ResultError
        When no image was added, or the place holds something else.
    """
    with folder_replaced_on_success(Path(folder), RECORD_FILE) as temporary:
        writer = DatasetWriter(temporary, Path(folder), copies_images)
        yield writer
        writer.finish(kind, details or {})


def read_dataset(folder: Path, split: str = "") -> Dataset:
    """Read a dataset, or the images of one split.

    Raises
    ------
    ParameterError
        When the folder is none, is damaged, or has no image of the split.
    """
    folder = Path(folder)
    try:
        record = json.loads((folder / RECORD_FILE).read_text(encoding="utf-8"))
        if record["schema"] != SCHEMA:
            raise ParameterError(f"The dataset “{folder.name}” was made for another version; import it again.")
        table = read_table(folder / IMAGES_FILE, dtype=dict.fromkeys(_TEXTS, str))
        images = tuple(_image_of(folder, row) for row in table.to_dict("records"))
        boxes = pd.DataFrame(columns=["name", *BOX])
        if (folder / BOXES_FILE).is_file():
            boxes = read_table(folder / BOXES_FILE, dtype={"name": str, "image": str, "group": str})
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ParameterError(
            f"“{folder.name}” is no sound dataset ({type(error).__name__}); make it with “microcalc dataset”."
        ) from error
    chosen = tuple(image for image in images if not split or image.split == split)
    if not chosen:
        raise ParameterError(f"The dataset “{folder.name}” has no image of the split “{split}”.")
    return Dataset(folder, record, chosen, boxes[boxes["name"].isin({image.name for image in chosen})])


def locate(image: DatasetImage, elsewhere: Mapping[str, Path] | None = None) -> Path:
    """Where an image is now: at its path, or where a file with its digest was found.

    Parameters
    ----------
    image : DatasetImage
    elsewhere : mapping, SHA-256 -> Path, optional

    Raises
    ------
    ResultError
        When it is at neither place.
    """
    if image.path.is_file():
        return image.path
    found = (elsewhere or {}).get(image.sha256)
    if found is None:
        raise ResultError(f"The image of “{image.name}” is no longer where it was; give its folder with --images.")
    return found


def read_image(image: DatasetImage) -> Mammogram:
    """An image with the spacing that the dataset or its file knows, else the usual one of 0.07 mm, with a warning.

    Raises
    ------
    ResultError, MicrocalcError
        When it is missing or cannot be read.
    """
    return read_mammogram(locate(image), image.spacing_mm, ReadingParameters().assumed_spacing_mm)


def by_digest(folder: Path) -> dict[str, Path]:
    """All files below a folder by their SHA-256."""
    return {sha256_of_file(path): path for path in sorted(Path(folder).rglob("*")) if path.is_file()}


def _image_of(folder: Path, row: Mapping[Any, Any]) -> DatasetImage:
    texts = {name: row[name] if isinstance(row[name], str) else "" for name in _TEXTS}
    spacing, labels = row["spacing_mm"], texts.pop("labels")
    return DatasetImage(
        path=folder / texts.pop("image"),
        spacing_mm=None if pd.isna(spacing) else float(spacing),
        malignant=float(row["malignant"]),
        truth=(folder / labels).parent if labels else None,
        **texts,
    )
