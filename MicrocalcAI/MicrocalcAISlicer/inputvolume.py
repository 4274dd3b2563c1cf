"""A volume node as the analysis wants it: checked, and written to a file with its place in space."""

from pathlib import Path

import numpy as np
import slicer

from MicrocalcAILib.base.errors import MicrocalcError, ParameterError, UnsupportedImageError
from MicrocalcAILib.base.volumes import write_volume
from MicrocalcAILib.reading.spacing import is_plausible
from MicrocalcAILib.reading.views import view_from_words
from MicrocalcSlicerShared.geometry import ijkToRas

_LPS_FROM_RAS = np.diag([-1.0, -1.0, 1.0])


def hasPlausibleSpacing(volumeNode) -> bool:
    """Whether the in-plane spacing of the volume can be that of a mammogram."""
    return is_plausible(volumeNode.GetSpacing()[:2])


def hasPixels(volumeNode) -> bool:
    """Whether the volume has its image data already; these may come after the node."""
    image = volumeNode.GetImageData()
    return image is not None and image.GetNumberOfPoints() > 0


def checkVolume(volumeNode, spacingMm: float | None = None) -> None:
    """Refuse a volume that cannot be a mammogram.

    Raises
    ------
    ParameterError, UnsupportedImageError
        With one sentence that says what to do.
    """
    if volumeNode is None:
        raise ParameterError("Select the mammogram to analyze.")
    image = volumeNode.GetImageData()
    if not hasPixels(volumeNode):
        raise UnsupportedImageError("This volume holds no image; select a mammogram.")
    if image.GetNumberOfScalarComponents() != 1:
        raise UnsupportedImageError("This is a color image; a mammogram has one gray value per pixel.")
    slices = image.GetDimensions()[2]
    if slices != 1:
        raise UnsupportedImageError(
            f"This volume has {slices} slices; a mammogram has one, so load each view as an image of its own."
        )
    if spacingMm is None and not hasPlausibleSpacing(volumeNode):
        across, down = volumeNode.GetSpacing()[:2]
        raise ParameterError(
            f"The image says {across:g} × {down:g} mm per pixel, which no mammogram has; "
            "give the pixel spacing (usually 0.05 to 0.10 mm)."
        )


def isMammogram(volumeNode) -> bool:
    """Whether a volume can be a mammogram, apart from its spacing: one slice, one gray value per pixel, not hidden."""
    if volumeNode.GetClassName() != "vtkMRMLScalarVolumeNode" or volumeNode.GetHideFromEditors():
        return False  # a label map, a color image, or a helper
    try:
        checkVolume(volumeNode, spacingMm=1.0)
    except MicrocalcError:
        return False
    return True


def mammogramNodes() -> list:
    """The mammograms in the scene."""
    return [node for node in slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode") if isMammogram(node)]


def fileName(volumeNode) -> str:
    """A name for the image's file that tells laterality and view, as the node's name has them, and nothing else."""
    view = view_from_words(volumeNode.GetName())
    return "_".join(filter(None, ("mammogram", view.laterality, view.view))) + ".nrrd"


def writeVolume(volumeNode, path: Path) -> None:
    """Write the volume to an image file, pixel values unchanged, origin and axes in LPS as ITK wants them.

    Parent transforms are left out: results are placed in the volume's own frame and follow the same transforms. What
    the node knows about the mammogram (laterality, view, padding, warnings …) goes along.
    """
    from MicrocalcAILib.reading.carried_fields import FIELDS

    matrix = ijkToRas(volumeNode)
    across, down, through = np.linalg.norm(matrix[:3, :3], axis=0)
    write_volume(
        slicer.util.arrayFromVolume(volumeNode)[0],
        (down, across),
        (_LPS_FROM_RAS @ matrix[:3, 3]).tolist(),
        (_LPS_FROM_RAS @ (matrix[:3, :3] / (across, down, through))).ravel().tolist(),
        path,
        {name: text for name in FIELDS if (text := volumeNode.GetAttribute(name))},
    )


def worldToPixel(volumeNode, world) -> tuple[float, float]:
    """(row, column) of a position in the world (RAS, mm), its distance from the image plane ignored."""
    local = [0.0, 0.0, 0.0]
    volumeNode.TransformPointFromWorld(world, local)
    column, row, _, _ = np.linalg.inv(ijkToRas(volumeNode)) @ [*local, 1.0]
    return float(row), float(column)


def pixelToWorld(volumeNode, row: float, column: float) -> np.ndarray:
    """Where a pixel's center lies in the world (RAS, mm), parent transforms included."""
    local = ijkToRas(volumeNode) @ [column, row, 0.0, 1.0]
    world = [0.0, 0.0, 0.0]
    volumeNode.TransformPointToWorld(local[:3], world)
    return np.asarray(world)
