"""Mammograms from an archive and results back to it, by DICOMweb and by DIMSE."""

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset

from dicom_results import results
from dicom_samples import breast_picture, mammogram_dataset, saved
from MicrocalcAILib.base.errors import ParameterError
from MicrocalcAILib.dicom import read_marks
from MicrocalcAILib.dicom.objects import write_objects
from MicrocalcAILib.pacs.addresses import archive
from MicrocalcAILib.pacs.archive import ArchiveError, Instance, Query


@pytest.fixture(params=["web", "node"])
def source(orthanc, request):
    return archive(getattr(orthanc, request.param))


def assert_equal(back: Dataset, written: Dataset) -> None:
    """Every attribute the same; pixels after decoding, since an archive may decompress them for the way back."""
    if "PixelData" in written:
        assert np.array_equal(back.pixel_array, written.pixel_array)
        del back.PixelData, written.PixelData
    assert back.to_json_dict() == written.to_json_dict()


def test_images_are_found_by_patient_study_and_date_and_come_back_unchanged(source, tmp_path):
    image = saved(mammogram_dataset(breast_picture(), 12, StudyDate="20260105"), tmp_path)
    other = saved(
        mammogram_dataset(breast_picture(), 12, PatientID="other", StudyDate="20260301"), tmp_path, "other.dcm"
    )
    ultrasound = saved(mammogram_dataset(breast_picture(), 12, Modality="US"), tmp_path, "us.dcm")
    source.send([image, other, ultrasound])
    header = dcmread(image)
    for query in (
        Query(patient_id=header.PatientID),
        Query(study_uid=header.StudyInstanceUID),
        Query(dates="20260101-20260131"),
    ):
        header = dcmread(image)
        (found,) = source.find(query)
        assert found.sop_uid == header.SOPInstanceUID
        (path,) = source.fetch([found], tmp_path / "fetched")
        assert_equal(dcmread(path), header)


def test_every_object_goes_through_an_archive_and_back_unchanged(source, tmp_path):
    made, image = results(tmp_path, StudyDate="20260105")
    files = write_objects(made, image, tmp_path / "dicom")
    source.send([image, *files.values()])
    study = str(dcmread(image).StudyInstanceUID)
    found = {instance.sop_uid: instance for instance in source.find(Query(study_uid=study, modality=""))}
    assert len(found) == len(files) + 1
    for path in files.values():
        written = dcmread(path)
        (back,) = source.fetch([found[written.SOPInstanceUID]], tmp_path / "back")
        assert_equal(dcmread(back), written)
    report = found[dcmread(files["cad_report"]).SOPInstanceUID]
    (back,) = source.fetch([report], tmp_path / "back")
    assert [mark.count for mark in read_marks(back) if mark.kind == "cluster"] == [3]


def test_nothing_that_fits_is_nothing_found(source):
    assert source.find(Query(patient_id="nobody")) == []
    assert list(source.fetch([], None)) == []


@pytest.mark.slow
def test_an_archive_that_is_not_there_is_said_in_a_sentence(tmp_path):
    image = saved(mammogram_dataset(breast_picture(), 12), tmp_path)
    for address in ("http://127.0.0.1:9/dicom-web", "NOBODY@127.0.0.1:9"):
        for action in (
            lambda there: there.find(Query(patient_id="1")),
            lambda there: there.send([image]),
            lambda there: list(there.fetch([Instance("1.2", "1.3", "1.4")], tmp_path)),
        ):
            with pytest.raises(ArchiveError, match=r"connection"):
                action(archive(address))


@pytest.mark.parametrize(
    "address", ["somewhere", "TITLE@host", "@host:104", "TITLE@:104", "TITLE@host:port", "ftp://x"]
)
def test_an_address_that_is_none_is_refused(address):
    with pytest.raises(ParameterError, match="no archive"):
        archive(address)


@pytest.mark.parametrize("wrong", [{}, {"patient_id": "*"}, {"dates": "2026"}, {"study_uid": "1.2?"}])
def test_a_search_names_what_it_wants(wrong):
    with pytest.raises(ParameterError):
        Query(**wrong)
