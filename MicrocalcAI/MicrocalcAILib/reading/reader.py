"""Recognize a file by its content, read it, and make it a mammogram."""

from __future__ import annotations

import gzip
import re
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..base.errors import UnreadableImageError, UnsupportedImageError, WarningRecord
from ..base.provenance import sha256_of_file
from .admission import AdmissionCard, BitUse, Statement
from .chest_wall import appearance
from .content import ImageContent, damage_reported
from .dicom import read_dicom
from .drawn_lines import drawn_lines
from .image_files import read_image_file
from .mammogram import Mammogram
from .no_value import fill_pixels_without_value, padding_of
from .pgm_files import read_pgm_file
from .spacing import choose_spacing, in_words
from .views import view_from_words
from .volume_files import read_volume_file

# Meta information, or a bare data set in either byte order: first tag of group 2, or of group 8 up to (0008,0020).
_DICOM_WITHOUT_PREAMBLE = re.compile(rb"\x02\0[\0-\x20]\0UL|\x08\0[\0-\x20]\0|\0\x08\0[\0-\x20][A-Z]{2}", re.DOTALL)
# The long side of a mammogram: smallest spot view to largest detector, in mm.
_SMALLEST_EXTENT_MM, _LARGEST_EXTENT_MM = 40.0, 450.0


def read_mammogram(
    path: Path,
    spacing_mm: float | tuple[float, float] | None = None,
    assumed_spacing_mm: float | tuple[float, float] | None = None,
    byte_budget: int = 512 * 2**20,
) -> Mammogram:
    """Read a mammogram from DICOM, PNG, TIFF, JPEG, PGM, NRRD, MetaImage or NIfTI; the only place that opens images.

    Files are recognized by their content and checked before they are decoded. What is doubtful about them becomes a
    warning of the result.

    Parameters
    ----------
    path : Path
    spacing_mm : float or (float, float), optional
        Pixel spacing in the plane of the breast (between rows, between columns); it wins over the file's own.
    assumed_spacing_mm : float or (float, float), optional
        Taken, with a warning, when neither the caller nor the file knows the spacing.
    byte_budget : int
        Largest decoded size of the stored image, in bytes; the float32 copy comes on top.

    Raises
    ------
    UnreadableImageError
        When the file is missing, damaged, cut off, contradictory or larger than the budget.
    UnsupportedImageError
        When it is something else than a single mammogram, or in an encoding that is not read.
    ParameterError
        When nobody knows the pixel spacing, or the spacing given is impossible.
    """
    path = Path(path)
    if path.is_dir():
        raise UnreadableImageError("This is a folder; choose one image file in it.")
    if not path.is_file():
        raise UnreadableImageError("There is no such file; check its name.")
    try:
        kind = file_kind(path)
        digest = sha256_of_file(path)
    except OSError as error:
        raise UnreadableImageError(f"The file cannot be opened: {error.strerror or 'input error'}.") from error
    with damage_reported(kind):
        if kind == "DICOM":
            content = read_dicom(path, byte_budget)
        elif kind in ("PNG", "TIFF", "JPEG"):
            content = read_image_file(path, kind, byte_budget)
        elif kind == "PGM":
            content = read_pgm_file(path, byte_budget)
        else:
            content = read_volume_file(path, kind, byte_budget)
    if kind != "DICOM" and not (content.laterality or content.view):
        content = _with_view_of_name(content, path.name.partition(".")[0])
    spacing, spacing_source, warnings = choose_spacing(content.spacing, spacing_mm, assumed_spacing_mm)
    return _mammogram(content, spacing, spacing_source, warnings, digest)


def file_kind(path: Path) -> str:
    """``DICOM``, ``PNG``, ``JPEG``, ``TIFF``, ``PGM``, ``NRRD``, ``MetaImage`` or ``NIfTI``, by the first bytes.

    Raises
    ------
    UnreadableImageError
        When the content is none of these.
    """
    with path.open("rb") as file:
        head = file.read(1024)
    if not head:
        raise UnreadableImageError("The file is empty.")
    if head[128:132] == b"DICM" or _DICOM_WITHOUT_PREAMBLE.match(head):
        return "DICOM"
    for beginning, kind in (
        (b"\x89PNG\r\n\x1a\n", "PNG"),
        (b"\xff\xd8\xff", "JPEG"),
        (b"II*\0", "TIFF"),
        (b"MM\0*", "TIFF"),
        (b"II+\0", "TIFF"),
        (b"MM\0+", "TIFF"),
        (b"NRRD000", "NRRD"),
        (b"P2", "PGM"),
        (b"P5", "PGM"),
    ):
        if head.startswith(beginning):
            return kind
    if re.match(rb"\s*\w+ *= *", head) and b"NDims" in head:
        return "MetaImage"
    if head.startswith(b"\x1f\x8b"):
        try:
            with gzip.open(path) as file:
                head = file.read(352)
        except (EOFError, OSError, zlib.error):
            raise UnreadableImageError("The compressed file is damaged; please save it again.") from None
    if head[344:348] in (b"n+1\0", b"ni1\0") or head[4:8] in (b"n+2\0", b"ni2\0"):
        return "NIfTI"
    raise UnsupportedImageError(
        "The file is no image that is read here; choose DICOM, PNG, TIFF, JPEG, PGM, NRRD, MetaImage or NIfTI."
    )


