"""Screen captures in PNG, JPEG and TIFF files."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from MicrocalcAILib.base.errors import ParameterError, UnreadableImageError, UnsupportedImageError
from MicrocalcAILib.reading.content import check_size

from ..screen.frame import ScreenFrame

_MODES = ("L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr")


def read_picture(path: Path, kind: str, page: int, byte_budget: int) -> ScreenFrame:
    """One page of a picture file (``kind`` is PNG, JPEG or TIFF) in red, green, blue; transparent pixels are black.

    Raises
    ------
    UnreadableImageError, UnsupportedImageError, ParameterError
    """
    from PIL import Image

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
    return ScreenFrame(rgb, source={"kind": kind, "frame": page, "frames": pages, "lossy": kind == "JPEG"})
