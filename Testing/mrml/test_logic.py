"""The whole way from a volume to result nodes: checks, child process, progress, cancel, failure."""

import tempfile
import time
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from MicrocalcAILib.base.errors import ParameterError, ResultError, UnsupportedImageError
from MicrocalcAISlicer import inputvolume
from MicrocalcAISlicer.logic import MicrocalcAILogic
from MicrocalcSlicerShared.analysisprocess import AnalysisProcess, AnalysisProcessError

CHILD = str(Path(__file__).with_name("child.py"))


class FakeProcess:
    """Says what it is told to say, one list of messages at a time."""

    def __init__(self, *messages):
        self._messages = list(messages)
        self.arguments = None
        self.isAlive = True

    def __call__(self, arguments):
        self.arguments = list(arguments)
        return self

    def messages(self):
        return self._messages.pop(0) if self._messages else []

    def kill(self):
        self.isAlive = False


@pytest.fixture
def temporary_folder(tmp_path, monkeypatch):
    """Where runs keep their files; has to be empty after each."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


@pytest.fixture
def nodes(slicer):
    return lambda: slicer.mrmlScene.GetNumberOfNodes()


def logic_with_child(ending):
    return MicrocalcAILogic(startProcess=lambda arguments: AnalysisProcess([CHILD, ending, *arguments]))


def wait_until(condition, seconds=20):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def is_running(pid):
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_brightest_pixel_comes_back_at_its_place(slicer, make_volume, temporary_folder):
    volume = make_volume(dtype=np.float32)
    slicer.util.arrayFromVolume(volume)[0, 17, 42] = 1e6
    shown = logic_with_child("result").process(volume)
    mask = slicer.util.arrayFromSegmentBinaryLabelmap(shown.segmentationNode, "MicrocalcSingles", volume)
    np.testing.assert_array_equal(np.argwhere(mask), [[0, 17, 42]])
    assert list(temporary_folder.iterdir()) == []


def test_error_of_the_child_is_raised_with_its_sentence(volume, nodes, temporary_folder):
    before = nodes()
    with pytest.raises(AnalysisProcessError, match=r"^The image is blank; choose another one\.$"):
        logic_with_child("error").process(volume)
    assert nodes() == before
    assert list(temporary_folder.iterdir()) == []


def test_crash_is_told_in_one_sentence_and_its_details_go_to_the_log(volume, nodes, temporary_folder, caplog):
    before = nodes()
    with pytest.raises(AnalysisProcessError, match="exit status 1"):
        logic_with_child("crash").process(volume)
    assert "details for the log" in caplog.text
    assert nodes() == before
    assert list(temporary_folder.iterdir()) == []


def test_child_that_ends_without_a_result_is_a_failure(volume, temporary_folder):
    with pytest.raises(AnalysisProcessError, match="unexpectedly"):
        logic_with_child("silence").process(volume)


@pytest.mark.skipif(not Path("/proc").exists(), reason="looks at processes through /proc")
def test_cancel_ends_the_child_and_everything_it_started(volume, nodes, temporary_folder):
    before = nodes()
    run = logic_with_child("hang").process(volume, waitForCompletion=False)
    wait_until(lambda: run.update() or run.stage.startswith("grandchild"))
    grandchild = int(run.stage.split()[1])
    assert is_running(grandchild)
    run.cancel()
    wait_until(lambda: not is_running(grandchild))
    assert nodes() == before
    assert list(temporary_folder.iterdir()) == []


@pytest.mark.skipif(not Path("/proc").exists(), reason="looks at processes through /proc")
def test_cancel_ends_the_real_process_behind_a_launcher(tmp_path):
    """PythonSlicer is a launcher: here it starts the child in a session of its own, the worst case."""
    launcher = tmp_path / "launcher.py"
    launcher.write_text(
        "import subprocess, sys\n"
        f"sys.exit(subprocess.call([sys.executable, {CHILD!r}, 'hang'], start_new_session=True))\n",
        encoding="utf-8",
    )
    process = AnalysisProcess([str(launcher)])
    wait_until(lambda: any("grandchild" in message.get("stage", "") for message in process.messages()))
    child = process._childPid
    assert child not in (None, process._process.pid)
    assert is_running(child)
    process.kill()
    wait_until(lambda: not is_running(child))


def test_canceling_twice_and_after_the_end_does_nothing(volume, temporary_folder):
    run = logic_with_child("result").process(volume, waitForCompletion=False)
    wait_until(run.update)
    run.cancel()
    run.cancel()
    assert run.update()


def test_progress_is_reported_by_stage_and_never_goes_back(volume, analysis, temporary_folder):
    def said(stage, done, total):
        return [{"stage": stage, "done": done, "total": total}]

    process = FakeProcess(
        said("reading", 0, 1),
        said("candidates", 1, 5),
        said("candidates", 700, 1400),
        said("clusters", 3, 5),
        said("features", 0, 46),
        said("features", 23, 46),
        said("words", 0, 5),
        said("words", 5, 5),
        said("done", 5, 5),
        said("writing", 0, 1),
        [{"result": "x"}],
    )
    run = MicrocalcAILogic(process, lambda folder: analysis).process(volume, waitForCompletion=False)
    seen = []
    while not run.update():
        seen.append((run.stage, round(run.share, 3)))
    assert seen == [
        *(("reading", 0.0), ("candidates", 0.2), ("candidates", 0.3), ("clusters", 0.6)),
        *(("features", 0.6), ("features", 0.7), ("words", 0.7), ("words", 0.8), ("done", 1.0), ("writing", 1.0)),
    ]
    assert run.results.clustersTableNode.GetNumberOfRows() == 2
    assert not process.isAlive


def test_child_is_asked_for_heatmaps_boxes_device_and_selector(volume, temporary_folder):
    process = FakeProcess()
    MicrocalcAILogic(process).process(
        volume,
        waitForCompletion=False,
        heatmaps=["detection", "malignancy"],
        detector="default",
        device="cpu",
        selector="measurements",
        classifier=Path("own"),
    ).cancel()
    assert process.arguments[process.arguments.index("--json-progress") + 1 :] == [
        *("--heatmap", "detection", "--heatmap", "malignancy", "--detector", "default", "--device", "cpu"),
        *("--selector", "measurements", "--classifier", "own"),
    ]


def test_what_is_known_about_the_view_reaches_the_child_and_nothing_else_of_the_name_does(
    volume, temporary_folder, tmp_path
):
    process = FakeProcess()
    volume.SetName("DOE JANE 1960 R MLO")
    volume.SetAttribute("Microcalc.ViewModifiers", "Magnification")
    run = MicrocalcAILogic(process).process(volume, waitForCompletion=False)
    image = Path(process.arguments[3])
    assert image.name == "mammogram_R_MLO.nrrd"
    header = sitk.ReadImage(str(image))
    assert header.GetMetaData("Microcalc.ViewModifiers") == "Magnification"
    run.cancel()


def test_child_is_asked_for_json_with_spacing_and_operating_point(volume, temporary_folder):
    process = FakeProcess()
    run = MicrocalcAILogic(process).process(volume, spacingMm=0.085, falseMarksPerCm2=0.25, waitForCompletion=False)
    arguments = process.arguments
    assert arguments[:3] == ["-m", "MicrocalcAILib", "analyze"]
    assert "--json-progress" in arguments
    assert arguments[arguments.index("--spacing") + 1] == "0.085"
    assert arguments[arguments.index("--false-marks") + 1] == "0.25"
    run.cancel()


def test_own_spacing_of_the_image_is_not_overridden(volume, temporary_folder):
    process = FakeProcess()
    MicrocalcAILogic(process).process(volume, waitForCompletion=False).cancel()
    assert "--spacing" not in process.arguments


def test_child_that_cannot_be_started_leaves_no_files(volume, temporary_folder):
    def fail(arguments):
        raise FileNotFoundError("no Python")

    with pytest.raises(FileNotFoundError):
        MicrocalcAILogic(fail).process(volume)
    assert list(temporary_folder.iterdir()) == []


def test_unreadable_result_leaves_the_scene_as_it_was(volume, nodes, temporary_folder):
    before = nodes()
    with pytest.raises(ResultError, match="not a complete analysis"):
        MicrocalcAILogic(FakeProcess([{"result": str(temporary_folder)}])).process(volume)
    assert nodes() == before


def test_image_removed_during_the_analysis_is_an_error(slicer, volume, analysis, temporary_folder):
    run = MicrocalcAILogic(FakeProcess([{"result": "x"}]), lambda folder: analysis).process(
        volume, waitForCompletion=False
    )
    slicer.mrmlScene.RemoveNode(volume)
    with pytest.raises(ResultError, match="removed"):
        run.update()
    assert slicer.util.getNodesByClass("vtkMRMLSegmentationNode") == []


def test_library_prints_that_look_like_json_are_no_messages(volume, tmp_path):
    script = tmp_path / "noise.py"
    script.write_text('print("[1, 2]")\nprint(\'{"other": 1}\')\nprint("3")\n', encoding="utf-8")
    process = AnalysisProcess([str(script)])
    with pytest.raises(AnalysisProcessError, match="exit status 0"):
        wait_until(lambda: process.messages())
    process.kill()


def test_nothing_selected_is_refused():
    with pytest.raises(ParameterError, match="Select the mammogram"):
        MicrocalcAILogic().process(None)


def test_several_slices_are_refused(slicer):
    stack = slicer.util.addVolumeFromArray(np.zeros((4, 9, 9), np.int16), np.diag([-0.07, -0.07, 1.0, 1.0]))
    with pytest.raises(UnsupportedImageError, match="4 slices"):
        MicrocalcAILogic().process(stack)


def test_color_image_is_refused(slicer):
    color = slicer.util.addVolumeFromArray(
        np.zeros((1, 9, 9, 3), np.uint8), np.diag([-0.07, -0.07, 1.0, 1.0]), nodeClassName="vtkMRMLVectorVolumeNode"
    )
    with pytest.raises(UnsupportedImageError, match="color"):
        MicrocalcAILogic().process(color)


def test_volume_without_image_is_refused(slicer):
    with pytest.raises(UnsupportedImageError, match="no image"):
        MicrocalcAILogic().process(slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode"))


def test_unknown_spacing_is_refused_until_it_is_given(slicer):
    volume = slicer.util.addVolumeFromArray(np.zeros((1, 9, 9), np.int16), np.diag([-1.0, -1.0, 1.0, 1.0]))
    with pytest.raises(ParameterError, match="pixel spacing"):
        MicrocalcAILogic().checkInput(volume)
    MicrocalcAILogic().checkInput(volume, spacingMm=0.07)


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int16, np.uint16, np.int32, np.uint32, np.float32, np.float64])
def test_file_for_the_child_keeps_values_and_place(slicer, make_volume, tmp_path, dtype):
    directions = np.array([[0.36, 0.48, -0.8], [-0.8, 0.6, 0.0], [0.48, 0.64, 0.6]])
    matrix = np.eye(4)
    matrix[:3, :3] = directions @ np.diag([0.08, 0.05, 2.0])
    matrix[:3, 3] = (10.0, -20.0, 30.0)
    volume = make_volume(dtype=dtype, ijk_to_ras=matrix)
    path = tmp_path / "mammogram.nrrd"
    inputvolume.writeVolume(volume, path)
    image = sitk.ReadImage(str(path))
    np.testing.assert_array_equal(sitk.GetArrayFromImage(image), slicer.util.arrayFromVolume(volume))
    assert sitk.GetArrayFromImage(image).dtype == dtype
    lps = image.TransformIndexToPhysicalPoint((42, 17, 0))
    ras = matrix @ [42, 17, 0, 1]
    np.testing.assert_allclose((-lps[0], -lps[1], lps[2]), ras[:3], atol=1e-9)


def test_temporary_files_may_lie_under_a_path_with_other_letters(slicer, make_volume, tmp_path, monkeypatch):
    folder = tmp_path / "Überprüfung 画像"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    shown = logic_with_child("result").process(make_volume())
    assert shown.calcificationsTableNode.GetNumberOfRows() == 1
    assert list(folder.iterdir()) == []


def test_images_of_a_queue_fail_and_succeed_on_their_own(slicer, make_volume, analysis, temporary_folder):
    good, flat = make_volume("R CC"), make_volume("L CC", shape=(61, 80))
    process = FakeProcess([{"result": "x"}], [{"result": "x"}])
    outcomes = MicrocalcAILogic(process, lambda folder: analysis).processImages([flat, good])
    assert [outcome.volumeNode for outcome in outcomes] == [flat, good]
    assert outcomes[0].results is None
    assert "another size" in outcomes[0].error
    assert outcomes[1].results.clustersTableNode.GetNumberOfRows() == 2
    assert list(temporary_folder.iterdir()) == []


def test_nothing_in_the_scene_changes_until_an_image_has_finished(volume, nodes, analysis, temporary_folder):
    before = nodes()
    process = FakeProcess([{"stage": "candidates", "done": 1, "total": 5}], [], [{"result": "x"}])
    queue = MicrocalcAILogic(process, lambda folder: analysis).processImages([volume], waitForCompletion=False)
    assert not queue.update()
    assert not queue.update()
    assert nodes() == before
    assert queue.update()
    assert nodes() > before


def test_canceled_queue_starts_nothing_more(make_volume, temporary_folder):
    started = []
    process = FakeProcess()

    def start(arguments):
        started.append(arguments)
        return process

    queue = MicrocalcAILogic(start).processImages([make_volume("a"), make_volume("b")], waitForCompletion=False)
    queue.cancel()
    assert queue.update()
    assert len(started) == 1
    assert not process.isAlive
    assert list(temporary_folder.iterdir()) == []


def test_no_image_is_refused():
    with pytest.raises(ParameterError, match="at least one"):
        MicrocalcAILogic().processImages([])
