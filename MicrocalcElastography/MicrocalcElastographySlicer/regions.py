"""What a reader drew, as regions of an elastogram: segments and markups."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import slicer
import vtk

from MicrocalcAILib.base.errors import ParameterError
from MicrocalcElastographyLib.elastogram import Elastogram
from MicrocalcElastographyLib.geometry import Rectangle
from MicrocalcSlicerShared.geometry import ijkToRas
from MicrocalcSlicerShared.nodes import noOrphanedDisplays

from .elastogramnodes import referenceOf

if TYPE_CHECKING:
    from MicrocalcElastographyLib.measurement import Region

_CORNER_SHARE = 0.1  # of a photo's sides: how far inside it its points are placed at first

REGIONS = ("lesion", "fat", "skin", "chest_wall", "calcification", "lesion_on_elastogram")
"""Names of the regions that can be given."""


def segmentNamed(segmentationNode, name: str) -> tuple | None:
    """The segment of this name (upper and lower case are equal) as a region to measure, or None."""
    segmentation = segmentationNode.GetSegmentation()
    for index in range(segmentation.GetNumberOfSegments()):
        identifier = segmentation.GetNthSegmentID(index)
        if segmentation.GetSegment(identifier).GetName().strip().lower() == name.strip().lower():
            return segmentationNode, identifier
    return None


def regionOf(elastogram: Elastogram, valueNode, drawn) -> Region:
    """The pixels of something drawn.

    Parameters
    ----------
    elastogram : Elastogram
    valueNode : vtkMRMLScalarVolumeNode
        That shows it.
    drawn : (vtkMRMLSegmentationNode, str) or markups node
        A segment by ID or name; a closed curve; a region of interest (its rectangle in the image); a line (the
        diameter of a circle).

    Raises
    ------
    ParameterError
        When nothing is drawn or it lies outside the image.
    """
    referenceNode, frame = referenceOf(valueNode)
    if isinstance(drawn, tuple):
        return _segmentRegion(elastogram, *drawn, referenceNode, frame)
    from MicrocalcElastographyLib.measurement import ellipse_region, polygon_region

    if drawn.IsA("vtkMRMLMarkupsClosedCurveNode"):
        return polygon_region(elastogram, _pixels(_curvePoints(drawn), referenceNode))
    if drawn.IsA("vtkMRMLMarkupsROINode"):
        return polygon_region(elastogram, _pixels(_roiCorners(drawn, referenceNode), referenceNode))
    if drawn.IsA("vtkMRMLMarkupsLineNode"):
        ends = _controlPoints(drawn, 2)
        first, second = _pixels(ends, referenceNode)
        radius = np.linalg.norm(ends[1] - ends[0]) / 2
        across, down = referenceNode.GetSpacing()[:2]
        center = (first + second) / 2
        return ellipse_region(elastogram, (center[0], center[1]), (radius / down, radius / across))
    raise ParameterError("Regions are segments, closed curves, regions of interest or lines; draw one of these.")


def pointOf(valueNode, pointNode) -> tuple[float, float]:
    """Row and column of the image that a point lies on.

    Raises
    ------
    ParameterError
        When it was not placed.
    """
    row, column = _pixels(_controlPoints(pointNode, 1), referenceOf(valueNode)[0])[0]
    return float(row), float(column)


def placePoint(pointNode, valueNode, row: float, column: float) -> None:
    """Move a point onto a pixel of the image; it is placed when it was not."""
    referenceNode, frame = referenceOf(valueNode)
    world = _world(np.array([[row, column]]), referenceNode, frame)[0]
    if pointNode.GetNumberOfControlPoints():
        pointNode.SetNthControlPointPositionWorld(0, *world)
    else:
        pointNode.AddControlPointWorld(*world)


def cornersOf(pointsNode, volumeNode) -> tuple[tuple[float, float], ...]:
    """x and y in pixels of a volume of the four points placed on it, in their order.

    Raises
    ------
    ParameterError
        When there are fewer.
    """
    places = _pixels(_controlPoints(pointsNode, 4)[:4], volumeNode)
    return tuple((float(column), float(row)) for row, column in places + 0.5)


def placeCorners(pointsNode, volumeNode, frame: int, names: Sequence[str]) -> None:
    """Place four named points inside the corners of a volume's frame, upper left first, clockwise."""
    columns, rows = volumeNode.GetImageData().GetDimensions()[:2]
    near, far = _CORNER_SHARE, 1.0 - _CORNER_SHARE
    shares = np.array([(near, near), (near, far), (far, far), (far, near)])
    for name, place in zip(names, _world(shares * (rows, columns), volumeNode, frame), strict=True):
        pointsNode.AddControlPointWorld(*place, name)


