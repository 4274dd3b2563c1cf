"""Mammograms as volume nodes: right spacing, right polarity, hung as radiologists hang them, and what is known kept."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import slicer

from MicrocalcAILib.base.errors import WarningRecord
from MicrocalcAILib.base.parameters import ReadingParameters
from MicrocalcAILib.reading import read_mammogram

if TYPE_CHECKING:  # imports pydicom where it is used
    from MicrocalcAILib.reading import Mammogram
    from MicrocalcAILib.reading.dicom import DicomDescription

FOR_PROCESSING = "FOR PROCESSING"
IDENTITY = "Microcalc.Identity"  # attribute: what an exam is put together by, as JSON, without patient data
_PRESENTATION_INTENT = "Microcalc.PresentationIntent"
_STUDY_YEAR = "Microcalc.StudyYear"
_CRANIOCAUDAL = {"CC", "XCC", "XCCL", "XCCM", "FB"}
_PARTIAL_VIEWS = {"Magnification", "Spot Compression"}
_MIRRORED = WarningRecord(
    "mirrored-for-display",
    "The file does not say how the breast lies in it; the image is shown mirrored, so that the chest wall lies where "
    "that of this breast belongs. Its pixels are unchanged.",
)


class LoadedAs(NamedTuple):
    """What a volume node says about the mammogram it was loaded from; empty where it is not known."""

    laterality: str
    view: str
    viewModifiers: tuple[str, ...]
    isForProcessing: bool
    studyYear: str
    warnings: tuple[WarningRecord, ...]


def loadMammogram(path: Path, name: str | None = None, spacingMm: float | None = None):
    """Add a mammogram to the scene: upright in the axial view, chest wall where radiologists expect it.

    Pixels stay where the file has them, brighter = more attenuating; only the volume's matrix turns or mirrors them.

    Parameters
    ----------
    path : Path
        Any image that :func:`MicrocalcAILib.reading.read_mammogram` reads.
    name : str, optional
        Of the node; otherwise laterality, view and year. A number is added when the scene has it already.
    spacingMm : float, optional
        Pixel spacing in mm; wins over what the file says.

    Returns
    -------
    vtkMRMLScalarVolumeNode

    Raises
    ------
    MicrocalcError
        With one sentence that says what is wrong and what to do. The scene is then as it was before.
    """
    from MicrocalcAILib.exam.identity import identify
    from MicrocalcAILib.reading.carried_fields import fields_of
    from MicrocalcAILib.reading.dicom import describe_dicom

    path = Path(path)
    mammogram = read_mammogram(path, spacingMm, ReadingParameters().assumed_spacing_mm)
    description = describe_dicom(path) if mammogram.source["kind"] == "DICOM" else None
    matrix, isMirrored = hangingMatrix(mammogram, description.patient_orientation if description else ())
    if isMirrored:
        mammogram = dataclasses.replace(mammogram, warnings=(*mammogram.warnings, _MIRRORED))
    pixels, paddingValue = _stored(mammogram)

    fields = fields_of(mammogram, paddingValue)
    fields[IDENTITY] = json.dumps(identify(path, path.name, mammogram.admission).to_dict())
    if description is not None:
        fields[_STUDY_YEAR] = description.study_year
        fields[_PRESENTATION_INTENT] = FOR_PROCESSING if description.is_for_processing else "FOR PRESENTATION"
    name = name or mammogramName(mammogram.laterality, mammogram.view, mammogram.view_modifiers, description)
    volumeNode = slicer.util.addVolumeFromArray(pixels[np.newaxis], matrix, _newName(name))
    for attribute, text in fields.items():
        volumeNode.SetAttribute(attribute, text)
    _setWindow(volumeNode.GetDisplayNode(), mammogram)
    return volumeNode


def loadedAs(volumeNode) -> LoadedAs:
    """What is known about a volume; everything is empty for volumes that were not loaded as mammograms."""
    from MicrocalcAILib.reading.carried_fields import LATERALITY, VIEW, VIEW_MODIFIERS, WARNINGS, warnings_in

    def text(name):
        return volumeNode.GetAttribute(name) or ""

    return LoadedAs(
        text(LATERALITY),
        text(VIEW),
        tuple(filter(None, text(VIEW_MODIFIERS).split(", "))),
        text(_PRESENTATION_INTENT) == FOR_PROCESSING,
        text(_STUDY_YEAR),
        warnings_in({WARNINGS: text(WARNINGS)}),
    )


def sideAndView(volumeNode) -> tuple[str, str]:
    """Laterality and view as the volume was loaded, or else as its name tells them; empty where neither does."""
    from MicrocalcAILib.reading.views import view_from_words

    known = loadedAs(volumeNode)
    if known.laterality or known.view:
        return known.laterality, known.view
    named = view_from_words(volumeNode.GetName() or "")
    return named.laterality or "", named.view or ""


def mammogramName(
    laterality: str | None, view: str | None, modifiers: tuple[str, ...], description: DicomDescription | None = None
) -> str:
    """``R MLO 2024``, ``L CC magnification 2023``, ``R CC 2024 (raw)``; ``Mammogram`` when nothing is known."""
    words = [laterality or "", view or "", *(modifier.lower() for modifier in modifiers)]
    if not (laterality or view):
        words.insert(0, "Mammogram")
    if description is not None:
        words += [description.study_year, "(raw)" if description.is_for_processing else ""]
    return " ".join(filter(None, words))


def distinctNames(names: list[str]) -> list[str]:
    """The names, those that are repeated with a number: ``R MLO``, ``R MLO (2)``."""
    distinct: list[str] = []
    for name in names:
        distinct.append(_withNumber(name, set(distinct)))
    return distinct


def hangingMatrix(mammogram: Mammogram, patientOrientation: tuple[str, ...] = ()) -> tuple[np.ndarray, bool]:
    """IJK to RAS matrix that hangs the image in the axial view, and whether it is mirrored without the file's word.

    The right breast's chest wall lies at the viewer's right and the left breast's at the left; craniocaudal views have
    the lateral side above, the others the head. Patient Orientation says how rows and columns have to be turned or
    mirrored; without it, or where the pixels contradict it, the side at which the breast lies decides between the image
    and its mirror image (of full views only: a spot view shows no chest wall).

    Images of a known side lie around the origin as on a light box, chest walls at R = 0 and craniocaudal views in
    front of A = 0, so that what is marked on one never shows on another. The matrix is a rotation and a scaling: a
    mirror image is the slice seen from behind.
    """
    laterality, view = mammogram.laterality, mammogram.view
    columnStep, rowStep = _screenSteps(patientOrientation, laterality) or ((1, 0), (0, 1))
    isMirrored = False
    isFullView = not _PARTIAL_VIEWS & set(mammogram.view_modifiers)
    if laterality and mammogram.chest_wall_side and columnStep[1] == 0 and isFullView:
        isAtRight = (mammogram.chest_wall_side == "right") == (columnStep[0] > 0)
        if isAtRight != (laterality == "R"):
            columnStep = (-columnStep[0], 0)
            isMirrored = True

    rows, columns = mammogram.pixels.shape
    down, across = mammogram.spacing_mm
    # Axial view: R to L runs to the viewer's right, A to P downwards.
    steps = np.array([columnStep, rowStep], float).T * (across, down) * -1.0
    matrix = np.eye(4)
    matrix[:2, :2] = steps
    matrix[2, 2] = 1.0 if np.linalg.det(steps) > 0 else -1.0
    if laterality:
        corners = steps @ np.array([(-0.5, -0.5), (columns - 0.5, rows - 0.5)]).T  # outer edges of the picture
        lowest, highest = corners.min(axis=1), corners.max(axis=1)
        matrix[0, 3] = -lowest[0] if laterality == "R" else -highest[0]
        matrix[1, 3] = -lowest[1] if view in _CRANIOCAUDAL else -highest[1]
    return matrix, isMirrored


def _screenSteps(patientOrientation, laterality):
    """Where the next column and the next row lie on the screen, as (to the right, downwards); None if not stated."""
    if not (laterality and patientOrientation):
        return None
    medial, lateral = ("L", "R") if laterality == "R" else ("R", "L")
    toTheRight, toTheLeft = ("P", "A") if laterality == "R" else ("A", "P")
    stepOf = {toTheRight: (1, 0), toTheLeft: (-1, 0), "F": (0, 1), "H": (0, -1), medial: (0, 1), lateral: (0, -1)}
    columnStep, rowStep = (stepOf[word[0]] for word in patientOrientation)
    return (columnStep, rowStep) if np.dot(columnStep, rowStep) == 0 else None


def _stored(mammogram: Mammogram) -> tuple[np.ndarray, float | None]:
    """Pixels in the smallest type that keeps them exactly, and the value that only padding has."""
    pixels, paddingValue = mammogram.pixels, None
    if mammogram.valid is not None and not mammogram.valid.all():
        paddingValue = float(np.floor(pixels.min()) - 1)
        pixels = np.where(mammogram.valid, pixels, np.float32(paddingValue))
    lowest, highest = pixels.min(), pixels.max()
    if np.array_equal(pixels, np.rint(pixels)):
        for dtype in (np.uint8, np.int16, np.uint16, np.int32):
            if np.iinfo(dtype).min <= lowest and highest <= np.iinfo(dtype).max:
                return pixels.astype(dtype), paddingValue
    return pixels, paddingValue


def _setWindow(displayNode, mammogram: Mammogram) -> None:
    """The file's window; one that shows the breast when the file has none that does."""
    seen = mammogram.pixels if mammogram.valid is None else mammogram.pixels[mammogram.valid]
    sample = seen.ravel()[:: max(1, seen.size // 1_000_000)]
    window = mammogram.display_window
    if window is None or not _shows(window, sample):
        air, brightest = np.percentile(sample, (5, 99.9))
        tissue = sample[sample > air + 0.1 * (brightest - air)]
        darkest = np.percentile(tissue, 1) if tissue.size else air
        window = (brightest + darkest) / 2, max(brightest - darkest, 1e-6)
    displayNode.SetAutoWindowLevel(False)
    displayNode.SetWindowLevel(window[1], window[0])


def _shows(window: tuple[float, float], values: np.ndarray) -> bool:
    """Whether some part of the image is neither black nor white in this window."""
    center, width = window
    return bool((np.abs(values - center) < width / 2).mean() > 0.01)


def _newName(name: str) -> str:
    """A name that no volume of the scene has."""
    return _withNumber(name, {node.GetName() for node in slicer.util.getNodesByClass("vtkMRMLVolumeNode")})


def _withNumber(name: str, taken: set[str]) -> str:
    plain, number, distinct = re.sub(r" \(\d+\)$", "", name), 1, name
    while distinct in taken:
        number += 1
        distinct = f"{plain} ({number})"
    return distinct
