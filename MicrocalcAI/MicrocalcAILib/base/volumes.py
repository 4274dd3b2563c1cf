"""Volumes in NRRD, MetaImage and NIfTI files: how images and label maps come in, and one slice leaves the library."""

from __future__ import annotations

import math
import re
import struct
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .errors import ParameterError, UnreadableImageError, UnsupportedImageError
from .files import replaced_on_success
from .guarded import Decoded, guarded
from .limits import BYTE_BUDGET, check_size
from .volume_headers import CheckedHeader, check_volume_header

CHECKSUM_VERIFIED = "checksum verified"
CANNOT_BE_CHECKED = "cannot be checked"
_IMAGE_IO = {"NRRD": "NrrdImageIO", "MetaImage": "MetaImageIO", "NIfTI": "NiftiImageIO"}
_WINDOW_BITS = {"gzip": 31, "zlib": 15}
_BLOCK = 1 << 20
_PACKED_BLOCK = 1 << 17
_GZIP = b"\x1f\x8b"
_NRRD_TYPES = {
    "uint8": "uint8", "int8": "int8", "uint16": "uint16", "int16": "int16", "uint32": "uint32", "int32": "int32",
    "uint64": "uint64", "int64": "int64", "float32": "float", "float64": "double",
}  # fmt: skip


class Volume(NamedTuple):
    """One slice of a volume, and what its header says.

    Parameters
    ----------
    samples : array, shape (rows, columns, channels)
    pixel_type : str
        As ITK names it.
    slices : int
        Number of slices in the file.
    spacing_mm : (float, float)
        Between rows, between columns.
    slice_spacing_mm : float or None
        Between slices; None in a file of two dimensions.
    origin_lps_mm, direction_lps : tuples of 3 and 9 floats
    fields : dict
        Further entries of the header.
    integrity : str
        ``checksum verified`` or ``cannot be checked``.
    """

    samples: NDArray[Any]
    pixel_type: str
    slices: int
    spacing_mm: tuple[float, float]
    slice_spacing_mm: float | None
    origin_lps_mm: tuple[float, ...]
    direction_lps: tuple[float, ...]
    fields: dict[str, str]
    integrity: str


def volume_kind(path: Path) -> str:
    """``NRRD``, ``MetaImage`` or ``NIfTI``, by the first bytes.

    Raises
    ------
    UnreadableImageError
        When it is none of these.
    """
    try:
        with path.open("rb") as file:
            head = file.read(1024)
    except OSError as error:
        raise UnreadableImageError(f"The file cannot be opened: {error.strerror or 'input error'}.") from error
    if head.startswith(b"NRRD000"):
        return "NRRD"
    if re.match(rb"\s*\w+ *= *", head) and b"NDims" in head:
        return "MetaImage"
    if path.name.lower().endswith((".nii", ".nii.gz", ".hdr")):
        return "NIfTI"
    raise UnreadableImageError("The file is no volume that is read here; save it as NRRD, MetaImage or NIfTI.")


def read_volume(path: Path, kind: str, byte_budget: int = BYTE_BUDGET, slice_number: int | None = None) -> Volume:
    """Read one slice of an NRRD, MetaImage or NIfTI file (``kind``); header and lengths are checked before.

    Parameters
    ----------
    path : Path
    kind : str
    byte_budget : int
        Largest decoded size of the whole file, in bytes.
    slice_number : int, optional
        Counted from 0; without it the file has to hold a single slice.

    Raises
    ------
    UnreadableImageError, UnsupportedImageError
    """
    facts, (samples,) = guarded(decode_volume, str(path), kind, byte_budget, slice_number, memory=4 * byte_budget)
    return Volume(
        samples,
        facts["pixel_type"],
        facts["slices"],
        tuple(facts["spacing_mm"]),
        facts["slice_spacing_mm"],
        tuple(facts["origin_lps_mm"]),
        tuple(facts["direction_lps"]),
        facts["fields"],
        facts["integrity"],
    )


