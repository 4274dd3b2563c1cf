"""The exams of a folder: what the child process tells of becomes rows of images and exams."""

import pytest

from MicrocalcAILib.base.errors import MicrocalcError, ParameterError
from MicrocalcAILib.exam.exam import Exam, save_exam
from MicrocalcAISlicer.logic import MicrocalcAILogic


class Child:
    """A child process that says its lines, one at each look."""

    def __init__(self, lines):
        self.lines, self.killed = list(lines), False

    def messages(self):
        return [self.lines.pop(0)]

    def kill(self):
        self.killed = True


@pytest.fixture
def folders(tmp_path):
    (tmp_path / "in").mkdir()
    exam = Exam("key", "2026-01-01", "", (), (), (), ())
    (tmp_path / "out" / "exams" / "key").mkdir(parents=True)
    save_exam(exam, tmp_path / "out" / "exams" / "key")
    return tmp_path / "in", tmp_path / "out"


def lines(output):
    """One image done, one failed, one exam."""
    return [
        {"pid": 1},
        {"image": "a.dcm"},
        {"result": "a", "image": "a.dcm", "status": "done"},
        {"error": "The image is blank; choose another one.", "image": "b.dcm", "status": "failed"},
        {"exam": "key", "folder": str(output / "exams" / "key")},
        {"result": str(output / "exams")},
    ]


def test_exams_are_returned_and_images_that_fail_are_rows(slicer, folders):
    started = []

    def start(arguments):
        started.append((arguments, Child(lines(folders[1]))))
        return started[0][1]

    (exam,) = MicrocalcAILogic(start).processExam(*folders, spacingMm=0.1)
    assert exam.date == "2026-01-01"
    arguments, child = started[0]
    assert "analyze-exam" in arguments
    assert "--spacing" in " ".join(arguments)
    assert child.killed


def test_a_run_is_moved_on_step_by_step(slicer, folders):
    run = MicrocalcAILogic(lambda _: Child(lines(folders[1]))).processExam(*folders, waitForCompletion=False)
    looks = 1
    while not run.update():
        looks += 1
    assert looks == 6
    assert [(row["image"], row["status"]) for row in run.rows] == [("a.dcm", "done"), ("b.dcm", "failed")]
    assert run.rows[1]["reason"] == "The image is blank; choose another one."
    assert [folder.name for folder in run.folders] == ["key"]


def test_what_stops_the_run_is_raised(slicer, folders):
    child = Child([{"error": "There is no file below these folders; choose the folder that holds the images."}])
    with pytest.raises(MicrocalcError, match="choose the folder"):
        MicrocalcAILogic(lambda _: child).processExam(*folders)
    assert child.killed
    with pytest.raises(ParameterError, match="no folder"):
        MicrocalcAILogic(lambda _: child).processExam(folders[0] / "none", folders[1])
