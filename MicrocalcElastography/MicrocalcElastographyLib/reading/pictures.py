"""Screen captures in PNG, JPEG and TIFF files."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from MicrocalcAILib.base.errors import ParameterError, UnreadableImageError, UnsupportedImageError
from MicrocalcAILib.base.guarded import Decoded, guarded
from MicrocalcAILib.base.limits import check_size
from MicrocalcAILib.reading.image_files import check_png_checksums
from MicrocalcAILib.reading.tiff_directories import check_tiff_directories

from ..screen.frame import ScreenFrame

_MODES = ("L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr")


def read_picture(path: Path, kind: str, page: int, byte_budget: int) -> ScreenFrame:
    """One page of a picture file (``kind`` is PNG, JPEG or TIFF) in red, green, blue; transparent pixels are black.

    Raises
    ------
    UnreadableImageError, UnsupportedImageError, ParameterError
    """
    facts, (rgb,) = guarded(decode_picture, str(path), kind, page, byte_budget, memory=4 * byte_budget)
    return ScreenFrame(rgb, source={"kind": kind, "frame": page, "frames": facts["pages"], "lossy": kind == "JPEG"})


def decode_picture(name: str, kind: str, page: int, byte_budget: int) -> Decoded:
    """What :func:`read_picture` runs where it can be ended."""
    from PIL import Image

    path = Path(name)
    if kind == "TIFF":
        check_tiff_directories(path)
    if kind == "PNG":
        check_png_checksums(path)
    try:
        picture = Image.open(path, formats=[kind])
    except Image.DecompressionBombError:
        raise UnreadableImageError("The file declares an image far larger than a screen.") from None
    with picture:
        pages = getattr(picture, "n_frames", 1)
        if not 0 <= page < pages:
            raise ParameterError(
                f"The file has {pages} page{'s' if pages > 1 else ''}, counted from 0; there is no {page}."
            )
        picture.seek(page)
        if picture.mode not in _MODES:
            raise UnsupportedImageError("Pictures with more than 8 bits per channel are not read; save it with 8 bits.")
        check_size(picture.height, picture.width, 4, byte_budget)
        colors = np.array(picture.convert("RGBA"))
    rgb = np.where(colors[..., 3:] > 0, colors[..., :3], 0).astype(np.uint8)
    return Decoded({"pages": pages}, (rgb,))