def decode_volume(name: str, kind: str, byte_budget: int, slice_number: int | None) -> Decoded:
    """What :func:`read_volume` runs where it can be ended."""
    import SimpleITK as sitk

    path = Path(name)
    header = check_volume_header(path, kind)
    reader = sitk.ImageFileReader()
    reader.SetImageIO(_IMAGE_IO[kind])
    reader.SetFileName(name)
    reader.ReadImageInformation()
    size, channels = reader.GetSize(), reader.GetNumberOfComponents()
    slices = math.prod(size[2:])
    pixel_type = sitk.GetPixelIDValueAsString(reader.GetPixelID())
    bits = int(found[0]) if (found := re.findall(r"\d+", pixel_type)) else 0
    if slices != 1 and (slice_number is None or len(size) != 3):
        raise UnsupportedImageError(f"The file holds {slices} slices; only single images are read, save one of them.")
    if slice_number is not None and not 0 <= slice_number < slices:
        raise ParameterError(f"The file has {slices} slices, counted from 0; there is no slice {slice_number}.")
    if "complex" in pixel_type or channels == 2 or not bits:
        raise UnsupportedImageError(f"Pixels of type “{pixel_type}” are not read; save the image as 16-bit numbers.")
    check_size(size[1], size[0], slices * channels * bits / 8, byte_budget)
    fields = {key: reader.GetMetaData(key) for key in reader.GetMetaDataKeys()}
    # The file's own type; ITK reports that of a NIfTI file after scaling.
    bytes_per_sample = int(fields["bitpix"]) / 8 if kind == "NIfTI" else bits / 8
    integrity = _check_samples(header, int(math.prod(size) * channels * bytes_per_sample), kind)
    if len(size) == 3 and slices > 1:
        reader.SetExtractIndex([0, 0, int(slice_number or 0)])
        reader.SetExtractSize([size[0], size[1], 1])
    image = reader.Execute()

    direction, origin, spacing = image.GetDirection(), image.GetOrigin(), image.GetSpacing()
    if len(direction) == 4:
        direction = (*direction[:2], 0.0, *direction[2:], 0.0, 0.0, 0.0, 1.0)
    facts = {
        "pixel_type": pixel_type,
        "slices": slices,
        "spacing_mm": (spacing[1], spacing[0]),
        "slice_spacing_mm": spacing[2] if len(spacing) > 2 else None,
        "origin_lps_mm": (*origin, 0.0)[:3],
        "direction_lps": direction if len(direction) == 9 else (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0),
        "fields": fields,
        "integrity": integrity,
    }
    return Decoded(facts, (sitk.GetArrayFromImage(image).reshape(size[1], size[0], channels),))


def _check_samples(header: CheckedHeader, needed: int, kind: str) -> str:
    """Refuse a file with more or fewer bytes of samples than its header announces, and one whose checksum is wrong.

    What ITK does not: it fills with zeros what is missing at the end of a NIfTI file, and checks no checksum.
    """
    if header.compression and header.compression not in _WINDOW_BITS:  # ITK refuses what ends too early
        return CANNOT_BE_CHECKED
    skipped = max(header.data_position, 0)
    if header.compression:
        # A compressed NIfTI file is one stream with its header; the others begin to be compressed at their samples.
        start, before = (0, skipped) if kind == "NIfTI" else (skipped, 0)
        available = sum(_unpacked(header, start, before + needed)) - before
    else:
        available = header.data_path.stat().st_size - skipped
    if available < needed:
        raise UnreadableImageError(f"The {kind} file is cut off; please save it again.")
    if available > needed and header.data_position >= 0:
        raise UnreadableImageError(
            f"The pixel data of the {kind} file are longer than its header says; please save it again."
        )
    return CHECKSUM_VERIFIED if header.compression else CANNOT_BE_CHECKED


def _unpacked(header: CheckedHeader, start: int, most: int) -> Iterator[int]:
    """Lengths of the unpacked pieces of a stream, up to one that goes beyond ``most``; its checksum is compared."""
    unpacker = zlib.decompressobj(_WINDOW_BITS[header.compression])
    total = 0
    with header.data_path.open("rb") as file:
        file.seek(start)
        try:
            while total <= most and (block := file.read(_BLOCK)):
                while block and total <= most:
                    if unpacker.eof:  # gzip files may be several streams in a row
                        unpacker = zlib.decompressobj(_WINDOW_BITS[header.compression])
                    piece = unpacker.decompress(block, _BLOCK)
                    total += len(piece)
                    yield len(piece)
                    block = unpacker.unused_data if unpacker.eof else unpacker.unconsumed_tail
                    if unpacker.eof and (header.compression == "zlib" or not block.startswith(_GZIP)):
                        return
        except zlib.error:
            raise UnreadableImageError(
                "The compressed pixel data are damaged (their checksum is wrong); please save the image again."
            ) from None
    if total == most and not unpacker.eof:
        raise UnreadableImageError("The compressed pixel data are cut off; please save the image again.")


