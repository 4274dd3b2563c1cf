"""Findings of DICOM objects over their mammograms: marks of CAD documents, outlines of segmentations."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import slicer

from MicrocalcAILib.base.errors import ResultError
from MicrocalcSlicerShared.geometry import ijkToRas
from MicrocalcSlicerShared.nodes import addNode, groupUnder, nothingLeftBehind

from . import mammogramloading
from .results import layOver

if TYPE_CHECKING:  # imports pydicom where it is used
    from MicrocalcAILib.dicom import Mark

OUR_MODEL = "Microcalc AI"
_UIDS = "DICOM.instanceUIDs"
_COLORS = {"cluster": (1.0, 0.85, 0.3), "calcification": (0.35, 0.75, 1.0), "other": (1.0, 0.35, 0.25)}


def showMarks(path: Path, name: str) -> list:
    """Show the marks of a CAD document: a point with its words for each, a curve around each that has an outline.

    Marks that the document does not want to be presented are left out; parts of a cluster have no words of their own.

    Parameters
    ----------
    path : Path
        Mammography CAD SR of any maker.
    name : str
        Of the new nodes, which also get the name of their image.

    Returns
    -------
    list of nodes

    Raises
    ------
    MicrocalcError
        When it cannot be read, holds nothing to show, or a mammogram is neither in the scene nor in the database.
    """
    from MicrocalcAILib.dicom import read_marks
    from MicrocalcAILib.dicom.marks import HIDDEN

    marks = [mark for mark in read_marks(path) if mark.intent != HIDDEN and mark.center is not None]
    if not marks:
        raise ResultError("The CAD document marks nothing that is to be shown.")
    volumes = {uid: _volumeOf(uid) for uid in dict.fromkeys(mark.image_uid for mark in marks)}
    shown = []
    with nothingLeftBehind() as created:
        for uid, volumeNode in volumes.items():
            own = [mark for mark in marks if mark.image_uid == uid]
            ofImage = [_points(own, volumeNode, name, created)]
            ofImage += [_curve(mark, volumeNode, created) for mark in own if mark.outline is not None]
            groupUnder(volumeNode, ofImage)
            shown += ofImage
    return shown


def showSegments(path: Path, name: str) -> list:
    """Show a segmentation over its mammogram, pixel by pixel.

    Parameters
    ----------
    path : Path
        Binary DICOM segmentation of one image.
    name : str
        Of the new node, which also gets the name of its image.

    Returns
    -------
    list of vtkMRMLSegmentationNode

    Raises
    ------
    MicrocalcError
        When it cannot be read, or its mammogram is neither in the scene nor in the database, or has another size.
    """
    from MicrocalcAILib.dicom import read_segments

    found = read_segments(path)
    volumeNode = _volumeOf(found.image_uid)
    columns, rows, _depth = volumeNode.GetImageData().GetDimensions()
    if any(segment.mask.shape != (rows, columns) for segment in found.segments):
        raise ResultError("The segmentation has another size than its mammogram; export it again.")
    with nothingLeftBehind() as created:
        segmentationNode = addNode("vtkMRMLSegmentationNode", f"{volumeNode.GetName()} {name}", created)
        segmentationNode.CreateDefaultDisplayNodes()
        segmentationNode.SetReferenceImageGeometryParameterFromVolumeNode(volumeNode)
        segmentationNode.SetAndObserveTransformNodeID(volumeNode.GetTransformNodeID())
        segmentationNode.GetDisplayNode().SetOpacity2DFill(0.0)  # the speck itself stays visible
        for segment in found.segments:
            identifier = segmentationNode.GetSegmentation().AddEmptySegment("", segment.label)
            slicer.util.updateSegmentBinaryLabelmapFromArray(
                segment.mask[np.newaxis].astype(np.uint8), segmentationNode, identifier, volumeNode
            )
        layOver(segmentationNode, volumeNode)
    groupUnder(volumeNode, [segmentationNode])
    return [segmentationNode]


def wordsOf(mark: Mark) -> str:
    """What a document says about a mark, in a line: its words or its kind, how many, how sure."""
    words = ", ".join(meaning for _value, _scheme, meaning in mark.words.values()) or mark.meaning
    parts = [words] if words else []
    if mark.count is not None:
        parts.append(f"n = {mark.count}")
    if mark.certainty is not None:
        parts.append(f"{mark.certainty:.0%} certain")
    return "; ".join(parts)


def _volumeOf(uid: str):
    """The mammogram with this SOP Instance UID, from the scene or else from the database."""
    for volumeNode in slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode"):
        if uid and uid in (volumeNode.GetAttribute(_UIDS) or "").split():
            return volumeNode
    file = slicer.dicomDatabase.fileForInstance(uid) if uid else ""
    if not file:
        raise ResultError("The mammogram of these findings is not in the DICOM database; import it first.")
    volumeNode = mammogramloading.loadMammogram(Path(file))
    volumeNode.SetAttribute(_UIDS, uid)
    return volumeNode


def _points(marks: list[Mark], volumeNode, name: str, created: list):
    node = addNode("vtkMRMLMarkupsFiducialNode", f"{volumeNode.GetName()} {name}", created)
    for mark, place in zip(marks, _placed([mark.center for mark in marks], volumeNode), strict=True):
        node.AddControlPoint(*place.tolist(), wordsOf(mark))
    _finish(node, volumeNode, _COLORS["cluster"])
    return node


def _curve(mark: Mark, volumeNode, created: list):
    node = addNode("vtkMRMLMarkupsClosedCurveNode", mark.meaning or mark.kind, created)
    node.SetCurveTypeToLinear()
    outline = mark.outline[:-1] if np.allclose(mark.outline[0], mark.outline[-1]) else mark.outline
    for place in _placed(outline, volumeNode):
        node.AddControlPoint(*place.tolist())
    _finish(node, volumeNode, _COLORS[mark.kind])
    node.GetDisplayNode().SetPointLabelsVisibility(False)
    node.GetDisplayNode().SetPropertiesLabelVisibility(False)
    node.GetDisplayNode().SetGlyphScale(0.1)
    return node


def _finish(node, volumeNode, color: tuple[float, float, float]) -> None:
    node.SetAndObserveTransformNodeID(volumeNode.GetTransformNodeID())
    node.SetLocked(True)
    node.CreateDefaultDisplayNodes()
    node.GetDisplayNode().SetColor(*color)
    node.GetDisplayNode().SetSelectedColor(*color)


def _placed(places, volumeNode) -> np.ndarray:
    """Rows and columns as places in space, shape (points, 3)."""
    rows, columns = np.asarray(places, float).T
    return (ijkToRas(volumeNode) @ np.stack([columns, rows, np.zeros_like(rows), np.ones_like(rows)]))[:3].T
