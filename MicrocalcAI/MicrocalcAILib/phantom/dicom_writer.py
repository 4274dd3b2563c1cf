"""A phantom as a Digital Mammography X-Ray Image – For Presentation (PS3.3 A.26)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian, generate_uid

from .. import __version__
from ..base.errors import ParameterError
from ..base.files import replaced_on_success
from ..reading.mammogram import Mammogram

_FOR_PRESENTATION = UID("1.2.840.10008.5.1.4.1.1.1.2")
_VIEWS = {  # CID 4014
    "CC": ("399162004", "cranio-caudal"),
    "MLO": ("399368009", "medio-lateral oblique"),
    "ML": ("399260004", "medio-lateral"),
    "LM": ("399352003", "latero-medial"),
    "XCCL": ("399192008", "cranio-caudal exaggerated laterally"),
}


def write_dicom(path: Path, mammogram: Mammogram, phantom_id: str, comment: str) -> None:
    """Write one image of a fictitious patient.

    Parameters
    ----------
    path : Path
    mammogram : Mammogram
        Whole numbers from 0 to 65535; laterality and view must be known.
    phantom_id : str
        Patient ID and Study ID; the instance's UIDs follow from it and from the pixels, so the file is reproducible.
    comment : str
        Image Comments; says that the image is simulated.

    Raises
    ------
    ParameterError
        When laterality or view is unknown, or the pixels are no 16-bit whole numbers.
    """
    if mammogram.laterality is None or mammogram.view not in _VIEWS:
        raise ParameterError("A DICOM mammogram needs a laterality and a view (CC, MLO, ML, LM, XCCL); give both.")
    stored = np.round(mammogram.pixels)
    if stored.min() < 0 or stored.max() > 65535 or not np.array_equal(stored, mammogram.pixels):
        raise ParameterError("A DICOM phantom needs whole pixel values from 0 to 65535; write this one as NRRD.")
    with replaced_on_success(path) as temporary:
        _dataset(mammogram, stored.astype("<u2"), phantom_id, comment).save_as(temporary, enforce_file_format=True)


def _dataset(mammogram: Mammogram, stored: np.ndarray, phantom_id: str, comment: str) -> Dataset:
    entropy = [phantom_id, comment, stored.tobytes().hex()[:4096], str(int(stored.sum(dtype=np.int64)))]
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID = _FOR_PRESENTATION
    instance = generate_uid(entropy_srcs=[*entropy, "instance"])
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID = instance
    dataset.StudyInstanceUID = generate_uid(entropy_srcs=[*entropy, "study"])
    dataset.SeriesInstanceUID = generate_uid(entropy_srcs=[*entropy, "series"])
    _describe_patient_and_device(dataset, phantom_id, comment)
    _describe_acquisition(dataset, mammogram)
    _describe_pixels(dataset, mammogram, stored)
    return dataset


def _describe_patient_and_device(dataset: Dataset, phantom_id: str, comment: str) -> None:
    dataset.PatientName = "PHANTOM^SIMULATED"
    dataset.PatientID = dataset.StudyID = phantom_id
    dataset.PatientBirthDate = ""
    dataset.PatientSex = "F"
    dataset.PatientComments = "Simulated image; no patient."
    dataset.StudyDate = dataset.ContentDate = "20000101"
    dataset.StudyTime = dataset.ContentTime = "000000"
    dataset.AccessionNumber = dataset.ReferringPhysicianName = ""
    dataset.StudyDescription = dataset.SeriesDescription = "Simulated mammogram with inserted calcifications"
    dataset.Modality = "MG"
    dataset.SeriesNumber = dataset.InstanceNumber = 1
    dataset.Manufacturer = "Microcalc"
    dataset.ManufacturerModelName = "Microcalc phantom"
    dataset.DeviceSerialNumber = "none"
    dataset.SoftwareVersions = __version__
    dataset.ImageComments = comment
    dataset.PresentationIntentType = "FOR PRESENTATION"
    dataset.ImageType = ["DERIVED", "PRIMARY"]
    dataset.DerivationDescription = "Simulated calcifications inserted"
    dataset.BurnedInAnnotation = "NO"
    dataset.LossyImageCompression = "00"


def _describe_acquisition(dataset: Dataset, mammogram: Mammogram) -> None:
    left, chest_wall_left = mammogram.laterality == "L", mammogram.chest_wall_side == "left"
    code, meaning = _VIEWS[mammogram.view or ""]
    dataset.ImageLaterality = mammogram.laterality
    dataset.PatientOrientation = [
        "A" if chest_wall_left else "P",
        ("FR" if left else "FL") if mammogram.view == "MLO" else ("R" if left else "L"),
    ]
    if mammogram.view in ("ML", "LM"):
        dataset.PatientOrientation = [dataset.PatientOrientation[0], "F"]
    dataset.ViewPosition = mammogram.view
    view = _coded(code, "SCT", meaning)
    view.ViewModifierCodeSequence = []
    dataset.ViewCodeSequence = [view]
    dataset.AnatomicRegionSequence = [_coded("76752008", "SCT", "Breast")]
    dataset.OrganExposed = "BREAST"
    dataset.BodyPartExamined = "BREAST"
    dataset.BreastImplantPresent = "NO"
    dataset.PositionerType = "NONE"
    dataset.DetectorType = "DIRECT"
    dataset.AcquisitionContextSequence = []
    dataset.ImagerPixelSpacing = [f"{length:.6g}" for length in mammogram.spacing_mm]
    dataset.EstimatedRadiographicMagnificationFactor = "1.0"


def _describe_pixels(dataset: Dataset, mammogram: Mammogram, stored: np.ndarray) -> None:
    bits = max(int(mammogram.source.get("bits_stored", 0)), int(stored.max()).bit_length(), 8)
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.PresentationLUTShape = "IDENTITY"
    dataset.Rows, dataset.Columns = stored.shape
    dataset.BitsAllocated = 16
    dataset.BitsStored, dataset.HighBit = bits, bits - 1
    dataset.PixelRepresentation = 0
    dataset.PixelIntensityRelationship = "LOG"
    dataset.PixelIntensityRelationshipSign = 1
    dataset.RescaleIntercept, dataset.RescaleSlope, dataset.RescaleType = "0", "1", "US"
    center, width = mammogram.display_window or (2 ** (bits - 1), 2**bits)
    dataset.WindowCenter, dataset.WindowWidth = f"{center:g}", f"{max(width, 1):g}"
    dataset.VOILUTFunction = "LINEAR"
    dataset.PixelData = stored.tobytes()


def _coded(value: str, scheme: str, meaning: str) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return item
