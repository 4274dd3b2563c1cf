"""Opening DICOM files that may be damaged or hostile: everything is checked before pixels are decoded.

pydicom alone inflates deflated files whole, allocates what a length field asks for, and reads a header cut in two
without complaint; see Testing/library/test_reading_hostile.py for the cases.
"""

from __future__ import annotations

import mmap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..base.errors import UnreadableImageError, UnsupportedImageError, WarningRecord
from ..base.light_imports import nothing_to_download_with
from .codestreams import check_rle_header, declared_size
from .content import check_size
from .dicom_values import number, text

if TYPE_CHECKING:
    from pydicom.dataset import Dataset
    from pydicom.uid import UID

# Transfer syntaxes that are read, all of them tested with real pixel data.
NATIVE_SYNTAXES = ("1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2")
RLE_SYNTAX = "1.2.840.10008.1.2.5"
JPEG_LS_SYNTAXES = ("1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.81")
JPEG_2000_SYNTAXES = ("1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.91")
_JPEG_SYNTAXES = tuple(f"1.2.840.10008.1.2.4.{last}" for last in (50, 51, 57, 70))
_READ_SYNTAXES = (*NATIVE_SYNTAXES, RLE_SYNTAX, *_JPEG_SYNTAXES, *JPEG_LS_SYNTAXES, *JPEG_2000_SYNTAXES)
_LONGEST_HEADER_VALUE = 1 << 20
_UNDEFINED_LENGTH = 0xFFFFFFFF
_END_OF_META, _FLOAT_PIXEL_DATA, _PIXEL_DATA = 0x00030000, 0x7FE00008, 0x7FE00010
_SAMPLES_OF = {
    "MONOCHROME1": 1, "MONOCHROME2": 1,
    "RGB": 3, "YBR_FULL": 3, "YBR_FULL_422": 3, "YBR_RCT": 3, "YBR_ICT": 3,
}  # fmt: skip
_META_GROUP = b"\x02\0"
_ITEM_GROUP = 0xFFFE
_ITEM_END = (b"\xff\xfe\xe0\x0d\0\0\0\0", b"\xfe\xff\x0d\xe0\0\0\0\0")  # big, little endian
_FIRST_ITEM = b"\xfe\xff\x00\xe0"
_CODESTREAM_BEGINNINGS = (b"\xff\xd8\xff", b"\xff\x4f\xff\x51", b"\0\0\0\x0cjP")  # JPEG, JPEG-LS; JPEG 2000
_MOST_BITS = 16
_EXPORT_AGAIN = "please export it again from the archive"


