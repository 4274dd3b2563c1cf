"""Results as DICOM objects: conformant, complete, bound to their image, and readable by software that is not ours."""

from pathlib import Path

import highdicom
import numpy as np
import pytest
import SimpleITK as sitk
from pydicom import dcmread

from cad_examples import CENTER, OUTLINE, document, finding, region, selected_from
from dicom_results import CALCIFICATIONS, COLUMNS, ROWS, analysis_of, results
from dicom_samples import SECONDARY_CAPTURE, breast_picture, mammogram_dataset, saved
from dicom_validator import errors_of
from MicrocalcAILib.analysis import load_analysis
from MicrocalcAILib.base.errors import ParameterError, ResultError, UnreadableImageError, UnsupportedImageError
from MicrocalcAILib.dicom import read_marks, read_segments
from MicrocalcAILib.dicom.cad_sr import cad_report
from MicrocalcAILib.dicom.composite import write
from MicrocalcAILib.dicom.objects import OBJECTS, write_objects
from MicrocalcAILib.dicom.source import read_source
from other_software import dcmtk

ALL = {"cad_report", "measurements", "segmentation", "heatmap_detection", "marks", "picture"}


@pytest.fixture
def written(tmp_path):
    made, image = results(tmp_path)
    return write_objects(made, image, tmp_path / "dicom"), image


def test_every_object_is_written_and_belongs_to_the_patient_and_study_of_the_image(written):
    files, image = written
    assert set(files) == ALL
    source = dcmread(image)
    for path in files.values():
        made = dcmread(path)
        for name in ("PatientID", "PatientName", "StudyInstanceUID"):
            assert made[name].value == source[name].value
        assert made.SOPInstanceUID != source.SOPInstanceUID
        assert made.SeriesInstanceUID != source.SeriesInstanceUID
        assert made.ContributingEquipmentSequence[0].PurposeOfReferenceCodeSequence[0].CodeValue == "109101"


@pytest.mark.parametrize("attributes", [{}, {"ImageLaterality": "R"}, {"PhotometricInterpretation": "MONOCHROME1"}])
def test_a_validator_finds_no_error(tmp_path, attributes):
    made, image = results(tmp_path, **attributes)
    for path in write_objects(made, image, tmp_path / "dicom").values():
        assert errors_of(path) == []


def test_an_image_without_findings_has_a_valid_report_that_says_so(tmp_path):
    made, image = results(tmp_path, found=())
    files = write_objects(made, image, tmp_path / "dicom")
    assert set(files) == {"cad_report", "heatmap_detection", "marks", "picture"}
    assert all(errors_of(path) == [] for path in files.values())
    summary = dcmread(files["cad_report"]).ContentSequence[2]
    assert summary.ConceptCodeSequence[0].CodeValue == "111241"
    assert read_marks(files["cad_report"]) == ()


def test_the_report_reads_back_as_what_was_found(written):
    files, image = written
    cluster, single = read_marks(files["cad_report"])
    assert (cluster.kind, cluster.count, single.kind) == ("cluster", 3, "calcification")
    assert cluster.words["morphology"][:2] == ("129760005", "SCT")
    assert cluster.words["distribution"][:2] == ("129766004", "SCT")
    assert cluster.probability_of_cancer == pytest.approx(0.25)
    assert cluster.certainty == pytest.approx(0.8)
    assert cluster.image_uid == dcmread(image).SOPInstanceUID
    assert single.center == pytest.approx((80.5, 5.5), abs=1e-3)
    expected = {
        ((top + bottom - 1) / 2, (left + right - 1) / 2) for _, c, top, bottom, left, right in CALCIFICATIONS if c
    }
    assert {tuple(np.round(part.center, 2)) for part in cluster.parts} == expected
    assert cluster.outline.min(axis=0) == pytest.approx((19.5, 9.5), abs=1e-3)
    assert cluster.outline.max(axis=0) == pytest.approx((31.5, 22.5), abs=1e-3)


def test_dcmtk_finds_nothing_wrong_with_the_tree(written):
    for name in ("cad_report", "measurements"):
        done = dcmtk("dsrdump", "-Er", written[0][name])
        assert done.returncode == 0
        assert not [line for line in done.stderr.splitlines() if line.startswith("E:") or "reference" in line.lower()]


