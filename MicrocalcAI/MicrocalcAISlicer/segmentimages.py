"""Segments of calcifications: which cluster each belongs to, and their pixels in the frame of the image."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import slicer
import vtk
import vtk.util.numpy_support

from MicrocalcSlicerShared.geometry import ijkToRas

if TYPE_CHECKING:  # pandas need not be installed yet
    from MicrocalcAILib.export.segmentation import Segment

_CLUSTER_ID = re.compile(r"MicrocalcCluster(\d+)$")  # IDs of segments that an analysis made
_SINGLES_ID = "MicrocalcSingles"
_CLUSTER_TAG = "Microcalc.Cluster"  # on segments of the user that hold calcifications: number of the cluster


def clusterOfSegment(segmentationNode, segmentId: str) -> int | None:
    """Number of the cluster that a segment holds; 0 for single calcifications, None when it holds something else."""
    matched = _CLUSTER_ID.match(segmentId)
    if matched:
        return int(matched.group(1))
    if segmentId == _SINGLES_ID:
        return 0
    tag = vtk.reference("")
    segment = segmentationNode.GetSegmentation().GetSegment(segmentId)
    return int(str(tag)) if segment is not None and segment.GetTag(_CLUSTER_TAG, tag) else None


def clusterSegments(segmentationNode) -> dict[str, int]:
    """The segments that hold calcifications, each with the number of its cluster."""
    segmentation = segmentationNode.GetSegmentation()
    identifiers = [segmentation.GetNthSegmentID(index) for index in range(segmentation.GetNumberOfSegments())]
    numbers = {identifier: clusterOfSegment(segmentationNode, identifier) for identifier in identifiers}
    return {identifier: number for identifier, number in numbers.items() if number is not None}


def makeClusterSegment(segmentationNode, segmentId: str, number: int) -> None:
    """Let a segment of the user hold a cluster from now on."""
    segmentationNode.GetSegmentation().GetSegment(segmentId).SetTag(_CLUSTER_TAG, str(number))


def addClusterSegment(segmentationNode, number: int) -> str:
    """Add an empty segment for a cluster, 0 for single calcifications, as an analysis makes it; return its ID."""
    description = _description(number)
    segmentation = segmentationNode.GetSegmentation()
    identifier = segmentation.AddEmptySegment(description.identifier, description.name, description.color)
    segment = segmentation.GetSegment(identifier)
    segment.SetTag(segment.GetTerminologyEntryTagName(), description.terminology)
    if clusterOfSegment(segmentationNode, identifier) != number:  # the ID was taken by something else
        makeClusterSegment(segmentationNode, identifier, number)
    return identifier


def segmentPixels(segmentationNode, segmentIds: Sequence[str], volumeNode) -> list[tuple]:
    """The pixels of segments in the frame of a volume of one slice.

    Segments that do not overlap share one label image, which is looked through once.

    Returns
    -------
    list of (rows, columns, numbers)
        Int arrays, shape (pixels,); ``numbers`` from 1, in the order of ``segmentIds``.
    """
    segmentation = segmentationNode.GetSegmentation()
    representation = slicer.vtkSegmentationConverter.GetSegmentationBinaryLabelmapRepresentationName()
    layers: dict = {}  # label image to its label values, each with the number of its segment
    for number, segmentId in enumerate(segmentIds, start=1):
        segment = segmentation.GetSegment(segmentId)
        image = segment.GetRepresentation(representation)
        if image is not None and not image.IsEmpty():
            layers.setdefault(image, {})[segment.GetLabelValue()] = number
    return [_pixelsOf(image, numbers, segmentationNode, volumeNode) for image, numbers in layers.items()]


def _pixelsOf(image, numbers: dict[int, int], segmentationNode, volumeNode) -> tuple:
    """Rows, columns and segments' numbers of the pixels of some labels of an image."""
    nothing = (np.empty(0, np.int64),) * 3
    if not _liesIn(image, segmentationNode, volumeNode):
        image = _resampled(image, _frame(volumeNode), segmentationNode, volumeNode)
        if image.IsEmpty():
            return nothing
    columns, rows, _ = volumeNode.GetImageData().GetDimensions()
    first, last, top, bottom, lowest, highest = image.GetExtent()
    left, right = max(first, 0), min(last + 1, columns)
    above, below = max(top, 0), min(bottom + 1, rows)
    if not lowest <= 0 <= highest or left >= right or above >= below:
        return nothing
    values = vtk.util.numpy_support.vtk_to_numpy(image.GetPointData().GetScalars())
    slices = values.reshape(highest - lowest + 1, bottom - top + 1, last - first + 1)
    window = slices[-lowest, above - top : below - top, left - first : right - first]
    places = np.flatnonzero(window != 0)  # of yes and no, this is five times faster than of numbers
    found, position = np.unique(window.ravel()[places], return_inverse=True)
    owners = np.array([numbers.get(int(value), 0) for value in found], np.int64)[position]
    down, across = np.divmod(places[owners > 0], right - left)
    return down + above, across + left, owners[owners > 0]


