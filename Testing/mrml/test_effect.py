"""The segment-editor effect with a mouse, on Slicer's real segment-editor logic."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest
import vtk

import SegmentEditorMicrocalc
from MicrocalcAILib.editing.specks import Speck
from MicrocalcAISlicer import results
from MicrocalcAISlicer.readercolumns import ReaderEdits
from mrml import editor_scene
from mrml.editor_scene import Editor, calcifications, marked_pixels, unmarked_specks


@pytest.fixture
def session(slicer):
    return editor_scene.analyzed_session()


@pytest.fixture
def editor(session):
    editor = Editor(session)
    yield editor
    editor.effect.deactivate()


def in_view(editor, specks, margin=20):
    """Those of the specks that the views show."""
    center = editor.session.pixelAt(
        [editor.views[0].mrmlSliceNode().GetSliceToRAS().GetElement(row, 3) for row in range(3)]
    )
    return [
        speck
        for speck in specks
        if abs(speck.peak[0] - center[0]) < 150 - margin and abs(speck.peak[1] - center[1]) < 200 - margin
    ]


def around(place, reach=6):
    row, column = place
    return [
        (row - reach, column - reach),
        (row - reach, column + reach),
        (row + reach, column + reach),
        (row + reach, column - reach),
    ]


def labels(editor):
    editor.session.segmentsChanged()
    return editor.session.marks.labels


def test_a_click_marks_the_speck_and_a_shift_click_removes_it(editor):
    (speck, *_) = in_view(editor, unmarked_specks(editor.session, lowest_contrast=3.0))
    before = marked_pixels(editor.session)
    editor.click(speck.peak)
    assert editor.said.startswith("Marked in Cluster")
    assert (labels(editor)[speck.rows, speck.columns] > 0).all()
    assert sum(marked_pixels(editor.session).values()) == sum(before.values()) + len(speck.rows)
    editor.click(speck.peak, shift=True)
    assert editor.said == "Removed: 1."
    assert marked_pixels(editor.session) == before


def test_a_calcification_of_the_analysis_is_removed_whichever_segment_is_selected(editor):
    row = calcifications(editor.session).query("cluster_id == 1").iloc[4]
    editor.scripted.node.SetSelectedSegmentID("MicrocalcCluster2")
    before = marked_pixels(editor.session)
    editor.click((row["row"], row["column"]), shift=True)
    after = marked_pixels(editor.session)
    assert before["MicrocalcCluster1"] - after["MicrocalcCluster1"] == round(row["area_mm2"] / 0.0049)
    assert before["MicrocalcCluster2"] == after["MicrocalcCluster2"]


def test_tables_follow_a_moment_later(editor):
    (speck, *_) = in_view(editor, unmarked_specks(editor.session, lowest_contrast=3.0))
    count = len(calcifications(editor.session))
    editor.click(speck.peak)
    assert len(calcifications(editor.session)) == count
    editor.update_tables()
    rows = calcifications(editor.session)
    assert len(rows) == count + 1
    assert (rows["source"] == "reader").sum() == 1


def test_undo_and_redo_are_exact_and_the_tables_follow(editor):
    session = editor.session
    session.refresh()
    (speck, *_) = in_view(editor, unmarked_specks(session, lowest_contrast=3.0))
    start = marked_pixels(session), calcifications(session)
    editor.click(speck.peak)
    editor.update_tables()
    marked = marked_pixels(session), calcifications(session)
    for change, expected in ((editor.undo, start), (editor.redo, marked), (editor.undo, start)):
        change()
        editor.update_tables()
        assert marked_pixels(session) == expected[0]
        assert calcifications(session).equals(expected[1])


def test_drawing_around_specks_marks_those_that_pass_both_thresholds(editor):
    editor.effect._onChoice("LowestProbability", 0.1)
    expected = editor.session.finder.specks_in(None, labels(editor), 0.1, 3.0)
    inside = [speck for speck in expected if 150 < speck.peak[0] < 350 and 20 < speck.peak[1] < 300]
    assert len(inside) > 1
    editor.draw([(150, 20), (150, 300), (350, 300), (350, 20)])
    marked = labels(editor)
    assert all((marked[speck.rows, speck.columns] > 0).all() for speck in inside)
    assert editor.said.startswith(f"Marked: {len(inside)}, in ")
    left = [speck for speck in expected if speck not in inside]
    assert not any(marked[speck.peak] for speck in left)


def test_drawing_with_shift_or_in_mode_remove_removes_all_marks_inside(editor):
    session = editor.session
    rows = calcifications(session)
    target, other = rows.iloc[0], rows.iloc[1]
    editor.draw(around((target["row"], target["column"])), shift=True)
    assert int(target["id"]) not in session.marks.pixels
    editor.undo()
    editor.press_key("x")
    editor.draw(around((other["row"], other["column"])))
    assert int(other["id"]) not in session.marks.pixels
    assert int(target["id"]) in session.marks.pixels


def test_a_click_marks_also_what_the_probability_threshold_leaves_out(editor):
    editor.effect._onChoice("LowestProbability", 1.0)
    specks = in_view(editor, unmarked_specks(editor.session, lowest_contrast=4.0))
    editor.draw(around(specks[-1].peak))
    assert editor.said == "No unmarked speck passes both thresholds."
    editor.click(specks[-1].peak)
    assert labels(editor)[specks[-1].peak] > 0


def test_clicks_that_mark_nothing_say_why_and_leave_no_undo_step(editor):
    editor.click((-30, 100))
    assert editor.said == "This place lies outside the image."
    row = calcifications(editor.session).iloc[0]
    editor.click((row["row"], row["column"]))
    assert editor.said == "This speck is marked already."
    editor.effect._onChoice("LowestContrast", 20.0)
    editor.click((215, 20))
    assert "20 times the noise" in editor.said
    assert not editor.scripted.logic.CanUndo()


def test_a_press_outside_the_image_is_left_to_the_view(editor):
    assert editor.event("LeftButtonPress", (-30, 100)) is False
    assert editor.event("LeftButtonPress", (200, 100), control=True) is False
    assert editor.event("LeftButtonPress", (200, 100)) is True
    assert editor.event("LeftButtonRelease", (200, 100)) is True
    assert editor.event("LeftButtonRelease", (200, 100)) is False


def test_a_drawing_may_leave_the_image(editor):
    before = len(editor.session.marks.pixels)
    editor.draw([(150, 0), (150, -60), (360, -60), (360, 290), (150, 290)], shift=True)
    assert len(editor.session.marks.pixels) < before


def test_unmarked_specks_are_outlined_as_the_thresholds_say(editor):
    editor.event("MouseMove", (200, 100))
    many = editor.lines("unmarked")
    assert many > 0
    editor.effect._onChoice("LowestProbability", 0.25)  # from 0.3 on they are marked, as members of a sure group
    few = editor.lines("unmarked")
    assert 0 < few < many
    editor.press_key("minus")
    assert editor.effect.scriptedEffect.doubleParameter("LowestProbability") == pytest.approx(0.2)
    editor.press_key("u")
    assert editor.lines("unmarked") == 0
    editor.press_key("u")
    assert editor.lines("unmarked") >= few


def test_an_outline_leaves_the_preview_when_it_is_marked(editor):
    editor.event("MouseMove", (200, 100))
    specks = unmarked_specks(editor.session, lowest_probability=0.2, lowest_contrast=3.0)
    (speck, *_) = in_view(editor, specks)
    before = editor.lines("unmarked")
    editor.click(speck.peak)
    editor.update_tables()
    assert editor.lines("unmarked") < before


def test_the_mouse_shows_what_a_click_would_do(editor):
    (speck, *_) = in_view(editor, unmarked_specks(editor.session, lowest_contrast=3.0))
    editor.event("MouseMove", speck.peak)
    assert (editor.lines("chosen") > 0, editor.lines("removed")) == (True, 0)
    row = calcifications(editor.session).iloc[0]
    editor.event("MouseMove", (row["row"], row["column"]), shift=True)
    assert (editor.lines("chosen"), editor.lines("removed") > 0) == (0, True)
    editor.event("Leave")
    assert (editor.lines("chosen"), editor.lines("removed")) == (0, 0)


def test_lines_lie_over_their_pixels_and_follow_the_view(editor):
    (speck, *_) = in_view(editor, unmarked_specks(editor.session, lowest_contrast=3.0))
    editor.event("MouseMove", speck.peak)
    lines = editor.scripted.actors[editor.views[0]][1].GetMapper().GetInput()
    editor.mouse[0].pointAt(editor.session.worldOf(np.array([speck.peak], float)).GetPoint(0))
    x, y = editor.mouse[0].position
    bounds = lines.GetBounds()
    assert bounds[0] - 1 <= x <= bounds[1] + 1
    assert bounds[2] - 1 <= y <= bounds[3] + 1
    assert bounds[1] - bounds[0] == pytest.approx(np.ptp(speck.columns) + 1, abs=0.01)  # the view shows pixel by pixel
    node = editor.views[0].mrmlSliceNode()
    node.SetFieldOfView(14.0, 10.5, 1.0)
    node.UpdateMatrices()
    editor.effect.processViewNodeEvents(node, vtk.vtkCommand.ModifiedEvent, editor.views[0])
    bounds = lines.GetBounds()
    assert bounds[1] - bounds[0] == pytest.approx(2 * (np.ptp(speck.columns) + 1), abs=0.01)


def test_what_is_drawn_and_what_it_would_mark_is_shown_until_escape(editor):
    editor.effect._onChoice("LowestProbability", 0.0)
    (speck, *_) = in_view(editor, unmarked_specks(editor.session, lowest_contrast=3.0))
    path = around(speck.peak, 10)
    editor.event("LeftButtonPress", path[0])
    for place in path[1:]:
        editor.event("MouseMove", place)
    assert editor.lines("path") == 4
    assert editor.lines("chosen") > 0
    assert editor.lines("path", view=1) == 0
    editor.press_key("Escape")
    assert (editor.lines("path"), editor.lines("chosen")) == (0, 0)
    editor.event("LeftButtonRelease", path[-1])
    assert not editor.scripted.logic.CanUndo()


def test_the_second_of_two_quick_clicks_marks_too_and_does_not_reach_the_view(editor):
    first, second, *_ = in_view(editor, unmarked_specks(editor.session, lowest_contrast=3.0))
    editor.click(first.peak)
    assert editor.event("LeftButtonDoubleClick", second.peak) is True  # comes without a press
    editor.event("LeftButtonRelease", second.peak)
    assert (labels(editor)[second.rows, second.columns] > 0).all()


def test_leaving_the_effect_right_after_a_click_updates_the_tables_without_a_complaint(editor, capfd):
    (speck, *_) = in_view(editor, unmarked_specks(editor.session, lowest_contrast=3.0))
    before = len(calcifications(editor.session))
    editor.click(speck.peak)
    editor.effect.deactivate()
    assert len(calcifications(editor.session)) == before + 1
    assert "Traceback" not in capfd.readouterr().err


def test_a_drawing_whose_release_was_lost_is_forgotten_by_the_next_press(editor):
    editor.draw([(200, 100), (220, 100), (220, 130)], shift=True)
    editor.event("LeftButtonPress", (200, 100))
    editor.event("MouseMove", (240, 140))
    assert editor.lines("path") > 0
    editor.event("LeftButtonPress", (260, 150), view=1)
    assert editor.lines("path") == 0
    editor.event("LeftButtonRelease", (260, 150), view=1)


def test_what_a_reader_said_about_a_cluster_stays_when_it_is_edited(editor):
    session = editor.session
    edits = ReaderEdits()
    table = results.resultsOf(session.segmentationNode).clustersTableNode
    edits.decide(table, 1, "accepted", "AB")
    row = calcifications(session).query("cluster_id == 1").iloc[0]
    editor.click((row["row"], row["column"]), shift=True)
    editor.update_tables()
    rows = {cluster["id"]: cluster for cluster in results.clusterRows(table)}
    assert (rows[1]["reader_decision"], rows[1]["reader"]) == ("accepted", "AB")
    assert rows[2]["reader_decision"] == "-"


def test_every_view_shows_the_outlines(editor):
    editor.event("MouseMove", (200, 100), view=0)
    editor.event("MouseMove", (200, 100), view=1)
    assert editor.lines("unmarked", view=0) == editor.lines("unmarked", view=1) > 0


def test_nothing_stays_behind_when_the_effect_is_left(editor):
    before = editor_scene.slicer.mrmlScene.GetNumberOfNodes()
    (speck, *_) = in_view(editor, unmarked_specks(editor.session, lowest_contrast=3.0))
    editor.event("MouseMove", speck.peak)
    editor.click(speck.peak)
    editor.effect.deactivate()
    assert [actor for actors in editor.scripted.actors.values() for actor in actors] == []
    assert editor_scene.slicer.mrmlScene.GetNumberOfNodes() == before
    assert (calcifications(editor.session)["source"] == "reader").sum() == 1


def test_the_selected_segment_receives_the_marks_when_the_reader_wants_it(editor):
    editor.effect._onChoice("Target", "selected segment")
    editor.scripted.node.SetSelectedSegmentID("MicrocalcCluster2")
    near_first = in_view(editor, unmarked_specks(editor.session, lowest_contrast=3.0))[0]
    before = marked_pixels(editor.session)
    editor.click(near_first.peak)
    after = marked_pixels(editor.session)
    assert after["MicrocalcCluster2"] == before["MicrocalcCluster2"] + len(near_first.rows)
    assert after["MicrocalcCluster1"] == before["MicrocalcCluster1"]


def test_a_new_cluster_is_selected_and_receives_what_is_marked(editor):
    editor.effect.onNewCluster()
    assert editor.scripted.node.GetSelectedSegmentID() == "MicrocalcCluster3"
    (speck, *_) = in_view(editor, unmarked_specks(editor.session, lowest_contrast=3.0))
    editor.click(speck.peak)
    editor.update_tables()
    rows = calcifications(editor.session)
    assert rows[rows["source"] == "reader"]["cluster_id"].tolist() == [3]


def test_a_hidden_segment_is_not_marked_into_by_the_click_that_shows_it(editor):
    editor.effect._onChoice("Target", "selected segment")
    editor.scripted.node.SetSelectedSegmentID("MicrocalcCluster1")
    editor.scripted.isSegmentVisible = False
    (speck, *_) = in_view(editor, unmarked_specks(editor.session, lowest_contrast=3.0))
    before = marked_pixels(editor.session)
    assert editor.event("LeftButtonPress", speck.peak) is True
    editor.event("LeftButtonRelease", speck.peak)
    assert marked_pixels(editor.session) == before


def test_the_masks_of_the_segment_editor_are_respected(editor):
    (speck, *_) = in_view(editor, unmarked_specks(editor.session, lowest_contrast=3.0))
    before = marked_pixels(editor.session)
    editor.scripted.node.SetMaskMode(editor_scene.slicer.vtkMRMLSegmentationNode.EditAllowedInsideAllSegments)
    editor.click(speck.peak)
    assert editor.said == "Nothing was marked: the editor's mask does not allow it here."
    assert marked_pixels(editor.session) == before


def test_missing_packages_are_asked_for_in_words(editor, monkeypatch):
    editor.session._finder = None
    monkeypatch.setitem(sys.modules, "MicrocalcAILib.editing.specks", None)
    editor.event("MouseMove", (200, 100))
    assert "install the missing packages" in editor.said


def test_specks_that_touch_stay_two_calcifications(editor):
    session = editor.session
    row = calcifications(session).sort_values("area_mm2").iloc[-1]
    rows, columns = session.marks.pixels[int(row["id"])]
    edge = rows.max() + 1
    pixel = np.array([edge]), columns[rows == rows.max()][:1]
    beside = Speck(*pixel, (edge, int(columns[0])), 3.0, 2.0, 0.5, np.empty((0, 2, 2)))
    reference = editor.scripted.defaultModifierLabelmap()
    session.addSpecks([beside], reference, editor.effect._editor._modifier(session))
    editor.update_tables()
    table = calcifications(session)
    assert len(table) == 1 + len(editor_scene.editing_scene().analysis.calcifications)
    assert table.set_index("id").at[row["id"], "source"] == "machine"


def test_without_an_image_the_effect_says_what_to_choose(editor):
    editor.scripted.node.SetAndObserveSourceVolumeNode(None)
    assert editor.event("LeftButtonPress") is False
    assert editor.said == "Choose a segmentation and a mammogram above."


def test_an_image_that_is_no_mammogram_is_refused_in_words(slicer, editor):
    stack = slicer.util.addVolumeFromArray(np.zeros((4, 30, 30), np.uint16))
    editor.scripted.node.SetAndObserveSourceVolumeNode(stack)
    assert editor.event("LeftButtonPress") is False
    assert "4 slices" in editor.said


def test_views_in_three_dimensions_and_foreign_keys_are_left_alone(editor):
    editor.views[0].className = lambda: "qMRMLThreeDWidget"
    assert editor.event("LeftButtonPress", (200, 100)) is False
    editor.views[0].className = lambda: "qMRMLSliceWidget"
    assert editor.press_key("f") is False


def test_options_show_the_parameters_and_change_them(editor):
    options = editor.effect._options[0]
    assert options._choices["Mode"]["add"].isChecked()
    editor.press_key("x")
    assert options._choices["Mode"]["remove"].isChecked()
    assert not options._choices["Mode"]["add"].isChecked()
    assert options._contrast.value() == 3.0
    options._contrast.setValue(5.5)
    assert editor.scripted.doubleParameter("LowestContrast") == options._contrast.value() == 5.5
    options._preview.setChecked(False)
    assert editor.scripted.integerParameter("ShowUnmarked") == 0
    options._choices["Mode"]["add"].click()
    assert editor.scripted.parameter("Mode") == "add"


def test_several_segment_editors_show_the_same_parameters(editor):
    editor.effect.setupOptionsFrame()
    editor.effect._onChoice("LowestProbability", 0.35)
    assert [options._probability.value() for options in editor.effect._options] == [0.35, 0.35]


def test_grouping_again_says_how_many_moved(editor):
    editor.effect.onGroupAgain()
    assert editor.said == "0 calcifications changed their cluster."


def test_help_and_icon_are_there(editor):
    text = editor.effect.helpText()
    assert "Shift-click" in text
    assert not editor.effect.icon().isNull()
    assert editor.scripted.name == "Microcalcification"
    assert editor.scripted.perSegment is False


def test_the_hidden_module_registers_the_effect_when_slicer_has_started(slicer, monkeypatch):
    registered = []

    class Scripted:
        def __init__(self, parent):
            pass

        def setPythonSource(self, path):
            self.path = path

        def self(self):
            return SimpleNamespace(register=lambda: registered.append(self.path))

    effects = SimpleNamespace(qSlicerSegmentEditorScriptedEffect=Scripted)
    monkeypatch.setitem(sys.modules, "qSlicerSegmentationsEditorEffectsPythonQt", effects)
    slicer.app.connections.clear()
    module = SegmentEditorMicrocalc.SegmentEditorMicrocalc(SimpleNamespace())
    assert module.parent.hidden
    (connection,) = slicer.app.connections
    assert connection[0] == "startupCompleted()"
    connection[1]()
    (path,) = registered
    assert path.endswith("SegmentEditorMicrocalcLib/SegmentEditorMicrocalcEffect.py")


def test_the_warning_about_edits_counts_what_the_reader_did(editor):
    specks = in_view(editor, unmarked_specks(editor.session, lowest_contrast=3.0))[:2]
    for speck in specks:
        editor.click(speck.peak)
    editor.update_tables()
    messages = {w.code: w.message for w in results.warningsOf(editor.session.segmentationNode)}
    assert "added: 2, removed: 0" in messages["edited-by-reader"]
