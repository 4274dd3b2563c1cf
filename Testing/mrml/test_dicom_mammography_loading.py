"""Mammograms as volumes: spacing, polarity, window, side, and what is known of them until the analysis has it."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from library.dicom_samples import FOR_PROCESSING, gray_pattern
from MicrocalcAILib.base.errors import MicrocalcError
from MicrocalcAILib.reading import read_mammogram
from MicrocalcAISlicer import inputvolume
from MicrocalcAISlicer.logic import MicrocalcAILogic
from MicrocalcAISlicer.mammogramloading import distinctNames, loadedAs, loadMammogram
from MicrocalcSlicerShared.analysisprocess import AnalysisProcess
from mrml.mammogram_files import SPACING_MM, as_seen, file, picture

CHILD = str(Path(__file__).with_name("child.py"))
SIDES = [("R", "CC"), ("L", "CC"), ("R", "MLO"), ("L", "MLO")]


@pytest.fixture
def child_sees(tmp_path):
    """The mammogram that the analysis gets of a volume."""

    def see(volume, **options):
        path = tmp_path / "mammogram.nrrd"
        inputvolume.writeVolume(volume, path)
        return read_mammogram(path, **options)

    return see


@pytest.mark.parametrize(("laterality", "view"), SIDES)
def test_image_stored_as_it_is_hung_is_shown_as_stored(slicer, tmp_path, laterality, view):
    volume = loadMammogram(file(tmp_path, laterality=laterality, view=view))
    np.testing.assert_array_equal(as_seen(volume), picture(laterality))
    np.testing.assert_allclose(inputvolume.ijkToRas(volume)[:3, :3], np.diag([-SPACING_MM, -SPACING_MM, 1.0]))
    assert loadedAs(volume).warnings == ()


@pytest.mark.parametrize(
    ("orientation", "stored"),
    [
        (["A", "FL"], lambda hung: hung[:, ::-1]),
        (["P", "H"], lambda hung: hung[::-1]),
        (["A", "HR"], lambda hung: hung[::-1, ::-1]),
        (["F", "P"], lambda hung: hung.T),
        (["H", "A"], lambda hung: np.rot90(hung, 2).T),
        (["F", "A"], lambda hung: hung[:, ::-1].T),
    ],
)
def test_patient_orientation_turns_the_picture_and_leaves_the_pixels_alone(slicer, tmp_path, orientation, stored):
    hung = picture("R")
    pixels = np.ascontiguousarray(stored(hung))
    volume = loadMammogram(file(tmp_path, pixels=pixels, PatientOrientation=orientation))
    np.testing.assert_array_equal(as_seen(volume), hung)
    np.testing.assert_array_equal(slicer.util.arrayFromVolume(volume)[0], pixels)
    assert np.linalg.det(inputvolume.ijkToRas(volume)) > 0  # never a left-handed frame


@pytest.mark.parametrize(("laterality", "view"), SIDES)
def test_image_without_orientation_is_mirrored_when_its_breast_lies_at_the_wrong_side(
    slicer, tmp_path, laterality, view
):
    hung = picture(laterality)
    mirrored = np.ascontiguousarray(hung[:, ::-1])
    path = file(tmp_path, laterality=laterality, view=view, pixels=mirrored, PatientOrientation=None)
    volume = loadMammogram(path)
    np.testing.assert_array_equal(as_seen(volume), hung)
    assert "mirrored-for-display" in {warning.code for warning in loadedAs(volume).warnings}


def test_pixels_win_over_an_orientation_that_contradicts_them(slicer, tmp_path):
    mirrored = np.ascontiguousarray(picture("R")[:, ::-1])
    volume = loadMammogram(file(tmp_path, pixels=mirrored, PatientOrientation=["P", "FL"]))
    np.testing.assert_array_equal(as_seen(volume), picture("R"))
    assert {"chest-wall-disagreement", "mirrored-for-display"} <= {w.code for w in loadedAs(volume).warnings}


def test_spot_view_without_orientation_is_shown_as_stored(slicer, tmp_path):
    mirrored = np.ascontiguousarray(picture("R")[:, ::-1])
    path = file(tmp_path, pixels=mirrored, PatientOrientation=None, ViewPosition="MLO", ViewCodeSequence=None)
    assert "mirrored-for-display" in {w.code for w in loadedAs(loadMammogram(path)).warnings}
    path = file(tmp_path, pixels=mirrored, PatientOrientation=None, ViewPosition="MMLO", ViewCodeSequence=None)
    np.testing.assert_array_equal(as_seen(loadMammogram(path)), mirrored)


def test_image_of_an_unknown_side_is_shown_as_stored(slicer, tmp_path):
    mirrored = np.ascontiguousarray(picture("R")[:, ::-1])
    volume = loadMammogram(file(tmp_path, pixels=mirrored, laterality="", PatientOrientation=["P", "FL"]))
    np.testing.assert_array_equal(as_seen(volume), mirrored)
    np.testing.assert_allclose(inputvolume.ijkToRas(volume), np.diag([-SPACING_MM, -SPACING_MM, 1.0, 1.0]))


def test_four_views_lie_around_the_origin_and_do_not_overlap(slicer, tmp_path):
    signs = set()
    for laterality, view in SIDES:
        volume = loadMammogram(file(tmp_path, laterality=laterality, view=view))
        bounds = [0.0] * 6
        volume.GetRASBounds(bounds)
        np.testing.assert_allclose(np.abs(np.reshape(bounds[:4], (2, 2))).min(axis=1), 0, atol=1e-9)
        rightwards, frontwards = sum(bounds[:2]), sum(bounds[2:4])
        assert (rightwards > 0) == (laterality == "R")
        assert (frontwards > 0) == (view == "CC")
        signs.add((rightwards > 0, frontwards > 0))
    assert len(signs) == 4


def test_spacing_in_the_breast_is_used_and_its_source_kept(slicer, tmp_path):
    volume = loadMammogram(file(tmp_path, ImagerPixelSpacing=[0.1, 0.08], EstimatedRadiographicMagnificationFactor=1.6))
    np.testing.assert_allclose(volume.GetSpacing(), [0.05, 0.0625, 1.0])
    assert "magnification factor" in volume.GetAttribute("Microcalc.SpacingSource")


def test_unknown_spacing_is_assumed_with_a_warning_that_reaches_the_analysis_once(slicer, tmp_path, child_sees):
    volume = loadMammogram(file(tmp_path, ImagerPixelSpacing=None))
    assert volume.GetSpacing()[:2] == (0.07, 0.07)
    with pytest.raises(MicrocalcError, match="does not say its pixel spacing"):
        child_sees(volume)
    seen = child_sees(volume, assumed_spacing_mm=0.07)
    assert [warning.code for warning in seen.warnings].count("spacing-unknown") == 1
    assert seen.spacing_source == "assumed"


def test_spacing_changed_in_slicer_wins_over_the_one_loaded(slicer, tmp_path, child_sees):
    volume = loadMammogram(file(tmp_path, ImagerPixelSpacing=None))
    volume.SetSpacing(0.05, 0.05, 1.0)
    seen = child_sees(volume)
    assert seen.spacing_mm == (0.05, 0.05)
    assert "spacing-unknown" not in {warning.code for warning in seen.warnings}


def test_given_spacing_wins_over_the_files(slicer, tmp_path):
    volume = loadMammogram(file(tmp_path), spacingMm=0.05)
    assert volume.GetSpacing()[:2] == (0.05, 0.05)


def test_monochrome1_is_inverted_with_its_window(slicer, tmp_path):
    positive = picture("R")
    volume = loadMammogram(
        file(
            tmp_path,
            pixels=4095 - positive,
            PhotometricInterpretation="MONOCHROME1",
            WindowCenter=4095 - 2500,
            WindowWidth=1500,
        )
    )
    np.testing.assert_array_equal(slicer.util.arrayFromVolume(volume)[0], positive)
    display = volume.GetDisplayNode()
    assert (display.GetLevel(), display.GetWindow()) == (2500, 1500)
    assert not display.GetAutoWindowLevel()


def test_first_of_several_windows_is_used(slicer, tmp_path):
    volume = loadMammogram(file(tmp_path, WindowCenter=[2400, 2000], WindowWidth=[1200, 4000]))
    assert (volume.GetDisplayNode().GetLevel(), volume.GetDisplayNode().GetWindow()) == (2400, 1200)


@pytest.mark.parametrize("window", [{}, {"WindowCenter": 30000, "WindowWidth": 100}])
def test_image_without_a_window_that_shows_anything_gets_one_that_shows_the_breast(slicer, tmp_path, window):
    display = loadMammogram(file(tmp_path, **window)).GetDisplayNode()
    darkest, brightest = display.GetLevel() - display.GetWindow() / 2, display.GetLevel() + display.GetWindow() / 2
    assert 60 < darkest <= 2000  # between the air and the tissue of the picture
    assert 2500 < brightest <= 3500


@pytest.mark.parametrize(
    ("bits", "signed", "dtype"),
    [(8, False, np.uint8), (12, False, np.int16), (12, True, np.int16), (16, False, np.uint16)],
)
def test_values_are_kept_in_the_smallest_type_that_holds_them(slicer, tmp_path, bits, signed, dtype):
    pixels = gray_pattern(bits, signed=signed)
    attributes = {"BitsStored": bits, "HighBit": bits - 1}
    volume = loadMammogram(file(tmp_path, pixels=pixels, **attributes))
    assert slicer.util.arrayFromVolume(volume).dtype == dtype
    np.testing.assert_array_equal(slicer.util.arrayFromVolume(volume)[0], pixels)


def test_analysis_of_the_volume_gets_what_the_file_would_have_given(slicer, tmp_path, child_sees):
    """Pixels, padding, side, view and warnings; also of an image that Slicer shows mirrored."""
    pixels = np.ascontiguousarray(picture("R")[:, ::-1])
    pixels[:30] = 0
    pixels[200, 200] = 0
    path = file(tmp_path, pixels=pixels, PatientOrientation=["A", "FL"], PixelPaddingValue=0, PartialView="YES")
    expected, seen = read_mammogram(path), child_sees(loadMammogram(path))
    np.testing.assert_array_equal(seen.pixels, expected.pixels)
    np.testing.assert_array_equal(seen.valid, expected.valid)
    for name in ("laterality", "view", "view_modifiers", "chest_wall_side", "spacing_source"):
        assert getattr(seen, name) == getattr(expected, name), name
    np.testing.assert_allclose(seen.spacing_mm, expected.spacing_mm)
    assert set(seen.warnings) == set(expected.warnings)
    assert seen.source["loaded_from"]["sha256"] == expected.source["sha256"]


@pytest.mark.parametrize("orientation", [["P", "FL"], ["A", "FL"], ["P", "H"], ["F", "P"], ["H", "A"]])
def test_result_lies_on_the_pixel_it_belongs_to_however_the_image_is_turned(slicer, tmp_path, orientation):
    """The child marks the brightest pixel of what it was given."""
    pixels = picture("R")
    pixels[123, 345] = 4000
    volume = loadMammogram(file(tmp_path, pixels=pixels, PatientOrientation=orientation))
    shown = MicrocalcAILogic(lambda arguments: AnalysisProcess([CHILD, "result", *arguments])).process(volume)
    mask = slicer.util.arrayFromSegmentBinaryLabelmap(shown.segmentationNode, "MicrocalcSingles", volume)
    np.testing.assert_array_equal(np.argwhere(mask), [[0, 123, 345]])


def test_raw_image_says_so_in_name_attribute_and_warnings(slicer, tmp_path):
    raw = {"SOPClassUID": FOR_PROCESSING, "PresentationIntentType": "FOR PROCESSING"}
    volume = loadMammogram(file(tmp_path, PixelIntensityRelationship="LOG", PixelIntensityRelationshipSign=-1, **raw))
    assert volume.GetName() == "R MLO 2024 (raw)"
    assert loadedAs(volume).isForProcessing
    assert "for-processing" in {warning.code for warning in loadedAs(volume).warnings}


def test_names_tell_side_view_and_year_and_never_the_patient(slicer, tmp_path):
    assert loadMammogram(file(tmp_path)).GetName() == "R MLO 2024"
    assert loadMammogram(file(tmp_path)).GetName() == "R MLO 2024 (2)"
    assert loadMammogram(file(tmp_path, StudyDate="")).GetName() == "R MLO"
    nameless = file(tmp_path, laterality="", ViewCodeSequence=None, PatientOrientation=None)
    assert loadMammogram(nameless).GetName() == "Mammogram 2024"
    for volume in slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode"):
        kept = " ".join(f"{name}={volume.GetAttribute(name)}" for name in volume.GetAttributeNames())
        assert "Doe" not in kept
        assert "Secret" not in kept
        assert "0321" not in kept
        assert str(tmp_path) not in kept


def test_repeated_names_are_numbered():
    assert distinctNames(["R CC", "L CC", "R CC", "R CC (2)", "R CC"]) == [
        "R CC",
        "L CC",
        "R CC (2)",
        "R CC (3)",
        "R CC (4)",
    ]


def test_plain_images_are_loaded_too(slicer, tmp_path):
    path = tmp_path / "left_MLO.png"
    Image.fromarray((picture("L") // 16).astype(np.uint8)).save(path)
    volume = loadMammogram(path, spacingMm=0.1)
    assert volume.GetName() == "L MLO"
    np.testing.assert_array_equal(as_seen(volume), picture("L") // 16)
    assert loadedAs(volume).studyYear == ""


def test_refused_file_leaves_the_scene_as_it_was(slicer, tmp_path):
    path = tmp_path / "image.dcm"
    path.write_bytes(b"\0" * 128 + b"DICM" + b"\xff" * 200)
    before = slicer.mrmlScene.GetNumberOfNodes()
    with pytest.raises(MicrocalcError):
        loadMammogram(path)
    assert slicer.mrmlScene.GetNumberOfNodes() == before


def test_volume_that_was_not_loaded_as_a_mammogram_says_nothing(volume):
    assert loadedAs(volume) == ("", "", (), False, "", ())


def test_what_is_known_survives_saving_the_scene(slicer, tmp_path):
    volume = loadMammogram(file(tmp_path))
    before = loadedAs(volume)
    slicer.mrmlScene.SetSaveToXMLString(1)
    slicer.mrmlScene.Commit()
    text = slicer.mrmlScene.GetSceneXMLString()
    slicer.mrmlScene.Clear(0)
    slicer.mrmlScene.SetLoadFromXMLString(1)
    slicer.mrmlScene.SetSceneXMLString(text)
    slicer.mrmlScene.Import()
    (again,) = slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")
    assert loadedAs(again) == before
