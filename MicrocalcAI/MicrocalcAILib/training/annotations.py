"""Mammograms with annotated microcalcifications: a user's folder, or one that ``microcalc phantom`` wrote."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..base.errors import MicrocalcError, ParameterError
from ..base.progress import Progress, no_progress
from ..base.volumes import read_label_map
from ..dataset.lesions import boxes_of_labels
from ..reading.mammogram import Mammogram
from ..reading.reader import read_mammogram
from ..segmentation.breast import find_breast

IMAGES_FILE, ANNOTATIONS_FILE = "images.csv", "annotations.csv"
_ENDS = ("row_min", "row_max", "column_min", "column_max")
MARK_COLUMNS = ("row", "column", *_ENDS, "group", "malignant", "expected")


def _no_positions() -> NDArray[np.float64]:
    return np.zeros((0, 2))


@dataclass(frozen=True)
class AnnotatedImage:
    """A mammogram and what is known of its microcalcifications.

    Parameters
    ----------
    name, patient : str
    mammogram : Mammogram
    breast : bool array, shape (rows, columns)
    marks : DataFrame
        One row per annotation, in pixels: ``row``, ``column`` (center), ``row_min``, ``row_max``, ``column_min``,
        ``column_max``, ``group`` (annotations of one lesion), ``malignant`` (1, 0 or NaN: not known), ``expected``
        (probability of malignancy to learn from).
    doubtful, lookalikes : float arrays, shape (n, 2)
        Row and column of things that may be microcalcifications, and of things that are known to be none.
    split : str
        ``train``, ``validation``, ``test``, or empty.
    background : str
        ``real`` or ``simulated``; figures are told apart by it.
    """

    name: str
    patient: str
    mammogram: Mammogram
    breast: NDArray[np.bool_]
    marks: pd.DataFrame
    doubtful: NDArray[np.float64] = field(default_factory=_no_positions)
    lookalikes: NDArray[np.float64] = field(default_factory=_no_positions)
    split: str = ""
    background: str = "real"


def read_annotated_images(folder: Path, progress: Progress = no_progress) -> Iterator[AnnotatedImage]:
    """Images and annotations of a folder, one image after the other.

    A user's folder holds ``images.csv`` with the columns ``image`` (path in the folder), ``patient`` and optionally
    ``spacing_mm``, ``labels`` (path of a label map: each label one annotation), ``malignant`` (1 or 0, of all
    annotations of the image) and ``split``; and, where there are no label maps, ``annotations.csv`` with ``image``,
    ``row`` and ``column`` of points or ``row_min``, ``row_max``, ``column_min``, ``column_max`` of boxes (pixels), and
    optionally ``malignant`` and ``group``. Images without annotations show no microcalcifications.

    A folder of ``microcalc phantom`` is read by its ``truth``; images of the same background are one patient's.

    Raises
    ------
    ParameterError
        When a table or a file is missing, or a column or an outcome cannot be used.
    """
    folder = Path(folder)
    if not (folder / IMAGES_FILE).is_file() and (folder / "truth").is_dir():
        yield from _phantoms(folder, progress)
        return
    images = _read_table(folder / IMAGES_FILE, ("image", "patient"))
    annotations = pd.DataFrame({"image": []})
    if (folder / ANNOTATIONS_FILE).is_file():
        annotations = _read_table(folder / ANNOTATIONS_FILE, ("image",))
        unknown = set(annotations["image"]) - set(images["image"])
        if unknown:
            raise ParameterError(f"{ANNOTATIONS_FILE} names “{min(unknown)}”, which {IMAGES_FILE} does not list.")
    for number, row in images.iterrows():
        progress("images", int(str(number)), len(images))
        path = folder / row["image"]
        spacing_mm = row.get("spacing_mm", np.nan)
        mammogram = read_mammogram(path, spacing_mm=None if pd.isna(spacing_mm) else float(spacing_mm))
        table = annotations[annotations["image"] == row["image"]]
        if isinstance(row.get("labels"), str):
            table = _boxes_of(folder / row["labels"], mammogram)
        split = row.get("split")
        yield AnnotatedImage(
            name=row["image"],
            patient=row["patient"],
            mammogram=mammogram,
            breast=find_breast(mammogram).mask,
            marks=marks_of(table, row.get("malignant", np.nan)),
            split=split if isinstance(split, str) else "",
        )
    progress("images", len(images), len(images))


def marks_of_phantom(calcifications: pd.DataFrame, labels: NDArray[np.int32]) -> pd.DataFrame:
    """Marks of a phantom's calcifications; each single one is a group of its own; outcomes are not known."""
    boxes = boxes_of_labels(labels).set_index("label")
    marks = boxes.loc[calcifications["id"]].reset_index(drop=True)
    clusters = calcifications["cluster_id"].to_numpy()
    marks["group"] = np.where(clusters > 0, clusters, -calcifications["id"].to_numpy())
    return marks_of(marks, np.nan)


