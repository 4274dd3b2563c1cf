"""A reader study through the panel: the same files as the head-less reading, one case in the scene at a time."""

import pandas as pd
import pytest
import qt
import vtk
from PIL import Image

from library.study_examples import (
    CLUSTER_COLUMN,
    CLUSTER_ROW,
    SPACING_MM,
    SimulatedReader,
    clear_specks,
    diseased_cases,
    make_exam_study,
    make_speck_study,
    make_study,
    read_all,
)
from MicrocalcAILib.cli import main
from MicrocalcAILib.study.adjudication import disagreements
from MicrocalcAILib.study.analysis import analyze_study
from MicrocalcAILib.study.assignment import assign, assign_adjudicator
from MicrocalcAILib.study.collect import collect, read_reader
from MicrocalcAILib.study.reading import Reading
from MicrocalcElastographyLib.phantom import PhantomParameters as ScreenParameters
from MicrocalcElastographyLib.phantom import simulate_screen
from MicrocalcElastographySlicer.logic import MicrocalcElastographyLogic
from MicrocalcSlicerShared.geometry import ijkToRas


@pytest.fixture
def open_study(panel, tmp_path):
    """Make a study, and open a reader's list in the panel."""

    def make(reader="AB", **options):
        study = tmp_path / "study"
        if not study.exists():
            make_study(tmp_path, **options)
        if not (study / "readers" / f"{reader}.sqlite").exists():
            assign(study, reader).close()
        panel.study.openStudy(study, reader)
        return panel.study

    return make


def volumes(slicer):
    return slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")


def segmentations(slicer):
    return slicer.util.getNodesByClass("vtkMRMLSegmentationNode")


def place_mark(study, row, column, image=0):
    """What the markups module does at a click: a control point whose position is then defined."""
    node = study.views._markNodes[image]
    node.AddControlPoint(vtk.vtkVector3d(-column * SPACING_MM, -row * SPACING_MM, 0.0))
    return node


def choose(study, name, answer):
    widget = study._form.widgets[name]
    if isinstance(widget, qt.QComboBox):
        widget.setCurrentIndex(widget.findText(answer))
    elif isinstance(widget, qt.QSpinBox):
        widget.setValue(round(answer))
    else:
        widget.setText(answer)
        widget.editingFinished.emit()


def complete(study, reader, diseased):
    """Let a simulated reader finish the list by the panel's widgets."""
    while study.reading.finished < len(study.reading.tasks):
        task = study.reading.current
        answers, score = reader.answers(diseased[task.case], task.condition)
        for name, answer in answers.items():
            choose(study, name, answer)
        if score is not None:
            place_mark(study, CLUSTER_ROW, CLUSTER_COLUMN)
            study._form.markRows[0][2].setValue(round(score))
        study.widgets.buttons["finish"].click()


def test_two_simulated_readers_complete_a_sequential_study_of_20_cases_by_panel_and_without_it(open_study, tmp_path):
    study = open_study("AB", count=20)
    diseased = diseased_cases(tmp_path / "study")
    complete(study, SimulatedReader("AB", 1), diseased)
    assert "Thank you" in study.widgets.message.text()
    study.close()
    assign(tmp_path / "study", "CD").close()
    headless = Reading(tmp_path / "study", "CD")
    read_all(headless, SimulatedReader("CD", 2), diseased)
    headless.close()
    found = collect(tmp_path / "study")
    assert found.progress["finished"].tolist() == [40, 40]
    text = analyze_study(tmp_path / "study", tmp_path / "analyzed")
    assert "“Probability of malignancy (%)”" in text
    assert (tmp_path / "analyzed" / "reader_study_marks" / "comparisons.csv").is_file()


def test_panel_and_headless_reading_write_the_same_answers(open_study, tmp_path):
    study = open_study("AB", count=4)
    diseased = diseased_cases(tmp_path / "study")
    complete(study, SimulatedReader("AB", 1), diseased)
    study.close()
    by_panel = read_reader(tmp_path / "study", "AB")
    (tmp_path / "study" / "readers" / "AB.sqlite").unlink()
    assign(tmp_path / "study", "AB").close()
    headless = Reading(tmp_path / "study", "AB")
    read_all(headless, SimulatedReader("AB", 1), diseased)
    headless.close()
    without = read_reader(tmp_path / "study", "AB")
    for task in by_panel.tasks:
        one, other = by_panel.answers[task.position], without.answers[task.position]
        assert one.values == other.values
        scores = [[mark["score"] for mark in found.marks.get("marks", {}).values()] for found in (one, other)]
        assert scores[0] == scores[1]