@dataclass(frozen=True)
class DicomHeader:
    """The attributes before the pixel data, and where in the file the pixel data begin."""

    attributes: Dataset
    transfer_syntax: UID
    pixel_data_position: int
    warnings: tuple[WarningRecord, ...] = ()

    @property
    def samples(self) -> int:
        return int(self.attributes.SamplesPerPixel)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows, columns."""
        return int(self.attributes.Rows), int(self.attributes.Columns)


@dataclass(frozen=True)
class EncodedFrame:
    """Undecoded pixels of one frame.

    Parameters
    ----------
    data : bytes
        Native samples or one codestream.
    bits : int
        Bits per sample that the codestream declares; those that are allocated for native and run-length samples.
    """

    data: bytes
    bits: int


def read_header(path: Path) -> DicomHeader:
    """Attributes of a DICOM file up to its pixel data. Nothing is inflated, long values are skipped.

    Raises
    ------
    UnreadableImageError, UnsupportedImageError
    """
    with nothing_to_download_with():
        from pydicom.filereader import read_dataset, read_preamble
        from pydicom.uid import UID

    with _mapped(path) as file:
        has_preamble = read_preamble(file, force=True) is not None
        syntax, warnings = UID(""), list[WarningRecord]()
        if has_preamble or file[:2] == _META_GROUP:  # some writers leave out the preamble alone
            meta = read_dataset(file, False, True, stop_when=_end_at(file, _END_OF_META))
            syntax = UID(str(meta.get("TransferSyntaxUID", "")))
            if not syntax:
                warnings.append(
                    WarningRecord(
                        "transfer-syntax-missing",
                        "The file does not say how it is encoded (Transfer Syntax UID); this was found by trying.",
                    )
                )
        if not syntax:  # a bare data set, as files had before DICOM part 10
            syntax = UID(_syntax_by_content(file[file.tell() : file.tell() + 6]))
        if syntax not in _READ_SYNTAXES:
            name = f"“{syntax.name}”" if syntax.is_transfer_syntax else "unknown"
            raise UnsupportedImageError(
                f"The file's transfer syntax is {name}, which is not read; export it uncompressed or as lossless JPEG."
            )
        encoding = (syntax.is_implicit_VR, syntax.is_little_endian)
        until_pixels = {"stop_when": _end_at(file, _FLOAT_PIXEL_DATA), "defer_size": _LONGEST_HEADER_VALUE}
        attributes, position = read_dataset(file, *encoding, **until_pixels), -1
        # A stray end of an item ends the reading, as if the data set were an item; the rest follows it.
        while file.tell() > position and file[file.tell() - 8 : file.tell()] == _ITEM_END[syntax.is_little_endian]:
            position = file.tell()
            attributes.update(read_dataset(file, *encoding, **until_pixels))
        strays = [tag for tag in attributes.keys() if tag.group == _ITEM_GROUP]  # noqa: SIM118 (values stay unread)
        for tag in strays:
            del attributes[tag]
        return DicomHeader(attributes, syntax, file.tell(), tuple(warnings))


def _syntax_by_content(beginning: bytes) -> str:
    """Native transfer syntax of a data set by its first tag: groups are small numbers, explicit VRs are letters."""
    implicit, little, big = NATIVE_SYNTAXES
    if beginning[:1] == b"\0" and beginning[1:2] != b"\0":
        return big
    return little if beginning[4:6].isalpha() else implicit


def check_image_attributes(header: DicomHeader, byte_budget: int) -> None:
    """Make sure that everything needed to decode is there, possible, and affordable.

    Raises
    ------
    UnreadableImageError
        Naming the attribute.
    UnsupportedImageError
        For more than one frame, palettes, and more than 16 bits.
    """
    attributes = header.attributes
    rows, columns = _required(attributes, "Rows"), _required(attributes, "Columns")
    samples, allocated = _required(attributes, "SamplesPerPixel"), _required(attributes, "BitsAllocated")
    stored = _required(attributes, "BitsStored")
    sign = _required(attributes, "PixelRepresentation")
    frames = int(number(attributes, "NumberOfFrames") or 1)
    photometric = text(attributes, "PhotometricInterpretation")
    if not photometric:
        raise _missing("Photometric Interpretation (0028,0004)")

    if frames > 1:
        raise UnsupportedImageError(
            f"The file holds {frames} frames (a tomosynthesis or multi-frame image); "
            "only single mammograms are analyzed, so choose the 2D image of this view."
        )
    if photometric not in _SAMPLES_OF:
        raise UnsupportedImageError(f"Images in “{photometric[:16]}” are not read; export the image in grayscale.")
    if allocated not in (8, 16):
        raise UnsupportedImageError(f"Images with {allocated} bits per pixel are not read, only those with 8 or 16.")
    if samples != _SAMPLES_OF[photometric] or not 1 <= stored <= allocated or sign not in (0, 1):
        raise UnreadableImageError(f"The description of the pixels contradicts itself; {_EXPORT_AGAIN}.")
    check_size(rows, columns, samples * allocated // 8, byte_budget)


def read_pixel_data(path: Path, header: DicomHeader, byte_budget: int) -> EncodedFrame:
    """Undecoded pixels of the one frame: native samples, or one codestream whose own size fits the header.

    Raises
    ------
    UnreadableImageError
        When pixel data are missing, cut off, or of another size than the header says.
    UnsupportedImageError
        When they hold several images.
    """
    from pydicom.filereader import read_dataset

    syntax = header.transfer_syntax
    native_length = header.shape[0] * header.shape[1] * header.samples * int(header.attributes.BitsAllocated) // 8
    with _mapped(path) as file:
        if len(file) - header.pixel_data_position > byte_budget + native_length:
            raise UnreadableImageError("The file is much longer than its one image; allow more bytes if it is genuine.")
        file.seek(header.pixel_data_position)
        pixel_data: Any = read_dataset(
            file,
            syntax.is_implicit_VR,
            syntax.is_little_endian,
            stop_when=_end_at(file, _PIXEL_DATA + 1),
        ).get("PixelData")
        if not pixel_data:
            raise _missing("Pixel Data (7FE0,0010)")
        allocated = int(header.attributes.BitsAllocated)
        if syntax in NATIVE_SYNTAXES:
            _check_native_length(pixel_data, native_length)
            return EncodedFrame(bytes(pixel_data[:native_length]), allocated)
        frame = _only_frame(header, pixel_data)
        if syntax == RLE_SYNTAX:
            check_rle_header(frame, header.samples * allocated // 8)
            return EncodedFrame(frame, allocated)
        declared = declared_size(frame)
        same_size = (declared.rows, declared.columns, declared.samples) == (*header.shape, header.samples)
        if not same_size or declared.bits > _MOST_BITS:
            raise UnreadableImageError(
                f"The header says {header.shape[0]} × {header.shape[1]} pixels, the compressed pixel data "
                f"{declared.rows} × {declared.columns} with {declared.bits} bits; {_EXPORT_AGAIN}."
            )
        return EncodedFrame(frame, declared.bits)


def _check_native_length(pixel_data: bytes, needed: int) -> None:
    if pixel_data[:4] == _FIRST_ITEM:
        raise UnreadableImageError(
            f"The pixel data are compressed, but the file says that they are not; {_EXPORT_AGAIN}."
        )
    if len(pixel_data) < needed:
        raise UnreadableImageError(f"The pixel data are cut off; {_EXPORT_AGAIN}.")
    count, rest = divmod(len(pixel_data), needed)
    if count > 1 and rest <= 1:
        raise _several(count)
    if len(pixel_data) > needed + needed % 2:
        raise UnreadableImageError(
            f"The pixel data are longer than the header says ({len(pixel_data):,} bytes instead of {needed:,}), so the "
            f"picture would be sheared; {_EXPORT_AGAIN}."
        )


def _only_frame(header: DicomHeader, pixel_data: bytes) -> bytes:
    """The one codestream of encapsulated pixel data, in one fragment or several (DICOM PS3.5 A.4)."""
    from pydicom.encaps import generate_fragments, parse_basic_offsets

    stream = BytesIO(pixel_data)
    offsets = parse_basic_offsets(stream)
    fragments = list(generate_fragments(stream))
    beginnings = [part for part in fragments if part.startswith(_CODESTREAM_BEGINNINGS)]
    count = len(fragments) if header.transfer_syntax == RLE_SYNTAX else max(len(offsets), len(beginnings))
    if count > 1:
        raise _several(count)
    if not fragments:
        raise _missing("Pixel Data (7FE0,0010)")
    return b"".join(fragments)


def _several(count: int) -> UnsupportedImageError:
    return UnsupportedImageError(
        f"The pixel data hold {count} images where the header announces one; only single mammograms are analyzed, so "
        "choose the 2D image of this view."
    )


def _required(attributes: Dataset, keyword: str) -> int:
    from pydicom.datadict import dictionary_description, tag_for_keyword
    from pydicom.tag import Tag

    value = number(attributes, keyword)
    if value is None:
        raise _missing(f"{dictionary_description(keyword)} {Tag(tag_for_keyword(keyword))}")
    return int(value)


def _missing(attribute: str) -> UnreadableImageError:
    return UnreadableImageError(f"The DICOM attribute {attribute} is missing; the file is damaged, {_EXPORT_AGAIN}.")


def _end_at(file: mmap.mmap, end: int) -> Callable[[int, str | None, int], bool]:
    """For pydicom's ``stop_when``: end before the tag ``end``, and refuse values longer than the rest of the file."""

    def is_end(tag: int, _value_representation: str | None, length: int) -> bool:
        if tag >= end and tag >> 16 != _ITEM_GROUP:
            return True
        if length != _UNDEFINED_LENGTH and length > len(file) - file.tell():
            raise UnreadableImageError(f"The DICOM file is cut off or damaged; {_EXPORT_AGAIN}.")
        return False

    return is_end


@contextmanager
def _mapped(path: Path) -> Iterator[mmap.mmap]:
    """The file as memory: no length field can make a read longer than the file."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        yield mapped
