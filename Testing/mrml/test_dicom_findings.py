"""The DICOM plugin for findings: CAD marks of any maker with words, our segmentations in place."""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pydicom
import pytest

from library.cad_examples import STYLES, document
from library.dicom_results import CALCIFICATIONS, COLUMNS, ROWS, results_of
from library.dicom_samples import breast_picture
from MicrocalcAILib.base.errors import MicrocalcError
from MicrocalcAILib.dicom import read_marks
from MicrocalcAILib.dicom.objects import write_objects
from MicrocalcAISlicer.dicomexport import exportObjects
from MicrocalcAISlicer.mammogramloading import loadMammogram
from MicrocalcSlicerShared.geometry import ijkToRas
from mrml.mammogram_files import Database, file
from stand_ins import application

application.start()

from DICOMMicrocalcFindingsPlugin import (  # noqa: E402, needs the stand-ins
    DICOMMicrocalcFindingsPlugin,
    DICOMMicrocalcFindingsPluginClass,
)

LABELS = [
    "Amorphous calcification, Grouped calcification distribution; n = 3; 80% certain",
    "Individual Calcification; 80% certain",
]


class Known(Database):
    """A database that also knows where instances lie."""

    def __init__(self, *files):
        self._files = {str(pydicom.dcmread(path).SOPInstanceUID): str(path) for path in files}

    def fileForInstance(self, uid):
        return self._files.get(uid, "")


@pytest.fixture
def image(tmp_path):
    return file(tmp_path, pixels=breast_picture("right"))


@pytest.fixture
def objects(image, tmp_path):
    """Our objects of the image."""
    return write_objects(results_of(Path(image), tmp_path / "results"), Path(image), tmp_path / "dicom")


@pytest.fixture
def plugin(slicer, monkeypatch, image):
    monkeypatch.setattr(slicer, "dicomDatabase", Known(image), raising=False)
    return DICOMMicrocalcFindingsPluginClass()


def load(plugin, path):
    (loadable,) = plugin.examineForImport([[str(path)]])
    assert plugin.load(loadable)


def in_image(volume, points):
    """Rows and columns of points in space."""
    ras = np.column_stack([points, np.ones(len(points))])
    return (np.linalg.inv(ijkToRas(volume)) @ ras.T)[[1, 0]].T


def test_our_report_and_segmentation_are_offered_and_nothing_else(plugin, objects, image):
    offered = {name: bool(plugin.examineForImport([[str(path)]])) for name, path in objects.items()}
    assert {name for name, isOffered in offered.items() if isOffered} == {"cad_report", "segmentation"}
    assert plugin.examineForImport([[image], []]) == []


def test_marks_lie_over_the_mammogram_with_their_words(slicer, plugin, objects):
    load(plugin, objects["cad_report"])
    (volume,) = slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")
    (points,) = slicer.util.getNodesByClass("vtkMRMLMarkupsFiducialNode")
    labels = [points.GetNthControlPointLabel(index) for index in range(points.GetNumberOfControlPoints())]
    assert labels == LABELS
    np.testing.assert_allclose(
        in_image(volume, slicer.util.arrayFromMarkupsControlPoints(points))[1], (80.5, 5.5), atol=1e-3
    )
    curves = slicer.util.getNodesByClass("vtkMRMLMarkupsClosedCurveNode")
    outline = in_image(volume, slicer.util.arrayFromMarkupsControlPoints(curves[0]))
    np.testing.assert_allclose(outline.min(axis=0), (19.5, 9.5), atol=1e-3)
    np.testing.assert_allclose(outline.max(axis=0), (31.5, 22.5), atol=1e-3)


@pytest.mark.parametrize("style", STYLES)
def test_marks_of_every_style_lie_where_they_were_made(slicer, plugin, image, tmp_path, style):
    uid = str(pydicom.dcmread(image).SOPInstanceUID)
    volume = loadMammogram(image)
    volume.SetAttribute("DICOM.instanceUIDs", uid)
    load(plugin, document(tmp_path / "other.dcm", *STYLES[style](uid, [(60, 40, 8, 0.9)])))
    (points,) = slicer.util.getNodesByClass("vtkMRMLMarkupsFiducialNode")
    np.testing.assert_allclose(
        in_image(volume, slicer.util.arrayFromMarkupsControlPoints(points)), [(60, 40)], atol=1e-3
    )
    assert slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode") == [volume]


def test_segments_lie_pixel_by_pixel_in_place(slicer, plugin, objects):
    load(plugin, objects["segmentation"])
    (volume,) = slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")
    (node,) = slicer.util.getNodesByClass("vtkMRMLSegmentationNode")
    segmentation = node.GetSegmentation()
    assert [segmentation.GetNthSegment(index).GetName() for index in range(2)] == ["Cluster 1", "Singles"]
    for index, wanted in ((0, 1), (1, 0)):
        truth = np.zeros((ROWS, COLUMNS), bool)
        for _, cluster, top, bottom, left, right in CALCIFICATIONS:
            truth[top:bottom, left:right] |= cluster == wanted
        drawn = slicer.util.arrayFromSegmentBinaryLabelmap(node, segmentation.GetNthSegmentID(index), volume)
        np.testing.assert_array_equal(drawn[0] > 0, truth)


def test_findings_of_an_image_that_is_not_there_are_refused_and_leave_nothing(slicer, plugin, objects, monkeypatch):
    monkeypatch.setattr(slicer, "dicomDatabase", Known(), raising=False)
    before = slicer.mrmlScene.GetNumberOfNodes()
    for name in ("cad_report", "segmentation"):
        (loadable,) = plugin.examineForImport([[str(objects[name])]])
        with pytest.raises(MicrocalcError, match=r"^[^.]*\.$"):
            plugin.load(loadable)
    assert slicer.mrmlScene.GetNumberOfNodes() == before


def test_exported_results_get_objects_of_the_image_that_they_were_loaded_from(slicer, plugin, image, tmp_path):
    folder = results_of(Path(image), tmp_path / "results")
    record = json.loads((folder / "analysis.json").read_text())
    record["provenance"]["source"] = {"sha256": "of the copy", "loaded_from": record["provenance"]["source"]}
    (folder / "analysis.json").write_text(json.dumps(record))
    volume = loadMammogram(image)
    with pytest.raises(MicrocalcError, match="load it from Slicer's DICOM database"):
        exportObjects(volume, folder)
    assert not (folder / "dicom").exists()
    volume.SetAttribute("DICOM.instanceUIDs", str(pydicom.dcmread(image).SOPInstanceUID))
    assert exportObjects(volume, folder) == exportObjects(volume, folder) == folder / "dicom"
    written = {path.stem: path for path in (folder / "dicom").glob("*.dcm")}
    assert written.keys() == {"cad_report", "segmentation", "marks", "picture"}
    assert pydicom.dcmread(written["segmentation"]).PatientID == pydicom.dcmread(image).PatientID
    assert [mark.kind for mark in read_marks(written["cad_report"])] == ["cluster", "calcification"]


def test_module_is_hidden_and_registers_the_plugin(slicer):
    parent = SimpleNamespace()
    DICOMMicrocalcFindingsPlugin(parent)
    assert parent.hidden
    assert slicer.modules.dicomPlugins["DICOMMicrocalcFindingsPlugin"] is DICOMMicrocalcFindingsPluginClass
