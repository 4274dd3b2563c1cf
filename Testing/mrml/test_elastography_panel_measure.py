"""The elastography panel's tab “Measure”: regions, box, live measurement, results and protocol."""

import numpy as np
import pytest

from MicrocalcElastographySlicer import views
from MicrocalcElastographySlicer.parameternode import BoxForm, BoxPlace, Shape
from mrml import panel_looks
from mrml.elastography_panel import (
    convert,
    discard,
    draw_circle,
    draw_lesion_and_fat,
    make_panel,
    picture,
    texts,
    wait_until,
)
from mrml.elastography_scene import draw, fat_mask, frame_mask, load_screen, ras, simulated


@pytest.fixture
def panel(slicer, monkeypatch, tmp_path):
    panel = make_panel(monkeypatch, tmp_path / "settings")
    yield panel
    discard(panel)


@pytest.fixture
def screen(panel, tmp_path):
    """A converted screen's node."""
    return convert(panel, tmp_path)


@pytest.fixture
def measured(slicer, panel, screen):
    """The same with lesion and fat measured."""
    draw_lesion_and_fat(slicer, panel, screen)
    return screen


def statistic(panel, title, column=1):
    (found,) = [row[column] for row in texts(panel.ui.statisticsTable) if row[0] == title]
    return float(found or "nan")


def ratio(panel, quantity):
    (found,) = [row[1] for row in texts(panel.ui.ratiosTable) if row[0] == quantity]
    return found


def status_of(panel, rule):
    (found,) = [row[0] for row in texts(panel.ui.protocolTable) if row[1] == rule]
    return found


def move(line, volume, rows, columns):
    """Drag a line as the mouse does: point by point."""
    shift = ras(volume, rows, columns)
    for index in range(line.GetNumberOfControlPoints()):
        place = np.array(line.GetNthControlPointPositionWorld(index))
        line.SetNthControlPointPositionWorld(index, *(place + shift))


def shown_in(node):
    """The slice views that draw an outline."""
    scene = node.GetScene()
    return [scene.GetNodeByID(identifier) for identifier in node.GetDisplayNode().GetViewNodeIDs()]


def segment_box(slicer, panel):
    """Rows and columns of the drawn measurement box in the values."""
    nodes = panel.elastogram()
    segmentation = panel.logic.findMeasurement(nodes.valueNode).boxSegmentationNode
    identifier = segmentation.GetSegmentation().GetNthSegmentID(0)
    return np.argwhere(slicer.util.arrayFromSegmentBinaryLabelmap(segmentation, identifier, nodes.valueNode)[0])


def test_lesion_is_asked_for(panel, screen):
    assert "Draw the lesion" in panel.ui.measureButton.toolTip()
    assert panel.ui.lesionButton.isEnabled()
    assert panel.ui.headlineLabel.text() == "Nothing is measured."


def test_drawing_a_region_lets_the_user_place_the_chosen_markup(slicer, panel, screen):
    interaction = slicer.app.applicationLogic().GetInteractionNode()
    section = panel.measureSection
    for shape, button, slot, parameter in (
        (Shape.OUTLINE, panel.ui.lesionButton, section.onDrawLesion, "lesionMarkup"),
        (Shape.CIRCLE, panel.ui.fatButton, section.onDrawFat, "fatMarkup"),
        (Shape.RECTANGLE, panel.ui.skinButton, section.onDrawSkin, "skinMarkup"),
        (Shape.CIRCLE, panel.ui.chestWallButton, section.onDrawChestWall, "chestWallMarkup"),
        (Shape.OUTLINE, panel.ui.calcificationButton, section.onDrawCalcification, "calcificationMarkup"),
        (Shape.OUTLINE, panel.ui.elastogramLesionButton, section.onDrawElastogramLesion, "elastogramLesionMarkup"),
    ):
        panel.parameters.shape = shape
        assert button.isEnabled()
        slot()
        node = getattr(panel.parameters, parameter)
        assert node.IsA(shape.value)
        selection = slicer.app.applicationLogic().GetSelectionNode()
        assert selection.GetActivePlaceNodeID() == node.GetID()
        assert interaction.GetCurrentInteractionMode() == interaction.Place
        assert bool(interaction.GetPlaceModePersistence()) == (shape is Shape.OUTLINE)
        interaction.SwitchToViewTransformMode()


