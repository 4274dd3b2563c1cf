"""Opening DICOM files that may be damaged or hostile: everything is checked before pixels are decoded.

pydicom alone inflates deflated files whole, allocates what a length field asks for, and reads a header cut in two
without complaint; see Testing/library/test_reading_hostile.py for the cases.
"""

from __future__ import annotations

import mmap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..base.errors import UnreadableImageError, UnsupportedImageError
from .codestreams import check_rle_header, declared_size
from .content import check_size
from .dicom_values import number, text

if TYPE_CHECKING:
    from pydicom.dataset import Dataset
    from pydicom.uid import UID

# Transfer syntaxes that are read, all of them tested with real pixel data.
NATIVE_SYNTAXES = ("1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2")
RLE_SYNTAX = "1.2.840.10008.1.2.5"
_JPEG_SYNTAXES = tuple(f"1.2.840.10008.1.2.4.{last}" for last in (50, 51, 57, 70, 80, 81, 90, 91))
_LONGEST_HEADER_VALUE = 1 << 20
_UNDEFINED_LENGTH = 0xFFFFFFFF
_END_OF_META, _FLOAT_PIXEL_DATA, _PIXEL_DATA = 0x00030000, 0x7FE00008, 0x7FE00010
_SAMPLES_OF = {
    "MONOCHROME1": 1, "MONOCHROME2": 1,
    "RGB": 3, "YBR_FULL": 3, "YBR_FULL_422": 3, "YBR_RCT": 3, "YBR_ICT": 3,
}  # fmt: skip
_EXPORT_AGAIN = "please export it again from the archive"


@dataclass(frozen=True)
class DicomHeader:
    """The attributes before the pixel data, and where in the file the pixel data begin."""

    attributes: Dataset
    transfer_syntax: UID
    pixel_data_position: int

    @property
    def samples(self) -> int:
        return int(self.attributes.SamplesPerPixel)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows, columns."""
        return int(self.attributes.Rows), int(self.attributes.Columns)


def read_header(path: Path) -> DicomHeader:
    """Attributes of a DICOM file up to its pixel data. Nothing is inflated, long values are skipped.

    Raises
    ------
    UnreadableImageError, UnsupportedImageError
    """
    from pydicom.filereader import read_dataset, read_preamble
    from pydicom.uid import UID

    with _mapped(path) as file:
        if read_preamble(file, force=True) is None:  # a bare data set, as files had before DICOM part 10
            explicit = file[4:6].isalpha()
            syntax = UID(NATIVE_SYNTAXES[explicit])
        else:
            meta = read_dataset(file, False, True, stop_when=_end_at(file, _END_OF_META))
            syntax = UID(str(meta.get("TransferSyntaxUID", "")))
            if not syntax:
                raise _missing("Transfer Syntax UID (0002,0010)")
        if syntax not in (*NATIVE_SYNTAXES, RLE_SYNTAX, *_JPEG_SYNTAXES):
            name = f"“{syntax.name}”" if syntax.is_transfer_syntax else "unknown"
            raise UnsupportedImageError(
                f"The file's transfer syntax is {name}, which is not read; export it uncompressed or as lossless JPEG."
            )
        attributes = read_dataset(
            file,
            syntax.is_implicit_VR,
            syntax.is_little_endian,
            stop_when=_end_at(file, _FLOAT_PIXEL_DATA),
            defer_size=_LONGEST_HEADER_VALUE,
        )
        return DicomHeader(attributes, syntax, file.tell())


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


def read_pixel_data(path: Path, header: DicomHeader, byte_budget: int) -> bytes:
    """Undecoded pixels of the one frame: native samples, or one codestream whose own size fits the header.

    Raises
    ------
    UnreadableImageError
        When pixel data are missing, cut off, or of another size than the header says.
    """
    from pydicom.encaps import generate_frames
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
        if syntax in NATIVE_SYNTAXES:
            if len(pixel_data) < native_length:
                raise UnreadableImageError(f"The pixel data are cut off; {_EXPORT_AGAIN}.")
            return bytes(pixel_data[:native_length])
        frame = next(generate_frames(pixel_data, number_of_frames=1))
        if syntax == RLE_SYNTAX:
            check_rle_header(frame, header.samples * int(header.attributes.BitsAllocated) // 8)
        else:
            declared = declared_size(frame)
            same_size = (declared.rows, declared.columns, declared.samples) == (*header.shape, header.samples)
            if not same_size or declared.bits > int(header.attributes.BitsAllocated):
                raise UnreadableImageError(
                    f"The header says {header.shape[0]} × {header.shape[1]} pixels, the compressed pixel data "
                    f"{declared.rows} × {declared.columns} with {declared.bits} bits; {_EXPORT_AGAIN}."
                )
        return frame


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
        if tag >= end:
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
