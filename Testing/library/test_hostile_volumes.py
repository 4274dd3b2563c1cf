"""Headers that make a library crash, read elsewhere or read something else end in one sentence."""

from __future__ import annotations

import os
import random
import shutil
import struct
import subprocess
import sys
import time
import zlib
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from library.dicom_samples import gray_pattern
from MicrocalcAILib.base.errors import MicrocalcError, UnreadableImageError
from MicrocalcAILib.base.volumes import read_label_map, write_volume
from MicrocalcAILib.reading import read_mammogram

ROOT = Path(__file__).resolve().parents[2]
IDENTITY = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)
PIXELS = gray_pattern(12)
ROWS, COLUMNS = PIXELS.shape
NRRD = f"NRRD0004\ntype: uint16\ndimension: 2\nsizes: {COLUMNS} {ROWS}\nendian: little\n"
META_IMAGE = f"ObjectType = Image\nNDims = 2\nDimSize = {COLUMNS} {ROWS}\nElementType = MET_USHORT\n"
LONG = "x" * 1000


def read(path: Path, content: bytes) -> np.ndarray:
    path.write_bytes(content)
    return read_mammogram(path, spacing_mm=0.07).pixels


def nrrd(lines: str, data: bytes = PIXELS.tobytes(), encoding: str = "raw") -> bytes:
    return f"{NRRD}encoding: {encoding}\n{lines}\n".encode() + data


def meta_image(lines: str, data: bytes = PIXELS.tobytes(), header: str = META_IMAGE) -> bytes:
    return f"{header}{lines}ElementDataFile = LOCAL\n".encode() + data


def test_the_headers_that_the_others_are_made_from_are_read(tmp_path):
    np.testing.assert_array_equal(read(tmp_path / "a.nrrd", nrrd("")), PIXELS)
    np.testing.assert_array_equal(read(tmp_path / "a.mha", meta_image("")), PIXELS)


@pytest.mark.parametrize(
    "lines",
    [
        f"zzz: {LONG}\n",
        f"Patient comments = {LONG}\n",
        f"{LONG}\n",
        f"space: {LONG * 10}\n",
        "zzz: short\n",
        "spacings: 1 1\nspacings: 1 1\n",
        "data file: a.raw\ndatafile: b.raw\n",
        "kinds: domain domain\rdata file: other.raw\n",
        "type: uint8\n",
    ],
)
def test_a_line_that_no_sound_nrrd_header_holds_is_refused(tmp_path, lines):
    with pytest.raises(UnreadableImageError, match=r"header.*\.$"):
        read(tmp_path / "a.nrrd", nrrd(lines))


def test_comments_and_key_value_pairs_of_an_nrrd_header_may_be_long(tmp_path):
    lines = f"# {LONG * 20}\nname:={LONG * 20}\ncontent: {LONG}\n"
    np.testing.assert_array_equal(read(tmp_path / "a.nrrd", nrrd(lines)), PIXELS)


@pytest.mark.parametrize("word", ["9" * 5000, "a" * 5000, "9" * 100])
def test_numbers_as_text_of_impossible_length_are_refused(tmp_path, word):
    with pytest.raises(UnreadableImageError, match="no numbers"):
        read(tmp_path / "a.nrrd", nrrd("", word.encode(), "ascii"))


def test_numbers_as_text_are_read(tmp_path):
    text = " ".join(map(str, PIXELS.ravel())).encode()
    np.testing.assert_array_equal(read(tmp_path / "a.nrrd", nrrd("", text, "ascii")), PIXELS)


@pytest.mark.parametrize("dimensions", ["160 120 1", "160", "0", "-2", "99999999999", "two", ""])
def test_an_impossible_number_of_dimensions_is_refused(tmp_path, dimensions):
    with pytest.raises(UnreadableImageError):
        read(tmp_path / "a.mha", meta_image("", header=META_IMAGE.replace("NDims = 2", f"NDims = {dimensions}")))
    with pytest.raises(UnreadableImageError):
        read(tmp_path / "a.nrrd", nrrd("").replace(b"dimension: 2", f"dimension: {dimensions}".encode()))


@pytest.mark.parametrize(
    "named",
    [
        "elementdatafile = x.raw\nElementDataFile = ../secret.raw\n",
        "ElementDataFile = x.raw\nelementdatafile = ../secret.raw\n",
        "ELEMENTDATAFILE = x.raw\n",
        "ElementDataFile:../secret.raw = 1\nElementDataFile = x.raw\n",
        "Comment = 1\rElementDataFile = ../secret.raw\nElementDataFile = x.raw\n",
        "ElementDataFile = ../secret.raw\n",
        "ElementDataFile = sub/../../secret.raw\n",
        "ElementDataFile = LIST\nx.raw\n",
        "ElementDataFile = x%d.raw 1 1 1\n",
        "ElementDataFile = link.raw\n",
    ],
)
def test_a_header_names_one_file_beside_it_once_in_the_exact_spelling(tmp_path, named):
    folder = tmp_path / "shared"
    folder.mkdir()
    (folder / "x.raw").write_bytes(PIXELS.tobytes())
    (tmp_path / "secret.raw").write_bytes(PIXELS.tobytes())
    (folder / "link.raw").symlink_to(tmp_path / "secret.raw")
    content = (META_IMAGE + named).encode()
    if named.startswith("ElementDataFile = x.raw\n"):  # what follows the data file is no header any more
        np.testing.assert_array_equal(read(folder / "a.mhd", content), PIXELS)
        return
    with pytest.raises(UnreadableImageError, match="header"):
        read(folder / "a.mhd", content)


