"""Results as DICOM objects that a reading room understands, and findings of others read back from them.

``write_objects`` makes them from the results of an image and the file that was analyzed, ``write_exam`` from those of
several images of a study; ``read_marks`` reads a Mammography CAD SR, whoever wrote it.
"""

from .given import given_attributes
from .marks import Mark, read_marks
from .objects import OBJECTS, check_kinds, write_exam, write_objects

__all__ = ["OBJECTS", "Mark", "check_kinds", "given_attributes", "read_marks", "write_exam", "write_objects"]
