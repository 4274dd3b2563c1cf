"""Two echo frames for a strain image: radio-frequency lines or B-mode, from arrays, volumes and DICOM cines."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from MicrocalcAILib.base.errors import ParameterError, UnsupportedImageError
from MicrocalcAILib.base.volumes import read_volume
from MicrocalcAILib.reading.reader import file_kind

from ..geometry import Rectangle
from ..screen.frame import ScreenFrame
from ..screen.panels import find_panels
from .arrays import is_array_file, read_array
from .reader import DEFAULT_BYTE_BUDGET, read_screen

_VOLUMES = ("NRRD", "MetaImage", "NIfTI")
_Floats = NDArray[np.float64]
_Frame = tuple[_Floats, tuple[float, float] | None]


class EchoFrames(NamedTuple):
    """Two frames (float arrays, samples × lines, the probe at the first sample) and their spacing in mm."""

    before: _Floats
    after: _Floats
    spacing_mm: tuple[float, float]


def read_echo_frames(
    paths: Sequence[Path], frames: tuple[int, int] = (0, 1), spacing_mm: tuple[float, float] | None = None
) -> EchoFrames:
    """Read two frames from two files, or from one that has several.

    Parameters
    ----------
    paths : sequence of Path
        One or two: NumPy, MATLAB, CSV (samples × lines, or frames × samples × lines); NRRD, MetaImage, NIfTI (a frame
        in each slice); DICOM (the image region, or else the largest panel of ultrasound image).
    frames : (int, int)
        Of a file with several, counted from 0.
    spacing_mm : (float, float) or None
        Between samples, between lines; None takes what the file tells.

    Raises
    ------
    ParameterError
        When there are not two frames, or nothing tells the spacing.
    UnreadableImageError, UnsupportedImageError
    """
    for path in paths:
        if not path.is_file():
            raise ParameterError(f"There is no file “{path.name}”; check its name.")
    if len(paths) == 1 and frames[0] != frames[1]:
        found = [_frame(paths[0], number) for number in frames]
    elif len(paths) == 2:
        found = [_frame(path, None) for path in paths]
    else:
        raise ParameterError("Give two files with one frame each, or one file and two different frames of it.")
    (before, told), (after, _) = found
    spacing = spacing_mm or told
    if spacing is None:
        raise ParameterError("The file does not tell the distance of samples and of lines; give it (--spacing).")
    return EchoFrames(before, after, spacing)


def _frame(path: Path, number: int | None) -> _Frame:
    """One frame and the spacing its file tells; number None is the only frame of a file."""
    if is_array_file(path):
        array = read_array(path, DEFAULT_BYTE_BUDGET)
        stack = array[None] if array.ndim == 2 else array
        _check_number(number, len(stack))
        return stack[number or 0], None
    kind = file_kind(path)
    if kind in _VOLUMES:
        volume = read_volume(path, kind, DEFAULT_BYTE_BUDGET, number)
        if volume.samples.shape[2] != 1:
            raise UnsupportedImageError("The file holds colors; echo frames are gray values, so export them as such.")
        spacing = None if volume.spacing_mm == (1.0, 1.0) else volume.spacing_mm
        return volume.samples[..., 0].astype(np.float64), spacing
    if kind != "DICOM":
        raise UnsupportedImageError("Echo frames are read from NumPy, MATLAB, CSV, NRRD, MetaImage, NIfTI and DICOM.")
    screen = read_screen(path, number or 0)
    _check_number(number, int(screen.source["frames"]))
    place, spacing = _image_of(screen)
    return screen.rgb[place.slices].mean(axis=2), spacing


def _check_number(number: int | None, frames: int) -> None:
    if number is None and frames > 1:
        raise ParameterError("Give two files with one frame each, or one file with several frames.")
    if number is not None and not 0 <= number < frames:
        raise ParameterError(f"The file has {frames} frames, counted from 0; choose two of them.")


def _image_of(screen: ScreenFrame) -> tuple[Rectangle, tuple[float, float] | None]:
    """Where a screen shows the ultrasound image, the largest one, and its pixel size."""
    whole = Rectangle(0, 0, *screen.rgb.shape[:2])
    regions = [region for region in screen.regions if region.is_image]
    if regions:
        largest = max(regions, key=lambda region: region.place.area)
        return largest.place.intersection(whole), largest.spacing_mm
    panels = find_panels(screen.rgb)
    return (panels[0] if panels else whole), screen.spacing_mm
