"""Ultrasound screens as volume nodes: loaded from files with the place of every calibrated region, and read again."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import slicer

from MicrocalcAILib.base.errors import ParameterError, UnsupportedImageError, WarningRecord
from MicrocalcElastographyLib.elastogram import Elastogram
from MicrocalcElastographyLib.geometry import Rectangle
from MicrocalcSlicerShared.geometry import ijkToRas

from .nodes import recall, remember

if TYPE_CHECKING:  # scipy and pydicom are imported only when needed
    from MicrocalcElastographyLib.calibration import Calibration
    from MicrocalcElastographyLib.cine import CineSummary
    from MicrocalcElastographyLib.elastogram_volume import ElastogramVolume
    from MicrocalcElastographyLib.profiles import Profile
    from MicrocalcElastographyLib.reading import ValueMeaning
    from MicrocalcElastographyLib.screen.frame import ScreenFrame

_SCREEN = "Screen"
_SPACING_SOURCE = "volume in the scene"


def geometry(spacing_mm: tuple[float, float] | None) -> np.ndarray:
    """IJK to RAS of an image that stands upright in the axial view; pixels of 1 mm when their size is unknown."""
    down, across = spacing_mm or (1.0, 1.0)
    return np.diag([-across, -down, 1.0, 1.0])


def nodeSpacing(volumeNode) -> tuple[float, float] | None:
    """Distance between rows, between columns in mm; None for 1 × 1 mm, which readers write that know none."""
    across, down = volumeNode.GetSpacing()[:2]
    return None if across == down == 1.0 else (down, across)


def loadScreens(path: Path, frames: list[int] | None = None, name: str | None = None):
    """Load a screen capture (DICOM, PNG, JPEG, TIFF) as a color volume with the right pixel spacing.

    Parameters
    ----------
    path : Path
    frames : list of int, optional
        Frames to load, one slice each; the first one otherwise.
    name : str, optional
        Of the node.

    Raises
    ------
    MicrocalcError
        When the file cannot be read or holds no screen.
    """
    from MicrocalcElastographyLib.reading import read_screen

    return _added([read_screen(Path(path), frame) for frame in frames or [0]], name or Path(path).stem)


def straighten(volumeNode, frame: int, corners: tuple[tuple[float, float], ...] = ()):
    """A new color volume: the photo of a screen in one frame, made upright by its four corners.

    Raises
    ------
    MicrocalcError
        When the corners are none, or cannot be found.
    """
    from MicrocalcElastographyLib.screen.perspective import upright_photo

    checkInput(volumeNode, frame)
    upright, _corners = upright_photo(_screenOf(volumeNode, frame), corners)
    return _added([upright], slicer.mrmlScene.GenerateUniqueName(f"{volumeNode.GetName()} straightened"))


def _added(screens: list[ScreenFrame], name: str):
    """A color volume with a screen in each slice, which remembers what their file told about them."""
    from MicrocalcElastographyLib.screen_calibration import find_calibration

    first = screens[0]
    spacing = find_calibration(first).spacing_mm
    pixels = np.stack([screen.rgb for screen in screens])
    node = slicer.util.addVolumeFromArray(pixels, geometry(spacing), name, "vtkMRMLVectorVolumeNode")
    remember(
        node,
        _SCREEN,
        {
            "regions": [dataclasses.asdict(region) for region in first.regions],
            "warnings": [dataclasses.asdict(warning) for warning in first.warnings],
            "sources": [screen.source for screen in screens],
            "spacing_mm": spacing,
        },
    )
    return node


def checkInput(volumeNode, frame: int = 0, isUnitKnown: bool = True) -> None:
    """Refuse a volume that can be neither a screen nor a map of values.

    Raises
    ------
    ParameterError, UnsupportedImageError
    """
    if volumeNode is None:
        raise ParameterError("Select the ultrasound screen to convert, or load one.")
    image = volumeNode.GetImageData()
    if image is None or image.GetNumberOfPoints() == 0:
        raise UnsupportedImageError("This volume holds no image; select an ultrasound screen.")
    components = image.GetNumberOfScalarComponents()
    if volumeNode.IsA("vtkMRMLLabelMapVolumeNode") or components not in (1, 3, 4):
        raise UnsupportedImageError("Select a color screen or a map of values, not a label map or a vector field.")
    if components > 1 and slicer.util.arrayFromVolume(volumeNode).dtype != np.uint8:
        raise UnsupportedImageError("Color screens have 8 bits per channel; load the screen capture itself.")
    slices = image.GetDimensions()[2]
    if not 0 <= frame < slices:
        raise ParameterError(f"The volume has {slices} frames, counted from 0; there is no frame {frame}.")
    if components == 1 and not isUnitKnown:
        raise ParameterError("This is a map of values without colors; choose the unit of its values.")


def isScreen(volumeNode) -> bool:
    """Whether the volume has colors."""
    return volumeNode.GetImageData().GetNumberOfScalarComponents() > 1


def elastogramOfVolume(volumeNode, frame: int, given: Calibration, meaning: ValueMeaning) -> Elastogram:
    """Values of a color screen, or of a map of values.

    Raises
    ------
    MicrocalcError
        Naming what has to be entered.
    """
    checkInput(volumeNode, frame, meaning.unit is not None)
    if not isScreen(volumeNode):
        from MicrocalcElastographyLib.reading.value_maps import value_map

        pixels, spacing = slicer.util.arrayFromVolume(volumeNode)[frame], nodeSpacing(volumeNode)
        place = {"slice": frame, "slices": volumeNode.GetImageData().GetDimensions()[2]}
        return value_map(pixels, meaning, spacing, _SPACING_SOURCE, {"kind": "volume in the scene", **place})

    from MicrocalcElastographyLib.conversion import elastogram_of_screen

    calibration = calibrationOfScreen(volumeNode, frame, given)
    return elastogram_of_screen(_screenOf(volumeNode, frame), calibration)


def slicesOf(volumeNode, frame: int, elastogram: Elastogram) -> ElastogramVolume | None:
    """All slices of a map of values, of which one was converted; None for a screen and for a single slice."""
    from MicrocalcElastographyLib.reading import ValueMeaning, volume_of_arrays

    if volumeNode is None or isScreen(volumeNode) or nodeSpacing(volumeNode) is None:
        return None
    pixels = slicer.util.arrayFromVolume(volumeNode)
    if len(pixels) < 2 or elastogram.spacing_mm is None:
        return None
    meaning = ValueMeaning(unit=elastogram.unit, direction=elastogram.direction)
    return volume_of_arrays(pixels, meaning, elastogram, frame, volumeNode.GetSpacing()[2])


def calibrationOfScreen(volumeNode, frame: int, given: Calibration) -> Calibration:
    """What is given, completed by what a color screen tells about itself."""
    from MicrocalcElastographyLib.screen_calibration import find_calibration

    return find_calibration(_screenOf(volumeNode, frame), _withSpacing(volumeNode, given))


def profileOfScreen(name: str, volumeNode, frame: int, given: Calibration) -> Profile:
    """What is given for a color screen, for all screens of its layout."""
    from MicrocalcElastographyLib.screen_calibration import profile_of

    return profile_of(name, _screenOf(volumeNode, frame), given)


def followCine(volumeNode, given: Calibration) -> CineSummary:
    """Values over the frames of a color volume, its steadiest stretch, and the frame to measure."""
    from MicrocalcElastographyLib.cine import follow_screens

    frames = volumeNode.GetImageData().GetDimensions()[2]
    numbered = ((frame, _screenOf(volumeNode, frame)) for frame in range(frames))
    return follow_screens(numbered, _withSpacing(volumeNode, given), frames=frames)


def _withSpacing(volumeNode, given: Calibration) -> Calibration:
    """What is given, with the pixel size that somebody gave the volume in the scene."""
    spacing = nodeSpacing(volumeNode)
    if given.spacing_mm is None and spacing is not None and not _isOwnSpacing(volumeNode, spacing):
        sources = {**given.sources, "spacing_mm": _SPACING_SOURCE}
        given = dataclasses.replace(given, spacing_mm=spacing, sources=sources)
    return given


def colorsOf(volumeNode, frame: int) -> np.ndarray:
    """Red, green and blue of one frame of a color screen; shape (rows, columns, 3)."""
    return np.ascontiguousarray(slicer.util.arrayFromVolume(volumeNode)[frame][..., :3])


def placeOf(volumeNode, frame: int, elastogram: Elastogram) -> np.ndarray | None:
    """IJK to RAS of one frame in the scene, shape (4, 4); None when the volume's pixels have another size."""
    spacing = nodeSpacing(volumeNode)
    if not _isSame(elastogram.spacing_mm, spacing):
        return None
    place = ijkToRas(volumeNode).copy()
    place[:, 3] = place @ [0.0, 0.0, frame, 1.0]
    return place


def _isOwnSpacing(volumeNode, spacing: tuple[float, float]) -> bool:
    """Whether the spacing is what :func:`loadScreens` found, and finds again together with its source."""
    known = recall(volumeNode, _SCREEN)
    return known is not None and _isSame(known["spacing_mm"], spacing)


def _isSame(first, second) -> bool:
    if first is None or second is None:
        return first is second
    return bool(np.allclose(first, second, rtol=1e-4))


def _screenOf(volumeNode, frame: int) -> ScreenFrame:
    from MicrocalcElastographyLib.screen.frame import ScreenFrame, UltrasoundRegion

    known = recall(volumeNode, _SCREEN) or {"regions": [], "warnings": [], "sources": []}
    regions = tuple(
        UltrasoundRegion(
            Rectangle(*region["place"]),
            region["is_image"],
            region["is_color_bar"],
            tuple(region["spacing_mm"]) if region["spacing_mm"] else None,
        )
        for region in known["regions"]
    )
    sources = known["sources"]
    source = sources[frame] if frame < len(sources) else {"kind": "volume in the scene", "frame": frame}
    warnings = tuple(WarningRecord(**record) for record in known["warnings"])
    return ScreenFrame(colorsOf(volumeNode, frame), regions, warnings, source)
