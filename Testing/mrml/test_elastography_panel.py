"""The elastography panel as a whole and its tab “Image”, with a stand-in for Qt and a real scene."""

import numpy as np
import pytest
from PIL import Image

from MicrocalcElastographyLib.elastogram import Unit
from MicrocalcElastographyLib.geometry import Rectangle
from MicrocalcElastographySlicer import regions
from MicrocalcElastographySlicer.elastogramnodes import calibrationOf, elastogramOf
from MicrocalcElastographySlicer.logic import MicrocalcElastographyLogic
from MicrocalcElastographySlicer.parameternode import ColorTable, ScaleUnit, StrainDirection
from MicrocalcSlicerShared import dependencies
from mrml.elastography_panel import convert, discard, draw_lesion_and_fat, make_panel, picture, texts
from mrml.elastography_scene import load_screen, simulated


class RememberingLogic(MicrocalcElastographyLogic):
    """Logic that remembers what it was asked for."""

    def process(self, source, **arguments):
        self.asked = arguments
        return super().process(source, **arguments)


@pytest.fixture
def panel(slicer, monkeypatch, tmp_path):
    """The panel as Slicer builds it, in a scene that the test fills."""
    panel = make_panel(monkeypatch, tmp_path / "settings", RememberingLogic)
    yield panel
    discard(panel)


@pytest.fixture
def converted(panel, tmp_path):
    """The panel after a conversion; the screen's node."""
    return convert(panel, tmp_path)


@pytest.fixture
def gray_screen(slicer, panel):
    """A screen without colors, bar and numbers, selected."""
    pixels = np.repeat(simulated().frame.mean(axis=2, keepdims=True), 3, axis=2).astype(np.uint8)
    place = np.diag([-1.0, -1.0, 1.0, 1.0])
    node = slicer.util.addVolumeFromArray(pixels[np.newaxis], place, "Gray", "vtkMRMLVectorVolumeNode")
    panel.enter()
    return node


def test_panel_is_built_without_a_main_window_and_says_what_is_missing(slicer, panel):
    assert slicer.util.mainWindow() is None
    for button, reason in (
        (panel.ui.loadButton, "Choose the file"),
        (panel.ui.convertButton, "Select the ultrasound screen"),
        (panel.ui.convertAgainButton, "Select the ultrasound screen"),
        (panel.ui.barButton, "Select a color screen"),
        (panel.ui.lesionButton, "Convert the screen first"),
        (panel.ui.measureButton, "Convert the screen first"),
        (panel.ui.storeButton, "Measure the lesion first"),
        (panel.ui.exportButton, "Store a measurement first"),
        (panel.ui.analyzeButton, "table of the study"),
    ):
        assert not button.isEnabled()
        assert reason in button.toolTip()


def test_convert_without_an_image_is_explained(panel):
    panel.imageSection.onConvert()
    assert "Select the ultrasound screen" in panel.ui.statusLabel.text()


def test_file_is_loaded_and_selected(panel, tmp_path):
    path = tmp_path / "capture.png"
    Image.fromarray(simulated().frame).save(path)
    panel.ui.fileEdit.setCurrentPath(str(path))
    assert panel.ui.loadButton.isEnabled()
    panel.imageSection.onLoad()
    assert panel.ui.inputSelector.currentNode().GetName() == "capture"
    assert panel.ui.convertButton.isEnabled()


def test_convert_takes_everything_from_the_picture_unless_told_otherwise(panel, converted):
    assert all(value is None for name, value in panel.logic.asked.items() if name != "frame")
    assert "Converted" in panel.ui.statusLabel.text()
    for words in ("0 to 180 kPa", "5 labels of the color bar", "50%", "0.1 mm", "with a value"):
        assert words in panel.ui.summaryLabel.text()
    assert (panel.ui.upperEndSpinBox.value(), panel.ui.lowerEndSpinBox.value()) == (180.0, 0.0)
    assert not panel.ui.upperEndSpinBox.isEnabled()


def test_picture_shows_the_screen_with_bar_box_and_numbers(panel, converted):
    pixmap = panel.ui.pictureLabel.pixmap()
    assert 200 < pixmap.width() <= 410
    image = pixmap.toImage()
    colors = {image.pixelColor(x, y).name() for x in range(pixmap.width()) for y in range(0, pixmap.height(), 2)}
    near = [color for color in colors if color.startswith(("#ff4", "#fe4", "#fd4"))]
    assert near, "the magenta outline of the bar"


