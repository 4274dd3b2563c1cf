"""The panel makes the photo of a screen upright, by corners that are found or dragged."""

import numpy as np
import pytest

from elastography.screen_photo import CORNERS, photo_of
from mrml.elastography_panel import discard, make_panel
from mrml.elastography_scene import ras, simulated


@pytest.fixture
def panel(slicer, monkeypatch, tmp_path):
    panel = make_panel(monkeypatch, tmp_path / "settings")
    yield panel
    discard(panel)


def photo(slicer, panel, desk):
    """A photo of a simulated screen on a desk of that gray, selected in the panel."""
    pixels = np.array(photo_of(simulated(opacity=1.0).frame, desk))[np.newaxis]
    node = slicer.util.addVolumeFromArray(pixels, np.diag([-1, -1, 1, 1]), "Photo", "vtkMRMLVectorVolumeNode")
    panel.enter()
    panel.parameters.inputVolume = node
    panel.onParametersChanged()
    return node


def is_converted_with_a_word(panel):
    panel.ui.convertButton.click()
    assert "Scale: 0 to 180 kPa" in panel.ui.summaryLabel.text()
    return "made upright" in panel.ui.warningsLabel.text()


def test_a_photo_is_straightened_by_one_click_and_converted(slicer, panel):
    taken = photo(slicer, panel, (150, 148, 142))
    panel.ui.photoButton.click()
    upright = panel.parameters.inputVolume
    assert upright is not taken
    assert upright.GetName() == "Photo straightened"
    assert is_converted_with_a_word(panel)
    assert "corners of the screen were found" in panel.ui.warningsLabel.text()


def test_corners_that_cannot_be_told_are_dragged(slicer, panel):
    taken = photo(slicer, panel, (0, 0, 0))  # a desk as dark as the screen
    panel.ui.photoButton.click()
    assert panel.parameters.inputVolume is taken
    said = panel.ui.statusLabel.text()
    assert "cannot be told" in said
    assert "Drag the four points" in said
    (points,) = slicer.util.getNodesByClass("vtkMRMLMarkupsFiducialNode")
    assert [points.GetNthControlPointLabel(n) for n in range(4)] == [
        "upper left", "upper right", "lower right", "lower left",
    ]  # fmt: skip
    for n, (x, y) in enumerate(CORNERS):
        points.SetNthControlPointPositionWorld(n, *ras(taken, y - 0.5, x - 0.5))
    panel.ui.photoButton.click()
    assert panel.parameters.inputVolume.GetName() == "Photo straightened"
    assert is_converted_with_a_word(panel)
    assert not slicer.util.getNodesByClass("vtkMRMLMarkupsFiducialNode")