def test_incomplete_drawing_is_explained_not_raised(slicer, panel, screen):
    panel.measureSection.onDrawLesion()
    panel.parameters.lesionMarkup.AddControlPointWorld(*ras(screen, 100, 100))
    wait_until(lambda: "points" in panel.ui.measureStatusLabel.text())
    assert texts(panel.ui.statisticsTable) == []
    assert panel.ui.headlineLabel.text() == "Nothing is measured."


def test_drawing_again_hides_the_earlier_outline_and_keeps_it_for_a_second_thought(slicer, panel, measured):
    first = panel.parameters.lesionMarkup
    first.CreateDefaultDisplayNodes()
    panel.measureSection.onDrawLesion()
    assert panel.parameters.lesionMarkup is not first
    assert not first.GetDisplayVisibility()
    panel.ui.lesionSelector.setCurrentNode(first)
    assert first.GetDisplayVisibility()
    assert panel.ui.measureButton.isEnabled()


def test_numbers_are_those_of_the_simulation_with_their_units(panel, measured):
    screen = simulated()
    truth = screen.values[screen.lesion & ~screen.void]
    assert statistic(panel, "Emean (kPa)", 2) == pytest.approx(truth.mean(), abs=4.0)
    assert statistic(panel, "Emax (kPa)") > statistic(panel, "Emean (kPa)") > statistic(panel, "Emin (kPa)")
    speed = np.sqrt(statistic(panel, "Emean (kPa)") / 3.0)  # 1000 kg/m³
    assert statistic(panel, "cmean (m/s)") == pytest.approx(speed, rel=0.02)
    ratio_of_means = statistic(panel, "Emean (kPa)") / statistic(panel, "Emean (kPa)", 4)
    assert float(ratio(panel, "stiffness ratio")) == pytest.approx(ratio_of_means, abs=0.02)
    assert ratio(panel, "lesion, longest diameter").endswith(" mm")
    assert ratio(panel, "Tsukuba (Itoh 2006)") in "12345"
    headline = panel.ui.headlineLabel.text()
    assert f"Emean {statistic(panel, 'Emean (kPa)'):.1f} kPa" in headline
    assert "m/s" in headline
    assert "ratio lesion/fat" in headline
    assert "defined on strain elastograms" in panel.ui.measureWarningsLabel.text()


def test_numbers_follow_while_the_lesion_is_dragged(panel, measured):
    before = statistic(panel, "Emean (kPa)", 2)
    line = panel.parameters.lesionMarkup
    for _ in range(5):
        move(line, measured, 0, -3)
    wait_until(lambda: statistic(panel, "Emean (kPa)", 2) < 0.95 * before)
    shown = panel.logic.findMeasurement(panel.elastogram().valueNode)
    assert shown.measurementTableNode is not None


def test_many_moves_become_few_measurements(panel, measured, monkeypatch):
    counted = []
    measure = panel.measureSection.measure
    monkeypatch.setattr(panel.measureSection, "measure", lambda: (counted.append(1), measure()))
    for _ in range(20):
        move(panel.parameters.lesionMarkup, measured, 1, 0)
    wait_until(lambda: counted)
    assert len(counted) == 1


def test_last_place_is_the_one_that_is_measured(panel, measured):
    line = panel.parameters.lesionMarkup
    for step in (8, -20, 5):
        move(line, measured, 0, step)
    wait_until(lambda: not panel.measureSection._isWaiting)
    live = texts(panel.ui.statisticsTable)
    panel.measureSection.onMeasure()
    assert texts(panel.ui.statisticsTable) == live


def test_nothing_is_measured_while_dragging_unless_wanted(panel, measured):
    panel.ui.liveCheckBox.setChecked(False)
    before = texts(panel.ui.statisticsTable)
    move(panel.parameters.lesionMarkup, measured, 0, -15)
    assert not panel.measureSection._isWaiting
    panel.measureSection.onMeasure()
    assert texts(panel.ui.statisticsTable) != before


def test_dragging_out_of_the_box_is_told_and_coming_back_measures_again(panel, measured):
    move(panel.parameters.lesionMarkup, measured, 0, 500)
    wait_until(lambda: panel.ui.measureStatusLabel.text() != "")
    assert texts(panel.ui.statisticsTable) == []
    assert not panel.ui.storeButton.isEnabled()
    move(panel.parameters.lesionMarkup, measured, 0, -500)
    wait_until(lambda: panel.ui.measureStatusLabel.text() == "")
    assert texts(panel.ui.statisticsTable) != []