@pytest.mark.slow  # sixteen simulated images are analyzed
def test_exams_in_four_views_are_read_by_panel_and_without_it_and_give_one_table_of_readers(panel, slicer, tmp_path):
    folder, places = make_exam_study(tmp_path)
    assign(folder, "AB").close()
    panel.study.openStudy(folder, "AB")
    study, reader = panel.study, SimulatedReader("AB", 1)
    while study.reading.finished < len(study.reading.tasks):
        task = study.reading.current
        assert len(volumes(slicer)) == 4
        assert bool(segmentations(slicer)) == (task.condition == "aided")
        answers, score = reader.answers(task.case in places, task.condition)
        for name, answer in answers.items():
            choose(study, name, answer)
        for image, row, column in places[task.case] if score is not None else ():
            place = ijkToRas(study.views.volumeNodes[image]) @ [column, row, 0.0, 1.0]
            study.views._markNodes[image].AddControlPoint(vtk.vtkVector3d(*place[:3]))
            study._form.markRows[-1][2].setValue(round(score))
        study.widgets.buttons["finish"].click()
    study.close()
    assign(folder, "CD").close()
    headless, reader = Reading(folder, "CD"), SimulatedReader("CD", 2)
    while headless.next_unfinished():
        task = headless.current
        answers, score = reader.answers(task.case in places, task.condition)
        for name, answer in answers.items():
            headless.answer(name, answer)
        for image, row, column in places[task.case] if score is not None else ():
            headless.mark("marks", image, row, column, score)
        headless.finish()
    headless.close()
    found = collect(folder)
    assert found.progress["finished"].tolist() == [8, 8]
    assert len(found.marks) > 4
    assert (found.marks["lesion"] == "cluster 1").all()
    analyze_study(folder, tmp_path / "analyzed")
    hits = pd.read_csv(tmp_path / "analyzed" / "marks_found.csv")
    assert hits["lesions"].tolist() == [2] * 4
    assert hits["false_marks"].sum() == 0
    assert (tmp_path / "analyzed" / "reader_study_probability" / "comparisons.csv").is_file()


def test_case_is_shown_under_its_number_and_without_results_first(open_study, slicer):
    study = open_study()
    (volume,) = volumes(slicer)
    assert volume.GetName() == "Case 1 of 8"
    assert segmentations(slicer) == []
    choose(study, "probability", 10)
    choose(study, "category", "1")
    study.finish()
    assert study.reading.current.condition == "aided"
    assert len(volumes(slicer)) == 1
    assert len(segmentations(slicer)) == 1


def test_sections_that_would_show_more_are_hidden_while_a_case_is_read(open_study, panel):
    study = open_study()
    assert panel.ui.analyzeCollapsibleButton.isHidden()
    assert panel.ui.clustersCollapsibleButton.isHidden()
    assert panel.exam.ui.examComboBox.parentWidget().isHidden()
    assert panel.learning.section.isHidden()
    assert not any(shortcut.isEnabled() for shortcut in panel._shortcuts)
    study.close()
    assert not panel.ui.analyzeCollapsibleButton.isHidden()
    assert all(shortcut.isEnabled() for shortcut in panel._shortcuts)


def test_answer_is_in_the_file_as_soon_as_it_is_given(open_study, tmp_path):
    study = open_study()
    choose(study, "probability", 35)
    assert read_reader(tmp_path / "study", "AB").answers[0].values == {"probability": 35}
    choose(study, "probability", -1)
    assert read_reader(tmp_path / "study", "AB").answers[0].values == {}


def test_question_appears_when_it_is_asked(open_study):
    study = open_study()
    assert study._form.widgets["morphology"].isHidden()
    choose(study, "category", "4B")
    assert not study._form.widgets["morphology"].isHidden()
    choose(study, "category", "1")
    assert study._form.widgets["morphology"].isHidden()


def test_unanswered_question_is_named_and_nothing_is_finished(open_study):
    study = open_study()
    study.finish()
    assert "Please answer first" in study.widgets.message.text()
    assert study.reading.finished == 0


def test_mark_is_set_moved_and_removed(open_study, tmp_path):
    study = open_study()

    def marks():
        return list(read_reader(tmp_path / "study", "AB").answers[0].marks.get("marks", {}).values())

    node = place_mark(study, 12, 34)
    assert marks() == [
        {"image": 0, "row": pytest.approx(12, abs=0.01), "column": pytest.approx(34, abs=0.01), "score": 50}
    ]
    node.SetNthControlPointPosition(0, -40 * SPACING_MM, -20 * SPACING_MM, 0.0)
    node.InvokeEvent(node.PointEndInteractionEvent)
    assert [(round(mark["row"]), round(mark["column"])) for mark in marks()] == [(20, 40)]
    study._form.markRows[0][2].setValue(80)
    assert marks()[0]["score"] == 80
    node.RemoveNthControlPoint(0)
    assert marks() == []