@pytest.mark.parametrize("extra", [-1, 1, 5000])
@pytest.mark.parametrize("packed", [False, True])
def test_pixel_data_of_another_length_than_the_header_says_are_refused(tmp_path, extra, packed):
    data = PIXELS.tobytes()
    data = data[:extra] if extra < 0 else data + b"\0" * extra
    words = "cut off" if extra < 0 else "longer than its header says"
    gzip = zlib.compressobj(wbits=31)
    content = nrrd("", gzip.compress(data) + gzip.flush(), "gzip") if packed else nrrd("", data)
    with pytest.raises(UnreadableImageError, match=words):
        read(tmp_path / "a.nrrd", content)
    lines = f"CompressedData = {packed}\n"
    with pytest.raises(UnreadableImageError, match=words):
        read(tmp_path / "a.mha", meta_image(lines, zlib.compress(data) if packed else data))


@pytest.mark.parametrize("name", ["a.nrrd", "a.mha", "a.nii.gz"])
def test_one_flipped_bit_in_compressed_samples_is_refused(tmp_path, name):
    image = sitk.GetImageFromArray(PIXELS)
    image.SetSpacing((0.07, 0.07))
    path = tmp_path / name
    sitk.WriteImage(image, str(path), useCompression=True)
    whole, chance = path.read_bytes(), random.Random(name)
    assert read_mammogram(path).admission.integrity == "checksum verified"
    start = len(whole) // 2  # of a NIfTI file, the header is compressed as well
    for _ in range(30):
        damaged = bytearray(whole)
        damaged[chance.randrange(start, len(whole) - 8)] ^= 1 << chance.randrange(8)
        path.write_bytes(damaged)
        with pytest.raises(UnreadableImageError):
            read_mammogram(path)


def test_samples_that_unpack_to_far_more_than_declared_take_no_memory(tmp_path):
    gzip = zlib.compressobj(wbits=31)
    bomb = b"".join(gzip.compress(bytes(1 << 20)) for _ in range(400)) + gzip.flush()
    begin = time.monotonic()
    with pytest.raises(UnreadableImageError, match="longer"):
        read(tmp_path / "a.nrrd", nrrd("", bomb, "gzip"))
    assert time.monotonic() - begin < 10


def test_a_nifti_header_with_an_impossible_offset_is_refused(tmp_path):
    path = tmp_path / "a.nii"
    sitk.WriteImage(sitk.GetImageFromArray(PIXELS), str(path))
    whole = path.read_bytes()
    for offset in (-5.0, float("nan"), 1e30, 400.0, 0.0):
        path.write_bytes(whole[:108] + struct.pack("<f", offset) + whole[112:])
        with pytest.raises(MicrocalcError):
            read_mammogram(path, spacing_mm=0.07)


@pytest.mark.parametrize("value", [-1, 2**31])
def test_a_label_map_with_numbers_that_are_no_labels_is_refused(tmp_path, value):
    labels = np.zeros((8, 9), np.int64)
    labels[2, 3] = value
    write_volume(labels, (0.07, 0.07), (0, 0, 0), IDENTITY, tmp_path / "labels.nrrd")
    with pytest.raises(MicrocalcError, match="no labels"):
        read_label_map(tmp_path / "labels.nrrd")


@pytest.mark.parametrize("dtype", ["uint8", "int8", "uint16", "int16", "uint32", "int32", "float32", "float64"])
def test_what_is_written_is_what_itk_reads(tmp_path, dtype):
    array = (np.arange(20).reshape(4, 5) * 1.5).astype(dtype)
    turned = (0.0, -1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0)
    header = {"key": "a\nb \\ c:=d", "MicrocalcAI.laterality": "L"}
    write_volume(array, (0.07, 0.08), (1.5, -2.25, 1 / 3), turned, tmp_path / "a.nrrd", header)
    image = sitk.ReadImage(str(tmp_path / "a.nrrd"))
    np.testing.assert_array_equal(sitk.GetArrayFromImage(image), array[np.newaxis])
    assert image.GetSpacing() == pytest.approx((0.08, 0.07, 1.0), rel=1e-15)
    assert image.GetOrigin() == (1.5, -2.25, 1 / 3)
    assert image.GetDirection() == turned
    assert {key: image.GetMetaData(key) for key in header} == header
    assert image.GetPixelID() == sitk.GetImageFromArray(array).GetPixelID()


def test_a_decimal_comma_in_the_locale_changes_nothing(tmp_path):
    """A program with a user interface sets LC_NUMERIC for the whole process."""
    compiler = shutil.which("localedef")
    made = compiler and subprocess.run(
        [compiler, "--no-archive", "-i", "de_DE", "-f", "UTF-8", tmp_path / "de_DE.UTF-8"], capture_output=True
    )
    if not made or made.returncode:
        pytest.skip("a locale with a decimal comma cannot be made here")
    code = (
        "import locale, sys, numpy as np; from pathlib import Path\n"
        "from MicrocalcAILib.base.volumes import write_volume, read_volume\n"
        f"locale.setlocale(locale.LC_NUMERIC, 'de_DE.UTF-8'); path = Path(sys.argv[1])\n"
        f"write_volume(np.ones((4, 5), np.uint8), (0.07, 0.08), (0.5, 0, 0), {IDENTITY}, path)\n"
        "volume = read_volume(path, 'NRRD'); assert volume.spacing_mm == (0.07, 0.08), volume\n"
        "assert volume.origin_lps_mm[0] == 0.5\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "MicrocalcAI"), "LOCPATH": str(tmp_path)}
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "a.nrrd")], env=environment, check=True, timeout=100)
    assert b"0.07" in (tmp_path / "a.nrrd").read_bytes()
