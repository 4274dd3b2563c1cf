"""Results as DICOM objects that a reading room understands, and findings of others read back from them.

``write_objects`` makes them from the results of an image and the DICOM file that was analyzed; ``read_marks`` reads a
Mammography CAD SR, whoever wrote it.
"""

from .marks import Mark, read_marks
from .objects import OBJECTS, write_objects

__all__ = ["OBJECTS", "Mark", "read_marks", "write_objects"]