def test_box_placed_by_hand_starts_on_the_stiffest_place_and_follows_the_mouse(slicer, panel, measured):
    stiffest = statistic(panel, "Emean (kPa)")
    panel.measureSection.onPlaceBox()
    point = panel.parameters.boxPoint
    assert panel.parameters.boxPlace is BoxPlace.BY_HAND
    assert point.GetNumberOfControlPoints() == 1
    wait_until(lambda: not panel.measureSection._isWaiting)
    assert statistic(panel, "Emean (kPa)") == pytest.approx(stiffest, abs=0.1)
    screen = simulated()
    row, column = screen.box.top + 60, screen.box.left + 40
    point.SetNthControlPointPositionWorld(0, *ras(measured, row, column))
    wait_until(lambda: np.isnan(statistic(panel, "Emean (kPa)")))  # off the lesion
    assert "No value: void" in panel.ui.measureWarningsLabel.text()
    place = segment_box(slicer, panel)
    np.testing.assert_allclose(place.mean(axis=0), (60, 40), atol=0.6)
    panel.parameters.boxPlace = BoxPlace.STIFFEST
    wait_until(lambda: statistic(panel, "Emean (kPa)") == pytest.approx(stiffest, abs=0.1))


def test_box_by_hand_needs_a_place(panel, measured):
    panel.ui.boxPlaceSelector.setCurrentIndex(1)
    assert "Place the measurement box" in panel.ui.measureButton.toolTip()
    assert not panel.ui.measureButton.isEnabled()


def test_size_and_shape_of_the_box_are_those_of_the_panel(slicer, panel, measured):
    panel.ui.boxSpinBox.setValue(4.0)
    panel.parameters.boxForm = BoxForm.CIRCLE
    wait_until(lambda: len(segment_box(slicer, panel)) > 1000)
    assert len(segment_box(slicer, panel)) == pytest.approx(np.pi * 20**2, rel=0.02)


def test_segments_are_measured_too_and_markups_win(slicer, panel, screen):
    truth = simulated()
    segments = draw(slicer, screen, Lesion=frame_mask(truth, truth.lesion), fat=fat_mask(truth))
    panel.ui.segmentationSelector.setCurrentNode(segments)
    wait_until(lambda: panel.measureSection.assessment is not None)
    assert panel.measureSection.assessment.measurement.regions.lesion.mask.sum() == truth.lesion.sum()
    assert ratio(panel, "stiffness ratio") != "–"
    line = draw_circle(slicer, screen, frame_mask(truth, truth.lesion))
    move(line, screen, 0, -30)
    panel.ui.lesionSelector.setCurrentNode(line)
    wait_until(lambda: panel.measureSection.assessment.measurement.regions.lesion.mask.sum() != truth.lesion.sum())


def test_numbers_follow_the_segment_editor(slicer, panel, screen):
    truth = simulated()
    segments = draw(slicer, screen, lesion=frame_mask(truth, truth.lesion))
    panel.parameters.segmentation = segments
    wait_until(lambda: panel.measureSection.assessment is not None)
    smaller = frame_mask(truth, truth.lesion)
    smaller[: int(np.argwhere(smaller).mean(axis=0)[0])] = 0
    identifier = segments.GetSegmentation().GetNthSegmentID(0)
    slicer.util.updateSegmentBinaryLabelmapFromArray(smaller[np.newaxis], segments, identifier, screen)
    wait_until(
        lambda: panel.measureSection.assessment.measurement.regions.lesion.mask.sum() == np.count_nonzero(smaller)
    )


def test_remarks_beside_ratios_wrap_between_words_in_a_narrow_panel(panel, measured):
    wait_until(lambda: panel.measureSection.assessment is not None)
    panel_looks.shown(panel)
    for _page in panel_looks.pages(panel):
        if panel.ui.ratiosTable.isVisible():
            break
    table = panel.ui.ratiosTable
    width = table.fontMetrics().horizontalAdvance
    for column in (0, 2):
        longest = max((word for row in texts(table) for word in row[column].split()), key=width)
        assert width(longest) < table.columnWidth(column), longest


