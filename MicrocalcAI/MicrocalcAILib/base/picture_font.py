"""The font of pictures that are drawn with Pillow."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import MissingPackageError

if TYPE_CHECKING:
    from PIL import ImageFont


@cache
def picture_font(size: int, *, bold: bool = False) -> ImageFont.FreeTypeFont:
    """DejaVu Sans, which has Greek letters and signs of mathematics; it comes with matplotlib.

    Raises
    ------
    MissingPackageError
        When matplotlib is not installed.
    """
    from PIL import ImageFont

    package = find_spec("matplotlib")  # only its files are wanted: importing it takes longer than drawing
    if package is None or package.origin is None:
        raise MissingPackageError("Pictures need the fonts of matplotlib, which is not installed (pip install it).")
    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    return ImageFont.truetype(str(Path(package.origin).parent / "mpl-data" / "fonts" / "ttf" / name), size)
