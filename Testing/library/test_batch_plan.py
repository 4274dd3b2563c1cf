"""Which files a run works on, and where their results go."""

import csv
import os
from pathlib import Path, PurePosixPath

import pydicom
import pytest
from pydicom.fileset import FileSet

from dicom_samples import gray_pattern, mammogram_dataset
from MicrocalcAILib.base.errors import ParameterError
from MicrocalcAILib.batch.inputs import find_inputs
from MicrocalcAILib.batch.plan import plan, result_folders
from MicrocalcAILib.batch.pseudonyms import pseudonymized
from MicrocalcAILib.batch.work import RESULT_FILE


@pytest.fixture
def tree(tmp_path):
    """Make files below a folder by their names."""

    def make(*names):
        root = tmp_path / "images"
        for name in names:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(name)
        return root

    return make


def places(root, output=Path("nowhere")):
    return {item.name: item.folder for item in plan(find_inputs([root], output))}


def folders(*names):
    return result_folders([PurePosixPath(name) for name in names])


def test_the_tree_is_mirrored_and_names_keep_all_but_their_suffix(tree):
    assert places(tree("a/x.dcm", "b/c/y.nii.gz", "1.2.840.10008.5.1")) == {
        "1.2.840.10008.5.1": "1.2.840.10008.5.1",
        "a/x.dcm": "a/x",
        "b/c/y.nii.gz": "b/c/y",
    }


def test_no_two_images_share_a_folder_of_results():
    names = ("x.dcm", "x.png", "X.dcm.DCM", "x", "y/z.dcm", "y.dcm", "summary.csv.dcm", "..dcm", "q.dcm", "Q/R.dcm")
    found = folders(*names)
    assert len({folder.casefold() for folder in found}) == len(names)
    assert found[4] == "y/z"
    for folder in found:
        assert not any(str(other).casefold().startswith(folder.casefold() + "/") for other in found)
        assert not PurePosixPath(folder).name.startswith(".")
        assert folder != "summary.csv"


def test_files_of_one_name_in_several_folders_are_told_apart_by_their_folders(tree):
    root = tree("left/full/1-1.dcm", "right/full/1-1.dcm")
    files = sorted(root.rglob("*.dcm"))
    assert [item.folder for item in plan(find_inputs(files, root))] == ["left/full/1-1", "right/full/1-1"]


def test_a_single_file_lies_directly_in_the_output(tree):
    root = tree("a/b/x.dcm")
    assert [item.folder for item in plan(find_inputs([root / "a/b/x.dcm"], root))] == ["x"]


def test_hidden_files_the_output_and_older_results_are_no_inputs(tree):
    root = tree(".hidden.dcm", ".git/x", "x.dcm", f"old/x/{RESULT_FILE}", "old/x/overlay.png", "out/y.png", "DICOMDIR")
    assert places(root, root / "out") == {"x.dcm": "x"}


def test_a_file_asked_for_twice_is_one_input(tree):
    root = tree("a/x.dcm", "y.dcm")
    found = find_inputs([root, root / "a", root / "a" / "x.dcm", root / "."], root / "out")
    assert {item.path.name: item.named for item in found} == {"x.dcm": True, "y.dcm": False}


@pytest.mark.skipif(os.name == "nt", reason="links need rights on Windows")
def test_links_that_lead_in_a_circle_are_followed_once(tree):
    root = tree("a/x.dcm")
    (root / "a" / "loop").symlink_to(root, target_is_directory=True)
    assert places(root) == {"a/x.dcm": "a/x"}


def test_a_file_that_is_not_there_keeps_its_place_in_the_plan(tree):
    root = tree("x.dcm")
    assert [item.name for item in plan(find_inputs([root / "x.dcm", root / "gone.dcm"], root))] == ["x.dcm", "gone.dcm"]


def test_a_dicomdir_names_its_images(tmp_path):
    files = FileSet()
    for number in (1, 2):
        dataset = mammogram_dataset(gray_pattern())
        dataset.PatientID, dataset.StudyID, dataset.SeriesNumber = "7", "1", 1
        dataset.StudyDate, dataset.StudyTime, dataset.InstanceNumber = "20200101", "120000", number
        dataset.SOPInstanceUID = f"1.2.3.{number}"
        dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
        files.add(dataset)
    files.write(tmp_path / "medium")
    listed = sorted(path for path in (tmp_path / "medium").rglob("*") if path.is_file() and path.name != "DICOMDIR")
    found = find_inputs([tmp_path / "medium" / "DICOMDIR"], tmp_path / "out")
    assert sorted(item.path for item in found) == listed
    assert not any(item.problem for item in found)
    listed[0].unlink()
    assert sum("not there" in item.problem for item in find_inputs([tmp_path / "medium" / "DICOMDIR"], tmp_path)) == 1


def test_a_dicomdir_leads_nowhere_outside_its_medium(tmp_path):
    record = pydicom.Dataset()
    record.DirectoryRecordType = "IMAGE"
    record.add_new("ReferencedFileID", "LO", ["..", "SECRET"])
    dataset = mammogram_dataset(gray_pattern())
    dataset.DirectoryRecordSequence = [record]
    dataset.save_as(tmp_path / "DICOMDIR", enforce_file_format=True)
    (item,) = find_inputs([tmp_path / "DICOMDIR"], tmp_path / "out")
    assert item.path == tmp_path / "DICOMDIR"
    assert "damaged" in item.problem


def test_a_damaged_dicomdir_says_so_in_its_row(tmp_path):
    (tmp_path / "DICOMDIR").write_bytes(b"\0" * 128 + b"DICM" + b"\xff" * 40)
    (item,) = find_inputs([tmp_path / "DICOMDIR"], tmp_path / "out")
    assert "give the folder" in item.problem


def test_pseudonyms_stay_the_same_and_their_key_lies_elsewhere(tree, tmp_path):
    root = tree("Doe_Jane/x.dcm", "y.dcm")
    key = tmp_path / "key.csv"
    first = pseudonymized(plan(find_inputs([root], tmp_path / "out")), key, tmp_path / "out")
    tree("z.dcm")
    again = pseudonymized(plan(find_inputs([root], tmp_path / "out")), key, tmp_path / "out")
    assert {item.path: item.name for item in first}.items() <= {item.path: item.name for item in again}.items()
    for item in again:
        assert "Doe" not in item.name + item.folder + item.source
        assert item.folder == item.name
    with key.open(newline="", encoding="utf-8") as file:
        assert {row["path"]: row["pseudonym"] for row in csv.DictReader(file)} == {
            str(item.path): item.name for item in again
        }
    if os.name != "nt":
        assert key.stat().st_mode & 0o077 == 0
    with pytest.raises(ParameterError, match="elsewhere"):
        pseudonymized(first, tmp_path / "out" / "key.csv", tmp_path / "out")
    (tmp_path / "notes.txt").write_text("precious")
    with pytest.raises(ParameterError, match="something else"):
        pseudonymized(first, tmp_path / "notes.txt", tmp_path / "out")
