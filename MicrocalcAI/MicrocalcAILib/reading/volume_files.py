"""Mammograms in NRRD, MetaImage and NIfTI files: two-dimensional, or a volume of one slice."""

from __future__ import annotations

import gzip
import math
import re
from pathlib import Path

import numpy as np

from ..base.errors import UnreadableImageError, UnsupportedImageError
from .carried_fields import FIELDS, with_fields
from .content import ImageContent, check_size, direction_of_itk, gray_channel
from .spacing import spacing_of_header

IMAGE_IO = {"NRRD": "NrrdImageIO", "MetaImage": "MetaImageIO", "NIfTI": "NiftiImageIO"}
_LONGEST_TEXT_HEADER = 1 << 20
_NIFTI_HEADER = 352
_DEFLATE_LIMIT = 1032  # no byte of a deflated stream makes more bytes than this (zlib's documentation)


def read_volume_file(path: Path, kind: str, byte_budget: int) -> ImageContent:
    """Read an NRRD, MetaImage or NIfTI file (``kind``).

    The declared size is compared with the byte budget and with the length of the data before anything is allocated;
    data files named by a header have to lie in the header's folder.
    """
    import SimpleITK as sitk

    data_path, packed = data_file(path, kind)
    reader = sitk.ImageFileReader()
    reader.SetImageIO(IMAGE_IO[kind])
    reader.SetFileName(str(path))
    reader.ReadImageInformation()
    size, channels = reader.GetSize(), reader.GetNumberOfComponents()
    pixel_type = sitk.GetPixelIDValueAsString(reader.GetPixelID())
    bits = int(found[0]) if (found := re.findall(r"\d+", pixel_type)) else 0
    if math.prod(size[2:]) != 1:
        raise UnsupportedImageError(
            f"The file holds {math.prod(size[2:])} slices; only single mammograms are analyzed."
        )
    if "complex" in pixel_type or channels == 2 or not bits:
        raise UnsupportedImageError(f"Pixels of type “{pixel_type}” are not read; save the image as 16-bit numbers.")
    bytes_per_pixel = channels * bits // 8
    check_size(size[1], size[0], bytes_per_pixel, byte_budget)
    if kind == "NIfTI":  # the file's own type; ITK reports that after scaling
        bytes_per_pixel = int(reader.GetMetaData("bitpix")) // 8
    check_data_length(data_path, size[0] * size[1] * bytes_per_pixel, packed, kind)
    image = reader.Execute()

    samples = sitk.GetArrayViewFromImage(image).reshape(size[1], size[0], channels)
    samples, valid, warnings = gray_channel(samples)
    with np.errstate(over="ignore"):  # values beyond float32 become infinite, and are masked by the caller
        pixels = np.array(samples, np.float32)
    spacing = image.GetSpacing()
    header_spacing = (spacing[1], spacing[0])
    content = ImageContent(
        pixels=pixels,
        valid=valid,
        spacing=spacing_of_header(header_spacing, kind),
        origin_lps_mm=(*image.GetOrigin(), 0.0)[:3],
        direction_lps=direction_of_itk(image),
        warnings=warnings,
        source={
            "kind": kind,
            "bits_stored": bits,
            "intensities": "as stored",
            "header_spacing_mm": list(header_spacing),
        },
    )
    fields = {name: reader.GetMetaData(name) for name in FIELDS if reader.HasMetaDataKey(name)}
    return with_fields(content, fields) if fields else content


def data_file(path: Path, kind: str) -> tuple[Path, bool]:
    """File that holds the samples, and whether they are packed (compressed or text)."""
    if kind == "NIfTI":
        if not path.name.lower().endswith((".nii", ".nii.gz", ".hdr")):
            raise UnreadableImageError("This is a NIfTI file; give its name the ending .nii or .nii.gz.")
        data_path = path.with_suffix(".img") if path.suffix.lower() == ".hdr" else path
        return data_path, path.suffix.lower() == ".gz"
    fields = _text_header(path, kind)
    if kind == "NRRD":
        named = fields.get("data file") or fields.get("datafile")
        packed = fields.get("encoding", "raw").lower() != "raw"
    else:
        named = fields.get("elementdatafile", "")
        named = None if named.upper() == "LOCAL" else named
        packed = "true" in fields.get("compresseddata", "").lower() or "false" in fields.get("binarydata", "").lower()
    if named is None:
        return path, packed
    folder = path.resolve().parent
    data_path = (folder / named).resolve()
    if not data_path.is_relative_to(folder) or not data_path.is_file():
        raise UnreadableImageError(
            "The header does not name one data file in its own folder; put both files of the image side by side."
        )
    return data_path, packed


def _text_header(path: Path, kind: str) -> dict[str, str]:
    """Fields of an NRRD header (up to the empty line) or a MetaImage header (up to the data file), lower-case keys."""
    fields: dict[str, str] = {}
    separator = ":" if kind == "NRRD" else "="
    with path.open("rb") as file:
        while file.tell() < _LONGEST_TEXT_HEADER and (line := file.readline(_LONGEST_TEXT_HEADER)).strip():
            key, _, value = line.decode("latin-1").partition(separator)
            fields.setdefault(key.strip().lower(), value.strip())
            if kind == "MetaImage" and "elementdatafile" in fields:
                break
    return fields


def check_data_length(data_path: Path, needed: int, packed: bool, kind: str) -> None:
    """Refuse a file that holds fewer bytes of samples than its header announces.

    Raises
    ------
    UnreadableImageError
    """
    if kind == "NIfTI":  # ITK fills with zeros what is missing at the end
        needed += _NIFTI_HEADER if data_path.suffix.lower() != ".img" else 0
        available = _unpacked_length(data_path, needed) if packed else data_path.stat().st_size
    else:
        available = data_path.stat().st_size * (_DEFLATE_LIMIT if packed else 1)
    if available < needed:
        raise UnreadableImageError(f"The {kind} file is cut off; please save it again.")


def _unpacked_length(path: Path, needed: int) -> int:
    length = 0
    with gzip.open(path) as file:
        while length < needed and (chunk := file.read(1 << 20)):
            length += len(chunk)
    return length
