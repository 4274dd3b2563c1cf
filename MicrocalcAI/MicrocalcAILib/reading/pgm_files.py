"""Mammograms in portable gray maps (PGM, P2 and P5), in which mini-MIAS and other old film archives are handed on."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from ..base.errors import UnreadableImageError
from .content import FileSpacing, ImageContent, check_size

_COMMENT = rb"(?:\s|#[^\n\r]*[\n\r])+"
_HEADER = re.compile(rb"P([25])" + _COMMENT + rb"(\d{1,9})" + _COMMENT + rb"(\d{1,9})" + _COMMENT + rb"(\d{1,9})\s")
_LONGEST_HEADER = 1 << 16
_LARGEST_VALUE = 65535


def read_pgm_file(path: Path, byte_budget: int) -> ImageContent:
    """Read a PGM file: samples as stored, 8 or 16 bits (the latter with the high byte first).

    Raises
    ------
    UnreadableImageError
        When it is damaged, cut off, holds more than one image, or is larger than the budget.
    """
    with path.open("rb") as file:
        match = _HEADER.match(file.read(_LONGEST_HEADER))
        if match is None:
            raise _damaged()
        form, columns, rows, largest = (int(number) for number in match.groups())
        if not 1 <= largest <= _LARGEST_VALUE:
            raise _damaged()
        dtype = np.dtype("u1" if largest < 256 else ">u2")
        check_size(rows, columns, dtype.itemsize, byte_budget)
        file.seek(match.end())
        most = rows * columns * (dtype.itemsize if form == 5 else 6)  # five digits and a blank
        data = file.read(most + 2)
    samples = (
        np.frombuffer(data[: len(data) // dtype.itemsize * dtype.itemsize], dtype) if form == 5 else _numbers(data)
    )
    if samples.size < rows * columns:
        raise UnreadableImageError("The PGM file is cut off; please save it again.")
    if form == 5 and len(data) > most + 1:
        raise UnreadableImageError("The PGM file is longer than its one image; please save it again.")
    samples = samples[: rows * columns].reshape(rows, columns)
    if samples.max() > largest:
        raise _damaged()
    return ImageContent(
        pixels=samples.astype(np.float32),
        valid=None,
        spacing=FileSpacing(),
        source={
            "kind": "PGM",
            "bits_stored": largest.bit_length(),
            "intensities": "as stored",
            "header_spacing_mm": [1.0, 1.0],
        },
    )


def _numbers(text: bytes) -> np.ndarray:
    words = re.sub(rb"#[^\n\r]*", b"", text).split()
    if not all(word.isdigit() for word in words):
        raise _damaged()
    return np.array(words).astype(np.int64)


def _damaged() -> UnreadableImageError:
    return UnreadableImageError("The PGM file is damaged; please save it again.")