def test_e_b_size_ratio_needs_the_lesion_in_color(slicer, panel, measured):
    larger = draw_circle(slicer, measured, frame_mask(simulated(), simulated().lesion), "Seen")
    ends = [np.array(larger.GetNthControlPointPositionWorld(index)) for index in (0, 1)]
    for index, (here, there) in enumerate((ends, ends[::-1])):
        larger.SetNthControlPointPositionWorld(index, *(here + 0.25 * (here - there)))
    panel.parameters.elastogramLesionMarkup = larger
    wait_until(lambda: any(row[0] == "E/B size ratio, length" for row in texts(panel.ui.ratiosTable)))
    assert float(ratio(panel, "E/B size ratio, length")) == pytest.approx(1.5, abs=0.03)


def test_protocol_shows_passed_failed_and_unknown_rules_with_their_limits(panel, measured):
    rows = texts(panel.ui.protocolTable)
    assert {row[0] for row in rows} <= {"✓", "✗", "?"}
    assert status_of(panel, "Distance from the chest wall") == "?"
    assert status_of(panel, "Elastography box around the lesion") == "✓"
    (margin,) = [row[2] for row in rows if row[1] == "Elastography box around the lesion"]
    assert margin.endswith("(≥ 5 mm)")
    assert panel.ui.protocolTable.item(0, 1).toolTip().endswith(".")


def test_what_only_the_examiner_knows_is_unknown_until_confirmed(panel, measured):
    boxes = {
        "Supine, arm raised": panel.ui.positionCheckBox,
        "Image plane perpendicular to the chest wall": panel.ui.planeCheckBox,
        "Breath held": panel.ui.breathCheckBox,
        "Acquired until the image was stable": panel.ui.stableCheckBox,
        "Pause since the last acquisition": panel.ui.pauseCheckBox,
    }
    for rule, box in boxes.items():
        assert status_of(panel, rule) == "?"
        box.setChecked(True)
        wait_until(lambda rule=rule: status_of(panel, rule) == "✓")
    assert status_of(panel, "Minimal precompression") == "?"
    panel.ui.precompressionSpinBox.setValue(5.0)
    wait_until(lambda: status_of(panel, "Minimal precompression") == "✗")


def test_converting_again_measures_again(panel, measured):
    before = statistic(panel, "Emean (kPa)", 2)
    panel.ui.rangeCheckBox.setChecked(False)
    panel.ui.upperEndSpinBox.setValue(360.0)
    panel.imageSection.onConvert()
    wait_until(lambda: statistic(panel, "Emean (kPa)", 2) == pytest.approx(2 * before, rel=0.02))


def test_drawings_belong_to_their_image_and_can_be_taken_over(panel, measured, tmp_path):
    first, fat = panel.parameters.lesionMarkup, panel.parameters.fatMarkup
    first.CreateDefaultDisplayNodes()
    before = texts(panel.ui.statisticsTable)
    assert "drawn on another image" in panel.ui.takeOverButton.toolTip()
    second = convert(panel, tmp_path, name="Second")
    assert panel.parameters.inputVolume is second
    assert panel.parameters.lesionMarkup is None
    assert not first.GetDisplayVisibility()
    assert texts(panel.ui.statisticsTable) == []
    assert panel.ui.takeOverButton.isEnabled()
    panel.measureSection.onTakeOver()
    copied = panel.parameters.lesionMarkup
    assert copied not in (None, first)
    assert panel.parameters.fatMarkup not in (None, fat)
    wait_until(lambda: texts(panel.ui.statisticsTable) == before)  # the same picture, so the same numbers
    move(copied, second, 0, -10)
    wait_until(lambda: texts(panel.ui.statisticsTable) != before)
    panel.ui.inputSelector.setCurrentNode(measured)
    assert panel.parameters.lesionMarkup is first
    assert first.GetDisplayVisibility()
    wait_until(lambda: texts(panel.ui.statisticsTable) == before)


def test_what_the_examiner_confirms_belongs_to_the_acquisition(panel, measured, tmp_path):
    panel.ui.breathCheckBox.setChecked(True)
    panel.ui.precompressionSpinBox.setValue(2.5)
    panel.parameters.inputVolume = load_screen(tmp_path, name="Second")
    assert not panel.ui.breathCheckBox.isChecked()
    assert panel.ui.precompressionSpinBox.value() == 0.0
    panel.parameters.inputVolume = measured
    assert panel.ui.breathCheckBox.isChecked()
    assert panel.ui.precompressionSpinBox.value() == 2.5