def test_simpleitk_reads_the_outlines_as_they_were_drawn(written):
    segments = sitk.GetArrayFromImage(sitk.ReadImage(written[0]["segmentation"])) > 0
    assert segments.shape == (2, ROWS, COLUMNS)
    for plane, wanted in zip(segments, (1, 0), strict=True):
        truth = np.zeros((ROWS, COLUMNS), bool)
        for _, cluster, top, bottom, left, right in CALCIFICATIONS:
            truth[top:bottom, left:right] |= cluster == wanted
        assert np.array_equal(plane, truth)


def test_highdicom_reads_segments_with_their_codes_and_image(written):
    files, image = written
    segmentation = highdicom.seg.segread(files["segmentation"])
    described = [segmentation.get_segment_description(number) for number in segmentation.segment_numbers]
    assert [str(segment.segment_label) for segment in described] == ["Cluster 1", "Singles"]
    assert [segment.segmented_property_type.value for segment in described] == ["129769006", "129770007"]
    assert segmentation.get_source_image_uids()[0][2] == dcmread(image).SOPInstanceUID


def test_a_cloud_is_a_segment_of_its_own_beside_its_specks(tmp_path):
    found = [(i + 1, 1, 24 + 8 * (i // 5), 26 + 8 * (i // 5), 8 + 8 * (i % 5), 10 + 8 * (i % 5)) for i in range(25)]
    made, image = results(tmp_path, found=tuple(found))
    files = write_objects(made, image, tmp_path / "dicom")
    path = files["segmentation"]
    cluster, cloud = read_segments(path).segments
    assert (cluster.label, cloud.label) == ("Cluster 1", "Cloud of Cluster 1")
    assert cloud.kind[:2] == ("129760005", "SCT")
    specks = load_analysis(made).labels > 0
    assert np.array_equal(cluster.mask, specks)
    assert not (cloud.mask & specks).any()
    assert cloud.mask[30:54, 15:40][~specks[30:54, 15:40]].all()
    graphics = dcmread(files["marks"]).GraphicAnnotationSequence[0].GraphicObjectSequence
    border = np.reshape(graphics[1].GraphicData, (-1, 2)) - 0.5
    assert np.allclose(border[:, ::-1], np.clip(load_analysis(made).clouds[0].parts[0], -0.5, None), atol=0.01)
    assert errors_of(path) == errors_of(files["marks"]) == []


def test_a_heatmap_covers_its_cells(written):
    plane = sitk.GetArrayFromImage(sitk.ReadImage(written[0]["heatmap_detection"]))[0] / 255
    row, column = round(3.0 / 0.07), round(5.0 / 0.07)  # the center of cell 1, 2
    assert plane[row, column] == pytest.approx(0.9, abs=0.01)
    assert plane[row, column - round(1.0 / 0.07)] == pytest.approx(0.1, abs=0.01)
    assert plane[0, 0] == 0


def test_measurements_carry_units_and_words(written):
    groups = highdicom.sr.srread(written[0]["measurements"]).content.get_planar_roi_measurement_groups()
    (group,) = groups
    values = {str(item.name.value): (item.value, item.unit.value) for item in group.get_measurements()}
    assert values["111038"] == (3, "1")
    assert values["111047"] == (pytest.approx(25), "%")
    assert {str(item.value.value) for item in group.get_qualitative_evaluations()} == {"129760005", "129766004"}


def test_the_same_findings_keep_their_uids_and_others_get_new_ones(tmp_path):
    made, image = results(tmp_path)
    first = {name: dcmread(path) for name, path in write_objects(made, image, tmp_path / "a").items()}
    again = {name: dcmread(path) for name, path in write_objects(made, image, tmp_path / "b").items()}
    assert all(first[name].SOPInstanceUID == again[name].SOPInstanceUID for name in first)
    other = read_source(image, analysis_of(image, CALCIFICATIONS[:3]))
    assert cad_report([other]).SOPInstanceUID != first["cad_report"].SOPInstanceUID
    assert len({dataset.SOPInstanceUID for dataset in first.values()}) == len(first)


def test_one_report_holds_all_images_of_a_study(tmp_path):
    study = dcmread(saved(mammogram_dataset(breast_picture(), 12), tmp_path, "first.dcm"))
    shared = {"StudyInstanceUID": study.StudyInstanceUID, "SeriesInstanceUID": study.SeriesInstanceUID}
    second = saved(
        mammogram_dataset(breast_picture("right"), 12, ImageLaterality="R", **shared), tmp_path, "second.dcm"
    )
    sources = [
        read_source(tmp_path / "first.dcm", analysis_of(tmp_path / "first.dcm")),
        read_source(second, analysis_of(second, CALCIFICATIONS[3:])),
    ]
    write(cad_report(sources), tmp_path / "report.dcm")
    assert errors_of(tmp_path / "report.dcm") == []
    marks = read_marks(tmp_path / "report.dcm")
    assert [mark.image_uid for mark in marks] == [sources[0].dataset.SOPInstanceUID] * 2 + [
        sources[1].dataset.SOPInstanceUID
    ]


def test_results_of_another_image_are_refused_and_nothing_is_written(tmp_path):
    made, _ = results(tmp_path)
    other = saved(mammogram_dataset(breast_picture("right"), 12), tmp_path, "other.dcm")
    with pytest.raises(ResultError, match="belong to another image"):
        write_objects(made, other, tmp_path / "dicom")
    Path(tmp_path / "picture.png").write_bytes((made / "overlay.png").read_bytes())
    given = {"PatientID": "4711", "StudyInstanceUID": "1.2.3"}
    with pytest.raises(ResultError, match="belong to another image"):
        write_objects(made, tmp_path / "picture.png", tmp_path / "dicom", given=given)
    assert not (tmp_path / "dicom").exists()


def test_an_unknown_kind_of_object_is_named(tmp_path):
    made, image = results(tmp_path)
    with pytest.raises(ParameterError, match="“stl”"):
        write_objects(made, image, tmp_path / "dicom", ["sr", "stl"])
    assert set(write_objects(made, image, tmp_path / "dicom", ["sr"])) == {"cad_report"}
    assert "sr" in OBJECTS


def test_a_scanned_film_without_side_and_view_gets_valid_objects(tmp_path):
    absent = {"ImageLaterality": None, "ViewCodeSequence": None, "ImagerPixelSpacing": None}
    made, image = results(tmp_path, SOPClassUID=SECONDARY_CAPTURE, Modality="OT", PatientOrientation="CC", **absent)
    for path in write_objects(made, image, tmp_path / "dicom").values():
        assert errors_of(path) == []


def test_documents_of_others_are_read(tmp_path):
    image = selected_from("1.2.3")
    path = document(
        tmp_path / "foreign.dcm",
        finding("F-01775", "SRT", region(OUTLINE, "CIRCLE", [50.5, 60.5, 50.5, 70.5], image)),
        finding("F-01796", "SRT", region(CENTER, "POINT", [10.5, 20.5], image)),
    )
    cluster, mass = read_marks(path)
    assert (cluster.kind, cluster.image_uid, mass.kind) == ("cluster", "1.2.3", "other")
    assert cluster.outline.max(axis=0) == pytest.approx((70, 60), abs=0.1)
    assert mass.center == (20.0, 10.0)


def test_what_is_no_cad_document_is_refused_in_a_sentence(tmp_path):
    with pytest.raises(UnsupportedImageError, match="no Mammography CAD SR"):
        read_marks(saved(mammogram_dataset(breast_picture(), 12), tmp_path))
    (tmp_path / "noise.dcm").write_bytes(b"\0" * 128 + b"DICM" + bytes(range(256)))
    with pytest.raises((UnreadableImageError, UnsupportedImageError)):
        read_marks(tmp_path / "noise.dcm")
    deep = finding("F-01775", "SRT")
    for _ in range(60):
        deep = finding("F-01775", "SRT", deep)
    with pytest.raises(UnreadableImageError, match="damaged"):
        read_marks(document(tmp_path / "foreign.dcm", deep))
