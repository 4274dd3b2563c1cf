"""Simulated exams, what is measured on them, and files that become exams."""

import dataclasses

import numpy as np
import pytest

from MicrocalcAILib.analysis import save_analysis
from MicrocalcAILib.base.provenance import sha256_of_file
from MicrocalcAILib.batch.inputs import find_inputs
from MicrocalcAILib.batch.plan import plan
from MicrocalcAILib.cli import main
from MicrocalcAILib.commands.analyze_exam import EXAMS, IMAGES, write_exams
from MicrocalcAILib.evaluation.exams import joined, score_exam, summary, truth_as_analysis
from MicrocalcAILib.exam.exam import load_exam
from MicrocalcAILib.phantom.dicom_writer import write_dicom
from MicrocalcAILib.phantom.exams import BEFORE, CHANGES, NOW, simulate_exam
from MicrocalcAILib.reading import read_mammogram

SEED, SPACING_MM = 1, 0.2  # a pixel spacing that keeps the test quick


@pytest.fixture(scope="module")
def exam():
    return simulate_exam(SEED, SPACING_MM)


def test_an_exam_has_four_views_now_and_before_of_the_same_lesions(exam):
    places = [(view.laterality, view.view, view.when) for view in exam.views]
    assert sorted(places) == sorted((s, v, w) for s in "RL" for v in ("CC", "MLO") for w in (NOW, BEFORE))
    assert exam.lesions
    for view in exam.views:
        own = {
            index
            for index, lesion in enumerate(exam.lesions)
            if lesion.laterality == view.laterality and (view.when == NOW or CHANGES[lesion.change])
        }
        assert set(view.lesions) == own
        assert view.phantom.mammogram.laterality == view.laterality


def test_lesions_keep_their_distance_along_the_posterior_nipple_line(exam):
    for view in exam.views:
        for cluster, index in zip(view.phantom.clusters.to_dict("records"), view.lesions, strict=True):
            along, across = view.frame.coordinates(np.array([cluster["y_mm"], cluster["x_mm"]]))
            assert along == pytest.approx(exam.lesions[index].along_mm, abs=13)
            if view.view == "CC":
                assert across == pytest.approx(exam.lesions[index].outer_mm, abs=13)


def test_the_prior_looks_like_another_machine(exam):
    now, before = (next(view for view in exam.views if view.when == when) for when in (NOW, BEFORE))
    first, second = now.phantom.mammogram, before.phantom.mammogram
    assert first.pixels.shape != second.pixels.shape or not np.array_equal(first.pixels, second.pixels)


@pytest.mark.slow
def test_places_pairs_and_changes_are_compared_with_the_truth(exam):
    scores = score_exam(0, exam)
    assert len(scores.nipples) == 8
    assert scores.nipples["error_mm"].median() < 10
    assert scores.places["error_mm"].median() < 10
    assert len(scores.changes) >= 2
    rows = {name: (estimate, units) for name, estimate, units in summary(joined([scores, score_exam(1, exam)]))}
    estimate, units = rows["nipple error, CC (mm)"]
    assert units == 8
    assert 0 < estimate.value < 20
    assert rows["lesions matched right"][1] >= 2


@pytest.mark.slow
def test_files_become_an_exam_with_its_prior_and_a_page(exam, tmp_path):
    chosen = [view for view in exam.views if view.laterality == exam.lesions[0].laterality]
    for view in chosen:
        name = f"{view.laterality}-{view.view}-{view.when}.dcm"
        write_dicom(tmp_path / name, view.phantom.mammogram, "SOMEBODY", "simulated")
        _dated(tmp_path / name, "20240101" if view.when == BEFORE else "20260101")
    items = plan(find_inputs([tmp_path], tmp_path / "out"))
    for item in items:
        view = next(one for one in chosen if item.name == f"{one.laterality}-{one.view}-{one.when}.dcm")
        folder = tmp_path / "out" / IMAGES / item.folder
        folder.mkdir(parents=True)
        analysis = truth_as_analysis(view)
        card = read_mammogram(item.path).admission
        save_analysis(type(analysis)(**{**vars(analysis), "admission": card}), folder)
    nipple = {items[0].name: (100.0, 60.0)}
    (_before, first), (group, folder) = write_exams(items, tmp_path / "out", nipple)
    found = load_exam(folder)
    assert (found.date, found.prior_date) == ("2026-01-01", "2024-01-01")
    assert {view.prior for view in found.views} == {image.name for image in group.priors}
    assert "SOMEBODY" not in (folder / "exam.json").read_text(encoding="utf-8")
    both = [*found.views, *load_exam(first).views]
    assert {view.frame.nipple.source for view in both if view.identity.name == items[0].name} == {"reader"}
    assert main(["report", str(folder), "--output", str(tmp_path / "report.html")]) == 0
    assert folder.parent.name == EXAMS


def test_results_of_another_image_are_not_taken_for_an_image(exam, tmp_path):
    views = [view for view in exam.views if view.laterality == "L" and view.when == NOW]
    for view in views:
        write_dicom(tmp_path / f"L-{view.view}.dcm", view.phantom.mammogram, "SOMEBODY", "simulated")
    items = plan(find_inputs([tmp_path], tmp_path / "out"))
    for item, view in zip(items, sorted(views, key=lambda view: view.view), strict=True):
        source = {"sha256": "of another file" if view.view == "MLO" else sha256_of_file(item.path)}
        analysis, card = truth_as_analysis(view), read_mammogram(item.path).admission
        analysis = dataclasses.replace(analysis, admission=card, provenance={"source": source})
        (tmp_path / "out" / IMAGES / item.folder).mkdir(parents=True)
        save_analysis(analysis, tmp_path / "out" / IMAGES / item.folder)
    ((_group, folder),) = write_exams(items, tmp_path / "out", {})
    found = load_exam(folder)
    assert [view.identity.label for view in found.views] == ["L CC"]
    assert "Could not be analyzed: L MLO; the exam is incomplete." in [warning.message for warning in found.warnings]


def test_pseudonyms_and_unknown_images_are_refused(tmp_path, capsys):
    (tmp_path / "one.dcm").write_bytes(b"no image")
    common = ["analyze-exam", str(tmp_path), "--output", str(tmp_path / "out")]
    assert main([*common, "--pseudonyms", str(tmp_path / "key.csv")]) == 2
    assert main([*common, "--nipple", "two.dcm", "1", "2"]) == 2
    assert main([*common, "--nipple", "one.dcm", "here", "2"]) == 2
    said = capsys.readouterr().err
    assert "leave --pseudonyms out" in said
    assert "There is no image “two.dcm”" in said
    assert "two numbers in mm" in said


@pytest.mark.slow
def test_a_folder_of_images_is_analyzed_and_examined_with_one_command(exam, tmp_path, capsys):
    for view in (one for one in exam.views if one.when == NOW and one.laterality == "L"):
        name = f"{view.laterality}-{view.view}.dcm"
        write_dicom(tmp_path / "in" / name, view.phantom.mammogram, "SOMEBODY", "simulated")
    out = tmp_path / "out"
    assert main(["analyze-exam", str(tmp_path / "in"), "--output", str(out), "--selector", "measurements"]) == 0
    (folder,) = (out / EXAMS).iterdir()
    assert [view.identity.label for view in load_exam(folder).views] == ["L CC", "L MLO"]
    assert "exam " in capsys.readouterr().out


def _dated(path, date):
    from pydicom import dcmread

    dataset = dcmread(path)
    dataset.StudyDate = date
    dataset.save_as(path)
