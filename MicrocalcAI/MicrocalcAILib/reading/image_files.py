"""Mammograms in PNG, TIFF and JPEG files."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..base.errors import UnreadableImageError, UnsupportedImageError, WarningRecord
from ..base.guarded import Decoded, guarded
from ..base.limits import check_size
from ..base.volumes import CANNOT_BE_CHECKED, CHECKSUM_VERIFIED
from .admission import AdmissionCard
from .content import FileSpacing, ImageContent, gray_channel
from .spacing import is_plausible
from .tiff_directories import check_tiff_directories

if TYPE_CHECKING:
    from PIL import Image

_BYTES_OF_MODE = {"L": 1, "P": 3, "LA": 2, "RGB": 3, "RGBA": 4, "I": 4, "F": 4, "I;16": 2, "I;16L": 2, "I;16B": 2}
_WHITE_IS_ZERO = 0
_PHOTOMETRIC, _BITS_PER_SAMPLE, _ORIENTATION = 262, 258, 274
_SCREEN_RESOLUTIONS = (72, 96)
_BLOCK = 1 << 20
_MEMORY_PER_BYTE = 4  # of the decoded size: the file, the picture, its samples


def read_image_file(path: Path, kind: str, byte_budget: int) -> ImageContent:
    """Read a PNG, TIFF or JPEG file (``kind``).

    TIFF files whose zero means white are inverted, as MONOCHROME1 is. The resolution tag is never used to measure.
    """
    facts, (samples,) = guarded(decode_image_file, str(path), kind, byte_budget, memory=_MEMORY_PER_BYTE * byte_budget)
    plane, valid, more = gray_channel(np.atleast_3d(samples))
    pixels = np.array(plane, np.float32)
    if facts["zero_is_white"]:
        np.subtract(np.float32((1 << facts["bits"]) - 1), pixels, out=pixels)
    return ImageContent(
        admission=AdmissionCard(integrity=facts["integrity"]),
        pixels=pixels,
        valid=valid,
        spacing=FileSpacing(remark=_resolution_remark(facts["dots_per_inch"])),
        warnings=[_WARNINGS[code] for code in facts["warnings"]] + more,
        source={
            "kind": kind,
            "bits_stored": facts["bits"],
            "intensities": "inverted" if facts["zero_is_white"] else "as stored",
            "header_spacing_mm": facts["header_spacing_mm"],
        },
    )


def decode_image_file(name: str, kind: str, byte_budget: int) -> Decoded:
    """What :func:`read_image_file` runs where it can be ended: the samples as stored, and what is said of them."""
    from PIL import Image

    path = Path(name)
    integrity = _check_structure(path, kind)
    try:
        picture = Image.open(path, formats=[kind])
    except Image.DecompressionBombError:
        raise UnreadableImageError("The file declares an image far larger than a mammogram.") from None
    with picture:
        if picture.mode not in _BYTES_OF_MODE:
            raise UnsupportedImageError(
                f"Pictures of the kind “{picture.mode}” are not read; export it in grayscale, 8 or 16 bit."
            )
        check_size(picture.height, picture.width, _BYTES_OF_MODE[picture.mode], byte_budget)
        if (pages := getattr(picture, "n_frames", 1)) > 1:
            raise UnsupportedImageError(f"The file holds {pages} pages; export the mammogram as a single page.")
        samples, bits, zero_is_white = _samples(picture, path, kind)
        facts = {
            "bits": bits,
            "zero_is_white": zero_is_white,
            "integrity": integrity,
            "warnings": _warning_codes(picture, kind),
            "dots_per_inch": [float(value) for value in picture.info.get("dpi") or ()],
            "header_spacing_mm": list(_itk_spacing(path, kind)),
        }
    return Decoded(facts, (samples,))


def _check_structure(path: Path, kind: str) -> str:
    """Check what the libraries do not; returns whether checksums were compared."""
    if kind == "TIFF":
        check_tiff_directories(path)
    if kind != "PNG":
        return CANNOT_BE_CHECKED
    check_png_checksums(path)
    return CHECKSUM_VERIFIED


def check_png_checksums(path: Path) -> None:
    """Compare the checksums of all chunks of a PNG file, up to its end.

    Raises
    ------
    UnreadableImageError
    """
    with path.open("rb") as file:
        file.seek(8)
        kind = b""
        while kind != b"IEND":
            head = file.read(8)
            length, kind = struct.unpack(">L", head[:4].rjust(4, b"\0"))[0], head[4:]
            checksum = zlib.crc32(kind)
            while length and (block := file.read(min(length, _BLOCK))):
                checksum = zlib.crc32(block, checksum)
                length -= len(block)
            if length or len(head) < 8 or file.read(4) != struct.pack(">L", checksum):
                raise UnreadableImageError(
                    "The PNG file is damaged (a checksum is wrong) or cut off; please export it again."
                )


def _samples(picture: Image.Image, path: Path, kind: str) -> tuple[NDArray[Any], int, bool]:
    """Samples (rows, columns[, channels]) as stored, bits per sample, and whether zero means white."""
    tags: Any = getattr(picture, "tag_v2", {})
    bits = int((tags.get(_BITS_PER_SAMPLE) or [_png_depth(path) if kind == "PNG" else 8])[0])
    if picture.mode in ("RGB", "RGBA") and bits == 16:  # Pillow would keep only 8 of the bits
        return _with_itk(path, kind), bits, False
    zero_is_white = tags.get(_PHOTOMETRIC) == _WHITE_IS_ZERO
    if picture.mode == "P":
        return np.asarray(picture.convert("RGB")), 8, False
    if zero_is_white and picture.mode == "L":  # the one case that Pillow inverts itself
        return 255 - np.asarray(picture), 8, True
    if zero_is_white and not picture.mode.startswith("I;16"):
        raise UnsupportedImageError("TIFF files in which zero is white are read with 8 or 16 unsigned bits only.")
    return np.asarray(picture), bits, zero_is_white


def _png_depth(path: Path) -> int:
    with path.open("rb") as file:
        return file.read(25)[24]


def _with_itk(path: Path, kind: str) -> NDArray[Any]:
    import SimpleITK as sitk

    try:
        array = sitk.GetArrayFromImage(sitk.ReadImage(str(path), imageIO=f"{kind}ImageIO"))
    except RuntimeError:
        raise UnreadableImageError(f"The {kind} file is damaged or cut off; please export it again.") from None
    if array.dtype != np.uint16:
        raise UnsupportedImageError("Colored pictures of this kind are not read; export the image in grayscale.")
    return array


def _itk_spacing(path: Path, kind: str) -> tuple[float, float]:
    """(row, column) spacing that an ITK reader gives this file; 1 mm, its default, when it cannot read it."""
    import SimpleITK as sitk

    reader = sitk.ImageFileReader()
    reader.SetImageIO(f"{kind}ImageIO")
    reader.SetFileName(str(path))
    noisy = sitk.ProcessObject.GetGlobalWarningDisplay()
    sitk.ProcessObject.GlobalWarningDisplayOff()  # ITK warns of losses in pixels that are not read here
    try:
        reader.ReadImageInformation()
    except RuntimeError:
        return 1.0, 1.0
    finally:
        sitk.ProcessObject.SetGlobalWarningDisplay(noisy)
    return reader.GetSpacing()[1], reader.GetSpacing()[0]


def _resolution_remark(dots_per_inch: list[float]) -> str:
    if len(dots_per_inch) != 2 or not all(dots_per_inch) or round(dots_per_inch[0]) in _SCREEN_RESOLUTIONS:
        return ""
    spacing_mm = 25.4 / dots_per_inch[1], 25.4 / dots_per_inch[0]
    if not is_plausible(spacing_mm):
        return ""
    return (
        f"Its resolution tag of {dots_per_inch[0]:.4g} dots per inch would mean {spacing_mm[1]:.3g} mm, "
        "but programs often write such tags without knowing."
    )


def _warning_codes(picture: Image.Image, kind: str) -> list[str]:
    lossy = kind == "JPEG" or "jpeg" in str(picture.info.get("compression", ""))
    turned = picture.getexif().get(_ORIENTATION, 1) != 1
    return ["lossy-compression"] * lossy + ["orientation-tag-ignored"] * turned


_WARNINGS = {
    record.code: record
    for record in (
        WarningRecord(
            "lossy-compression", "The image was compressed with loss; faint calcifications may be missing or altered."
        ),
        WarningRecord(
            "orientation-tag-ignored", "The file asks viewers to turn the picture; the pixels were read as stored."
        ),
    )
}
