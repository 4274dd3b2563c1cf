"""An image that is no DICOM file as a secondary capture, so that its results have an image to refer to."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian, generate_uid

from .. import __version__
from ..analysis import Analysis
from ..base.provenance import sha256_of_file
from ..export.results import smallest_integers
from ..reading import read_mammogram

SOP_CLASS = "1.2.840.10008.5.1.4.1.1.7"
_SERIES_NUMBER = 9100


def captured_image(path: Path, analysis: Analysis, given: Mapping[str, str]) -> Dataset:
    """The image as it was analyzed, in the patient's study (PS3.3 A.8.1).

    Parameters
    ----------
    path : Path
        The analyzed file.
    analysis : Analysis
        Its pixel size and side are written.
    given : mapping
        See :func:`~.given.given_attributes`; patient and study are among them.

    Returns
    -------
    Dataset
        With pixels of 8 or 16 bits, brighter = more attenuating. The same file in the same study keeps its UIDs.
    """
    pixels, levels = _whole_numbers(read_mammogram(path, analysis.spacing_mm).pixels)
    made = Dataset()
    made.SpecificCharacterSet = "ISO_IR 192"
    for name, text in given.items():
        setattr(made, name, text)
    identity = ("microcalc", given["StudyInstanceUID"], sha256_of_file(path))
    made.SOPClassUID = UID(SOP_CLASS)
    made.SOPInstanceUID = generate_uid(entropy_srcs=[*identity, "image"])
    made.SeriesInstanceUID = generate_uid(entropy_srcs=[*identity, "series"])
    made.SeriesNumber, made.InstanceNumber = _SERIES_NUMBER, 1
    made.SeriesDescription = "Mammogram as it was analyzed"
    made.Modality, made.ConversionType = "MG", "WSD"
    made.SecondaryCaptureDeviceSoftwareVersions = f"Microcalc AI {__version__}"
    made.ImageType = ["DERIVED", "SECONDARY"]
    made.DerivationDescription = f"Converted from another file format; {levels}"
    made.BodyPartExamined = "BREAST"
    made.PatientOrientation = ""
    if analysis.provenance.get("laterality"):
        made.Laterality = analysis.provenance["laterality"]
    made.PixelSpacing = made.NominalScannedPixelSpacing = [f"{length:.6g}" for length in analysis.spacing_mm]
    made.SamplesPerPixel, made.PhotometricInterpretation = 1, "MONOCHROME2"
    made.Rows, made.Columns = pixels.shape
    made.BitsAllocated = made.BitsStored = pixels.dtype.itemsize * 8
    made.HighBit, made.PixelRepresentation = made.BitsStored - 1, 0
    data = pixels.tobytes()
    made.PixelData = data + b"\0" * (len(data) % 2)
    made["PixelData"].VR = "OW"
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made.file_meta.MediaStorageSOPClassUID = made.SOPClassUID
    made.file_meta.MediaStorageSOPInstanceUID = made.SOPInstanceUID
    return made


def _whole_numbers(pixels: NDArray[np.float32]) -> tuple[NDArray[Any], str]:
    """The pixels as unsigned integers and how they were made; as they are where that is possible."""
    whole = smallest_integers(pixels)
    if whole.dtype.kind == "u":
        return whole, "values as they were"
    lowest, highest = float(pixels.min()), float(pixels.max())
    scale = np.iinfo(np.uint16).max / ((highest - lowest) or 1.0)
    return np.rint((pixels - lowest) * scale).astype(np.uint16), "values scaled to 16 bits"
