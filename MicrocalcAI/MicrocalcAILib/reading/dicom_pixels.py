"""Decoding the one frame of a DICOM image: plain samples as they stand, all others by the fastest decoder there is.

GDCM (inside SimpleITK) reads every transfer syntax of mammography and carries a permissive license, but it is slow
(run-length encoding: 50 times slower than others), knows only files, inverts MONOCHROME1 without saying so, and trusts
what it is given. So it gets a small stand-in file, written here from checked values: the pixel data, labelled
MONOCHROME2, and the attributes of geometry; no patient data, no rescaling. pydicom's decoders and their plug-ins
(pylibjpeg, pyjpegls) get the same file first where they know its encoding, and GDCM what they refuse.
"""

from __future__ import annotations

import struct
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..base.errors import UnreadableImageError, WarningRecord
from ..base.files import temporary_folder
from ..base.guarded import Decoded, guarded
from .content import direction_of_itk
from .decoder_messages import decoder_messages
from .dicom_safety import JPEG_2000_SYNTAXES, JPEG_LS_SYNTAXES, NATIVE_SYNTAXES, RLE_SYNTAX, DicomHeader, EncodedFrame
from .dicom_values import number, numbers
from .sample_bits import SampleValues, values_of_samples

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
# Encodings of one channel that pydicom or one of its plug-ins may decode, to the values that GDCM gives.
_QUICK_SYNTAXES = (RLE_SYNTAX, *JPEG_LS_SYNTAXES, *JPEG_2000_SYNTAXES)
_QUICK_PLUGINS = ("pyjpegls", "pylibjpeg", "pydicom")  # fastest first
# SOP classes whose spacing ITK takes from Imager Pixel Spacing: CR, DX, mammography; of others, from Pixel Spacing.
_OF_A_DETECTOR = {f"1.2.840.10008.5.1.4.1.1.{last}" for last in ("1", "1.1", "1.1.1", "1.2", "1.2.1")}
_PIXEL_DESCRIPTION = ("Rows", "Columns", "SamplesPerPixel", "BitsAllocated", "BitsStored", "PixelRepresentation")
# Pixel data of undefined length, an empty table of offsets, and a fragment up to its length (DICOM part 5, A.4).
_ENCAPSULATED = bytes.fromhex("e07f1000 4f420000 ffffffff feff00e0 00000000 feff00e0")
_END_OF_SEQUENCE = bytes.fromhex("feffdde0 00000000")
_GEOMETRY = {
    "ImagerPixelSpacing": 2,
    "PixelSpacing": 2,
    "NominalScannedPixelSpacing": 2,
    "ImagePositionPatient": 3,
    "ImageOrientationPatient": 6,
}
_COMPLAINT = WarningRecord(
    "decoder-complained",
    "The decoder complained about the compressed pixel data and went on; parts of the picture may be wrong, please get "
    "the file again.",
)


@dataclass(frozen=True)
class DecodedFrame:
    """Stored values, and where ITK places the image.

    Parameters
    ----------
    stored : integer array, shape (rows, columns) or (rows, columns, 3)
        Values without unused bits, sign extended.
    bits : int
        That the values use, at least Bits Stored.
    spacing_mm : (float, float)
        Between rows, between columns, as an ITK reader such as Slicer reports it.
    origin_lps_mm, direction_lps : tuples of 3 and 9 floats
    """

    stored: NDArray[Any]
    bits: int
    spacing_mm: tuple[float, float]
    origin_lps_mm: tuple[float, ...]
    direction_lps: tuple[float, ...]
    warnings: tuple[WarningRecord, ...]
    has_complaints: bool


def decode_frame(header: DicomHeader, frame: EncodedFrame) -> DecodedFrame:
    """Decode what :func:`~.dicom_safety.read_pixel_data` returned.

    Raises
    ------
    UnreadableImageError
        When the decoder refuses the pixel data, or returns another size.
    """
    from pydicom.uid import UID

    stored = None
    if header.samples == 1:
        if header.transfer_syntax in NATIVE_SYNTAXES:
            stored = _native_samples(header, frame)
        elif header.transfer_syntax in _QUICK_SYNTAXES:
            quick = _by_file(header, frame, header.shape, decode_quickly)
            stored = quick.arrays[0] if quick.arrays else None
    if stored is None:
        facts, (stored,) = _by_file(header, frame, header.shape, decode_by_gdcm)
    elif (known := _plain_geometry(header.attributes)) is not None:
        facts = known
    else:  # a picture of one pixel tells where ITK places the image
        plain = replace(header, transfer_syntax=UID(NATIVE_SYNTAXES[-2]))
        pixel = EncodedFrame(bytes(1 if frame.bits <= 8 else 2), frame.bits)
        facts, _ = _by_file(plain, pixel, (1, 1), decode_by_gdcm)
    if stored.shape[:2] != header.shape:
        raise UnreadableImageError("The decoded image has another size than the header says; please export it again.")
    samples = SampleValues(stored, int(header.attributes.BitsStored), [])
    if header.samples == 1:
        samples = values_of_samples(stored, header.attributes)
    has_complaints = bool(facts["has_complaints"])
    return DecodedFrame(
        samples.values,
        samples.bits,
        tuple(facts["spacing_mm"]),
        tuple(facts["origin_lps_mm"]),
        tuple(facts["direction_lps"]),
        (*samples.warnings, *([_COMPLAINT] if has_complaints else [])),
        has_complaints,
    )


