"""The size that a compressed image declares about itself, read from its first bytes without decoding."""

from __future__ import annotations

import itertools
import struct
from typing import NamedTuple

from ..base.errors import UnreadableImageError

# Start-of-frame markers: JPEG (T.81: C0-CF without DHT, JPG, DAC) and JPEG-LS (T.87).
_START_OF_FRAME = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC} | {0xF7}
_WITHOUT_LENGTH = frozenset(range(0xD0, 0xD9)) | {0x01}
_START_OF_SCAN = 0xDA
_JPEG_2000 = b"\xff\x4f\xff\x51"  # start of codestream, then the image and tile size (T.800)


class DeclaredSize(NamedTuple):
    """Rows, columns, samples per pixel and bits per sample."""

    rows: int
    columns: int
    samples: int
    bits: int


def declared_size(codestream: bytes) -> DeclaredSize:
    """Size declared by a JPEG, JPEG-LS or JPEG 2000 codestream (the latter also inside a JP2 file).

    Raises
    ------
    UnreadableImageError
        When the bytes are none of these or end too early.
    """
    try:
        if codestream[:2] == b"\xff\xd8":
            return _jpeg_size(codestream)
        return _jpeg_2000_size(codestream)
    except (IndexError, struct.error, ValueError):
        raise UnreadableImageError(
            "The compressed pixel data do not begin like an image; the file is damaged, please export it again."
        ) from None


def check_rle_header(frame: bytes, segments: int) -> None:
    """Make sure that an RLE frame (DICOM PS3.5 annex G) has one segment per byte of a pixel, in order and not empty.

    GDCM divides by the number of segments without looking.

    Raises
    ------
    UnreadableImageError
    """
    if len(frame) > 64:
        count, *offsets = struct.unpack_from("<16L", frame)
        used = [*offsets[:segments], len(frame)]
        if count == segments and used[0] == 64 and all(a < b for a, b in itertools.pairwise(used)):
            return
    raise UnreadableImageError("The compressed pixel data contradict the header; please export the image again.")


def _jpeg_size(codestream: bytes) -> DeclaredSize:
    position = 2
    while True:
        if codestream[position] != 0xFF:
            raise ValueError("no marker")
        marker = codestream[position + 1]
        position += 1 if marker == 0xFF else 2  # FF may be repeated before a marker
        if marker == 0xFF or marker in _WITHOUT_LENGTH:
            continue
        if marker in _START_OF_FRAME:
            bits, rows, columns, samples = struct.unpack_from(">2xBHHB", codestream, position)
            return DeclaredSize(rows, columns, samples, bits)
        if marker == _START_OF_SCAN:
            raise ValueError("no frame header")
        position += struct.unpack_from(">H", codestream, position)[0]


def _jpeg_2000_size(codestream: bytes) -> DeclaredSize:
    # 4 marker bytes, Lsiz, Rsiz, then Xsiz, Ysiz, XOsiz, YOsiz, 4 tile numbers, Csiz, Ssiz
    start = codestream.index(_JPEG_2000) + len(_JPEG_2000)
    right, bottom, left, top, samples, depth = struct.unpack_from(">4x4I16xHB", codestream, start)
    return DeclaredSize(bottom - top, right - left, samples, (depth & 0x7F) + 1)