def read_label_map(path: Path, byte_budget: int = BYTE_BUDGET) -> NDArray[np.int32]:
    """Labels of a one-slice label map, shape (rows, columns).

    Raises
    ------
    UnreadableImageError, UnsupportedImageError
        When the file is no image of one slice, or holds something else than whole numbers.
    """
    path = Path(path)
    samples = read_volume(path, volume_kind(path), byte_budget).samples
    if samples.shape[2] != 1 or samples.dtype.kind not in "iu":
        raise UnsupportedImageError("A label map holds one whole number per pixel; save the segmentation as one.")
    labels = samples[..., 0]
    if labels.size and not 0 <= int(labels.min()) <= int(labels.max()) <= np.iinfo(np.int32).max:
        raise UnreadableImageError("The label map holds numbers that are no labels; save the segmentation again.")
    return labels.astype(np.int32)


def write_volume(
    array: NDArray[Any],
    spacing_mm: tuple[float, float],
    origin_lps_mm: Sequence[float],
    direction_lps: Sequence[float],
    path: Path,
    header: Mapping[str, str] | None = None,
) -> None:
    """Write a compressed NRRD of one slice, thickness 1 mm; the same bytes for the same image, in every locale.

    Parameters
    ----------
    array : array, shape (rows, columns)
    spacing_mm : (float, float)
        Between rows, between columns.
    origin_lps_mm, direction_lps
        As in :class:`~MicrocalcAILib.reading.mammogram.Mammogram`.
    path : Path
        Written under a temporary name and renamed.
    header : mapping, optional
        Further key–value pairs of the header.
    """
    steps = (spacing_mm[1], spacing_mm[0], 1.0)
    axes = [[float(direction_lps[3 * row + axis]) * step for row in range(3)] for axis, step in enumerate(steps)]
    lines = [
        "NRRD0004",
        f"type: {_NRRD_TYPES[array.dtype.name]}",
        "dimension: 3",
        "space: left-posterior-superior",
        f"sizes: {array.shape[1]} {array.shape[0]} 1",
        f"space directions: {' '.join(_vector(axis) for axis in axes)}",
        "kinds: domain domain domain",
        "endian: little",
        "encoding: gzip",
        f"space origin: {_vector(origin_lps_mm)}",
    ]
    for key, value in (header or {}).items():
        escaped = value.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "")
        lines.append(f"{key}:={escaped}")
    samples = np.ascontiguousarray(array, array.dtype.newbyteorder("<")).data.cast("B")
    with replaced_on_success(path) as temporary, temporary.open("wb") as file:
        file.write(("\n".join(lines) + "\n\n").encode())
        file.writelines(_packed(samples))


def _packed(samples: memoryview) -> Iterator[bytes]:
    """The pieces of a gzip stream (RFC 1952).

    Label maps are zero nearly everywhere: a block of zeros is compressed once. Gray values hardly ever repeat in the
    way that matches are looked for; looking for runs alone takes two thirds of the time for a tenth more bytes.
    """
    yield b"\x1f\x8b\x08" + bytes(5) + b"\x04\xff"  # no name, no time; packed fast, by an unknown system
    zeros = bytes(_PACKED_BLOCK)
    packed_zeros = _packed_block(zeros, zlib.Z_DEFAULT_STRATEGY)
    checksum = 0
    for start in range(0, len(samples), _PACKED_BLOCK):
        block = bytes(samples[start : start + _PACKED_BLOCK])
        checksum = zlib.crc32(block, checksum)
        yield packed_zeros if block == zeros else _packed_block(block, zlib.Z_RLE)
    yield b"\x03\0" + struct.pack("<II", checksum, len(samples) & 0xFFFFFFFF)


def _packed_block(block: bytes, strategy: int) -> bytes:
    """Deflated so that it stands alone and others may follow."""
    packer = zlib.compressobj(1, wbits=-zlib.MAX_WBITS, strategy=strategy)
    return packer.compress(block) + packer.flush(zlib.Z_FULL_FLUSH)


def _vector(numbers: Sequence[float]) -> str:
    return f"({','.join(repr(float(number)) for number in numbers)})"
