"""Objects of an exam, of images that are no DICOM files, and beside each result; and what is refused."""

import json

import numpy as np
import pytest
from PIL import Image
from pydicom import dcmread

from dicom_results import COLUMNS, ROWS, SPACING_MM, exam, results, results_of
from dicom_samples import breast_picture, mammogram_dataset, saved
from dicom_validator import errors_of
from MicrocalcAILib.base.errors import ParameterError, ResultError
from MicrocalcAILib.cli import main
from MicrocalcAILib.commands.dicom_options import KINDS
from MicrocalcAILib.dicom import OBJECTS, given_attributes, read_marks, write_exam, write_objects
from MicrocalcAILib.reading import read_mammogram

GIVEN = {"PatientID": "4711", "StudyInstanceUID": "1.2.3.4", "PatientName": "Müller^Anna", "StudyDate": "20260105"}


@pytest.fixture
def picture(tmp_path):
    """An image that is no DICOM file, and its results."""
    path = tmp_path / "left_cc.png"
    Image.fromarray(breast_picture()).save(path)
    return results_of(path, tmp_path / "results"), path


def export(*arguments) -> int:
    return main(["export", "dicom", *map(str, arguments)])


def test_an_exam_has_one_report_and_one_segmentation_for_each_image(tmp_path, capsys):
    made, images = exam(tmp_path / "exam")
    assert export(*made, "--source", *images[::-1], "--output", tmp_path / "dicom") == 0
    files = {path.stem: path for path in (tmp_path / "dicom").iterdir()}
    assert set(capsys.readouterr().out.splitlines()) == set(map(str, files.values()))
    assert {"cad_report", "measurements", "left_segmentation", "right_segmentation", "left_marks"} <= files.keys()
    assert all(errors_of(path) == [] for path in files.values())
    left, right = (dcmread(image).SOPInstanceUID for image in images)
    assert [mark.image_uid for mark in read_marks(files["cad_report"])] == [left, left, right]
    assert len({dcmread(path).SOPInstanceUID for path in files.values()}) == len(files)


def test_folders_that_hold_results_and_images_are_enough(tmp_path):
    made, images = exam(tmp_path / "exam")
    given_apart = write_exam(made, images, tmp_path / "a", ["sr", "seg"])
    found = write_exam([tmp_path / "exam"], [tmp_path / "exam"], tmp_path / "b", ["sr", "seg"])
    assert found.keys() == given_apart.keys()
    assert dcmread(found["cad_report"]) == dcmread(given_apart["cad_report"])


@pytest.mark.parametrize("other", [{"PatientID": "somebody else"}, {"StudyInstanceUID": "1.2.3"}])
def test_images_of_two_patients_or_studies_are_no_exam(tmp_path, capsys, other):
    made, images = exam(tmp_path / "exam", **other)
    assert export(*made, "--source", *images, "--output", tmp_path / "dicom") == 2
    assert "different patients or studies" in capsys.readouterr().err
    assert not (tmp_path / "dicom").exists()


def test_a_result_whose_image_is_missing_is_named_and_nothing_is_written(tmp_path, capsys):
    made, images = exam(tmp_path / "exam")
    for sources, words in (
        (images[:1], "image of the results “right”"),
        ([*images, tmp_path / "gone.dcm"], "no image “gone.dcm”"),
    ):
        assert export(*made, "--source", *sources, "--output", tmp_path / "dicom") == 2
        assert words in capsys.readouterr().err
    assert export(made[0], made[0], "--source", *images, "--output", tmp_path / "dicom") == 2
    assert export(tmp_path, "--source", *images, "--output", tmp_path / "exam" / "dicom") == 0  # found below the folder
    (tmp_path / "empty").mkdir()
    assert export(tmp_path / "empty", "--source", *images, "--output", tmp_path / "dicom") == 2
    assert not (tmp_path / "dicom").exists()


def test_an_image_without_patient_gets_objects_only_when_patient_and_study_are_given(picture, tmp_path, capsys):
    made, image = picture
    for given in ([], ["--patient-id", "4711"], ["--study-uid", "1.2.3.4"]):
        assert export(made, "--source", image, "--output", tmp_path / "dicom", *given) == 2
        assert capsys.readouterr().err.count("\n") == 1
    assert not (tmp_path / "dicom").exists()
    given = ["--patient-id", "4711", "--study-uid", "1.2.3.4"]
    assert export(made, "--source", image, "--output", tmp_path / "dicom", *given) == 0
    for path in (tmp_path / "dicom").iterdir():
        assert (dcmread(path).PatientID, dcmread(path).StudyInstanceUID) == ("4711", "1.2.3.4")
        assert errors_of(path) == []


def test_objects_of_a_picture_refer_to_the_picture_itself_as_a_dicom_image(picture, tmp_path):
    made, image = picture
    files = write_objects(made, image, tmp_path / "dicom", given=GIVEN)
    captured = dcmread(files["image"])
    assert captured.PatientName == "Müller^Anna"
    assert np.array_equal(captured.pixel_array, breast_picture())
    assert captured.pixel_array.shape == (ROWS, COLUMNS)
    assert read_marks(files["cad_report"])[0].image_uid == captured.SOPInstanceUID
    assert dcmread(write_objects(made, image, tmp_path / "b", given=GIVEN)["image"]) == captured
    back = read_mammogram(files["image"], SPACING_MM)
    assert np.array_equal(back.pixels, read_mammogram(image, SPACING_MM).pixels)