def test_mark_of_a_single_calcification_moves_to_its_speck(panel, tmp_path):
    folder, phantom = make_speck_study(tmp_path)
    assign(folder, "AB").close()
    panel.study.openStudy(folder, "AB")
    row, column = clear_specks(phantom)[["row", "column"]].to_numpy()[0]
    node = place_mark(panel.study, row + 2, column)
    (mark,) = panel.study.reading.answers(panel.study.reading.current).marks["specks"].values()
    assert (mark["row"], mark["column"]) == pytest.approx((row, column), abs=1.5)
    place = node.GetNthControlPointPosition(0)
    assert place[:2] == pytest.approx((-mark["column"] * SPACING_MM, -mark["row"] * SPACING_MM), abs=1e-3)


def test_mark_button_starts_placing_and_the_next_case_ends_it(open_study, slicer):
    study = open_study(mode="independent")
    interaction = slicer.app.applicationLogic().GetInteractionNode()
    study._form._markButtons["marks"].click()
    assert interaction.GetCurrentInteractionMode() == interaction.Place
    study.next()
    assert interaction.GetCurrentInteractionMode() == interaction.ViewTransform


def test_marks_come_back_with_their_case(open_study, slicer):
    study = open_study(mode="independent")
    place_mark(study, 12, 34)
    study.next()
    assert study.views._markNodes[0].GetNumberOfControlPoints() == 0
    study.previous()
    assert study.views._markNodes[0].GetNumberOfControlPoints() == 1
    assert len(slicer.util.getNodesByClass("vtkMRMLMarkupsFiducialNode")) == 1


def test_case_that_was_put_off_is_marked_in_the_list_and_comes_again(open_study):
    study = open_study(mode="independent", count=3)
    study.widgets.buttons["later"].click()
    assert "↺" in study.widgets.cases.item(0).text()
    for _ in range(2):
        choose(study, "probability", 5)
        choose(study, "category", "1")
        study.finish()
    assert study.reading.current.position == 0
    assert [study.widgets.cases.item(row).text()[-1] for row in range(3)] == ["↺", "✓", "✓"]


def test_training_case_says_what_it_was_and_waits(open_study):
    study = open_study(mode="independent", training=1)
    choose(study, "probability", 5)
    choose(study, "category", "1")
    study.finish()
    assert "disease" in study.widgets.message.text()
    assert study.reading.current.position == 0
    assert not study._form.widgets["probability"].isEnabled()
    study.nextUnfinished()
    assert study.reading.current.position == 1


def test_case_that_is_not_open_yet_is_refused_in_a_sentence(open_study):
    study = open_study()
    study.widgets.cases.itemClicked.emit(study.widgets.cases.item(1))
    assert "without the results first" in study.widgets.message.text()
    assert study.reading.current.position == 0


def test_reader_s_files_are_offered_when_the_folder_is_chosen(panel, tmp_path):
    study = make_study(tmp_path)
    assign(study, "AB").close()
    panel.study.widgets.folder.setCurrentPath(str(study))
    assert panel.study.widgets.reader.currentText() == "AB"
    panel.study.widgets.openButton.click()
    assert panel.study.reading.current.position == 0


def test_folder_without_a_study_is_refused_in_a_sentence(panel, tmp_path):
    panel.study.openStudy(tmp_path, "AB")
    assert "holds no study" in panel.study.widgets.message.text()


def test_damaged_image_is_said_and_leaves_nothing_in_the_scene(open_study, slicer, tmp_path):
    make_study(tmp_path)
    for path in (tmp_path / "images").iterdir():
        path.write_bytes(b"NRRD0004\nnothing")
    study = open_study()
    assert study.widgets.message.text()
    assert volumes(slicer) == []


def test_clock_stops_while_another_module_is_shown(open_study, panel):
    open_study()
    panel.exit()
    assert panel.study.reading.current is None
    panel.enter()
    assert panel.study.reading.current.position == 0
    entries = [entry.question for entry in panel.study.reading.file.entries(0)]
    assert entries == [":opened", ":closed", ":opened"]


def test_closing_the_scene_closes_the_study(open_study, slicer):
    study = open_study()
    choose(study, "probability", 35)
    slicer.mrmlScene.Clear(0)
    assert study.reading is None
    assert study.widgets.cases.count() == 0