def _phantoms(folder: Path, progress: Progress) -> Iterator[AnnotatedImage]:
    truths = sorted(path for path in (folder / "truth").iterdir() if path.is_dir())
    for number, truth in enumerate(truths):
        progress("images", number, len(truths))
        image = next(
            (
                path
                for path in (folder / "nrrd" / f"{truth.name}.nrrd", folder / "dicom" / f"{truth.name}.dcm")
                if path.is_file()
            ),
            None,
        )
        if image is None:
            raise ParameterError(f"The phantom “{truth.name}” has a truth but no image; simulate it again.")
        try:
            record = json.loads((truth / "phantom.json").read_text("utf-8"))
            background, spacing = record["background"], record["spacing_mm"]
            calcifications = pd.read_csv(truth / "calcifications.csv")
            labels = read_label_map(truth / "labels.nrrd")
        except (OSError, ValueError, KeyError, MicrocalcError) as error:
            raise ParameterError(f"The truth of “{truth.name}” cannot be read; simulate it again.") from error
        mammogram = read_mammogram(image, spacing_mm=(float(spacing[0]), float(spacing[1])))
        yield AnnotatedImage(
            name=truth.name,
            patient=_background_name(background),
            mammogram=mammogram,
            breast=find_breast(mammogram).mask,
            marks=marks_of_phantom(calcifications, labels),
            lookalikes=positions(record.get("distractors", [])),
            background="real" if background["kind"] == "image" else "simulated",
        )
    progress("images", len(truths), len(truths))


def positions(things: list[dict[str, Any]]) -> NDArray[np.float64]:
    """Rows and columns of a phantom's distractors, shape (n, 2)."""
    return np.array([(thing["row"], thing["column"]) for thing in things], float).reshape(-1, 2)


def _background_name(background: dict[str, Any]) -> str:
    """Who a phantom's background shows: the patient of the table, else the file, else the seed of its simulation."""
    if background.get("patient"):
        return str(background["patient"])
    return f"{background['kind']} {background.get('source', {}).get('sha256') or background.get('seed')}"


def _read_table(path: Path, needed: tuple[str, ...]) -> pd.DataFrame:
    try:
        table = pd.read_csv(path, dtype=dict.fromkeys(("image", "patient", "labels", "split", "group"), str))
    except (OSError, ValueError) as error:
        raise ParameterError(f"The table {path.name} cannot be read; the folder of images needs it.") from error
    for column in needed:
        if column not in table:
            raise ParameterError(f"The table {path.name} lacks the column “{column}”.")
        if table[column].isna().any():
            raise ParameterError(f"The table {path.name} has a row without “{column}”.")
    return table


def _boxes_of(path: Path, mammogram: Mammogram) -> pd.DataFrame:
    try:
        labels = read_label_map(path)
    except MicrocalcError as error:
        raise ParameterError(f"The label map “{path.name}” cannot be read: {error}") from error
    if labels.shape != mammogram.pixels.shape:
        raise ParameterError(f"The label map “{path.name}” has another size than its image.")
    return boxes_of_labels(labels)


def marks_of(table: pd.DataFrame, malignant: float) -> pd.DataFrame:
    """Annotations as :class:`AnnotatedImage` has them, from points or boxes."""
    marks = table.copy()
    if not len(marks):
        return pd.DataFrame(columns=list(MARK_COLUMNS)).astype(
            dict.fromkeys((*MARK_COLUMNS[:6], *MARK_COLUMNS[7:]), float)
        )
    for axis in ("row", "column"):
        ends = [f"{axis}_min", f"{axis}_max"]
        if not set(ends) <= set(marks):
            if axis not in marks:
                raise ParameterError(f"Annotations need “{axis}” of a point, or “{ends[0]}” and “{ends[1]}” of a box.")
            marks[ends[0]], marks[ends[1]] = marks[axis], marks[axis]
        marks[axis] = (marks[ends[0]] + marks[ends[1]]) / 2
    if "group" not in marks:
        marks["group"] = np.arange(len(marks))
    own = marks["malignant"] if "malignant" in marks else pd.Series(np.nan, marks.index)
    marks["malignant"] = pd.to_numeric(own, errors="coerce").fillna(malignant)
    if not marks["malignant"].dropna().isin((0, 1)).all():
        raise ParameterError("“malignant” is 1, 0, or empty when it is not known.")
    if "expected" not in marks:
        marks["expected"] = marks["malignant"]
    if marks[list(MARK_COLUMNS[:6])].isna().any().any():
        raise ParameterError("An annotation has no position; give its point or its box in pixels.")
    return marks[list(MARK_COLUMNS)].reset_index(drop=True)