def test_what_the_user_enters_is_handed_over(panel, converted):
    panel.ui.rangeCheckBox.setChecked(False)
    assert panel.ui.upperEndSpinBox.isEnabled()
    panel.ui.upperEndSpinBox.setValue(360.0)
    panel.ui.opacitySpinBox.setValue(50.0)
    panel.ui.unitSelector.setCurrentIndex(1)
    panel.ui.spacingSpinBox.setValue(0.1)
    panel.imageSection.onConvert()
    asked = panel.logic.asked
    assert (asked["unit"], asked["valuesAtEnds"], asked["opacity"], asked["spacingMm"]) == (
        "kPa",
        (360.0, 0.0),
        0.5,
        0.1,
    )
    assert panel.ui.upperEndSpinBox.value() == 360.0
    assert "0 to 360 kPa" in panel.ui.summaryLabel.text()


def test_marked_bar_and_box_are_laid_around_what_was_found_and_used_when_moved(slicer, panel, converted):
    screen = simulated()
    panel.imageSection.onMarkBar()
    panel.imageSection.onMarkBox()
    bar, box = panel.parameters.barRegion, panel.parameters.boxRegion
    found = calibrationOf(panel.elastogram().valueNode)
    assert regions.rectangleOf(bar, converted) == found.bar
    assert regions.rectangleOf(box, converted) == found.box
    smaller = Rectangle(screen.box.top + 20, screen.box.left + 30, screen.box.bottom - 40, screen.box.right - 50)
    regions.placeRectangle(box, smaller, converted)
    panel.imageSection.onConvert()
    values = panel.elastogram().valueNode
    assert calibrationOf(values).box == smaller
    assert slicer.util.arrayFromVolume(values).shape == (1, smaller.height, smaller.width)
    assert panel.logic.asked["bar"] == (found.bar.left, found.bar.top, found.bar.right, found.bar.bottom)
    part = screen.values[20:-40, 30:-50]
    errors = np.abs(slicer.util.arrayFromVolume(values)[0] - part)[elastogramOf(values).valid]
    assert errors.mean() < 1.0


def test_half_a_bar_is_measured_with_the_values_of_its_ends(panel, converted):
    panel.imageSection.onMarkBar()
    bar = panel.parameters.barRegion
    place = regions.rectangleOf(bar, converted)
    middle = (place.top + place.bottom) // 2
    regions.placeRectangle(bar, place._replace(top=middle), converted)
    panel.ui.rangeCheckBox.setChecked(False)
    panel.ui.upperEndSpinBox.setValue(90.0)
    panel.imageSection.onConvert()
    elastogram = elastogramOf(panel.elastogram().valueNode)
    soft = elastogram.valid & (simulated().values < 80)
    assert np.abs(elastogram.values - simulated().values)[soft].mean() < 2.0


def test_gray_screen_is_refused_with_what_is_missing_and_shown(panel, gray_screen):
    panel.imageSection.onConvert()
    assert "does not tell" in panel.ui.statusLabel.text()
    assert "Still to be entered" in panel.ui.summaryLabel.text()
    assert "color bar" in panel.ui.summaryLabel.text()
    assert not panel.ui.pictureLabel.isHidden()
    assert panel.ui.convertAgainButton.isEnabled()
    assert panel.ui.upperEndSpinBox.isEnabled()


def test_everything_can_be_given_by_hand_when_nothing_can_be_read(slicer, panel):
    """Colors without bar, numbers, ruler, and with a box that cannot be found: all of it is entered."""
    screen = simulated(opacity=1.0)
    pixels = np.full_like(screen.frame, 120)
    pixels[screen.box.slices] = screen.frame[screen.box.slices]
    pixels[5:60, 5:60] = (200, 30, 30)  # distracts
    volume = slicer.util.addVolumeFromArray(
        pixels[np.newaxis], np.diag([-1.0, -1.0, 1.0, 1.0]), "Bare", "vtkMRMLVectorVolumeNode"
    )
    panel.enter()
    panel.imageSection.onConvert()
    assert panel.elastogram() is None
    panel.imageSection.onMarkBox()
    assert panel.parameters.boxRegion is not None
    regions.placeRectangle(panel.parameters.boxRegion, screen.box, volume)
    parameters = panel.parameters
    parameters.colorTable = ColorTable.SUPERSONIC
    parameters.isRangeFromPicture = False
    parameters.upperEnd, parameters.lowerEnd = 0.0, 180.0
    parameters.unit = ScaleUnit.KILOPASCAL
    parameters.opacityPercent = 100.0
    parameters.spacingMm = 0.1
    panel.imageSection.onConvert()
    nodes = panel.elastogram()
    assert "Converted" in panel.ui.statusLabel.text()
    assert nodes.screenNode is not volume  # with the right pixel size
    assert nodes.valueNode.GetSpacing()[:2] == pytest.approx((0.1, 0.1))
    elastogram = elastogramOf(nodes.valueNode)
    assert np.abs(elastogram.values - screen.values)[elastogram.valid].mean() < 2.0
    # The rectangle moved along to the screen with the right pixel size, so that it can be corrected further.
    assert regions.rectangleOf(parameters.boxRegion, nodes.screenNode) == screen.box
    panel.imageSection.onConvert()
    assert calibrationOf(nodes.valueNode).box == screen.box


