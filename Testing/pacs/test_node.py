"""A node that analyzes what it is sent: nothing lost, nothing twice, nothing from strangers."""

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest
from pydicom import dcmread

from dicom_samples import SECONDARY_CAPTURE, breast_picture, mammogram_dataset, saved
from dicom_validator import errors_of
from MicrocalcAILib.base.errors import ResultError
from MicrocalcAILib.dicom import read_marks
from MicrocalcAILib.pacs.addresses import archive
from MicrocalcAILib.pacs.archive import ArchiveError
from MicrocalcAILib.pacs.inbox import Inbox, Limits
from MicrocalcAILib.pacs.listener import listening, work_off
from pacs.conftest import free_port
from pacs.node import known_results, objects

HERE = Path(__file__).parent


class Sink:
    """Takes everything, or nothing."""

    def __init__(self) -> None:
        self.received: list[str] = []
        self.reachable = True

    def send(self, files) -> None:
        if not self.reachable:
            raise ArchiveError("There is no connection.")
        self.received += [str(dcmread(path).SOPInstanceUID) for path in files]


@pytest.fixture
def inbox(tmp_path):
    return Inbox(tmp_path / "queue", Limits(quiet_seconds=0.0))


def image(folder: Path, name: str = "image.dcm", **attributes) -> Path:
    return saved(mammogram_dataset(breast_picture(), 12, **attributes), folder, name)


def test_an_image_that_was_sent_is_analyzed_and_its_report_sent_on(inbox, tmp_path):
    with listening(inbox, "NODE", 0) as port:
        archive(f"NODE@127.0.0.1:{port}").send([image(tmp_path)])
    sink = Sink()
    assert work_off(list(inbox.jobs()), known_results, objects, sink) == 1
    assert len(sink.received) == 1
    assert list(inbox.jobs()) == []
    assert "Secret-4711" not in " ".join(str(path) for path in inbox.folder.rglob("*"))


def test_the_same_image_twice_is_worked_off_once(inbox, tmp_path):
    path = image(tmp_path)
    with listening(inbox, "NODE", 0) as port:
        for _ in range(2):
            archive(f"NODE@127.0.0.1:{port}").send([path])
    assert work_off(list(inbox.jobs()), known_results, objects, Sink()) == 1


def test_only_callers_that_are_allowed_are_heard(inbox, tmp_path):
    with listening(inbox, "NODE", 0, allowed=["MODALITY"]) as port:
        with pytest.raises(ArchiveError, match="no DICOM connection"):
            archive(f"NODE@127.0.0.1:{port}", "STRANGER").send([image(tmp_path)])
        with pytest.raises(ArchiveError, match="no DICOM connection"):
            archive(f"OTHER@127.0.0.1:{port}", "MODALITY").send([image(tmp_path)])
        archive(f"NODE@127.0.0.1:{port}", "MODALITY").send([image(tmp_path)])
    assert len(list(inbox.jobs())) == 1


def test_what_exceeds_a_limit_is_refused_and_the_rest_taken(tmp_path):
    refused = []
    inbox = Inbox(tmp_path / "queue", Limits(largest_file=100_000, images_per_study=2, studies=1, quiet_seconds=0))
    study = {"StudyInstanceUID": "1.2.3"}
    large = saved(mammogram_dataset(breast_picture(rows=900), 12, **study), tmp_path, "large.dcm")
    with listening(inbox, "NODE", 0, on_refusal=refused.append) as port:
        node = archive(f"NODE@127.0.0.1:{port}")
        for number in range(2):
            node.send([image(tmp_path, f"{number}.dcm", **study)])
        for path in (large, image(tmp_path, "third.dcm", **study), image(tmp_path, "other.dcm")):
            with pytest.raises(ArchiveError, match="status A700"):
                node.send([path])
    assert len(refused) == 3
    (job,) = inbox.jobs()
    assert len(job.images) == 2


def test_objects_that_are_no_images_are_not_taken(inbox, tmp_path):
    report = mammogram_dataset(breast_picture(), 12, SOPClassUID="1.2.840.10008.5.1.4.1.1.88.50")
    with listening(inbox, "NODE", 0) as port, pytest.raises(ArchiveError):
        archive(f"NODE@127.0.0.1:{port}").send([saved(report, tmp_path)])
    assert list(inbox.jobs()) == []


def test_a_refused_image_is_set_aside_with_its_reason_and_the_others_go_on(inbox, tmp_path):
    said = []

    def refuse_captures(path: Path, folder: Path) -> None:
        if dcmread(path).SOPClassUID == SECONDARY_CAPTURE:
            raise ResultError("No breast was found.")
        known_results(path, folder)

    with listening(inbox, "NODE", 0) as port:
        node = archive(f"NODE@127.0.0.1:{port}")
        node.send([image(tmp_path), image(tmp_path, "capture.dcm", SOPClassUID=SECONDARY_CAPTURE)])
    sink = Sink()
    assert work_off(list(inbox.jobs()), refuse_captures, objects, sink, said.append) == 2
    assert len(said) == 1
    assert "No breast was found." in said[0]
    assert list(inbox.jobs()) == []
    (reason,) = inbox.folder.rglob("*.failed")
    assert reason.read_text() == "No breast was found.\n"
    assert len(sink.received) == 2  # a study of nothing but failures is told about too


