"""DICOM ultrasound files opened safely: checked header, then one stored frame at a time, however long the cine is.

The header checks (deflated files, lengths beyond the file, unread transfer syntaxes), the size declared by a compressed
frame and the decoder are those of the mammogram reader.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from MicrocalcAILib.base.errors import ParameterError, UnreadableImageError, UnsupportedImageError
from MicrocalcAILib.reading.codestreams import declared_size
from MicrocalcAILib.reading.content import check_size
from MicrocalcAILib.reading.dicom_pixels import decode_frame
from MicrocalcAILib.reading.dicom_safety import NATIVE_SYNTAXES, RLE_SYNTAX, DicomHeader, EncodedFrame, read_header
from MicrocalcAILib.reading.dicom_values import number, text

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_SAMPLES = {
    "MONOCHROME1": 1, "MONOCHROME2": 1, "PALETTE COLOR": 1,
    "RGB": 3, "YBR_FULL": 3, "YBR_FULL_422": 3, "YBR_ICT": 3, "YBR_RCT": 3,
}  # fmt: skip
_PIXEL_DATA, _FLOAT_PIXEL_DATA, _DOUBLE_PIXEL_DATA = 0x7FE00010, 0x7FE00008, 0x7FE00009
_UNDEFINED_LENGTH = 0xFFFFFFFF
_LONGEST_HEADER_VALUE = 1 << 20
_EXPORT_AGAIN = "please export it again from the archive"


class DicomFile:
    """A DICOM image of one or many frames. Use `opened`."""

    def __init__(self, file: mmap.mmap, header: DicomHeader, byte_budget: int) -> None:
        self._file = file
        self.header = header
        self._byte_budget = byte_budget
        self._element, self._value_position, self._value_length = self._pixel_element()
        self._check()

    @property
    def attributes(self) -> Dataset:
        """Everything before the pixel data."""
        return self.header.attributes

    @property
    def number_of_frames(self) -> int:
        """(0028,0008), 1 when the file does not say."""
        return int(number(self.attributes, "NumberOfFrames") or 1)

    @property
    def photometric(self) -> str:
        """Photometric Interpretation (0028,0004)."""
        return text(self.attributes, "PhotometricInterpretation")

    def check_frame_number(self, frame: int) -> None:
        """Refuse a frame (counted from 0) that the file does not have."""
        if not 0 <= frame < self.number_of_frames:
            raise ParameterError(
                f"The file has {self.number_of_frames} frame{'s' if self.number_of_frames > 1 else ''}, counted from "
                f"0; there is no frame {frame}."
            )

    def stored_frame(self, frame: int) -> NDArray[Any]:
        """Stored values of one frame: (rows, columns) gray or palette index, (rows, columns, 3) red, green, blue."""
        self.check_frame_number(frame)
        if self._element != _PIXEL_DATA:
            return self._float_frame(frame)
        return decode_frame(self.header, self._encoded_frame(frame)).stored

    def private_creators(self) -> tuple[str, ...]:
        """Names of the private blocks before and after the pixel data, without duplicates."""
        found: list[str] = []
        for dataset in (self.attributes, self._after_pixel_data()):
            # Only the creators are touched: long values were skipped and cannot be read any more.
            for tag in dataset.keys():  # noqa: SIM118 (iterating a data set reads its values)
                if tag.is_private_creator and (name := str(dataset[tag].value).strip()) and name not in found:
                    found.append(name)
        return tuple(found)

    def _pixel_element(self) -> tuple[int, int, int]:
        """Tag, position and length of the value of the pixel data."""
        order = "<" if self.header.transfer_syntax.is_little_endian else ">"
        position = self.header.pixel_data_position
        explicit = not self.header.transfer_syntax.is_implicit_VR
        try:
            group, element = struct.unpack_from(f"{order}HH", self._file, position)
            length = struct.unpack_from(f"{order}L", self._file, position + (8 if explicit else 4))[0]
        except struct.error:
            raise UnreadableImageError(f"The file has no pixel data; {_EXPORT_AGAIN}.") from None
        return (group << 16) + element, position + (12 if explicit else 8), length

    def _check(self) -> None:
        attributes = self.attributes
        rows, columns, bits = (int(number(attributes, name) or 0) for name in ("Rows", "Columns", "BitsAllocated"))
        check_size(rows, columns, 3 * max(bits, 8) // 8, self._byte_budget)
        if not 1 <= self.number_of_frames <= 100_000:
            raise UnreadableImageError(f"The file declares {self.number_of_frames} frames; {_EXPORT_AGAIN}.")
        if self._element in (_FLOAT_PIXEL_DATA, _DOUBLE_PIXEL_DATA):
            return
        if self._element != _PIXEL_DATA:
            raise UnreadableImageError(f"The file has no pixel data; {_EXPORT_AGAIN}.")
        samples = int(number(attributes, "SamplesPerPixel") or 0)
        if self.photometric not in _SAMPLES:
            raise UnsupportedImageError(f"Images in “{self.photometric[:16]}” are not read; export the frame in RGB.")
        stored, sign = int(number(attributes, "BitsStored") or 0), number(attributes, "PixelRepresentation")
        if (
            bits not in (8, 16)
            or samples != _SAMPLES[self.photometric]
            or not 1 <= stored <= bits
            or sign not in (0, 1)
        ):
            raise UnreadableImageError(f"The description of the pixels contradicts itself; {_EXPORT_AGAIN}.")
        if self.header.transfer_syntax in NATIVE_SYNTAXES:
            needed = self._native_frame_length * self.number_of_frames
            if len(self._file) < self._value_position + needed:
                raise UnreadableImageError(f"The pixel data are cut off; {_EXPORT_AGAIN}.")
            if needed + needed % 2 < self._value_length != _UNDEFINED_LENGTH:
                raise UnreadableImageError(
                    f"The pixel data are longer than {self.number_of_frames} frames of the size that the header says; "
                    f"{_EXPORT_AGAIN}."
                )

    @property
    def _native_frame_length(self) -> int:
        rows, columns = self.header.shape
        samples = 2 if self.photometric == "YBR_FULL_422" else self.header.samples
        return rows * columns * samples * int(self.attributes.BitsAllocated) // 8

    def _encoded_frame(self, frame: int) -> EncodedFrame:
        syntax, allocated = self.header.transfer_syntax, int(self.attributes.BitsAllocated)
        if syntax in NATIVE_SYNTAXES:
            start = self._value_position + frame * self._native_frame_length
            return EncodedFrame(self._file[start : start + self._native_frame_length], allocated)
        from pydicom.encaps import get_frame

        self._file.seek(self._value_position)
        codestream = get_frame(self._file, frame, number_of_frames=self.number_of_frames)
        if syntax == RLE_SYNTAX:
            return EncodedFrame(codestream, allocated)
        declared = declared_size(codestream)
        if (declared.rows, declared.columns, declared.samples) != (*self.header.shape, self.header.samples):
            raise UnreadableImageError(
                f"The header says {self.header.shape[0]} × {self.header.shape[1]} pixels, the compressed pixel "
                f"data {declared.rows} × {declared.columns}; {_EXPORT_AGAIN}."
            )
        return EncodedFrame(codestream, declared.bits)

    def _float_frame(self, frame: int) -> NDArray[Any]:
        rows, columns = self.header.shape
        kind = np.dtype(np.float32 if self._element == _FLOAT_PIXEL_DATA else np.float64)
        kind = kind.newbyteorder("<" if self.header.transfer_syntax.is_little_endian else ">")
        start = self._value_position + frame * rows * columns * kind.itemsize
        stored = self._file[start : start + rows * columns * kind.itemsize]
        if len(stored) < rows * columns * kind.itemsize:
            raise UnreadableImageError(f"The pixel data are cut off; {_EXPORT_AGAIN}.")
        return np.frombuffer(stored, kind).reshape(rows, columns)

    def _after_pixel_data(self) -> Dataset:
        """Attributes behind the pixel data, where private groups above 7FE0 lie; empty when they cannot be reached."""
        from pydicom.dataset import Dataset
        from pydicom.encaps import parse_fragments
        from pydicom.filereader import read_dataset

        syntax = self.header.transfer_syntax
        end = self._value_position + self._value_length
        try:
            if self._value_length == _UNDEFINED_LENGTH:
                self._file.seek(self._value_position)
                last = parse_fragments(self._file)[1][-1]
                item_header, delimiter = 8, 8
                end = last + item_header + struct.unpack_from("<L", self._file, last + 4)[0] + delimiter
            self._file.seek(end)
            return read_dataset(
                self._file, syntax.is_implicit_VR, syntax.is_little_endian, defer_size=_LONGEST_HEADER_VALUE
            )
        except Exception:  # whatever follows the pixel data is read for its names only, and may be malformed
            return Dataset()


@contextmanager
def opened(path: Path, byte_budget: int) -> Iterator[DicomFile]:
    """Open a DICOM image; every failure becomes one sentence.

    Raises
    ------
    UnreadableImageError, UnsupportedImageError
    """
    header = read_header(path)
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        yield DicomFile(mapped, header, byte_budget)