def _by_file(
    header: DicomHeader, frame: EncodedFrame, shape: tuple[int, int], decoder: Callable[[str, str], Decoded]
) -> Decoded:
    with temporary_folder() as folder:
        path = folder / "image.dcm"
        _write_stand_in(header, frame, shape, path)
        # What is written here without compression is sound; codecs are run where they can be ended.
        run = decoder if header.transfer_syntax in NATIVE_SYNTAXES else partial(guarded, decoder)
        return run(str(path), header.transfer_syntax.name)


def decode_quickly(name: str, _transfer_syntax: str) -> Decoded:
    """Let pydicom or a plug-in decode a file that :func:`decode_frame` has written; no array where GDCM has to judge.

    That is where there is no plug-in, and where one refuses the pixel data or complains about them.
    """
    from pydicom import dcmread
    from pydicom.pixels import get_decoder

    image = dcmread(name)
    decoder = get_decoder(image.file_meta.TransferSyntaxUID)
    plugin = next((plugin for plugin in _QUICK_PLUGINS if plugin in decoder.available_plugins), None)
    if plugin is None:
        return Decoded({})
    with decoder_messages() as complaints, warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            stored, _ = decoder.as_array(image, index=0, raw=True, decoding_plugin=plugin)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException:  # of any kind (a panic in Rust is no Exception); GDCM says what is wrong with the file
            return Decoded({})
    return Decoded({}, () if complaints else (stored,))


def decode_by_gdcm(name: str, transfer_syntax: str) -> Decoded:
    """Let GDCM decode a file that :func:`decode_frame` has written, and hear what it complains about."""
    import SimpleITK as sitk

    reader = sitk.ImageFileReader()
    reader.SetImageIO("GDCMImageIO")
    reader.SetFileName(name)
    try:
        with decoder_messages() as complaints:
            image = reader.Execute()
    except RuntimeError as error:
        raise UnreadableImageError(
            f"The pixel data ({transfer_syntax}) cannot be decoded; the file is damaged, "
            "please export it again from the archive."
        ) from error
    spacing = image.GetSpacing()
    facts = {
        "spacing_mm": (spacing[1], spacing[0]),
        "origin_lps_mm": image.GetOrigin(),
        "direction_lps": direction_of_itk(image),
        "has_complaints": bool(complaints),
    }
    return Decoded(facts, (sitk.GetArrayFromImage(image)[0],))


def _plain_geometry(attributes: Dataset) -> dict[str, Any] | None:
    """What :func:`decode_by_gdcm` says of an image without position and orientation; None where it has to be asked.

    Mammograms have neither. Loading ITK for this would take 90 MB and a tenth of a second.
    """
    if any(numbers(attributes, keyword) for keyword in ("ImagePositionPatient", "ImageOrientationPatient")):
        return None
    is_of_a_detector = str(attributes.get("SOPClassUID", "")) in _OF_A_DETECTOR
    keywords = ("ImagerPixelSpacing",) if is_of_a_detector else ("PixelSpacing", "NominalScannedPixelSpacing")
    stated = [found for keyword in keywords if len(found := numbers(attributes, keyword)) == _GEOMETRY[keyword]]
    spacing_mm = [float(f"{value:.10g}") for value in stated[0]] if stated else [1.0, 1.0]
    if min(spacing_mm) <= 0:
        return None
    return {
        "spacing_mm": spacing_mm,
        "origin_lps_mm": (0.0, 0.0, 0.0),
        "direction_lps": (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0),
        "has_complaints": False,
    }


def _native_samples(header: DicomHeader, frame: EncodedFrame) -> NDArray[np.unsignedinteger]:
    """Samples of one channel as they stand in the file, in the byte order of the machine."""
    order = "<" if header.transfer_syntax.is_little_endian else ">"
    samples = np.frombuffer(frame.data, f"{order}u{frame.bits // 8}")
    return samples.astype(samples.dtype.newbyteorder("=")).reshape(header.shape)


def _write_stand_in(header: DicomHeader, frame: EncodedFrame, shape: tuple[int, int], path: Path) -> None:
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import generate_uid

    given = header.attributes
    image = Dataset()
    sop_class = str(given.get("SOPClassUID", ""))
    image.SOPClassUID = sop_class if sop_class in _OF_A_DETECTOR else _SECONDARY_CAPTURE
    image.SOPInstanceUID = generate_uid()
    image.Modality = "MG"
    for keyword in _PIXEL_DESCRIPTION:
        setattr(image, keyword, int(given[keyword].value))
    image.Rows, image.Columns = shape
    if image.SamplesPerPixel == 1:  # all bits come back as they are; which of them are the value is decided here
        image.BitsAllocated = 8 if frame.bits <= 8 else 16
        image.BitsStored, image.PixelRepresentation = frame.bits, 0
    image.HighBit = image.BitsStored - 1
    photometric = str(given.PhotometricInterpretation)
    image.PhotometricInterpretation = "MONOCHROME2" if image.SamplesPerPixel == 1 else photometric
    if image.SamplesPerPixel > 1:
        image.PlanarConfiguration = int(number(given, "PlanarConfiguration") or 0)
    for keyword, count in _GEOMETRY.items():
        if len(found := numbers(given, keyword)) == count:
            setattr(image, keyword, [f"{value:.10g}" for value in found])

    image.file_meta = FileMetaDataset()
    image.file_meta.TransferSyntaxUID = header.transfer_syntax
    data = frame.data + b"\0" * (len(frame.data) % 2)
    native = header.transfer_syntax in NATIVE_SYNTAXES
    if native:
        image.PixelData = data
        image["PixelData"].VR = "OW" if image.BitsAllocated > 8 else "OB"
    image.save_as(path, enforce_file_format=True)
    if not native:  # written by pydicom, a codestream is copied four times
        with path.open("ab") as file:
            file.writelines((_ENCAPSULATED, struct.pack("<I", len(data)), data, _END_OF_SEQUENCE))
