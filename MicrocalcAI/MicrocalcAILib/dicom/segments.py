"""Outlines of a DICOM segmentation of a mammogram, as masks in the image's grid."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.filereader import dcmread

from ..base.errors import UnreadableImageError, UnsupportedImageError
from .codes import SEGMENTATION

_LARGEST_BITS = 2**32


@dataclass(frozen=True)
class SegmentMask:
    """One segment.

    Parameters
    ----------
    label : str
    kind : (str, str, str)
        What it is: value, scheme and meaning of the code.
    mask : bool array, shape (rows, columns)
    """

    label: str
    kind: tuple[str, str, str]
    mask: NDArray[np.bool_]


@dataclass(frozen=True)
class ImageSegments:
    """The segments of one image, by its SOP Instance UID."""

    image_uid: str
    segments: tuple[SegmentMask, ...]


def read_segments(path: Path) -> ImageSegments:
    """Read a binary segmentation of one image, which needs no frame of reference.

    Raises
    ------
    UnreadableImageError
        When the file is damaged or no DICOM file.
    UnsupportedImageError
        When it is something else, or segments several images.
    """
    try:
        made = dcmread(path)
        if made.get("SOPClassUID") != SEGMENTATION or made.get("SegmentationType") != "BINARY":
            raise UnsupportedImageError("The file is no binary DICOM segmentation; choose one.")
        if int(made.Rows) * int(made.Columns) * int(made.NumberOfFrames) > _LARGEST_BITS:
            raise UnsupportedImageError("The segmentation is larger than 512 MiB, which none of a mammogram is.")
        frames = np.asarray(made.pixel_array, bool).reshape(-1, made.Rows, made.Columns)
        numbers, images = zip(*map(_segment_and_image, made.PerFrameFunctionalGroupsSequence), strict=True)
        if len(set(images)) != 1 or len(set(numbers)) != len(numbers) or len(numbers) != len(frames):
            raise UnsupportedImageError("The segmentation is of several images; choose one of a mammogram.")
        of_number = dict(zip(numbers, frames, strict=True))
        return ImageSegments(
            images[0],
            tuple(
                SegmentMask(str(item.SegmentLabel), _kind(item), of_number[int(item.SegmentNumber)])
                for item in made.SegmentSequence
                if int(item.SegmentNumber) in of_number
            ),
        )
    except UnsupportedImageError:
        raise
    except Exception as error:  # a damaged file can fail anywhere in pydicom
        raise UnreadableImageError(f"The segmentation is damaged ({type(error).__name__}); export it again.") from error


def _segment_and_image(frame: Dataset) -> tuple[int, str]:
    source = frame.DerivationImageSequence[0].SourceImageSequence[0]
    number = frame.SegmentIdentificationSequence[0].ReferencedSegmentNumber
    return int(number), str(source.ReferencedSOPInstanceUID)


def _kind(item: Dataset) -> tuple[str, str, str]:
    code = item.SegmentedPropertyTypeCodeSequence[0]
    return str(code.CodeValue), str(code.CodingSchemeDesignator), str(code.CodeMeaning)
