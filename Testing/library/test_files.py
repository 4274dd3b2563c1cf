"""Files and folders appear whole or not at all, and nothing of the user's is ever replaced."""

import pytest

from MicrocalcAILib.base.errors import ResultError
from MicrocalcAILib.base.files import folder_replaced_on_success, replaced_on_success


def test_a_failed_file_leaves_the_earlier_one(tmp_path):
    file = tmp_path / "a.seg.nrrd"
    file.write_text("earlier")
    with pytest.raises(FileNotFoundError), replaced_on_success(file) as temporary:  # noqa: PT012
        assert temporary.name.endswith(".seg.nrrd")
        temporary.write_text("half")
        (tmp_path / "missing").read_text()
    assert [path.name for path in tmp_path.iterdir()] == ["a.seg.nrrd"]
    assert file.read_text() == "earlier"


def test_a_failed_folder_leaves_the_earlier_one(tmp_path):
    folder = tmp_path / "result"
    with folder_replaced_on_success(folder, "mark.json") as temporary:
        (temporary / "mark.json").write_text("1")
    with pytest.raises(FileNotFoundError), folder_replaced_on_success(folder, "mark.json") as temporary:  # noqa: PT012
        (temporary / "other.txt").write_text("half")
        (tmp_path / "missing").read_text()
    assert [path.name for path in tmp_path.iterdir()] == ["result"]
    assert [path.name for path in folder.iterdir()] == ["mark.json"]


def test_a_folder_of_ours_is_replaced_as_a_whole(tmp_path):
    for number in (1, 2):
        with folder_replaced_on_success(tmp_path / "result", "mark.json") as temporary:
            (temporary / "mark.json").write_text(str(number))
            (temporary / f"file{number}").touch()
    assert sorted(path.name for path in (tmp_path / "result").iterdir()) == ["file2", "mark.json"]


def test_a_folder_that_is_not_ours_is_refused_and_kept(tmp_path):
    folder = tmp_path / "patients"
    folder.mkdir()
    (folder / "notes.txt").write_text("precious")
    with pytest.raises(ResultError, match="nothing is lost"), folder_replaced_on_success(folder, "mark.json"):
        pass
    assert (folder / "notes.txt").read_text() == "precious"
    assert [path.name for path in tmp_path.iterdir()] == ["patients"]
