"""The module as Slicer registers it: description, sample data, self test."""

import unittest
from types import SimpleNamespace

import pytest

import MicrocalcAI
from MicrocalcAISlicer import hanging, ownviews, sampledata
from MicrocalcSlicerShared import dependencies
from stand_ins import application


def test_module_describes_itself_and_registers_its_sample_data_when_slicer_has_started(slicer):
    application.startWithWidgets()
    parent = SimpleNamespace()
    MicrocalcAI.MicrocalcAI(parent)
    assert "not for diagnosis" in parent.helpText
    assert not parent.icon.isNull()
    called = [slot for signal, slot in slicer.app.connections[-3:] if signal == "startupCompleted()"]
    assert called == [hanging.registerLayout, ownviews.startFollowing, sampledata.registerSampleData]


@pytest.fixture
def real_panel(slicer, monkeypatch):
    """The panel with its real logic, where the self test looks for it."""
    application.startWithWidgets()
    from slicer import mrmlwidgets

    panel = MicrocalcAI.MicrocalcAIWidget()
    panel.setup()
    monkeypatch.setattr(slicer.util, "getModuleWidget", lambda name: panel)
    yield panel
    panel.cleanup()
    panel.parent.findChild(mrmlwidgets.qMRMLWidget).setMRMLScene(None)


def self_test(name):
    """Run one test of the module's self test, as ctest does."""
    outcome = unittest.TestResult()
    MicrocalcAI.MicrocalcAITest(name).run(outcome)
    assert outcome.testsRun == 1
    assert not outcome.skipped
    problems = [trace for _test, trace in outcome.failures + outcome.errors]
    assert not problems, problems[0]


@pytest.mark.slow
@pytest.mark.parametrize("name", unittest.defaultTestLoader.getTestCaseNames(MicrocalcAI.MicrocalcAITest))
def test_self_test_passes(slicer, real_panel, name):
    self_test(name)


def test_self_test_of_a_late_image_passes(slicer, real_panel):
    self_test("test_image_whose_pixels_come_late_can_be_analyzed_in_the_panel")


def test_self_test_fails_when_one_of_its_tests_fails(slicer, monkeypatch):
    class Broken(MicrocalcAI.MicrocalcAITest):
        def test_volume_without_spacing_is_refused(self):
            raise AssertionError("broken")

    monkeypatch.setattr(dependencies, "missingPackages", lambda: ["numba"])  # the other tests skip themselves
    with pytest.raises(AssertionError, match="broken"):
        Broken().runTest()
