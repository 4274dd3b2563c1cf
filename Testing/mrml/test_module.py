"""The module as Slicer registers it: description, sample data, self test."""

from types import SimpleNamespace

import pytest

import MicrocalcAI
from MicrocalcAISlicer import dependencies, hanging, ownviews, sampledata
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


@pytest.mark.slow
def test_self_test_passes(slicer, real_panel):
    MicrocalcAI.MicrocalcAITest().runTest()


def test_self_test_fails_when_one_of_its_tests_fails(slicer, monkeypatch):
    class Broken(MicrocalcAI.MicrocalcAITest):
        def test_volume_without_spacing_is_refused(self):
            raise AssertionError("broken")

    monkeypatch.setattr(dependencies, "missingPackages", lambda: ["numba"])  # the other tests skip themselves
    with pytest.raises(AssertionError, match="broken"):
        Broken().runTest()
