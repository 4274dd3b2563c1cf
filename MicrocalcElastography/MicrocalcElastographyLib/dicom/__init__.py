"""Measurements of elastograms as a DICOM report that others read."""

from .files import acquisitions_of, write_report
from .report import Acquisition, elastography_report

__all__ = ["Acquisition", "acquisitions_of", "elastography_report", "write_report"]
