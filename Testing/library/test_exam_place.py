"""Where in the breast something lies, and whose image it is."""

import math

import numpy as np
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

from exam_samples import NIPPLE_MM, breast, identity, width_mm
from MicrocalcAILib.exam.grouping import group_images
from MicrocalcAILib.exam.identity import ImageIdentity, identify
from MicrocalcAILib.exam.place import clock_of, frame_of, moved_nipple, place_of
from MicrocalcAILib.reading.admission import AdmissionCard, Statement


@pytest.mark.parametrize("view", ["CC", "MLO"])
@pytest.mark.parametrize("laterality", ["L", "R"])
def test_the_nipple_is_found_where_the_profile_bulges(laterality, view):
    frame, warnings = frame_of(breast(laterality, view), identity(laterality, view))
    y_mm, x_mm = NIPPLE_MM[view]
    expected = (y_mm, x_mm + 4 if laterality == "L" else width_mm() - x_mm - 4)
    assert frame.nipple.source == "profile"
    assert math.dist(frame.nipple.position_mm, expected) < 3
    assert not warnings


def test_a_nipple_that_is_not_seen_is_said_and_gets_a_large_error():
    frame, warnings = frame_of(breast(bump_mm=0.0), identity())
    assert [warning.code for warning in warnings] == ["nipple-not-seen"]
    assert frame.nipple.confidence <= 0.2
    assert frame.nipple.error_mm >= 15
    assert abs(frame.nipple.y_mm - NIPPLE_MM["CC"][0]) < 10  # the foremost point


@pytest.mark.parametrize("laterality", ["L", "R"])
def test_up_in_a_craniocaudal_view_is_outer_in_both_breasts(laterality):
    tissue, who = breast(laterality), identity(laterality)
    frame, _ = frame_of(tissue, who)
    x_mm = 40.0 if laterality == "L" else width_mm() - 40.0
    outer, inner = (place_of(frame, tissue, who, y_mm, x_mm) for y_mm in (60.0, 140.0))
    assert (outer.half, inner.half) == ("outer", "inner")
    assert outer.along_mm == pytest.approx(44, abs=3)
    assert outer.across_mm == pytest.approx(40, abs=3)
    assert outer.nipple_mm == pytest.approx(math.hypot(44, 40), abs=4)
    assert outer.chest_wall_mm == pytest.approx(40, abs=1)


def test_depth_is_a_third_of_the_posterior_nipple_line():
    tissue, who = breast(), identity()
    frame, _ = frame_of(tissue, who)
    assert frame.length_mm == pytest.approx(84, abs=3)
    depths = [place_of(frame, tissue, who, 100.0, x_mm).depth for x_mm in (75.0, 40.0, 10.0)]
    assert depths == ["anterior", "middle", "posterior"]


def test_the_posterior_nipple_line_of_an_oblique_view_stands_upright_on_the_muscle():
    frame, _ = frame_of(breast(view="MLO"), identity(view="MLO"))
    muscle_edge = np.array([90.0, -45.0]) / math.hypot(90, 45)  # (y, x)
    assert abs(np.dot(frame.inward, muscle_edge)) < 0.1
    assert frame.upward[0] < 0


def test_an_oblique_view_is_less_sure_of_its_half_than_a_lateral_one():
    tissue, oblique, lateral = breast(view="MLO"), identity(view="MLO"), identity(view="ML")
    chances = []
    for who in (oblique, lateral):
        frame, _ = frame_of(tissue, who)
        y_mm, x_mm = frame.position_mm(30.0, 20.0)
        place = place_of(frame, tissue, who, float(y_mm), float(x_mm))
        assert place.half == "upper"
        chances.append(place.half_probability)
    assert 0.5 < chances[0] < chances[1] < 1


def test_an_image_that_is_hung_upside_down_gets_no_quadrant():
    tissue = breast("R")  # chest wall at the right
    who = identity("L")
    frame, warnings = frame_of(tissue, who)
    assert "quadrant-unknown" in [warning.code for warning in warnings]
    assert place_of(frame, tissue, who, 60.0, width_mm() - 40).half == ""


@pytest.mark.parametrize(("laterality", "hour"), [("L", 2), ("R", 10)])
def test_upper_outer_is_two_o_clock_in_the_left_and_ten_in_the_right_breast(laterality, hour):
    places = []
    for view, across in (("CC", 34.0), ("MLO", (34.0 + 20.0) * math.sqrt(0.5))):  # 45 degrees: upper and outer add up
        tissue, who = breast(laterality, view), identity(laterality, view)
        frame, _ = frame_of(tissue, who)
        y_mm, x_mm = frame.position_mm(40.0, across)
        places.append(place_of(frame, tissue, who, float(y_mm), float(x_mm)))
    clock = clock_of(*places, laterality, identity(laterality, "MLO"))
    assert clock.hour == hour
    assert clock.quadrant == "upper outer"
    assert (clock.outer_mm, clock.upper_mm) == (pytest.approx(34, abs=1), pytest.approx(20, abs=1.5))
    assert 0.5 < clock.probability < 1


