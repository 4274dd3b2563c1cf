"""What must not matter: how a picture is encoded, what is drawn far from a speck, what the free texts say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from pydicom import uid

from library.dicom_samples import mammogram_dataset, saved
from MicrocalcAILib.pipeline import analyze, load_selector
from MicrocalcAILib.reading import Mammogram, read_mammogram
from MicrocalcAILib.segmentation.selection import Selector

CASES = Path(__file__).parents[1] / "Data" / "cases" / "reading"
PICTURE = read_mammogram(CASES / "01_reference.dcm").pixels.astype(np.uint16)
SPECKS = np.array([(150, 70), (158, 78), (165, 66), (172, 82), (180, 74), (240, 110), (300, 60)])
PADDING = 4095
SYNTAXES = (
    uid.ImplicitVRLittleEndian,
    uid.ExplicitVRLittleEndian,
    uid.ExplicitVRBigEndian,
    uid.RLELossless,
    uid.JPEGLSLossless,
    uid.JPEG2000Lossless,
)
FREE_TEXTS = (
    *("SeriesDescription", "StudyDescription", "ProtocolName", "PatientID", "ImageComments", "Manufacturer"),
    *("AcquisitionDeviceProcessingDescription", "ManufacturerModelName", "InstitutionName", "PatientName"),
)
TELLING = ("R MLO", "Tomosynthesis Projection", "C-View", "SPOT MAG", "specimen", "CESM subtraction", "LEFT RIGHT")
quick = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
few = settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def selector() -> Selector:
    return load_selector()


def encoded(folder: Path, syntax: uid.UID, photometric: str, bits: int, signed: bool) -> Path:
    """The picture with these bits, signed values and polarity."""
    lowest, highest = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
    values = PICTURE.astype(np.int64) + (lowest if signed else 0)
    if photometric == "MONOCHROME1":
        values = lowest + highest - values
    stored = values.astype(np.int16 if signed else np.uint16)
    dataset = mammogram_dataset(
        stored, bits, PhotometricInterpretation=photometric, ImagerPixelSpacing=[0.1, 0.1], RescaleIntercept=-lowest
    )
    dataset.RescaleSlope = 1
    if syntax == uid.ExplicitVRBigEndian:
        dataset.PixelData = stored.astype(stored.dtype.newbyteorder(">")).tobytes()
        dataset.file_meta.TransferSyntaxUID = syntax
        path = folder / "image.dcm"
        dataset.save_as(path, implicit_vr=False, little_endian=False, enforce_file_format=True)
        return path
    if syntax.is_compressed:
        dataset.compress(syntax)
    dataset.file_meta.TransferSyntaxUID = syntax
    return saved(dataset, folder)


@quick
@given(
    syntax=st.sampled_from(SYNTAXES),
    photometric=st.sampled_from(["MONOCHROME1", "MONOCHROME2"]),
    bits=st.integers(12, 16),
    signed=st.booleans(),
)
def test_encoding_byte_order_polarity_and_depth_do_not_move_a_gray_value(
    tmp_path: Path, syntax: uid.UID, photometric: str, bits: int, signed: bool
) -> None:
    if signed and syntax in (uid.JPEGLSLossless, uid.RLELossless):
        signed = False  # encoders of the tests write unsigned values only
    mammogram = read_mammogram(encoded(tmp_path, syntax, photometric, bits, signed))
    np.testing.assert_array_equal(mammogram.pixels, PICTURE)
    assert mammogram.valid is None
    assert mammogram.spacing_mm == (0.1, 0.1)


def test_equal_gray_values_give_equal_tables(tmp_path: Path, selector: Selector) -> None:
    plain = analyze(read_mammogram(CASES / "01_reference.dcm"), selector=selector)
    path = encoded(tmp_path, uid.JPEGLSLossless, "MONOCHROME1", 14, False)
    other = analyze(read_mammogram(path), selector=selector)
    pd.testing.assert_frame_equal(plain.calcifications, other.calcifications)
    pd.testing.assert_frame_equal(plain.clusters, other.clusters)


@st.composite
def marks(draw: st.DrawFn) -> NDArray[np.bool_]:
    """A hole, a frame or a bar that keeps a little more than 1 mm away from every speck."""
    where = np.zeros(PICTURE.shape, bool)
    top, left = draw(st.integers(60, 340)), draw(st.integers(0, 110))
    height, width = draw(st.integers(4, 60)), draw(st.integers(4, 60))
    where[top : top + height, left : left + width] = True
    if draw(st.booleans()):
        where[top + 3 : top + height - 3, left + 3 : left + width - 3] = False
    row, column = np.mgrid[: PICTURE.shape[0], : PICTURE.shape[1]]
    for speck in SPECKS:
        where &= np.hypot(row - speck[0], column - speck[1]) > 15
    return where


@pytest.mark.slow
@few
@given(mark=marks())
def test_a_hole_or_mark_away_from_the_specks_changes_none_of_them(
    tmp_path: Path, selector: Selector, mark: NDArray[np.bool_]
) -> None:
    plain = analyze(read_mammogram(CASES / "01_reference.dcm"), selector=selector).calcifications
    pixels = PICTURE.copy()
    pixels[mark] = PADDING
    dataset = mammogram_dataset(pixels, 12, ImagerPixelSpacing=[0.1, 0.1], PixelPaddingValue=PADDING)
    marked = analyze(read_mammogram(saved(dataset, tmp_path)), selector=selector).calcifications
    unmoved = ["row", "column", "area_mm2", "cluster_id"]
    pd.testing.assert_frame_equal(plain[unmoved], marked[unmoved])


@quick
@given(
    texts=st.dictionaries(
        st.sampled_from(FREE_TEXTS),
        st.one_of(
            st.sampled_from(TELLING),
            st.text(st.characters(min_codepoint=32, max_codepoint=126, exclude_characters="\\^="), max_size=60),
        ),
    )
)
def test_free_texts_change_no_number(tmp_path: Path, texts: dict[str, str]) -> None:
    def read(**attributes: str) -> Mammogram:
        dataset = mammogram_dataset(PICTURE, 12, ImagerPixelSpacing=[0.1, 0.1])
        for keyword, text in attributes.items():
            setattr(dataset, keyword, text)
        return read_mammogram(saved(dataset, tmp_path))

    plain, told = read(), read(**texts)
    np.testing.assert_array_equal(plain.pixels, told.pixels)
    for name in ("valid", "spacing_mm", "laterality", "view", "view_modifiers", "chest_wall_side", "display_window"):
        assert getattr(plain, name) == getattr(told, name)
