"""Mammography CAD documents as predictions: marks of this or of a commercial program, to be compared with the truth."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..base.errors import MicrocalcError, ResultError, WarningRecord
from ..base.files import is_hidden
from ..dicom.marks import CALCIFICATION, CLUSTER, CadDocument, Mark, is_cad_document, read_document
from ..reading import read_mammogram
from ..reading.dicom_safety import read_header
from ..segmentation.breast import find_breast
from .findings import Findings
from .predictions import Prediction

_UNRATED = WarningRecord(
    "cad-unrated", "The CAD documents rate their marks in no common way; all count alike and the curve is one point."
)
_NO_CALCIFICATIONS = WarningRecord(
    "cad-without-calcifications", "The CAD documents mark clusters alone; compare clusters, not calcifications."
)
_RATINGS: tuple[Callable[[Mark], float | None], ...] = (
    lambda mark: mark.certainty,
    lambda mark: mark.probability_of_cancer,
    # the highest point shows every mark: 0 is the surest
    lambda mark: None if mark.operating_point is None else 1 / (1 + mark.operating_point),
)


class CadDocuments:
    """Marks of CAD documents by image.

    Parameters
    ----------
    documents : sequence of Path
    images : Path
        The DICOM images that they are about, a file or a folder of files; an image is called as its file without
        suffix.
    intents : sequence of str
        Marks of which intents count; see :class:`~MicrocalcAILib.dicom.marks.Mark`.

    Raises
    ------
    ResultError
        When a document is about none of these images, or one image has two documents.
    """

    def __init__(self, documents: Sequence[Path], images: Path, intents: Sequence[str]) -> None:
        self._files, of_uid = _dicom_images(images)
        self._marks: dict[str, list[Mark]] = {}
        self.warnings: list[WarningRecord] = []
        for path in documents:
            document = read_document(path)
            names = {of_uid[uid] for uid in _images_of(document) if uid in of_uid}
            if not names:
                raise ResultError(
                    f"The CAD document “{path.name}” is about none of these images; give its own images with --images."
                )
            for name in names:
                if name in self._marks:
                    raise ResultError(f"Image “{name}” has two CAD documents; keep one of them.")
                self._marks[name] = []
            for mark in document.marks:
                if mark.intent in intents and mark.image_uid in of_uid:
                    self._marks[of_uid[mark.image_uid]].append(mark)
        self._rate = self._rating()
        self._check_parts()

    @property
    def names(self) -> Sequence[str]:
        return sorted(self._marks)

    def read(self, name: str, shape: tuple[int, int]) -> Prediction:
        """See :class:`~.predictions.Predictions`; pixel size and breast area are those of the image."""
        try:
            mammogram = read_mammogram(self._files[name])
        except MicrocalcError as error:
            raise ResultError(f"Image “{name}” cannot be read: {error}") from error
        if mammogram.pixels.shape != shape:
            raise ResultError(f"Image “{name}” has another size than its truth; they belong to different images.")
        marks = [mark for mark in self._marks[name] if mark.center is not None]
        clusters = [mark for mark in marks if mark.kind == CLUSTER]
        rows: list[tuple[int, int, float, float, float]] = []
        outlines: list[NDArray[np.float64] | None] = []
        for cluster_id, mark, cluster in _calcifications(marks, clusters):
            row, column = mark.center or (0.0, 0.0)
            probability = self._rate(mark, cluster)
            rows.append((len(rows) + 1, cluster_id, row, column, probability))
            outlines.append(mark.outline)
        table = pd.DataFrame(rows, columns=["id", "cluster_id", "row", "column", "probability"])
        places = [(*mark.center, self._rate(mark, mark)) for mark in clusters if mark.center is not None]
        cluster_marks = pd.DataFrame(places, columns=["row", "column", "probability"])
        cluster_marks.insert(0, "id", np.arange(1, len(places) + 1))
        return Prediction(
            Findings(table, _drawn(outlines, shape)),
            mammogram.spacing_mm,
            find_breast(mammogram).area_cm2,
            cluster_marks=cluster_marks,
        )

    def _rating(self) -> Callable[[Mark, Mark], float]:
        """How sure a mark is: what all marks of all documents state, of themselves or of their cluster."""
        top = [mark for marks in self._marks.values() for mark in marks if mark.kind in (CLUSTER, CALCIFICATION)]
        for rating in _RATINGS:
            if top and all(rating(mark) is not None for mark in top):
                chosen = rating
                return lambda mark, cluster: _first(chosen(mark), chosen(cluster))
        if top:
            self.warnings.append(_UNRATED)
        return lambda mark, cluster: 1.0

    def _check_parts(self) -> None:
        marks = [mark for marks in self._marks.values() for mark in marks]
        if any(mark.kind == CLUSTER for mark in marks) and not any(
            mark.kind == CALCIFICATION or mark.parts for mark in marks
        ):
            self.warnings.append(_NO_CALCIFICATIONS)
        placeless = sum(mark.center is None for mark in marks if mark.kind in (CLUSTER, CALCIFICATION))
        if placeless:
            self.warnings.append(
                WarningRecord("cad-without-place", f"{placeless} mark(s) of the CAD documents have no place.")
            )


def find_documents(path: Path) -> list[Path]:
    """The CAD documents that a path is or holds, in the order of their names."""
    files = [path] if path.is_file() else sorted(path.rglob("*"))
    return [file for file in files if file.is_file() and not _hidden(file, path) and is_cad_document(file)]


def _hidden(file: Path, parent: Path) -> bool:
    return file != parent and is_hidden(file, parent)


def _dicom_images(images: Path) -> tuple[dict[str, Path], dict[str, str]]:
    """File by name, and name by SOP Instance UID."""
    files: dict[str, Path] = {}
    names: dict[str, str] = {}
    for file in [images] if images.is_file() else sorted(images.rglob("*")):
        if not file.is_file() or _hidden(file, images):
            continue
        try:
            attributes = read_header(file).attributes
        except MicrocalcError:  # whatever else lies there
            continue
        if "Rows" not in attributes:
            continue
        if file.stem in files:
            raise ResultError(f"Two images are called “{file.stem}”; give each its own name.")
        files[file.stem] = file
        names[str(attributes.get("SOPInstanceUID"))] = file.stem
    if not files:
        raise ResultError(f"“{images.name}” holds no DICOM image; give the images that the CAD documents are about.")
    return files, names


def _images_of(document: CadDocument) -> set[str]:
    return {*document.images, *(mark.image_uid for mark in document.marks)}


def _calcifications(marks: Sequence[Mark], clusters: Sequence[Mark]) -> Iterator[tuple[int, Mark, Mark]]:
    """Number of its cluster (0: none), calcification, and the mark that rates it where it does not itself."""
    for number, cluster in enumerate(clusters, start=1):
        for part in cluster.parts:
            if part.kind == CALCIFICATION and part.center is not None:
                yield number, part, cluster
    for mark in marks:
        if mark.kind == CALCIFICATION:
            yield 0, mark, mark


def _drawn(outlines: Sequence[NDArray[np.float64] | None], shape: tuple[int, int]) -> NDArray[np.int32]:
    """The inner pixels of each outline with its number from 1; pixels of two belong to the first."""
    from skimage.draw import polygon

    labels = np.zeros(shape, np.int32)
    for number, outline in enumerate(outlines, start=1):
        if outline is not None:
            rows, columns = polygon(outline[:, 0], outline[:, 1], shape)
            free = labels[rows, columns] == 0
            labels[rows[free], columns[free]] = number
    return labels


def _first(own: float | None, cluster: float | None) -> float:
    return next(rating for rating in (own, cluster) if rating is not None)
