"""Files and folders appear whole or not at all, and nothing of the user's is ever lost."""

import errno
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from MicrocalcAILib.base.errors import ResultError
from MicrocalcAILib.base.files import (
    check_replaceable,
    disk_errors_reported,
    folder_replaced_on_success,
    is_hidden,
    remove_leftovers,
    replaced_on_success,
    temporary_folder,
)

ROOT = Path(__file__).resolve().parents[2]


def shown(folder: Path) -> dict[str, str]:
    """Name and text of every file that is not hidden."""
    return {
        path.relative_to(folder).as_posix(): path.read_text()
        for path in folder.rglob("*")
        if path.is_file() and not is_hidden(path, folder)
    }


def write(folder: Path, number: int) -> None:
    with folder_replaced_on_success(folder, "mark.json") as temporary:
        (temporary / "mark.json").write_text(str(number))
        (temporary / f"file{number}").write_text(str(number))


def test_a_failed_file_leaves_the_earlier_one(tmp_path):
    file = tmp_path / "a.seg.nrrd"
    file.write_text("earlier")
    with pytest.raises(FileNotFoundError), replaced_on_success(file) as temporary:  # noqa: PT012
        assert temporary.name.endswith(".seg.nrrd")
        temporary.write_text("half")
        (tmp_path / "missing").read_text()
    assert [path.name for path in tmp_path.iterdir()] == ["a.seg.nrrd"]
    assert file.read_text() == "earlier"


class Held:
    """A file that another program holds, as Windows tells it, for a number of attempts."""

    def __init__(self, monkeypatch, attempts):
        self.left, replace = attempts, Path.replace

        def refusing(path, target):
            if self.left:
                self.left -= 1
                raise PermissionError(errno.EACCES, "being used by another process", str(target))
            return replace(path, target)

        monkeypatch.setattr(Path, "replace", refusing)
        monkeypatch.setattr(time, "sleep", lambda seconds: None)


def test_a_file_that_is_held_for_a_moment_is_replaced_after_it(tmp_path, monkeypatch):
    path = tmp_path / "Tabelle für 医院.csv"
    path.write_text("old")
    Held(monkeypatch, 3)
    with replaced_on_success(path) as temporary:
        temporary.write_text("new")
    assert path.read_text() == "new"


def test_a_file_that_stays_open_in_another_program_is_named_and_kept(tmp_path, monkeypatch):
    path = tmp_path / "table.csv"
    path.write_text("old")
    Held(monkeypatch, 100)
    with pytest.raises(ResultError, match="a program has it open"), replaced_on_success(path) as temporary:
        temporary.write_text("new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_failed_folder_leaves_the_earlier_one(tmp_path):
    folder = tmp_path / "result"
    write(folder, 1)
    with pytest.raises(FileNotFoundError), folder_replaced_on_success(folder, "mark.json") as temporary:  # noqa: PT012
        (temporary / "other.txt").write_text("half")
        (tmp_path / "missing").read_text()
    assert [path.name for path in tmp_path.iterdir()] == ["result"]
    assert shown(folder) == {"mark.json": "1", "file1": "1"}


def test_what_was_written_before_is_replaced_as_a_whole(tmp_path):
    for number in (1, 2):
        write(tmp_path / "result", number)
    assert shown(tmp_path / "result") == {"mark.json": "2", "file2": "2"}


def test_files_of_the_user_survive_a_rerun(tmp_path):
    folder = tmp_path / "result"
    write(folder, 1)
    (folder / "notes").mkdir()
    (folder / "notes" / "report.txt").write_text("precious")
    (folder / "file2").write_text("also precious")
    (folder / "mark.json").write_text("edited")
    (folder / "link").symlink_to("notes/report.txt")
    for number in (2, 3):
        write(folder, number)
    found = shown(folder)
    assert found.pop("mark.json") == "3"
    assert found.pop("file3") == "3"
    assert sorted(found.values()) == ["also precious", "edited", "precious", "precious"]
    assert (folder / "link").is_symlink()


def test_a_folder_written_without_a_list_loses_nothing_that_is_not_written_again(tmp_path):
    folder = tmp_path / "result"
    folder.mkdir()
    (folder / "mark.json").write_text("old")
    (folder / "notes.txt").write_text("precious")
    write(folder, 1)
    assert shown(folder) == {"mark.json": "1", "file1": "1", "notes.txt": "precious"}


def test_a_folder_that_is_not_ours_is_refused_and_kept(tmp_path):
    folder = tmp_path / "patients"
    folder.mkdir()
    (folder / "notes.txt").write_text("precious")
    with pytest.raises(ResultError, match="nothing is lost"), folder_replaced_on_success(folder, "mark.json"):
        pass
    assert (folder / "notes.txt").read_text() == "precious"
    assert [path.name for path in tmp_path.iterdir()] == ["patients"]


def test_a_file_in_the_place_of_a_folder_is_named(tmp_path):
    (tmp_path / "out").write_text("a file")
    for folder in (tmp_path / "out", tmp_path / "out" / "image"):
        with pytest.raises(ResultError, match="“out” is a file"):
            check_replaceable(folder, "mark.json")
        with pytest.raises(ResultError, match="“out” is a file"):
            write(folder, 1)
    with pytest.raises(ResultError, match="a file stands in its place"), replaced_on_success(tmp_path / "out" / "a"):
        pass


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES])
def test_what_the_disk_refuses_becomes_one_sentence(tmp_path, number):
    with pytest.raises(ResultError, match=r"“a\.csv”.*\.$"), replaced_on_success(tmp_path / "a.csv"):
        raise OSError(number, os.strerror(number))
    assert not list(tmp_path.iterdir())


