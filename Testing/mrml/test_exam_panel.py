"""The exam in Slicer: images grouped, findings listed with linked views, and everything follows what a reader moves."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import MicrocalcAI
from library.dicom_samples import breast_picture
from MicrocalcAILib.analysis import Analysis
from MicrocalcAISlicer import exammarkups, exampanel, hanging
from MicrocalcAISlicer.examimages import examsOf
from MicrocalcAISlicer.examrecord import findExam
from MicrocalcAISlicer.examviews import placesOf
from MicrocalcAISlicer.inputvolume import pixelToWorld
from MicrocalcAISlicer.mammogramloading import loadMammogram
from MicrocalcAISlicer.readercolumns import REJECTED
from mrml.mammogram_files import file
from mrml.panel_file import PanelFile
from mrml.panel_runs import finish

SHAPE, SPACING_MM = (700, 400), 0.2
NOW, BEFORE = "20260105", "20240103"
# Rows and columns of clusters in a left breast, whose chest wall is at the left.
CC, MLO, FAR = (250, 120), (265, 110), (470, 90)


def load(folder, laterality, view, date, **attributes):
    pixels = breast_picture("right" if laterality == "R" else "left", *SHAPE)
    name = f"{laterality}-{view}-{date}.dcm"
    described = {"StudyDate": date, "ImagerPixelSpacing": [SPACING_MM, SPACING_MM], **attributes}
    return loadMammogram(Path(file(folder, name, laterality=laterality, view=view, pixels=pixels, **described)))


def found(*clusters, count=8):
    """An analysis with clusters of single pixels on a ring around each place (row, column)."""
    labels = np.zeros(SHAPE, np.int32)
    rows, groups = [], []
    for cluster, (row, column) in enumerate(clusters, start=1):
        turns = 2 * np.pi * np.arange(count) / count
        places = [(round(row + 12 * np.sin(turn)), round(column + 12 * np.cos(turn))) for turn in turns]
        for place in places:
            labels[place] = len(rows) + 1
            position = {
                "row": place[0],
                "column": place[1],
                "y_mm": place[0] * SPACING_MM,
                "x_mm": place[1] * SPACING_MM,
            }
            ends = {f"{axis}_{end}": position[axis] for axis in ("row", "column") for end in ("min", "max")}
            rows.append({"id": len(rows) + 1, "cluster_id": cluster, **position, **ends, "area_mm2": SPACING_MM**2})
        position = {"row": row, "column": column, "y_mm": row * SPACING_MM, "x_mm": column * SPACING_MM}
        box = {"row_min": row - 12, "row_max": row + 12, "column_min": column - 12, "column_max": column + 12}
        named = {"id": cluster, "name": f"Cluster {cluster}", "count": count, "mean_probability": 0.9}
        groups.append({**named, **position, **box, "extent_mm": 24 * SPACING_MM})
    calcifications = pd.DataFrame(rows, columns=list(rows[0]) if rows else ["id", "cluster_id", "y_mm", "x_mm"])
    return Analysis(
        labels=labels,
        calcifications=calcifications.assign(in_pectoral_muscle=False, probability=0.9, diameter_mm=0.2),
        clusters=pd.DataFrame(groups, columns=list(groups[0]) if groups else ["id", "name", "count", "y_mm", "x_mm"]),
        spacing_mm=(SPACING_MM, SPACING_MM),
        breast_area_cm2=60.0,
        breast_box=(40, 660, 0, 220),
        provenance={"versions": {"microcalc": "0.1.0"}, "spacing_source": "given"},
    )


@pytest.fixture
def images(slicer, tmp_path):
    """Both views of the left breast now, and the cranio-caudal one two years before."""
    wanted = {"CC": ("CC", NOW), "MLO": ("MLO", NOW), "prior": ("CC", BEFORE)}
    return {name: load(tmp_path, "L", view, date) for name, (view, date) in wanted.items()}


@pytest.fixture
def exam(panel, images):
    """The panel with an analyzed exam: one lesion in both views, new since the prior, and one in the oblique view."""
    shown = {"CC": found(CC), "MLO": found(MLO, FAR), "prior": found()}
    for name, analysis in shown.items():
        panel.logic.showAnalysis(analysis, images[name])
    panel.enter()
    panel.exam.ui.analyzeExamButton.click()
    work(panel)
    return panel.exam


def work(panel):
    for _ in range(20):
        panel.exam.onWorkTimer()
    assert not panel.exam._isWorking


def rows(exam):
    table = exam.ui.findingsTable
    return [
        [table.item(row, column).text() for column in range(table.columnCount())] for row in range(table.rowCount())
    ]


def marks(exam):
    return [sorted((mark.image, mark.cluster_id) for mark in one.marks) for one in exam._record.exam.findings]


def points(volume, kind):
    (node,) = [
        node for node, shown in exammarkups.markupsWithImage() if shown is volume and node.GetName().endswith(kind)
    ]
    return node, [node.GetNthControlPointLabel(index) for index in range(node.GetNumberOfControlPoints())]


def move(exam, volume, kind, label, row, column):
    node, labels = points(volume, kind)
    node.SetNthControlPointPositionWorld(labels.index(label), *pixelToWorld(volume, row, column))
    assert exam._moveTimer.isActive()
    exam.onMoveTimer()


def test_exam_file_of_the_panel_fits_its_code():
    module = Path(MicrocalcAI.__file__)

    class NoParameters:
        allParameters = {}  # noqa: RUF012, as the wrapper has it

    PanelFile(module.with_name("Resources") / exampanel.UI_FILE, [Path(exampanel.__file__)], NoParameters).check()


def test_images_are_grouped_by_patient_and_day_and_the_latest_exam_comes_first(panel, images, tmp_path):
    other = load(tmp_path, "R", "CC", NOW, PatientID="Somebody else")
    panel.enter()
    combo = panel.exam.ui.examComboBox
    texts = [combo.itemText(index) for index in range(combo.count())]
    assert sorted(texts) == sorted(
        ["2026-01-05: R CC", "2026-01-05: L CC, L MLO; prior of 2024-01-03", "2024-01-03: L CC"]
    )
    groups = {len(exam.nodes): exam for exam in examsOf([*images.values(), other])}
    assert set(groups[3].nodes.values()) == set(images.values())
    assert "Secret" not in "".join(node.GetAttribute("Microcalc.Identity") for node in images.values())


def test_images_from_elsewhere_are_grouped_by_name_with_a_warning(make_volume):
    (exam,) = examsOf([make_volume("left CC"), make_volume("right MLO")])
    assert [image.label for image in exam.group.images] == ["L CC", "R MLO"]
    assert "patient-by-folder" in [warning.code for warning in exam.group.warnings]


def test_images_without_results_are_analyzed_first(panel, images):
    panel.enter()
    assert not panel.exam.ui.examPageButton.isEnabled()
    panel.exam.ui.analyzeExamButton.click()
    assert len(panel.logic.runs) == 1
    assert panel.logic.arguments["outputSegmentationNode"] is None
    assert not panel.exam.ui.analyzeExamButton.isEnabled()
    for name, clusters in (("CC", [CC]), ("MLO", [MLO]), ("prior", [])):
        finish(panel, panel.logic.showAnalysis(found(*clusters), images[name]))
    assert panel.exam._isWorking
    work(panel)
    assert len(rows(panel.exam)) == 1


def test_canceling_the_images_cancels_the_exam(panel, images):
    panel.enter()
    panel.exam.ui.analyzeExamButton.click()
    panel.onApplyButton()
    assert not panel.exam._isWorking
    assert panel.exam._record is None


def test_findings_are_listed_with_place_views_and_change(exam):
    first, second = rows(exam)
    assert first[0] == "1"
    assert "seen in CC, MLO" in first[1]
    assert first[2] == "CC: 8; MLO: 8"
    assert first[5] == "new (CC), not comparable (MLO)"
    assert "seen in MLO only" in second[1]
    assert not exam.ui.findingsTable.isHidden()
    assert "nipple is not seen" in exam.ui.examStatusLabel.text()


def test_selecting_a_finding_centers_both_views_and_the_prior_on_it(exam, images, make_view):
    views = {name: make_view(f"Red{name}", volume)[0] for name, volume in images.items()}
    exam.ui.findingsTable.selectRow(0)
    for name, (row, column) in (("CC", CC), ("MLO", MLO)):
        world = pixelToWorld(images[name], row, column)
        center = views[name].GetSliceToRAS()
        np.testing.assert_allclose([center.GetElement(axis, 3) for axis in (0, 1)], world[:2], atol=0.5)
        assert min(views[name].GetFieldOfView()[:2]) == pytest.approx(30.0)
    (at_prior,) = [place for place in placesOf(exam._record, 1) if place[0] is images["prior"]]
    assert np.hypot(at_prior[1] - CC[0], at_prior[2] - CC[1]) < 10  # the same breast, not moved
    center = views["prior"].GetSliceToRAS()
    world = pixelToWorld(images["prior"], *at_prior[1:3])
    np.testing.assert_allclose([center.GetElement(axis, 3) for axis in (0, 1)], world[:2], atol=0.5)


def test_a_nipple_that_is_moved_moves_every_place(exam, images):
    before = exam._record.exam.findings[0].marks[0].place
    view = exam._record.exam.view("L CC 2026")
    row, column = (length / SPACING_MM for length in view.frame.nipple.position_mm)
    move(exam, images["CC"], "nipple", "nipple", row + 50, column)
    finding = next(one for one in exam._record.exam.findings if "L CC 2026" in [mark.image for mark in one.marks])
    after = finding.marks[0].place
    assert after.across_mm == pytest.approx(before.across_mm + 10, abs=0.3)
    assert exam._record.exam.view("L CC 2026").frame.nipple.source == "reader"
    assert f"{after.nipple_mm:.0f} mm from the nipple" in " ".join(row[1] for row in rows(exam))


def test_a_number_that_is_moved_to_another_cluster_joins_it_and_onto_nothing_parts_it(exam, images):
    together = [("L CC 2026", 1), ("L MLO 2026", 1)]
    assert together in marks(exam)
    assert points(images["CC"], "findings")[1] == ["1", "2?"]  # where to look for what the other view shows alone
    move(exam, images["MLO"], "findings", "1", *FAR)
    assert [("L CC 2026", 1), ("L MLO 2026", 2)] in marks(exam)
    number = str(next(one.number for one in exam._record.exam.findings if len(one.marks) == 2))
    assert number in points(images["MLO"], "findings")[1]
    move(exam, images["MLO"], "findings", number, 350, 60)
    assert all(len(keys) == 1 for keys in marks(exam))


def test_a_question_mark_that_is_moved_to_a_cluster_joins_it(exam, images):
    for _ in range(2):  # the second cluster of that view would be its partner else
        number = next(one.number for one in exam._record.exam.findings if len(one.marks) == 2)
        move(exam, images["MLO"], "findings", str(number), 350, 60)
    alone = next(one for one in exam._record.exam.findings if one.marks[0].image == "L CC 2026")
    move(exam, images["MLO"], "findings", f"{alone.number}?", *MLO)
    assert [("L CC 2026", 1), ("L MLO 2026", 1)] in marks(exam)


def test_a_point_that_is_moved_without_a_meaning_goes_back(exam, images):
    before = marks(exam)
    move(exam, images["MLO"], "findings", "2", 350, 60)  # seen in this view alone
    assert marks(exam) == before
    node, labels = points(images["MLO"], "findings")
    at = node.GetNthControlPointPositionWorld(labels.index("2"))
    np.testing.assert_allclose(at, pixelToWorld(images["MLO"], *FAR), atol=1e-6)


def test_rejected_clusters_are_no_findings(panel, exam, images):
    table = panel.logic.findResults(images["MLO"]).clustersTableNode
    panel.clusters.edits.decide(table, 2, REJECTED)
    panel.exam.ui.analyzeExamButton.click()
    work(panel)
    assert marks(exam) == [[("L CC 2026", 1), ("L MLO 2026", 1)]]


def test_exam_and_what_was_moved_survive_saving_and_opening_the_scene(panel, exam, images, reopened, slicer):
    move(exam, images["MLO"], "findings", "1", *FAR)
    expected = marks(exam)
    key = exam._record.exam.key
    reopened()
    panel.enter()
    assert findExam(key).moves.said.together
    combo = exam.ui.examComboBox
    combo.setCurrentIndex(next(i for i in range(combo.count()) if "L MLO" in combo.itemText(i)))
    exam._onExamChosen()
    assert marks(exam) == expected
    volume = findExam(key).nodes["L MLO 2026"]
    number = str(next(one.number for one in exam._record.exam.findings if len(one.marks) == 2))
    move(exam, volume, "findings", number, *MLO)
    work(panel)  # its images are prepared again first
    assert [("L CC 2026", 1), ("L MLO 2026", 1)] in marks(exam)


def test_points_are_drawn_only_in_the_views_that_show_their_image(exam, images, make_view):
    from MicrocalcAISlicer import ownviews

    view = make_view("Red", images["CC"])[0]
    ownviews.follow()
    for name, isSeen in (("CC", True), ("prior", False)):
        displayNode = points(images[name], "nipple")[0].GetDisplayNode()
        assert bool(displayNode.GetVisibility()) == isSeen
        assert list(displayNode.GetViewNodeIDs() or ()) == ([view.GetID()] if isSeen else [])


def test_the_page_of_the_exam_is_written(panel, exam, tmp_path):
    panel.parameters.exportFolder = tmp_path / "pages"
    exam.ui.examPageButton.click()
    (page,) = (tmp_path / "pages").glob("*.html")
    assert "seen in CC, MLO" in page.read_text(encoding="utf-8")
    assert exam.ui.examStatusLabel.text() == f"Written: {page.name}."


def test_layout_of_eight_has_the_prior_beside_each_view():
    description = hanging.layoutDescription(hanging.PRIOR_LAYOUT_ID)
    labels = ["R CC prior", "R CC", "L CC", "L CC prior", "R MLO prior", "R MLO", "L MLO", "L MLO prior"]
    assert [part.split("<")[0] for part in description.split("viewlabel' action='default'>")[1:]] == labels


def test_closing_the_scene_ends_the_exam(panel, exam, slicer):
    slicer.mrmlScene.Clear(0)
    assert exam._record is None
    assert rows(exam) == []
