"""Pictures that lead their reader in a circle, or whose checksum is wrong, end in one sentence."""

from __future__ import annotations

import io
import random
import struct
import time

import numpy as np
import pytest
from PIL import Image

from library.dicom_samples import gray_pattern
from MicrocalcAILib.base.errors import MicrocalcError, UnreadableImageError
from MicrocalcAILib.reading import read_mammogram
from MicrocalcElastographyLib.reading import read_screen

PIXELS = gray_pattern(8).astype(np.uint8)


def encoded(kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    Image.fromarray(PIXELS).save(file, kind, **options)
    return file.getvalue()


def next_directory(content: bytes, order: str) -> int:
    """Where the offset of the second directory of a classic TIFF file stands."""
    first = struct.unpack_from(f"{order}L", content, 4)[0]
    return int(first + 2 + 12 * struct.unpack_from(f"{order}H", content, first)[0])


@pytest.mark.parametrize("target", ["itself", "beyond the end", "the header"])
def test_directories_in_a_circle_are_refused_at_once(tmp_path, target):
    content = bytearray(encoded("TIFF"))
    first = struct.unpack_from("<L", content, 4)[0]
    offset = {"itself": first, "beyond the end": len(content) + 10, "the header": 3}[target]
    struct.pack_into("<L", content, next_directory(bytes(content), "<"), offset)
    path = tmp_path / "a.tif"
    path.write_bytes(content)
    begin = time.monotonic()
    for reader in (read_mammogram, read_screen):
        with pytest.raises(UnreadableImageError, match="TIFF"):
            reader(path)
    assert time.monotonic() - begin < 10


def test_two_directories_that_name_each_other_are_refused(tmp_path):
    file = io.BytesIO()
    pages = [Image.fromarray(PIXELS + np.uint8(number)) for number in range(2)]
    pages[0].save(file, "TIFF", save_all=True, append_images=pages[1:])
    content = bytearray(file.getvalue())
    first = struct.unpack_from("<L", content, 4)[0]
    second = struct.unpack_from("<L", content, next_directory(bytes(content), "<"))[0]
    end = second + 2 + 12 * struct.unpack_from("<H", content, second)[0]
    struct.pack_into("<L", content, end, first)
    path = tmp_path / "a.tif"
    path.write_bytes(content)
    with pytest.raises(UnreadableImageError, match="TIFF"):
        read_mammogram(path)


@pytest.mark.parametrize("big", [False, True])
def test_sound_tiff_files_are_read(tmp_path, big):
    path = tmp_path / "a.tif"
    path.write_bytes(encoded("TIFF", big_tiff=big))
    np.testing.assert_array_equal(read_mammogram(path, spacing_mm=0.07).pixels, PIXELS)


def test_one_flipped_bit_in_a_png_file_is_refused(tmp_path):
    whole, chance, path = encoded("PNG"), random.Random(0), tmp_path / "a.png"
    path.write_bytes(whole)
    assert read_mammogram(path, spacing_mm=0.07).admission.integrity == "checksum verified"
    for _ in range(60):
        damaged = bytearray(whole)
        damaged[chance.randrange(8, len(whole))] ^= 1 << chance.randrange(8)
        path.write_bytes(damaged)
        with pytest.raises(MicrocalcError):
            read_mammogram(path, spacing_mm=0.07)


def test_what_cannot_be_checked_says_so(tmp_path):
    path = tmp_path / "a.jpg"
    path.write_bytes(encoded("JPEG"))
    assert read_mammogram(path, spacing_mm=0.07).admission.integrity == "cannot be checked"
