"""Opening NRRD, MetaImage and NIfTI files only after their declared size was compared with the data and the budget."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

from MicrocalcAILib.base.errors import UnsupportedImageError
from MicrocalcAILib.reading.content import check_size
from MicrocalcAILib.reading.volume_files import IMAGE_IO, check_data_length, data_file


def checked_volume_reader(path: Path, kind: str, byte_budget: int) -> Any:
    """A SimpleITK ImageFileReader with its header read; ``Execute`` may follow.

    Raises
    ------
    UnreadableImageError, UnsupportedImageError
    """
    import SimpleITK as sitk

    data_path, packed = data_file(path, kind)
    reader = sitk.ImageFileReader()
    reader.SetImageIO(IMAGE_IO[kind])
    reader.SetFileName(str(path))
    reader.ReadImageInformation()
    size, pixel_type = reader.GetSize(), sitk.GetPixelIDValueAsString(reader.GetPixelID())
    bits = int(found[0]) if (found := re.findall(r"\d+", pixel_type)) else 0
    if "complex" in pixel_type or not bits or not 2 <= len(size) <= 3:
        raise UnsupportedImageError("Only images of one number per pixel in two or three dimensions are read.")
    bytes_per_pixel = reader.GetNumberOfComponents() * bits / 8
    check_size(size[1], size[0], bytes_per_pixel * math.prod(size[2:]), byte_budget)
    stored = int(reader.GetMetaData("bitpix")) / 8 if kind == "NIfTI" else bytes_per_pixel
    check_data_length(data_path, int(math.prod(size) * stored), packed, kind)
    return reader