def test_corrections_belong_to_their_image(panel, converted, tmp_path):
    panel.ui.rangeCheckBox.setChecked(False)
    panel.ui.upperEndSpinBox.setValue(360.0)
    panel.imageSection.onMarkBox()
    panel.imageSection.onConvert()
    box = panel.parameters.boxRegion
    other = load_screen(tmp_path, name="Other")
    panel.ui.inputSelector.setCurrentNode(other)
    assert panel.parameters.isRangeFromPicture
    assert panel.parameters.boxRegion is None
    panel.imageSection.onConvert()
    assert panel.ui.upperEndSpinBox.value() == 180.0
    panel.ui.inputSelector.setCurrentNode(converted)
    assert not panel.parameters.isRangeFromPicture
    assert panel.ui.upperEndSpinBox.value() == 360.0
    assert panel.parameters.boxRegion is box


def test_corrections_are_forgotten_on_request(panel, converted):
    panel.ui.rangeCheckBox.setChecked(False)
    panel.ui.upperEndSpinBox.setValue(360.0)
    panel.ui.opacitySpinBox.setValue(80.0)
    panel.imageSection.onMarkBar()
    panel.imageSection.onReset()
    panel.imageSection.onConvert()
    assert all(value is None for name, value in panel.logic.asked.items() if name != "frame")
    assert "0 to 180 kPa" in panel.ui.summaryLabel.text()


def test_map_of_values_needs_its_unit_and_keeps_it(slicer, panel, tmp_path):
    volume = slicer.util.addVolumeFromArray(np.full((1, 9, 9), 3.0, np.float32), np.diag([-0.2, -0.2, 1, 1.0]))
    panel.enter()
    panel.ui.inputSelector.setCurrentNode(volume)
    assert "choose the unit" in panel.ui.convertButton.toolTip()
    panel.ui.unitSelector.setCurrentIndex(2)
    panel.imageSection.onConvert()
    assert "Map of values" in panel.ui.summaryLabel.text()
    assert panel.ui.pictureLabel.isHidden()
    panel.ui.inputSelector.setCurrentNode(load_screen(tmp_path))
    panel.ui.inputSelector.setCurrentNode(volume)
    assert panel.parameters.unit is ScaleUnit.METERS_PER_SECOND


def test_map_of_strain_needs_its_direction(slicer, panel):
    volume = slicer.util.addVolumeFromArray(np.full((1, 9, 9), 0.3, np.float32), np.diag([-0.2, -0.2, 1, 1.0]))
    panel.enter()
    panel.parameters.inputVolume = volume
    panel.parameters.unit = ScaleUnit.STRAIN
    panel.imageSection.onConvert()
    assert "softer or stiffer" in panel.ui.statusLabel.text()
    panel.parameters.strainDirection = StrainDirection.SOFTER
    panel.imageSection.onConvert()
    assert elastogramOf(panel.elastogram().valueNode).unit == Unit.STRAIN