def _with_view_of_name(content: ImageContent, name: str) -> ImageContent:
    view = view_from_words(name)
    if not (view.laterality or view.view):
        return content
    warning = WarningRecord("view-from-text", "Laterality or view were taken from the name of the file; please check.")
    sides, views = ((Statement("file name", value),) if value else () for value in (view.laterality, view.view))
    return replace(
        content,
        admission=replace(content.admission, side_statements=sides, view_statements=views),
        laterality=view.laterality,
        view=view.view,
        view_modifiers=view.modifiers,
        warnings=[*content.warnings, warning],
    )


def _completed_card(
    content: ImageContent, padding: NDArray[np.bool_] | None, spacing_mm: tuple[float, float], source: str
) -> AdmissionCard:
    """The card with what is known of every kind of file."""
    card, valid = content.admission, content.valid
    padded = 0.0 if padding is None else float(padding.mean())
    bits = card.bits
    if not bits.allocated:  # a file without a notion of its own
        stored = int(content.source["bits_stored"])
        values = content.pixels if valid is None else content.pixels[valid]
        bits = BitUse(stored, stored, stored - 1, float(values.min()), float(values.max()))
    return replace(
        card,
        laterality=content.laterality,
        view=content.view,
        view_modifiers=content.view_modifiers,
        spacing_mm=spacing_mm,
        spacing_source=source,
        spacing_statements=content.spacing.statements or card.spacing_statements,
        magnification=content.spacing.magnification or card.magnification,
        bits=bits,
        padding_share=padded,
        mark_share=0.0 if valid is None else 1 - float(valid.mean()) - padded,
        polarity=content.source["intensities"] if card.kind == "unstated" else card.polarity,
    )


def _mammogram(
    content: ImageContent,
    spacing_mm: tuple[float, float],
    spacing_source: str,
    spacing_warnings: list[WarningRecord],
    digest: str,
) -> Mammogram:
    pixels, valid = content.pixels, content.valid
    warnings = spacing_warnings + content.warnings

    finite = np.isfinite(pixels)
    if not finite.all():
        valid = finite if valid is None else valid & finite
        warnings.append(
            WarningRecord("non-finite-pixels", "The image holds values that are no numbers; they are not analyzed.")
        )
    if valid is not None and not valid.any():
        raise UnreadableImageError("No pixel of the file is image; all of them are marked as padding.")
    lines = drawn_lines(pixels, valid, spacing_mm)
    if lines is not None:
        valid = ~lines if valid is None else valid & ~lines
        warnings.append(
            WarningRecord(
                "drawn-lines",
                "Straight lines are drawn into the picture (a cross, a box or a ruler); the pixels under them are not "
                "analyzed.",
            )
        )
    padding = padding_of(valid, spacing_mm)
    if valid is not None:
        fill_pixels_without_value(pixels, valid, padding, spacing_mm)

    look = appearance(pixels, valid)
    if look.negative:
        warnings.append(
            WarningRecord(
                "looks-inverted",
                "The background is brighter than the breast; the image seems to be stored inverted, so calcifications "
                "would be dark and not be found.",
            )
        )
    if look.chest_wall_side and content.stated_chest_wall_side not in (None, look.chest_wall_side):
        warnings.append(
            WarningRecord(
                "chest-wall-disagreement",
                f"Patient Orientation puts the chest wall at the {content.stated_chest_wall_side} of the image, the "
                f"pixels put it at the {look.chest_wall_side}; the pixels were followed.",
            )
        )
    if content.laterality is None:
        warnings.append(WarningRecord("laterality-unknown", "The file does not say whether this is the left breast."))
    if content.view is None:
        warnings.append(WarningRecord("view-unknown", "The file does not say which view this is."))
    if content.source["bits_stored"] <= 8:
        warnings.append(
            WarningRecord("few-gray-levels", "The image has 8 bits or fewer; faint calcifications may have been lost.")
        )
    extent_mm = max(size * length for size, length in zip(pixels.shape, spacing_mm, strict=True))
    if not _SMALLEST_EXTENT_MM <= extent_mm <= _LARGEST_EXTENT_MM:
        warnings.append(
            WarningRecord(
                "unusual-size",
                f"With pixels of {in_words(spacing_mm)} the image is {extent_mm:.0f} mm long, and a mammogram some "
                "180 to 300 mm; check the spacing, or whether this is a part of one.",
            )
        )
    return Mammogram(
        pixels=pixels,
        spacing_mm=spacing_mm,
        spacing_source=spacing_source,
        valid=valid,
        laterality=content.laterality,
        view=content.view,
        view_modifiers=content.view_modifiers,
        chest_wall_side=look.chest_wall_side or content.stated_chest_wall_side,
        display_window=content.display_window,
        origin_lps_mm=content.origin_lps_mm,
        direction_lps=content.direction_lps,
        warnings=tuple(dict.fromkeys(warnings)),  # a file that was loaded before carries some of them
        source={**content.source, "sha256": digest},
        admission=_completed_card(replace(content, valid=valid), padding, spacing_mm, spacing_source),
    )
