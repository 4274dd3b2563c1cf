"""The module as Slicer registers it: description, sample data, self test."""

import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import MicrocalcAI
from MicrocalcAILib.resources import resource_path
from MicrocalcAISlicer import inputvolume, sampledata
from stand_ins import application


def test_module_describes_itself_and_registers_its_sample_data_when_slicer_has_started(slicer):
    application.startWithWidgets()
    parent = SimpleNamespace()
    MicrocalcAI.MicrocalcAI(parent)
    assert "not for diagnosis" in parent.helpText
    assert not parent.icon.isNull()
    assert slicer.app.connections[-1] == ("startupCompleted()", sampledata.registerSampleData)


def test_sample_mammogram_lies_upright_with_its_spacing(slicer):
    volume = sampledata.loadSample()
    assert slicer.util.arrayFromVolume(volume).shape == (1, 3328, 2560)
    assert slicer.util.arrayFromVolume(volume).dtype == np.uint8
    np.testing.assert_allclose(inputvolume.ijkToRas(volume), np.diag([-0.07, -0.07, 1.0, 1.0]))
    inputvolume.checkVolume(volume)


def test_sample_mammogram_is_offered_in_the_sample_data_module(slicer, monkeypatch):
    offered = []
    logic = SimpleNamespace(registerCustomSampleDataSource=lambda **source: offered.append(source))
    monkeypatch.setitem(sys.modules, "SampleData", SimpleNamespace(SampleDataLogic=logic))
    sampledata.registerSampleData()
    (source,) = offered
    assert Path(source["thumbnailFileName"]).is_file()
    assert source["uris"]
    composite = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSliceCompositeNode")
    volume = source["customDownloader"](None)
    assert volume.GetName() == source["nodeNames"]
    assert composite.GetBackgroundVolumeID() == volume.GetID()
    assert resource_path(f"SampleData/{source['fileNames']}").is_file()


@pytest.mark.slow
def test_self_test_passes(slicer):
    MicrocalcAI.MicrocalcAITest().runTest()


def test_self_test_fails_when_one_of_its_tests_fails(slicer, monkeypatch):
    class Broken(MicrocalcAI.MicrocalcAITest):
        def test_sample_mammogram_is_analyzed(self):
            raise AssertionError("broken")

    with pytest.raises(AssertionError, match="broken"):
        Broken().runTest()
