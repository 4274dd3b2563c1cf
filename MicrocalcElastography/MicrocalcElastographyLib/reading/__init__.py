"""Files in, elastograms out: ultrasound screens (DICOM, PNG, JPEG, TIFF) and maps of values."""

from .reader import DEFAULT_BYTE_BUDGET, elastography_frames, read_elastogram, read_screen
from .slices import read_slices, volume_of_arrays
from .value_maps import DIRECTION_KEY, UNIT_KEY, ValueMeaning

__all__ = [
    "DEFAULT_BYTE_BUDGET",
    "DIRECTION_KEY",
    "UNIT_KEY",
    "ValueMeaning",
    "elastography_frames",
    "read_elastogram",
    "read_screen",
    "read_slices",
    "volume_of_arrays",
]
