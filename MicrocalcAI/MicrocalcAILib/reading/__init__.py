"""Files in: DICOM and plain images, checked before they are decoded."""

from .mammogram import Mammogram
from .reader import read_mammogram

__all__ = ["Mammogram", "read_mammogram"]