def modifierImage(rows: Sequence[int], columns: Sequence[int], referenceImage, segmentationNode, volumeNode):
    """Pixels of a volume as an image that modifies a segment.

    Parameters
    ----------
    rows, columns : int sequences
        At least one pixel, inside the volume.
    referenceImage : vtkOrientedImageData
        In the frame of the segmentation, as the segment editor's modifier label map.
    segmentationNode, volumeNode

    Returns
    -------
    vtkOrientedImageData
        As small as possible, so that an edit takes a millisecond also in a large image.
    """
    rows, columns = np.asarray(rows), np.asarray(columns)
    image = slicer.vtkOrientedImageData()
    top, left = int(rows.min()), int(columns.min())
    image.SetExtent(left, int(columns.max()), top, int(rows.max()), 0, 0)
    image.AllocateScalars(vtk.VTK_UNSIGNED_CHAR, 1)
    image.SetGeometryFromImageToWorldMatrix(slicer.util.vtkMatrixFromArray(ijkToRas(volumeNode)))
    values = vtk.util.numpy_support.vtk_to_numpy(image.GetPointData().GetScalars())
    values[:] = 0
    values.reshape(int(rows.max()) - top + 1, -1)[rows - top, columns - left] = 1
    if _sameFrame(image, referenceImage) and _relation(volumeNode, segmentationNode) is None:
        return image
    return _resampled(image, referenceImage, volumeNode, segmentationNode)


def _description(number: int) -> Segment:
    """What an analysis would make of a cluster, from an analysis that holds nothing else."""
    import pandas as pd

    from MicrocalcAILib.analysis import SINGLES, Analysis
    from MicrocalcAILib.export.segmentation import segments

    clusters = pd.DataFrame([] if number == SINGLES else [{"id": number, "name": f"Cluster {number}"}])
    analysis = Analysis(
        labels=np.ones((1, 1), np.int32),
        calcifications=pd.DataFrame({"id": [1], "cluster_id": [number]}),
        clusters=clusters,
        spacing_mm=(1.0, 1.0),
        breast_area_cm2=0.0,
    )
    return segments(analysis)[1][0]


def _liesIn(image, segmentationNode, volumeNode) -> bool:
    """Whether the image's pixels are pixels of the volume."""
    return _sameFrame(image, _frame(volumeNode)) and _relation(segmentationNode, volumeNode) is None


def _frame(volumeNode):
    """The volume's geometry, without its pixels."""
    frame = slicer.vtkOrientedImageData()
    frame.SetExtent(volumeNode.GetImageData().GetExtent())
    frame.SetGeometryFromImageToWorldMatrix(slicer.util.vtkMatrixFromArray(ijkToRas(volumeNode)))
    return frame


def _sameFrame(image, other) -> bool:
    return slicer.vtkOrientedImageDataResample.DoGeometriesMatchIgnoreOrigin(image, other) and np.allclose(
        image.GetOrigin(), other.GetOrigin(), rtol=0, atol=1e-3 * min(image.GetSpacing())
    )


def _relation(sourceNode, targetNode):
    """The transform from the frame of one node to that of another; None when both are under the same one."""
    source, target = sourceNode.GetParentTransformNode(), targetNode.GetParentTransformNode()
    if source is target:
        return None
    transform = vtk.vtkGeneralTransform()
    slicer.vtkMRMLTransformNode.GetTransformBetweenNodes(source, target, transform)
    return transform


def _resampled(image, referenceImage, sourceNode, targetNode):
    """An image of labels in the frame of another one; each pixel takes its nearest neighbor."""
    resampled = slicer.vtkOrientedImageData()
    slicer.vtkOrientedImageDataResample.ResampleOrientedImageToReferenceOrientedImage(
        image, referenceImage, resampled, False, False, _relation(sourceNode, targetNode)
    )
    return resampled