def test_b_mode_and_values_are_shown_side_by_side_with_linked_views(slicer, panel, tmp_path):
    composites = {}
    for name in ("MicrocalcBMode", "MicrocalcStiffness", "Red"):
        composites[name] = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSliceCompositeNode")
        composites[name].SetLayoutName(name)
    crosshair = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLCrosshairNode")
    layout = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLayoutNode")
    convert(panel, tmp_path)
    nodes = panel.elastogram()
    left, right = composites["MicrocalcBMode"], composites["MicrocalcStiffness"]
    assert left.GetBackgroundVolumeID() == right.GetBackgroundVolumeID() == nodes.bModeNode.GetID()
    assert left.GetForegroundVolumeID() is None
    assert right.GetForegroundVolumeID() == nodes.valueNode.GetID()
    assert left.GetLinkedControl()
    assert right.GetLinkedControl()
    assert crosshair.GetCrosshairMode() == crosshair.ShowBasic
    assert layout.GetViewArrangement() > 1000
    assert "MicrocalcStiffness" in layout.GetLayoutDescription(layout.GetViewArrangement())


def test_without_the_layout_values_lie_over_b_mode_in_every_view(slicer, panel, tmp_path):
    composite = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSliceCompositeNode")
    convert(panel, tmp_path)
    nodes = panel.elastogram()
    assert composite.GetBackgroundVolumeID() == nodes.bModeNode.GetID()
    assert composite.GetForegroundVolumeID() == nodes.valueNode.GetID()


def test_results_belong_to_the_selected_screen(panel, converted, tmp_path):
    other = load_screen(tmp_path, name="Other")
    panel.ui.inputSelector.setCurrentNode(other)
    assert panel.ui.summaryLabel.text() == "This image has not been converted."
    assert panel.ui.pictureLabel.isHidden()
    panel.ui.inputSelector.setCurrentNode(converted)
    assert "kPa" in panel.ui.summaryLabel.text()


def test_missing_packages_are_named_and_block_everything(panel, converted, monkeypatch):
    missing = ["pandas>=2.0"]
    monkeypatch.setattr(dependencies, "missingPackages", lambda: missing)
    monkeypatch.setattr(dependencies, "installPackages", missing.clear)
    panel.enter()
    assert "pandas>=2.0" in panel.ui.dependencyLabel.text()
    buttons = (panel.ui.convertButton, panel.ui.measureButton, panel.ui.storeButton, panel.ui.analyzeButton)
    for button in buttons:
        assert not button.isEnabled()
        assert "Install the missing packages" in button.toolTip()
    panel.onInstallButton()
    assert panel.ui.dependencyFrame.isHidden()
    assert panel.ui.convertButton.isEnabled()


def test_closing_the_scene_empties_the_panel_and_it_goes_on(slicer, panel, converted, tmp_path):
    draw_lesion_and_fat(slicer, panel, converted)
    slicer.mrmlScene.Clear(0)
    assert texts(panel.ui.statisticsTable) == []
    assert panel.ui.statusLabel.text() == ""
    assert panel.ui.pictureLabel.isHidden()
    assert panel.ui.summaryLabel.text() == "This image has not been converted."
    screen = load_screen(tmp_path)
    panel.enter()
    assert panel.ui.inputSelector.currentNode() is screen


def test_lost_pixels_of_a_saved_scene_are_converted_again(slicer, panel, converted):
    panel.elastogram().valueNode.SetAndObserveImageData(None)
    panel.onParametersChanged()
    assert panel.ui.summaryLabel.text() == "This image has not been converted."
    panel.imageSection.onConvert()
    assert "0 to 180 kPa" in panel.ui.summaryLabel.text()


def test_own_results_are_not_selected_as_input(slicer, panel):
    place = np.diag([-1.0, -1.0, 1.0, 1.0])
    volume = slicer.util.addVolumeFromArray(simulated().frame[np.newaxis], place, "Z", "vtkMRMLVectorVolumeNode")
    panel.logic.process(volume, spacingMm=0.1)
    slicer.mrmlScene.RemoveNode(panel.logic.findElastogram(volume).validNode)
    panel.parameters.inputVolume = None
    panel.enter()
    assert panel.ui.inputSelector.currentNode() is volume


def test_leaving_the_module_stops_following_the_mouse_and_coming_back_goes_on(slicer, panel, converted):
    draw_lesion_and_fat(slicer, panel, converted)
    lesion = panel.parameters.lesionMarkup
    panel.exit()
    lesion.SetNthControlPointPositionWorld(0, 0.0, 0.0, 0.0)
    panel.enter()
    assert panel.parameters.lesionMarkup is lesion
    assert panel.measureSection.assessment is not None


def test_tab_fits_a_narrow_panel(panel, converted, tmp_path):
    shown = picture(panel, 0, tmp_path / "image.png")
    assert shown.width() <= 480
