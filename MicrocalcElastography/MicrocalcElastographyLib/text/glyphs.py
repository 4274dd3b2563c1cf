"""What characters look like: pictures of each one in the sans-serif fonts that screens are printed with."""

from __future__ import annotations

import string
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from ..resources import resource_path

ALPHABET = string.digits + string.ascii_letters + ".,%/:-+=><"
PATCH_ROWS, PATCH_COLUMNS = 18, 14
_SIZES_PX = (11, 15, 24)
INK = 0.25  # a pixel brighter than this share of a line's brightest ink belongs to a character

FloatArray = NDArray[np.float32]
_Face = ImageFont.FreeTypeFont | ImageFont.ImageFont


class GlyphShapes(NamedTuple):
    """Shapes of n characters: pictures of unit length without mean (n, rows * columns), and where they stand.

    ``top``, ``bottom`` and ``width`` are shares of the height of a digit; ``top`` and ``bottom`` count upward from the
    base line of the text.
    """

    pictures: FloatArray
    top: FloatArray
    bottom: FloatArray
    width: FloatArray


class GlyphBank(NamedTuple):
    """The known characters and their shapes, several for each character."""

    characters: NDArray[np.str_]
    shapes: GlyphShapes


def glyph_picture(ink: FloatArray) -> FloatArray:
    """A character's pixels (0 to 1, cut to its ink) as a vector of standard size, zero mean and unit length."""
    resized = Image.fromarray(np.ascontiguousarray(ink, dtype=np.float32)).resize(
        (PATCH_COLUMNS, PATCH_ROWS), Image.Resampling.BILINEAR
    )
    # The dark frame gives solid characters such as "." and "-" a contrast, too.
    picture = np.pad(np.asarray(resized, dtype=np.float32), 2).ravel()
    picture -= picture.mean()
    return picture / np.linalg.norm(picture)


@cache
def glyph_bank() -> GlyphBank:
    """Every character of `ALPHABET` in regular and bold fonts, drawn small and large as screens do."""
    import matplotlib

    # DejaVu Sans looks like Verdana, Arimo like Arial, Pillow's own font like Helvetica; in DejaVu Sans Mono a zero
    # has a dot.
    of_matplotlib = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    files = [of_matplotlib / f"DejaVuSans{style}.ttf" for style in ("", "-Bold", "Mono")]
    files += [resource_path("Fonts/Arimo-Regular.woff"), resource_path("Fonts/Arimo-Bold.woff")]
    faces: list[_Face] = [ImageFont.truetype(file, size) for file in files for size in _SIZES_PX]
    faces += [ImageFont.load_default(size) for size in _SIZES_PX]
    characters, pictures, places = [], [], []
    for face in faces:
        digit_height = _ink(face, "0")[1] - _ink(face, "0")[2]
        for character in ALPHABET:
            ink, top, bottom = _ink(face, character)
            characters.append(character)
            pictures.append(glyph_picture(ink))
            places.append((top / digit_height, bottom / digit_height, ink.shape[1] / digit_height))
    top, bottom, width = np.array(places, dtype=np.float32).T
    return GlyphBank(np.array(characters), GlyphShapes(np.array(pictures), top, bottom, width))


def _ink(face: _Face, character: str) -> tuple[FloatArray, int, int]:
    """Picture of one character cut to its ink, and its top and bottom in pixels above the base line."""
    base = 60
    image = Image.new("L", (100, 100))
    ImageDraw.Draw(image).text((20, base), character, font=face, fill=255, anchor="ls")
    pixels = np.asarray(image, dtype=np.float32) / 255.0
    rows, columns = (np.flatnonzero((pixels > INK).any(axis=axis)) for axis in (1, 0))
    cut = pixels[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return cut, base - int(rows[0]), base - int(rows[-1]) - 1
