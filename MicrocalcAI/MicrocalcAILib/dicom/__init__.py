"""Results as DICOM objects that a reading room understands, and findings of others read back from them.

``objects`` makes them from the results of an image, or of an exam, and the files that were analyzed. What is exported
here reads: ``read_marks`` a Mammography CAD SR, whoever wrote it, ``read_segments`` a segmentation of a mammogram. It
needs pydicom alone.
"""

from .given import given_attributes
from .marks import CadDocument, Mark, read_document, read_marks
from .segments import ImageSegments, SegmentMask, read_segments

__all__ = [
    "CadDocument",
    "ImageSegments",
    "Mark",
    "SegmentMask",
    "given_attributes",
    "read_document",
    "read_marks",
    "read_segments",
]