def test_time_limit_is_shown(open_study, tmp_path):
    study = open_study(minutes_per_case=2)
    assert "s left" in study.widgets.clock.text()


def test_keys_do_what_the_buttons_do(open_study):
    study = open_study(mode="independent")
    keys = {shortcut.key().toString(): shortcut for shortcut in study.widgets.shortcuts}
    assert set(keys) == {"F4", "F5", "F6", "F7", "F8", "F9", "F12"}
    for isMarking in (True, False):
        keys["F4"].activated.emit()
        assert study._form.isMarking("marks") is isMarking
    keys["F7"].activated.emit()
    assert study.reading.current.position == 1


def test_adjudicator_sees_both_answers_side_by_side_what_is_disputed_and_both_readers_marks(
    open_study, slicer, tmp_path
):
    folder = make_study(tmp_path)
    for name, seed in (("AB", 1), ("CD", 5)):
        assign(folder, name).close()
        reading = Reading(folder, name)
        read_all(reading, SimulatedReader(name, seed), diseased_cases(folder))
        reading.close()
    cases = list(dict.fromkeys(disagreements(folder, "AB", "CD")["case"]))
    assign_adjudicator(folder, "judge", ("AB", "CD"), cases).close()
    study = open_study("judge")
    readers = [read_reader(folder, name) for name in ("AB", "CD")]
    while study.reading.finished < len(cases):
        case = study.reading.current.case
        found = disagreements(folder, "AB", "CD")
        disputed = set(found.loc[found["case"] == case, "question"])
        for question in study.reading.asked():
            text = study._form._labels[question.name].text()
            assert "A: " in text
            assert "B: " in text
            assert ("≠" in text) == (question.name in disputed)
        for letter, reader in zip("AB", readers, strict=True):
            own = [found.marks for task, found in reader.finished if task.case == case and task.condition == "aided"]
            expected = [f"{letter} {mark['score']:g}" for marks in own[0].values() for mark in marks.values()]
            node = slicer.util.getNode(letter)
            shown = [node.GetNthControlPointLabel(index) for index in range(node.GetNumberOfControlPoints())]
            assert shown == expected
            assert node.GetLocked()
        for question in study.reading.asked():
            if question.answers or question.kind == "probability":
                choose(study, question.name, question.answers[0] if question.answers else 50)
        study.widgets.buttons["finish"].click()
    study.close()
    assert "A" not in slicer.util.getNodes("A*")


def make_elastogram_study(folder):
    """A study of two simulated screens of elastography."""
    paths = []
    for seed, kilopascal in ((1, 40.0), (2, 160.0)):
        parameters = ScreenParameters(seed=seed, scale=(0.0, 300.0), opacity=1.0, lesion_kpa=kilopascal)
        paths.append(folder / f"screen_{seed}.png")
        Image.fromarray(simulate_screen(parameters).frame).save(paths[-1])
    assert main(["study", "new", str(folder / "study"), "--elastograms", *map(str, paths)]) == 0
    assign(folder / "study", "AB").close()
    return folder / "study"


def test_elastograms_are_shown_in_color_and_read_with_scores_and_ratios(panel, slicer, tmp_path, monkeypatch):
    monkeypatch.setattr(slicer.util, "getModuleLogic", lambda name: MicrocalcElastographyLogic())
    folder = make_elastogram_study(tmp_path)
    panel.study.openStudy(folder, "AB")
    (screen,) = slicer.util.getNodesByClass("vtkMRMLVectorVolumeNode")
    assert screen.GetName() == "Case 1 of 2"
    choose(panel.study, "quality", "yes")
    choose(panel.study, "score", "4")
    panel.study._form.widgets["ratio"].setValue(3.25)
    choose(panel.study, "probability", 70)
    panel.study.finish()
    assert len(slicer.util.getNodesByClass("vtkMRMLVectorVolumeNode")) == 1
    panel.study.close()
    said = read_reader(folder, "AB").answers[0].values
    assert said == {"quality": "yes", "score": "4", "ratio": 3.25, "probability": 70}


def test_elastograms_without_their_module_are_refused_in_a_sentence(panel, slicer, tmp_path, monkeypatch):
    def unknown(name):
        raise RuntimeError(name)

    monkeypatch.setattr(slicer.util, "getModuleLogic", unknown)
    panel.study.openStudy(make_elastogram_study(tmp_path), "AB")
    assert "need the module Microcalc Elastography" in panel.study.widgets.message.text()
    assert volumes(slicer) == []
