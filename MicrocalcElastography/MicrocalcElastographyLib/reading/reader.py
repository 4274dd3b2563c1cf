"""Reading elastograms from files: the entry point of this room."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from MicrocalcAILib.base.errors import ParameterError, UnreadableImageError, UnsupportedImageError, WarningRecord
from MicrocalcAILib.base.progress import Progress, no_progress
from MicrocalcAILib.base.provenance import sha256_of_file
from MicrocalcAILib.reading.content import damage_reported
from MicrocalcAILib.reading.reader import file_kind

from ..calibration import Calibration
from ..conversion import elastogram_of_screen
from ..elastogram import Elastogram
from ..inversion import InversionParameters
from ..screen.frame import ScreenFrame
from ..screen.perspective import upright_photo
from ..screen_calibration import find_calibration
from . import dicom_file
from .arrays import is_array_file, read_array
from .cine import unique_elastography_frames
from .dicom_screens import read_colors, read_dicom_screen
from .pictures import read_picture
from .value_maps import ValueMeaning, is_value_map, read_dicom_value_map, read_value_file, value_map

DEFAULT_BYTE_BUDGET = 1 << 30
_PICTURES = ("PNG", "JPEG", "TIFF")


def read_elastogram(
    path: Path,
    frame: int | None = None,
    given: Calibration | None = None,
    meaning: ValueMeaning | None = None,
    parameters: InversionParameters | None = None,
    byte_budget: int = DEFAULT_BYTE_BUDGET,
) -> Elastogram:
    """Read an elastogram from a screen (DICOM, PNG, JPEG, TIFF) or a map of values (DICOM, NRRD, MetaImage, NIfTI,
    NumPy, MATLAB, CSV).

    Parameters
    ----------
    path : Path
    frame : int or None
        Frame, page or slice, counted from 0; None takes the first (that holds elasticity), with a warning when the
        file has more.
    given : Calibration or None
        For screens: what the user knows better than the screen tells.
    meaning : ValueMeaning or None
        For maps of values: their unit and the value of void pixels.
    parameters : InversionParameters or None
        For screens: how strictly colors are matched.
    byte_budget : int
        Largest memory for one frame.

    Raises
    ------
    UnreadableImageError, UnsupportedImageError
        When the file is damaged, hostile, or holds no elastogram that can be read.
    ParameterError
        When something has to be asked for: the sentence says what.
    """
    elastogram = _read(path, frame, given, meaning, parameters, byte_budget)
    if frame is None and elastogram.place_in_file:
        chosen = WarningRecord(
            "frame-not-chosen",
            f"Nobody chose a frame: {elastogram.place_in_file} was read. List the frames with --frame (without a "
            "number) and choose one.",
        )
        return replace(elastogram, warnings=(*elastogram.warnings, chosen))
    return elastogram


def _read(
    path: Path,
    frame: int | None,
    given: Calibration | None,
    meaning: ValueMeaning | None,
    parameters: InversionParameters | None,
    byte_budget: int,
) -> Elastogram:
    if Path(path).is_file() and is_array_file(Path(path)):
        return _read_array_map(Path(path), frame, meaning or ValueMeaning(), byte_budget)
    path, kind, source = _identified(path)
    with damage_reported(kind):
        if kind == "DICOM":
            with dicom_file.opened(path, byte_budget) as file:
                if is_value_map(file.attributes):
                    return read_dicom_value_map(file, frame, meaning or ValueMeaning(), source)
        elif kind not in _PICTURES:
            return read_value_file(path, kind, frame or 0, meaning or ValueMeaning(), byte_budget, source)
    screen = read_screen(path, frame or 0, byte_budget)
    if given is not None and given.corners is not None:
        screen, corners = upright_photo(screen, given.corners)
        source = {} if given.corners else {"corners": "found on the photo"}
        given = replace(given, corners=corners, sources={**given.sources, **source})
    return elastogram_of_screen(screen, find_calibration(screen, given), parameters)


def _read_array_map(path: Path, frame: int | None, meaning: ValueMeaning, byte_budget: int) -> Elastogram:
    array = read_array(path, byte_budget)
    frames = array[None] if array.ndim == 2 else array
    number = frame or 0
    if not 0 <= number < len(frames):
        raise ParameterError(f"The file has {len(frames)} slices, counted from 0; there is no slice {number}.")
    source = {"sha256": sha256_of_file(path), "kind": path.suffix.lower()[1:].upper(), "slice": number}
    return value_map(frames[number], meaning, None, "unknown", {**source, "slices": len(frames)})


def read_screen(path: Path, frame: int = 0, byte_budget: int = DEFAULT_BYTE_BUDGET) -> ScreenFrame:
    """One frame of a screen capture in red, green, blue, with the regions a DICOM file knows.

    Raises
    ------
    UnreadableImageError, UnsupportedImageError, ParameterError
    """
    path, kind, source = _identified(path)
    with damage_reported(kind):
        if kind == "DICOM":
            with dicom_file.opened(path, byte_budget) as file:
                screen = read_dicom_screen(file, frame)
        elif kind in _PICTURES:
            screen = read_picture(path, kind, frame, byte_budget)
        else:
            raise ParameterError("The file holds values, not a screen; read it as a map of values.")
    return replace(screen, source={**source, **screen.source})


def elastography_frames(
    path: Path,
    given: Calibration | None = None,
    byte_budget: int = DEFAULT_BYTE_BUDGET,
    progress: Progress = no_progress,
) -> list[int]:
    """Numbers of the frames of a DICOM cine, or pages of a TIFF file, that each show a new elastogram; ``[0]`` for one.

    Parameters
    ----------
    path : Path
    given : Calibration or None
        Its box, when given, is where changes are looked for; otherwise the box of the first frame that has one.
    byte_budget : int
    progress : Progress

    Raises
    ------
    UnreadableImageError, UnsupportedImageError
    """
    path, kind, _ = _identified(path)
    with damage_reported(kind):
        if kind == "DICOM":
            with dicom_file.opened(path, byte_budget) as file:
                count = file.number_of_frames
                return _new_elastograms(
                    count,
                    partial(read_dicom_screen, file),
                    lambda number: read_colors(file, number)[0],
                    given,
                    progress,
                )
        if kind not in _PICTURES:
            return [0]
        pages = int(read_picture(path, kind, 0, byte_budget).source["frames"])
        if pages == 1:
            return [0]

        def page(number: int) -> ScreenFrame:
            return read_picture(path, kind, number, byte_budget)

        return _new_elastograms(pages, page, lambda number: page(number).rgb, given, progress)


def _new_elastograms(
    count: int,
    screen_of: Callable[[int], ScreenFrame],
    colors_of: Callable[[int], NDArray[np.uint8]],
    given: Calibration | None,
    progress: Progress,
) -> list[int]:
    """Numbers of the frames, of so many, that show a new elastogram."""
    box, first = given.box if given else None, 0
    while box is None and first < count:
        box = find_calibration(screen_of(first), given).box
        first += box is None
    if box is None:
        return []
    found_in = box

    def frames() -> Iterator[NDArray[np.uint8]]:
        for number in range(first, count):
            progress("Comparing frames", number, count)
            colors = colors_of(number)
            if not found_in.inside_frame(*colors.shape[:2]):
                raise ParameterError(f"Page {number} is smaller than the ones before; give one page (--frame) instead.")
            yield colors

    return [first + number for number in unique_elastography_frames(frames(), found_in)]


def _identified(path: Path) -> tuple[Path, str, dict[str, Any]]:
    path = Path(path)
    if not path.is_file():
        raise UnreadableImageError("There is no such file; check its name.")
    try:
        kind, source = file_kind(path), {"sha256": sha256_of_file(path)}
    except OSError as error:
        raise UnreadableImageError(f"The file cannot be opened: {error.strerror or 'input error'}.") from error
    if kind == "PGM":
        raise UnsupportedImageError("A PGM file is gray and holds no elastogram; export the screen in color.")
    return path, kind, source