def test_a_nipple_that_a_reader_moves_moves_every_place():
    tissue, who = breast(), identity()
    frame, _ = frame_of(tissue, who)
    moved = moved_nipple(frame, tissue, frame.nipple.y_mm + 10, frame.nipple.x_mm)
    before, after = (place_of(one, tissue, who, 60.0, 40.0) for one in (frame, moved))
    assert after.across_mm == pytest.approx(before.across_mm + 10, abs=0.1)
    assert moved.nipple.source == "reader"
    assert after.error_mm < before.error_mm


def test_nothing_is_placed_in_an_image_without_a_breast():
    tissue = breast()
    empty = type(tissue)(
        tissue.pixels, tissue.mask & False, tissue.muscle & False, tissue.skin_mm * 0, (0.8, 0.8), (0.0, 0.0), None
    )
    frame, warnings = frame_of(empty, identity())
    assert frame is None
    assert [warning.code for warning in warnings] == ["place-unknown"]


def _file(folder, name, **attributes):
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID = "1.2.840.10008.5.1.4.1.1.1.2"
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID = generate_uid()
    for keyword, value in {"Rows": 4, "Columns": 4, "SamplesPerPixel": 1, **attributes}.items():
        setattr(dataset, keyword, value)
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 16, 12, 11, 0
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.PixelData = bytes(32)
    dataset.save_as(folder / name, enforce_file_format=True)
    return folder / name


def test_identity_comes_from_the_attributes_and_holds_no_patient_data(tmp_path):
    path = _file(
        tmp_path,
        "one.dcm",
        PatientID="SECRET-77_LEFT_CC",
        PatientName="Doe^Jane",
        StudyDate="20240305",
        PatientAge="038Y",
        PatientSex="F",
        BreastImplantPresent="YES",
        PositionerPrimaryAngle="-50",
    )
    other = _file(tmp_path, "two.dcm", PatientID="SECRET-77_RIGHT_MLO", StudyDate="20240305")
    who = identify(path, "one", AdmissionCard(laterality="L", view="CC"))
    assert (who.date, who.age, who.sex, who.implant, who.angle_degrees) == ("2024-03-05", 38, "F", True, 50.0)
    assert who.is_young
    assert not {"SECRET", "DOE", "JANE"} & set(str(who.to_dict()).upper().replace("-", " ").split())
    assert who.patient == identify(other, "two", AdmissionCard()).patient
    assert ImageIdentity.from_dict(who.to_dict()) == who


def test_other_files_are_grouped_by_folder_and_dated_by_name(tmp_path):
    for day in ("2023-01-05", "2024-02-06"):
        (tmp_path / f"{day}_L_CC.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    found = [identify(path, path.name, AdmissionCard(laterality="L", view="CC")) for path in sorted(tmp_path.iterdir())]
    assert [one.date for one in found] == ["2023-01-05", "2024-02-06"]
    assert len({one.patient for one in found}) == 1
    (_, now) = group_images(found)
    assert [one.name for one in now.priors] == ["2023-01-05_L_CC.png"]
    assert "patient-by-folder" in [warning.code for warning in now.warnings]


def test_views_beyond_four_are_kept_and_missing_ones_are_said():
    images = [
        identity("L", "MLO"),
        identity("L", "ML", modifiers=("Magnification",), name="mag"),
        identity("L", "XCCL"),
        identity("L", "CC"),
        identity("R", "CC"),
    ]
    (group,) = group_images(images)
    assert [one.label for one in group.images] == ["R CC", "L CC", "L MLO", "L XCCL", "L ML Magnification"]
    (missing,) = [warning for warning in group.warnings if warning.code == "views-missing"]
    assert "R MLO" in missing.message
    assert group.main("L", ("MLO", "ML")).view == "MLO"


def test_conflicts_and_unknown_views_are_said():
    card = AdmissionCard(laterality="L", view="CC", side_statements=(Statement("a", "L"), Statement("b", "R")))
    images = [identity("L", "CC", conflict=card.side_conflict), identity(None, None), identity("L", "CC", name="again")]
    (group,) = group_images(images)
    assert {"view-conflict", "view-unknown", "view-repeated"} <= {warning.code for warning in group.warnings}


def test_exams_of_one_patient_are_in_order_and_of_two_patients_apart():
    now, before = identity(date="2026-01-01"), identity(date="2024-01-01")
    other = identity(patient="q", date="2025-01-01")
    groups = group_images([now, other, before])
    assert [(group.date, len(group.priors)) for group in groups] == [
        ("2024-01-01", 0),
        ("2026-01-01", 1),
        ("2025-01-01", 0),
    ]
