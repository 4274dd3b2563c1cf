"""Samples of both modules in Slicer's Sample Data: what is offered, what is loaded, and that nothing is left behind."""

import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from MicrocalcAILib.base.errors import MicrocalcError
from MicrocalcAISlicer import inputvolume, mammogramloading, sampledata
from MicrocalcElastographySlicer import sampledata as elastographySampleData
from MicrocalcSlicerShared import dependencies
from MicrocalcSlicerShared.analysisprocess import AnalysisProcess, AnalysisProcessError
from MicrocalcSlicerShared.nodes import tableRows


@pytest.fixture
def offered(slicer, monkeypatch):
    """Register the samples of both modules and return them by name."""
    sources = []
    logic = SimpleNamespace(registerCustomSampleDataSource=lambda **source: sources.append(source))
    monkeypatch.setitem(sys.modules, "SampleData", SimpleNamespace(SampleDataLogic=logic))
    sampledata.registerSampleData()
    elastographySampleData.registerSampleData()
    return {source["sampleName"]: source for source in sources}


@pytest.fixture
def phantom(slicer, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    volume = sampledata.loadPhantom()
    assert list(tmp_path.iterdir()) == []
    return volume


def test_samples_of_both_modules_are_offered_with_their_pictures(offered):
    assert set(offered) == {"MammogramMLO", "MammogramPhantom", "ElastogramScreen", "ElastogramPhantom"}
    for name, source in offered.items():
        assert source["category"] == "Microcalc"
        assert source["uris"]  # Slicer wants it although nothing is downloaded
        assert source["nodeNames"] == name
        with Image.open(source["thumbnailFileName"]) as picture:
            assert picture.size == (128, 128)
            assert np.asarray(picture.convert("L")).std() > 20
        assert Path(source["thumbnailFileName"]).stat().st_size < 50_000


@pytest.mark.parametrize("name", ["MammogramMLO", "ElastogramScreen", "ElastogramPhantom"])
def test_sample_is_loaded_into_the_views(slicer, offered, name):
    composite = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSliceCompositeNode")
    volume = offered[name]["customDownloader"](None)
    assert volume.GetName() == name
    assert composite.GetBackgroundVolumeID() == volume.GetID()


def test_sample_that_cannot_be_loaded_gives_a_message_and_no_node(slicer, offered, monkeypatch):
    shown = []
    monkeypatch.setattr(slicer.app, "testingEnabled", lambda: False)
    monkeypatch.setattr(slicer.util, "errorDisplay", lambda text, **details: shown.append(text))
    monkeypatch.setattr(dependencies, "missingPackages", lambda: ["numba"])
    before = slicer.mrmlScene.GetNumberOfNodes()
    for name in ("MammogramPhantom", "ElastogramScreen", "ElastogramPhantom"):
        with pytest.raises(MicrocalcError):
            offered[name]["customDownloader"](None)
    assert slicer.mrmlScene.GetNumberOfNodes() == before
    assert len(shown) == 3
    assert all("install them with" in text for text in shown)


def test_sample_mammogram_lies_upright_with_its_spacing(slicer):
    volume = sampledata.loadSample()
    assert slicer.util.arrayFromVolume(volume).shape == (1, 3328, 2560)
    assert slicer.util.arrayFromVolume(volume).dtype == np.uint8
    np.testing.assert_allclose(inputvolume.ijkToRas(volume)[:3, :3], np.diag([-0.07, -0.07, 1.0]))
    inputvolume.checkVolume(volume)


def test_sample_mammogram_says_what_is_doubtful_about_it(slicer):
    known = mammogramloading.loadedAs(sampledata.loadSample())
    assert (known.laterality, known.view) == ("R", "MLO")
    assert {warning.code for warning in known.warnings} == {
        "spacing-unknown",
        "lossy-compression",
        "view-from-text",
        "few-gray-levels",
    }


@pytest.mark.slow
def test_phantom_comes_with_the_truth_about_every_cluster(slicer, phantom):
    known = mammogramloading.loadedAs(phantom)
    assert (known.laterality, known.view, known.warnings) == ("R", "MLO", ())
    (segmentationNode,) = slicer.util.getNodesByClass("vtkMRMLSegmentationNode")
    segmentation = segmentationNode.GetSegmentation()
    names = [segmentation.GetNthSegment(index).GetName() for index in range(segmentation.GetNumberOfSegments())]
    rows = tableRows(slicer.util.getNode("MammogramPhantom true clusters"))
    assert names[: len(rows)] == [
        f"True cluster {row['id']:.0f}: {row['morphology']}, {row['distribution']}" for row in rows
    ]
    assert len(rows) == 3
    pixels = slicer.util.arrayFromVolume(phantom)[0].astype(float)
    for index, row in enumerate(rows):
        identifier = segmentation.GetNthSegmentID(index)
        mask = slicer.util.arrayFromSegmentBinaryLabelmap(segmentationNode, identifier, phantom)[0] > 0
        center = np.argwhere(mask).mean(axis=0)
        np.testing.assert_allclose(center, [row["row"], row["column"]], atol=30)
        # What is marked is brighter than what lies two millimeters beside it.
        assert pixels[mask].mean() > np.median(np.roll(pixels, 30, axis=1)[mask])


@pytest.mark.slow
def test_phantom_leaves_no_helper_nodes_and_hangs_below_its_image(slicer, phantom):
    assert slicer.util.getNodesByClass("vtkMRMLLabelMapVolumeNode") == []
    assert slicer.util.getNodesByClass("vtkMRMLLabelMapVolumeDisplayNode") == []
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)
    for name in ("MammogramPhantom truth", "MammogramPhantom true clusters"):
        item = hierarchy.GetItemByDataNode(slicer.util.getNode(name))
        assert hierarchy.GetItemParent(item) == hierarchy.GetItemByDataNode(phantom)


@pytest.mark.slow
def test_phantom_is_the_same_every_time(slicer, phantom):
    again = sampledata.loadPhantom()
    np.testing.assert_array_equal(slicer.util.arrayFromVolume(again), slicer.util.arrayFromVolume(phantom))


def test_simulation_that_fails_is_told_and_leaves_nothing(slicer, monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(sampledata, "AnalysisProcess", lambda arguments: AnalysisProcess(["-c", "raise SystemExit(3)"]))
    before = slicer.mrmlScene.GetNumberOfNodes()
    with pytest.raises(AnalysisProcessError, match="exit status 3"):
        sampledata.loadPhantom()
    assert slicer.mrmlScene.GetNumberOfNodes() == before
    assert list(tmp_path.iterdir()) == []


def test_phantom_asks_for_missing_packages(slicer, monkeypatch):
    monkeypatch.setattr(dependencies, "missingPackages", lambda: ["numba"])
    with pytest.raises(MicrocalcError, match="install them"):
        sampledata.loadPhantom()
