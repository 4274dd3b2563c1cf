"""Synthetic DICOM mammograms for the tests: every pixel and every attribute is known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

FOR_PRESENTATION = "1.2.840.10008.5.1.4.1.1.1.2"
FOR_PROCESSING = "1.2.840.10008.5.1.4.1.1.1.2.1"
COMPUTED_RADIOGRAPHY = "1.2.840.10008.5.1.4.1.1.1"
SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
TOMOSYNTHESIS = "1.2.840.10008.5.1.4.1.1.13.1.3"


def gray_pattern(bits: int = 12, rows: int = 96, columns: int = 80, signed: bool = False) -> NDArray[Any]:
    """Smooth ramps with single bright specks, covering the whole range of ``bits``."""
    row, column = np.mgrid[:rows, :columns]
    pattern = (row / (rows - 1) + column / (columns - 1)) / 2 + 0.1 * np.sin(row / 3.0) * np.cos(column / 5.0)
    pattern[(row % 16 == 7) & (column % 16 == 9)] = 1.0
    highest = (1 << bits) - 1
    values = np.rint(np.clip(pattern, 0, 1) * highest).astype(np.int64) - (1 << bits - 1 if signed else 0)
    return values.astype(f"{'i' if signed else 'u'}{1 if bits <= 8 else 2}")


def breast_picture(side: str = "left", rows: int = 120, columns: int = 100) -> NDArray[np.uint16]:
    """A textured half disc of 12 bits at one side of dark air."""
    row, column = np.mgrid[:rows, :columns]
    distance = np.hypot((row - rows / 2) / (rows / 2), column / (0.6 * columns))
    texture = 2000 + 300 * ((row * 7 + column * 13) % 5)
    picture = np.where(distance < 0.9, texture, 60).astype(np.uint16)
    return picture if side == "left" else picture[:, ::-1].copy()


def mammogram_dataset(pixels: NDArray[Any], bits_stored: int | None = None, **attributes: Any) -> Dataset:
    """A digital mammogram For Presentation, left CC, 0.07 mm; ``attributes`` replace or (None) remove what it says."""
    bits_allocated = pixels.dtype.itemsize * 8
    dataset = Dataset()
    dataset.SOPClassUID = FOR_PRESENTATION
    dataset.SOPInstanceUID = generate_uid()
    dataset.StudyInstanceUID = generate_uid()
    dataset.SeriesInstanceUID = generate_uid()
    dataset.PatientName = "Doe^Jane"
    dataset.PatientID = "Secret-4711"
    dataset.Modality = "MG"
    dataset.PresentationIntentType = "FOR PRESENTATION"
    dataset.ImageType = ["ORIGINAL", "PRIMARY"]
    dataset.BodyPartExamined = "BREAST"
    dataset.ImageLaterality = "L"
    dataset.ViewCodeSequence = Sequence([code("399162004", "SCT", "cranio-caudal")])
    dataset.PatientOrientation = ["A", "R"]
    dataset.ImagerPixelSpacing = [0.07, 0.07]
    dataset.Rows, dataset.Columns = pixels.shape[:2]
    dataset.SamplesPerPixel = 1 if pixels.ndim == 2 else 3
    dataset.PhotometricInterpretation = "MONOCHROME2" if pixels.ndim == 2 else "RGB"
    if pixels.ndim == 3:
        dataset.PlanarConfiguration = 0
    dataset.BitsAllocated = bits_allocated
    dataset.BitsStored = bits_stored or bits_allocated
    dataset.HighBit = dataset.BitsStored - 1
    dataset.PixelRepresentation = int(pixels.dtype.kind == "i")
    data = pixels.tobytes()
    dataset.PixelData = data + b"\0" * (len(data) % 2)
    dataset["PixelData"].VR = "OW" if bits_allocated > 8 else "OB"
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    for keyword, value in attributes.items():
        if value is None:
            delattr(dataset, keyword)
        else:
            setattr(dataset, keyword, value)
    return dataset


def code(value: str, scheme: str, meaning: str, **attributes: Any) -> Dataset:
    """One item of a code sequence."""
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    for keyword, content in attributes.items():
        setattr(item, keyword, content)
    return item


def saved(dataset: Dataset, folder: Path, name: str = "image.dcm") -> Path:
    """Write the data set as a DICOM file and return its path."""
    path = folder / name
    dataset.save_as(path, enforce_file_format=True)
    return path
