"""The elastography panel while the scene changes below it: image data that come late, scenes that are opened."""

import numpy as np
import pytest
import vtk

from mrml.elastography_panel import convert, discard, draw_lesion_and_fat, make_panel, texts, wait_until
from mrml.elastography_scene import simulated


@pytest.fixture
def panel(slicer, monkeypatch, tmp_path):
    panel = make_panel(monkeypatch, tmp_path / "settings")
    yield panel
    discard(panel)


def test_image_whose_data_come_after_its_node_can_be_converted(slicer, panel):
    import qt

    seen = []
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLVectorVolumeNode", "Late")
    node.SetSpacing(0.1, 0.1, 1.0)
    assert panel.parameters.inputVolume is node
    assert "holds no image" in panel.ui.convertButton.toolTip()
    node.AddObserver(
        slicer.vtkMRMLVolumeNode.ImageDataModifiedEvent,
        lambda caller, event: seen.append(caller.GetImageData().GetNumberOfPoints()),
    )
    slicer.util.updateVolumeFromArray(node, simulated().frame[np.newaxis])
    assert seen[0] == 0, "as in Slicer the first event comes before the pixels"
    qt.QCoreApplication.processEvents()
    assert panel.ui.convertButton.isEnabled()
    panel.ui.convertButton.click()
    assert "Converted" in panel.ui.statusLabel.text()


def test_several_steps_of_one_loading_are_shown_once(slicer, panel, monkeypatch):
    import qt

    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLVectorVolumeNode", "Late")
    shown = []
    monkeypatch.setattr(panel.imageSection, "show", lambda: shown.append(True))
    slicer.util.updateVolumeFromArray(node, simulated().frame[np.newaxis])
    qt.QCoreApplication.processEvents()
    assert shown == [True]


def test_image_that_is_no_longer_selected_is_not_followed(slicer, panel):
    first, second = (slicer.mrmlScene.AddNewNodeByClass("vtkMRMLVectorVolumeNode", name) for name in "ab")
    event = slicer.vtkMRMLVolumeNode.ImageDataModifiedEvent
    assert panel.hasObserver(first, event, panel.onImageModified)
    panel.parameters.inputVolume = second
    assert not panel.hasObserver(first, event, panel.onImageModified)
    panel.exit()
    assert not panel.hasObserver(second, event, panel.onImageModified)


def test_scene_that_is_opened_while_the_panel_is_shown_brings_image_measurement_and_readings(
    slicer, panel, tmp_path, reopened
):
    screen = convert(panel, tmp_path)
    draw_lesion_and_fat(slicer, panel, screen)
    panel.parameters.readerLabel = "A"
    panel.ui.storeButton.click()
    measured, readings = texts(panel.ui.statisticsTable), texts(panel.ui.readingsTable)
    assert measured
    assert readings
    reopened()
    wait_until(lambda: panel.measureSection.assessment is not None)
    assert panel.ui.inputSelector.currentNode() is panel.parameters.inputVolume
    assert panel.parameters.inputVolume.GetName() == "Breast"
    assert panel.ui.lesionSelector.currentNode() is panel.parameters.lesionMarkup
    assert panel.parameters.lesionMarkup.GetName() == "Lesion"
    assert "180 kPa" in panel.ui.summaryLabel.text()
    assert [row[0] for row in texts(panel.ui.statisticsTable)] == [row[0] for row in measured]
    assert texts(panel.ui.readingsTable) == readings


def test_nothing_is_shown_while_a_scene_is_being_read(slicer, panel, monkeypatch):
    shown = []
    monkeypatch.setattr(panel.imageSection, "show", lambda: shown.append(True))
    slicer.mrmlScene.StartState(slicer.mrmlScene.BatchProcessState)
    panel.parameters.parameterNode.InvokeEvent(vtk.vtkCommand.ModifiedEvent)
    slicer.mrmlScene.EndState(slicer.mrmlScene.BatchProcessState)
    assert shown == []
    panel.parameters.parameterNode.InvokeEvent(vtk.vtkCommand.ModifiedEvent)
    assert shown == [True]


def test_scene_that_is_opened_while_another_module_is_shown_binds_nothing(slicer, panel, tmp_path, reopened):
    convert(panel, tmp_path)
    panel.parent.isEntered = False
    panel.exit()
    reopened()
    assert panel.parameters is None