def test_given_attributes_do_not_replace_those_of_a_dicom_image(tmp_path):
    made, image = results(tmp_path)
    with pytest.raises(ResultError, match="another PatientID"):
        write_objects(made, image, tmp_path / "dicom", given={"PatientID": "somebody else"})
    assert not (tmp_path / "dicom").exists()
    same = {"PatientID": str(dcmread(image).PatientID)}
    assert write_objects(made, image, tmp_path / "dicom", ["sr"], same)


def test_attributes_come_from_a_file_and_are_checked(tmp_path):
    file = tmp_path / "attributes.json"
    file.write_text(json.dumps(GIVEN), encoding="utf-8")
    assert given_attributes(file, patient_id="0815") == {**GIVEN, "PatientID": "0815"}
    for content, words in (
        ({"Patient": "4711"}, "“Patient” is no attribute"),
        ({"PatientID": 4711}, "keywords and texts"),
        ({"StudyDate": "January"}, "StudyDate is no valid text"),
        ({"StudyInstanceUID": "1.2.x"}, "StudyInstanceUID is no valid text"),
        ([], "keywords and texts"),
    ):
        file.write_text(json.dumps(content))
        with pytest.raises(ParameterError, match=words):
            given_attributes(file)
    file.write_text("{")
    with pytest.raises(ParameterError, match="as JSON"):
        given_attributes(file)


def test_a_report_in_pdf_becomes_an_object_of_the_study(tmp_path, capsys):
    made, image = results(tmp_path)
    report = tmp_path / "report.pdf"
    report.write_bytes(b"%PDF-1.4\n%odd")
    asked = [made, "--source", image, "--output", tmp_path / "dicom", "--objects", "sr", "--report"]
    assert export(*asked, report) == 0
    written = dcmread(tmp_path / "dicom" / "report_document.dcm")
    assert written.EncapsulatedDocument[: written.EncapsulatedDocumentLength] == report.read_bytes()
    assert written.SourceInstanceSequence[0].ReferencedSOPInstanceUID == dcmread(image).SOPInstanceUID
    assert errors_of(tmp_path / "dicom" / "report_document.dcm") == []
    report.write_bytes(b"%PDF-1.4\nanother")
    write_objects(made, image, tmp_path / "b", ["sr"], report=report)
    assert dcmread(tmp_path / "b" / "report_document.dcm").SOPInstanceUID != written.SOPInstanceUID
    report.write_bytes(b"Hello")
    capsys.readouterr()
    asked[4] = tmp_path / "c"
    assert export(*asked, report) == export(*asked, tmp_path / "gone.pdf") == 2
    assert "is no PDF" in capsys.readouterr().err
    assert not (tmp_path / "c").exists()


def test_an_analysis_leaves_its_objects_beside_its_results_unless_the_patient_is_another(tmp_path, capsys):
    _, image = results(tmp_path)
    Image.fromarray(breast_picture()).save(tmp_path / "lcc.png")
    other = saved(mammogram_dataset(breast_picture("right"), 12, PatientID="other"), tmp_path, "other.dcm")
    header = dcmread(image)
    asked = ["analyze", *map(str, (image, tmp_path / "lcc.png", other)), "--output", str(tmp_path / "out")]
    asked += ["--spacing", "0.07", "--selector", "measurements", "--workers", "1", "--dicom=sr,sc"]
    asked += ["--patient-id", header.PatientID, "--study-uid", header.StudyInstanceUID]
    assert main(asked) == 1
    assert "other.dcm: failed: The image has another PatientID" in capsys.readouterr().err
    objects = {folder.name: {path.name for path in folder.glob("dicom/*")} for folder in (tmp_path / "out").glob("*/")}
    assert objects == {
        "image": {"cad_report.dcm", "picture.dcm"},
        "lcc": {"cad_report.dcm", "picture.dcm", "image.dcm"},
    }
    later = write_objects(tmp_path / "out" / "image", image, tmp_path / "later", ["sr"])["cad_report"]
    assert dcmread(later) == dcmread(tmp_path / "out" / "image" / "dicom" / "cad_report.dcm")


def test_an_analysis_with_objects_that_cannot_be_made_does_not_start(tmp_path, capsys):
    _, image = results(tmp_path)
    asked = ["analyze", str(image), "--output", str(tmp_path / "out")]
    assert main([*asked, "--dicom=stl"]) == 2
    assert main([*asked, "--dicom", "--pseudonyms", str(tmp_path / "key.csv")]) == 2
    assert "“stl”" in (said := capsys.readouterr().err)
    assert "without --pseudonyms" in said
    assert not (tmp_path / "out").exists()


def test_the_commands_name_the_kinds_that_there_are():
    assert KINDS == OBJECTS