def test_other_errors_stay_what_they_are(tmp_path):
    with pytest.raises(OSError, match="odd"), disk_errors_reported(tmp_path):
        raise OSError(errno.EIO, "odd")


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.ENOENT, errno.EROFS])
def test_a_full_folder_for_temporary_files_is_named(number):
    with pytest.raises(ResultError, match="TMPDIR"), temporary_folder():
        raise OSError(number, os.strerror(number))


# Every step of replacing a folder, in which a fault is put before or after the real work.
STEPS = ["Path.replace", "Path.mkdir", "Path.write_text", "shutil.copy2", "shutil.rmtree", "Path.rename"]
CHILD = """
import os, shutil, sys
from pathlib import Path
sys.path[:0] = {paths!r}
from MicrocalcAILib.base.files import folder_replaced_on_success
left, after, kill = int(sys.argv[2]), sys.argv[3] == "after", sys.argv[4] == "kill"

def fault():
    global left
    left -= 1
    if left == 0:
        if kill:
            os._exit(77)
        raise OSError(5, "injected")

def faulty(function):
    def run(*arguments, **options):
        if not after:
            fault()
        result = function(*arguments, **options)
        if after:
            fault()
        return result
    return run

for step in {steps!r}:
    owner, name = (Path if step.startswith("Path") else shutil), step.partition(".")[2]
    setattr(owner, name, faulty(getattr(owner, name)))
with folder_replaced_on_success(Path(sys.argv[1]), "mark.json") as temporary:
    with (temporary / "mark.json").open("w") as file:
        file.write("2")
"""


@pytest.mark.parametrize("fault", ["kill", "error"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_fault_at_any_step_leaves_the_earlier_or_the_new_result_and_all_of_the_user(tmp_path, fault, when):
    code = CHILD.format(paths=[str(ROOT / "MicrocalcAI")], steps=STEPS)
    for step in range(1, 30):
        parent = tmp_path / str(step)
        write(parent / "result", 1)
        (parent / "result" / "notes.txt").write_text("precious")
        child = subprocess.run([sys.executable, "-c", code, parent / "result", str(step), when, fault])
        if fault == "error" and child.returncode:
            assert (parent / "result" / "mark.json").is_file()  # put back at once
        remove_leftovers(parent, older_than_seconds=0)
        found = shown(parent / "result")
        assert found.pop("notes.txt") == "precious"
        assert found in ({"mark.json": "1", "file1": "1"}, {"mark.json": "2"}), (step, found)
        assert [path.name for path in parent.iterdir()] == ["result"]
        if child.returncode == 0:
            break
    assert step > 5
    assert child.returncode == 0


def test_the_next_run_puts_back_what_a_killed_one_had_moved_away(tmp_path):
    write(tmp_path / "result", 1)
    (tmp_path / "result").rename(tmp_path / ".result-microcalc0123abcd-previous")
    with pytest.raises(FileNotFoundError), folder_replaced_on_success(tmp_path / "result", "mark.json"):
        (tmp_path / "missing").read_text()
    assert shown(tmp_path / "result")["mark.json"] == "1"


def test_leftovers_of_a_run_that_may_still_go_on_stay(tmp_path):
    for name in (".a-microcalc0123abcd", ".b.c-microcalc0123abcd.csv", ".hidden-0123abcd", ".gitignore"):
        (tmp_path / name).write_text("half")
    assert remove_leftovers(tmp_path) == 0
    assert remove_leftovers(tmp_path, older_than_seconds=0) == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == [".gitignore", ".hidden-0123abcd"]
    shutil.rmtree(tmp_path)
    assert remove_leftovers(tmp_path) == 0