def rectangleOf(roiNode, volumeNode) -> Rectangle:
    """The rectangle of whole pixels that a region of interest marks on a volume; a turned one is boxed in."""
    corners = _pixels(_roiCorners(roiNode, volumeNode), volumeNode)
    top, left, bottom, right = (round(side + 0.5) for side in (*corners.min(axis=0), *corners.max(axis=0)))
    return Rectangle(top, left, bottom, right)


def placeRectangle(roiNode, place: Rectangle, volumeNode, frame: int = 0) -> None:
    """Lay a region of interest around a rectangle of pixels of a volume, along its axes."""
    across, down, through = volumeNode.GetSpacing()
    directions = ijkToRas(volumeNode) / (across, down, through, 1.0)
    directions[:3, 3] = 0.0
    with slicer.util.NodeModify(roiNode):
        roiNode.SetAndObserveTransformNodeID(volumeNode.GetTransformNodeID())
        roiNode.SetAndObserveObjectToNodeMatrix(slicer.util.vtkMatrixFromArray(directions))
        roiNode.SetSize(place.width * across, place.height * down, through)
        roiNode.SetCenterWorld(*_world(np.array([place.center]), volumeNode, frame)[0])


def _segmentRegion(elastogram: Elastogram, segmentationNode, name: str, referenceNode, frame: int) -> Region:
    from MicrocalcElastographyLib.measurement import label_region

    if segmentationNode.GetSegmentation().GetSegment(name) is None:
        found = segmentNamed(segmentationNode, name)
        if found is None:
            raise ParameterError(f"The segmentation has no segment “{name}”; draw it or choose another name.")
        name = found[1]
    with noOrphanedDisplays():
        mask = slicer.util.arrayFromSegmentBinaryLabelmap(segmentationNode, name, referenceNode)
    if mask is None or not mask[frame].any():
        title = segmentationNode.GetSegmentation().GetSegment(name).GetName()
        raise ParameterError(f"The segment “{title}” is empty in this image; draw it on the ultrasound screen.")
    return label_region(elastogram, (mask[frame] > 0).astype(np.uint8), 1)


def _controlPoints(markupsNode, fewest: int) -> np.ndarray:
    points = slicer.util.arrayFromMarkupsControlPoints(markupsNode, world=True)
    if len(points) < fewest:
        raise ParameterError(f"“{markupsNode.GetName()}” has {len(points)} points; place at least {fewest}.")
    return points


def _curvePoints(curveNode) -> np.ndarray:
    _controlPoints(curveNode, 3)
    return slicer.util.arrayFromMarkupsCurvePoints(curveNode, world=True)


def _roiCorners(roiNode, referenceNode) -> np.ndarray:
    """The four corners, in order, of the region's rectangle in the image plane; world coordinates."""
    objectToWorld = slicer.util.arrayFromVTKMatrix(roiNode.GetObjectToWorldMatrix())
    axes = objectToWorld[:3, :3] / np.linalg.norm(objectToWorld[:3, :3], axis=0)
    through = np.argmax(np.abs(axes.T @ _worldDirection(referenceNode)))
    halves = np.asarray(roiNode.GetSize()) / 2
    corners = []
    for signs in ((-1, -1), (-1, 1), (1, 1), (1, -1)):
        corner = np.zeros(3)
        corner[[axis for axis in range(3) if axis != through]] = signs
        corners.append((objectToWorld @ [*(corner * halves), 1.0])[:3])
    return np.array(corners)


def _worldDirection(volumeNode) -> np.ndarray:
    """Unit vector through the image plane, in the world."""
    through = _worldToPixel(volumeNode)[2, :3]
    return through / np.linalg.norm(through)


def _worldToPixel(volumeNode) -> np.ndarray:
    """World (RAS) to IJK, parent transforms included; shape (4, 4)."""
    worldToNode = vtk.vtkMatrix4x4()
    transformNode = volumeNode.GetParentTransformNode()
    if transformNode is not None:
        transformNode.GetMatrixTransformFromWorld(worldToNode)
    return np.linalg.inv(ijkToRas(volumeNode)) @ slicer.util.arrayFromVTKMatrix(worldToNode)


def _pixels(world: np.ndarray, volumeNode) -> np.ndarray:
    """Row and column of points; shape (points, 2)."""
    homogeneous = np.column_stack([world, np.ones(len(world))])
    return (homogeneous @ _worldToPixel(volumeNode).T)[:, [1, 0]]


def _world(pixels: np.ndarray, volumeNode, frame: int) -> np.ndarray:
    """World coordinates of rows and columns of a slice; shape (points, 3)."""
    ijk = np.column_stack([pixels[:, 1], pixels[:, 0], np.full(len(pixels), frame), np.ones(len(pixels))])
    return (ijk @ np.linalg.inv(_worldToPixel(volumeNode)).T)[:, :3]
