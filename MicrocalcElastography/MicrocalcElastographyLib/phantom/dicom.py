"""Simulated screens as DICOM ultrasound images with calibrated regions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from MicrocalcAILib import __version__
from MicrocalcAILib.base.files import replaced_on_success

from ..geometry import Rectangle
from .screen import SimulatedScreen

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_US_IMAGE, _US_MULTI_FRAME = "1.2.840.10008.5.1.4.1.1.6.1", "1.2.840.10008.5.1.4.1.1.3.1"
_TISSUE, _COLOR_FLOW = 1, 2  # Region Data Type (0018,6014); elasticity has none, vendors use these
_CENTIMETERS = 3
_LOW_PRIORITY = 1  # Region Flags (0018,6016): the elastogram lies on top of the B-mode image
_FRAME_TIME_MS = 100


def write_dicom(screens: Sequence[SimulatedScreen], path: Path) -> None:
    """Write one screen as US Image, several of one size as US Multi-frame Image.

    Screens with JPEG compression are written as JPEG Baseline, YBR_FULL_422; others as uncompressed RGB. All
    identifiers follow from the parameters, so the same phantom gives the same file.
    """
    from pydicom.encaps import encapsulate
    from pydicom.uid import ExplicitVRLittleEndian, JPEGBaseline8Bit

    first = screens[0]
    image = _described(first, len(screens))
    if first.jpeg is not None:
        image.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
        image.PhotometricInterpretation = "YBR_FULL_422"
        image.LossyImageCompression = "01"
        image.LossyImageCompressionMethod = "ISO_10918_1"
        streams = [screen.jpeg or b"" for screen in screens]
        image.LossyImageCompressionRatio = round(first.frame.nbytes * len(screens) / sum(map(len, streams)), 2)
        image.PixelData = encapsulate(streams)
        image["PixelData"].is_undefined_length = True
    else:
        image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        image.PhotometricInterpretation = "RGB"
        image.LossyImageCompression = "00"
        pixels = np.stack([screen.frame for screen in screens]).tobytes()
        image.PixelData = pixels + b"\0" * (len(pixels) % 2)
    image["PixelData"].VR = "OB"
    with replaced_on_success(path) as temporary:
        image.save_as(temporary, enforce_file_format=True)


def _described(screen: SimulatedScreen, frames: int) -> Dataset:
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import generate_uid

    def uid(what: str) -> str:
        return str(generate_uid(entropy_srcs=[what, repr(screen.parameters), str(frames)]))

    image = Dataset()
    image.SOPClassUID = _US_MULTI_FRAME if frames > 1 else _US_IMAGE
    image.SOPInstanceUID, image.StudyInstanceUID, image.SeriesInstanceUID = map(uid, ("image", "study", "series"))
    image.Modality = "US"
    image.PatientName, image.PatientID = "Simulated^Elastogram", "SIMULATED"
    image.PatientBirthDate = image.PatientSex = image.StudyDate = image.StudyTime = image.StudyID = ""
    image.ReferringPhysicianName = image.AccessionNumber = ""
    image.SeriesNumber = image.InstanceNumber = 1
    image.Laterality = "L"
    image.PatientOrientation = ""
    image.BodyPartExamined = "BREAST"
    image.Manufacturer, image.ManufacturerModelName = "Microcalc", "Elastography phantom"
    image.SoftwareVersions = __version__
    image.SeriesDescription = "Simulated elastogram"
    image.ImageType = ["ORIGINAL", "PRIMARY", "BREAST", "0001"]
    image.BurnedInAnnotation = "NO"
    image.Rows, image.Columns = screen.frame.shape[:2]
    image.SamplesPerPixel, image.PlanarConfiguration = 3, 0
    image.BitsAllocated = image.BitsStored = 8
    image.HighBit, image.PixelRepresentation = 7, 0
    if frames > 1:
        image.NumberOfFrames = frames
        image.FrameTime = _FRAME_TIME_MS
        image.FrameIncrementPointer = 0x00181063
    spacing_cm = screen.parameters.spacing_mm / 10.0
    regions = [_region(screen.color_panel, _TISSUE, spacing_cm), _region(screen.box, _COLOR_FLOW, spacing_cm)]
    if screen.b_mode_panel is not None:
        regions.append(_region(screen.b_mode_panel, _TISSUE, spacing_cm))
    image.SequenceOfUltrasoundRegions = regions
    image.file_meta = FileMetaDataset()
    return image


def _region(place: Rectangle, data_type: int, spacing_cm: float) -> Dataset:
    from pydicom.dataset import Dataset

    region = Dataset()
    region.RegionSpatialFormat = 1
    region.RegionDataType = data_type
    region.RegionFlags = 0 if data_type == _TISSUE else _LOW_PRIORITY
    region.RegionLocationMinX0, region.RegionLocationMinY0 = place.left, place.top
    region.RegionLocationMaxX1, region.RegionLocationMaxY1 = place.right - 1, place.bottom - 1
    region.PhysicalUnitsXDirection = region.PhysicalUnitsYDirection = _CENTIMETERS
    region.PhysicalDeltaX = region.PhysicalDeltaY = spacing_cm
    return region
