"""What is known about the integrity of an image: checksums are verified, complaints of decoders are heard."""

from __future__ import annotations

import io
import random
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from PIL import Image
from pydicom import uid
from pydicom.encaps import encapsulate

from library.dicom_samples import gray_pattern, mammogram_dataset, saved
from MicrocalcAILib.base.errors import MicrocalcError
from MicrocalcAILib.base.volumes import CANNOT_BE_CHECKED, CHECKSUM_VERIFIED
from MicrocalcAILib.reading import read_mammogram
from MicrocalcAILib.reading.admission import DECODER_COMPLAINED

LOSSLESS = [
    uid.ExplicitVRLittleEndian,
    uid.RLELossless,
    uid.JPEGLSLossless,
    uid.JPEG2000Lossless,
]


def written(folder: Path, name: str) -> Path:
    path = folder / name
    if name.endswith(".png"):
        Image.fromarray(gray_pattern(16)).save(path)
    else:
        sitk.WriteImage(sitk.GetImageFromArray(gray_pattern(16)), str(path), useCompression=True)
    return path


@pytest.mark.parametrize("name", ["image.png", "image.nrrd", "image.nhdr", "image.mha", "image.mhd", "image.nii.gz"])
def test_a_checksum_is_verified_and_one_changed_bit_is_refused(tmp_path: Path, name: str) -> None:
    path = written(tmp_path, name)
    assert read_mammogram(path, 0.1).admission.integrity == CHECKSUM_VERIFIED
    data = next((other for other in tmp_path.iterdir() if other != path), path)
    whole = data.read_bytes()
    chance = random.Random(1)
    for _ in range(12):
        changed = bytearray(whole)
        changed[chance.randrange(len(whole) // 2, len(whole) - 12)] ^= 1 << chance.randrange(8)
        data.write_bytes(changed)
        with pytest.raises(MicrocalcError):
            read_mammogram(path, 0.1)


@pytest.mark.parametrize("name", ["image.tif", "image.bmp.nrrd"])
def test_files_without_a_checksum_cannot_be_checked(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    sitk.WriteImage(sitk.GetImageFromArray(gray_pattern(16)), str(path), useCompression=False)
    assert read_mammogram(path, 0.1).admission.integrity == CANNOT_BE_CHECKED


@pytest.mark.parametrize("syntax", LOSSLESS)
def test_sound_dicom_files_make_no_decoder_complain(tmp_path: Path, syntax: str) -> None:
    dataset = mammogram_dataset(gray_pattern(12), 12)
    if syntax != uid.ExplicitVRLittleEndian:
        dataset.compress(syntax)
    mammogram = read_mammogram(saved(dataset, tmp_path), 0.1)
    assert mammogram.admission.integrity == CANNOT_BE_CHECKED
    assert "decoder-complained" not in {warning.code for warning in mammogram.warnings}


def test_complaints_of_a_decoder_are_heard_and_not_printed(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    stream = io.BytesIO()
    Image.fromarray(gray_pattern(8, rows=256, columns=256)).save(stream, "JPEG", quality=95)
    sound, chance, heard = stream.getvalue(), random.Random(4), 0
    for _ in range(20):
        broken = bytearray(sound)
        broken[chance.randrange(len(sound) // 2, len(sound) - 100)] ^= 0x55
        dataset = mammogram_dataset(np.zeros((256, 256), np.uint8), 8)
        dataset.file_meta.TransferSyntaxUID = uid.JPEGBaseline8Bit
        dataset.PixelData = encapsulate([bytes(broken)])
        dataset["PixelData"].is_undefined_length = True
        try:
            mammogram = read_mammogram(saved(dataset, tmp_path), 0.1)
        except MicrocalcError:
            continue
        complained = mammogram.admission.integrity == DECODER_COMPLAINED
        assert complained == ("decoder-complained" in {warning.code for warning in mammogram.warnings})
        heard += complained
    assert heard > 0
    assert capfd.readouterr().err == ""