def test_outlines_are_drawn_only_in_the_views_that_show_their_image(slicer, panel, make_view, tmp_path, reopened):
    make_view("Red")
    convert(panel, tmp_path)
    own = [make_view(name)[0] for name in (views.B_MODE_VIEW, views.STIFFNESS_VIEW)]
    panel.imageSection.onMarkBar()
    panel.imageSection.onConvert()
    for node in (panel.parameters.barRegion, panel.parameters.boxRegion):
        assert node is None or shown_in(node) == own
    panel.measureSection.onDrawFat()
    draw_lesion_and_fat(slicer, panel, panel.parameters.inputVolume)
    panel.measureSection.onPlaceBox()
    panel.measureSection.onDrawSkin()
    box = panel.logic.findMeasurement(panel.elastogram().valueNode).boxSegmentationNode
    for node in (panel.parameters.barRegion, panel.parameters.boxPoint, panel.parameters.skinMarkup, box):
        assert shown_in(node) == own
    reopened()
    box = panel.logic.findMeasurement(panel.elastogram().valueNode).boxSegmentationNode
    assert [view.GetLayoutName() for view in shown_in(box)] == [view.GetLayoutName() for view in own]


def test_rectangle_on_a_screen_that_is_not_converted_can_be_dragged_where_the_screen_is_shown(
    slicer, panel, make_view, tmp_path
):
    node = load_screen(tmp_path)
    red, _composite = make_view("Red")
    panel.enter()
    panel.imageSection.onMarkBox()
    assert shown_in(panel.parameters.boxRegion) == [red]
    assert panel.parameters.inputVolume is node


def test_message_of_another_image_does_not_stay(panel, measured, tmp_path):
    move(panel.parameters.lesionMarkup, measured, 0, 500)
    wait_until(lambda: panel.ui.measureStatusLabel.text() != "")
    panel.parameters.inputVolume = load_screen(tmp_path, name="Other")
    assert panel.ui.measureStatusLabel.text() == ""


def test_deleted_outline_ends_the_measurement(slicer, panel, measured):
    slicer.mrmlScene.RemoveNode(panel.parameters.lesionMarkup)
    panel.onParametersChanged()
    assert "Draw the lesion" in panel.ui.measureButton.toolTip()
    assert texts(panel.ui.statisticsTable) == []


def test_closing_the_scene_while_something_waits_to_be_measured(slicer, panel, measured):
    move(panel.parameters.lesionMarkup, measured, 0, 2)
    assert panel.measureSection._isWaiting
    slicer.mrmlScene.Clear(0)
    assert not panel.measureSection._isWaiting
    assert panel.measureSection._observed == {}


def test_measurement_of_a_saved_scene_is_shown_and_goes_on(slicer, panel, measured, tmp_path):
    before = texts(panel.ui.statisticsTable)
    panel.exit()
    slicer.mrmlScene.SetSaveToXMLString(1)
    slicer.mrmlScene.Commit()
    text = slicer.mrmlScene.GetSceneXMLString()
    pixels = {
        node.GetName(): slicer.util.arrayFromVolume(node).copy()
        for kind in ("vtkMRMLScalarVolumeNode",)
        for node in slicer.util.getNodesByClass(kind)
    }
    points = {
        node.GetName(): slicer.util.arrayFromMarkupsControlPoints(node, world=True).copy()
        for node in slicer.util.getNodesByClass("vtkMRMLMarkupsNode")
    }
    slicer.mrmlScene.Clear(0)
    slicer.mrmlScene.SetLoadFromXMLString(1)
    slicer.mrmlScene.SetSceneXMLString(text)
    slicer.mrmlScene.Import()
    for name, array in pixels.items():  # pixels and points lie in files of their own
        slicer.util.updateVolumeFromArray(slicer.util.getNode(name), array)
    for name, places in points.items():
        node = slicer.util.getNode(name)
        for place in places:
            node.AddControlPointWorld(*place)
    panel.enter()
    assert panel.parameters.lesionMarkup.GetName() == "Lesion"
    wait_until(lambda: panel.measureSection.assessment is not None)
    assert texts(panel.ui.statisticsTable) == before


def test_tab_fits_a_narrow_panel(panel, measured, tmp_path):
    assert picture(panel, 1, tmp_path / "measure.png").width() <= 480