def test_a_study_gets_one_report_about_all_its_images_and_says_which_failed(inbox, tmp_path):
    study = {"StudyInstanceUID": "1.2.3", "SeriesInstanceUID": "1.2.3.1"}
    images = [image(tmp_path, f"{number}.dcm", **study) for number in range(3)]
    failing = str(dcmread(images[1]).SOPInstanceUID)

    def refuse_one(path: Path, folder: Path) -> None:
        if dcmread(path).SOPInstanceUID == failing:
            raise ResultError("No breast was found.")
        known_results(path, folder)

    with listening(inbox, "NODE", 0) as port:
        archive(f"NODE@127.0.0.1:{port}").send(images)
    sink = Sink()
    assert work_off(list(inbox.jobs()), refuse_one, objects, sink) == 1
    assert len(sink.received) == 1
    (report,) = inbox.folder.rglob("cad_report.dcm")
    assert errors_of(report) == []
    document = dcmread(report)
    summary, detections = document.ContentSequence[2], document.ContentSequence[3]
    assert summary.ConceptCodeSequence[0].CodeValue == "111244"  # not all succeeded; with findings
    assert detections.ConceptCodeSequence[0].CodeValue == "111223"  # partially succeeded
    library = [
        item.ReferencedSOPSequence[0].ReferencedSOPInstanceUID for item in document.ContentSequence[1].ContentSequence
    ]
    (failure,) = (part for part in detections.ContentSequence if part.ConceptNameCodeSequence[0].CodeValue == "111025")
    named = {
        library[item.ReferencedContentItemIdentifier[2] - 1]
        for performed in failure.ContentSequence
        for item in performed.ContentSequence
        if "ReferencedContentItemIdentifier" in item
    }
    assert named == {failing}
    assert {mark.image_uid for mark in read_marks(report)} == {
        str(dcmread(path).SOPInstanceUID) for path in images
    } - named


def test_an_archive_that_is_away_loses_nothing(inbox, tmp_path):
    with listening(inbox, "NODE", 0) as port:
        archive(f"NODE@127.0.0.1:{port}").send([image(tmp_path)])
    sink = Sink()
    sink.reachable = False
    assert work_off(list(inbox.jobs()), known_results, objects, sink) == 0
    sink.reachable = True
    assert work_off(list(inbox.jobs()), known_results, objects, sink) == 1


def test_images_that_come_late_are_worked_off_too(inbox, tmp_path):
    sink = Sink()
    for number in range(2):
        with listening(inbox, "NODE", 0) as port:
            late = image(tmp_path, f"{number}.dcm", StudyInstanceUID="1.2.3")
            archive(f"NODE@127.0.0.1:{port}").send([late])
        assert work_off(list(inbox.jobs()), known_results, objects, sink) == 1
    assert len(set(sink.received)) == 2


@pytest.mark.slow
def test_fifty_studies_from_archive_to_archive_with_kills_in_between(orthanc, tmp_path):
    """Orthanc → node → Orthanc; the node is killed again and again at random instants."""
    studies = 50
    files = [image(tmp_path, f"{number}.dcm") for number in range(studies)]
    target = archive(orthanc.web)
    target.send(files)
    port, folder = free_port(), tmp_path / "queue"
    paths = [str(HERE.parents[1] / "MicrocalcAI"), str(HERE.parent), str(HERE.parent / "library")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    command = [sys.executable, HERE / "node.py", folder, str(port), orthanc.node]
    chance = random.Random(1)
    waiting, kills = list(files), 0
    end = time.monotonic() + 500
    while time.monotonic() < end:
        process = subprocess.Popen(list(map(str, command)), env=environment, stdout=subprocess.PIPE)
        process.stdout.readline()
        until = time.monotonic() + chance.uniform(0.5, 4.0) if kills < 20 else end
        while time.monotonic() < until:
            try:
                if waiting:
                    archive(f"NODE@127.0.0.1:{port}").send(waiting[:1])
                    waiting.pop(0)
            except ArchiveError:
                pass
            done = len(list(folder.rglob("*.sent")))
            if done == studies and kills >= 20:
                break
            time.sleep(0.02)
        process.kill()
        process.wait()
        kills += 1
        if not waiting and len(list(folder.rglob("*.sent"))) == studies and kills > 20:
            break
    stored = orthanc.ask("/statistics")
    print(f"{studies} studies, {kills} kills, {stored['CountInstances']} instances in the archive")
    assert stored["CountInstances"] == 2 * studies  # each image and one report of each
    assert stored["CountStudies"] == studies
