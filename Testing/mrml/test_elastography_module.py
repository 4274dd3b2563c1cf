"""The elastography module as Slicer registers it: description, sample data, self test."""

import subprocess
import sys
import unittest
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import MicrocalcElastography
from MicrocalcElastographySlicer import sampledata, views
from MicrocalcElastographySlicer.logic import MicrocalcElastographyLogic
from mrml.elastography_panel import discard, make_panel
from stand_ins import application


def test_module_describes_itself_and_registers_its_sample_data_when_slicer_has_started(slicer):
    application.startWithWidgets()
    parent = SimpleNamespace()
    MicrocalcElastography.MicrocalcElastography(parent)
    assert "not for diagnosis" in parent.helpText
    assert not parent.icon.isNull()
    slots = [views.registerLayout, sampledata.registerSampleData]
    assert slicer.app.connections[-2:] == [("startupCompleted()", slot) for slot in slots]


def test_samples_are_offered_and_loaded_into_the_views(slicer, monkeypatch):
    offered = []
    logic = SimpleNamespace(registerCustomSampleDataSource=lambda **source: offered.append(source))
    monkeypatch.setitem(sys.modules, "SampleData", SimpleNamespace(SampleDataLogic=logic))
    sampledata.registerSampleData()
    composite = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSliceCompositeNode")
    assert [source["nodeNames"] for source in offered] == ["ElastogramScreen", "ElastogramPhantom"]
    for source in offered:
        assert Path(source["thumbnailFileName"]).is_file()
        assert source["uris"]
        volume = source["customDownloader"](None)
        assert volume.GetName() == source["nodeNames"]
        assert composite.GetBackgroundVolumeID() == volume.GetID()


def test_sample_screen_is_read_without_a_question(slicer):
    shown = MicrocalcElastographyLogic().process(sampledata.loadScreen())
    assert shown.valueNode.GetDisplayNode().GetWindowLevelMax() == 300.0
    assert shown.valueNode.GetSpacing()[:2] == pytest.approx((0.1, 0.1), abs=0.0005)
    values = slicer.util.arrayFromVolume(shown.valueNode)
    assert 120 < np.percentile(values[np.isfinite(values)], 99) < 260  # a lesion of 160 kPa with a stiffer rim
    assert shown.bModeNode is not None


@pytest.fixture
def real_panel(slicer, monkeypatch, tmp_path):
    """The panel where the self test looks for it."""
    panel = make_panel(monkeypatch, tmp_path / "settings")
    monkeypatch.setattr(slicer.util, "getModuleWidget", lambda name: panel)
    yield panel
    discard(panel)


def self_test(name):
    """Run one test of the module's self test, as ctest does."""
    outcome = unittest.TestResult()
    MicrocalcElastography.MicrocalcElastographyTest(name).run(outcome)
    assert outcome.testsRun == 1
    assert not outcome.skipped
    problems = [trace for _test, trace in outcome.failures + outcome.errors]
    assert not problems, problems[0]


SLOW = {"test_study_is_analyzed_in_a_child_process", "test_study_is_canceled_and_analyzed_in_the_panel"}
SELF_TESTS = unittest.defaultTestLoader.getTestCaseNames(MicrocalcElastography.MicrocalcElastographyTest)


@pytest.mark.parametrize("name", [pytest.param(name, marks=[pytest.mark.slow] * (name in SLOW)) for name in SELF_TESTS])
def test_self_test_passes(slicer, real_panel, name):
    self_test(name)


def test_self_test_fails_when_one_of_its_tests_fails(slicer):
    def fail(self):
        raise AssertionError("broken")

    whole = MicrocalcElastography.MicrocalcElastographyTest
    others = {name: None for name in dir(whole) if name.startswith("test_")}
    broken = type("Broken", (whole,), {**others, "test_sample_screen_is_converted": fail})
    with pytest.raises(AssertionError, match="broken"):
        broken().runTest()


def test_modules_are_imported_before_any_package_is_installed():
    """Slicer imports modules at start-up: nothing heavy may be needed, nor be imported where it is there."""
    root = Path(__file__).resolve().parents[2]
    heavy = (
        "pandas",
        "skimage",
        "numba",
        "lightgbm",
        "sklearn",
        "matplotlib",
        "statsmodels",
        "scipy",
        "pydicom",
        "PIL",
    )
    code = (
        "import sys\n"
        f"sys.path[:0] = {[str(root / name) for name in ('Testing', 'MicrocalcAI', 'MicrocalcElastography')]!r}\n"
        "from stand_ins import application\n"
        "application.start()\n"
        f"sys.modules.update(dict.fromkeys({heavy!r}))\n"
        "import MicrocalcElastography, DICOMElastographyPlugin\n"
        "print('imported')"
    )
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert finished.stdout.strip().endswith("imported"), finished.stderr
